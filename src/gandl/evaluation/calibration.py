"""Calibration, of simulated screens alone: takes held-out scores, EC50s, hits and the known truth, measures how well it is found.

The only reader of `truth.parquet`. A well's on score gives its severity as (1 - on) / 2: 0 like the Mock wells, 1 like the
infected untreated ones among the fold's training wells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from gandl.config import EvaluationSettings
from gandl.evaluation.numbers import Row, number, share_row, write_numbers
from gandl.evaluation.terms import (
    ALL,
    CALIBRATION,
    CLASSIFIERS,
    COMPOUNDS,
    TOXIC,
    by_strictest_scheme,
    compounds_of,
    dose_series,
    flagged,
)
from gandl.statistics.bootstrap import drawn_positions, median_interval, percentiles
from gandl.tables import NUMBERS, WELL_SCORES, read_table
from gandl.workflow.files import atomic
from gandl.workflow.words import counted

WELL_COLUMNS = [
    "scheme",
    "well_id",
    "plate_id",
    "cell_type",
    "condition",
    "control",
    "compound",
    "concentration_um",
    "kind",
    "on",
    "severity",
    "severity_expected",
]
COMPOUND_COLUMNS = [
    "scheme",
    "cell_type",
    "compound",
    "kind",
    "truth_ec50_um",
    "ec50_um",
    "low",
    "high",
    "rises",
    "found",
    "hit",
    "flags",
]
TRUTH_COLUMNS = ["well_id", "severity", "severity_expected", "ec50_um", "kind"]
RANK = "spearman_severity"
ACTIVE, INACTIVE, TOXIC_KIND = "active", "inactive", "toxic"

Floats = npt.NDArray[np.float64]


class CalibrationError(ValueError):
    """Scores and truth do not belong to one screen; the message names the table and a well."""


def write_calibration(
    scores: Path,
    doses: Path,
    screened: Path,
    truth: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    wells: Path,
    compounds: Path,
) -> None:
    """Write the numbers of the question `calibration`, and what its figure draws, for one featurizer.

    Parameters
    ----------
    scores : `tables.WELL_SCORES`. doses : `tables.NUMBERS` of the question `dose_response` of the same.
    screened : `terms.COMPOUNDS` of the same.
    truth : the simulator's, a row per well: well_id, severity, severity_expected, ec50_um, kind of its compound (active,
        inactive, toxic; null without), and more.
    output : `tables.NUMBERS`. Split `<scheme>:<cell type>`, unit `well`: `spearman_severity`, `pearson_severity` and
        `rmse_severity` of the severity that the scores give against the true one (bootstrap over wells), `bias_severity`, its
        mean error, and `spearman_severity_lda`, by the shrinkage LDA instead of the SVM. Unit `compound`:
        `ec50_log10_error`, the median of |log10 ours / true| over active compounds found (bootstrap over them), and
        `ec50_log10_bias`, that of log10 ours / true; shares with
        Wilson intervals: `ec50_coverage` (true ones within our interval, of those found), `ec50_found` (of the active ones) and
        `false_positives` (of the inactive ones). Found: a curve that rises with dose fits better than a constant. By the hits of
        the screening: `hit_recall` (of the active ones), `hit_false_positive_rate` (of the inactive ones), `toxic_as_hits` and
        `toxic_flagged` (of the toxic ones). The group `all` holds the compounds of all cell types.
    wells : WELL_COLUMNS. compounds : COMPOUND_COLUMNS, a row per compound and cell type; `rises`: our slope is above 0.

    Raises
    ------
    CalibrationError : a scored well is not in the truth, or a compound of the screen has no row among the dose responses or
        in the screening.
    """
    scored = read_table(Path(scores), WELL_SCORES)
    joined = _with_truth(scored, Path(scores), Path(truth))
    found = _compounds(joined, read_table(Path(doses), NUMBERS), Path(doses), several=scored["cell_type"].nunique() > 1)
    found = _with_hits(found, read_table(Path(screened), COMPOUNDS), Path(screened))
    rows: list[Row] = []
    for split, part in _by_split(joined):
        rows += _severity_rows(part, split, settings, seed)
    for split, part in _by_split(found):
        rows += _compound_rows(part, split, settings, seed)
    if found["cell_type"].nunique() > 1:
        rows += _compound_rows(found, f"{found['scheme'].iloc[0]}:{ALL}", settings, seed)
    names = {"question": CALIBRATION, "featurizer": featurizer, "normalization": normalization}
    write_numbers(rows, output, training_seed=training_seed, **names)
    for table, path in ((joined[WELL_COLUMNS], wells), (found[COMPOUND_COLUMNS], compounds)):
        with atomic(Path(path)) as partial:
            table.to_parquet(partial, index=False, compression="zstd")


def _with_truth(scored: pd.DataFrame, scores: Path, truth: Path) -> pd.DataFrame:
    """The scored wells of each cell type's strictest scheme, with their truth (its EC50 as `truth_ec50_um`)."""
    parts = [wells for _, _, wells in by_strictest_scheme(scored)]
    if not parts:
        raise CalibrationError(f"{scores} has no held-out scores to compare with the truth")
    known = pd.read_parquet(truth, columns=TRUTH_COLUMNS).rename(columns={"ec50_um": "truth_ec50_um"})
    joined = pd.concat(parts, ignore_index=True).merge(known, on="well_id", how="left", validate="many_to_one")
    lacking = joined.loc[joined["severity"].isna(), "well_id"]
    if len(lacking):
        raise CalibrationError(
            f"{truth} lacks {counted(len(lacking), 'well')} of {scores}, the first: {lacking.iloc[0]}"
        )
    return joined


def _by_split(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    groups = [part for _, part in table.groupby(["scheme", "cell_type"], sort=False)]
    return [(f"{part['scheme'].iloc[0]}:{part['cell_type'].iloc[0]}", part) for part in groups]


def _severity_rows(wells: pd.DataFrame, split: str, settings: EvaluationSettings, seed: int) -> list[Row]:
    """How the severity that the scores give follows the true one."""
    true = wells["severity"].to_numpy(float)
    rows = []
    for column, metric in (*(("on", metric) for metric in SEVERITY_METRICS), ("on_lda", RANK)):
        statistic, says = SEVERITY_METRICS[metric], (1 - wells[column].to_numpy(float)) / 2
        rng = np.random.default_rng(seed)
        drawn = [statistic(says[at], true[at]) for at in drawn_positions(len(wells), settings.bootstrap, rng)]
        value = float(statistic(says[None], true[None])[0])
        ends = percentiles(np.concatenate(drawn), settings.confidence)
        rows.append(number(split, "well", f"{metric}{CLASSIFIERS[column]}", value, ends, len(wells)))
    return rows


def _pearson(says: Floats, true: Floats) -> Floats:
    """Correlation of each row of (draws, n) with the same row of the other; NaN if one does not vary."""
    says, true = (values - values.mean(axis=1, keepdims=True) for values in (says, true))
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.linalg.norm(says, axis=1) * np.linalg.norm(true, axis=1)
        return np.asarray(np.sum(says * true, axis=1) / lengths)


def _spearman(says: Floats, true: Floats) -> Floats:
    return _pearson(rankdata(says, axis=1), rankdata(true, axis=1))


def _rmse(says: Floats, true: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(says - true).mean(axis=1)))


def _bias(says: Floats, true: Floats) -> Floats:
    return np.asarray((says - true).mean(axis=1))


SEVERITY_METRICS: dict[str, Callable[[Floats, Floats], Floats]] = {
    RANK: _spearman,
    "pearson_severity": _pearson,
    "rmse_severity": _rmse,
    "bias_severity": _bias,
}


def _compounds(joined: pd.DataFrame, doses: pd.DataFrame, path: Path, *, several: bool) -> pd.DataFrame:
    """Each compound of the dose series in each cell type: our EC50 beside the true one."""
    series = dose_series(joined)
    series = series.assign(compound=compounds_of(series)).drop_duplicates(["scheme", "cell_type", "compound"])
    names = ["scheme", "cell_type", "compound"] if several else ["scheme", "compound"]
    splits = series[names].agg(":".join, axis=1)
    ec50, slope = (doses[doses["metric"] == metric].set_index("split") for metric in ("ec50_um", "hill_slope"))
    lacking = splits[~splits.isin(ec50.index)]
    if len(lacking):
        raise CalibrationError(f"{path} has no row of the split {lacking.iloc[0]}")
    rises = splits.map(slope["value"]) > 0
    value = splits.map(ec50["value"])
    low, high = splits.map(ec50["low"]), splits.map(ec50["high"])
    table = series.assign(ec50_um=value, low=low, high=high, rises=rises, found=value.notna() & rises)
    return table[COMPOUND_COLUMNS[:-2]].reset_index(drop=True)


def _with_hits(found: pd.DataFrame, screened: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The same with what the screening says of each: hit and flags."""
    key = ["cell_type", "compound"]
    joined = found.merge(screened[[*key, "hit", "flags"]], on=key, how="left", validate="one_to_one")
    lacking = joined[joined["hit"].isna()]
    if len(lacking):
        raise CalibrationError(f"{path} has no row of {':'.join(lacking[key].iloc[0])}")
    return joined.astype({"hit": bool})


def _compound_rows(compounds: pd.DataFrame, split: str, settings: EvaluationSettings, seed: int) -> list[Row]:
    active, inactive, toxic = (compounds[compounds["kind"] == kind] for kind in (ACTIVE, INACTIVE, TOXIC_KIND))
    found = active[active["found"]]
    error = np.log10(found["ec50_um"].to_numpy(float) / found["truth_ec50_um"].to_numpy(float))
    bounded = found[found["low"].notna() & found["high"].notna()]
    within = (bounded["low"] <= bounded["truth_ec50_um"]) & (bounded["truth_ec50_um"] <= bounded["high"])
    rows = []
    for metric, values in (("ec50_log10_error", np.abs(error)), ("ec50_log10_bias", error)):
        median = float(np.median(values)) if len(values) else np.nan
        ends = median_interval(values, draws=settings.bootstrap, confidence=settings.confidence, seed=seed)
        rows.append(number(split, "compound", metric, median, ends, len(values)))
    for metric, right in (
        ("ec50_coverage", within),
        ("ec50_found", active["found"]),
        ("false_positives", inactive["found"]),
        ("hit_recall", active["hit"]),
        ("hit_false_positive_rate", inactive["hit"]),
        ("toxic_as_hits", toxic["hit"]),
        ("toxic_flagged", flagged(toxic, TOXIC)),
    ):
        rows.append(share_row(split, "compound", metric, int(right.sum()), len(right), settings))
    return rows

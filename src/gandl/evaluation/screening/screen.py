"""Screening: takes held-out scores and profiles of wells, makes tables of plates, doses and compounds, and their numbers.

Whatever a screen lacks leaves its numbers null, with n and a reason; all others are given.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings, Normalization, QuestionName
from gandl.embeddings.metadata import feature_names
from gandl.evaluation import hits
from gandl.evaluation.numbers import Row, number, share_row, write_numbers
from gandl.evaluation.screening.compounds import compounds_in
from gandl.evaluation.screening.doses import doses_of
from gandl.evaluation.screening.false_hits import FalseHits, false_hits, layout_of
from gandl.evaluation.screening.plates import plate_rows
from gandl.evaluation.screening.terms import DOSES
from gandl.evaluation.screening.toxicity import NUCLEI
from gandl.evaluation.terms import (
    BIPHASIC,
    COMPOUNDS,
    NUCLEUS_COUNT,
    STRICTEST,
    TOXIC,
    by_strictest_scheme,
    flagged,
)
from gandl.evaluation.treatments import SERIES, Negative, replicates_of, treated_wells
from gandl.evaluation.well_profiles import WellProfiles
from gandl.statistics.bootstrap import mean_interval, wilson_interval
from gandl.statistics.hill import FEWEST_DOSES
from gandl.tables import WELL_PROFILES, WELL_SCORES, Schema, read_table, write_table
from gandl.workflow.words import counted

logger = logging.getLogger(__name__)


class ScreeningError(ValueError):
    """The scores hold no treated well, or profiles lack a scored one; the message names the table."""


def write_screening(
    scores: Path,
    wells: Path,
    raw_wells: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    plates: Path,
    doses: Path,
    compounds: Path,
) -> None:
    """Write the tables and the numbers of the question `screening` for one featurizer.

    Parameters
    ----------
    scores : `tables.WELL_SCORES` of the featurizer under one normalisation.
    wells : its profiles under the same. Replicates' agreement is measured on them; not where every fold has its own, nor where
        they are cross-fitted, since then no well has one profile.
    raw_wells : its profiles without normalisation; where they hold `nucleus_count`, cells are counted for toxicity.
    settings : bootstrap, confidence, false_discovery.
    seed : of bootstrap, permutations and dealing. training_seed : of the network, for the table.
    output : `tables.NUMBERS`, split `<scheme>:<cell type>`. Unit `compound`: `hit_share`, `hits_flagged_toxic` (of
        the hits, those found toxic at another dose), `toxic_share` (of those tested for it), `curve_share`, `biphasic_share`
        (of series with enough doses). Unit `treatment` (a compound at a dose): `sign_test_hit_share` (DEEMD's
        rule, of those with enough wells), `average_precision` (mean over treatments, with its interval), `agreeing_share` (p
        adjusted by Benjamini and Hochberg). Unit `group`: `negative_groups_as_hits`, `negative_groups_by_sign_test`, shares of
        groups of negative controls, each as large as a compound at one dose, that count as hits as such doses do, n disjoint
        groups.
    plates : `tables.NUMBERS` by plate (`plates.plate_rows`). doses : `screening.terms.DOSES`. compounds : `terms.COMPOUNDS`.

    Raises
    ------
    ScreeningError : no scored well has a treatment without being a control; a scored well has no profile.
    """
    table = read_table(Path(scores), WELL_SCORES)
    table = _with_nuclei(table, Path(raw_wells))
    features = _Features.read(Path(wells), normalization)
    rows: list[Row] = []
    by_dose, by_compound = [], []
    for scheme, cell_type, mine in by_strictest_scheme(table):
        of_doses = doses_of(mine, features.of(mine), settings, seed)
        if of_doses.empty:
            continue
        about = {"featurizer": featurizer, "normalization": normalization, "scheme": scheme, "cell_type": cell_type}
        found = compounds_in(mine, of_doses, confidence=settings.confidence, false_discovery=settings.false_discovery)
        by_dose.append(of_doses.assign(**about))
        by_compound.append(found.assign(**about))
        rows += _numbers(mine, of_doses, found, f"{scheme}:{cell_type}", settings, seed)
    if not by_dose:
        raise ScreeningError(
            f"{scores}: no well of the scheme {', '.join(STRICTEST)} has a treatment without being a control; take screening "
            "out of evaluation.questions"
        )
    names = {"question": QuestionName.SCREENING.value, "featurizer": featurizer, "normalization": normalization}
    write_numbers(rows, output, training_seed=training_seed, **names)
    write_numbers(plate_rows(table, settings, seed), plates, training_seed=training_seed, **names)
    _write(by_dose, doses, DOSES)
    _write(by_compound, compounds, COMPOUNDS)


def _write(parts: list[pd.DataFrame], path: Path, schema: Schema) -> None:
    """Columns of the schema alone, numbers as numbers also where all are null."""
    found = pd.concat(parts, ignore_index=True)[schema.names]
    floats = [column.name for column in schema.columns if column.kind == "float"]
    write_table(found.astype(dict.fromkeys(floats, float)), Path(path), schema)


class _Features:
    """Profiles of wells by their names, where a well has one."""

    def __init__(self, names: pd.Index, values: npt.NDArray[Any] | None, path: Path) -> None:
        self.names, self.values, self.path = names, values, path

    @classmethod
    def read(cls, wells: Path, normalization: str) -> _Features:
        if normalization == Normalization.NEGATIVE_CROSSFIT:
            logger.info("replicates' agreement is not measured: profiles are cross-fitted fold by fold")
            return cls(pd.Index([]), None, wells)
        profiles = WellProfiles.read(wells)
        if profiles.values is None:
            logger.info("replicates' agreement is not measured: %s has profiles of each fold's own model", wells)
        return cls(pd.Index(profiles.about["well_id"]), profiles.values, wells)

    def of(self, wells: pd.DataFrame) -> npt.NDArray[Any] | None:
        """(n, d) of n wells, in their order; `ScreeningError` where one has none."""
        if self.values is None:
            return None
        at = self.names.get_indexer(pd.Index(wells["well_id"]))
        _require(at >= 0, wells["well_id"], self.path)
        return self.values[at]


def _require(known: npt.NDArray[np.bool_], names: pd.Series, path: Path) -> None:
    """That every scored well has a profile."""
    if not known.all():
        lacking = names[~known].drop_duplicates()
        raise ScreeningError(f"{path} lacks {counted(len(lacking), 'scored well')}, the first: {lacking.iloc[0]}")


def _with_nuclei(scores: pd.DataFrame, raw_wells: Path) -> pd.DataFrame:
    """The scores with the number of nuclei of each well, where the featurizer counts them."""
    names = feature_names(raw_wells)
    if NUCLEUS_COUNT not in names:
        return scores
    column = f"feature_{names.index(NUCLEUS_COUNT)}"
    counts = read_table(raw_wells, WELL_PROFILES, ["well_id", column]).set_index("well_id")[column]
    _require(scores["well_id"].isin(counts.index).to_numpy(bool), scores["well_id"], raw_wells)
    return scores.assign(**{NUCLEI: scores["well_id"].map(counts).astype(float)})


def _numbers(
    wells: pd.DataFrame,
    doses: pd.DataFrame,
    compounds: pd.DataFrame,
    split: str,
    settings: EvaluationSettings,
    seed: int,
) -> list[Row]:
    tested = doses["p"].notna()
    able = doses["median_low"].notna()
    agreeing = doses["agreement_q"].notna()
    curved = compounds["doses"] >= FEWEST_DOSES
    shares = {
        ("compound", "hit_share"): compounds.loc[compounds["compound"].isin(doses.loc[tested, "compound"]), "hit"],
        ("compound", "hits_flagged_toxic"): flagged(compounds[compounds["hit"]], TOXIC),
        ("compound", "toxic_share"): flagged(compounds, TOXIC)[
            compounds["compound"].isin(doses.loc[doses["toxic"].notna(), "compound"])
        ],
        ("compound", "curve_share"): compounds.loc[curved, "ec50_um"].notna(),
        ("compound", "biphasic_share"): flagged(compounds, BIPHASIC)[curved],
        ("treatment", "sign_test_hit_share"): doses.loc[able, "sign_test_hit"],
        ("treatment", "agreeing_share"): doses.loc[agreeing, "agreement_q"] <= settings.false_discovery,
    }
    rows = []
    for (unit, metric), holds in shares.items():
        rows.append(share_row(split, unit, metric, int(holds.sum()), len(holds), settings))
    precision = doses.loc[agreeing, "average_precision"].to_numpy(float)
    ends = mean_interval(precision, draws=settings.bootstrap, confidence=settings.confidence, seed=seed)
    value = float(precision.mean()) if len(precision) else np.nan
    rows.append(number(split, "treatment", "average_precision", value, ends, len(precision)))
    return rows + _of_negative_groups(wells, doses, split, settings, seed)


def _of_negative_groups(
    wells: pd.DataFrame, doses: pd.DataFrame, split: str, settings: EvaluationSettings, seed: int
) -> list[Row]:
    """How often groups of negative controls, each as large as a compound at one dose, would be hits as such doses are."""
    tested = doses[doses["p"].notna()]
    found = FalseHits(np.nan, np.nan, 0)
    if len(tested):
        treated = treated_wells(wells)
        layout = layout_of(treated, treated.groupby(SERIES, dropna=False).ngroup().to_numpy())
        limit = hits.largest_p(tested["p"].to_numpy(), tested["q"].to_numpy(), settings.false_discovery)
        replicates = replicates_of(wells, Negative.of(wells))
        found = false_hits(wells, layout, limit, settings.confidence, split, seed, replicates)
    rows = []
    for metric, share in (
        ("negative_groups_as_hits", found.tested),
        ("negative_groups_by_sign_test", found.by_sign),
    ):
        n = 0 if np.isnan(share) else found.groups
        ends = wilson_interval(share * n, n, settings.confidence) if n else (np.nan, np.nan)
        rows.append(number(split, "group", metric, share, ends, n))
    return rows

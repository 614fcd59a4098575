"""Controls: takes the scores of held-out wells, makes Z', SSMD, accuracy and AUC between C+ and C-, each with its interval.

A screen of several plates is reported by cell type. For one plate all rows are shown together, and separately the rows on
which settings were chosen and the other rows. In the paper's split images are counted, too. UV-inactivated wells,
which are not controls, serve as a check: they should not differ from Mock. Where a featurizer counts nuclei, their mean number
per field is added, as a check of the images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.embeddings.metadata import feature_names
from gandl.evaluation.held_out import SITE_SCORES
from gandl.evaluation.numbers import (
    METRICS,
    Row,
    accuracy_rows,
    number,
    separation_interval,
    separation_rows,
    write_numbers,
)
from gandl.evaluation.strict.intervals import with_refits
from gandl.evaluation.strict.permutations import PERMUTATIONS, p_of
from gandl.evaluation.strict.refits import REFITS
from gandl.evaluation.terms import ALL, CLASSIFIERS, IMAGES, NO_TRAINING, NUCLEUS_COUNT, RATIO, SEEN, UNSEEN
from gandl.source.splits import Question, Scheme, span
from gandl.statistics import separation
from gandl.statistics.bootstrap import mean_interval, wilson_interval
from gandl.statistics.folds import labels_of
from gandl.tables import WELL_PROFILES, WELL_SCORES, Schema, read_table

THRESHOLDED = ("accuracy", "balanced_accuracy")
"""They need a threshold, which a score that was not trained does not have."""
UV_INACTIVATED = "uv_inactivated"


def write_controls(
    scores: Path,
    sites: Path,
    raw_wells: Path,
    settings: EvaluationSettings,
    development_rows: Sequence[str],
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    refits: Path | None = None,
    permutations: Path | None = None,
    unseen: Sequence[str] = (),
) -> None:
    """Write `tables.NUMBERS` of the questions `controls` and `images` for one featurizer.

    Parameters
    ----------
    scores : `tables.WELL_SCORES` of the featurizer under one normalisation.
    sites : `held_out.SITE_SCORES` of the same: images of the paper's split.
    raw_wells : its well profiles without normalisation; where they hold a column named `nuclear_over_ring`, that column is scored
        directly, too, as featurizer `nuclear_over_ring`; where they hold `nucleus_count`, it is averaged over all wells.
    development_rows : rows of a screen of one plate on which settings were chosen.
    seed : of the bootstrap. training_seed : of the network, for the table.
    output : one row per metric of `numbers.METRICS` (by the SVM; with the suffix `_lda` by the shrinkage LDA) and split
        `<scheme>:<group>` (the plain column: `no_training:<group>`,
        without the metrics that need a trained threshold). The group is `all` in the scheme `quarter`, else the cell type, or of
        a screen of one plate and cell type its rows. n is the number of control wells; what so few leave undefined is null. Unit
        `site`: shares of images, with intervals over wells. Splits with UV-inactivated wells have
        `auc_mock_uv`, the AUC of Mock over those (n: both), and `uv_as_positive`, the share of those on the side of C+ (n: UV
        wells), which draw wells and keep the axes in every scheme: UV wells train none.
    refits : `strict.refits.REFITS` of the same scores: where it has some of a scheme, its intervals refit the axes, and
        `drawn` and `units` say what was left out in turn. Without it, and in other schemes, wells are drawn and axes kept.
    permutations : `strict.permutations.PERMUTATIONS`: where it has some of a cell type, `permutation_p`, one-sided, of the
        held-out AUC of ridge axes; units is then the number of permutations.
    unseen : stores that trained no network without labels: where whole plates are left out, their wells and the others are also
        reported by themselves (splits `unseen_plates:<cell type>`, `seen_plates:<cell type>`).
    """
    table = read_table(Path(scores), WELL_SCORES)
    left_out = _read(refits, REFITS)
    permuted = _read(permutations, PERMUTATIONS)
    by_type = by_cell_type(table)
    rows: list[Row] = []
    for scheme, of_scheme in table.groupby("scheme", sort=False):
        groups = groups_of_split(of_scheme, str(scheme), development_rows, by_type=by_type)
        for split, part in chain(groups, _by_training(of_scheme, str(scheme), unseen)):
            for column, suffix in CLASSIFIERS.items():
                positive, negative = (
                    part.loc[part["control"] == kind, column].to_numpy() for kind in ("positive", "negative")
                )
                of_column = separation_rows(positive, negative, split, settings, seed, tuple(METRICS))
                signs, mine = labels_of(part["control"]), left_out[left_out["scheme"] == scheme]
                of_column = with_refits(of_column, part, signs, mine, column, METRICS, settings.confidence)
                rows += [{**row, "metric": f"{row['metric']}{suffix}"} for row in of_column]
            rows += _permutation(part, split, permuted[permuted["scheme"] == scheme])
            rows += _uv(part, split, settings, seed)
    for scheme, of_scheme in read_table(Path(sites), SITE_SCORES).groupby("scheme", sort=False):
        for split, part in groups_of_split(of_scheme, str(scheme), development_rows, by_type=by_type):
            side = np.where(part["control"] == "positive", part["on"], -part["on"])
            right = (side > 0) + (side == 0) / 2
            rows += accuracy_rows(part["well_id"], right, part["control"], split, "site", settings, seed)
    question = Question.CONTROLS.value
    frame = pd.DataFrame(rows).assign(question=question, featurizer=featurizer, normalization=normalization)
    direct = _direct(raw_wells, settings, development_rows, seed).assign(question=question)
    counted = _counted(raw_wells, settings, seed).assign(question=IMAGES, featurizer=featurizer)
    numbers = pd.concat([part for part in (frame, direct, counted) if len(part)], ignore_index=True)
    write_numbers(numbers, output, training_seed=training_seed)


def _read(path: Path | None, schema: Schema) -> pd.DataFrame:
    return pd.DataFrame(columns=schema.names) if path is None else read_table(Path(path), schema)


def _permutation(wells: pd.DataFrame, split: str, permuted: pd.DataFrame) -> list[Row]:
    """The p value of labels permuted within plates, of all wells of a cell type; nothing of some of its rows."""
    group = permuted[permuted["group"].isin(wells["cell_type"])].sort_values("permutation")
    controls = int((wells["control"] != "none").sum())
    if group.empty or controls < group["controls"].iloc[0]:
        return []
    row = number(split, "well", "permutation_p", p_of(group["auc"].to_numpy(float)), (np.nan, np.nan), controls)
    return [{**row, "drawn": "labels", "units": len(group) - 1}]


def by_cell_type(wells: pd.DataFrame) -> bool:
    """Whether controls are reported by cell type: of several plates or cell types; else by the rows of the one plate."""
    return wells["plate_id"].nunique() > 1 or wells["cell_type"].nunique() > 1


def groups_of_split(
    wells: pd.DataFrame, scheme: str, development_rows: Sequence[str], *, by_type: bool
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Names `<scheme>:<group>` of the groups in which wells (or images) of a scheme are reported, with their rows.

    `by_type` : groups are cell types (`by_cell_type`). Otherwise all rows of the plate; and, where a scheme has both, the
    development rows and the others by themselves.
    """
    if scheme == Scheme.QUARTER:
        yield f"{scheme}:{ALL}", wells
        return
    if by_type:
        for cell_type, of_type in wells.groupby("cell_type", sort=False):
            yield f"{scheme}:{cell_type}", of_type
        return
    rows = sorted(set(wells["row"]), key=lambda row: (len(row), row))
    yield f"{scheme}:{span(rows)}", wells
    development = [row for row in rows if row in development_rows]
    others = [row for row in rows if row not in development_rows]
    if development and others:
        for chosen in (development, others):
            yield f"{scheme}:{span(chosen)}", wells[wells["row"].isin(chosen)]


def _by_training(wells: pd.DataFrame, scheme: str, unseen: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Splits of the wells whose plates the networks did not see, and of the others, by cell type; nothing where all are alike."""
    if scheme != Scheme.LEAVE_PLATE_OUT:
        return
    without = wells["store_id"].isin(unseen)
    for cell_type, of_type in wells.groupby("cell_type", sort=False):
        here = without.loc[of_type.index]
        if here.any() and not here.all():
            yield f"{UNSEEN}:{cell_type}", of_type[here]
            yield f"{SEEN}:{cell_type}", of_type[~here]


def _uv(wells: pd.DataFrame, split: str, settings: EvaluationSettings, seed: int) -> list[Row]:
    """How UV-inactivated wells score against Mock, with intervals that draw wells and keep the axes; nothing in a screen without
    them."""
    mock = wells.loc[wells["control"] == "positive", "on"].to_numpy()
    uv = wells.loc[wells["condition"] == UV_INACTIVATED, "on"].to_numpy()
    if not len(uv):
        return []
    ends = separation_interval("auc", mock, uv, settings, seed)
    above = int((uv > 0).sum())
    rows = [
        number(split, "well", "auc_mock_uv", float(separation.auc(mock, uv)), ends, len(mock) + len(uv)),
        number(
            split,
            "well",
            "uv_as_positive",
            above / len(uv),
            wilson_interval(above, len(uv), settings.confidence),
            len(uv),
        ),
    ]
    return [{**row, "drawn": "well", "units": row["n"]} for row in rows]


def _direct(raw_wells: Path, settings: EvaluationSettings, development_rows: Sequence[str], seed: int) -> pd.DataFrame:
    """Numbers of the one column that needs no training, where the featurizer has it."""
    names = feature_names(Path(raw_wells))
    if RATIO not in names:
        return pd.DataFrame()
    wells = read_table(Path(raw_wells), WELL_PROFILES)
    column = f"feature_{names.index(RATIO)}"
    metrics = [metric for metric in METRICS if metric not in THRESHOLDED]
    rows: list[Row] = []
    by_type = by_cell_type(wells)
    for split, part in groups_of_split(wells, NO_TRAINING, development_rows, by_type=by_type):
        positive, negative = (
            part.loc[part["control"] == kind, column].to_numpy(np.float64) for kind in ("positive", "negative")
        )
        rows += separation_rows(positive, negative, split, settings, seed, metrics)
    return pd.DataFrame(rows).assign(featurizer=RATIO, normalization="none")


def _counted(raw_wells: Path, settings: EvaluationSettings, seed: int) -> pd.DataFrame:
    """Mean number of nuclei per field over all wells, with a percentile interval of draws of wells, where they were counted."""
    names = feature_names(Path(raw_wells))
    if NUCLEUS_COUNT not in names:
        return pd.DataFrame()
    column = f"feature_{names.index(NUCLEUS_COUNT)}"
    counts = read_table(Path(raw_wells), WELL_PROFILES, [column])[column].to_numpy(np.float64)
    ends = mean_interval(counts, draws=settings.bootstrap, confidence=settings.confidence, seed=seed)
    row = number("all_wells", "well", "nuclei_per_field", float(counts.mean()), ends, len(counts))
    return pd.DataFrame([row]).assign(normalization="none")

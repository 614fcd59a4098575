"""Cell models (C2): takes raw profiles and splits, makes held-out scores of HRCE against VERO and how right they are.

A plate holds one cell type, so profiles that were standardised plate by plate carry no information on it: raw ones are used, in
units of each fold's training wells (Mascolini et al. 2022, Table 1, "HRCE versus VERO", and Fig. 3c, d), or profiles in the units
of a whole screen (`global`) as they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings, Normalization, Scaling
from gandl.evaluation.held_out import SITE_SCORES, HeldOut, Strict, held_out
from gandl.evaluation.numbers import METRICS as STATISTICS, Row, accuracy_rows, number, separation_rows, write_numbers
from gandl.evaluation.strict.intervals import with_refits
from gandl.evaluation.terms import ALL
from gandl.source.splits import CELL_MODELS, Question, Scheme
from gandl.statistics.bootstrap import grouped_auc_interval
from gandl.statistics.separation import auc
from gandl.tables import WELL_SCORES, write_table

METRICS = ("accuracy", "balanced_accuracy", "auc")


def write_cell_model(
    wells: Path,
    sites: Path,
    splits: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
    scores: Path,
    site_scores: Path,
) -> None:
    """Write the numbers and scores of the question `cell_model` for one featurizer.

    Parameters
    ----------
    wells, sites : its profiles, without normalisation or by one that keeps what a plate has one of (`normalization`).
    splits : of the screen.
    seed : of the bootstrap, and of the wells on which C is chosen where there are very many. training_seed : of the network, for
        the table.
    output : `tables.NUMBERS` of the held-out control wells; split `<scheme>:all`; unit `well`, and `site` in the paper's split.
        Intervals draw wells; where whole plates are left out, these are left out in turn and the axes refitted
        (`strict.refits`; with fewer than three plates of a cell model plates are drawn and axes kept).
    scores : `tables.WELL_SCORES` of every held-out well; `on` averages +1 over training HRCE controls and -1 over VERO.
    site_scores : `held_out.SITE_SCORES`: the same of the images of control wells that the paper's split tests.

    Raises
    ------
    As `gandl.evaluation.held_out.held_out`.
    """
    found = held_out(
        Path(wells),
        Path(sites),
        Path(splits),
        Question.CELL_MODEL,
        _signs,
        settings.svm_c,
        raw=normalization == Normalization.NONE,
        by_range=settings.scaling is Scaling.PREPRINT,
        strict=Strict(_whole, settings.refits),
        seed=seed,
    )
    rows = _numbers(found, settings, seed)
    write_table(found.sites, Path(site_scores), SITE_SCORES)
    write_table(found.wells, Path(scores), WELL_SCORES)
    names = {"question": Question.CELL_MODEL.value, "featurizer": featurizer, "normalization": normalization}
    write_numbers(rows, output, training_seed=training_seed, **names)


def _whole(well: pd.Series) -> str:
    """All folds have wells in common."""
    return ALL


def _signs(profiles: pd.DataFrame) -> npt.NDArray[np.int_]:
    """+1 for the first of `CELL_MODELS`, -1 for the second, 0 for any other cells."""
    first, second = ((profiles["cell_type"] == name).to_numpy(int) for name in CELL_MODELS)
    return first - second


def _numbers(found: HeldOut, settings: EvaluationSettings, seed: int) -> list[Row]:
    rows: list[Row] = []
    for scheme, wells in found.wells[found.wells["control"] != "none"].groupby("scheme", sort=False):
        first, second = (wells.loc[_signs(wells) == sign, "on"].to_numpy(np.float64) for sign in (1, -1))
        split = f"{scheme!s}:{ALL}"
        if scheme == Scheme.LEAVE_PLATE_OUT:
            of_plates = _plate_rows(wells, first, second, split, settings, seed)
            refits = found.refits[found.refits["scheme"] == scheme]
            rows += with_refits(of_plates, wells, _signs(wells), refits, "on", STATISTICS, settings.confidence, "plate")
        else:
            rows += separation_rows(first, second, split, settings, seed, METRICS)
    for scheme, images in found.sites.groupby("scheme", sort=False):
        side = _signs(images) * images["on"].to_numpy()
        right = (side > 0) + (side == 0) / 2
        rows += accuracy_rows(images["well_id"], right, images["cell_type"], f"{scheme}:{ALL}", "site", settings, seed)
    return rows


def _plate_rows(
    wells: pd.DataFrame,
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    split: str,
    settings: EvaluationSettings,
    seed: int,
) -> list[Row]:
    """The metrics where whole plates were left out: a plate has one cell model, so its wells go right or wrong together."""
    signs = _signs(wells)
    side = signs * wells["on"].to_numpy()
    right = (side > 0) + (side == 0) / 2
    plates = [wells.loc[signs == sign, "plate_id"] for sign in (1, -1)]
    ends = grouped_auc_interval(
        first, second, *plates, draws=settings.bootstrap, confidence=settings.confidence, seed=seed
    )
    return [
        *accuracy_rows(wells["plate_id"], right, wells["cell_type"], split, "well", settings, seed),
        number(split, "well", "auc", float(auc(first, second)), ends, len(first) + len(second)),
    ]

"""Cell models (C2): takes raw profiles and splits, makes held-out scores of HRCE against VERO and how right they are.

A plate holds one cell type, so profiles that were standardised plate by plate know nothing of it: raw ones are taken, in units of
each fold's training wells (Mascolini et al. 2022, Table 1, "HRCE versus VERO", and Fig. 3c, d).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings
from gandl.evaluation.held_out import HeldOut, held_out
from gandl.evaluation.numbers import Row, accuracy_rows, separation_rows
from gandl.evaluation.terms import ALL
from gandl.source.splits import CELL_MODELS, Question
from gandl.tables import NUMBERS, WELL_SCORES, write_table

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
) -> None:
    """Write the numbers and scores of the question `cell_model` for one featurizer.

    Parameters
    ----------
    wells, sites : its profiles without normalisation. splits : of the screen.
    seed : of the bootstrap. training_seed : of the network, for the table.
    output : `tables.NUMBERS` of the held-out control wells; split `<scheme>:all`; unit `well`, and `site` in the paper's split.
    scores : `tables.WELL_SCORES` of every held-out well; `on` averages +1 over training HRCE controls and -1 over VERO.

    Raises
    ------
    As `gandl.evaluation.held_out.held_out`.
    """
    found = held_out(Path(wells), Path(sites), Path(splits), Question.CELL_MODEL, _signs, settings.svm_c, raw=True)
    numbers = pd.DataFrame(_numbers(found, settings, seed)).assign(
        question=Question.CELL_MODEL.value,
        featurizer=featurizer,
        normalization=normalization,
        fold="all",
        seed=training_seed,
    )
    write_table(found.wells, Path(scores), WELL_SCORES)
    write_table(numbers[NUMBERS.names], Path(output), NUMBERS)


def _signs(profiles: pd.DataFrame) -> npt.NDArray[np.int_]:
    """+1 for the first of `CELL_MODELS`, -1 for the second, 0 for any other cells."""
    first, second = ((profiles["cell_type"] == name).to_numpy(int) for name in CELL_MODELS)
    return first - second


def _numbers(found: HeldOut, settings: EvaluationSettings, seed: int) -> list[Row]:
    rows: list[Row] = []
    for scheme, wells in found.wells[found.wells["control"] != "none"].groupby("scheme", sort=False):
        first, second = (wells.loc[_signs(wells) == sign, "on"].to_numpy(np.float64) for sign in (1, -1))
        rows += separation_rows(first, second, f"{scheme}:{ALL}", settings, seed, METRICS)
    for scheme, images in found.sites.groupby("scheme", sort=False):
        right = _signs(images) * images["on"].to_numpy() > 0
        rows += accuracy_rows(images["well_id"], right, images["cell_type"], f"{scheme}:{ALL}", "site", settings, seed)
    return rows

"""Scores (E2): takes profiles and splits, makes the on- and off-perturbation score of every well under every scheme.

C+ average +1 and C- average -1 of the training controls of each fold; see `gandl.evaluation.held_out`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import EvaluationSettings, Normalization
from gandl.evaluation.held_out import SITE_SCORES, ScoresError, held_out
from gandl.source.splits import Question
from gandl.statistics.folds import labels_of
from gandl.tables import WELL_SCORES, write_table

__all__ = ["ScoresError", "write_scores"]


def write_scores(
    wells: Path,
    sites: Path,
    splits: Path,
    settings: EvaluationSettings,
    scores: Path,
    site_scores: Path,
    normalization: str = Normalization.UNLABELLED.value,
) -> None:
    """Score one featurizer under one normalisation.

    Parameters
    ----------
    wells, sites : its profiles; without normalisation where that is `negative_crossfit`, which is done here, fold by fold.
    splits : of the screen.
    scores : `tables.WELL_SCORES`, one block of rows per scheme.
    site_scores : `held_out.SITE_SCORES`: images of the control wells that the schemes `quarter` and `quarter_by_cell_type` test;
        without rows where a screen has no such scheme.
    normalization : under which the profiles are scored.

    Raises
    ------
    As `gandl.evaluation.held_out.held_out`.
    """
    crossfit = Normalization(normalization) is Normalization.NEGATIVE_CROSSFIT
    found = held_out(
        Path(wells),
        Path(sites),
        Path(splits),
        Question.CONTROLS,
        _controls,
        settings.svm_c,
        raw=False,
        crossfit=crossfit,
    )
    write_table(found.sites, Path(site_scores), SITE_SCORES)
    write_table(found.wells, Path(scores), WELL_SCORES)


def _controls(profiles: pd.DataFrame) -> npt.NDArray[np.int_]:
    return labels_of(profiles["control"])

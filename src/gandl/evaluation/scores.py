"""Scores (E2): takes profiles and splits, makes the on- and off-perturbation score of every well under every scheme.

C+ average +1 and C- average -1 of the training controls of each fold; see `gandl.evaluation.held_out`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.config import READ_BY, EvaluationSettings, Normalization, Reference, Scaling
from gandl.evaluation.held_out import SITE_SCORES, ScoresError, Strict, held_out
from gandl.evaluation.strict.permutations import PERMUTATIONS
from gandl.evaluation.strict.refits import REFITS
from gandl.source.splits import Question
from gandl.statistics.folds import labels_of
from gandl.tables import WELL_SCORES, write_table

__all__ = ["ScoresError", "write_scores"]

WITHOUT_LABELS = (Normalization.UNLABELLED, Normalization.NONE)
"""Normalisations that no label of a control decides, whatever `normalization.reference` says."""


def write_scores(
    wells: Path,
    sites: Path,
    splits: Path,
    settings: EvaluationSettings,
    scores: Path,
    site_scores: Path,
    normalization: str = Normalization.UNLABELLED.value,
    refits: Path | None = None,
    permutations: Path | None = None,
    seed: int = 0,
    reference: str = Reference.UNLABELLED.value,
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
    refits : `strict.refits.REFITS`: scores of the controls while plates are left out in turn, for intervals; not made if not
        given.
    permutations : `strict.permutations.PERMUTATIONS`, of each cell type by the scheme that leaves out its plates (rows, columns);
        without rows under a normalisation that uses labels of controls, or of features that were trained fold by fold.
    seed : of the permutations, and of the wells on which C is chosen where there are very many.
    reference : wells on which the profiles were fitted, where `normalization` does not name its own.

    Raises
    ------
    As `gandl.evaluation.held_out.held_out`.
    """
    method = Normalization(normalization)
    strict = None
    if refits is not None:
        times = settings.permutations if knows_no_label(method, Reference(reference)) else 0
        strict = Strict(_cell_type, settings.refits, times, seed)
    found = held_out(
        Path(wells),
        Path(sites),
        Path(splits),
        Question.CONTROLS,
        _controls,
        settings.svm_c,
        raw=False,
        crossfit=method is Normalization.NEGATIVE_CROSSFIT,
        by_range=settings.scaling is Scaling.PREPRINT,
        strict=strict,
        seed=seed,
    )
    if refits is not None:
        write_table(found.refits.astype({"on": float, "on_lda": float}), Path(refits), REFITS)
    if permutations is not None:
        write_table(
            found.permutations.astype({"controls": int, "permutation": int, "auc": float}),
            Path(permutations),
            PERMUTATIONS,
        )
    write_table(found.sites, Path(site_scores), SITE_SCORES)
    write_table(found.wells, Path(scores), WELL_SCORES)


def knows_no_label(method: Normalization, reference: Reference) -> bool:
    """Whether profiles are the same whichever controls are C+ and which C-, so that labels can be exchanged: fitted on wells that
    are no controls, or on none."""
    return method in WITHOUT_LABELS or (method in READ_BY and reference is Reference.UNLABELLED)


def _cell_type(well: pd.Series) -> str:
    return str(well["cell_type"])


def _controls(profiles: pd.DataFrame) -> npt.NDArray[np.int_]:
    return labels_of(profiles["control"])

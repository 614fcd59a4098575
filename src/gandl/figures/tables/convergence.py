"""A note on convergence: takes manifests of models of folds, says how many were still improving when their training ended."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gandl.config import FeaturizerName
from gandl.figures.common.labels import featurizer_label
from gandl.models.folds.manifest import Folds


def convergence_note(manifests: Iterable[Path]) -> str:
    """How many of all models were best at their last look, by validation; empty where none was.

    Parameters
    ----------
    manifests : `gandl.models.folds.manifest.Folds`, one for each question.

    Raises
    ------
    gandl.models.folds.manifest.FoldsError : one is missing, damaged or of another version.
    """
    models = [fold for path in manifests for fold in Folds.read(path).folds]
    late = sum(fold.best_at_last_look for fold in models)
    if not late:
        return ""
    return (
        f"{featurizer_label(FeaturizerName.IMAGENET_COLLAPSED)}, not converged: {late} of {len(models)} models were best at "
        "their last look; longer training (counterparts.collapsed.images) might raise its numbers."
    )

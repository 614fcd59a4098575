"""Loading of folds: takes a manifest, gives the models of a question's folds, each checked by its SHA-256."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from gandl.models.folds.manifest import Folds, FoldsError
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.weights import load
from gandl.workflow.files import sha256_of


def load_folds(
    manifest: Path, only: Collection[tuple[str, str]] | None = None
) -> dict[tuple[str, str], TrainedCollapsed]:
    """The models of all folds, or of some, by scheme and fold.

    Raises
    ------
    FoldsError : a file is missing, or not the one that the manifest lists.
    gandl.models.networks.weights.WeightsError : a file holds no such model.
    """
    found = {}
    for fold in Folds.read(manifest).folds:
        name = fold.scheme, fold.fold
        if only is not None and name not in only:
            continue
        path = Path(manifest).with_name(fold.file)
        if not path.is_file():
            raise FoldsError(f"{path}, which {manifest} lists, is missing: delete the manifest and train again")
        if sha256_of(path) != fold.sha256:
            raise FoldsError(f"{path} is not the file that {manifest} lists: delete the manifest and train again")
        found[name] = load(path, TrainedCollapsed)
    return found

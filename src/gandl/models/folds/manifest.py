"""Manifest of folds: takes `folds.json`, gives the models of a question's folds, each checked by its SHA-256."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.weights import load
from gandl.source.schemes import Question
from gandl.workflow.files import sha256_of, write_json

MANIFEST = "folds.json"


class FoldsError(ValueError):
    """The models of folds cannot be used; the message names the file or the fold."""


class FoldModel(BaseModel):
    """The model of one fold.

    Attributes
    ----------
    file : beside the manifest. images : shown up to these weights. validation_accuracy : of these weights; None where no well
        validates. key : digest of what decides them (settings, code, labels, images).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: str
    fold: str
    file: str
    sha256: str
    key: str
    images: int
    validation_accuracy: float | None
    training_wells: int
    validation_wells: int


class Folds(BaseModel):
    """All models of a question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Question
    folds: tuple[FoldModel, ...]

    def write(self, path: Path) -> None:
        """Write the manifest, atomically."""
        write_json(self.model_dump(mode="json"), Path(path))

    @classmethod
    def read(cls, path: Path) -> Folds:
        """Read a manifest.

        Raises
        ------
        FoldsError : there is none, or it is damaged or of another version.
        """
        try:
            found: Any = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls.model_validate(found)
        except FileNotFoundError:
            raise FoldsError(f"{path} does not exist: train the models of the folds first") from None
        except (ValueError, ValidationError):
            raise FoldsError(f"{path} is no manifest of folds, or of another version: train the models again") from None


def file_of(scheme: str, fold: str) -> str:
    """Name of the weights of a fold; what a file's name may not hold is written as in addresses."""
    return f"{scheme}-{quote(fold, safe='')}.safetensors"


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

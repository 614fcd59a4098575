"""Manifest of folds: takes `folds.json`, gives what is known of a question's models; `gandl.models.folds.loading` gives them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from gandl.source.schemes import Question
from gandl.workflow.files import write_json

MANIFEST = "folds.json"


class FoldsError(ValueError):
    """The models of folds cannot be used; the message names the file or the fold."""


class FoldModel(BaseModel):
    """The model of one fold.

    Attributes
    ----------
    file : beside the manifest. images : shown up to these weights. best_at_last_look : whether these weights, chosen by
        validation, are those at the end of training: longer training might have improved them. validation_accuracy : of these
        weights; None where no well validates. key : digest of what decides them (settings, code, labels, images and the frozen
        network's weights).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: str
    fold: str
    file: str
    sha256: str
    key: str
    images: int
    best_at_last_look: bool
    validation_accuracy: float | None
    training_wells: int
    validation_wells: int


class Folds(BaseModel):
    """All models of a question.

    Attributes
    ----------
    pretrained : SHA-256 of the ImageNet weights of the network between each model's convolution and its head.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Question
    pretrained: str
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

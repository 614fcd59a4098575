"""What folders of a microscope say: takes the paths of images, gives the name of their plate and of their experiment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gandl.source.plates.grouping import Place
from gandl.source.plates.stores import DEFAULT_PLATE, default_experiment

MEASUREMENT = re.compile(r"(.+?)__\d{4}-\d\d-\d\dT\d\d_\d\d_\d\d-Measurement ?\w+")
"""Name of the folder of a measurement of Harmony: the plate, then when it was measured."""
FOLDERS_OF_IMAGES = ("images", "image")
"""Folders (in small letters) that name no plate."""


@dataclass(frozen=True)
class Listed:
    """The images of a folder with their places, whether an index gave them or their names, and what is said of the others."""

    places: list[Place]
    notes: list[str]
    channels: Sequence[str] = ()
    pixel_size_um: float | None = None


def plate_of(above: str, folder: Path) -> str:
    """The folder that names the plate of a file: the lowest of those `above` it that is no folder of images.

    `folder` is the one that the path begins in; it, or the one above it, names the plate only where it is the folder of a
    measurement of Harmony.
    """
    for part in reversed([part for part in above.split("/") if part]):
        if part.lower() not in FOLDERS_OF_IMAGES:
            measured = MEASUREMENT.fullmatch(part)
            return measured[1] if measured else part
    here = folder.resolve()
    for part in (here.name, here.parent.name):
        if measured := MEASUREMENT.fullmatch(part):
            return measured[1]
        if part.lower() not in FOLDERS_OF_IMAGES:
            break
    return DEFAULT_PLATE


def experiment_of(folder: Path) -> str:
    """Name of the experiment: of the folder, or of the one above a folder of images."""
    if folder.name.lower() in FOLDERS_OF_IMAGES:
        return default_experiment(folder.resolve().parent)
    return default_experiment(folder)

"""What the groups of OME-Zarr plates state of themselves: takes a folder, gives the attributes of plate or well, or one sentence.

0.4 keeps them in `.zattrs`, 0.5 in `zarr.json`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gandl.source.plates.contents import attributes_of_zarr
from gandl.source.plates.stores import natural
from gandl.source.plates.tabular.mistakes import PlatesError

NEWEST = (0, 5)
"""Of the specification's versions that are read."""
METADATA = ("zarr.json", ".zattrs")
"""Files of a group's attributes, of Zarr 3 and of Zarr 2."""


@dataclass(frozen=True)
class PlateMetadata:
    """What the metadata of a plate's folder state: its name ("": none), its wells, and its acquisitions by their id."""

    folder: Path
    name: str
    wells: list[dict[str, Any]]
    acquisitions: dict[str, str]


def is_plate(folder: Path) -> bool:
    """Whether a folder is an OME-Zarr plate, or may be one, since its metadata cannot be read."""
    try:
        return "plate" in attributes_of(folder)
    except PlatesError:
        return True


def plates_in(folder: Path) -> list[Path]:
    """The folder if it is an OME-Zarr plate, else the plates directly below it, in their natural order."""
    if is_plate(folder):
        return [folder]
    return [path for path in folders_in(folder) if is_plate(path)]


def folders_in(folder: Path) -> list[Path]:
    """The folders directly below one, in their natural order."""
    below = (path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
    return sorted(below, key=_name)


def _name(path: Path) -> tuple[tuple[int, int, str], ...]:
    return natural(path.name)


def readable_plates(folders: Sequence[Path], mistakes: list[str]) -> list[PlateMetadata]:
    """The plates whose metadata can be read; every other one is a mistake."""
    plates = []
    for folder in folders:
        try:
            plates.append(_plate(folder))
        except PlatesError as error:
            mistakes.append(str(error))
    return plates


def _plate(folder: Path) -> PlateMetadata:
    attributes = attributes_of(folder)
    metadata = attributes["plate"]
    wells = objects_in(metadata, "wells", "plate", folder)
    version = attributes.get("version") or metadata.get("version")
    if _newer(version):
        newest = f"{NEWEST[0]}.{NEWEST[1]}"
        raise PlatesError(
            f"{folder} is OME-Zarr of version {version}; versions up to {newest} are read: export it as one of them"
        )
    stated = objects_in(metadata, "acquisitions", "plate", folder) if metadata.get("acquisitions") else []
    acquisitions = {str(one.get("id")): str(one.get("name") or one.get("id")) for one in stated}
    return PlateMetadata(folder, str(metadata.get("name") or ""), wells, acquisitions)


def _newer(version: object) -> bool:
    """Whether a version is above those that are read; what is no version is not."""
    match = re.match(r"(\d+)\.(\d+)", str(version))
    return match is not None and (int(match[1]), int(match[2])) > NEWEST


def has_metadata(folder: Path) -> bool:
    """Whether a group has attributes."""
    return any((folder / name).is_file() for name in METADATA)


def attributes_of(folder: Path) -> dict[str, Any]:
    """OME-Zarr's part of the attributes of a group; {} without metadata.

    Raises
    ------
    PlatesError : they cannot be read; the message names the file.
    """
    try:
        return attributes_of_zarr(folder) or {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise PlatesError(
            f"{_metadata_of(folder)} is cut short or damaged, so that nothing below it can be read ({error}); copy it again"
        ) from error


def _metadata_of(folder: Path) -> Path:
    return next((folder / name for name in METADATA if (folder / name).is_file()), folder)


def objects_in(values: object, name: str, kind: str, folder: Path) -> list[dict[str, Any]]:
    """The objects that an entry of the metadata of a plate or well lists.

    Raises
    ------
    PlatesError : there is no such list, or it holds something else.
    """
    listed = values.get(name) if isinstance(values, dict) else None
    needed = "id" if name == "acquisitions" else "path"
    if not isinstance(listed, list) or not all(isinstance(one, dict) and needed in one for one in listed):
        raise PlatesError(
            f"{_metadata_of(folder)} is damaged: {kind}.{name} must be a list of objects with `{needed}`; copy or export it again"
        )
    return listed

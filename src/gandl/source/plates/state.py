"""A lab's own plates, the state of their files: takes a table or a folder, gives checksums that change when images do.

The files are not inputs that Snakemake follows, so the Snakefile checks here at every start whether they are still the same.
Contents are not read: names, sizes and modification times suffice. Nothing heavier than the standard library is imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gandl.config import PlatesSettings
from gandl.source.plates.references import ImageFile, Place, image_at, state_of
from gandl.source.plates.stores import (
    PlateKey,
    folder_and_pattern,
    image_files,
    name_plates,
    place_of,
    plate_key,
    sorted_keys,
)
from gandl.source.plates.tabular.text_table import read_csv

PREFIX = "file_"
"""Columns of a table that name images begin so."""
WHOLE = "file"
"""The column that names one file for all channels of a site."""
ILLUMINATION = "illum_"
"""Columns that name illumination functions begin so."""


def state_of_folder(settings: PlatesSettings) -> str | None:
    """SHA-256 over the names of all images below a folder; None if a table names them.

    Raises
    ------
    PlatesError : there is nothing to read.
    """
    if place_of(settings) == settings.table:
        return None
    folder, _ = folder_and_pattern(settings)
    return hashlib.sha256("\n".join(image_files(folder)).encode()).hexdigest()


@cache
def states_of_stores(settings: PlatesSettings) -> dict[str, str]:
    """Store -> SHA-256 over name, size and time of change of its image files.

    Computed once per process: a file that changes in between is noticed at the next start.

    Raises
    ------
    PlatesError : there is nothing to read.
    """
    images = list(_images(settings))
    keys = [key for key, _, _ in images] if settings.table is not None else sorted_keys(key for key, _, _ in images)
    plates, _ = name_plates(keys)
    digests = {plate.plate_id: hashlib.sha256() for plate in plates.values()}
    known: dict[Place, str] = {}
    for key, name, image in images:
        if key in plates:
            digests[plates[key].plate_id].update(f"{name}\0{state_of(image, known)}\n".encode())
    return {plate_id: digest.hexdigest() for plate_id, digest in digests.items()}


def _images(settings: PlatesSettings) -> Iterator[tuple[PlateKey, str, ImageFile | str]]:
    """Plate, name and files of every image that is used, and of every illumination function."""
    if settings.table is not None:
        table = read_csv(Path(settings.table))
        used = [column for column in table.header if _is_used(column, settings)]
        for _, cells in table.rows:
            key = plate_key(cells, table.path.parent)
            for cell in (cells[column] for column in used):
                if cell:
                    yield key, cell, image_at(cell, table.path.parent)
        return
    folder, pattern = folder_and_pattern(settings)
    for name in image_files(folder):
        match = pattern.search(name)
        if match and match.groupdict().get("channel") not in settings.leave_out:
            groups = {group: text for group, text in match.groupdict().items() if text}
            yield plate_key(groups, folder), name, ImageFile(name, folder / name)


def _is_used(column: str, settings: PlatesSettings) -> bool:
    """Whether the files of a column decide what is packed."""
    prefix = next((prefix for prefix in (PREFIX, ILLUMINATION) if column.startswith(prefix)), "")
    if prefix == ILLUMINATION and not settings.illumination:
        return False
    return column == WHOLE or (prefix != "" and column.removeprefix(prefix) not in settings.leave_out)

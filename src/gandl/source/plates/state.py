"""A lab's own plates, the state of their files: takes a table or a folder, gives checksums that change when images do.

The files are not inputs that Snakemake follows, so the Snakefile checks here at every start whether they are still the same.
Contents are not read: names, sizes and modification times suffice. Nothing heavier than the standard library is imported.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from gandl.config import PlatesSettings
from gandl.source.plates.stores import (
    PlateKey,
    folder_and_pattern,
    image_files,
    name_plates,
    place_of,
    plate_key,
    sorted_keys,
)
from gandl.source.plates.text_table import read_csv

PREFIX = "file_"
"""Columns of a table that name images begin so."""


def file_and_page(cell: str) -> tuple[str, int | None]:
    r"""What a cell of a table names: `plate 1\A01.tif#3` is page 3 of `plate 1/A01.tif`; None if no page is given."""
    name = cell.replace("\\", "/")
    match = re.fullmatch(r"(.*)#(\d+)", name)
    return (match[1], int(match[2])) if match else (name, None)


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
    for key, name, path in images:
        if key in plates:
            digests[plates[key].plate_id].update(f"{name}\0{_size_and_time(path)}\n".encode())
    return {plate_id: digest.hexdigest() for plate_id, digest in digests.items()}


def _images(settings: PlatesSettings) -> Iterator[tuple[PlateKey, str, Path]]:
    """Plate, name and path of every image."""
    if settings.table is not None:
        table = read_csv(Path(settings.table))
        for _, cells in table.rows:
            key = plate_key(cells, table.path.parent)
            for column, cell in cells.items():
                if column.startswith(PREFIX) and cell:
                    yield key, cell, table.path.parent / file_and_page(cell)[0]
        return
    folder, pattern = folder_and_pattern(settings)
    for name in image_files(folder):
        match = pattern.search(name)
        if match:
            groups = {group: text for group, text in match.groupdict().items() if text}
            yield plate_key(groups, folder), name, folder / name


def _size_and_time(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:
        return "absent"
    return f"{state.st_size} {state.st_mtime_ns}"

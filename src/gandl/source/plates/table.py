"""A lab's own plates from `sites.csv`: takes the table, makes its sites and channels, and finds every mistake.

One row per site; `well` and one column `file_<channel>` per channel are needed, docs/your-plates.md lists the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gandl.source.plates.rules import (
    ImageFile,
    Site,
    no_well,
    read_layout,
    read_site_number,
    well_of,
    without_vehicle_doses,
)
from gandl.source.plates.state import PREFIX, file_and_page
from gandl.source.plates.stores import plate_key
from gandl.source.plates.text_table import Table, read_csv

LAYOUT = ("control", "treatment", "concentration_um", "cell_type", "condition", "compound", "smiles")
OWN = ("well", "plate", "experiment", "site", *LAYOUT)
MADE = ("site_id", "well_id", "plate_id", "store_id", "plate_name", "row", "column", "table_row")
"""Columns that gandl makes; a table's own are ignored, with a note."""
LATER = ("scheme", "fold", "part", "on", "off", "off_norm", "on_lda", "sha256")
"""Columns that later tables add to those of the sites."""
MEANT = {
    **dict.fromkeys(("concentration", "conc", "dose", "dose_um"), "concentration_um"),
    **dict.fromkeys(("well_name", "wellname"), "well"),
    "drug": "treatment",
    "field": "site",
    "plate_barcode": "plate",
}
"""Names that a column with a meaning might have been given."""


@dataclass(frozen=True)
class Found:
    """What a table or a folder holds: channels in order, sites, mistakes (one line each), and what is only worth knowing.

    `pixel_size_um` is the side of a pixel where metadata state it, and state one for all images.
    """

    channels: tuple[str, ...]
    sites: tuple[Site, ...]
    mistakes: tuple[str, ...]
    notes: tuple[str, ...]
    pixel_size_um: float | None = None


def read_table_of_sites(path: Path) -> Found:
    """Read `sites.csv`.

    Raises
    ------
    gandl.source.plates.mistakes.PlatesError : the file cannot be read as a table at all; any other mistake is in `mistakes`.
    """
    return sites_of_table(read_csv(path))


def sites_of_table(table: Table) -> Found:
    """The sites of a table whose columns are named as in `sites.csv`, whatever file it was translated from."""
    mistakes = [*_mistakes_of_header(table), *table.mistakes]
    channels = channels_of_header(table.header)
    if "well" not in table.header or not channels:
        return Found(channels, (), tuple(mistakes), table.notes)
    extra = [name for name in table.header if name not in (*OWN, *MADE) and not name.startswith(PREFIX)]
    rows, of_vehicles = without_vehicle_doses(table.rows)
    sites = []
    for line, cells in rows:
        site = _site(line, cells, channels, extra, table.path, mistakes)
        if site is not None:
            sites.append(site)
    return Found(channels, tuple(sites), tuple(mistakes), (*table.notes, *of_vehicles, *_notes(table.header)))


def channels_of_header(header: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the channels, in the order of their columns."""
    return tuple(name.removeprefix(PREFIX) for name in header if name.startswith(PREFIX) and name != PREFIX)


def _mistakes_of_header(table: Table) -> list[str]:
    mistakes = []
    have = f"it has {', '.join(table.header)}"
    if "well" not in table.header:
        mistakes.append(f"row 1: the column well is missing; {have}")
    if not channels_of_header(table.header):
        close = [name for name in table.header if name.lower() in ("file", "filename", "path", "image", "filepath")]
        hint = f" (rename {close[0]} to file_dna, say, where dna is its channel)" if close else ""
        mistakes.append(f"row 1: no column of images: one column file_<channel> per channel is needed{hint}; {have}")
    if PREFIX in table.header:
        mistakes.append(f"row 1: a column is named only {PREFIX}; append the name of its channel")
    lower: dict[str, str] = {}
    for channel in channels_of_header(table.header):
        other = lower.setdefault(channel.lower(), channel)
        if other != channel:
            mistakes.append(f"row 1: the channels {other} and {channel} differ only in capitals; give one another name")
    return [*mistakes, *mistakes_of_names(table.header)]


def mistakes_of_names(header: tuple[str, ...]) -> list[str]:
    """Columns of the user's own that would be taken for columns that gandl makes later."""
    return [
        f"row 1: gandl has a column {name} of its own; rename yours"
        for name in header
        if name in LATER or re.fullmatch(r"feature_\d+|(path|page)_.*", name)
    ]


def _notes(header: tuple[str, ...]) -> list[str]:
    passed = [name for name in header if name in MADE]
    notes = [f"the column {name} is not read: gandl derives it from plate and well" for name in passed]
    for name in header:
        meant = MEANT.get(name.lower().replace(" ", "_"))
        if meant and meant not in header:
            notes.append(f"the column {name} is kept but has no meaning for gandl; if it is {meant}, rename it")
    return notes


def _site(
    line: int, cells: Mapping[str, str], channels: tuple[str, ...], extra: list[str], table: Path, mistakes: list[str]
) -> Site | None:
    """One row; None if it has no well, so that nothing else can be said of it."""
    where = f"row {line}"
    layout = read_layout(cells, mistakes, where)
    number = read_site_number(cells.get("site", ""), mistakes, where)
    images = {channel: image_at(cells[f"{PREFIX}{channel}"], table.parent) for channel in channels}
    for channel, image in images.items():
        if isinstance(image, str):
            mistakes.append(f"{where}: {PREFIX}{channel} {image}")
    well = well_of(cells["well"])
    if well is None:
        mistakes.append(f"{where}: {no_well(cells['well'])}")
        return None
    return Site(
        where=where,
        key=plate_key(cells, table.parent),
        well=well,
        site=number,
        layout=layout,
        images={channel: image for channel, image in images.items() if isinstance(image, ImageFile)},
        row=line,
        extra={name: cells[name] for name in extra},
    )


def image_at(cell: str, folder: Path) -> ImageFile | str:
    r"""The file that a cell names, relative to the table's folder; or what is wrong with the cell.

    `plate 1\A01.tif#3` is page 3 of `plate 1/A01.tif`: Windows separators are understood.
    """
    if not cell:
        return "is empty; every site needs a file for every channel"
    if re.match(r"[A-Za-z]:[\\/]|\\\\", cell):
        return f"is {cell!r}, a path of a Windows machine; write it relative to the folder of the table"
    if re.match(r"\w+://", cell):
        return f"is {cell!r}, an address; the file must lie on this machine"
    name, page = file_and_page(cell)
    if page == 0:
        return f"is {cell!r}; pages count from 1"
    return ImageFile(cell, folder / PurePosixPath(name), page)

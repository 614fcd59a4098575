"""A lab's own plates, what was done to their wells: takes a table of wells, or rows that were translated into one, and gives
every site the treatment of its well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gandl.source.plates.rules import (
    UNKNOWN,
    Layout,
    Site,
    no_well,
    plate_words,
    read_layout,
    well_of,
    without_vehicle_doses,
)
from gandl.source.plates.stores import PlateKey
from gandl.source.plates.table import MADE, OWN, mistakes_of_names, notes_of_names
from gandl.source.plates.tabular.doses import with_doses
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.plates.tabular.text_table import Table, read_csv
from gandl.workflow.words import counted


@dataclass(frozen=True)
class WellRow:
    """One row of the table of wells."""

    where: str
    layout: Layout
    extra: Mapping[str, str]


Wells = dict[tuple[str | None, str | None, str], WellRow]
"""(experiment, plate, well) -> row; experiment and plate are None where a row holds for all of them."""


def read_wells(path: Path, mistakes: list[str], notes: list[str]) -> Wells:
    """Read the table of wells: columns well, and plate, experiment, control, treatment, concentration_um ... where wanted.

    Mistakes and notes are added to the lists, with file and row.

    Raises
    ------
    gandl.source.plates.tabular.mistakes.PlatesError : the file cannot be read as a table.
    """
    return wells_of_table(read_csv(path), str(path), mistakes, notes)


def wells_of_table(table: Table, name: str, mistakes: list[str], notes: list[str]) -> Wells:
    """The wells of a table whose columns are named as gandl names them; `name` is what messages begin with."""
    table = with_doses(table)
    mistakes += [f"{name}, {mistake}" for mistake in (*mistakes_of_names(table.header), *table.mistakes)]
    if "well" not in table.header:
        mistakes.append(f"{name}, row 1: the column well is missing; it has {', '.join(table.header)}")
        return {}
    rows, of_vehicles = without_vehicle_doses(table.rows)
    notes += [*table.notes, *(f"{name}, {note}" for note in (*notes_of_names(table.header), *of_vehicles))]
    extra = [column for column in table.header if column not in (*OWN, *MADE)]
    wells: Wells = {}
    for line, cells in rows:
        where = f"{name}, row {line}"
        layout = read_layout(cells, mistakes, where)
        well = well_of(cells["well"])
        if well is None:
            mistakes.append(f"{where}: {no_well(cells['well'])}")
            continue
        place = (cells.get("experiment") or None, plain_plate(cells.get("plate", "")) or None, well)
        if place in wells:
            mistakes.append(f"{where}: well {well} is in {wells[place].where} already")
        wells.setdefault(place, WellRow(where, layout, {column: cells[column] for column in extra}))
    return wells


def well_row(wells: Wells, key: PlateKey, well: str) -> WellRow | None:
    """The row that holds for a well; one that names experiment or plate goes before one that holds for all of them."""
    plate = plain_plate(key.plate)
    for experiment, name in ((key.experiment, plate), (None, plate), (key.experiment, None), (None, None)):
        if (experiment, name, well) in wells:
            return wells[experiment, name, well]
    return None


def plain_plate(plate: str) -> str:
    """A plate's name for comparing: `01` and `1` are one."""
    return str(int(plate)) if plate.isdecimal() else plate


def treated(sites: Sequence[Site], wells: Wells, name: str) -> tuple[list[Site], list[str]]:
    """The sites with what was done to their wells, by a table of wells of this name.

    Returns
    -------
    The sites, in order, and notes: wells without a row, which count as untreated, and rows without images.

    Raises
    ------
    gandl.source.plates.tabular.mistakes.PlatesError : no row fits any of the sites.
    """
    rows = [well_row(wells, site.key, site.well) for site in sites]
    if sites and wells and not any(rows):
        raise PlatesError(_no_row_fits(sites, wells, name))
    out = [_treated(site, row) for site, row in zip(sites, rows, strict=True)]
    notes = []
    without = [site for site, row in zip(sites, rows, strict=True) if row is None]
    if without:
        notes.append(
            f"{name} lacks {counted(len({(site.key, site.well) for site in without}), 'well')} with images, the first is "
            f"{without[0].well} of {plate_words(without[0].key)}; they count as untreated and as not a control"
        )
    used = {row.where for row in rows if row is not None}
    unseen = list(dict.fromkeys(row.where for row in wells.values() if row.where not in used))
    if unseen:
        notes.append(f"{name} names wells without images in {counted(len(unseen), 'row')}, the first is {unseen[0]}")
    return out, notes


def _no_row_fits(sites: Sequence[Site], wells: Wells, name: str) -> str:
    """What the table of wells names, and what there is: the first of experiment, plate and well that they do not share."""
    plates = {plain_plate(site.key.plate) for site in sites}
    levels = (
        ("experiment", [place[0] for place in wells], {site.key.experiment for site in sites}),
        ("plate", [place[1] for place in wells], plates),
        ("well", [place[2] for place in wells], {site.well for site in sites}),
    )
    for what, of_rows, of_sites in levels:
        if not any(word is None or word in of_sites for word in of_rows):
            said = some_names(sorted({word for word in of_rows if word is not None}))
            has = some_names(sorted(of_sites))
            return f"no row of {name} fits a well with images: it names the {what} {said}; the images are of {has}"
    return f"no row of {name} fits a well with images: of no plate it names one of the wells that have images"


def some_names(names: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def _treated(site: Site, row: WellRow | None) -> Site:
    if row is None:
        return site
    given = row.layout.cell_type
    layout = replace(row.layout, cell_type=site.layout.cell_type if given == UNKNOWN else given)
    return replace(site, layout=layout, extra={**site.extra, **row.extra})

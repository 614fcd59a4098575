"""A lab's own plates from a folder: takes its image files, a pattern and a table of wells, makes sites and channels.

The pattern is searched for in every path below the folder; its groups give well (or row and column), channel, and where they vary
plate, site and experiment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gandl.config import PlatesSettings
from gandl.source.plates.rules import (
    ImageFile,
    Layout,
    Site,
    no_well,
    plate_words,
    read_layout,
    read_site_number,
    well_at,
    well_of,
)
from gandl.source.plates.stores import (
    PlateKey,
    PlatesError,
    folder_and_pattern,
    image_files,
    natural,
    no_image_fits,
    plate_key,
    read_csv,
)
from gandl.source.plates.table import MADE, OWN, Found, mistakes_of_names
from gandl.workflow.words import counted


@dataclass(frozen=True)
class WellRow:
    """One row of the table of wells."""

    where: str
    layout: Layout
    extra: Mapping[str, str]


Wells = dict[tuple[str | None, str | None, str], WellRow]


@dataclass(frozen=True)
class Place:
    """What a file name gives, before it is grouped into sites."""

    key: PlateKey
    well: str
    site: int | None
    channel: str


def read_folder_of_sites(settings: PlatesSettings) -> Found:
    """Find the sites in a folder.

    Raises
    ------
    gandl.source.plates.stores.PlatesError : no such folder, an unusable pattern or table of wells, or no file that fits;
        any other mistake is in `mistakes`.
    """
    folder, pattern = folder_and_pattern(settings)
    mistakes: list[str] = []
    images: dict[tuple[PlateKey, str, int | None], dict[str, ImageFile]] = {}
    channels: set[str] = set()
    foreign: list[str] = []
    for name in image_files(folder):
        match = pattern.search(name)
        if match is None:
            foreign.append(name)
            continue
        place = _place(name, match, folder, mistakes)
        if place is None:
            continue
        channels.add(place.channel)
        of_site = images.setdefault((place.key, place.well, place.site), {})
        if place.channel in of_site:
            mistakes.append(
                f"{name}: {of_site[place.channel].given} is channel {place.channel} of the same site already"
            )
        of_site.setdefault(place.channel, ImageFile(name, folder / name))
    if not images and not mistakes:
        raise PlatesError(no_image_fits(settings))
    ordered = tuple(sorted(channels, key=natural))
    wells = read_wells(Path(settings.wells), mistakes) if settings.wells else {}
    mistakes += _lacking(images, ordered)
    sites = [_site(place, files, wells) for place, files in sorted(images.items(), key=_order)]
    return Found(ordered, tuple(sites), tuple(mistakes), tuple(_notes(settings, foreign, sites, wells)))


def _place(name: str, match: re.Match[str], folder: Path, mistakes: list[str]) -> Place | None:
    groups = {group: text for group, text in match.groupdict().items() if text}
    if "channel" not in groups:
        mistakes.append(f"{name}: the pattern finds no channel in it")
        return None
    if "well" in groups:
        well, written = well_of(groups["well"]), groups["well"]
    else:
        row, column = groups.get("row", ""), groups.get("column", "")
        written = f"row {row}, column {column}"
        well = well_at(row, int(column)) if column.isdecimal() and row else None
    if well is None:
        mistakes.append(f"{name}: the pattern finds a wrong well: {no_well(written)}")
        return None
    site = read_site_number(groups.get("site", ""), mistakes, name)
    return Place(plate_key(groups, folder), well, site, groups["channel"])


def _order(item: tuple[tuple[PlateKey, str, int | None], object]) -> tuple[object, ...]:
    (key, well, site), _ = item
    return natural(key.experiment), natural(key.plate), len(well), well, site or 0


def _lacking(
    images: Mapping[tuple[PlateKey, str, int | None], Mapping[str, ImageFile]], channels: tuple[str, ...]
) -> list[str]:
    """Sites without a file for every channel."""
    mistakes = []
    for (key, well, site), files in images.items():
        missing = [channel for channel in channels if channel not in files]
        if missing:
            first = next(iter(files.values())).given
            number = "" if site is None else f"site {site} of "
            mistakes.append(
                f"{first}: {number}well {well} of {plate_words(key)} has no file for the channel {', '.join(missing)}"
            )
    return mistakes


def _site(
    place: tuple[PlateKey, str, int | None],
    files: Mapping[str, ImageFile],
    wells: Wells,
) -> Site:
    key, well, site = place
    row = well_row(wells, key, well)
    return Site(
        where=next(iter(files.values())).given,
        key=key,
        well=well,
        site=1 if site is None else site,
        layout=row.layout if row else Layout(condition="untreated"),
        images=files,
        extra=row.extra if row else {},
    )


def well_row(wells: Wells, key: PlateKey, well: str) -> WellRow | None:
    """The row that holds for a well; one that names experiment or plate goes before one that holds for all of them."""
    plate = _plain(key.plate)
    for experiment, name in ((key.experiment, plate), (None, plate), (key.experiment, None), (None, None)):
        if (experiment, name, well) in wells:
            return wells[experiment, name, well]
    return None


def _plain(plate: str) -> str:
    """A plate's name for comparing: `01` and `1` are one."""
    return str(int(plate)) if plate.isdecimal() else plate


def read_wells(path: Path, mistakes: list[str]) -> Wells:
    """Read the table of wells: columns well, and plate, experiment, control, treatment, concentration_um ... where wanted.

    Returns
    -------
    (experiment, plate, well) -> row; experiment and plate are None if the table does not state them, so that the row holds for
    all. Mistakes are added to `mistakes`, with file and row.

    Raises
    ------
    gandl.source.plates.stores.PlatesError : the file cannot be read as a table.
    """
    table = read_csv(path)
    mistakes += [f"{path}, {mistake}" for mistake in (*mistakes_of_names(table.header), *table.mistakes)]
    if "well" not in table.header:
        mistakes.append(f"{path}, row 1: the column well is missing; it has {', '.join(table.header)}")
        return {}
    extra = [name for name in table.header if name not in (*OWN, *MADE)]
    wells: Wells = {}
    for line, cells in table.rows:
        where = f"{path}, row {line}"
        layout = read_layout(cells, mistakes, where)
        well = well_of(cells["well"])
        if well is None:
            mistakes.append(f"{where}: {no_well(cells['well'])}")
            continue
        place = (cells.get("experiment") or None, _plain(cells.get("plate", "")) or None, well)
        if place in wells:
            mistakes.append(f"{where}: well {well} is in {wells[place].where} already")
        wells.setdefault(place, WellRow(where, layout, {name: cells[name] for name in extra}))
    return wells


def _notes(
    settings: PlatesSettings,
    foreign: list[str],
    sites: list[Site],
    wells: Wells,
) -> list[str]:
    notes = []
    if foreign:
        notes.append(
            f"the pattern does not fit {counted(len(foreign), 'image file')} below {settings.folder}, the first is {foreign[0]}"
        )
    if not wells:
        return notes
    without = [site for site in sites if well_row(wells, site.key, site.well) is None]
    if without:
        absent = counted(len({(site.key, site.well) for site in without}), "well")
        notes.append(
            f"{settings.wells} lacks {absent} with images, the first is "
            f"{without[0].well} of {plate_words(without[0].key)}: untreated, and not a control"
        )
    used = {row.where for site in sites if (row := well_row(wells, site.key, site.well)) is not None}
    unseen = [row.where for row in wells.values() if row.where not in used]
    if unseen:
        notes.append(
            f"{settings.wells} names wells without images in {counted(len(unseen), 'row')}, the first is {unseen[0]}"
        )
    return notes

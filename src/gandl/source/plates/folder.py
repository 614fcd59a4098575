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
from gandl.source.plates.mistakes import PlatesError
from gandl.source.plates.rules import (
    ImageFile,
    Layout,
    Site,
    no_well,
    plate_words,
    read_site_number,
    well_at,
    well_of,
)
from gandl.source.plates.stores import (
    PlateKey,
    folder_and_pattern,
    image_files,
    natural,
    no_image_fits,
    plate_key,
)
from gandl.source.plates.table import Found
from gandl.source.plates.wells import read_wells, treated


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
    gandl.source.plates.mistakes.PlatesError : no such folder, an unusable pattern or table of wells, or no file that fits;
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
    notes = []
    if foreign:
        notes.append(
            f"{len(foreign):,} image file(s) below {settings.folder} do not fit the pattern, the first is {foreign[0]}"
        )
    wells = read_wells(Path(settings.wells), mistakes, notes) if settings.wells else {}
    mistakes += _lacking(images, ordered)
    sites = [_site(place, files) for place, files in sorted(images.items(), key=_order)]
    if wells:
        sites, of_wells = treated(sites, wells, str(settings.wells))
        notes += of_wells
    return Found(ordered, tuple(sites), tuple(mistakes), tuple(notes))


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


def _site(place: tuple[PlateKey, str, int | None], files: Mapping[str, ImageFile]) -> Site:
    key, well, site = place
    return Site(
        where=next(iter(files.values())).given,
        key=key,
        well=well,
        site=1 if site is None else site,
        layout=Layout(condition="untreated"),
        images=files,
    )

"""A lab's own plates from a folder: takes its image files, a pattern and a table of wells, makes sites and channels.

The pattern is searched for in every path below the folder; its groups give well (or row and column), channel, and where they vary
plate, site, experiment, plane and time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from gandl.config import PlatesSettings
from gandl.source.plates.channels import Renames, plates_that_differ, unused
from gandl.source.plates.grouping import Place, SiteKey, group_places
from gandl.source.plates.references import ImageFile
from gandl.source.plates.rules import (
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
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.plates.wells import read_wells, treated
from gandl.workflow.words import counted

THUMBNAIL = re.compile(r"(?i:thumb)[^/]*$|(?:^|/)(?i:thumb(?:nail)?s?)/")
"""Finds small previews, which are no images of a plate, by the file's name or its folder."""


def read_folder_of_sites(settings: PlatesSettings, renames: Renames | None = None) -> Found:
    """Find the sites in a folder.

    Parameters
    ----------
    settings : section `source.plates`. renames : other names for channels.

    Raises
    ------
    PlatesError : no such folder, an unusable pattern or table of wells, or no file that fits;
        any other mistake is in `mistakes`.
    """
    folder, pattern = folder_and_pattern(settings)
    mistakes: list[str] = []
    places: list[Place] = []
    foreign: list[str] = []
    for name in image_files(folder):
        match = pattern.search(name)
        if match is None:
            foreign.append(name)
        elif place := place_in(match, name, folder, mistakes, settings.channel):
            places.append(place)
    if not places and not mistakes:
        raise PlatesError(no_image_fits(settings))
    notes = notes_of_foreign(
        [place.name for place in places], foreign, "the pattern does not fit", f"{settings.folder}"
    )
    found = sites_of_places(
        places,
        folder,
        mistakes,
        wells=settings.wells,
        time=settings.time,
        leave_out=settings.leave_out,
        renames=renames,
    )
    return replace(found, notes=(*notes, *found.notes))


def place_in(
    match: re.Match[str], name: str, folder: Path, mistakes: list[str], channel: str | None = None
) -> Place | None:
    """What a pattern found in a file's name; None, and a mistake more, where it is no place.

    `channel` is the name of a plate's only channel, where names state none.
    """
    groups = {group: text for group, text in match.groupdict().items() if text}
    if "channel" not in groups and channel is None:
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
    plane = groups.get("plane")
    if plane is not None and not plane.isdecimal():
        mistakes.append(f"{name}: the pattern finds the plane {plane!r}; it must be a whole number")
        return None
    return Place(
        name=name,
        key=plate_key(groups, folder),
        well=well,
        site=read_site_number(groups.get("site", ""), mistakes, name),
        channel=groups.get("channel") or channel or "",
        plane=None if plane is None else int(plane),
        time=groups.get("time"),
    )


def sites_of_places(
    places: Sequence[Place],
    folder: Path,
    mistakes: list[str],
    *,
    wells: str | None = None,
    time: int | None = None,
    channels: Sequence[str] = (),
    leave_out: Collection[str] = (),
    renames: Renames | None = None,
) -> Found:
    """Put images together to sites, with what a table of wells says of them.

    Parameters
    ----------
    places : of all images. folder : that their names are relative to.
    mistakes : found so far; they and the new ones are in `Found.mistakes`.
    wells : table of wells; without one, every well is untreated. time : number of the time point, from 1.
    channels : names that come first, in this order; others follow in their natural order.
    renames : other names for channels. leave_out : channels (by these names) that are not used, so that nothing is amiss with
        them.

    Raises
    ------
    gandl.source.plates.stores.PlatesError : the table of wells cannot be read.
    """
    new = renames or {}
    mistakes += unused(new, sorted({place.channel for place in places}, key=natural))
    places = [replace(place, channel=new.get(place.channel, place.channel)) for place in places]
    grouped = group_places([place for place in places if place.channel not in leave_out], folder, time, mistakes)
    named = {place.channel for place in places}
    first = [name for name in dict.fromkeys(new.get(channel, channel) for channel in channels) if name in named]
    ordered = (*first, *sorted(named - set(first), key=natural))
    notes = [*grouped.notes]
    rows = read_wells(Path(wells), mistakes, notes) if wells else {}
    mistakes += _lacking(grouped.images, [channel for channel in ordered if channel not in leave_out])
    sites = [_site(place, files) for place, files in grouped.images.items()]
    if wells and rows:
        sites, of_wells = treated(sites, rows, wells)
        notes += of_wells
    return Found(ordered, tuple(sites), tuple(mistakes), tuple(notes))


def notes_of_foreign(
    taken: Sequence[str], foreign: Sequence[str], unfit: str, where: str, aside: re.Pattern[str] = THUMBNAIL
) -> list[str]:
    """What is said of image files that are not used: a warning where they look like images of a plate, and a note on the others.

    A file looks like an image of a plate where it lies in a folder of images that are used, has their extension, and is nothing
    that `aside` (a pattern for thumbnails and the like) finds. `unfit` says why they are not used: `the pattern does not fit`.
    """
    places = {_folder_and_suffix(name) for name in taken}
    like = [name for name in foreign if _folder_and_suffix(name) in places and not aside.search(name)]
    rest = sorted(set(foreign) - set(like), key=natural)
    notes = []
    if like:
        notes.append(
            f"warning: {unfit} {counted(len(like), 'image file')} below {where} beside images that are used, for example "
            f"{like[0]}; such files are left out"
        )
    if rest:
        notes.append(f"{unfit} {counted(len(rest), 'image file')} below {where}, the first is {rest[0]}")
    return notes


def _folder_and_suffix(name: str) -> tuple[str, str]:
    path = PurePosixPath(name)
    return str(path.parent), path.suffix.lower()


def _lacking(images: Mapping[SiteKey, Mapping[str, ImageFile]], channels: Sequence[str]) -> list[str]:
    """Plates whose channels differ, and sites without a file for every channel of their plate."""
    having: dict[PlateKey, set[str]] = defaultdict(set)
    for (key, _, _), files in images.items():
        having[key] |= set(files)
    of_plate = {key: [channel for channel in channels if channel in names] for key, names in having.items()}
    mistakes = plates_that_differ(of_plate)
    for (key, well, site), files in images.items():
        missing = [channel for channel in of_plate[key] if channel not in files]
        if missing:
            number = "" if site is None else f"site {site} of "
            mistakes.append(
                f"{_first(files)}: {number}well {well} of {plate_words(key)} has no file for the channel {', '.join(missing)}"
            )
    return mistakes


def _first(files: Mapping[str, ImageFile]) -> str:
    """Name of a site's first file."""
    return next(iter(files.values())).given.split("|")[0]


def _site(place: SiteKey, files: Mapping[str, ImageFile]) -> Site:
    key, well, site = place
    return Site(
        where=_first(files),
        key=key,
        well=well,
        site=1 if site is None else site,
        layout=Layout(condition="untreated"),
        images=files,
    )

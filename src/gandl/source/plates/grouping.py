"""A lab's own plates, from single images to sites: takes what each image's name (or an index) gives, groups planes and channels.

Several planes of one site and channel become one image, `a|b|c` in their order; of several time points one is chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gandl.source.plates.references import ImageFile, image_at
from gandl.source.plates.rules import plate_words
from gandl.source.plates.stores import PlateKey, natural
from gandl.workflow.words import counted

SiteKey = tuple[PlateKey, str, int | None]
"""Plate, well and number of a site."""
SHOWN = 3


@dataclass(frozen=True)
class Place:
    """Where an image belongs: its name in the folder (with /), and what that name or an index gives.

    `plane` orders the images of one site, channel and time; None for a single image or a projection. `time` is None where there
    is one time point.
    """

    name: str
    key: PlateKey
    well: str
    site: int | None
    channel: str
    plane: int | None = None
    time: str | None = None


@dataclass(frozen=True)
class Grouped:
    """The images of each site by channel, in the order of plates, wells and sites, and what is worth knowing."""

    images: Mapping[SiteKey, Mapping[str, ImageFile]]
    notes: tuple[str, ...]


def group_places(places: Iterable[Place], folder: Path, time: int | None, mistakes: list[str]) -> Grouped:
    """Group images into sites.

    Parameters
    ----------
    places : of all images. folder : that their names are relative to.
    time : number of the time point, from 1, that is taken; None where there is one.
    mistakes : every mistake is added.
    """
    notes: list[str] = []
    stacks: dict[SiteKey, dict[str, dict[int | None, str]]] = defaultdict(lambda: defaultdict(dict))
    for place in of_one_time(list(places), time, mistakes, notes):
        planes = stacks[place.key, place.well, place.site][place.channel]
        if place.plane in planes:
            what = "" if place.plane is None else f"plane {place.plane} of "
            mistakes.append(
                f"{place.name}: {planes[place.plane]} is {what}channel {place.channel} of the same site already"
            )
        planes.setdefault(place.plane, place.name)
    notes += _notes_of_planes(stacks)
    images = {
        site: {channel: _image(planes, folder) for channel, planes in stacks[site].items()}
        for site in sorted(stacks, key=_order)
    }
    return Grouped(images, tuple(notes))


def of_one_time(places: list[Place], time: int | None, mistakes: list[str], notes: list[str]) -> list[Place]:
    """The images of the time point that is taken; times are numbered from 1 within their plate, in their natural order."""
    times: dict[PlateKey, set[str]] = defaultdict(set)
    for place in places:
        times[place.key].add(place.time or "")
    chosen: dict[PlateKey, str] = {}
    for key, of_plate in times.items():
        ordered = sorted(of_plate, key=natural)
        number = 1 if time is None else time
        words = f"{counted(len(ordered), 'time point')}: {_some(ordered)}"
        if len(ordered) > 1 and time is None:
            mistakes.append(
                f"{plate_words(key)} has {words}; choose one by its number, such as --time 1 (source.plates.time)"
            )
        elif number > len(ordered) > 1:
            mistakes.append(f"{plate_words(key)} has {words}; there is no time point {number}")
        elif len(ordered) > 1:
            notes.append(f"{plate_words(key)} has {words}; time point {number} is taken ({ordered[number - 1]})")
        chosen[key] = ordered[min(number, len(ordered)) - 1]
    return [place for place in places if (place.time or "") == chosen[place.key]]


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (", ..." if len(texts) > SHOWN else "")


def _notes_of_planes(stacks: Mapping[SiteKey, Mapping[str, dict[int | None, str]]]) -> list[str]:
    """What is said of images with several planes; projections beside the planes that they were made of are dropped."""
    counts: list[int] = []
    projections: list[str] = []
    for channels in stacks.values():
        for planes in channels.values():
            if None in planes and len(planes) > 1:
                projections.append(planes.pop(None))
            counts.append(len(planes))
    notes = []
    if projections:
        notes.append(
            f"{counted(len(projections), 'image')} without a plane beside the planes of their site and channel, for example "
            f"{projections[0]}; they are taken as projections and left out, the planes are used"
        )
    if counts and min(counts) != max(counts):
        least, most = min(counts), max(counts)
        fewest = sum(count == least for count in counts)
        notes.append(
            f"images have {least} to {most} planes, {fewest:,} of {len(counts):,} have {least}; were all copied?"
        )
    return notes


def _image(planes: Mapping[int | None, str], folder: Path) -> ImageFile:
    names = [planes[plane] for plane in sorted(planes, key=_plane_order)]
    if len(names) == 1:
        return ImageFile(names[0], folder / names[0])
    image = image_at("|".join(names), folder)
    assert isinstance(image, ImageFile)
    return image


def _plane_order(plane: int | None) -> int:
    return -1 if plane is None else plane


def _order(site: SiteKey) -> tuple[object, ...]:
    key, well, number = site
    return natural(key.experiment), natural(key.plate), len(well), well, number or 0

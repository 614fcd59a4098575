"""Images of a microscope by their names: takes a folder's image files, finds the one microscope that names them so."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from gandl.source.formats.folders import Listed, experiment_of, plate_of
from gandl.source.formats.patterns import Microscope
from gandl.source.plates.folder import notes_of_foreign, place_in
from gandl.source.plates.grouping import Place
from gandl.source.plates.stores import DEFAULT_PLATE, PlateKey, PlatesError
from gandl.workflow.words import counted


@dataclass(frozen=True)
class _Fit:
    """How the names of a folder fit one pattern of a microscope."""

    microscope: Microscope
    matches: dict[str, re.Match[str]]
    wanted: int


def by_names(
    folder: Path, names: list[str], microscopes: list[Microscope], channel: str | None, mistakes: list[str]
) -> Listed:
    """The images by their names, as the one microscope writes them that fits."""
    fits = [fit for microscope in microscopes if (fit := _fit(microscope, names, channel)).matches]
    if not fits:
        known = ", ".join(name for microscope in microscopes for name in microscope.names)
        raise PlatesError(
            f"no image file below {folder} has a name as {known} writes it, for example {names[0]} has not; give a pattern of "
            "your own by --pattern, or write a sites.csv"
        )
    if len(fits) > 1:
        words = ", ".join(f"{' or '.join(fit.microscope.names)} ({len(fit.matches):,} files)" for fit in fits)
        raise PlatesError(f"file names below {folder} fit several microscopes: {words}; name one by --microscope")
    (fit,) = fits
    unnamed = [name for name, match in fit.matches.items() if "channel" not in _groups(match)]
    if len(unnamed) == len(fit.matches) and channel is None:
        raise PlatesError(
            f"file names as {fit.microscope.words} writes them are found, such as {unnamed[0]}, but they state no channel; if "
            "the plate has one, name it by --channel dna"
        )
    places = []
    for name, match in fit.matches.items():
        place = place_in(match, name, folder, mistakes, channel)
        if place is not None:
            key = PlateKey(
                experiment_of(folder), _groups(match).get("plate") or plate_of(name[: match.start()], folder)
            )
            places.append(replace(place, key=key, channel=_tidy(place.channel)))
    prefixes: list[str] = []
    if fit.microscope.prefixed:
        places, prefixes = _plates_by_prefix(places, fit.matches)
    words = f"the names of {fit.microscope.words}"
    foreign = [name for name in names if name not in fit.matches]
    notes = [f"{words} fit {counted(len(fit.matches), 'image file')}"]
    if prefixes:
        notes.append(
            f"several plates lie in one folder; their names are what file names begin with: {', '.join(prefixes)}"
        )
    notes += notes_of_foreign(list(fit.matches), foreign, f"{words} do not fit", f"{folder}", fit.microscope.aside)
    return Listed(places, notes)


def _plates_by_prefix(places: list[Place], matches: Mapping[str, re.Match[str]]) -> tuple[list[Place], list[str]]:
    """The images, and the names of plates that the beginnings of file names give where the images of a folder are the same ones
    without them."""
    begins = {name: PurePosixPath(name[: match.start("well")]).name.rstrip("_- ") for name, match in matches.items()}
    taken: dict[Place, set[str]] = defaultdict(set)
    for place in places:
        taken[replace(place, name="")].add(begins[place.name])
    mixed = {place.key for place, of_place in taken.items() if len(of_place) > 1}

    def named(place: Place) -> PlateKey:
        if place.key not in mixed:
            return place.key
        begin, (experiment, plate) = begins[place.name], place.key
        return PlateKey(experiment, begin if plate == DEFAULT_PLATE else f"{plate} {begin}")

    names = dict.fromkeys(named(place).plate for place in places if place.key in mixed)
    return [replace(place, key=named(place)) for place in places], list(names)


def _fit(microscope: Microscope, names: list[str], channel: str | None) -> _Fit:
    """The pattern that fits most files which state a channel (or none, where its name is given); of equal ones the first."""
    fits = []
    for pattern in microscope.patterns:
        matches = {name: match for name in names if (match := pattern.pattern.search(name))}
        stating = sum("channel" in _groups(match) for match in matches.values())
        fits.append(_Fit(microscope, matches, len(matches) - stating if channel else stating))
    return max(fits, key=_size)


def _size(fit: _Fit) -> tuple[int, int]:
    return fit.wanted, len(fit.matches)


def _groups(match: re.Match[str]) -> dict[str, str]:
    return {group: text for group, text in match.groupdict().items() if text}


def _tidy(channel: str) -> str:
    """`DAPI - DAPI` (excitation and emission of one name) is `DAPI`."""
    same = re.fullmatch(r"(.+) - \1", channel)
    return same[1] if same else channel

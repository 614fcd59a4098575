"""Images of a microscope by its index files: takes a folder, reads each index in it, finds the images that it names."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from gandl.source.formats import cellvoyager, harmony
from gandl.source.formats.folders import Listed, experiment_of, plate_of
from gandl.source.formats.index_files import Index, one_pixel_size
from gandl.source.formats.patterns import CELLVOYAGER, HARMONY, Microscope
from gandl.source.plates.folder import notes_of_foreign
from gandl.source.plates.grouping import Place
from gandl.source.plates.rules import well_at
from gandl.source.plates.stores import PlateKey, PlatesError, natural
from gandl.workflow.words import counted

INDEXES: tuple[tuple[Microscope, tuple[str, ...], Callable[[Path], Index]], ...] = (
    (HARMONY, harmony.NAMES, harmony.read_index),
    (CELLVOYAGER, cellvoyager.NAMES, cellvoyager.read_index),
)


def by_index(folder: Path, names: list[str], microscopes: list[Microscope], mistakes: list[str]) -> Listed | None:
    """The images that index files name; None where there is no such file."""
    places: list[Place] = []
    notes: list[str] = []
    channels: list[str] = []
    sizes: set[tuple[float, float]] = set()
    absent: list[str] = []
    read_from: dict[str, str] = {}
    aside = re.compile("|".join(microscope.aside.pattern for microscope in microscopes))
    for microscope, index_names, read in INDEXES:
        if microscope not in microscopes:
            continue
        for path in _indexes(folder, index_names):
            index = read(folder / path)
            plate = index.plate or plate_of(path.rpartition("/")[0], folder)
            if plate in read_from:
                raise PlatesError(
                    f"{read_from[plate]} and {path} both index plate {plate}; check their folders one by one"
                )
            read_from[plate] = path
            of_index, missing = _found_images(index, path, plate, folder, names, mistakes)
            places += of_index
            notes += [f"{path} is read as the index of {microscope.words}: plate {plate}, {len(of_index):,} images"]
            notes += [*missing, *index.notes]
            absent += missing
            channels += index.channels
            sizes |= index.pixel_sizes_um
    if not notes:
        return None
    if not places:
        said = "; ".join(["no image that an index names can be used", *absent]).replace("warning: ", "")
        raise PlatesError("\n".join([*mistakes, *([f"{folder}: {said}"] if absent else [])]))
    taken = {place.name for place in places}
    foreign = [name for name in names if name not in taken]
    notes += notes_of_foreign(list(taken), foreign, "no index names", f"{folder}", aside)
    size, differ = one_pixel_size(frozenset(sizes), f"{folder}")
    return Listed(places, [*notes, *differ], channels, size)


def _indexes(folder: Path, index_names: tuple[str, ...]) -> list[str]:
    """Paths of index files below a folder, one per folder: where several names lie together, the first of them."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        named = {name.lower(): name for name in files}
        first = next((named[name] for name in index_names if name in named), None)
        if first is not None:
            found.append((Path(place) / first).relative_to(folder).as_posix())
    return sorted(found, key=natural)


def _found_images(
    index: Index, path: str, plate: str, folder: Path, names: list[str], mistakes: list[str]
) -> tuple[list[Place], list[str]]:
    """The images of an index that are there; sites that are missing altogether are noted, parts of sites are a mistake."""
    key = PlateKey(experiment_of(folder), plate)
    finder = _Finder(path, names)
    places: list[Place] = []
    missing: dict[tuple[str, int], list[str]] = defaultdict(list)
    for image in index.images:
        well = well_at(str(image.row), image.column)
        if well is None:
            mistakes.append(f"{path}: {image.file} is in row {image.row}, column {image.column}, which no plate has")
            continue
        name = finder.find(image.file)
        if name is None:
            missing[well, image.site].append(image.file)
        else:
            places.append(Place(name, key, well, image.site, image.channel, image.plane, image.time or None))
    there = {(place.well, place.site) for place in places}
    partly = [file for site, files in missing.items() if site in there for file in files]
    wholly = [file for site, files in missing.items() if site not in there for file in files]
    if partly:
        mistakes.append(
            f"{path} names {counted(len(partly), 'missing image')}, though others of their sites are there; the first is "
            f"{partly[0]}"
        )
    notes = []
    if wholly:
        sites = sum(site not in there for site in missing)
        notes.append(
            f"warning: {path} names {counted(len(wholly), 'missing image')} of {counted(sites, 'site')}, the first is "
            f"{wholly[0]}; these sites are left out"
        )
    return places, notes


class _Finder:
    """Finds the files that an index names: as written, in another folder below the index, or there with another extension.

    `path` is that of the index, `names` are those of all images, both relative to one folder.
    """

    def __init__(self, path: str, names: list[str]) -> None:
        parent = str(PurePosixPath(path).parent)
        self._prefix = "" if parent == "." else f"{parent}/"
        self._names = set(names)
        self._below: dict[str, list[str]] = defaultdict(list)
        self._others: dict[str, list[str]] = defaultdict(list)
        for name in names:
            if name.startswith(self._prefix):
                self._below[PurePosixPath(name).name].append(name)
                self._others[str(PurePosixPath(name).with_suffix(""))].append(name)

    def find(self, file: str) -> str | None:
        """Path of a file relative to the folder; None where there is none, or several that could be meant."""
        written = PurePosixPath(self._prefix + file.replace("\\", "/"))
        if str(written) in self._names:
            return str(written)
        moved = self._below.get(written.name, []) or self._others.get(str(written.with_suffix("")), [])
        return moved[0] if len(moved) == 1 else None

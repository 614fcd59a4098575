"""The image that a cell of a table names: takes the cell's text, makes files or addresses and what is selected of them.

A cell is `path[|path ...][#selector]`. Several paths are the z planes of one image, in order. The selector is a page's number
(`stack.tif#3`), or `key=value` joined by `&`: `channel` (a name, or a number from 1), `z` (`max`, `middle`, or a number from 1)
and `t` (a number from 1): `A01.ome.tif#channel=ER&z=max`. Nothing heavier than the standard library is imported.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISDIR

from gandl.config import Projection

PLANES = "|"
KEYS = ("channel", "z", "t")


class Address(str):
    """An http(s) address of a file."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.partition("?")[0]).name


Place = Path | Address
"""Where a file is: on this machine, or at an address."""


def place_at(text: str) -> Place:
    """The place that `str(place)` was written from."""
    return Address(text) if is_address(text) else Path(text)


def is_address(text: str) -> bool:
    """Whether a text is an http(s) address."""
    return text.startswith(("https://", "http://"))


@dataclass(frozen=True)
class Selector:
    """What is taken of a file: the page, or the channel (name, or number from 1), z plane and time point; None: not said.

    All numbers count from 1. The text of a selector is what a cell holds behind `#`.
    """

    page: int | None = None
    channel: str | None = None
    z: Projection | int | None = None
    time: int | None = None

    def __str__(self) -> str:
        if self.page is not None:
            return str(self.page)
        values = zip(KEYS, (self.channel, self.z, self.time), strict=True)
        return "&".join(f"{key}={value}" for key, value in values if value is not None)


WHOLE_FILE = Selector()
"""The selector of a cell that says nothing: the file is one image."""


@dataclass(frozen=True)
class ImageFile:
    """Where one channel of a site is.

    Attributes
    ----------
    given : the cell, or the path below a folder, as it was written.
    path : the file, the folder of an OME-Zarr image, or an address; of several z planes, the first.
    selector : what is taken of it.
    further : the other z planes, in order.
    """

    given: str
    path: Place
    selector: Selector = WHOLE_FILE
    further: tuple[Place, ...] = ()

    @property
    def planes(self) -> tuple[Place, ...]:
        """All files: one, or the z planes of the image in order."""
        return (self.path, *self.further)


def image_at(cell: str, folder: Path) -> ImageFile | str:
    r"""The image that a cell names, paths being relative to the table's folder; or what is wrong with the cell.

    `plate 1\A01.tif#3` is page 3 of `plate 1/A01.tif`: Windows separators are understood. A `#` or `|` that belongs to a file's
    name is taken as such where that file exists and the other reading of the cell does not.
    """
    if not cell:
        return "is empty; every site needs a file for every channel"
    if "#" not in cell and PLANES not in cell:
        return _checked(cell, cell, folder, WHOLE_FILE, split=False)
    first, *others = (_checked(cell, *reading) for reading in _readings(cell, folder))
    existing = [image for image in (first, *others) if isinstance(image, ImageFile) and _exists(image)]
    if len(existing) > 1:
        names = " or ".join(", ".join(place.name for place in image.planes) for image in existing[:2])
        return f"is {cell!r}, which may name {names}; rename one of these files"
    return existing[0] if existing else first


def _readings(cell: str, folder: Path) -> Iterator[tuple[str, Path, Selector | str, bool]]:
    """Every way to read a cell that holds `#` or `|`, the grammar's own first: the paths, the selector, and whether `|` parts."""
    before, number_sign, after = cell.rpartition("#")
    selector = selector_of(after) if number_sign else None
    ways: list[tuple[str, Selector | str]] = [] if selector is None else [(before, selector)]
    for text, found in [*ways, (cell, WHOLE_FILE)]:
        for split in (True, False) if PLANES in text else (False,):
            yield text, folder, found, split
            if "://" in text:  # whether another file exists at an address is not known
                return


def selector_of(text: str) -> Selector | str | None:
    """The selector that a text is; what is wrong with it; None if it is no selector, so that its `#` is part of a name."""
    if re.fullmatch(r"\d+", text):
        return Selector(page=int(text)) if int(text) else "pages count from 1"
    if not re.match(r"\w+=", text):
        return None
    values: dict[str, str] = {}
    for part in re.split(r"&(?=\w+=)", text):
        key, _, value = part.partition("=")
        key = key.strip().lower()
        if key not in KEYS or key in values or not value.strip():
            return (
                f"behind # there may be a page, or {', '.join(f'{name}=...' for name in KEYS)}, each once, not {part!r}"
            )
        values[key] = value.strip()
    z, time = values.get("z", "").lower(), values.get("t", "")
    if z and z not in set(Projection) and not _is_number(z):
        return f"z is {values['z']!r}; it may be max, middle, or the number of a plane, from 1"
    if time and not _is_number(time):
        return f"t is {time!r}; it must be the number of a time point, from 1"
    plane = Projection(z) if z in set(Projection) else int(z) if z else None
    return Selector(None, values.get("channel"), plane, int(time) if time else None)


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9]\d{0,8}", text))


def _checked(cell: str, text: str, folder: Path, selector: Selector | str, split: bool) -> ImageFile | str:
    if isinstance(selector, str):
        return f"is {cell!r}; {selector}"
    places = []
    for path in (part.strip() for part in text.split(PLANES)) if split else (text,):
        if not path:
            return f"is {cell!r}, with an empty path beside {PLANES}"
        if re.match(r"[A-Za-z]:[\\/]|\\\\", path):
            return f"is {cell!r}, a path of a Windows machine; write it relative to the folder of the table"
        if re.match(r"\w+://", path) and not is_address(path):
            return f"is {cell!r}; an address must begin with https://, and other files must lie on this machine"
        if is_address(path) and re.search(r"\.zarr(?:/|$)", path):
            return (
                f"is {cell!r}, an OME-Zarr image at an address, which is not one file; copy the plate to this machine"
            )
        places.append(Address(path) if is_address(path) else folder / PurePosixPath(path.replace("\\", "/")))
    if len(set(places)) < len(places):
        return f"is {cell!r}, which names a file twice"
    if isinstance(selector.z, int) and 1 < len(places) < selector.z:
        return f"is {cell!r}, but names {len(places)} planes"
    return ImageFile(cell, places[0], selector, tuple(places[1:]))


def _exists(image: ImageFile) -> bool:
    return all(isinstance(place, Address) or place.exists() for place in image.planes)


def state_of(image: ImageFile | str, known: dict[Place, str]) -> str:
    """A text that changes when a file of the image does: size and time of each file, and of each below an OME-Zarr image.

    An address counts as it is written; of a cell with a mistake nothing is known. `known` keeps the states of places for further
    images of the same files.
    """
    if isinstance(image, str):
        return "absent"
    for place in image.planes:
        if place not in known:
            known[place] = " ".join(_states(place))
    return " ".join(known[place] for place in image.planes)


def _states(place: Place) -> Iterator[str]:
    if isinstance(place, Address):
        yield "address"
        return
    try:
        state = place.stat()
        if not S_ISDIR(state.st_mode):
            yield f"{state.st_size} {state.st_mtime_ns}"
            return
        yield "folder"
        for file, of_file in sorted(_scan(str(place), "")):
            yield f"{file} {of_file}"
    except OSError:
        yield "absent"


def files_below(folder: Path) -> list[str]:
    """Every file below a folder, relative to it, with /, sorted."""
    return sorted(file for file, _ in _scan(str(folder), ""))


def _scan(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Every file below a folder: its path relative to it, its size and time of change."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _scan(entry.path, f"{prefix}{entry.name}/")
            else:
                state = entry.stat()
                yield f"{prefix}{entry.name}", f"{state.st_size} {state.st_mtime_ns}"

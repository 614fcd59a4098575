"""The planes that make one image: takes what a file holds and what a cell selects, gives their places, or one of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gandl.config import Projection
from gandl.images.files.kinds import ImageFileError, Reading
from gandl.source.plates.contents import Contents
from gandl.source.plates.references import Selector


@dataclass(frozen=True)
class Chosen:
    """Planes that make an image: their places (from 0) in the order of the file, and whether the settings chose among several."""

    places: tuple[int, ...]
    by_setting: bool = False


def choose(contents: Contents, selector: Selector, reading: Reading, path: str) -> Chosen:
    """Which planes of a file are taken.

    Parameters
    ----------
    contents : of the file. selector : of the cell, without a page. reading : settings that hold where the cell says nothing.
    path : what messages begin with.

    Raises
    ------
    ImageFileError : the cell selects what the file does not have, or does not say which of several is taken.
    """
    z, by_setting = selector.z or reading.z, False
    place = {"C": 0, "T": 0}
    if "P" in contents.axes:
        page = _page(contents, selector, path)
        if page is not None:
            return Chosen((page,))
        if z is None or (reading.proposed and selector.z is None):
            raise ImageFileError(_unnamed_pages(contents, path))
        return Chosen(planes_taken(z, contents.size("P"), path), selector.z is None)
    place["C"] = _channel(contents, selector.channel, path)
    place["T"] = _time(contents.size("T"), selector.time, reading.time, path)
    count = contents.size("Z")
    taken: tuple[int, ...] = (0,)
    if count > 1:
        if z is None:
            raise ImageFileError(
                f"{path} has {count} z planes; say what is taken of them: #z=max, #z=middle or #z=1 to #z={count} in the table, "
                "or source.plates.z for all images"
            )
        taken, by_setting = planes_taken(z, count, path), selector.z is None
    elif isinstance(selector.z, int) and selector.z != 1:
        raise ImageFileError(f"{path} has one z plane, and no plane {selector.z}")
    places = ({**place, "Z": plane} for plane in taken)
    return Chosen(tuple(_flat(contents, of_plane) for of_plane in places), by_setting)


def planes_taken(z: Projection | int, count: int, path: str) -> tuple[int, ...]:
    """Places (from 0) among so many planes: all for the maximum, else one; of an even number the lower is in the middle."""
    if z == Projection.MAX:
        return tuple(range(count))
    number = (count + 1) // 2 if z == Projection.MIDDLE else int(z)
    if number > count:
        raise ImageFileError(f"{path} has {count} z planes, and no plane {number}")
    return (number - 1,)


def maximum(planes: Sequence[np.ndarray]) -> np.ndarray:
    """The maximum over planes (y, x) of one type."""
    out = planes[0]
    for plane in planes[1:]:
        out = np.maximum(out, plane)
    return out


def _flat(contents: Contents, place: dict[str, int]) -> int:
    flat = 0
    for axis, size in zip(contents.axes, contents.sizes, strict=True):
        flat = flat * size + place[axis]
    return flat


def _page(contents: Contents, selector: Selector, path: str) -> int | None:
    """Of pages that say nothing, the one that a channel or a time point names; None where the cell names none."""
    count = contents.size("P")
    if selector.channel is not None:
        if not selector.channel.isdecimal() or not 1 <= int(selector.channel) <= count:
            raise ImageFileError(
                f"{path} has {count} pages without names of channels, and no channel {selector.channel}"
            )
        return int(selector.channel) - 1
    if selector.time is not None:
        return _time(count, selector.time, None, path)
    return None


def _unnamed_pages(contents: Contents, path: str) -> str:
    name, count = path.rpartition("/")[2], contents.size("P")
    return (
        f"{path} has {count} pages and does not say what they are; name one: {name}#1 to {name}#{count} in a sites.csv, or, if "
        "they are z planes, say what is taken of them (--z max, which is source.plates.z)"
    )


def _channel(contents: Contents, channel: str | None, path: str) -> int:
    count, names = contents.size("C"), contents.channels
    if channel is None:
        if count > 1:
            raise ImageFileError(
                f"{path} has {count} channels ({', '.join(names)}); name one: {path.rpartition('/')[2]}#channel={names[0]} "
                "in a sites.csv, whose column `file` would take all of them"
            )
        return 0
    own = names if contents.names else ()
    for found in (
        [name for name in own if name == channel],
        [name for name in own if name.casefold() == channel.casefold()],
    ):
        if len(found) == 1:
            return own.index(found[0])
    if channel.isdecimal() and 1 <= int(channel) <= count:
        return int(channel) - 1
    if count == 1 and not any(contents.names):
        raise ImageFileError(f"{path} has one channel without a name, and no channel {channel!r}")
    raise ImageFileError(f"{path} has the channel{'s' * (count > 1)} {', '.join(names)}, and no channel {channel!r}")


def _time(count: int, given: int | None, setting: int | None, path: str) -> int:
    if count == 1 and given in (None, 1):
        return 0
    time = given or setting
    if time is None:
        raise ImageFileError(
            f"{path} has {count} time points; name one: #t=1 to #t={count} in the table, or source.plates.time for all images"
        )
    if time > count:
        raise ImageFileError(f"{path} has {count} time point{'s' * (count > 1)}, and no time point {time}")
    return time - 1


def where_in(image: np.ndarray, wrong: np.ndarray) -> str:
    """Place and value of the first wrong pixel: `-3 at (y 4, x 17)`, counted from 0; and how many more there are."""
    y, x = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    more = int(wrong.sum()) - 1
    return f"{image[y, x]:g} at (y {y}, x {x})" + (
        f", and {more:,} more pixel{'s' * (more > 1)} like it" if more else ""
    )


def refuse_impossible(image: np.ndarray, path: str) -> None:
    """Refuse pixels that are no brightness: negative, infinite, or no number.

    Raises
    ------
    ImageFileError : the first such pixel is named with its place (y, x).
    """
    if image.dtype.kind == "u":
        return
    if image.dtype.kind == "f" and not math.isfinite(float(image.sum(dtype=np.float64))):
        wrong = ~np.isfinite(image)
        if wrong.any():
            raise ImageFileError(f"{path} holds pixels that are no numbers: {where_in(image, wrong)}")
    if image.min() < 0:
        raise ImageFileError(f"{path} holds negative pixels: {where_in(image, image < 0)}; brightness begins at 0")

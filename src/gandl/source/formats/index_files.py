"""Index files that microscopes write beside their images: takes a file of XML, gives its elements, or one sentence with a line.

`gandl.source.formats.harmony` and `cellvoyager` read theirs with it. Nothing outside a file is ever fetched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers.expat import ErrorString

from gandl.source.plates.stores import PlatesError

PROLOG = 65_536
"""Bytes at the start of a file in which a document type would be declared."""
METRES = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9}
ROUNDING = 1e-4
"""Relative difference of two pixel sizes that are taken as the same."""


@dataclass(frozen=True)
class IndexImage:
    """One image of an index: its file as the index writes it, and its place; `channel` is a name, or a number as text."""

    file: str
    row: int
    column: int
    site: int
    channel: str
    plane: int | None
    time: str


@dataclass(frozen=True)
class Index:
    """What an index file says.

    Attributes
    ----------
    path : of the index. plate : its name, "" if the index does not state it. images : in the order of the file.
    channels : their names, in the order of their numbers.
    pixel_sizes_um : every (width, height) of a pixel that it states of its images. notes : what is only worth knowing.
    """

    path: Path
    plate: str
    images: tuple[IndexImage, ...]
    channels: tuple[str, ...]
    pixel_sizes_um: frozenset[tuple[float, float]] = frozenset()
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def numbered(
        cls,
        path: Path,
        plate: str,
        images: Sequence[IndexImage],
        names: Mapping[int, str],
        sizes: Mapping[int, tuple[float, float]],
        notes: Sequence[str],
    ) -> Index:
        """The index of images that state the number of their channel: the channels that are used, by their names.

        Parameters
        ----------
        names, sizes : names, and sizes (um) of a pixel, of channels by number, where they are stated.
        """
        used = sorted({int(image.channel) for image in images})
        named = distinct_names({channel: names.get(channel, "") for channel in used})
        return cls(
            path=path,
            plate=plate,
            images=tuple(replace(image, channel=named[int(image.channel)]) for image in images),
            channels=tuple(named.values()),
            pixel_sizes_um=frozenset(size for channel, size in sizes.items() if channel in used),
            notes=tuple(notes),
        )


def elements(path: Path, tags: Sequence[str]) -> Iterator[tuple[tuple[str, ...], ElementTree.Element]]:
    """Complete elements of some names, each with the names of those that it lies in; what was read is forgotten.

    Names are without their namespace.

    Raises
    ------
    gandl.source.plates.stores.PlatesError : the file cannot be read, is cut short or malformed, or declares a document type.
    """
    open_elements: list[ElementTree.Element] = []
    try:
        with path.open("rb") as file:
            if b"<!DOCTYPE" in file.read(PROLOG):
                raise PlatesError(f"{path} declares a document type (DOCTYPE), which no index of a microscope does")
            file.seek(0)
            for event, element in ElementTree.iterparse(file, events=("start", "end")):
                if event == "start":
                    open_elements.append(element)
                    continue
                open_elements.pop()
                if local(element.tag) in tags:
                    yield tuple(local(parent.tag) for parent in open_elements), element
                    if open_elements:
                        open_elements[-1].remove(element)
    except ElementTree.ParseError as error:
        line, column = error.position
        what = ErrorString(error.code)
        raise PlatesError(
            f"{path}, line {line}, column {column + 1}: cut short or malformed XML ({what}); copy it again from the microscope, "
            "or take it away, so that the file names are read"
        ) from error
    except OSError as error:
        raise PlatesError(f"{path} cannot be read: {error.strerror or error}") from error


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def children(element: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """Children of an element by name, the first of each."""
    found: dict[str, ElementTree.Element] = {}
    for child in element:
        found.setdefault(local(child.tag), child)
    return found


def text_of(found: Mapping[str, ElementTree.Element], name: str) -> str:
    """Text of a child, "" where there is none."""
    return (found[name].text or "").strip() if name in found else ""


def micrometres(found: Mapping[str, ElementTree.Element], name: str) -> float | None:
    """Length (um) that a child states in its unit (metres without one); None where it is none."""
    metres = METRES.get(found[name].get("Unit") or "m") if name in found else None
    value = number(text_of(found, name))
    return None if metres is None or value is None else value * metres / 1e-6


def number(text: str) -> float | None:
    """A finite number; None if the text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def one_pixel_size(sizes: frozenset[tuple[float, float]], where: str) -> tuple[float | None, list[str]]:
    """The side of a pixel (um) that metadata state, and a note; None where they state several, or pixels that are not square."""
    sides = sorted(side for size in sizes for side in size)
    if not sides or sides[0] <= 0:
        return None, []
    if sides[-1] - sides[0] <= ROUNDING * sides[-1]:
        return sides[0], [f"{where}: pixels of {sides[0]:.4g} um are stated"]
    return None, [
        f"{where}: sides of pixels between {sides[0]:.4g} and {sides[-1]:.4g} um are stated; no pixel size is taken from it"
    ]


def distinct_names(names: dict[int, str]) -> dict[int, str]:
    """Names of channels by their number: the number where there is none, and both where two channels share one."""
    taken = list(names.values())
    return {
        channel: f"{channel}" if not name else name if taken.count(name) == 1 else f"{name} {channel}"
        for channel, name in names.items()
    }

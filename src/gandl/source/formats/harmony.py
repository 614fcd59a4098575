"""The index of Operetta, Opera Phenix and Columbus (`Index.idx.xml`, `Index.xml`): takes the file, gives plate, images, channels.

Up to Harmony 5 every `Image` describes its channel; since Harmony 6 the channels are described once, in `Maps/Map/Entry`. The
elements have the same names in both, and in any namespace.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element

from gandl.source.formats.index_files import (
    Index,
    IndexImage,
    children,
    elements,
    local,
    micrometres,
    text_of,
)
from gandl.source.plates.stores import PlatesError

NAMES = ("index.idx.xml", "index.xml", "index.ref.xml", "imageindex.columbusidx.xml")
"""Names of index files in small letters, the one to prefer first."""
ROOT = "EvaluationInputData"


def read_index(path: Path) -> Index:
    """Read an index.

    Raises
    ------
    gandl.source.plates.stores.PlatesError : it is cut short, malformed, another kind of file, or an image lacks its place.
    """
    plate = ""
    images: list[IndexImage] = []
    names: dict[int, str] = {}
    sizes: dict[int, tuple[float, float]] = {}
    heights: set[float] = set()
    root = ""
    for parents, element in elements(path, ("Plate", "Entry", "Image", ROOT)):
        root = parents[0] if parents else root
        kind, found = local(element.tag), children(element)
        if kind == "Plate" and parents[-1:] == ("Plates",) and not plate:
            plate = text_of(found, "Name") or text_of(found, "PlateID")
        elif kind == "Entry" and parents[-1:] == ("Map",):
            _describe(_whole(element.get("ChannelID", "")), found, names, sizes)
        elif kind == "Image" and parents[-1:] == ("Images",):
            images.append(_image(found, path, len(images) + 1))
            _describe(int(images[-1].channel), found, names, sizes)
            height = micrometres(found, "PositionZ")
            heights |= {round(height, 3)} if height is not None else set()
    if root not in (ROOT, "MeasurementData", ""):
        raise PlatesError(f"{path} is no index of Harmony: its root is {root}, not {ROOT}")
    if not images:
        raise PlatesError(f"{path} names no images")
    return Index.numbered(path, plate, images, names, sizes, _heights(path, images, heights))


def _describe(
    channel: int | None, found: Mapping[str, Element], names: dict[int, str], sizes: dict[int, tuple[float, float]]
) -> None:
    """Keep what an element's children say of a channel; the first that says anything holds."""
    if channel is None:
        return
    name = text_of(found, "ChannelName")
    if name:
        names.setdefault(channel, name)
    width, height = micrometres(found, "ImageResolutionX"), micrometres(found, "ImageResolutionY")
    if width:
        sizes.setdefault(channel, (width, height or width))


def _image(found: Mapping[str, Element], path: Path, count: int) -> IndexImage:
    file = text_of(found, "URL")
    numbers = {name: _whole(text_of(found, name)) for name in ("Row", "Col", "FieldID", "ChannelID")}
    row, column, site, channel = numbers.values()
    if not file or row is None or column is None or site is None or channel is None:
        lacking = ", ".join([name for name, value in numbers.items() if value is None] + ([] if file else ["URL"]))
        raise PlatesError(
            f"{path}: image {count} ({file or 'without a file'}) lacks {lacking}, or it is no whole number"
        )
    if found["URL"].get("BufferNo", "0") != "0":
        raise PlatesError(
            f"{path}: image {count} is one of several in the file {file}, which are not read by their index; export one file "
            "per image, or write a sites.csv with pages (file.tif#2)"
        )
    plane, time = _whole(text_of(found, "PlaneID")), text_of(found, "TimepointID")
    return IndexImage(file, row, column, site, str(channel), plane, time)


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None


def _heights(path: Path, images: list[IndexImage], heights: set[float]) -> tuple[str, ...]:
    """A note on the distance of planes, where there are several."""
    planes = {image.plane for image in images}
    if len(planes) < 2 or len(heights) < 2:
        return ()
    return (f"{path}: {len(planes)} planes from {min(heights):g} to {max(heights):g} um",)

"""The index of Yokogawa's CellVoyager (`MeasurementData.mlf`): takes the file and those beside it, gives plate, images, channels.

`MeasurementDetail.mrf` beside it states the plate and the size of pixels, the measurement setting (`.mes`) that it names states
what each channel shows. Records of a kind other than IMG (errors) are no images.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree.ElementTree import Element

from gandl.source.formats.index_files import Index, IndexImage, elements, local, number
from gandl.source.plates.stores import PlatesError

NAMES = ("measurementdata.mlf",)
"""Names of index files in small letters."""
DETAIL = "MeasurementDetail.mrf"
NEEDED = ("Row", "Column", "FieldIndex", "Ch")


def read_index(path: Path) -> Index:
    """Read an index.

    Raises
    ------
    gandl.source.plates.stores.PlatesError : a file is cut short, malformed, another kind of file, or an image lacks its place.
    """
    images: list[IndexImage] = []
    others: Counter[str] = Counter()
    root = ""
    for parents, element in elements(path, ("MeasurementRecord", "MeasurementData")):
        root = parents[0] if parents else local(element.tag)
        if local(element.tag) != "MeasurementRecord":
            continue
        record = attributes(element)
        if record.get("Type") == "IMG":
            images.append(_image(record, (element.text or "").strip(), path, len(images) + 1))
        else:
            others[record.get("Type", "without a type")] += 1
    if root not in ("MeasurementData", ""):
        raise PlatesError(f"{path} is no index of a CellVoyager: its root is {root}, not MeasurementData")
    if not images:
        raise PlatesError(f"{path} names no images")
    plate, sizes, setting, notes = _detail(path)
    shown = _targets(path.parent / setting) if setting else {}
    left = ", ".join(f"{count:,} of type {kind}" for kind, count in sorted(others.items()))
    notes += [f"{path} has records that are no images: {left}"] if left else []
    return Index.numbered(path, plate, images, shown, sizes, notes)


def attributes(element: Element) -> dict[str, str]:
    """Attributes of an element by their names without a namespace."""
    return {local(name): value.strip() for name, value in element.attrib.items()}


def _image(record: dict[str, str], file: str, path: Path, count: int) -> IndexImage:
    lacking = [name for name in NEEDED if not record.get(name, "").isdecimal()]
    if lacking or not file:
        what = ", ".join([*lacking, *([] if file else ["file"])])
        raise PlatesError(f"{path}: image {count} ({file or 'without a file'}) lacks {what}, or it is no whole number")
    plane = record.get("ZIndex", "")
    projected = record.get("ZImageProcessing", "").lower() not in ("", "none")
    return IndexImage(
        file=file,
        row=int(record["Row"]),
        column=int(record["Column"]),
        site=int(record["FieldIndex"]),
        channel=record["Ch"],
        plane=int(plane) if plane.isdecimal() and not projected else None,
        time=record.get("TimePoint", ""),
    )


def _detail(path: Path) -> tuple[str, dict[int, tuple[float, float]], str, list[str]]:
    """Name of the plate, width and height of a pixel (um) by channel, name of the measurement setting, and notes."""
    detail = path.parent / DETAIL
    if not detail.is_file():
        return "", {}, "", [f"{detail} is missing: neither the plate's name nor the size of a pixel is known from it"]
    plate, setting = "", ""
    sizes: dict[int, tuple[float, float]] = {}
    for _, element in elements(detail, ("MeasurementChannel", "MeasurementSamplePlate", "MeasurementDetail")):
        values = attributes(element)
        width = number(values.get("HorizontalPixelDimension", ""))
        height = number(values.get("VerticalPixelDimension", ""))
        channel = values.get("Ch", "")
        if width and channel.isdecimal():
            sizes[int(channel)] = (width, height or width)
        if local(element.tag) == "MeasurementSamplePlate":
            plate = values.get("Name", "")
        if local(element.tag) == "MeasurementDetail":
            setting = values.get("MeasurementSettingFileName", "")
            plate = plate or values.get("Title", "")
    return plate, sizes, setting, []


def _targets(path: Path) -> dict[int, str]:
    """What each channel shows, as the measurement setting names it."""
    if not path.is_file():
        return {}
    found = (attributes(element) for _, element in elements(path, ("Channel",)))
    return {
        int(values["Ch"]): values["Target"]
        for values in found
        if values.get("Ch", "").isdecimal() and values.get("Target")
    }

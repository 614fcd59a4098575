"""What an image file says of itself: takes a TIFF or an OME-Zarr image, gives channels, z planes, time points and pixel size.

Axes of a TIFF are those of its series (OME-XML, ImageJ, tifffile's own), those of OME-Zarr are in its metadata (0.4, 0.5).
Pixels are not read. `gandl.images.files` finds the planes with it, and a table with one column `file` its channels.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from tifffile import TiffFile

MICROMETRES = {
    "pm": 1e-6, "picometer": 1e-6, "nm": 1e-3, "nanometer": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micrometer": 1.0,
    "micron": 1.0, "mm": 1e3, "millimeter": 1e3, "cm": 1e4, "centimeter": 1e4, "m": 1e6, "meter": 1e6,
}  # fmt: skip
"""Units of length in OME-XML and OME-Zarr; what is missing here (pixels, reference frames) gives no size."""
OME_ZARR = ("0.4", "0.5")
"""Versions of OME-Zarr that are read."""
SQUARE = 0.01
"""Sides of a pixel may differ by this share of each other."""
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""First bytes of a TIFF, plain and big, of either byte order."""


class ContentsError(ValueError):
    """A file does not say what it holds; the message begins with its path."""


@dataclass(frozen=True)
class Contents:
    """What a file of one or several images of one size holds.

    Attributes
    ----------
    axes, sizes : what its images differ in, slowest first, and how many there are of each: C (channels), Z (planes), T (time
        points), or P (pages of which nothing is said).
    names : of the channels, "" where one has none; () where nothing is said.
    pixel_size_um : side of a pixel; None if it is not stated, or not square.
    """

    axes: str = ""
    sizes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    pixel_size_um: float | None = None

    def size(self, axis: str) -> int:
        """How many channels (C), planes (Z), time points (T) or unexplained pages (P) there are."""
        return self.sizes[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def channels(self) -> tuple[str, ...]:
        """Names by which channels can be distinguished: their own where all have one, else 1, 2, ..., also for pages."""
        count = self.size("C") * self.size("P")
        if len(self.names) == count and all(self.names) and len({name.casefold() for name in self.names}) == count:
            return self.names
        return tuple(str(number) for number in range(1, count + 1))


@dataclass(frozen=True)
class ZarrImage:
    """One OME-Zarr image: what it holds, the array of full resolution, its sides (px) and its type."""

    contents: Contents
    array: Path
    height: int
    width: int
    dtype: str


def channels_of_file(path: Path) -> tuple[str, ...]:
    """Names of the channels of one file, or their numbers from 1.

    Raises
    ------
    ContentsError : it cannot be read.
    """
    if path.is_dir():
        return contents_of_zarr(path).contents.channels
    try:
        with path.open("rb") as file:
            if file.read(4) not in TIFF:
                return ("1",)
            import tifffile

            file.seek(0)
            with tifffile.TiffFile(file, _multifile=False) as tiff:
                return contents_of_tiff(tiff).channels
    except ContentsError as error:
        raise ContentsError(f"{path} {error}") from error
    except Exception as error:  # whatever tifffile raises for a damaged file
        raise ContentsError(f"{path} cannot be read, so that its channels are not known ({error})") from error


def contents_of_tiff(tiff: TiffFile) -> Contents:
    """What an open TIFF holds.

    Raises
    ------
    ContentsError : several images of different sizes, or axes that are not understood; the message is without the path.
    """
    names, pixel_size_um = _of_xml(tiff.ome_metadata) if tiff.is_ome and tiff.ome_metadata else ((), None)
    if tiff.is_imagej:
        pixel_size_um = _of_imagej(tiff)
    if len(tiff.pages) == 1 and not tiff.is_imagej and not tiff.is_stk and not tiff.is_shaped:
        return Contents("", (), names if len(names) == 1 else (), pixel_size_um)
    series = tiff.series
    if len(series) != 1:
        raise ContentsError(f"holds {len(series)} images of different kinds in {len(tiff.pages)} pages")
    (only,) = series
    axes, sizes = only.axes[:-2], tuple(only.shape[:-2])
    explained = set(axes) & set("TCZ")
    if only.axes[-2:] != "YX" or (explained and explained != set(axes)):
        raise ContentsError(f"has the axes {only.axes}, which are not understood")
    if axes and not explained:
        axes, sizes = "P", (math.prod(sizes),)
    if "C" in axes and not names and tiff.is_imagej:
        names = _of_labels(tiff, axes, sizes)
    channels = sizes[axes.index("C")] if "C" in axes else 1
    return Contents(axes, sizes, names if len(names) == channels else (), pixel_size_um)


def pages_of_series(path: Path) -> list[list[int]]:
    """Of each series (image) of a TIFF the numbers of its pages, from 1, in the order of its frames.

    Raises
    ------
    ContentsError : it cannot be read, or its series are not told apart: only OME-XML does where one of them has several pages.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path, _multifile=False) as tiff:
            series = [[None if page is None else page.index + 1 for page in one.pages] for one in tiff.series]
            frames = [math.prod(one.shape[: -len(one.keyframe.shape)]) for one in tiff.series]
            is_ome = tiff.is_ome
    except Exception as error:  # whatever tifffile raises for a damaged file
        raise ContentsError(f"{path} cannot be read, so that its series are not known ({error})") from error
    pages = [[page for page in one if page is not None] for one in series]
    if [len(one) for one in pages] != frames or not (is_ome or all(len(one) == 1 for one in pages)):
        raise ContentsError(f"the metadata of {path} do not say which pages are of which series")
    return pages


@lru_cache(maxsize=16)
def _of_xml(text: str) -> tuple[tuple[str, ...], float | None]:
    """Names of the channels and side of a pixel (um) of the first image of an OME-XML."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return (), None
    pixels = next((element for element in root.iter() if element.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return (), None
    names = [element.get("Name", "") for element in pixels if element.tag.rpartition("}")[2] == "Channel"]
    sides = [
        _micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XY"
    ]
    return tuple(name.strip() for name in names), _square(*sides)


def _of_imagej(tiff: TiffFile) -> float | None:
    """Side of a pixel (um) of an ImageJ file: its resolution is in pixels per unit."""
    unit = str((tiff.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "µ")
    tags = (tiff.pages[0].aspage().tags.get(f"{axis}Resolution") for axis in "XY")
    stated = [tag.value for tag in tags if tag is not None]
    sides = [_micrometres(length / pixels, unit) for pixels, length in stated if pixels]
    return _square(*sides) if len(sides) == 2 else None


def _of_labels(tiff: TiffFile, axes: str, sizes: tuple[int, ...]) -> tuple[str, ...]:
    """Names of an ImageJ file's channels: the labels of its images, where they depend on the channel alone."""
    import numpy as np

    labels = (tiff.imagej_metadata or {}).get("Labels", [])
    if len(labels) != math.prod(sizes):
        return ()
    by_channel = np.moveaxis(np.array(labels, object).reshape(sizes), axes.index("C"), 0).reshape(
        sizes[axes.index("C")], -1
    )
    if (by_channel != by_channel[:, :1]).any():
        return ()
    return tuple(str(label).strip() for label in by_channel[:, 0])


def _micrometres(size: Any, unit: str) -> float | None:
    try:
        value = float(size) * MICROMETRES[unit]
    except (TypeError, ValueError, KeyError):
        return None
    return value if value > 0 else None


def _square(x: float | None, y: float | None) -> float | None:
    return x if x is not None and y is not None and abs(x - y) <= SQUARE * x else None


def contents_of_zarr(folder: Path) -> ZarrImage:
    """What the folder of an OME-Zarr image holds.

    Raises
    ------
    ContentsError : no image of version 0.4 or 0.5, a plate or a well, or metadata that cannot be read.
    """
    try:
        return _zarr_image(folder)
    except ContentsError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ContentsError(
            f"{folder} has OME-Zarr metadata that cannot be read ({type(error).__name__}: {error})"
        ) from error


def _zarr_image(folder: Path) -> ZarrImage:
    values = attributes_of_zarr(folder)
    if values is None:
        raise ContentsError(
            f"{folder} is a folder, but not of an OME-Zarr image: it holds neither zarr.json nor .zattrs"
        )
    for kind in ("plate", "well"):
        if kind in values:
            raise ContentsError(f"{folder} is an OME-Zarr {kind}, not one image of it, such as plate.zarr/A/1/0")
    if not values.get("multiscales"):
        raise ContentsError(f"{folder} is a folder, but not of an OME-Zarr image: its metadata name no multiscales")
    image = values["multiscales"][0]
    version = str(values.get("version") or image.get("version") or OME_ZARR[0])
    if version not in OME_ZARR:
        raise ContentsError(
            f"{folder} is OME-Zarr of version {version}; {' and '.join(OME_ZARR)} are read: export it as one of them"
        )
    axes = [axis["name"].upper() for axis in image["axes"]]
    array = folder / image["datasets"][0]["path"]
    shape, dtype = _array(array)
    if axes[-2:] != ["Y", "X"] or set(axes[:-2]) - set("TCZ") or len(axes) != len(shape):
        raise ContentsError(
            f"{folder} has the axes {', '.join(axes)} for {len(shape)} dimensions; Y and X must be the last"
        )
    several = [(axis, size) for axis, size in zip(axes[:-2], shape[:-2], strict=True) if size > 1]
    names = tuple(str(channel.get("label", "")).strip() for channel in values.get("omero", {}).get("channels", []))
    channels = dict(several).get("C", 1)
    contents = Contents(
        "".join(axis for axis, _ in several),
        tuple(size for _, size in several),
        names if len(names) == channels else (),
        _zarr_pixel_size(image),
    )
    return ZarrImage(contents, array, shape[-2], shape[-1], dtype)


def attributes_of_zarr(folder: Path) -> dict[str, Any] | None:
    """OME-Zarr's part of a group's attributes: of Zarr 3 (0.5) under the key `ome`, of Zarr 2 (0.4) at the top; None without any.

    Raises
    ------
    OSError, ValueError, TypeError, AttributeError : they cannot be read.
    """
    if (folder / "zarr.json").is_file():
        attributes = json.loads((folder / "zarr.json").read_bytes()).get("attributes", {})
        return dict(attributes.get("ome", attributes))
    if (folder / ".zattrs").is_file():
        return dict(json.loads((folder / ".zattrs").read_bytes()))
    return None


def _array(array: Path) -> tuple[list[int], str]:
    """Shape and type of a Zarr array."""
    if (array / "zarr.json").is_file():
        values = json.loads((array / "zarr.json").read_bytes())
        return list(values["shape"]), str(values["data_type"])
    import numpy as np

    values = json.loads((array / ".zarray").read_bytes())
    return list(values["shape"]), np.dtype(values["dtype"]).name


def _zarr_pixel_size(image: dict[str, Any]) -> float | None:
    """Side of a pixel (um) of an image's largest array, if its axes have a unit of length."""
    units = [str(axis.get("unit", "")) for axis in image["axes"][-2:]]
    sides: list[float] = [1.0, 1.0]
    scales = [*image["datasets"][0].get("coordinateTransformations", []), *image.get("coordinateTransformations", [])]
    for scale in (one["scale"] for one in scales if one.get("type") == "scale"):
        sides = [side * factor for side, factor in zip(sides, scale[-2:], strict=True)]
    return _square(*(_micrometres(side, unit) for side, unit in zip(sides, units, strict=True)))

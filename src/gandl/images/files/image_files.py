"""Image files of a lab: takes a place and what a cell selects of it, gives its size from the header, or its grey values.

The format is determined by a file's first bytes, never by its name; a folder is an OME-Zarr image. What is no grey image, or is
cut short, is refused. Values are those of the file: `gandl.images.files.values` makes them 8 or 16 bit.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from gandl.config import Projection
from gandl.images.files.kinds import AS_IT_IS, ImageFileError, ImageInfo, Reading
from gandl.images.files.ome_zarr import zarr_images, zarr_info
from gandl.images.files.planes import maximum, refuse_impossible
from gandl.images.files.png import SIGNATURE, ImageError, decode_png, png_header
from gandl.images.files.tiff import tiff_images, tiff_info
from gandl.source.plates.contents import TIFF
from gandl.source.plates.references import WHOLE_FILE, Address, Place, Selector

PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff"
OTHERS = {JPEG: "a JPEG, which loses detail", b"GIF8": "a GIF", b"PK\x03\x04": "a zip archive",
          b"\xd0\xcf\x11\xe0": "an OIB file", b"\x89HDF": "an HDF5 file", b"ZISR": "a CZI file",
          b"\xda\xce\xbe\n": "an ND2 file", b"p\x00\x00\x00": "a LIF file"}  # fmt: skip
"""First bytes of what is not a plain image, and its name."""
WAYS_TO_FAIL = (
    tifffile.TiffFileError, imagecodecs.DelayedImportError, UnidentifiedImageError, Image.DecompressionBombError,
    OSError, ValueError, RuntimeError, SyntaxError, IndexError, KeyError, TypeError, AttributeError, ZeroDivisionError,
    struct.error, zlib.error, EOFError, MemoryError,
)  # fmt: skip
"""What decoders raise at a damaged file."""

# damaged files are reported in our own words; tifffile would also write to the terminal
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def image_info(
    place: Place, selector: Selector = WHOLE_FILE, reading: Reading = AS_IT_IS, data: bytes | None = None
) -> ImageInfo:
    """Size and type of an image, from its header; that the file is as long as its header says is checked, too.

    Parameters
    ----------
    place : TIFF (also BigTIFF and OME-TIFF), PNG, BMP, or the folder of an OME-Zarr image.
    selector : page, channel, z plane and time point; may be left out where the file has one image.
    reading : settings that hold where the selector says nothing.
    data : the bytes of the file, where the place is an address.

    Raises
    ------
    ImageFileError : no file, no such image in it, a file cut short, or no grey image.
    """
    try:
        if data is None and _is_folder(place):
            return zarr_info(Path(place), selector, reading)
        with _opened(place, data) as file:
            return _info(str(place), file, selector, reading)
    except WAYS_TO_FAIL as error:
        raise unreadable(place, error) from error


def read_images(
    place: Place,
    selectors: Sequence[Selector] = (WHOLE_FILE,),
    reading: Reading = AS_IT_IS,
    data: bytes | None = None,
) -> list[np.ndarray]:
    """Grey values of images of one file.

    Parameters
    ----------
    place, selectors, reading, data : as in `image_info`; the file is opened once.

    Returns
    -------
    (y, x) each, top row first, of the file's own type, in the order of `selectors`; of several z planes the maximum, if that is
    what the selector or the settings say.

    Raises
    ------
    ImageFileError : as in `image_info`, pixels that cannot be decoded, or that are negative, infinite or no numbers.
    """
    try:
        if data is None and _is_folder(place):
            infos, images = zarr_images(Path(place), selectors, reading)
        else:
            with _opened(place, data) as file:
                infos, images = _images(str(place), file, selectors, reading)
        return [_checked(place, planes, info) for planes, info in zip(images, infos, strict=True)]
    except WAYS_TO_FAIL as error:
        raise unreadable(place, error) from error


def bytes_of(place: Place) -> bytes:
    """All bytes of a file on this machine; raises what opening it raises."""
    assert isinstance(place, Path), f"{place} has to be fetched"
    return place.read_bytes()


def _is_folder(place: Place) -> bool:
    return isinstance(place, Path) and place.is_dir()


def _opened(place: Place, data: bytes | None) -> Any:
    if data is not None:
        return io.BytesIO(data)
    if isinstance(place, Address):
        raise ImageFileError(f"{place} is an address; its bytes have to be fetched first")
    return Path(place).open("rb")


def _checked(place: Place, planes: Sequence[np.ndarray], info: ImageInfo) -> np.ndarray:
    """The planes of one image as one, in the machine's byte order."""
    native = [np.ascontiguousarray(plane, plane.dtype.newbyteorder("=")) for plane in planes]
    for plane in native:
        if plane.shape != (info.height, info.width) or plane.dtype != info.dtype:
            raise ImageFileError(f"{place} holds {plane.shape} {plane.dtype} pixels, but its header says {info.words}")
        refuse_impossible(plane, str(place))
    return maximum(native)


def unreadable(place: Place, error: Exception) -> ImageFileError:
    """The sentence for what went wrong while a file was read."""
    if isinstance(error, ImageFileError):
        return error
    if isinstance(error, ImageError):
        return ImageFileError(str(error))
    if isinstance(error, FileNotFoundError):
        return ImageFileError(f"{place} does not exist")
    if isinstance(error, PermissionError | IsADirectoryError):
        return ImageFileError(f"{place} cannot be read: {error.strerror}")
    return ImageFileError(f"{place} is damaged or cannot be read ({type(error).__name__}: {error})")


def _info(path: str, file: Any, selector: Selector, reading: Reading) -> ImageInfo:
    start, size = _head(file)
    if not size:
        raise ImageFileError(f"{path} is empty (0 bytes)")
    if start.startswith(TIFF):
        return tiff_info(path, file, selector, reading, size)
    if selector.page not in (None, 1):
        raise ImageFileError(f"{path} has one page, not {selector.page}; only TIFF files have several")
    if (
        selector.channel not in (None, "1")
        or selector.time not in (None, 1)
        or selector.z not in (None, 1, *Projection)
    ):
        raise ImageFileError(
            f"{path} is one image, without channels, planes or time points: {selector} selects nothing of it"
        )
    if start.startswith(SIGNATURE):
        return _png_info(path, file, start, size)
    if start.startswith(b"BM"):
        return _bmp_info(path, file, start, size)
    if reading.jpeg and start.startswith(JPEG):
        return _jpeg_info(path, file)
    kind = next((name for magic, name in OTHERS.items() if start.startswith(magic)), "of an unknown kind")
    raise ImageFileError(f"{path} is {kind}; images must be TIFF, PNG or BMP: export them as 16-bit TIFF")


def _head(file: Any) -> tuple[bytes, int]:
    """The first bytes of a file, and its size; the file is at its beginning then."""
    file.seek(0)
    start = file.read(34)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return start, size


def _images(
    path: str, file: Any, selectors: Sequence[Selector], reading: Reading
) -> tuple[list[ImageInfo], list[list[np.ndarray]]]:
    """Headers of images of one file, and the planes of each."""
    start, size = _head(file)
    if start.startswith(TIFF):
        return tiff_images(path, file, selectors, reading, size)
    infos = [_info(path, file, selector, reading) for selector in selectors]
    file.seek(0)
    if start.startswith(SIGNATURE):
        planes = [decode_png(file.read(), path)]
    else:
        with Image.open(file, formats=["JPEG" if start.startswith(JPEG) else "BMP"]) as image:
            planes = [np.array(image)]
    return infos, [planes] * len(selectors)


def _png_info(path: str, file: Any, start: bytes, size: int) -> ImageInfo:
    if len(start) < 26 or start[12:16] != b"IHDR":
        raise ImageFileError(f"{path} is cut short within its header")
    header = png_header(start[16:])
    if header.colour != "grey":
        raise ImageFileError(f"{path} has {header.colour} pixels; it must be a grey image")
    if header.bits not in (8, 16):
        raise ImageFileError(f"{path} holds values of {header.bits} bit; they must be of 8 or 16 bit")
    if not _png_ends(file, size):
        raise ImageFileError(f"{path} is cut short: the end of the PNG is missing ({size:,} bytes are here)")
    return ImageInfo(header.height, header.width, f"uint{header.bits}", 1)


def _png_ends(file: Any, size: int) -> bool:
    """Whether the end mark is there; where something follows it, its chunks are walked."""
    file.seek(max(0, size - len(PNG_END)))
    if file.read() == PNG_END:
        return True
    at = len(SIGNATURE)
    while at + len(PNG_END) <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return True
        at += 12 + length
    return False


def _jpeg_info(path: str, file: Any) -> ImageInfo:
    with Image.open(file, formats=["JPEG"]) as image:
        mode, (width, height) = image.mode, image.size
    if mode != "L":
        raise ImageFileError(f"{path} is a JPEG of colours (mode {mode}); it must be a grey image")
    return ImageInfo(height, width, "uint8", 1)


def _bmp_info(path: str, file: Any, start: bytes, size: int) -> ImageInfo:
    with Image.open(file, formats=["BMP"]) as image:
        mode, (width, height) = image.mode, image.size
    # Pillow calls a palette of black to white in even steps L, every other palette P
    if mode == "P":
        raise ImageFileError(f"{path} has a palette that is not a grey ramp; it must be an 8-bit grey image")
    if mode != "L":
        raise ImageFileError(f"{path} is colour or of another depth (mode {mode}); a BMP must be an 8-bit grey image")
    (offset,), (compression,) = struct.unpack("<I", start[10:14]), struct.unpack("<I", start[30:34])
    end = offset + height * ((width + 3) // 4 * 4)
    if compression == 0 and end > size:
        raise ImageFileError(f"{path} is cut short: it has {size:,} bytes, but its pixels end at {end:,}")
    return ImageInfo(height, width, "uint8", 1)

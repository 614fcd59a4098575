"""Image files of a lab: takes the path of a TIFF, PNG or BMP and a page, gives its size from the header, or its grey values.

The format is determined by a file's first bytes, never by its name. What is not a grey image of 8 or 16 bit, or is cut short, is
refused.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from gandl.images.png import SIGNATURE, ImageError, decode_png, png_header
from gandl.workflow.words import counted

TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
OTHERS = {b"\xff\xd8\xff": "a JPEG, which loses detail", b"GIF8": "a GIF", b"PK\x03\x04": "a zip archive",
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


class ImageFileError(ValueError):
    """An image file is missing, damaged or of another kind; the message says what, and begins with the path."""


class ImageInfo(NamedTuple):
    """Of one page of a file: size (px), `uint8` or `uint16`, and how many pages the file has."""

    height: int
    width: int
    dtype: str
    pages: int

    @property
    def words(self) -> str:
        """`1080 x 1080 px of 16 bit`."""
        return f"{self.height} x {self.width} px of {8 * np.dtype(self.dtype).itemsize} bit"


def image_info(path: Path, page: int | None = None) -> ImageInfo:
    """Size and depth of an image, from its header; that the file is as long as its header says is checked, too.

    Parameters
    ----------
    path : TIFF (also BigTIFF and OME-TIFF), PNG or BMP.
    page : from 1; may be left out where the file has one page.

    Raises
    ------
    ImageFileError : no file, no such page, a file cut short, or no grey image of 8 or 16 bit.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _info(path, file, page)
    except WAYS_TO_FAIL as error:
        raise _unreadable(path, error) from error


def read_images(path: Path, pages: Sequence[int | None] = (None,)) -> list[np.ndarray]:
    """Grey values of pages of one file.

    Parameters
    ----------
    path, pages : as in `image_info`; the file is opened once.

    Returns
    -------
    (y, x) uint8 or uint16 each, top row first, in the order of `pages`.

    Raises
    ------
    ImageFileError : as in `image_info`, and pixels that cannot be decoded.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            infos = [_info(path, file, page) for page in pages]
            images = _decode(path, file, pages)
    except WAYS_TO_FAIL as error:
        raise _unreadable(path, error) from error
    for image, info in zip(images, infos, strict=True):
        if image.shape != (info.height, info.width) or image.dtype != info.dtype:
            raise ImageFileError(f"{path} holds {image.shape} {image.dtype} pixels, but its header says {info.words}")
    return images


def _unreadable(path: Path, error: Exception) -> ImageFileError:
    if isinstance(error, ImageFileError):
        return error
    if isinstance(error, ImageError):
        return ImageFileError(str(error))
    if isinstance(error, FileNotFoundError):
        return ImageFileError(f"{path} does not exist")
    if isinstance(error, PermissionError | IsADirectoryError):
        return ImageFileError(f"{path} cannot be read: {error.strerror}")
    return ImageFileError(f"{path} is damaged or cannot be read ({type(error).__name__}: {error})")


def _info(path: Path, file: Any, page: int | None) -> ImageInfo:
    file.seek(0)
    start = file.read(34)
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if not size:
        raise ImageFileError(f"{path} is empty (0 bytes)")
    if start.startswith(TIFF):
        return _tiff_info(path, file, page, size)
    if page not in (None, 1):
        raise ImageFileError(f"{path} has one page, not {page}; only TIFF files have several")
    if start.startswith(SIGNATURE):
        return _png_info(path, file, start, size)
    if start.startswith(b"BM"):
        return _bmp_info(path, file, start, size)
    kind = next((name for magic, name in OTHERS.items() if start.startswith(magic)), "of an unknown kind")
    raise ImageFileError(f"{path} is {kind}; images must be TIFF, PNG or BMP: export them as 16-bit TIFF")


def _decode(path: Path, file: Any, pages: Sequence[int | None]) -> list[np.ndarray]:
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    if start.startswith(TIFF):
        with tifffile.TiffFile(file) as tiff:
            images = [np.asarray(tiff.pages[(page or 1) - 1].asarray()) for page in pages]
    elif start.startswith(SIGNATURE):
        images = [decode_png(file.read(), str(path))] * len(pages)
    else:
        with Image.open(file, formats=["BMP"]) as image:
            images = [np.array(image)] * len(pages)
    return [np.ascontiguousarray(image, image.dtype.newbyteorder("=")) for image in images]


def _tiff_info(path: Path, file: Any, page: int | None, size: int) -> ImageInfo:
    with tifffile.TiffFile(file) as tiff:
        pages = len(tiff.pages)
        if page is None and pages > 1:
            raise ImageFileError(
                f"{path} has {pages} pages; name one: {path.name}#1 to {path.name}#{pages} in a sites.csv"
            )
        if not 1 <= (page or 1) <= pages:
            raise ImageFileError(f"{path} has {counted(pages, 'readable page')} but no page {page}")
        one = tiff.pages[(page or 1) - 1]
        assert isinstance(one, tifffile.TiffPage | tifffile.TiffFrame)
        one = one.aspage()
        where = f"{path}, page {page}" if page else f"{path}"
        stacked = (tiff.imagej_metadata or {}).get("images", 1)
    if stacked > pages:
        raise ImageFileError(
            f"{path} is an ImageJ stack of {stacked} images in one page; save it as one file per image"
        )
    _check_tiff_kind(where, one)
    ends = [begin + length for begin, length in zip(one.dataoffsets, one.databytecounts, strict=True)]
    if not ends or min(one.databytecounts) == 0:
        raise ImageFileError(f"{where} holds no pixels, or not all of them")
    if max(ends) > size:
        raise ImageFileError(f"{where} is cut short: it has {size:,} bytes, but its pixels end at {max(ends):,}")
    return ImageInfo(int(one.imagelength), int(one.imagewidth), str(one.dtype), pages)


def _check_tiff_kind(where: str, page: tifffile.TiffPage) -> None:
    photometric = tifffile.PHOTOMETRIC(page.photometric).name
    if page.samplesperpixel != 1:
        raise ImageFileError(
            f"{where} has {page.samplesperpixel} values per pixel ({photometric}); it must be grey, one file or page per channel"
        )
    if page.dtype is None or str(page.dtype) not in ("uint8", "uint16") or page.bitspersample < 8:
        kind = (
            "signed" if str(page.dtype).startswith("int") else "floating" if "float" in str(page.dtype) else "unsigned"
        )
        raise ImageFileError(
            f"{where} holds {kind} values of {page.bitspersample} bit; they must be whole numbers of 8 or 16 bit, from 0"
        )
    if photometric == "MINISWHITE":
        raise ImageFileError(f"{where} is stored inverted (0 is white); save it as min-is-black")
    if photometric != "MINISBLACK":
        raise ImageFileError(f"{where} is stored as {photometric}; it must be a plain grey image")
    if page.ndim != 2:
        raise ImageFileError(f"{where} has the shape {page.shape}; a page must be one plain image (y, x)")


def _png_info(path: Path, file: Any, start: bytes, size: int) -> ImageInfo:
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


def _bmp_info(path: Path, file: Any, start: bytes, size: int) -> ImageInfo:
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

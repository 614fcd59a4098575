"""TIFF files: takes an open file and what a cell selects of it, gives its size from the headers, and its planes as stored; of a
published screen's file, which holds one image of a known kind, its pixels.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import tifffile

from gandl.images.files.kinds import KINDS, ImageFileError, ImageInfo, Reading
from gandl.images.files.planes import Chosen, choose
from gandl.images.files.png import ImageError
from gandl.source.plates.contents import Contents, ContentsError, contents_of_tiff
from gandl.source.plates.references import Selector
from gandl.workflow.words import counted

Page = tifffile.TiffPage | tifffile.TiffFrame
LARGEST = 8
"""Bytes of the largest number that is read as a pixel."""
UNREADABLE = (tifffile.TiffFileError, ValueError, TypeError, KeyError, IndexError, OSError, RuntimeError, struct.error)
"""What tifffile and its decoders raise for damaged bytes."""


@dataclass(frozen=True)
class Located:
    """The pages of an image; or, where a page describes several images, the page, and where each of them begins (bytes)."""

    pages: tuple[Page, ...]
    chosen: Chosen
    contents: Contents
    begins: tuple[int, ...] = ()


def tiff_info(path: str, file: BinaryIO, selector: Selector, reading: Reading, size: int) -> ImageInfo:
    """Size and type of an image, from the headers of its pages; that the file is as long as they say is checked.

    Raises
    ------
    ImageFileError : no such page, channel, plane or time point, no grey image, or a file that is cut short.
    """
    with tifffile.TiffFile(file, _multifile=False) as tiff:
        return _described(tiff, path, selector, reading, size)[0]


def tiff_images(
    path: str, file: BinaryIO, selectors: Sequence[Selector], reading: Reading, size: int
) -> tuple[list[ImageInfo], list[list[np.ndarray]]]:
    """Size and type of images of one file, whose headers are read once, and the planes (y, x) of each.

    Raises
    ------
    ImageFileError : as `tiff_info`, before any plane is decoded; damaged pixels raise what tifffile raises.
    """
    with tifffile.TiffFile(file, _multifile=False) as tiff:
        found = [_described(tiff, path, selector, reading, size) for selector in selectors]
        return [info for info, _ in found], [_decoded(tiff, located) for _, located in found]


def decode_tiff(data: bytes, where: str, size: tuple[int, int], dtype: str) -> np.ndarray:
    """Decode a grey TIFF of one page.

    Parameters
    ----------
    data : the whole file. where : its name, with which every message begins.
    size : (height, width) in px that it must have. dtype : `uint8` or `uint16` that it must have.

    Returns
    -------
    (y, x), in the machine's byte order.

    Raises
    ------
    ImageError : no TIFF, cut short, damaged, several pages, in colour, of another depth or another size.
    """
    if not data:
        raise ImageError(f"{where} is empty; it must be a TIFF image")
    try:
        with tifffile.TiffFile(io.BytesIO(data), _multifile=False) as tiff:
            if len(tiff.pages) != 1:
                raise ImageError(f"{where} has {counted(len(tiff.pages), 'page')}; it must have one")
            page = tiff.pages[0].aspage()
            _check_kind(where, page)
            if page.bitspersample != 8 * np.dtype(dtype).itemsize or np.dtype(page.dtype).kind != "u":
                kind = KINDS[np.dtype(page.dtype).kind]
                raise ImageError(
                    f"{where} has {kind} values of {page.bitspersample} bits per pixel; it must have "
                    f"{8 * np.dtype(dtype).itemsize}, unsigned"
                )
            if (page.imagelength, page.imagewidth) != tuple(size):
                raise ImageError(
                    f"{where} is {page.imagelength} x {page.imagewidth} px (height x width); it must be {size[0]} x {size[1]}"
                )
            if (end := max(_ends(where, page))) > len(data):
                raise ImageError(f"{where} is cut short: it has {len(data):,} bytes, but its pixels end at {end:,}")
            return np.asarray(page.asarray(), np.dtype(dtype))
    except ImageError:
        raise
    except ImageFileError as error:
        raise ImageError(str(error)) from error
    except UNREADABLE as error:
        raise ImageError(f"{where} is not a readable TIFF image, or only a part of one ({error})") from error


def _described(
    tiff: tifffile.TiffFile, path: str, selector: Selector, reading: Reading, size: int
) -> tuple[ImageInfo, Located]:
    if selector.page is None:
        _check_kind(path, tiff.pages[0].aspage())
    located = _locate(tiff, path, selector, reading)
    first = located.pages[0].aspage()
    where = f"{path}, page {selector.page}" if selector.page else path
    _check_kind(where, first)
    nbytes = first.nbytes
    ends = [begin + nbytes for begin in located.begins] or [end for page in located.pages for end in _ends(where, page)]
    if max(ends) > size:
        raise ImageFileError(f"{where} is cut short: it has {size:,} bytes, but its pixels end at {max(ends):,}")
    info = ImageInfo(
        int(first.imagelength),
        int(first.imagewidth),
        str(first.dtype),
        len(tiff.pages),
        len(located.chosen.places),
        located.chosen.by_setting,
        located.contents.pixel_size_um,
        located.chosen.places if selector.page is None else (),
    )
    return info, located


def _decoded(tiff: tifffile.TiffFile, located: Located) -> list[np.ndarray]:
    if not located.begins:
        return [np.asarray(page.asarray()) for page in located.pages]
    page = located.pages[0].aspage()
    kind = np.dtype(page.dtype).newbyteorder(tiff.byteorder)
    images = []
    for begin in located.begins:
        tiff.filehandle.seek(begin)
        data = tiff.filehandle.read(page.nbytes)
        images.append(np.frombuffer(data, kind).reshape(page.imagelength, page.imagewidth))
    return images


def _locate(tiff: tifffile.TiffFile, path: str, selector: Selector, reading: Reading) -> Located:
    count = len(tiff.pages)
    try:
        contents = contents_of_tiff(tiff)
    except ContentsError as error:
        if selector.page is None:
            raise ImageFileError(f"{path} {error}; {_name_a_page(path, count)}") from error
        contents = Contents()
    if not contents.axes and selector.page is None and count > 1:
        raise ImageFileError(f"{path} has {count} pages; {_name_a_page(path, count)}")
    if selector.page is not None:
        return _page(tiff, contents, selector.page, path)
    chosen = choose(contents, selector, reading, path)
    if not contents.axes:
        return Located((tiff.pages[0],), chosen, contents)
    (series,) = tiff.series
    if _in_one_page(tiff, contents):
        return Located((tiff.pages[0],), chosen, contents, _begins(series, chosen.places))
    pages = [series[place] for place in chosen.places]
    there = tuple(page for page in pages if page is not None)
    if len(there) < len(pages):
        raise ImageFileError(f"{path} lacks planes that its own metadata name; they may be in another file")
    return Located(there, chosen, contents)


def _page(tiff: tifffile.TiffFile, contents: Contents, number: int, path: str) -> Located:
    """A page by its number; where one page describes several images, the image of that number."""
    chosen, one = Chosen((number - 1,)), Contents(pixel_size_um=contents.pixel_size_um)
    if _in_one_page(tiff, contents):
        count = int(np.prod(contents.sizes))
        if number <= count:
            return Located((tiff.pages[0],), chosen, one, _begins(tiff.series[0], (number - 1,)))
        raise ImageFileError(f"{path} holds {count} images in one page, but no image {number}")
    if not 1 <= number <= len(tiff.pages):
        raise ImageFileError(f"{path} has {counted(len(tiff.pages), 'readable page')} but no page {number}")
    return Located((tiff.pages[number - 1],), chosen, one)


def _in_one_page(tiff: tifffile.TiffFile, contents: Contents) -> bool:
    """Whether the first page describes images that follow one another without pages of their own: ImageJ, large files."""
    return bool(contents.axes) and len(tiff.pages) < int(np.prod(contents.sizes))


def _begins(series: Any, places: Sequence[int]) -> tuple[int, ...]:
    if series.dataoffset is None:
        raise ImageFileError(f"{series.parent.filename} holds several images in one page that is compressed")
    nbytes = series.keyframe.nbytes
    return tuple(int(series.dataoffset + place * nbytes) for place in places)


def _name_a_page(path: str, count: int) -> str:
    name = path.rpartition("/")[2]
    return f"name one: {name}#1 to {name}#{count} in a sites.csv"


def _ends(where: str, page: Page) -> list[int]:
    """Where the strips or tiles of a page end."""
    if not page.databytecounts or min(page.databytecounts) == 0:
        raise ImageFileError(f"{where} holds no pixels, or not all of them")
    return [begin + length for begin, length in zip(page.dataoffsets, page.databytecounts, strict=True)]


def _check_kind(where: str, page: tifffile.TiffPage) -> None:
    photometric = tifffile.PHOTOMETRIC(page.photometric).name
    if page.samplesperpixel != 1:
        raise ImageFileError(
            f"{where} has {page.samplesperpixel} values per pixel ({photometric}); it must be grey, one file or page per channel"
        )
    dtype = np.dtype(page.dtype) if page.dtype is not None else None
    if dtype is None or dtype.kind not in KINDS or dtype.itemsize > LARGEST or page.bitspersample < 8:
        kind = KINDS.get(dtype.kind, dtype.name) if dtype is not None and dtype.kind != "b" else "unsigned"
        raise ImageFileError(
            f"{where} holds {kind} values of {page.bitspersample} bit; they must be numbers of 8 bit or more"
        )
    if photometric == "MINISWHITE":
        raise ImageFileError(f"{where} is stored inverted (0 is white); save it as min-is-black")
    if photometric != "MINISBLACK":
        raise ImageFileError(f"{where} is stored as {photometric}; it must be a plain grey image")
    if page.ndim != 2:
        raise ImageFileError(f"{where} has the shape {page.shape}; a page must be one plain image (y, x)")

"""OME-Zarr images (0.4, 0.5): takes the folder of one image and what a cell selects of it, gives its size, and its planes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
import zarr

from gandl.images.files.kinds import KINDS, ImageFileError, ImageInfo, Reading
from gandl.images.files.planes import Chosen, choose
from gandl.source.plates.contents import Contents, ContentsError, ZarrImage, contents_of_zarr
from gandl.source.plates.references import Selector, files_below

OF_ARRAYS = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
"""Files beside the chunks of an array that hold no pixels."""


def zarr_info(folder: Path, selector: Selector, reading: Reading) -> ImageInfo:
    """Size and type of an image, from its metadata.

    Raises
    ------
    ImageFileError : no OME-Zarr image of a version that is read, or no such channel, plane or time point.
    """
    return _described(_opened(folder, [selector]), folder, selector, reading)[0]


def zarr_images(
    folder: Path, selectors: Sequence[Selector], reading: Reading
) -> tuple[list[ImageInfo], list[list[np.ndarray]]]:
    """Size and type of images of one folder, whose metadata are read once, and the planes (y, x) of each, at full resolution.

    Raises
    ------
    ImageFileError : as `zarr_info`, and where no pixels were stored; damaged chunks raise what zarr raises.
    """
    image = _opened(folder, selectors)
    found = [_described(image, folder, selector, reading) for selector in selectors]
    array = zarr.open_array(image.array, mode="r")
    planes = [[_plane(array, image.contents, place, folder) for place in chosen.places] for _, chosen in found]
    return [info for info, _ in found], planes


def chunks_of(folder: Path) -> tuple[int, int]:
    """How many files of pixels (chunks; of Zarr 3 also shards) the full resolution of an image has, and how many it may have.

    A chunk without a file is read as the fill value. Some writers leave out chunks that hold nothing else; a copy that was
    interrupted looks the same. https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html#fill-value

    Raises
    ------
    ImageFileError, OSError, ValueError, KeyError, TypeError : no OME-Zarr image, or metadata that cannot be read.
    """
    array = _opened(folder, []).array
    new = (array / "zarr.json").is_file()
    values = json.loads((array / ("zarr.json" if new else ".zarray")).read_bytes())
    sides = values["chunk_grid"]["configuration"]["chunk_shape"] if new else values["chunks"]
    whole = math.prod(math.ceil(size / side) for size, side in zip(values["shape"], sides, strict=True))
    return sum(PurePath(name).name not in OF_ARRAYS for name in files_below(array)), whole


def _described(image: ZarrImage, folder: Path, selector: Selector, reading: Reading) -> tuple[ImageInfo, Chosen]:
    chosen = choose(image.contents, selector, reading, str(folder))
    pages = int(np.prod(image.contents.sizes))
    size = image.contents.pixel_size_um
    info = ImageInfo(
        image.height, image.width, image.dtype, pages, len(chosen.places), chosen.by_setting, size, chosen.places
    )
    return info, chosen


def _plane(array: zarr.Array, contents: Contents, place: int, folder: Path) -> np.ndarray:
    several = iter(np.unravel_index(place, contents.sizes) if contents.sizes else ())
    index = tuple(int(next(several)) if size > 1 else 0 for size in array.shape[:-2])
    plane = np.asarray(array[index])
    if (plane == plane.flat[0]).all() and not array.nchunks_initialized:
        raise ImageFileError(f"{folder} holds metadata, but no pixels")
    return plane


def _opened(folder: Path, selectors: Sequence[Selector]) -> ZarrImage:
    if any(selector.page is not None for selector in selectors):
        raise ImageFileError(f"{folder} is an OME-Zarr image, which has no pages; name a channel: #channel=1")
    try:
        image = contents_of_zarr(folder)
    except ContentsError as error:
        raise ImageFileError(str(error)) from error
    if np.dtype(image.dtype).kind not in KINDS:
        raise ImageFileError(f"{folder} holds values of type {image.dtype}; they must be numbers")
    return image

"""Illumination functions: takes a `.npy` or TIFF as CellProfiler writes it, gives the factor of every pixel."""

from __future__ import annotations

import io

import numpy as np

from gandl.images.files.image_files import WAYS_TO_FAIL, bytes_of, read_images, unreadable
from gandl.images.files.kinds import ImageFileError
from gandl.images.files.planes import where_in
from gandl.source.plates.references import Place

NUMPY = b"\x93NUMPY"


def read_function(place: Place, size: tuple[int, int], data: bytes | None = None) -> np.ndarray:
    """An illumination function: images are divided by it.

    Parameters
    ----------
    place : a `.npy` array or a TIFF of one page. size : (height, width) in px of the images. data : its bytes, of an address.

    Returns
    -------
    (y, x) float64, all above 0.

    Raises
    ------
    ImageFileError : it cannot be read, is of another size, or holds values that nothing can be divided by.
    """
    try:
        raw = bytes_of(place) if data is None else data
        if raw.startswith(NUMPY):
            function = np.load(io.BytesIO(raw), allow_pickle=False).squeeze()
        else:
            (function,) = read_images(place, data=raw)
    except WAYS_TO_FAIL as error:
        raise unreadable(place, error) from error
    if function.shape != size or function.dtype.kind not in "uif":
        shape = " x ".join(map(str, function.shape))
        raise ImageFileError(
            f"{place} is an illumination function of {shape} {function.dtype} values; images are {size[0]} x {size[1]} px "
            "(height x width); name functions of the images' size, or leave out --illumination (source.plates.illumination)"
        )
    wrong = ~(np.isfinite(function) & (function > 0))
    if wrong.any():
        raise ImageFileError(
            f"{place} is an illumination function with values that nothing can be divided by: {where_in(function, wrong)}"
        )
    return function.astype(np.float64)

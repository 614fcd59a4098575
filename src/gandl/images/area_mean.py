"""Area mean: takes images of 8 or 16 bit, makes them smaller by a whole factor, rounded correctly."""

from __future__ import annotations

import numpy as np


def area_mean(images: np.ndarray, factor: int) -> np.ndarray:
    """Mean of every complete `factor` x `factor` square of pixels, rounded half up in whole-number arithmetic.

    Squares begin at the upper left; pixels at the right and lower border that fill no square (at most factor - 1) are left out.

    Parameters
    ----------
    images : (..., y, x) uint8 or uint16.

    Returns
    -------
    (..., y // factor, x // factor), of the same type; for a factor of 1, the images themselves.

    Raises
    ------
    ValueError : another type, or images smaller than one square.
    """
    if images.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the area mean is made for uint8 and uint16 images, not {images.dtype}")
    height, width = (side // factor if factor >= 1 else 0 for side in images.shape[-2:])
    if not height or not width:
        raise ValueError(
            f"images of {images.shape[-2]} x {images.shape[-1]} px cannot be made smaller by a factor of {factor}"
        )
    if factor == 1:
        return images
    small = np.empty((*images.shape[:-2], height, width), images.dtype)
    area = factor * factor
    kind = np.min_scalar_type(area * np.iinfo(images.dtype).max + area // 2)
    lines = np.empty((height, width * factor), kind)
    sums = np.empty((height, width), kind)
    for place in np.ndindex(
        images.shape[:-2]
    ):  # one image at a time, in the same room: it stays in the processor's cache
        image = images[place][: height * factor, : width * factor]
        np.add(image[::factor], image[1::factor], out=lines, dtype=kind)
        for line in range(2, factor):
            lines += image[line::factor]
        np.add(lines[:, ::factor], lines[:, 1::factor], out=sums)
        for column in range(2, factor):
            sums += lines[:, column::factor]
        sums += kind.type(area // 2)
        np.floor_divide(sums, kind.type(area), out=small[place], casting="unsafe")
    return small

"""Area mean: takes images of 8 or 16 bit, makes them smaller by a whole factor, rounded correctly."""

from __future__ import annotations

import numpy as np


def area_mean(images: np.ndarray, factor: int) -> np.ndarray:
    """Mean of every `factor` x `factor` square of pixels, rounded half up in whole-number arithmetic.

    Parameters
    ----------
    images : (..., y, x) uint8 or uint16; y and x are multiples of `factor`.

    Returns
    -------
    (..., y / factor, x / factor), of the same type.

    Raises
    ------
    ValueError : another type, or a size that is no multiple of the factor.
    """
    if images.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the area mean is made for uint8 and uint16 images, not {images.dtype}")
    height, width = images.shape[-2:]
    if factor < 1 or height % factor or width % factor:
        raise ValueError(f"images of {height} x {width} px cannot be made smaller by a factor of {factor}")
    if factor == 1:
        return images.copy()
    # uint32 holds factor^2 * 65535 up to a factor of 256
    kind = np.uint32 if factor <= 256 else np.uint64
    lines = images.reshape(*images.shape[:-1], width // factor, factor).sum(axis=-1, dtype=kind)
    sums = lines.reshape(*images.shape[:-2], height // factor, factor, width // factor).sum(axis=-2, dtype=kind)
    area = kind(factor * factor)
    return ((sums + area // kind(2)) // area).astype(images.dtype)

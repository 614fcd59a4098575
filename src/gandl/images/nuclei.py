"""Nuclei: takes a nuclear channel, makes a label image. The hand-made floor and the read-outs of generated crops share it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import gaussian, threshold_otsu

Labels = npt.NDArray[np.intp]


def smoothed(nuclear: npt.NDArray[Any], sigma: float) -> npt.NDArray[np.float64]:
    """The image (h, w) after a Gaussian of `sigma` pixels, in its own units."""
    smooth: npt.NDArray[np.float64] = gaussian(nuclear.astype(np.float64), sigma, preserve_range=True)
    return smooth


def filled(smooth: npt.NDArray[np.float64], threshold: float) -> npt.NDArray[np.bool_]:
    """Where a smoothed image (h, w) is above a threshold, holes filled."""
    bright: npt.NDArray[np.bool_] = ndimage.binary_fill_holes(smooth > threshold)
    return bright


def bright_objects(smooth: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Where a smoothed image (h, w) is above its own threshold (Otsu 1979), holes filled; nowhere in an image of one value."""
    if smooth.min() == smooth.max():
        return np.zeros(smooth.shape, bool)
    return filled(smooth, threshold_otsu(smooth))


def label_nuclei(bright: npt.NDArray[np.bool_], minimum_area: float) -> tuple[Labels, int]:
    """Connected objects (also across corners) of at least `minimum_area` pixels.

    Returns
    -------
    labels (h, w), 0 is background, nuclei are 1 ... count; and the count.
    """
    objects, _ = ndimage.label(bright, structure=np.ones((3, 3)))
    kept = np.bincount(objects.ravel()) >= minimum_area
    kept[0] = False
    return (np.cumsum(kept) * kept)[objects], int(kept.sum())


def typical_area(areas: npt.NDArray[np.int64]) -> float:
    """The area (px) such that half of all bright pixels lie in objects above it: many specks do not move it.

    areas : (n,) of the objects, at least one.
    """
    ascending = np.sort(areas)
    return float(ascending[np.searchsorted(np.cumsum(ascending), ascending.sum() / 2)])

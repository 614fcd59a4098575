"""Crops for training: takes image stores, makes batches of random squares, reproducibly, and turns them by symmetry.

The sampler's own random generator is its whole position: saving its state and restoring it continues the very same sequence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.images.store import ImageStore
from gandl.models.intensity import moments_of

MEMORY_LIMIT = 2**30
"""Stores of at most so many bytes (at the training resolution) are held in memory; larger ones are read crop by crop."""
ORIENTATIONS = 8


class CropError(ValueError):
    """The stores cannot give the crops asked for; the message says which store lacks what."""


def open_stores(paths: Sequence[Path], resolution: int, crop: int) -> list[ImageStore]:
    """Open stores that train one model together.

    Raises
    ------
    CropError : no store, no images, other channels, bit depth or sides than the first, a missing resolution, images smaller than
        the crop.
    """
    if not paths:
        raise CropError("training needs at least one image store, and none was given")
    stores = [ImageStore(Path(path)) for path in paths]
    for store in stores:
        _check(store, stores[0], resolution, crop)
    return stores


def _check(store: ImageStore, first: ImageStore, resolution: int, crop: int) -> None:
    """Refuse a store that cannot be trained on together with the first."""
    if store.channels != first.channels:
        raise CropError(
            f"{store.path} holds the channels {', '.join(store.channels)}, but {first.path} holds "
            f"{', '.join(first.channels)}; stores of one training must agree"
        )
    if store.dtype != first.dtype:
        raise CropError(f"{store.path} holds {store.dtype} pixels, but {first.path} holds {first.dtype}")
    if resolution not in store.resolutions:
        raise CropError(
            f"{store.path} holds no images of {resolution} px (training.resolution), only of "
            f"{', '.join(map(str, store.resolutions))} px"
        )
    if len(store) == 0:
        raise CropError(f"{store.path} holds no images: there is nothing to cut crops from")
    height, width = store.shape_at(resolution)
    sides = first.shape_at(resolution)
    if (height, width) != sides:
        raise CropError(
            f"{store.path} holds images of {height} x {width} px (height x width), but {first.path} of "
            f"{sides[0]} x {sides[1]} px; stores of one training must agree"
        )
    if min(height, width) < crop:
        raise CropError(
            f"{store.path} holds images of {height} x {width} px at training.resolution {resolution}, smaller than a crop of "
            f"{crop} px (training.network.crop)"
        )


class CropSampler:
    """Random crops: every site is equally likely, and so is every position within it.

    Parameters
    ----------
    stores : as `open_stores` gives them.
    resolution, crop : stored size of the images (px, the shorter side), and side of the crops.
    seed : of the sampler's own random generator.
    """

    def __init__(self, stores: Sequence[ImageStore], resolution: int, crop: int, seed: int) -> None:
        self.stores = list(stores)
        self.resolution = resolution
        self.crop = crop
        self.rng = np.random.default_rng(seed)
        self._first = np.cumsum([0, *(len(store) for store in stores)])
        self._channels = len(stores[0].channels)
        height, width = stores[0].shape_at(resolution)
        self._places = [height - crop + 1, width - crop + 1]
        size = len(self) * self._channels * height * width * stores[0].dtype.itemsize
        self._images = [store.sites(slice(None), resolution) for store in stores] if size <= MEMORY_LIMIT else None
        self._moments = np.full((len(self), self._channels, 2), np.nan, np.float32)

    def __len__(self) -> int:
        """Number of sites."""
        return int(self._first[-1])

    def draw(self, n: int, rng: np.random.Generator | None = None) -> npt.NDArray[np.int64]:
        """Draw n places: (n, 4) store, site within it, top, left; by the sampler's own generator or by another."""
        rng = self.rng if rng is None else rng
        site = rng.integers(len(self), size=n)
        store = np.searchsorted(self._first, site, side="right") - 1
        corner = rng.integers(self._places, size=(n, 2))
        return np.column_stack([store, site - self._first[store], corner])

    def read(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.unsignedinteger]:
        """Crops (n, c, crop, crop) at places."""
        side = self.crop
        crops = np.empty((len(places), self._channels, side, side), self.stores[0].dtype)
        for i, (store, site, top, left) in enumerate(places.tolist()):
            if self._images is None:
                crops[i] = self.stores[store].crop(site, top, left, side, self.resolution)
            else:
                crops[i] = self._images[store][site, :, top : top + side, left : left + side]
        return crops

    def moments(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Mean and deviation of the whole images at places: (n, c, 2); an image is measured when it is first drawn, and kept."""
        positions = self._first[places[:, 0]] + places[:, 1]
        for position, store, site in zip(positions, places[:, 0], places[:, 1], strict=True):
            if np.isnan(self._moments[position, 0, 0]):
                self._moments[position] = moments_of(self._image(store, site))[0]
        return self._moments[positions]

    def _image(self, store: int, site: int) -> npt.NDArray[np.unsignedinteger]:
        """A whole image (1, c, y, x)."""
        if self._images is None:
            return self.stores[store].sites([site], self.resolution)
        return self._images[store][site : site + 1]

    @property
    def state(self) -> str:
        """Position in the sequence, as text."""
        return json.dumps(self.rng.bit_generator.state)

    @state.setter
    def state(self, text: str) -> None:
        self.rng.bit_generator.state = json.loads(text)


def orient(images: Tensor, orientation: Tensor) -> Tensor:
    """Turn and flip square images (n, c, s, s): orientation (n,) in 0 ... 7 names an element of the square's symmetry group."""
    bits = [(orientation >> bit & 1).bool()[:, None, None, None] for bit in range(3)]
    images = torch.where(bits[0], images.flip(2), images)
    images = torch.where(bits[1], images.flip(3), images)
    return torch.where(bits[2], images.transpose(2, 3), images)

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
    CropError : no store, no images, other channels or bit depth than the first, a missing resolution, images below the crop.
    """
    if not paths:
        raise CropError("training needs at least one image store, and none was given")
    stores = [ImageStore(Path(path)) for path in paths]
    first = stores[0]
    for store in stores:
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
        if resolution < crop:
            raise CropError(
                f"{store.path} holds images of {resolution} px (training.resolution), smaller than a crop of {crop} px "
                "(training.network.crop)"
            )
    return stores


class CropSampler:
    """Random crops: every site is equally likely, and so is every position within it.

    Parameters
    ----------
    stores : as `open_stores` gives them.
    resolution, crop : side (px) of the stored images and of the crops.
    seed : of the sampler's own random generator.
    """

    def __init__(self, stores: Sequence[ImageStore], resolution: int, crop: int, seed: int) -> None:
        self.stores = list(stores)
        self.resolution = resolution
        self.crop = crop
        self.rng = np.random.default_rng(seed)
        self._first = np.cumsum([0, *(len(store) for store in stores)])
        fits = len(self) * len(stores[0].channels) * resolution**2 * stores[0].dtype.itemsize <= MEMORY_LIMIT
        self._moments: npt.NDArray[np.float32] | None = None
        self._images = [store.sites(slice(None), resolution) for store in stores] if fits else None

    def __len__(self) -> int:
        """Number of sites."""
        return int(self._first[-1])

    def draw(self, n: int) -> npt.NDArray[np.int64]:
        """Draw n places: (n, 4) store, site within it, top, left."""
        site = self.rng.integers(len(self), size=n)
        store = np.searchsorted(self._first, site, side="right") - 1
        corner = self.rng.integers(self.resolution - self.crop + 1, size=(n, 2))
        return np.column_stack([store, site - self._first[store], corner])

    def read(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.unsignedinteger]:
        """Crops (n, c, crop, crop) at places."""
        side, channels = self.crop, len(self.stores[0].channels)
        crops = np.empty((len(places), channels, side, side), self.stores[0].dtype)
        for i, (store, site, top, left) in enumerate(places.tolist()):
            if self._images is None:
                crops[i] = self.stores[store].crop(site, top, left, side, self.resolution)
            else:
                crops[i] = self._images[store][site, :, top : top + side, left : left + side]
        return crops

    def moments(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Mean and deviation of the whole images at places: (n, c, 2); all images are measured once, at the first call."""
        if self._moments is None:
            self._moments = np.concatenate(
                [moments_of(images) for store in self.stores for _, images in store.batches(16, self.resolution)]
            )
        return self._moments[self._first[places[:, 0]] + places[:, 1]]

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

"""Crops for training: takes image stores, sets sites aside, makes batches of random squares, and turns them by symmetry.

The sampler remembers nothing of what it drew: the same random generator gives the same crops.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gandl.config import Pairs
from gandl.images.store_reader import ImageStore, StoreError
from gandl.models.crops.chances import Balance, Mates, Positions
from gandl.models.crops.intensity import moments_of

MEMORY_LIMIT = 2**30
"""Stores of at most this many bytes (at the training resolution) are held in memory; larger ones are read crop by crop."""
READ_TOGETHER = 64
"""Sites that are read at a time where all are: of tiles, several lie in one image, which is then read once."""
ORIENTATIONS = 8
HELD_OUT_SEED = 0

Pixels = npt.NDArray[np.unsignedinteger]
"""Stored pixels, uint8 or uint16."""
Places = npt.NDArray[np.int64]
"""(n, 4): store, site within it, top, left."""


class CropError(ValueError):
    """The stores cannot give the crops requested; the message says which store lacks what."""


def open_stores(
    paths: Sequence[Path], resolution: int, crop: int, section: str = "training", channels: Sequence[str] | None = None
) -> list[ImageStore]:
    """Open stores that train one model together.

    Parameters
    ----------
    resolution, crop : stored size of the images (px, the shorter side), and side of the crops.
    section : of the settings, for messages.
    channels : that are trained on, by name and in this order; by default all.

    Raises
    ------
    CropError : no store, no images, other channels, bit depth, sides or pixel size (where both are known) than the first, a
        missing resolution, images smaller than the crop.
    """
    if not paths:
        raise CropError("training needs at least one image store, and none was given")
    stores = [ImageStore(Path(path)) for path in paths]
    if channels is not None:
        try:
            stores = [store.only(channels) for store in stores]
        except StoreError as error:
            raise CropError(f"the training takes the channels {', '.join(channels)}: {error}") from None
    for store in stores:
        _check(store, stores[0], resolution, crop, section)
    _check_pixel_sizes(stores, resolution)
    return stores


def _check_pixel_sizes(stores: Sequence[ImageStore], resolution: int) -> None:
    """Refuse stores whose pixels are known to show different lengths: a network would learn cells of two sizes."""
    sizes = [(size, store.path) for store in stores if (size := store.pixel_size_at(resolution)) is not None]
    for size, path in sizes:
        expected, first = sizes[0]
        if not math.isclose(size, expected, rel_tol=1e-3):
            raise CropError(
                f"{path} has pixels of {size:g} um, but {first} of {expected:g} um; stores of one training must agree"
            )


def _check(store: ImageStore, first: ImageStore, resolution: int, crop: int, section: str) -> None:
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
            f"{store.path} holds no images of {resolution} px ({section}.resolution), only of "
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
            f"{store.path} holds images of {height} x {width} px at {section}.resolution {resolution}, smaller than a crop of "
            f"{crop} px ({section}.network.crop)"
        )


def hold_out(n_sites: int, share: float) -> tuple[Positions, Positions]:
    """Hold sites out of training: the same ones in every training, and a larger share holds those of a smaller one.

    Parameters
    ----------
    n_sites : of all stores together.
    share : of the sites, in [0, 1); rounded, but where it is not 0 at least one site is held out and at least one is left.

    Returns
    -------
    positions of the sites to train on, and of those held out, both ascending. A single site is not held out.
    """
    n = min(max(round(share * n_sites), 1), n_sites - 1) if share else 0
    mixed = np.random.default_rng(HELD_OUT_SEED).permutation(n_sites)
    return np.sort(mixed[n:]), np.sort(mixed[:n])


class CropSampler:
    """Random crops: every site that may be drawn is equally likely, and so is every position within it.

    It has no state that decides what is drawn, and no file stays open, however many stores there are. Reading is safe from
    several threads.

    Parameters
    ----------
    stores : as `open_stores` gives them.
    resolution, crop : stored size of the images (px, the shorter side), and side of the crops.
    positions : of the sites that may be drawn, counted through all stores; by default all. If their images are small together
        (`MEMORY_LIMIT`), they are read now and held in memory.
    classes : (sites,) class of every site, counted through all stores: each class is then drawn equally often, and so is each of
        its sites; by default each site.

    Raises
    ------
    CropError : there are no sites to draw.
    """

    def __init__(
        self,
        stores: Sequence[ImageStore],
        resolution: int,
        crop: int,
        positions: Positions | None = None,
        classes: Positions | None = None,
    ) -> None:
        self.stores = list(stores)
        self.resolution = resolution
        self.crop = crop
        self._first = np.cumsum([0, *(len(store) for store in stores)])
        sites = int(self._first[-1])
        self.positions = np.arange(sites) if positions is None else np.asarray(positions, np.int64)
        if not len(self):
            raise CropError(
                "there are no sites to cut crops from: all are held out (training.held_out), or none was given"
            )
        self._channels = len(stores[0].channels)
        height, width = stores[0].shape_at(resolution)
        self._corners = [height - crop + 1, width - crop + 1]
        self._mates = Mates(self.stores, self.positions)
        self._balance = None if classes is None else Balance(self.positions, classes)
        self._row = np.full(sites, -1, np.int32)
        self._held: Pixels | None = None
        if len(self) * self._channels * height * width * stores[0].dtype.itemsize <= MEMORY_LIMIT:
            self._held = self._whole(self.positions)
            self._row[self.positions] = np.arange(len(self))
        self._moments = np.full((sites, self._channels, 2), np.nan, np.float32)
        self._measuring = threading.Lock()

    def __len__(self) -> int:
        """Number of sites that may be drawn."""
        return len(self.positions)

    def draw(self, n: int, rng: np.random.Generator) -> Places:
        """Draw n places, with replacement: (n, 4) store, site within it, top, left."""
        if self._balance is not None:
            return self._places(self._balance.draw(n, rng), rng)
        return self._places(self.positions[rng.integers(len(self), size=n)], rng)

    def positions_of(self, places: Places) -> Positions:
        """Numbers (n,) of the sites at places, counted through all stores."""
        positions: Positions = self._first[places[:, 0]] + places[:, 1]
        return positions

    def draw_pairs(self, n: int, rng: np.random.Generator, pairs: Pairs) -> Places:
        """Draw n places (n, 4) as `draw` does, of which 2 i and 2 i + 1 belong together.

        Parameters
        ----------
        n : an even number.
        pairs : `site`: both in one site; `well`: in two sites of one well, or in one site where its well has no other that may be
            drawn.
        """
        first = self.positions[rng.integers(len(self), size=n // 2)]
        second = first if pairs is Pairs.SITE else self._mates.draw(first, rng)
        return self._places(np.column_stack([first, second]).reshape(-1), rng)

    def _places(self, position: Positions, rng: np.random.Generator) -> Places:
        """A random corner in each site (n,): (n, 4)."""
        store = self._store_of(position)
        corner = rng.integers(self._corners, size=(len(position), 2))
        return np.column_stack([store, position - self._first[store], corner])

    def read(self, places: Places, out: Pixels | None = None, moments: npt.NDArray[np.float32] | None = None) -> Pixels:
        """Crops (n, c, crop, crop) at places.

        Parameters
        ----------
        out : to be filled with them, instead of a new array.
        moments : (n, c, 2), to be filled with the moments of the images; one not measured yet is then read only once.

        Raises
        ------
        gandl.images.store_reader.StoreError : a shard is damaged or missing.
        """
        side = self.crop
        crops = np.empty((len(places), self._channels, side, side), self.stores[0].dtype) if out is None else out
        for i, (store, site, top, left) in enumerate(places.tolist()):
            position = int(self._first[store]) + site
            image = self._image_held(position)
            if image is None and moments is not None and not self._is_measured(position):
                image = self.stores[store].sites([site], self.resolution)[0]
            if image is None:
                crops[i] = self.stores[store].crop(site, top, left, side, self.resolution)
            else:
                crops[i] = image[:, top : top + side, left : left + side]
            if moments is not None:
                moments[i] = self._moments_of(position, image)
        return crops

    def moments(self, places: Places) -> npt.NDArray[np.float32]:
        """Mean and deviation of the whole images at places: (n, c, 2); an image is measured when it is first drawn, and kept."""
        positions = self.positions_of(places).tolist()
        found = [self._moments_of(position, self._image_held(position)) for position in positions]
        return np.stack(found) if found else np.empty((0, self._channels, 2), np.float32)

    def _is_measured(self, position: int) -> bool:
        with self._measuring:
            return not np.isnan(self._moments[position, 0, 0])

    def _moments_of(self, position: int, image: Pixels | None) -> npt.NDArray[np.float32]:
        """(c, 2); measures the image (c, y, x), which is read where it is not given, unless that was done before.

        Two threads may measure one image at once: both find the same.
        """
        if not self._is_measured(position):
            pixels = self._whole(np.array([position])) if image is None else image[None]
            measured = moments_of(pixels)[0]
            with self._measuring:
                self._moments[position] = measured
        return self._moments[position]

    def _image_held(self, position: int) -> Pixels | None:
        """An image (c, y, x) that is in memory."""
        row = int(self._row[position])
        return None if self._held is None or row < 0 else self._held[row]

    def _whole(self, positions: Positions) -> Pixels:
        """Whole images (n, c, y, x)."""
        height, width = self.stores[0].shape_at(self.resolution)
        images = np.empty((len(positions), self._channels, height, width), self.stores[0].dtype)
        store = self._store_of(positions)
        for number in np.unique(store).tolist():
            rows = np.flatnonzero(store == number)
            for some in np.array_split(rows, -(-len(rows) // READ_TOGETHER)):
                sites = (positions[some] - self._first[number]).tolist()
                images[some] = self.stores[number].sites(sites, self.resolution)
        return images

    def _store_of(self, positions: Positions) -> Positions:
        return np.searchsorted(self._first, positions, side="right") - 1


def orient(images: Tensor, orientation: Tensor) -> Tensor:
    """Turn and flip square images (n, c, s, s), which come out in channels-last memory.

    Parameters
    ----------
    orientation : (n,) in 0 ... 7, an element of the square's symmetry group each: 1 flips up and down, 2 left and right, 4 then
        swaps rows and columns.
    """
    n, channels, side, _ = images.shape
    pixels = images.permute(0, 2, 3, 1).reshape(n * side * side, channels)
    before = torch.arange(0, n * side * side, side * side, device=images.device)
    sources = _sources(side, images.device)[orientation] + before[:, None]
    turned = pixels.index_select(0, sources.reshape(-1))
    return turned.reshape(n, side, side, channels).permute(0, 3, 1, 2)


@lru_cache(maxsize=8)
def _sources(side: int, device: torch.device) -> Tensor:
    """(8, side * side): for each orientation, which pixel of an image comes where."""
    square = np.arange(side * side).reshape(side, side)
    turned = []
    for orientation in range(ORIENTATIONS):
        image = square[::-1] if orientation & 1 else square
        image = image[:, ::-1] if orientation & 2 else image
        turned.append(image.T if orientation & 4 else image)
    with torch.inference_mode(False):  # kept tensors must serve training, too
        return torch.from_numpy(np.stack(turned).reshape(ORIENTATIONS, -1)).to(device)

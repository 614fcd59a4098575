"""`ImageStore`, the one reader of image stores: takes the path of a `.zarr` store, gives sites, crops and batches as arrays.

A store is a Zarr v3 group: one array (site, channel, y, x) per stored resolution, named by its size ("640", "320"), and the
array "sha256" (site, 32), the digest of each site's pixels at full resolution. Row i of the parquet index is site i.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr

from gandl.tables import INDEX, TableError, read_table

FORMAT = "gandl-image-store-1"
DIGESTS = "sha256"


class StoreError(ValueError):
    """An image store is missing, incomplete or not what was asked for; the message says which and where."""


def store_path(manifest: Path) -> Path:
    """The store that lies beside its manifest: `<store_id>.manifest.json` -> `<store_id>.zarr`."""
    return manifest.with_name(manifest.name.removesuffix(".manifest.json") + ".zarr")


def index_path(store: Path) -> Path:
    """The parquet index beside `<store_id>.zarr`."""
    return Path(store).with_suffix(".parquet")


class ImageStore:
    """Images of one plate or experiment.

    Reading is safe from several threads, and a pickled store (for loader processes) opens itself again where it is used.

    Parameters
    ----------
    path : `<store_id>.zarr`.
    index : its parquet index; by default `<store_id>.parquet` in the same folder.

    Raises
    ------
    StoreError : no store there, of another format, with missing files, or an index of another length.
    """

    def __init__(self, path: Path, index: Path | None = None) -> None:
        self.path = Path(path)
        self.index_path = Path(index) if index is not None else index_path(self.path)
        self._lock = threading.Lock()
        self._arrays: dict[int, zarr.Array] | None = None
        group = open_group(self.path)
        attributes: dict[str, Any] = dict(group.attrs)
        self.store_id: str = attributes["store_id"]
        self.channels: list[str] = list(attributes["channels"])
        self.resolutions: list[int] = [int(size) for size in attributes["resolutions"]]
        self.pixel_size_um: float | None = attributes["pixel_size_um"]
        self._arrays = self._open(group)
        first = self._arrays[self.resolutions[0]]
        self.dtype: np.dtype[Any] = np.dtype(first.dtype)
        self._sites = first.shape[0]
        self._check_files()
        self.index: pd.DataFrame = self._read_index()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_arrays": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._sites

    def __repr__(self) -> str:
        return f"ImageStore({self.store_id}: {len(self)} sites, {', '.join(self.channels)}, {self.resolutions} px)"

    @property
    def bit_depth(self) -> int:
        """Bits per pixel: 8 or 16."""
        return self.dtype.itemsize * 8

    @property
    def site_ids(self) -> list[str]:
        return self.index["site_id"].tolist()

    def pixel_size_at(self, resolution: int) -> float | None:
        """Side of a pixel (um) in the images stored at `resolution`; None where the screen does not tell it."""
        if self.pixel_size_um is None:
            return None
        return self.pixel_size_um * self.resolutions[0] / resolution

    def sites(self, indices: Sequence[int] | np.ndarray | slice, resolution: int | None = None) -> np.ndarray:
        """Whole sites, in the order of `indices` (repeats allowed, negative ones count from the end).

        Returns
        -------
        (n, channel, y, x) uint8 or uint16, at `resolution` px (default: full).
        """
        array = self._array(resolution)
        if isinstance(indices, slice):
            positions = np.arange(len(self))[indices]
        else:
            positions = np.array([self._position(int(i)) for i in indices], dtype=np.int64)
        images = np.empty((len(positions), *array.shape[1:]), dtype=self.dtype)
        for start, stop in _runs(positions):
            first = int(positions[start])
            images[start:stop] = self._read(array, slice(first, first + stop - start))
        return images

    def crop(self, i: int, top: int, left: int, size: int, resolution: int | None = None) -> np.ndarray:
        """A square of site i, all channels.

        Parameters
        ----------
        top, left, size : upper left corner and side, in pixels of `resolution`.

        Returns
        -------
        (channel, size, size) uint8 or uint16.

        Raises
        ------
        StoreError : the square does not lie within the image.
        """
        array = self._array(resolution)
        height, width = array.shape[2:]
        if size < 1 or not (0 <= top <= height - size and 0 <= left <= width - size):
            raise StoreError(
                f"{self.path}: a crop of {size} px at (top {top}, left {left}) does not lie within {height} x {width} px"
            )
        square = (self._position(i), slice(None), slice(top, top + size), slice(left, left + size))
        return self._read(array, square)

    def batches(self, n: int, resolution: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All sites in order, n at a time: (indices (n,), images (n, channel, y, x)); the last batch may be smaller."""
        if n < 1:
            raise StoreError(f"{self.path}: a batch holds at least one site, not {n}")
        for start in range(0, len(self), n):
            indices = np.arange(start, min(start + n, len(self)))
            yield indices, self.sites(indices, resolution)

    def _array(self, resolution: int | None) -> zarr.Array:
        wanted = self.resolutions[0] if resolution is None else resolution
        if wanted not in self.resolutions:
            stored = ", ".join(str(size) for size in self.resolutions)
            raise StoreError(f"{self.path} holds no images of {wanted} px; stored resolutions: {stored} px")
        with self._lock:
            if self._arrays is None:
                self._arrays = self._open(open_group(self.path))
            return self._arrays[wanted]

    def _read(self, array: zarr.Array, selection: Any) -> np.ndarray:
        try:
            return np.asarray(array[selection])
        except Exception as error:
            raise StoreError(f"{self.path} is damaged at {array.basename} px ({error}); pack it again") from error

    def _position(self, i: int) -> int:
        if not -len(self) <= i < len(self):
            raise IndexError(f"{self.path} has {len(self)} sites, there is no site {i}")
        return i % len(self)

    def _open(self, group: zarr.Group) -> dict[int, zarr.Array]:
        arrays = {}
        for size in self.resolutions:
            array = group.get(str(size))
            if not isinstance(array, zarr.Array):
                raise StoreError(f"{self.path} lacks its images of {size} px; pack it again")
            if array.shape[1] != len(self.channels):
                raise StoreError(
                    f"{self.path}: the array {size} has {array.shape[1]} channels, but the store names "
                    f"{len(self.channels)}: {', '.join(self.channels)}"
                )
            arrays[size] = array
        if len({array.shape[0] for array in arrays.values()}) > 1:
            counts = ", ".join(f"{array.shape[0]} at {size} px" for size, array in arrays.items())
            raise StoreError(f"{self.path} holds different numbers of sites: {counts}; pack it again")
        return arrays

    def _check_files(self) -> None:
        """A shard that is not there would read as black images: refuse it at the door."""
        assert self._arrays is not None
        missing = [
            file for array in self._arrays.values() for file in shard_files(self.path, array) if not file.is_file()
        ]
        if missing:
            raise StoreError(
                f"{self.path} lacks {len(missing)} shard file(s), the first is {missing[0]}; pack it again"
            )

    def _read_index(self) -> pd.DataFrame:
        if not self.index_path.is_file():
            raise StoreError(f"{self.path} has no index: {self.index_path} is missing")
        try:
            index = read_table(self.index_path, INDEX)
        except (TableError, OSError) as error:
            raise StoreError(f"the index of {self.path} is unusable: {error}") from error
        if len(index) != len(self):
            raise StoreError(f"{self.index_path} has {len(index)} rows, but {self.path} holds {len(self)} sites")
        return index


def open_group(path: Path) -> zarr.Group:
    """Open a store for reading and check that it is one of ours, in this format."""
    if not (path / "zarr.json").is_file():
        raise StoreError(f"there is no image store at {path}")
    try:
        group = zarr.open_group(path, mode="r")
    except Exception as error:
        raise StoreError(f"{path} is not a readable Zarr group: {error}") from error
    found = group.attrs.get("format")
    if found != FORMAT:
        raise StoreError(f"{path} is an image store of format {found!r}; this version reads {FORMAT!r}: pack it again")
    return group


def shard_files(store: Path, array: zarr.Array) -> list[Path]:
    """Every file that holds pixels of one array of a store (its shards span all channels and whole images)."""
    assert array.shards is not None
    blocks = -(-array.shape[0] // array.shards[0])
    return [store / array.basename / "c" / str(block) / "0" / "0" / "0" for block in range(blocks)]


def _runs(positions: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of consecutive positions, as (start, stop) into `positions`: each is one read."""
    if len(positions) == 0:
        return
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    bounds = [0, *breaks.tolist(), len(positions)]
    yield from pairwise(bounds)

"""`ImageStore`, the one reader of image stores: takes the path of a `.zarr` store, gives sites, crops and batches as arrays.

A store is a Zarr v3 group: one array (site, channel, y, x) per stored resolution, named by its shorter side ("512"), and the
array "sha256" (site, 32), the digest of each site's pixels at the first of them. Row i of the parquet index is site i.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gandl.images.shards import WHOLE, DamagedError, Images, open_images
from gandl.tables import INDEX, TableError, read_table
from gandl.workflow.words import counted, named

FORMAT = "gandl-image-store-2"
DIGESTS = "sha256"


class StoreError(ValueError):
    """An image store is missing, incomplete or not what was requested; the message says which and where."""


def store_path(manifest: Path) -> Path:
    """The store that lies beside its manifest: `<store_id>.manifest.json` -> `<store_id>.zarr`."""
    return manifest.with_name(manifest.name.removesuffix(".manifest.json") + ".zarr")


def index_path(store: Path) -> Path:
    """The parquet index beside `<store_id>.zarr`."""
    return Path(store).with_suffix(".parquet")


def factor_of(height: int, width: int, resolution: int) -> int:
    """How many pixels of an original of height x width px make the side of one in the images named `resolution`."""
    return max(1, min(height, width) // resolution)


class ImageStore:
    """Images of one plate or experiment.

    Reading is safe from several threads and in forked processes, a pickled store (for loader processes) opens itself again
    where it is used, and memory does not grow with the number of sites: the index is read when it is requested, and not kept.

    Parameters
    ----------
    path : `<store_id>.zarr`.
    index : its parquet index; by default `<store_id>.parquet` in the same folder.

    Attributes
    ----------
    height, width : of the original images (px), whether they are stored or not.
    resolutions : stored sizes (px, the shorter side); the first is what is read unless another is requested.
    pixel_size_um : of the original images; None if the screen does not state it.

    Raises
    ------
    StoreError : no store there, of another format, with missing files, or an index of another length.
    """

    def __init__(self, path: Path, index: Path | None = None) -> None:
        self.path = Path(path)
        self.index_path = Path(index) if index is not None else index_path(self.path)
        attributes = read_attributes(self.path)
        self.store_id: str = attributes["store_id"]
        self.channels: list[str] = list(attributes["channels"])
        self.height, self.width = int(attributes["height"]), int(attributes["width"])
        self.resolutions: list[int] = [int(size) for size in attributes["resolutions"]]
        self.pixel_size_um: float | None = attributes["pixel_size_um"]
        self._taken: list[int] | None = None
        self._images = {size: self._open(size) for size in self.resolutions}
        first = self._images[self.resolutions[0]]
        self.dtype: np.dtype[Any] = first.dtype
        self._sites = first.shape[0]
        self._check()
        self._check_index()

    def __len__(self) -> int:
        return self._sites

    def __repr__(self) -> str:
        return f"ImageStore({self.store_id}: {len(self)} sites, {', '.join(self.channels)}, {self.resolutions} px)"

    def only(self, channels: Sequence[str]) -> ImageStore:
        """The same store, of which these channels alone are read, in this order.

        Raises
        ------
        StoreError : it lacks one of them.
        """
        lacking = [channel for channel in channels if channel not in self.channels]
        if lacking or not channels:
            raise StoreError(
                f"{self.path} holds the {named('channel', self.channels)}, but not {', '.join(lacking) or 'none at all'}"
            )
        view = copy.copy(self)
        stored = range(len(self.channels)) if self._taken is None else self._taken
        view._taken = [stored[self.channels.index(channel)] for channel in channels]
        view.channels = list(channels)
        return view

    @property
    def bit_depth(self) -> int:
        """Bits per pixel: 8 or 16."""
        return self.dtype.itemsize * 8

    @property
    def index(self) -> pd.DataFrame:
        """The index, read from its file each time: row i is site i.

        Raises
        ------
        StoreError : it is not an index, or of another length.
        """
        try:
            index = read_table(self.index_path, INDEX)
        except (TableError, OSError, pa.ArrowException) as error:
            raise StoreError(f"the index of {self.path} is unusable: {error}") from error
        return index

    @property
    def site_ids(self) -> list[str]:
        """Of every site, read from the index each time."""
        return read_table(self.index_path, INDEX, ["site_id"])["site_id"].tolist()

    def shape_at(self, resolution: int) -> tuple[int, int]:
        """(height, width) in px of the images stored at `resolution`."""
        height, width = self._at(resolution).shape[2:]
        return height, width

    def pixel_size_at(self, resolution: int) -> float | None:
        """Side of a pixel (um) in the images stored at `resolution`; None if the screen does not state it."""
        if self.pixel_size_um is None:
            return None
        return self.pixel_size_um * factor_of(self.height, self.width, resolution)

    def sites(self, indices: Sequence[int] | np.ndarray | slice, resolution: int | None = None) -> np.ndarray:
        """Whole sites, in the order of `indices` (repeats allowed, negative ones count from the end).

        Returns
        -------
        (n, channel, y, x) uint8 or uint16, at `resolution` px (default: the first stored).
        """
        images = self._at(resolution)
        positions = (
            range(len(self))[indices] if isinstance(indices, slice) else [self._position(int(i)) for i in indices]
        )
        pixels = np.empty((len(positions), *images.shape[1:]), dtype=self.dtype)
        for i, site in zip(positions, pixels, strict=True):
            self._read(images, i, WHOLE, site)
        return pixels if self._taken is None else pixels[:, self._taken]

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
        images = self._at(resolution)
        height, width = images.shape[2:]
        if size < 1 or not (0 <= top <= height - size and 0 <= left <= width - size):
            raise StoreError(
                f"{self.path}: a crop of {size} px at (top {top}, left {left}) is not within {height} x {width} px"
            )
        square = np.empty((images.shape[1], size, size), dtype=self.dtype)
        self._read(images, self._position(i), (slice(top, top + size), slice(left, left + size)), square)
        return square if self._taken is None else square[self._taken]

    def batches(self, n: int, resolution: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All sites in order, n at a time: (indices (n,), images (n, channel, y, x)); the last batch may be smaller."""
        if n < 1:
            raise StoreError(f"{self.path}: a batch holds at least one site, not {n}")
        for start in range(0, len(self), n):
            indices = np.arange(start, min(start + n, len(self)))
            yield indices, self.sites(indices, resolution)

    def _at(self, resolution: int | None) -> Images:
        wanted = self.resolutions[0] if resolution is None else resolution
        if wanted not in self.resolutions:
            stored = ", ".join(str(size) for size in self.resolutions)
            raise StoreError(f"{self.path} holds no images of {wanted} px; stored resolutions: {stored} px")
        return self._images[wanted]

    def _read(self, images: Images, i: int, window: tuple[slice, slice], out: np.ndarray) -> None:
        try:
            images.read(i, window, out)
        except DamagedError as error:
            raise StoreError(f"{self.path} is damaged ({error}); pack it again") from error

    def _position(self, i: int) -> int:
        if not -len(self) <= i < len(self):
            raise IndexError(f"{self.path} has {counted(len(self), 'site')} but no site {i}")
        return i % len(self)

    def _open(self, size: int) -> Images:
        if not (self.path / str(size) / "zarr.json").is_file():
            raise StoreError(f"{self.path} lacks its images of {size} px; pack it again")
        try:
            return open_images(self.path, str(size))
        except DamagedError as error:
            raise StoreError(f"{error}; pack the store again") from error

    def _check(self) -> None:
        """Refuse, on opening, arrays that do not fit their store, and missing files, which would read as black images."""
        for size, images in self._images.items():
            factor = factor_of(self.height, self.width, size)
            wanted = (self._sites, len(self.channels), self.height // factor, self.width // factor)
            if images.shape != wanted or images.dtype != self.dtype:
                raise StoreError(
                    f"{self.path}: the array {size} holds {images.dtype} of shape {images.shape}, but the store is of "
                    f"{wanted[0]} sites, {wanted[1]} channels ({', '.join(self.channels)}) and {self.height} x {self.width} px, "
                    f"which makes {self.dtype} of shape {wanted}; pack it again"
                )
        missing = [file for images in self._images.values() for file in images.missing()]
        if missing:
            raise StoreError(
                f"{self.path} lacks {counted(len(missing), 'shard file')}, the first is {missing[0]}; pack it again"
            )

    def _check_index(self) -> None:
        """By its footer alone."""
        if not self.index_path.is_file():
            raise StoreError(f"{self.path} has no index: {self.index_path} is missing")
        try:
            footer = pq.read_metadata(self.index_path)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"the index of {self.path} is unusable: {error}") from error
        lacking = [name for name in INDEX.names if name not in footer.schema.names]
        if lacking:
            raise StoreError(f"the index of {self.path} is unusable: it lacks the {named('column', lacking)}")
        if footer.num_rows != len(self):
            raise StoreError(f"{self.index_path} has {footer.num_rows} rows, but {self.path} holds {len(self)} sites")


def read_attributes(path: Path) -> dict[str, Any]:
    """A store's own description, after a check that it is one of ours, in this format.

    Raises
    ------
    StoreError : no store, no Zarr group, or another format.
    """
    document = path / "zarr.json"
    if not document.is_file():
        raise StoreError(f"no image store at {path}")
    try:
        group = json.loads(document.read_bytes())
        attributes = group["attributes"] if group["node_type"] == "group" else {}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise StoreError(f"{path} is not a readable Zarr group: {error}") from error
    if attributes.get("format") != FORMAT:
        raise StoreError(
            f"{path} is an image store of format {attributes.get('format')!r}; this version reads {FORMAT!r}: pack it again"
        )
    return attributes

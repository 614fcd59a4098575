"""Reading tiles: takes image stores and the table of tiles, gives pixels of any of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.images.store_reader import ImageStore, StoreError, store_path
from gandl.tables import TILES, check


class TileReader:
    """Tiles of one screen by their numbers; reading is safe from several threads.

    Parameters
    ----------
    manifests : of all its image stores.
    tiles : the table of tiles, or some rows of it.
    side : of a tile (px). resolution : stored size of the images that they lie in.

    Attributes
    ----------
    dtype : of the pixels, uint8 or uint16.

    Raises
    ------
    gandl.tables.TableError : no table of tiles.
    gandl.images.store_reader.StoreError : a tile's store or site is not there, or stores differ in bit depth.
    """

    def __init__(self, manifests: Sequence[Path], tiles: pd.DataFrame, side: int, resolution: int) -> None:
        check(tiles, TILES, "the table of tiles")
        self.side, self.resolution = side, resolution
        paths = [store_path(Path(manifest)) for manifest in manifests]
        self._stores = {store.store_id: store for store in map(ImageStore, paths)}
        lacking = sorted(set(tiles["store_id"]) - set(self._stores))
        if lacking:
            raise StoreError(f"tiles lie in the store {lacking[0]}, which was not given")
        dtypes = {store.dtype for store in self._stores.values()}
        if len(dtypes) > 1:
            raise StoreError(
                f"image stores of one comparison must agree in bit depth, and hold {', '.join(map(str, dtypes))}"
            )
        self.dtype: np.dtype[np.unsignedinteger] = dtypes.pop()
        self._row_of = pd.Index(tiles["tile"])
        self._store = tiles["store_id"].to_numpy(object)
        self._channel = tiles["channel"].to_numpy(object)
        self._corner = tiles[["top", "left"]].to_numpy(np.int64)
        self._site = np.empty(len(tiles), np.int64)
        for name, rows in tiles.groupby("store_id", sort=False).indices.items():
            sites = tiles["site_id"].iloc[rows]
            self._site[rows] = pd.Index(self._stores[str(name)].site_ids).get_indexer(pd.Index(sites))
            if (self._site[rows] < 0).any():
                raise StoreError(f"{name} does not hold the site {sites[self._site[rows] < 0].iloc[0]}")
        self._views: dict[tuple[str, str], ImageStore] = {
            (name, channel): self._stores[name].only([channel])
            for name, channel in tiles[["store_id", "channel"]].drop_duplicates().itertuples(index=False)
        }

    def __len__(self) -> int:
        return len(self._site)

    def read(self, tiles: npt.NDArray[np.int64]) -> npt.NDArray[np.unsignedinteger]:
        """Pixels of tiles, by number and in that order.

        Returns
        -------
        (n, 1, side, side) as they are stored.

        Raises
        ------
        KeyError : a number that the table does not hold.
        gandl.images.store_reader.StoreError : a tile cannot be read.
        """
        rows = self._row_of.get_indexer(pd.Index(tiles))
        if (rows < 0).any():
            raise KeyError(f"there is no tile {np.asarray(tiles)[rows < 0][0]}")
        pixels = np.empty((len(rows), 1, self.side, self.side), self.dtype)
        for out, row in zip(pixels, rows, strict=True):
            store = self._views[self._store[row], self._channel[row]]
            top, left = self._corner[row]
            out[:] = store.crop(int(self._site[row]), int(top), int(left), self.side, self.resolution)
        return pixels

"""Tiles as what a training is shown: takes the table of tiles and a reader of them, makes a store whose images are the tiles.

`TileStore` is read as an `ImageStore` is, so that sampler, loader, intensity scale and looks serve tiles unchanged: a tile is a
site of one image, as large as itself. Tiles of the part `test` are not in it: no training may see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.images.store_reader import ImageStore, store_path
from gandl.images.tiles.reader import TileReader
from gandl.models.crops.chances import Positions
from gandl.models.crops.crop_sampler import CropError
from gandl.models.crops.supervision import Supervision, SupervisionError
from gandl.tables import TILES, read_table
from gandl.tables.comparison import TRAIN, VALIDATION
from gandl.workflow.words import counted

GREY = "tile"
"""Name of the channel of tiles that are cut from several."""
FEWEST = 2
"""Tiles of a class below which nothing of it can be learned."""


class Tiles(Protocol):
    """What reads tiles: `gandl.images.tiles.reader.TileReader`, or a substitute."""

    side: int
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        """Number of tiles of the table."""
        ...

    def read(self, tiles: npt.NDArray[np.int64]) -> npt.NDArray[np.unsignedinteger]:
        """Tiles by their numbers: (n, 1, side, side) as stored."""
        ...


class TileStore:
    """The tiles of a table that training may see, as a store of images of one channel and one size.

    Parameters
    ----------
    reader : of the tiles of the table.
    table : a row per tile (`gandl.tables.TILES`).
    digests : of the pixels of each site, by `store_id` and `site_id`; where there are none, contents are told apart by place
        alone.
    source : of the table, for messages.
    pixel_size_um : side of a pixel; None if unknown.

    Raises
    ------
    CropError : no tile is in the part `train`, or reader and table differ.
    """

    def __init__(
        self,
        reader: Tiles,
        table: pd.DataFrame,
        *,
        digests: pd.Series | None = None,
        source: str = "the table of tiles",
        pixel_size_um: float | None = None,
    ) -> None:
        if len(reader) != len(table):
            raise CropError(f"{source} has {counted(len(table), 'row')}, but its reader {counted(len(reader), 'tile')}")
        self._reader, self._source, self._digests = reader, source, digests
        seen = table["part"].isin([TRAIN, VALIDATION]).to_numpy(bool)
        self._table = table[seen].reset_index(drop=True)
        if not (self._table["part"] == TRAIN).any():
            raise CropError(f"{source} has no tile of the part {TRAIN}: there is nothing to train on")
        self._numbers = self._table["tile"].to_numpy(np.int64)
        channels = self._table["channel"].astype(str).unique()
        self.channels = [str(channels[0])] if len(channels) == 1 else [GREY]
        self.path, self.store_id = Path(source), Path(source).name
        self.dtype, self.side = reader.dtype, reader.side
        self.resolutions, self.pixel_size_um = [reader.side], pixel_size_um

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def site_ids(self) -> list[str]:
        """A name per tile."""
        return [f"tile_{number}" for number in self._numbers.tolist()]

    @property
    def index(self) -> pd.DataFrame:
        """`site_id`, `well_id` and `sha256` of every tile; the last says what decides its pixels and its use."""
        table = self._table
        content = table[["store_id", "site_id", "channel", "top", "left", "part"]].astype(str).agg("|".join, axis=1)
        if self._digests is not None:
            keys = pd.MultiIndex.from_frame(table[["store_id", "site_id"]])
            content = content + "|" + self._digests.reindex(keys).astype(str).to_numpy(object)
        return pd.DataFrame(
            {"site_id": self.site_ids, "well_id": table["well_id"], "sha256": content + f"|{self.side}"}
        )

    def shape_at(self, resolution: int) -> tuple[int, int]:
        """(height, width) in px of a tile."""
        return self.side, self.side

    def pixel_size_at(self, resolution: int) -> float | None:
        """Side of a pixel (um); None if the screen does not state it."""
        return self.pixel_size_um

    def sites(self, indices: Sequence[int] | Positions, resolution: int | None = None) -> npt.NDArray[Any]:
        """Tiles (n, 1, side, side), in the order of `indices`."""
        return self._reader.read(self._numbers[np.asarray(indices, np.int64)])

    def crop(self, i: int, top: int, left: int, size: int, resolution: int | None = None) -> npt.NDArray[Any]:
        """A square (1, size, size) of tile i."""
        tile: npt.NDArray[Any] = self.sites([i])[0, :, top : top + size, left : left + size]
        return tile

    @property
    def parts(self) -> tuple[Positions, Positions]:
        """Positions of the tiles to train on, with or without a label, and of those that validate."""
        part = self._table["part"]
        return np.flatnonzero(part == TRAIN), np.flatnonzero(part == VALIDATION)

    @property
    def supervision(self) -> Supervision:
        """The labels of those tiles that have one.

        Raises
        ------
        SupervisionError : fewer than two labels to train on, or a single tile of one.
        """
        table, named = self._table, self._table["label"].notna().to_numpy(bool)
        labels = pd.DataFrame({"site_id": self.site_ids, "label": table["label"], "part": table["part"]})[named]
        found = Supervision(labels.reset_index(drop=True), self._source)
        counts = labels.loc[labels["part"] == TRAIN, "label"].value_counts()
        few = counts[counts < FEWEST]
        if len(few):
            raise SupervisionError(
                f"{self._source} gives the label {few.index[0]} to a single tile to train on: nothing of a class is learned of "
                "one tile"
            )
        return found


def read_tiles(path: Path, manifests: Sequence[Path], side: int, resolution: int) -> tuple[TileReader, pd.DataFrame]:
    """A table of tiles and what reads them.

    Parameters
    ----------
    path : parquet, schema `gandl.tables.TILES`. manifests : of the image stores that they lie in.
    side : of a tile (px). resolution : stored size of the images that they were cut from.

    Raises
    ------
    gandl.tables.TableError, gandl.images.store_reader.StoreError : table or stores cannot be read, or do not fit.
    """
    table = read_table(Path(path), TILES)
    return TileReader(manifests, table, side, resolution), table


def open_tiles(path: Path, manifests: Sequence[Path], side: int, resolution: int) -> TileStore:
    """The tiles that a training may see, as a store; parameters and errors are those of `read_tiles`.

    Raises
    ------
    CropError : no tile is in the part `train`.
    """
    reader, table = read_tiles(path, manifests, side, resolution)
    stores = [ImageStore(store_path(Path(manifest))) for manifest in manifests]
    indices = pd.concat([store.index[["site_id", "sha256"]].assign(store_id=store.store_id) for store in stores])
    digests = indices.set_index(["store_id", "site_id"])["sha256"]
    return TileStore(
        reader, table, digests=digests, source=str(path), pixel_size_um=stores[0].pixel_size_at(resolution)
    )


def shown_of(store: TileStore, crop: int, section: str, supervised: bool) -> Supervision | None:
    """The labels of a store of tiles for a training that is supervised, if its networks can see the tiles.

    Raises
    ------
    CropError : tiles are smaller than the crops that the networks see.
    SupervisionError : labels cannot be trained on.
    """
    if store.side < crop:
        raise CropError(
            f"{store.path} holds tiles of {store.side} px, smaller than a crop of {crop} px ({section}.network.crop)"
        )
    return store.supervision if supervised else None


def drawn_by(store: TileStore) -> Supervision | None:
    """The labels by which tiles are drawn equally often for what learns from none; None where there are no two to draw by."""
    try:
        return store.supervision
    except SupervisionError:
        return None

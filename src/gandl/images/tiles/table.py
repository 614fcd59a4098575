"""The table of tiles: takes image stores and the sites table, cuts every image into a grid, and decides which wells are held out.

No pixel is copied: a tile is a place in a store (`gandl.images.tiles.reader` reads it). The paper cuts images of 256 px into
4 x 4 tiles of 64 px (Dmitrenko et al. 2022, section 3) and holds tiles out; here whole wells are, since tiles of a well share its
cells.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import TilesSettings
from gandl.config.comparison_terms import EACH
from gandl.images.store_reader import ImageStore, store_path
from gandl.images.tiles.parts import GIVEN, dealt_by_tile, parts_of_wells
from gandl.tables import SITES, TILES, read_table, write_table
from gandl.tables.comparison import CONTROL, DRUG, TEST, TRAIN, VALIDATION
from gandl.workflow.words import counted

logger = logging.getLogger(__name__)

OF_WELL = ["well_id", "plate_id", "cell_type", "treatment", "concentration_um", "control"]


class TilesError(ValueError):
    """The stores cannot be cut into the tiles requested; the message says which and why."""


def write_tiles(
    manifests: Sequence[Path],
    sites: Path,
    output: Path,
    settings: TilesSettings,
    resolution: int,
    *,
    by_tile: bool = False,
) -> None:
    """Write the table of tiles of a screen.

    Parameters
    ----------
    manifests : of its image stores.
    sites : its sites table.
    output : parquet, schema `gandl.tables.TILES`.
    resolution : stored size of the images (px, the shorter side) that are cut.
    by_tile : hold out tiles instead of wells, as the paper's code does (switch `tile_split`): the same tiles, and as many of each
        part.

    Raises
    ------
    TilesError : images smaller than a tile, a channel that a store lacks, none named of several, a store with sites that the
        table does not name, no well of a label, or only one, or all tiles in the test part that the source states.
    """
    table = read_table(Path(sites), SITES)
    stores = [ImageStore(store_path(Path(each))) for each in manifests]
    _check_channel(stores, settings)
    places = pd.concat([_grid(store, settings, resolution) for store in stores])
    stated = [name for name in ("site_id", *OF_WELL, GIVEN) if name in table]
    tiles = places.merge(table[stated], on="site_id", how="left", validate="many_to_one")
    if (lost := tiles["well_id"].isna()).any():
        first = tiles.loc[lost].iloc[0]
        raise TilesError(f"{first['store_id']} holds the site {first['site_id']}, which {sites} does not name")
    tiles["label"] = _labels(tiles, settings)
    rng = np.random.default_rng(settings.seed)
    _check_labels(tiles.drop_duplicates("well_id"))
    tiles["part"] = parts_of_wells(tiles, settings, rng)
    if not (tiles["part"] == TRAIN).any():
        raise TilesError(f"{sites} states the part `test` of every image ({GIVEN}); nothing is left to train on")
    if settings.channel == EACH:
        tiles["cell_type"] = tiles["cell_type"] + ", " + tiles["channel"]
    tiles = tiles[_few(tiles, settings, rng)].reset_index(drop=True)
    if by_tile:
        tiles["part"] = dealt_by_tile(tiles, rng)
    tiles.insert(0, "tile", np.arange(len(tiles)))
    for label, part in ((label, part) for label in (CONTROL, DRUG) for part in (TRAIN, VALIDATION, TEST)):
        chosen = tiles[(tiles["label"] == label) & (tiles["part"] == part)]
        logger.info(
            "%s, %s: %s of %s", label, part, counted(len(chosen), "tile"), counted(chosen["well_id"].nunique(), "well")
        )
    write_table(tiles[TILES.names], Path(output), TILES)


def _grid(store: ImageStore, settings: TilesSettings, resolution: int) -> pd.DataFrame:
    """Every tile of a store: its site, channel and upper left corner; what a side leaves over is shared among both ends."""
    if resolution not in store.resolutions:
        stored = ", ".join(map(str, store.resolutions))
        raise TilesError(f"{store.path} holds no images of {resolution} px, only of {stored} px")
    height, width = store.shape_at(resolution)
    side = settings.side
    if min(height, width) < side:
        raise TilesError(
            f"{store.path} holds images of {height} x {width} px, smaller than a tile of {side} px (comparison.tiles.side)"
        )
    channels = store.channels if settings.channel in (None, EACH) else [settings.channel]
    if lacking := [channel for channel in channels if channel not in store.channels]:
        raise TilesError(
            f"comparison.tiles.channel is {lacking[0]}, but {store.path} holds {', '.join(store.channels)}"
        )
    tops, lefts = list(_starts(height, side)), list(_starts(width, side))
    corners = [(channel, top, left) for channel in channels for top in tops for left in lefts]
    names = np.asarray(store.site_ids, dtype=object)
    cut = pd.DataFrame(corners * len(names), columns=["channel", "top", "left"])
    cut.insert(0, "site_id", np.repeat(names, len(corners)))
    cut.insert(1, "store_id", store.store_id)
    return cut


def _check_channel(stores: Sequence[ImageStore], settings: TilesSettings) -> None:
    held = list(dict.fromkeys(channel for store in stores for channel in store.channels))
    if settings.channel is None and len(held) > 1:
        raise TilesError(
            f"the stores hold several channels ({', '.join(held)}); comparison.tiles.channel must name the one that is cut, or "
            f"say {EACH}"
        )


def _starts(length: int, side: int) -> Iterator[int]:
    count = length // side
    first = (length - count * side) // 2
    return (first + i * side for i in range(count))


def _labels(tiles: pd.DataFrame, settings: TilesSettings) -> pd.Series:
    """Vehicle against drug; wells that are neither (untreated, without a condition, of a lower dose) have no label."""
    negative = tiles["control"] == "negative"
    drug = tiles["treatment"].notna() & ~negative
    if settings.top_dose:
        doses = tiles["concentration_um"].where(drug)
        top = doses.groupby([tiles["cell_type"], tiles["treatment"]]).transform("max")
        drug &= ~(doses < top)
    return pd.Series(np.select([negative, drug], [CONTROL, DRUG], default=""), index=tiles.index).replace("", None)


def _check_labels(wells: pd.DataFrame) -> None:
    """Drug against control needs two wells of each; cell lines without one of them have clusters alone, and are logged."""
    for label, what in ((CONTROL, "negative controls"), (DRUG, "treated wells")):
        count = int((wells["label"] == label).sum())
        if count < 2:
            raise TilesError(
                f"the screen has {counted(count, 'well')} with the label {label}; the comparison needs at least two {what}"
            )
    for cell_type, group in wells.groupby("cell_type", sort=True):
        lacking = [label for label in (CONTROL, DRUG) if label not in set(group["label"])]
        if lacking:
            lost = "similarity and drug against vehicle state no numbers of it"
            logger.warning("%s has no %s well: %s", cell_type, " and no ".join(lacking), lost)


def _few(tiles: pd.DataFrame, settings: TilesSettings, rng: np.random.Generator) -> np.ndarray:
    """(tiles,) which are kept: of every well and channel at most as many, drawn at random, as the settings allow its part."""
    order = pd.Series(rng.permutation(len(tiles)), index=tiles.index)
    rank = order.groupby([tiles["well_id"], tiles["channel"], tiles["part"]]).rank(method="first")
    most = tiles["part"].map(
        {TRAIN: settings.per_well, VALIDATION: settings.per_held_out_well, TEST: settings.per_held_out_well}
    )
    return (rank <= most.astype(float).fillna(np.inf)).to_numpy()

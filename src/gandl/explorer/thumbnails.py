"""Thumbnails: takes image stores, makes a sprite sheet per store, one small picture of every well, and the list of what is where.

A thumbnail is the centre of a well's first field, its channels blended by hue. One display range per channel serves all wells of
a screen, so that brightness can be compared between plates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from gandl.figures.common.labels import channel_label
from gandl.images.display import channel_colours, composite, display_range, scaled
from gandl.images.store_reader import ImageStore, store_path
from gandl.tables import SITES, read_table
from gandl.workflow.files import atomic, write_json
from gandl.workflow.progress import Progress

SIDE = 96
"""Width and height of a thumbnail (px), where images are not smaller."""
ZOOM = 2
"""A thumbnail's pixel averages at most so many stored pixels in each direction: more would hide the nuclei."""
SAMPLED = 96
"""Sites, evenly over all stores, on which the display range of each channel is measured."""
MOST_BYTES = 25 * 10**6
QUALITIES = (85, 70, 50, 30)
"""Of JPEG, tried in turn until a sheet is small enough."""


class ThumbnailError(ValueError):
    """A store holds none of the wells, or a sheet cannot be made small enough; the message names it."""


def write_thumbnails(
    manifests: Sequence[Path], sites: Path, *, sheets: Sequence[Path], index: Path, dataset: str
) -> None:
    """Write a sheet per store, and the index.

    Parameters
    ----------
    manifests : of the image stores of one screen. sites : its sites table. dataset : its name, for the messages.
    sheets : JPEG files, one per store, in the same order; `side` px squares, row by row.
    index : JSON: `side`, `columns` by sheet, `wells` by sheet in their order, `channels` with label and hue, `width_um` of a
        thumbnail (null where the screen does not state its pixels' width).

    Raises
    ------
    ThumbnailError : a store holds no site of the table, or a sheet stays above 25 MB.
    """
    table = read_table(Path(sites), SITES, ["site_id", "well_id"])
    stores = [ImageStore(store_path(Path(path))) for path in manifests]
    chosen = [_first_sites(store, table) for store in stores]
    ranges = display_ranges(stores, [list(rows["at"]) for rows in chosen])
    hues = channel_colours(stores[0].channels)
    side = min(side_of(store) for store in stores)
    columns, wells = {}, {}
    with Progress(f"thumbnails of {dataset}", len(stores), "store") as progress:
        for done, (store, rows, path) in enumerate(zip(stores, chosen, sheets, strict=True), 1):
            name = Path(path).name
            across = int(np.ceil(np.sqrt(len(rows))))
            write_sheet(
                (blended(centre(store, at, side), ranges, hues) for at in rows["at"]),
                len(rows),
                across,
                side,
                Path(path),
            )
            columns[name], wells[name] = across, list(rows["well_id"])
            progress.update(done)
    first = stores[0]
    pixel = first.pixel_size_at(resolution_of(first))
    described = {
        "side": side,
        "columns": columns,
        "wells": wells,
        "channels": [
            {"name": name, "label": channel_label(name), "hue": hue}
            for name, hue in zip(first.channels, hues, strict=True)
        ],
        "width_um": None if pixel is None else pixel * side * factor_of(first, side),
    }
    write_json(described, Path(index))


def _first_sites(store: ImageStore, table: pd.DataFrame) -> pd.DataFrame:
    """The first site of every well of a store: `well_id`, and `at`, its position."""
    position = pd.DataFrame({"site_id": store.site_ids, "at": np.arange(len(store))})
    rows = table.merge(position, on="site_id").drop_duplicates("well_id")
    if rows.empty:
        raise ThumbnailError(f"{store.path} holds none of the sites of its sites table")
    return rows


def resolution_of(store: ImageStore) -> int:
    """The smallest stored images that are large enough for a thumbnail, or the largest."""
    enough = [size for size in store.resolutions if size >= SIDE]
    return min(enough) if enough else max(store.resolutions)


def side_of(store: ImageStore) -> int:
    """Side (px) of a store's thumbnails."""
    return min(SIDE, *store.shape_at(resolution_of(store)))


def factor_of(store: ImageStore, side: int) -> int:
    """How many stored pixels make the side of one of a thumbnail's."""
    return max(1, min(ZOOM, min(store.shape_at(resolution_of(store))) // side))


def centre(store: ImageStore, at: int, side: int) -> np.ndarray:
    """(channel, side, side) float32: the area mean of the middle of a site."""
    resolution = resolution_of(store)
    height, width = store.shape_at(resolution)
    factor = factor_of(store, side)
    size = side * factor
    crop = store.crop(at, (height - size) // 2, (width - size) // 2, size, resolution).astype(np.float32)
    return crop.reshape(len(crop), side, factor, side, factor).mean(axis=(2, 4))


def display_ranges(stores: Sequence[ImageStore], positions: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
    """Of each channel the grey values that are black and full, over `SAMPLED` of the sites."""
    places = [(store, at) for store, found in zip(stores, positions, strict=True) for at in found]
    take = np.unique(np.linspace(0, len(places) - 1, min(SAMPLED, len(places))).round().astype(int))
    side = min(side_of(store) for store in stores)
    pixels = np.stack([centre(places[i][0], places[i][1], side) for i in take], axis=1)
    return [display_range(channel) for channel in pixels]


def blended(pixels: np.ndarray, ranges: Sequence[tuple[float, float]], hues: Sequence[str]) -> np.ndarray:
    """(y, x, 3) uint8 of (channel, y, x): each channel's hue by its brightness, added up."""
    return np.rint(255 * composite(scaled(pixels, ranges), hues)).astype(np.uint8)


def write_sheet(pictures: Iterator[np.ndarray], count: int, across: int, side: int, path: Path) -> None:
    """Write `count` pictures of (side, side, 3) as one JPEG, `across` in a row, in less than `MOST_BYTES`."""
    sheet = np.zeros((-(-count // across) * side, across * side, 3), np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // across * side, number % across * side
        sheet[top : top + side, left : left + side] = picture
    image = Image.fromarray(sheet)
    for quality in QUALITIES:
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=quality, subsampling=0)
        if buffer.tell() < MOST_BYTES:
            with atomic(path) as partial:
                partial.write_bytes(buffer.getvalue())
            return
    raise ThumbnailError(f"{path}: a sheet of {count:,} thumbnails is above {MOST_BYTES // 10**6} MB at any quality")

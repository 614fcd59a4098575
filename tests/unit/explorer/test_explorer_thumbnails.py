"""Thumbnails: every well has its own picture, in its place, on one scale of brightness, in sheets below 25 MB."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer_inputs import site_table, write_sheets
from gandl.explorer import thumbnails
from gandl.explorer.thumbnails import (
    ThumbnailError,
    blended,
    centre,
    display_ranges,
    write_sheet,
    write_thumbnails,
)
from gandl.images.display import WHITE, channel_colours
from gandl.images.store_reader import ImageStore
from gandl.tables import SITES, write_table
from plates import pixel_store, tiny_store


def test_every_well_is_on_a_sheet_where_the_index_says(tmp_path: Path) -> None:
    write_table(site_table(), tmp_path / "sites.parquet", SITES)
    index = json.loads(write_sheets(tmp_path).read_text(encoding="utf-8"))
    assert list(index["wells"]) == ["HRCE-1_1.jpg", "HRCE-1_2.jpg", "VERO-1_1.jpg"]
    assert sorted(well for wells in index["wells"].values() for well in wells) == sorted(site_table()["well_id"])
    stores = [ImageStore(tmp_path / f"{name}.zarr") for name in ("HRCE-1_1", "HRCE-1_2", "VERO-1_1")]
    ranges = display_ranges(stores, [range(48)] * 3)
    side, across = index["side"], index["columns"]["HRCE-1_2.jpg"]
    sheet = np.asarray(Image.open(tmp_path / "explorer/HRCE-1_2.jpg"), float)
    for place in (0, 9, 47):
        top, left = place // across * side, place % across * side
        shown = sheet[top : top + side, left : left + side]
        wanted = blended(centre(stores[1], place, side), ranges, channel_colours(stores[1].channels)).astype(float)
        assert np.corrcoef(shown.ravel(), wanted.ravel())[0, 1] > 0.95  # JPEG of noise
    assert index["width_um"] == pytest.approx(96 * 0.65)


def test_one_display_range_serves_all_stores(tmp_path: Path) -> None:
    """A bright plate and a dark one: the dark one's pictures are dark."""
    grey = {"BRIGHT": 200, "DARK": 20}
    stores = []
    for name, level in grey.items():
        pixels = np.full((3, 1, 16, 16), level, np.uint8)
        pixels[:, :, 0] = 0
        stores.append(ImageStore(pixel_store(tmp_path, name, pixels, ("red",), (16,))))
    ranges = display_ranges(stores, [range(3)] * 2)
    bright, dark = (blended(centre(store, 0, 16), ranges, [WHITE]) for store in stores)
    assert bright[8, 8].tolist() == [255, 255, 255]
    assert dark[8, 8].tolist() == pytest.approx([25, 25, 25], abs=2)


def test_channels_add_up_their_hues() -> None:
    pixels = np.array([[[0.0, 10.0]], [[0.0, 5.0]]], np.float32)
    mixed = blended(pixels, [(0.0, 10.0)] * 2, ["#FF0000", "#0000FF"])
    assert mixed.tolist() == [[[0, 0, 0], [255, 0, 128]]]


def test_a_sheet_that_is_too_large_is_written_again_with_less_quality(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    write_sheet(iter([noise] * 4), 4, 2, 64, tmp_path / "best.jpg")
    monkeypatch.setattr(thumbnails, "MOST_BYTES", (tmp_path / "best.jpg").stat().st_size)
    write_sheet(iter([noise] * 4), 4, 2, 64, tmp_path / "less.jpg")
    assert (tmp_path / "less.jpg").stat().st_size < (tmp_path / "best.jpg").stat().st_size
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 100)
    with pytest.raises(ThumbnailError, match="a sheet of 4 thumbnails"):
        write_sheet(iter([noise] * 4), 4, 2, 64, tmp_path / "none.jpg")


def test_a_store_of_another_screen_is_refused(tmp_path: Path) -> None:
    write_table(site_table(), tmp_path / "sites.parquet", SITES)
    store = tiny_store(tmp_path)
    with pytest.raises(ThumbnailError, match="holds none of the sites"):
        write_thumbnails(
            [store.with_suffix(".manifest.json")],
            tmp_path / "sites.parquet",
            sheets=[tmp_path / "x.jpg"],
            index=tmp_path / "x.json",
            dataset="tiny",
        )

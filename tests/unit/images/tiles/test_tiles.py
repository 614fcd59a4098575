"""Tiles: every pixel of a grid once, wells held out whole and in the same shares, and what cannot be cut is named."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import TilesSettings
from gandl.images.store_reader import StoreError
from gandl.images.tiles.reader import TileReader
from gandl.images.tiles.table import TilesError, write_tiles
from gandl.tables import TILES, read_table
from tile_inputs import TiledScreen, tiled_screen

SIDE = 16
SETTINGS = TilesSettings(side=SIDE)
RESOLUTION = 36


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> TiledScreen:
    return tiled_screen(tmp_path_factory.mktemp("tiled"))


def cut(screen: TiledScreen, folder: Path, settings: TilesSettings = SETTINGS, **options: bool) -> pd.DataFrame:
    output = folder / "tiles.parquet"
    write_tiles(screen.manifests, screen.sites, output, settings, RESOLUTION, **options)
    return read_table(output, TILES)


def test_tiles_cover_the_middle_of_every_image_once_and_hold_its_pixels(screen: TiledScreen, tmp_path: Path) -> None:
    tiles = cut(screen, tmp_path)
    assert len(tiles) == 2 * 30 * 4, "of 40 x 36 px two by two"
    reader = TileReader(screen.manifests, tiles, SIDE, RESOLUTION)
    pixels = reader.read(tiles["tile"].to_numpy())
    for cell_type, whole in screen.pixels.items():
        of_line = (tiles["cell_type"] == cell_type).to_numpy()
        seen = np.zeros_like(whole)
        for tile, image in zip(tiles[of_line].itertuples(), pixels[of_line], strict=True):
            site = int(tile.site_id.rpartition("_")[2])
            place = seen[site, 0, tile.top : tile.top + SIDE, tile.left : tile.left + SIDE]
            assert not place.any(), "no pixel twice"
            place[:] = image[0]
        np.testing.assert_array_equal(seen[:, :, 4:36, 2:34], whole[:, :, 4:36, 2:34])
        assert not seen[:, :, :4].any()
        assert not seen[:, :, :, 34:].any()


def test_tiles_are_read_in_the_order_requested_by_their_own_numbers(screen: TiledScreen, tmp_path: Path) -> None:
    tiles = cut(screen, tmp_path)
    reader = TileReader(screen.manifests, tiles, SIDE, RESOLUTION)
    some = TileReader(screen.manifests, tiles.iloc[100:120], SIDE, RESOLUTION)
    numbers = np.array([119, 100, 119])
    np.testing.assert_array_equal(some.read(numbers), reader.read(numbers))
    assert (len(some), reader.dtype) == (20, np.uint8)
    with pytest.raises(KeyError, match="there is no tile 99"):
        some.read(np.array([99]))


def test_one_channel_of_several_is_cut_by_its_name(tmp_path: Path) -> None:
    screen = tiled_screen(tmp_path, channels=("dna", "actin"), wells=5)
    actin = cut(screen, tmp_path, TilesSettings(side=SIDE, channel="actin"))
    assert set(actin["channel"]) == {"actin"}
    assert set(actin["cell_type"]) == {"HT29", "M14"}
    pixels = TileReader(screen.manifests, actin, SIDE, RESOLUTION).read(np.array([0]))
    first = actin.iloc[0]
    np.testing.assert_array_equal(
        pixels[0, 0], screen.pixels["HT29"][0, 1, first.top : first.top + SIDE, first.left : first.left + SIDE]
    )
    with pytest.raises(TilesError, match=r"comparison\.tiles\.channel is red, but .* holds dna, actin"):
        cut(screen, tmp_path, TilesSettings(side=SIDE, channel="red"))


def test_channels_are_never_pooled_unasked(tmp_path: Path) -> None:
    screen = tiled_screen(tmp_path, channels=("dna", "actin"), wells=5)
    refused = (
        r"the stores hold several channels \(dna, actin\); comparison\.tiles\.channel must name the one that is cut"
    )
    with pytest.raises(TilesError, match=refused):
        cut(screen, tmp_path)


def test_each_channel_is_a_group_of_its_own_with_the_same_wells_held_out(tmp_path: Path) -> None:
    screen = tiled_screen(tmp_path, channels=("dna", "actin"), wells=5)
    tiles = cut(screen, tmp_path, TilesSettings(side=SIDE, channel="each", per_well=3, per_held_out_well=3))
    assert set(tiles["cell_type"]) == {"HT29, dna", "HT29, actin", "M14, dna", "M14, actin"}
    assert (tiles["cell_type"].str.split(", ").str[1] == tiles["channel"]).all()
    assert (tiles.groupby("well_id")["part"].nunique() == 1).all()
    assert (tiles.groupby(["well_id", "channel"]).size() == 3).all(), "the limit is of each channel"
    assert tiles.groupby("well_id")["channel"].nunique().eq(2).all()


def test_wells_are_held_out_whole_and_the_same_share_of_every_line_and_treatment(
    screen: TiledScreen, tmp_path: Path
) -> None:
    tiles = cut(screen, tmp_path)
    assert (tiles.groupby("well_id")["part"].nunique() == 1).all()
    wells = tiles.drop_duplicates("well_id")
    counts = wells.groupby(["cell_type", "treatment", "part"], dropna=False).size().unstack()
    assert (counts == [2, 7, 1]).all(axis=None), "of ten: test, train, validation"
    again, other = cut(screen, tmp_path), cut(screen, tmp_path, TilesSettings(side=SIDE, seed=1))
    pd.testing.assert_frame_equal(tiles, again)
    assert (tiles["part"] != other["part"]).any()


def test_labels_are_vehicle_and_drug_and_nothing_for_other_wells(tmp_path: Path) -> None:
    screen = tiled_screen(tmp_path, wells=4)
    sites = pd.read_parquet(screen.sites)
    untreated = sites["well"] == "A01"
    sites.loc[untreated, "control"] = "none"
    sites.to_parquet(screen.sites)
    tiles = cut(screen, tmp_path)
    label = tiles["label"].where(tiles["label"].notna(), "none")
    kind = tiles["treatment"].where(tiles["treatment"].notna(), tiles["control"])
    found = set(zip(kind, label, strict=True))
    assert found == {("negative", "control"), ("none", "none"), ("MTX", "drug"), ("PEM", "drug")}


def test_drugs_are_their_highest_dose_in_each_line(tmp_path: Path) -> None:
    screen = tiled_screen(tmp_path, wells=4)
    sites = pd.read_parquet(screen.sites)
    sites["concentration_um"] = [[0.1, 1.0, 10.0, 10.0][i % 4] for i in range(len(sites))]
    sites.loc[sites["treatment"] == "PEM", "concentration_um"] = np.nan
    of_m14 = (sites["cell_type"] == "M14") & (sites["concentration_um"] == 10.0)
    sites.loc[of_m14, "concentration_um"] = 1.0
    sites.to_parquet(screen.sites)
    tiles = cut(screen, tmp_path)
    drug = tiles[(tiles["label"] == "drug") & (tiles["treatment"] == "MTX")]
    found = {line: set(of_line["concentration_um"]) for line, of_line in drug.groupby("cell_type")}
    assert found == {"HT29": {10.0}, "M14": {1.0}}
    lower = tiles[(tiles["treatment"] == "MTX") & tiles["label"].isna()]
    assert lower["well_id"].nunique() == 2 + 1, "0.1 and 1 of HT29, 0.1 of M14"
    assert (tiles.loc[tiles["treatment"] == "PEM", "label"] == "drug").all(), "no dose is stated"
    assert (tiles.loc[tiles["control"] == "negative", "label"] == "control").all(), "vehicle has no dose"
    pooled = cut(screen, tmp_path, TilesSettings(side=SIDE, top_dose=False))
    assert (pooled["label"] == "drug").sum() == 2 * 2 * 4 * 4


def test_the_switch_holds_tiles_out_instead_of_wells(screen: TiledScreen, tmp_path: Path) -> None:
    tiles = cut(screen, tmp_path, by_tile=True)
    assert (tiles.groupby("well_id")["part"].nunique() > 1).mean() > 0.5
    shares = tiles["part"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.02)
    assert shares["validation"] == pytest.approx(0.1, abs=0.02)


def test_fewer_tiles_of_a_well_are_drawn_where_settings_say_so(screen: TiledScreen, tmp_path: Path) -> None:
    settings = TilesSettings(side=SIDE, per_well=1, per_held_out_well=3)
    tiles = cut(screen, tmp_path, settings)
    counts = tiles.groupby(["well_id", "part"]).size().rename("tiles").reset_index().groupby("part")["tiles"]
    assert counts.agg(["min", "max"]).to_numpy().tolist() == [[3, 3], [1, 1], [3, 3]]
    assert (tiles["tile"] == np.arange(len(tiles))).all()
    assert len(tiles.groupby(["top", "left"])) == 4, "drawn at random, not the first"


def test_images_smaller_than_a_tile_are_refused(screen: TiledScreen, tmp_path: Path) -> None:
    with pytest.raises(
        TilesError, match=r"images of 40 x 36 px, smaller than a tile of 64 px \(comparison\.tiles\.side\)"
    ):
        cut(screen, tmp_path, TilesSettings())
    with pytest.raises(TilesError, match="holds no images of 128 px, only of 36 px"):
        write_tiles(screen.manifests, screen.sites, tmp_path / "t.parquet", SETTINGS, 128)


def test_a_screen_without_two_wells_of_a_label_is_refused(tmp_path: Path) -> None:
    screen = tiled_screen(tmp_path, treatments=("MTX", "PEM"), wells=3)
    with pytest.raises(
        TilesError, match=r"the screen has 0 wells with the label control; .* at least two negative controls"
    ):
        cut(screen, tmp_path)
    sites = pd.read_parquet(screen.sites)
    sites.loc[0, "control"] = "negative"
    sites.to_parquet(screen.sites)
    with pytest.raises(TilesError, match="the screen has 1 well with the label control"):
        cut(screen, tmp_path)


def test_a_cell_line_without_vehicle_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    screen = tiled_screen(tmp_path, wells=3)
    sites = pd.read_parquet(screen.sites)
    sites.loc[(sites["cell_type"] == "M14") & (sites["control"] == "negative"), "control"] = "none"
    sites.to_parquet(screen.sites)
    with caplog.at_level(logging.WARNING):
        tiles = cut(screen, tmp_path)
    said = "M14 has no control well: similarity and drug against vehicle state no numbers of it"
    assert said in caplog.text
    assert set(tiles["cell_type"]) == {"HT29", "M14"}


def test_a_site_that_the_table_lacks_and_a_store_that_was_not_given_are_named(
    screen: TiledScreen, tmp_path: Path
) -> None:
    tiles = cut(screen, tmp_path)
    with pytest.raises(StoreError, match="tiles lie in the store M14, which was not given"):
        TileReader(screen.manifests[:1], tiles, SIDE, RESOLUTION)
    tiles.loc[0, "site_id"] = "HT29_absent"
    with pytest.raises(StoreError, match="HT29 does not hold the site HT29_absent"):
        TileReader(screen.manifests, tiles, SIDE, RESOLUTION)
    fewer = tmp_path / "fewer.parquet"
    pd.read_parquet(screen.sites).iloc[1:].to_parquet(fewer)
    with pytest.raises(TilesError, match=r"HT29 holds the site HT29_0, which .*fewer\.parquet does not name"):
        write_tiles(screen.manifests, fewer, tmp_path / "t.parquet", SETTINGS, RESOLUTION)

"""Parts of tiles: shares that are right over many small groups, a source's own test part, and tiles dealt anew."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import TilesSettings
from gandl.images.tiles.parts import held_out, parts_of_wells
from gandl.images.tiles.table import TilesError, write_tiles
from gandl.tables import TILES, read_table
from tile_inputs import tiled_screen

SIDE, RESOLUTION = 16, 36
OF_PART = ["cell_type", "label", "part"]


def wells_of(sizes: list[int], cell_type: str = "M14", label: str | None = "drug") -> pd.DataFrame:
    """So many wells of each of as many treatments."""
    names = [f"drug {i}" for i, size in enumerate(sizes) for _ in range(size)]
    wells = pd.DataFrame({"treatment": names}).assign(concentration_um=1.0, control="none", label=label)
    wells["well_id"] = [f"{cell_type}_{label}_{i}" for i in range(len(names))]
    return wells.assign(cell_type=cell_type)


def test_two_wells_each_of_thirty_treatments_are_held_out_in_the_right_shares() -> None:
    wells = wells_of([2] * 30)
    parts = held_out(wells, 0.2, 0.1, np.random.default_rng(0))
    assert parts.value_counts().to_dict() == {"train": 42, "test": 12, "validation": 6}
    tested = wells.loc[parts == "test", "treatment"]
    assert tested.is_unique, "spread over treatments"
    others = [held_out(wells, 0.2, 0.1, np.random.default_rng(seed)) for seed in range(1, 4)]
    assert all((parts != other).any() for other in others), "no treatment is always or never tested"


@pytest.mark.parametrize("seed", range(12))
def test_shares_are_right_within_a_well_of_each_line_and_label(seed: int) -> None:
    rng = np.random.default_rng(seed)
    test, validation = rng.choice([0.05, 0.1, 0.2, 1 / 3, 0.5], 2)
    groups = [
        wells_of(rng.integers(1, rng.integers(2, 12), rng.integers(1, 30)).tolist(), line, label)
        for line in ("HT29", "M14")
        for label in ("control", "drug", None)
    ]
    wells = pd.concat(groups).set_index("well_id", drop=False).sample(frac=1, random_state=seed)
    parts = held_out(wells, test, validation, rng)
    pd.testing.assert_index_equal(parts.index, wells.index)
    for _, alike in wells.assign(part=parts).groupby(["cell_type", "label"], dropna=False):
        counts = alike["part"].value_counts()
        assert abs(counts.get("test", 0) - test * len(alike)) <= 1 + 1e-9
        assert abs(counts.get("validation", 0) - validation * len(alike)) <= 1 + 1e-9
        assert counts.get("train", 0) >= 1


@pytest.mark.parametrize("wells", [1, 2, 3])
def test_one_well_is_always_left_to_train_on(wells: int) -> None:
    for sizes in ([wells], [1] * wells):
        parts = held_out(wells_of(sizes), 0.5, 0.5, np.random.default_rng(0))
        assert (parts == "train").sum() == 1


def test_the_test_part_that_a_source_states_is_followed_image_by_image(caplog: pytest.LogCaptureFixture) -> None:
    wells = pd.concat([wells_of([20]), wells_of([20], label="control")], ignore_index=True)
    sites = wells.loc[wells.index.repeat(2)].reset_index(drop=True)
    odd = sites.index.to_numpy() % 2 == 1
    sites["given_part"] = np.where(odd & (sites["label"] == "drug"), "test", "train")
    with caplog.at_level(logging.INFO):
        parts = parts_of_wells(sites, TilesSettings(), np.random.default_rng(0))
    np.testing.assert_array_equal(parts == "test", sites["given_part"] == "test")
    others = sites.assign(part=parts)[sites["given_part"] != "test"]
    assert (others.groupby("well_id")["part"].nunique() == 1).all()
    held = others[others["part"] == "validation"].drop_duplicates("well_id")
    assert held["label"].value_counts().to_dict() == {"drug": 2, "control": 2}
    assert "the source states the test part (given_part): 20 of 80 tiles" in caplog.text


def test_without_a_stated_test_part_wells_are_held_out(caplog: pytest.LogCaptureFixture) -> None:
    wells = wells_of([10])
    alone = parts_of_wells(wells, TilesSettings(), np.random.default_rng(0))
    with caplog.at_level(logging.INFO):
        empty = parts_of_wells(wells.assign(given_part=""), TilesSettings(), np.random.default_rng(0))
    pd.testing.assert_series_equal(alone, empty)
    assert "given_part" not in caplog.text


def test_a_table_of_tiles_follows_the_stated_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    screen = tiled_screen(tmp_path, wells=4)
    sites = pd.read_parquet(screen.sites)
    tested = (sites["cell_type"] == "M14") & (sites.index % 4 == 0)
    sites.assign(given_part=np.where(tested, "test", "train")).to_parquet(screen.sites)
    write_tiles(screen.manifests, screen.sites, tmp_path / "t.parquet", TilesSettings(side=SIDE), RESOLUTION)
    tiles = read_table(tmp_path / "t.parquet", TILES)
    assert set(tiles.loc[tiles["part"] == "test", "site_id"]) == set(sites.loc[tested, "site_id"])
    assert "the source states no test part of HT29" in caplog.text
    sites.assign(given_part="test").to_parquet(screen.sites)
    with pytest.raises(TilesError, match="states the part `test` of every image"):
        write_tiles(screen.manifests, screen.sites, tmp_path / "t.parquet", TilesSettings(side=SIDE), RESOLUTION)


def test_the_switch_changes_the_split_alone(tmp_path: Path) -> None:
    screen = tiled_screen(tmp_path, wells=10)
    settings = TilesSettings(side=SIDE, per_well=1, per_held_out_well=4)
    tables = []
    for by_tile in (False, True):
        write_tiles(screen.manifests, screen.sites, tmp_path / "t.parquet", settings, RESOLUTION, by_tile=by_tile)
        tables.append(read_table(tmp_path / "t.parquet", TILES))
    wells, tiles = tables
    pd.testing.assert_series_equal(wells.groupby(OF_PART).size(), tiles.groupby(OF_PART).size())
    pd.testing.assert_frame_equal(wells.drop(columns="part"), tiles.drop(columns="part"))
    assert (wells["part"] != tiles["part"]).any()
    held = wells.loc[wells["part"] == "test", "well_id"].unique()
    assert "train" in set(tiles.loc[tiles["well_id"].isin(held), "part"]), "wells are in several parts"

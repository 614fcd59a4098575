"""Cosines of shifts: what is planted is found, merely different drugs are not taken for opposite ones, and noise is 0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coded_screens import value
from test_similarity_task import numbers_of

from gandl.evaluation.comparison.measures.distances import TileSet
from gandl.evaluation.comparison.shifts import halves_of, shift_cosine

Make = Callable[..., tuple[Path, Path]]


def wells_of(rng: np.random.Generator, wells: int, shift: float = 0.0, tiles: int = 3) -> TileSet:
    """Tiles of wells that differ; all shifted along the first of eight features."""
    centres = np.repeat(rng.normal(size=(wells, 8)) + shift * np.eye(8)[0], tiles, axis=0)
    return TileSet.of(centres + rng.normal(size=centres.shape), np.arange(len(centres)) // tiles)


def test_similar_drugs_point_one_way_opposite_ones_apart_and_different_ones_nowhere(make: Make) -> None:
    numbers = numbers_of(*make(wells=20))
    similar, opposite = (value(numbers, f"shift_cosine_{name}", "M14") for name in ("similar", "opposite"))
    assert similar.low > 0.8
    assert opposite.high < -0.8
    codes, tiles = make("different", wells=20)
    different = numbers_of(codes, tiles, opposite=["MTX", "RAP"])  # shifts along two different features
    assert value(different, "separation_between", "M14").low > 0, "they lie apart"
    met = value(different, "shift_cosine_opposite", "M14")
    assert met.value == pytest.approx(0, abs=0.15)
    assert met.high > -0.2


def test_the_cosine_is_that_of_means_by_hand() -> None:
    rng = np.random.default_rng(3)
    one, other, vehicle = wells_of(rng, 3, 2.0), wells_of(rng, 4, -2.0), wells_of(rng, 6)
    left, right = halves_of(vehicle, rng)
    found, draws = shift_cosine(one, other, (left, right), 20, 0)
    u, v, w, x = (held.values.mean(axis=0) for held in (one, other, left, right))
    by_hand = [(a @ b) / np.sqrt((a @ a) * (b @ b)) for a, b in ((u - w, v - x), (u - x, v - w))]
    assert found == pytest.approx(np.mean(by_hand))
    assert draws.shape == (20,)
    assert (np.abs(draws) <= 1).all()


def test_without_any_effect_the_cosine_is_0_on_average_for_no_vehicle_well_is_in_both_shifts() -> None:
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        one, other = wells_of(rng, 6), wells_of(rng, 6)
        found.append(shift_cosine(one, other, halves_of(wells_of(rng, 6), rng), 1, seed)[0])
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert error < 0.03, "one vehicle mean in both shifts gives 0.5"


def test_halves_have_no_well_in_common() -> None:
    held = TileSet.of(np.arange(14.0)[:, None], np.repeat(list("abcdefg"), 2))
    one, other = halves_of(held, np.random.default_rng(0))
    assert (one.n_wells, other.n_wells) == (3, 4)
    assert sorted(np.concatenate([one.values, other.values]).ravel()) == list(range(14))
    assert not set(one.values.ravel() // 2) & set(other.values.ravel() // 2)


def test_one_well_of_vehicle_has_no_halves(make: Make) -> None:
    codes, tiles = make()
    table = pd.read_parquet(tiles)
    mine = table[(table["control"] == "negative") & (table["part"] == "test") & (table["cell_type"] == "M14")]
    table.loc[mine.index[mine["well_id"] != mine["well_id"].iloc[0]], "part"] = "train"
    table.to_parquet(tiles)
    told = value(numbers_of(codes, tiles), "shift_cosine_opposite", "M14")
    assert np.isnan(told.value)
    assert told.note == "fewer than two wells of the vehicle in the test part"

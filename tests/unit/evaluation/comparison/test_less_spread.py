"""Distances of drugs less the spread within them: against loops over tiles, and 0 on average where nothing differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coded_screens import value
from test_similarity_task import numbers_of

from gandl.evaluation.comparison.measures.distances import TileSet, drawn_means, pair_distances
from gandl.evaluation.comparison.numbers import of_draws
from gandl.evaluation.comparison.similarity import SETS, _distances, less_spread, means

Make = Callable[..., tuple[Path, Path]]


def mean_by_loops(table: pd.DataFrame, one: str, other: str) -> float:
    """Mean distance of tiles of two drugs, or of one: of different wells then."""
    features = [name for name in table if name.startswith("feature_")]
    first, second = (table[table["treatment"] == name] for name in (one, other))
    found = [
        float(np.sqrt(((np.array(a[2:]) - np.array(b[2:])) ** 2).sum()))
        for a in first[["tile", "well_id", *features]].itertuples(index=False)
        for b in second[["tile", "well_id", *features]].itertuples(index=False)
        if a[1] != b[1]
    ]
    return float(np.mean(found))


def test_separation_less_spread_is_of_mean_distances_between_wells(make: Make) -> None:
    codes, tiles = make(per_well=3)
    numbers = numbers_of(codes, tiles)
    table = pd.read_parquet(tiles).merge(pd.read_parquet(codes), on="tile")
    mine = table[(table["part"] == "test") & (table["cell_type"] == "M14")]
    vehicle = mine[mine["control"] == "negative"].sort_values("tile")
    rng = np.random.default_rng(1)  # as many as MTX has, in the draw that `tiles_of_sets` makes of the second line
    order = mine.set_index("tile").loc[pd.read_parquet(codes)["tile"].loc[lambda t: t.isin(vehicle["tile"])]]
    kept = order.iloc[np.sort(rng.choice(len(order), 6, replace=False))].assign(treatment="vehicle").reset_index()
    every = pd.concat([mine, kept], ignore_index=True)
    a, b, c, d = "MTX", "PEM", "PAC", "RAP"
    apart = [mean_by_loops(every, *two) - sum(mean_by_loops(every, x, x) for x in two) / 2 for two in ((a, b), (c, d))]
    scale = np.mean([mean_by_loops(every, name, "vehicle") for name in (a, b)])
    assert value(numbers, "separation_between", "M14").value == pytest.approx((apart[1] - apart[0]) / scale, rel=1e-5)


def screen(seed: int, wells: int = 3, tiles: int = 6, spread: float = 1.0) -> dict[str, TileSet]:
    """Four drugs and vehicle; wells differ as much as tiles, and those of the opposite drugs `spread` times as much."""
    rng = np.random.default_rng(seed)
    sets = {}
    for kind in ("a", "b", "c", "d", "vehicle"):
        size = spread if kind in "cd" else 1.0
        of_wells = np.repeat(rng.normal(0, size, (wells, 4)), tiles, axis=0)
        sets[kind] = TileSet.of(of_wells + rng.normal(0, size, of_wells.shape), np.arange(len(of_wells)) // tiles)
    return sets


def energy(sets: dict[str, TileSet], draws: int = 2) -> tuple[float, np.ndarray]:
    raw = {str(pair): _distances(sets, pair) for pair in SETS}
    return less_spread(means(sets, raw, draws, 0))["separation_between"]


def test_drugs_of_one_distribution_are_0_apart_on_average_though_wells_differ() -> None:
    found = np.array([energy(screen(seed, spread=4.0))[0] for seed in range(400)])
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean()) < 3 * error
    assert error < 0.08, "sharp enough that pairs of one well, which make it 0.3 and more, would be seen"


def test_draws_of_wells_are_about_0_too_where_nothing_differs() -> None:
    found = [np.nanmean(energy(screen(seed, wells=6, spread=3.0), 100)[1]) for seed in range(120)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_drawn_means_are_those_of_the_repeated_tiles_and_a_draw_of_one_well_has_no_spread() -> None:
    rng = np.random.default_rng(0)
    one = TileSet.of(rng.normal(size=(9, 4)), [f"w{i // 3}" for i in range(9)])
    distances = _distances({"a": one}, "within_a")
    assert np.isnan(distances).sum() == 27, "tiles of one well make no pair"
    times = np.vstack([one.drawn(30, rng), [3, 0, 0]])
    found = drawn_means(distances, one, one, times, times)
    for draw, of in enumerate(times[:-1]):
        rows = np.repeat(np.arange(9), of[one.wells].astype(int))
        flat = distances[np.ix_(rows, rows)]
        expected = np.nanmean(flat) if np.isfinite(flat).any() else np.nan
        assert found[draw] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(found[-1])
    other = TileSet.of(rng.normal(size=(4, 4)), list("vvww"))
    whole = pair_distances(one, other)
    assert drawn_means(whole, one, other, np.ones((1, 3)), np.ones((1, 2)))[0] == pytest.approx(whole.mean())


def test_few_undefined_draws_are_left_out_and_many_leave_no_interval() -> None:
    draws = np.random.default_rng(0).normal(size=1000)
    ends = [of_draws(np.r_[draws, np.full(lost, np.nan)], 0.95, 6) for lost in (0, 5)]
    assert ends[0] == ends[1]
    assert np.isnan(of_draws(np.r_[draws, np.full(20, np.nan)], 0.95, 6)).all()

"""Distances of similar and opposite drugs: against loops over pairs, and what a change of the codes' scale does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coded_screens import value

from gandl.config.comparison import ComparisonTasksSettings
from gandl.evaluation.comparison.codes import ComparisonTaskError, read_codes
from gandl.evaluation.comparison.measures.distances import (
    TileSet,
    drawn_medians,
    effective_rank,
    feature_spread,
    pair_distances,
)
from gandl.evaluation.comparison.numbers import of_draws
from gandl.evaluation.comparison.similarity import SETS, measures, medians, write_similarity
from gandl.evaluation.comparison.terms import Pair
from gandl.tables import TableError

Make = Callable[..., tuple[Path, Path]]
SETTINGS = ComparisonTasksSettings(bootstrap=200)


def numbers_of(codes: Path, tiles: Path, **given: object) -> pd.DataFrame:
    names = {"similar": ["MTX", "PEM"], "opposite": ["PAC", "RAP"], "seed": 0, "setup": "dino", "training_seed": 1}
    output, distances = codes.with_name("numbers.parquet"), codes.with_name("distances.parquet")
    write_similarity(read_codes(codes, tiles), output, distances, **{"settings": SETTINGS, **names, **given})  # type: ignore[arg-type]
    return pd.read_parquet(output)


def changed(codes: Path, change: object) -> Path:
    """The same codes, changed feature by feature."""
    table = pd.read_parquet(codes)
    features = [name for name in table if name != "tile"]
    table[features] = change(table[features].to_numpy()).astype(np.float32)  # type: ignore[operator]
    table.to_parquet(codes, index=False)
    return codes


def by_loops(codes: Path, tiles: Path, line: str, one: str, other: str) -> float:
    """D of the paper, tile by tile."""
    table = pd.read_parquet(tiles).merge(pd.read_parquet(codes), on="tile")
    test = table[(table["part"] == "test") & (table["cell_type"] == line)]
    features = [name for name in table if name.startswith("feature_")]
    u, v = (test[test["treatment"] == name][features].to_numpy() for name in (one, other))
    return float(np.median([np.sqrt(((a - b) ** 2).sum()) for a in u for b in v]))


def test_median_distance_is_that_of_a_loop_over_all_pairs(make: Make) -> None:
    codes, tiles = make()
    numbers = numbers_of(codes, tiles)
    for line in ("HT29", "M14"):
        near, far = by_loops(codes, tiles, line, "MTX", "PEM"), by_loops(codes, tiles, line, "PAC", "RAP")
        assert value(numbers, "distance_similar", line).value == pytest.approx(near, rel=1e-6)
        assert value(numbers, "distance_opposite", line).value == pytest.approx(far, rel=1e-6)
        a, b = (value(numbers, f"distance_{name}_vehicle", line).value for name in "ab")
        assert value(numbers, "d", line).value == pytest.approx(((a + b) / 2 - near) / ((a + b) / 2), rel=1e-6)
        assert value(numbers, "separation", line).value == pytest.approx((far - near) / ((a + b) / 2), rel=1e-6)


def test_similar_drugs_are_near_and_opposite_ones_far(make: Make) -> None:
    numbers = numbers_of(*make())
    for metric in ("d", "d_scale_free", "separation", "separation_scale_free"):
        assert value(numbers, metric, "M14").low > 0, metric
    without = numbers_of(*make("nothing", effect=0.0, wells=20))
    assert abs(value(without, "d", "M14").value) < 0.1
    assert value(without, "d", "M14").low < 0 < value(without, "d", "M14").high


def test_only_the_inverse_distance_follows_the_scale_of_the_codes(make: Make) -> None:
    before = numbers_of(*make("before"))
    codes, tiles = make("after")
    after = numbers_of(changed(codes, lambda values: 8 * values), tiles)
    for metric, factor in {"distance_similar": 8, "inverse_distance": 1 / 8, "d": 1, "separation": 1}.items():
        for end in ("value", "low", "high"):
            was = value(before, metric, "HT29")[end]
            assert value(after, metric, "HT29")[end] == pytest.approx(factor * was, rel=1e-4), (metric, end)


def test_scale_free_metrics_do_not_change_when_each_feature_is_rescaled(make: Make) -> None:
    before = numbers_of(*make("before"))
    codes, tiles = make("after")
    factors = np.geomspace(0.01, 100, 12)
    after = numbers_of(changed(codes, lambda values: values * factors + 5), tiles)
    for metric in ("d_scale_free", "inverse_distance_scale_free", "separation_scale_free"):
        was = value(before, metric, "HT29").value
        assert value(after, metric, "HT29").value == pytest.approx(was, abs=1e-3), metric
    assert value(after, "d", "HT29").value != pytest.approx(value(before, "d", "HT29").value, abs=0.01)


def test_a_drawn_median_is_that_of_the_repeated_tiles() -> None:
    rng = np.random.default_rng(0)
    one = TileSet.of(rng.normal(size=(9, 4)), [f"w{i // 3}" for i in range(9)])
    other = TileSet.of(rng.normal(size=(8, 4)), [f"v{i // 2}" for i in range(8)])
    distances = pair_distances(one, other)
    times, other_times = one.drawn(30, rng), other.drawn(30, rng)
    found = drawn_medians(distances, one, other, times, other_times)
    for draw in range(30):
        rows = np.repeat(np.arange(9), times[draw, one.wells].astype(int))
        columns = np.repeat(np.arange(8), other_times[draw, other.wells].astype(int))
        flat = np.sort(distances[np.ix_(rows, columns)].ravel())
        assert found[draw] == pytest.approx(flat[(len(flat) - 1) // 2])


def test_bins_keep_a_drawn_median_of_many_distances() -> None:
    rng = np.random.default_rng(1)
    one = TileSet.of(rng.normal(size=(60, 4)), [f"w{i // 10}" for i in range(60)])
    every = np.ones((1, 6))
    distances = pair_distances(one, one)
    assert drawn_medians(distances, one, one, every, every)[0] == pytest.approx(np.median(distances), rel=0.01)


def test_intervals_hold_the_truth_in_most_screens() -> None:
    """Tiles of a well share a shift: intervals over wells hold the truth (of very many wells), those over tiles could not."""

    def d_of(wells: int, seed: int) -> tuple[float, float, float]:
        rng = np.random.default_rng(seed)
        sets = {}
        for kind, shift in {"a": 2.0, "b": 2.0, "vehicle": 0.0}.items():
            centre = np.repeat(rng.normal(size=(wells, 3)), 3, axis=0)
            sets[kind] = TileSet.of(centre + 0.3 * rng.normal(size=centre.shape) + shift, np.arange(3 * wells) // 3)
        pairs = {str(pair): pair_distances(*(sets[kind] for kind in SETS[pair])) for pair in list(Pair)[:3]}
        value, draws = measures(medians(sets, pairs, 200, seed))["d"]
        return value, *of_draws(draws, 0.95, wells)

    truth = d_of(250, 0)[0]
    held = [low <= truth <= high for _, low, high in (d_of(12, seed) for seed in range(1, 31))]
    assert np.mean(held) > 0.85


def test_draws_are_the_same_again_and_of_another_seed_not(make: Make) -> None:
    codes, tiles = make()
    first, again, other = (numbers_of(codes, tiles, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert value(first, "distance_a_vehicle", "M14").value != value(other, "distance_a_vehicle", "M14").value


def test_kept_distances_are_those_that_the_median_is_of(make: Make) -> None:
    codes, tiles = make()
    numbers = numbers_of(codes, tiles)
    kept = pd.read_parquet(codes.with_name("distances.parquet"))
    assert set(kept["pair"]) == {"similar", "a_vehicle", "b_vehicle", "opposite"}
    of_pair = kept[(kept["pair"] == "similar") & (kept["cell_type"] == "M14")]["distance"]
    assert len(of_pair) == 12 * 12
    assert of_pair.median() == pytest.approx(value(numbers, "distance_similar", "M14").value)


def test_as_many_vehicle_tiles_as_the_drug_has_are_taken(make: Make) -> None:
    codes, tiles = make()
    kept_of = numbers_of(codes, tiles)
    assert value(kept_of, "distance_a_vehicle", "M14").n == 24  # 12 tiles of MTX, of the vehicle 12 of its 24


def test_a_cell_line_without_a_drug_is_told_and_the_others_are_measured(make: Make) -> None:
    codes, tiles = make()
    table = pd.read_parquet(tiles)
    table.loc[(table["treatment"] == "PEM") & (table["cell_type"] == "M14"), "part"] = "train"
    table.to_parquet(tiles)
    numbers = numbers_of(codes, tiles)
    for metric in ("d", "distance_similar", "d_scale_free", "inverse_distance"):
        told = value(numbers, metric, "M14")
        assert np.isnan(told.value)
        assert told.note == "no tile of PEM in the test part"
        assert np.isfinite(value(numbers, metric, "HT29").value)
    assert np.isfinite(value(numbers, "distance_opposite", "M14").value)


def test_a_drug_with_one_tile_has_a_distance_and_no_interval(make: Make) -> None:
    codes, tiles = make()
    table = pd.read_parquet(tiles)
    mine = table[(table["treatment"] == "PEM") & (table["cell_type"] == "M14") & (table["part"] == "test")]
    table.loc[mine.index[1:], "part"] = "train"
    table.to_parquet(tiles)
    found = value(numbers_of(codes, tiles), "d", "M14")
    assert np.isfinite(found.value)
    assert np.isnan(found.low)


def test_without_an_opposite_pair_nothing_is_said_of_it(make: Make) -> None:
    numbers = numbers_of(*make(), opposite=None)
    assert not numbers["metric"].str.contains("opposite|separation").any()


def test_a_collapsed_network_is_told_whatever_its_scale_and_an_untrained_one_is_not(make: Make) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(12, 12)) / 4
    for scale in (1e-3, 1.0, 1e3):
        codes, tiles = make(f"collapsed_{scale}")
        numbers = numbers_of(changed(codes, lambda v, s=scale: s * (100 + 1e-3 * v)), tiles)
        assert (numbers.loc[numbers["metric"] == "collapsed", "value"] == 1).all()
        assert value(numbers, "collapsed", "M14").note.startswith("collapsed")
        codes, tiles = make(f"untrained_{scale}")
        numbers = numbers_of(changed(codes, lambda v, s=scale: s * np.maximum(v @ weights, 0)), tiles)
        assert (numbers.loc[numbers["metric"] == "collapsed", "value"] == 0).all()


def test_codes_that_are_all_alike_give_no_similarity_and_no_crash(make: Make) -> None:
    codes, tiles = make()
    numbers = numbers_of(changed(codes, np.zeros_like), tiles)
    assert value(numbers, "distance_similar", "M14").value == 0
    for metric in ("d", "inverse_distance", "d_scale_free"):
        told = value(numbers, metric, "M14")
        assert np.isnan(told.value), metric
        assert told.note


def test_spread_is_the_share_of_the_root_mean_square_that_differs() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(5000, 7)) + 3
    assert feature_spread(codes) == pytest.approx(np.sqrt(1 / 10), rel=0.02)
    assert feature_spread(np.ones((5, 3))) == 0
    assert feature_spread(np.zeros((5, 3))) == 0


def test_effective_rank_counts_directions() -> None:
    rng = np.random.default_rng(0)
    turned = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    flat = rng.normal(size=(4000, 20)) * (np.arange(20) < 5)
    assert effective_rank(flat @ turned + 7) == pytest.approx(5, rel=0.02)
    assert effective_rank((flat @ turned)[:15]) <= 5.01
    assert effective_rank(np.ones((4, 3))) == 0


def test_codes_of_a_tile_that_is_not_in_the_table_are_refused(make: Make) -> None:
    codes, tiles = make()
    table = pd.read_parquet(codes)
    table.loc[4, "tile"] = 99_999
    table.to_parquet(codes)
    with pytest.raises(ComparisonTaskError, match=r"row 5 is of tile 99999.*tiles cut anew"):
        numbers_of(codes, tiles)


def test_a_code_that_is_no_number_is_refused_with_its_place(make: Make) -> None:
    codes, tiles = make()
    table = pd.read_parquet(codes)
    table.loc[2, "feature_3"] = np.nan
    table.to_parquet(codes)
    with pytest.raises(TableError, match="feature_3 in row 3 is not a finite number"):
        numbers_of(codes, tiles)

"""Nearest neighbours: the same as by comparing every well with every other."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.explorer import neighbours
from gandl.explorer.neighbours import most_similar, nearest, read_features


def test_neighbours_are_the_wells_of_highest_cosine() -> None:
    features = np.random.default_rng(0).standard_normal((30, 5)).astype(np.float32)
    places, cosine = nearest(features, 4)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    every = unit @ unit.T
    np.fill_diagonal(every, -np.inf)
    assert (places == np.argsort(-every, axis=1)[:, :4]).all()
    assert cosine == pytest.approx(np.sort(every, axis=1)[:, ::-1][:, :4], abs=1e-5)


def test_few_features_are_compared_by_distance() -> None:
    places, distance = nearest(np.array([[0.0], [1.0], [1.5], [9.0]], np.float32), 2)
    assert places.tolist() == [[1, 2], [2, 0], [1, 0], [2, 1]]
    assert distance.tolist() == [[1.0, 1.5], [0.5, 1.0], [0.5, 1.5], [7.5, 8.0]]


def test_a_screen_of_one_well_has_no_neighbours_and_a_flat_profile_no_direction() -> None:
    assert nearest(np.ones((1, 4), np.float32), 6)[0].shape == (1, 0)
    _, cosine = nearest(np.zeros((3, 4), np.float32), 1)
    assert (cosine == 0).all()


def test_equal_wells_are_neighbours_of_one_another_and_none_of_itself() -> None:
    features = np.tile(np.array([[1.0, 2.0, 3.0]], np.float32), (9, 1))
    places, cosine = nearest(features, 3)
    assert all(len(set(mine)) == 3 and well not in mine for well, mine in enumerate(places.tolist()))
    assert cosine == pytest.approx(1.0)


def test_neighbours_of_a_large_screen_are_sought_in_principal_directions_and_compared_by_whole_profiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise in 36 further directions moves the cosine: the page shows that of the whole profiles, and their order."""
    monkeypatch.setattr(neighbours, "COMPONENTS", 4)
    monkeypatch.setattr(neighbours, "CANDIDATES", 60)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 40)) + 0.5 * rng.standard_normal((200, 40))
    exact = nearest(features.astype(np.float32), 3)
    monkeypatch.setattr(neighbours, "LARGE", 50)
    found = nearest(features.astype(np.float32), 3)
    same = (found[0] == exact[0]).all(axis=1)
    assert same.mean() > 0.9
    assert found[1][same] == pytest.approx(exact[1][same], abs=1e-5)


def test_the_most_similar_of_many_are_those_of_the_highest_cosine() -> None:
    """Many groups, of which few are searched; the last one is not full."""
    rows = np.random.default_rng(0).standard_normal((1_000, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    every = rows @ rows.T
    np.fill_diagonal(every, -np.inf)
    wanted = np.argsort(-every, axis=1)[:, :9]
    assert (np.sort(most_similar(rows, 9), axis=1) == np.sort(wanted, axis=1)).all()


def test_a_well_without_a_profile_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "wells.parquet"
    pd.DataFrame({"well_id": ["b", "a"], "feature_0": [2.0, 1.0], "feature_1": [4.0, 3.0]}).to_parquet(path)
    found, places = read_features(path, pd.Series(["a", "c", "b"]))
    assert found.tolist() == [[1, 3], [2, 4]]
    assert places.tolist() == [0, 2]


def test_a_well_whose_profile_is_not_whole_is_left_out_within_the_array(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((700, 3)).astype(np.float32)
    values[[5, 300], 1] = np.nan
    names = [f"w{k}" for k in range(700)]
    table = pd.DataFrame(values, columns=["feature_0", "feature_1", "feature_2"]).assign(well_id=names)
    table.to_parquet(tmp_path / "wells.parquet")
    found, places = read_features(tmp_path / "wells.parquet", pd.Series(names))
    whole = np.setdiff1d(np.arange(700), [5, 300])
    assert places.tolist() == whole.tolist()
    assert (found == values[whole]).all()


def test_wide_profiles_stand_in_memory_once(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((2_000, 1_500)).astype(np.float32)
    names = [f"w{k}" for k in range(len(values))]
    table = pd.DataFrame(values, columns=[f"feature_{k}" for k in range(1_500)])
    pd.concat([table, pd.Series(names, name="well_id")], axis=1).to_parquet(tmp_path / "wells.parquet")
    tracemalloc.start()
    found, _ = read_features(tmp_path / "wells.parquet", pd.Series(names[::-1]))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found == values[::-1]).all()
    assert most < 1.5 * values.nbytes

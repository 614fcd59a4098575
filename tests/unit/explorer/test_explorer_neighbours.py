"""Nearest neighbours: the same as by comparing every well with every other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.explorer import neighbours
from gandl.explorer.neighbours import nearest, read_features


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


def test_a_large_screen_is_compared_in_its_principal_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of features that span fewer directions than are kept, the neighbours are the exact ones."""
    monkeypatch.setattr(neighbours, "LARGE", 50)
    monkeypatch.setattr(neighbours, "COMPONENTS", 4)
    rng = np.random.default_rng(0)
    features = (rng.standard_normal((200, 3)) @ rng.standard_normal((3, 40))).astype(np.float32)
    places, _ = nearest(features, 3)
    monkeypatch.setattr(neighbours, "LARGE", 10**6)
    assert (places == nearest(features, 3)[0]).mean() > 0.99


def test_a_well_without_a_profile_has_features_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "wells.parquet"
    pd.DataFrame({"well_id": ["b", "a"], "feature_0": [2.0, 1.0], "feature_1": [4.0, 3.0]}).to_parquet(path)
    found = read_features(path, pd.Series(["a", "c", "b"]))
    assert np.array_equal(found, np.array([[1, 3], [np.nan, np.nan], [2, 4]], np.float32), equal_nan=True)

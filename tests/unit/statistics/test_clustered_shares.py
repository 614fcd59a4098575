"""Shares of answers in clusters: values by hand, and intervals that hold the truth of further clusters."""

from __future__ import annotations

import numpy as np
import pytest

from gandl.statistics.bootstrap import wilson_interval
from gandl.statistics.shares import ClusteredShares, clustered_shares

RIGHT = [1, 0, 1, 1, 0, 0.5]
CLUSTERS = ["a", "a", "b", "c", "c", "d"]
CLASSES = ["x", "x", "x", "y", "y", "y"]


def shares(right: object, clusters: object, classes: object, draws: int = 500, seed: int = 0) -> ClusteredShares:
    return clustered_shares(right, clusters, classes, draws=draws, confidence=0.95, seed=seed)  # type: ignore[arg-type]


def test_three_averages_by_hand() -> None:
    found = shares(RIGHT, CLUSTERS, CLASSES)
    assert found.overall.value == pytest.approx(3.5 / 6)
    assert found.by_cluster.value == pytest.approx((0.5 + 1 + 0.5 + 0.5) / 4)
    assert found.by_class.value == pytest.approx((2 / 3 + 1.5 / 3) / 2)
    assert (found.n, found.clusters) == (6, 4)


def test_draws_are_of_whole_clusters() -> None:
    """Ten right answers of one cluster and ten wrong ones of another: a draw of two clusters is all right, half, or all wrong."""
    found = shares([1] * 10 + [0] * 10, ["a"] * 10 + ["b"] * 10, ["x"] * 20)
    assert (found.overall.low, found.overall.high) == (0.0, 1.0)
    apart = shares([1] * 10 + [0] * 10, list(range(20)), ["x"] * 20)
    assert 0.2 < apart.overall.low < apart.overall.high < 0.8


def test_all_right_has_the_interval_of_as_many_answers_as_clusters() -> None:
    found = shares(np.ones(30), np.repeat(np.arange(6), 5), np.repeat(np.arange(3), 10))
    assert (found.overall.low, found.overall.high) == pytest.approx(wilson_interval(6, 6, 0.95))
    assert found.by_class == found.by_cluster == found.overall


def test_one_cluster_has_no_interval_and_none_no_share() -> None:
    one = shares([1, 0], ["a", "a"], ["x", "x"]).overall
    assert one.value == 0.5
    assert np.isnan([one.low, one.high]).all()
    none = shares([], [], [])
    assert np.isnan(none.overall.value)
    assert (none.n, none.clusters) == (0, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 30, 90)
    of = (rng.random(90) < 0.6, clusters, clusters % 5)
    assert shares(*of) == shares(*of)
    assert shares(*of).overall.value == shares(*of, seed=1).overall.value
    assert shares(*of).overall.low != shares(*of, seed=1).overall.low


@pytest.mark.parametrize("clusters", [12, 38])
def test_intervals_hold_the_truth_of_clusters_that_differ(clusters: int) -> None:
    """Compounds of one to five doses whose answers agree mostly: answers drawn one by one would be far too sure."""
    rng = np.random.default_rng(1)
    held = by_answer = 0
    screens = 200
    for seed in range(screens):
        sizes = rng.integers(1, 6, clusters)
        cluster_of = np.repeat(np.arange(clusters), sizes)
        share = rng.beta(0.7, 0.4, clusters)  # mean 0.64
        right = rng.random(len(cluster_of)) < share[cluster_of]
        found = shares(right, cluster_of, cluster_of % 4, draws=400, seed=seed)
        held += found.by_cluster.low <= 0.7 / 1.1 <= found.by_cluster.high
        low, high = wilson_interval(right.sum(), len(right), 0.95)
        by_answer += low <= 0.7 / 1.1 <= high
    assert held / screens >= 0.91
    assert by_answer / screens < 0.85

"""Clusters: scores against sums over all pairs, the rule of choice by hand, and codes in which nothing can be found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coded_screens import value, written

from gandl.config.comparison import ComparisonTasksSettings
from gandl.evaluation.comparison.clusters import write_clusters
from gandl.evaluation.comparison.codes import read_codes
from gandl.evaluation.comparison.measures import partitions
from gandl.evaluation.comparison.measures.partitions import Partition, chosen_of, partition_of, partitions_of, points_of

Make = Callable[..., tuple[Path, Path]]
SETTINGS = ComparisonTasksSettings(bootstrap=100).changed(clustering={"sizes": [8, 12], "drop_up_to": 0, "epochs": 100})


def numbers_of(codes: Path, tiles: Path, settings: ComparisonTasksSettings = SETTINGS) -> pd.DataFrame:
    output, found, points = (codes.with_name(f"{name}.parquet") for name in ("numbers", "partitions", "points"))
    write_clusters(read_codes(codes, tiles), output, found, points, settings, seed=0, setup="dino", training_seed=1)
    return pd.read_parquet(output)


def silhouette(points: np.ndarray, labels: np.ndarray) -> float:
    """Rousseeuw 1987, tile by tile: (b - a) / max(a, b), 0 in a cluster of one."""
    found = []
    for i, point in enumerate(points):
        to = np.sqrt(((points - point) ** 2).sum(axis=1))
        mine = labels == labels[i]
        if mine.sum() == 1:
            found.append(0.0)
            continue
        a = to[mine].sum() / (mine.sum() - 1)
        b = min(to[labels == other].mean() for other in set(labels) - {labels[i]})
        found.append((b - a) / max(a, b))
    return float(np.mean(found))


def davies_bouldin(points: np.ndarray, labels: np.ndarray) -> float:
    """Davies and Bouldin 1979: mean over clusters of the worst (s_i + s_j) / d_ij, s the mean distance from the centre."""
    names = sorted(set(labels))
    centres = [points[labels == name].mean(axis=0) for name in names]
    s = [
        np.linalg.norm(points[labels == name] - centre, axis=1).mean()
        for name, centre in zip(names, centres, strict=True)
    ]
    worst = [
        max((s[i] + s[j]) / np.linalg.norm(centres[i] - centres[j]) for j in range(len(names)) if j != i)
        for i in range(len(names))
    ]
    return float(np.mean(worst))


def blobs(centres: list[tuple[float, float]], each: int = 40, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(size=(each, 2)) + centre for centre in centres])


def test_scores_are_those_of_sums_over_all_pairs_noise_being_a_cluster() -> None:
    points = np.concatenate([blobs([(0, 0), (12, 0), (0, 15)]), np.random.default_rng(1).uniform(-20, 30, (15, 2))])
    found = partition_of(points, 10)
    assert found.clusters == 3
    assert 0 < (found.labels == -1).sum() < 16
    assert found.silhouette == pytest.approx(silhouette(points, found.labels))
    assert found.davies_bouldin == pytest.approx(davies_bouldin(points, found.labels))
    assert found.not_noise == pytest.approx((found.labels >= 0).mean())


def fake(k: int, silhouette: float, davies_bouldin: float, noise: int = 0, clusters: int = 2) -> Partition:
    labels = np.concatenate([np.full(noise, -1), np.arange(100 - noise) % clusters])
    return Partition(k, np.zeros((100, 2)), labels, np.full(100, silhouette), davies_bouldin, "")


@pytest.mark.parametrize(
    ("every", "drop", "expected"),
    [
        # medians: silhouette 0.5 leaves 10, 30, 40; of these Davies-Bouldin 0.6 leaves 10 and 30; 30 has less noise
        ([fake(10, 0.5, 0.6, noise=9), fake(20, 0.1, 0.1), fake(30, 0.6, 0.5, noise=3), fake(40, 0.9, 0.9)], 0, 30),
        # as good in noise: more clusters
        ([fake(30, 0.5, 0.5, clusters=2), fake(40, 0.5, 0.5, clusters=4)], 0, 40),
        # as good in clusters too: the better silhouette
        ([fake(30, 0.6, 0.5), fake(40, 0.5, 0.5), fake(50, 0.4, 0.5), fake(60, 0.3, 0.5)], 0, 30),
        # a small k is never chosen, and counts for the medians
        ([fake(20, 0.6, 0.5), fake(40, 0.5, 0.5), fake(50, 0.4, 0.5), fake(60, 0.3, 0.5)], 21, 40),
        ([fake(20, 0.6, 0.5)], 21, None),
        ([], 0, None),
        # partitions without scores are passed over
        ([fake(30, np.nan, np.nan, clusters=9), fake(40, 0.1, 3.0)], 0, 40),
        ([fake(30, np.nan, np.nan, clusters=1), fake(40, np.nan, np.nan, clusters=1, noise=5)], 0, 30),
    ],
)
def test_the_choice_is_the_paper_s(every: list[Partition], drop: int, expected: int | None) -> None:
    found = chosen_of(every, drop)
    assert (None if found is None else found.k) == expected


def test_planted_clusters_are_found_again_and_again_the_same(make: Make) -> None:
    codes, tiles = make(lines=("M14",), drugs=("MTX", "PAC", "RAP"), effect=40.0, wells=10)
    numbers = numbers_of(codes, tiles)
    points = pd.read_parquet(codes.with_name("points.parquet"))
    assert value(numbers, "clusters", "M14").value == 4  # three drugs and the vehicle
    truth = pd.read_parquet(tiles).set_index("tile").loc[points["tile"]]
    assert (truth["part"] == "test").all()
    drugs = truth["treatment"].fillna("vehicle").to_numpy()
    clean = pd.crosstab(drugs, points["cluster"].to_numpy())
    assert (clean.drop(columns=-1, errors="ignore") > 0).sum(axis=0).eq(1).all()
    assert value(numbers, "silhouette", "M14").value > 0.5
    inverse = value(numbers, "inverse_davies_bouldin", "M14").value
    assert inverse == pytest.approx(1 / value(numbers, "davies_bouldin", "M14").value)
    found = pd.read_parquet(codes.with_name("partitions.parquet"))
    assert found["k"].tolist() == [8, 12]
    assert found.loc[found["chosen"], "k"].item() == value(numbers, "k", "M14").value
    pd.testing.assert_frame_equal(numbers, numbers_of(codes, tiles))
    pd.testing.assert_frame_equal(points, pd.read_parquet(codes.with_name("points.parquet")))


def test_points_are_the_same_at_every_call_where_the_graph_falls_into_many_parts() -> None:
    values = np.random.default_rng(0).normal(size=(72, 32)).astype(np.float32)
    found = []
    for call in range(6):
        others = [np.empty(1000 + 37 * call) for _ in range(call)]  # memory elsewhere, as in another process
        found.append(points_of(values, 2, 50, 0))
        del others
    assert all(np.array_equal(found[0], other) for other in found)


def test_a_cell_line_with_few_tiles_is_told(make: Make) -> None:
    codes, tiles = make(lines=("M14", "HT29"), drugs=("MTX",), wells=10)
    table = pd.read_parquet(tiles)
    mine = table.index[(table["cell_type"] == "M14") & (table["part"] == "test")]
    table.loc[mine[10:], "part"] = "train"
    table.to_parquet(tiles)
    numbers = numbers_of(codes, tiles)
    told = value(numbers, "silhouette", "M14")
    assert np.isnan(told.value)
    assert told.note == "10 tiles in the test part, of which k = 8 needs 40"
    assert set(pd.read_parquet(codes.with_name("partitions.parquet"))["cell_type"]) == {"HT29"}


def test_codes_that_are_alike_are_all_noise_and_told(tmp_path: Path) -> None:
    tiles = pd.DataFrame({"well_id": [f"w{i // 5}" for i in range(40)], "cell_type": "M14", "treatment": None})
    tiles = tiles.assign(control="negative", label="control", part="test")
    codes, tiles_at = written(tmp_path, tiles, np.ones((40, 7)))
    numbers = numbers_of(codes, tiles_at)
    assert value(numbers, "clusters", "M14").value == 0
    assert value(numbers, "not_noise", "M14").value == 0
    told = value(numbers, "silhouette", "M14")
    assert np.isnan(told.value)
    assert told.note == "all tiles have one code at every k"
    assert pd.read_parquet(codes.with_name("points.parquet"))["cluster"].eq(-1).all()


def test_where_all_tiles_are_noise_that_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    monkeypatch.setattr(partitions, "points_of", lambda values, *_: rng.normal(size=(len(values), 2)))
    codes, tiles = make(lines=("M14",), drugs=("MTX",), wells=15)
    settings = SETTINGS.changed(clustering={"sizes": [20]})
    numbers = numbers_of(codes, tiles, settings)
    assert value(numbers, "clusters", "M14").value == 0
    assert value(numbers, "davies_bouldin", "M14").note == "all tiles are noise at every k"


def test_dropped_partitions_are_told(make: Make) -> None:
    codes, tiles = make(lines=("M14",), drugs=("MTX",), wells=10)
    numbers = numbers_of(codes, tiles, SETTINGS.changed(clustering={"drop_up_to": 21}))
    told = value(numbers, "clusters", "M14")
    assert np.isnan(told.value)
    assert told.note == "every partition that the rule leaves has k up to 21, which are dropped"


@pytest.mark.parametrize("n", [4, 10, 20, 21])
def test_very_few_tiles_are_clustered_without_error(n: int) -> None:
    codes = np.random.default_rng(0).normal(size=(n, 3))
    for found in partitions_of(codes, [2, 4], epochs=20, seed=0):
        assert len(found.labels) == n
        assert found.k <= n / 5

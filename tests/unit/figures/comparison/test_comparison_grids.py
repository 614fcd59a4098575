"""Figures 3 to 5 of the comparison: what is drawn is what was measured, in the paper's grid, and what is missing is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

import comparison_inputs as made
from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common.empty import ABSENT
from gandl.figures.common.style import FigureError, style
from gandl.figures.comparison.accuracy import HEAD, accuracy_table, draw_accuracy
from gandl.figures.comparison.clusters import CLUSTERS, SILHOUETTE, cluster_table, clusters_figure, draw_clusters
from gandl.figures.comparison.distances import (
    BOX,
    MARK,
    box_table,
    distances_figure,
    draw_distances,
    pair_labels,
)
from gandl.figures.comparison.grid import draw_places, new_grid
from gandl.figures.comparison.setups import is_floor, mean_interval, rows_of, runs_of, seeds_in_words, setup_label

SETTINGS = FiguresSettings(dpi=50)
WORD = {"settings": SETTINGS, "word": "simulated"}
FEW = {"names": ["unsupervised.aug_multi_crop", "unsupervised.aug_one_crop", "self_supervised.aug_one_crop"]}
PAIRS = {"similar": made.SIMILAR, "opposite": made.OPPOSITE, "vehicle": made.VEHICLE}


def texts(figure: Any) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text")))


def test_rows_are_paradigms_and_columns_settings_in_the_order_of_the_paper() -> None:
    rows = rows_of(["intensities", "regularized.no_aug_one_crop", "unsupervised.aug_multi_crop", "dino"])
    assert rows == [
        ("Unsupervised", ["unsupervised.aug_multi_crop", "unsupervised.no_aug_one_crop"]),
        ("Regularised", ["regularized.aug_multi_crop", "regularized.no_aug_one_crop"]),
        ("Not in the paper", ["dino", "intensities"]),
    ]


def test_a_setup_of_the_grid_that_the_run_lacks_has_an_empty_panel() -> None:
    with style(SETTINGS):
        figure, places = new_grid(["regularized.no_aug_one_crop", "unsupervised.aug_multi_crop"])
        drawn: list[str] = []
        draw_places(places, ["regularized.no_aug_one_crop"], lambda axes, setup: drawn.append(setup))
    assert drawn == ["regularized.no_aug_one_crop"]
    assert len(figure.findobj(lambda item: item.get_gid() == ABSENT)) == 3


def test_floors_are_called_floors_and_learned_setups_are_not() -> None:
    assert setup_label("untrained") == "Untrained encoder (floor)"
    assert [is_floor(name) for name in ("intensities", "dino", "gandl", "regularized.aug_one_crop")] == [
        True,
        False,
        False,
        False,
    ]


def test_files_are_told_apart_by_their_paths_and_another_name_is_refused(tmp_path: Path) -> None:
    flat, deep = (
        tmp_path / "dino.seed_2.distances.parquet",
        tmp_path / "unsupervised.aug_one_crop" / "seed_1" / "curve.parquet",
    )
    deep.parent.mkdir(parents=True)
    for path in (flat, deep):
        path.touch()
    assert [(run.setup, run.seed) for run in runs_of([flat, deep], "curve")] == [
        ("unsupervised.aug_one_crop", 1),
        ("dino", 2),
    ]
    with pytest.raises(FigureError, match="does not say of which setup"):
        runs_of([tmp_path / "numbers.parquet"], "numbers")
    with pytest.raises(FigureError, match="setup gandl has no curve"):
        runs_of([tmp_path / "gandl.seed_0.parquet"], "curve")
    with pytest.raises(FigureError, match="no setup was given"):
        runs_of([], "curve")


def test_an_interval_over_seeds_is_students_and_needs_two() -> None:
    values = np.array([0.7, 0.74, 0.78])
    expected = t.interval(0.95, 2, loc=values.mean(), scale=values.std(ddof=1) / np.sqrt(3))
    assert mean_interval([*values, np.nan], 0.95)[1:] == pytest.approx(expected)
    assert np.isnan(mean_interval([0.7], 0.95)[1:]).all()
    assert np.isnan(mean_interval([], 0.95)).all()


def test_boxes_are_percentiles_of_the_distances_of_one_cell_line(tmp_path: Path) -> None:
    files, numbers = made.write_distances(tmp_path, **FEW), made.write_similarity(tmp_path, **FEW)
    paths = outputs(tmp_path, "comparison_figure_3")
    draw_distances(files, numbers, cell_type="HT29", **PAIRS, **WORD, **paths)
    data = pd.read_csv(paths["csv"], float_precision="round_trip")
    assert len(data) == 3 * 3 * 4, "setups, seeds, pairs"
    assert set(data["images"]) == {"simulated"}
    for (setup, seed), mine in data.groupby(["setup", "seed"]):
        table = pd.read_parquet(tmp_path / "similarity" / f"{setup}.seed_{seed}.distances.parquet")
        table = table[table["cell_type"] == "HT29"]
        assert list(mine["drawn_as"].unique()) == [BOX if seed == 0 else MARK]
        for row in mine.itertuples():
            values = table.loc[table["pair"] == row.pair, "distance"]
            assert [row.low, row.lower, row.median, row.upper, row.high] == pytest.approx(
                values.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
            )
    assert data.loc[data["label"] == "PAC–RAP", "pair"].unique() == ["opposite"]


def test_panels_of_a_paradigm_share_their_axis_so_that_one_crop_is_seen_to_be_near_zero(tmp_path: Path) -> None:
    names = ["self_supervised.aug_multi_crop", "self_supervised.no_aug_one_crop", "dino", "intensities"]
    files, numbers = made.write_distances(tmp_path, names=names), made.write_similarity(tmp_path, names=names)
    data = box_table(files, numbers, pair_labels(made.SIMILAR, [], made.VEHICLE), "M14")
    with style(SETTINGS):
        figure = distances_figure(data)
    one, other, *beyond = [axes for axes in figure.axes if axes.has_data()]
    assert one.get_ylim() == other.get_ylim()
    assert one.get_ylim()[0] == 0
    assert len(beyond) == 2
    highest = data.loc[data["setup"] == "self_supervised.no_aug_one_crop", "high"].max()
    assert highest < 0.2 * one.get_ylim()[1]


def test_without_an_opposite_pair_there_are_three_boxes_and_a_collapsed_training_is_told(tmp_path: Path) -> None:
    files, numbers = (write(tmp_path, opposite=False, **FEW) for write in (made.write_distances, made.write_similarity))
    data = box_table(files, numbers, pair_labels(made.SIMILAR, [], made.VEHICLE))
    assert list(data["label"].unique()) == ["MTX–PEM", "MTX–DMSO", "PEM–DMSO"]
    assert set(data["cell_type"]) == {"M14"}, "the first line where none is named"
    with style(SETTINGS):
        shown = texts(distances_figure(data))
    assert "collapsed: 1 of 3" in shown
    assert "PAC" not in shown
    assert "n = 400 distances each; n = 3 seeds" in shown


def test_a_cell_line_without_distances_is_named(tmp_path: Path) -> None:
    files, numbers = made.write_distances(tmp_path, **FEW), made.write_similarity(tmp_path, **FEW)
    with pytest.raises(FigureError, match="no setup has a distance of cell line HeLa"):
        box_table(files, numbers, pair_labels(made.SIMILAR, [], made.VEHICLE), "HeLa")


def test_bars_are_means_over_seeds_beside_the_majority_of_the_test_tiles(tmp_path: Path) -> None:
    numbers, tiles = made.write_drug_control(tmp_path, **FEW), made.write_tiles(tmp_path)
    paths = outputs(tmp_path, "comparison_figure_4")
    draw_accuracy(numbers, tiles, cell_types=["HCT15", "M14"], **WORD, **paths)
    data = pd.read_csv(paths["csv"], float_precision="round_trip")
    assert list(data["cell_type"].unique()) == ["HCT15", "M14"]
    table = pd.concat([pd.read_parquet(path) for path in numbers])
    for (setup, line), mine in data[data["metric"] == HEAD].groupby(["setup", "cell_type"]):
        of_line = (table["setup"] == setup) & (table["cell_type"] == line)
        expected = table.loc[of_line & (table["metric"] == HEAD), "value"]
        assert mine["mean"].iloc[0] == pytest.approx(expected.mean())
        assert sorted(mine["value"]) == pytest.approx(sorted(expected))
        assert mine["low"].iloc[0] < mine["mean"].iloc[0] < mine["high"].iloc[0]
    test = pd.read_parquet(tiles).query("part == 'test' and cell_type == 'M14'")
    assert data.loc[data["cell_type"] == "M14", "majority"].unique() == pytest.approx(
        [(test["label"] == "drug").mean()]
    )
    assert data.loc[data["cell_type"] == "M14", "wells"].unique() == [test["well_id"].nunique()]


def test_one_seed_has_no_interval_and_fewer_seeds_of_one_setup_are_told(tmp_path: Path) -> None:
    tiles = made.write_tiles(tmp_path)
    one = accuracy_table(made.write_drug_control(tmp_path / "one", seeds=(0,), **FEW), tiles)
    assert one[["low", "high"]].isna().all(axis=None)
    assert one["cell_type"].nunique() == 3, "the first three where none is named"
    numbers = made.write_drug_control(tmp_path, **FEW)
    assert (
        seeds_in_words(accuracy_table(numbers[:-1], tiles)) == "n = 3 seeds; 2 of Self-supervised, augmented, one crop"
    )


def test_an_unknown_cell_line_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    numbers, tiles = made.write_drug_control(tmp_path, **FEW), made.write_tiles(tmp_path)
    with pytest.raises(FigureError, match="no numbers of cell line HeLa; there are those of ACHN, HCT15, HT29"):
        accuracy_table(numbers, tiles, ["HeLa"])


def test_means_over_k_are_those_of_the_partitions(tmp_path: Path) -> None:
    files = made.write_partitions(tmp_path, **FEW)
    paths = outputs(tmp_path, "comparison_figure_5")
    draw_clusters(files, cell_types=["HT29", "ACHN"], **WORD, **paths)
    data = pd.read_csv(paths["csv"], float_precision="round_trip")
    table = pd.concat([pd.read_parquet(path).assign(setup=path.name.partition(".seed")[0]) for path in files])
    for (setup, line), mine in data[data["metric"] == CLUSTERS].groupby(["setup", "cell_type"]):
        every = table[(table["setup"] == setup) & (table["cell_type"] == line)]
        expected = every[every["silhouette"].notna()]
        assert mine["unscored"].iloc[0] == pytest.approx(1 - len(expected) / len(every))
        assert mine["mean"].iloc[0] == pytest.approx(expected["clusters"].mean())
        assert (mine["low"] >= 0).all()
        assert mine["k_unscored"].iloc[0] == (1 if line == "HT29" else 0)
    of_line = data.query("metric == @SILHOUETTE and cell_type == 'HT29'")
    assert of_line["mean"].notna().all(), "values of k with a cluster count"


def test_all_noise_is_said_in_the_place_of_a_silhouette(tmp_path: Path) -> None:
    lost = [("unsupervised.aug_one_crop", "M14")]
    data = cluster_table(made.write_partitions(tmp_path, all_noise=lost, **FEW), ["M14", "ACHN"])
    mine = data.query("setup == @lost[0][0] and cell_type == 'M14'").set_index("metric")
    assert mine.loc[SILHOUETTE, "mean"].isna().all()
    assert mine.loc[CLUSTERS, "mean"].isna().all(), "partitions without a score do not count"
    assert (mine["unscored"] == 1).all()
    assert (mine["k_unscored"] == len(made.KS)).all()
    with style(SETTINGS):
        figure = clusters_figure(data)
    assert texts(figure).count("no score") == 2
    share = data.drop_duplicates(["setup", "cell_type"])["unscored"].mean()
    said = figure.get_supxlabel()
    assert f"{100 * share:.0f} % of partitions" in said

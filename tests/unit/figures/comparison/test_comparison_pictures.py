"""Figures 6 and 7 of the comparison: the tiles drawn are those of the model and of each cluster, and errors are what they are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import comparison_inputs as made
from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common import style as look
from gandl.figures.common.style import FigureError
from gandl.figures.comparison.embedding import (
    ACROSS,
    MOST,
    clusters_in,
    embedding_figure,
    point_table,
    representatives,
    rows_each,
)
from gandl.figures.comparison.reconstructions import ACROSS as TILES_ACROSS, BANDS, draw_reconstructions, strip

SETTINGS = FiguresSettings(dpi=50)
WORD = {"settings": SETTINGS, "word": "simulated"}


def test_errors_of_reconstructions_are_those_of_the_tiles_drawn(tmp_path: Path) -> None:
    files = [
        made.write_samples(tmp_path, f"{name}.aug_multi_crop", count=30) for name in ("regularized", "unsupervised")
    ]
    paths = outputs(tmp_path, "comparison_figure_6")
    draw_reconstructions(files, **WORD, **paths)
    data = pd.read_csv(paths["csv"], float_precision="round_trip")
    assert list(data["setup"].unique()) == ["unsupervised.aug_multi_crop", "regularized.aug_multi_crop"], "a, then b"
    for name, mine in data.groupby("setup"):
        assert len(mine) == TILES_ACROSS * BANDS
        with np.load(tmp_path / str(name) / "seed_0" / "samples.npz") as arrays:
            real, fake = (arrays[key][: len(mine), 0].astype(float) for key in ("real", "fake"))
        expected = ((real - fake) ** 2).mean((1, 2)) / real.var((1, 2))
        np.testing.assert_allclose(mine["error_over_variance"], expected, rtol=1e-4)


def test_a_model_without_reconstructions_is_named(tmp_path: Path) -> None:
    with pytest.raises(FigureError, match=r"setup regularized\.aug_one_crop has no samples"):
        draw_reconstructions(
            [tmp_path / "regularized.aug_one_crop" / "seed_0" / "samples.npz"], **WORD, **outputs(tmp_path, "f")
        )


def test_tiles_stand_side_by_side_with_a_white_line_between() -> None:
    tiles = np.arange(2 * 2 * 3, dtype=np.float32).reshape(2, 2, 3)
    found = strip(tiles, 99.0)
    assert found.shape == (3, 8)
    np.testing.assert_array_equal(found[:2, :3], tiles[0])
    np.testing.assert_array_equal(found[:2, 4:7], tiles[1])
    assert (found[:, [3, 7]] == 99).all()
    assert (found[2] == 99).all()


@pytest.mark.parametrize("clusters", [0, 3, 12])
def test_random_tiles_of_each_cluster_are_of_that_cluster(tmp_path: Path, clusters: int) -> None:
    tiles = made.write_tiles(tmp_path)
    data = point_table(made.write_points(tmp_path, tiles, clusters), tiles, "HT29")
    groups = clusters_in(data) or [-1]
    assert len(groups) == min(max(clusters, 1), MOST)
    assert set(data["cell_type"]) == {"HT29"}
    sizes = data.loc[data["cluster"].isin(groups), "cluster"].value_counts()
    shown = data[data["shown"]]
    assert set(shown["cluster"]) == set(groups)
    for group in groups:
        assert (shown["cluster"] == group).sum() == min(ACROSS * rows_each(len(groups)), sizes[group])
    labels = pd.read_parquet(tiles).set_index("tile")["label"]
    assert list(data["label"]) == list(labels[data["tile"]])


def test_representatives_are_random_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    tiles = made.write_tiles(tmp_path)
    data = point_table(made.write_points(tmp_path, tiles), tiles)
    first, again, other = (list(representatives(data, seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("clusters", "said"), [(3, "noise (grey):"), (0, "no cluster was found: all is noise")])
def test_pixels_are_read_of_the_tiles_that_are_shown_and_all_noise_is_told(
    tmp_path: Path, clusters: int, said: str
) -> None:
    tiles = made.write_tiles(tmp_path)
    data = point_table(made.write_points(tmp_path, tiles, clusters), tiles)
    asked: list[int] = []
    pictures = made.blobs(8, side=16)

    def read(wanted: np.ndarray) -> np.ndarray:
        asked.extend(wanted.tolist())
        return pictures[wanted % 8]

    paths = outputs(tmp_path, "comparison_figure_7")
    with look.style(SETTINGS):
        figure = embedding_figure(data, read, "DMSO")
        assert said in "\n".join(text.get_text() for text in figure.texts)
    look.draw(partial(embedding_figure, read=read, vehicle="DMSO"), data, **WORD, **paths)
    drawn = pd.read_csv(paths["csv"])
    assert sorted(set(asked)) == sorted(drawn.loc[drawn["shown"], "tile"])
    assert len(drawn) == len(data), "every point is in the CSV"


def test_a_cell_line_without_points_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    tiles = made.write_tiles(tmp_path, lines=("M14", "HT29"))
    with pytest.raises(FigureError, match="no point of cell line HeLa; there are those of HT29, M14"):
        point_table(made.write_points(tmp_path, tiles), tiles, "HeLa")

"""Figures of the model: training curves of every seed, real and generated crops with an honest scale bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_inputs import outputs, write_curve, write_samples

from gandl.config import FiguresSettings
from gandl.figures.samples import draw_samples, intensities, read_samples, samples_figure
from gandl.figures.style import FigureError, style
from gandl.figures.training import METRICS, draw_training, training_figure
from gandl.tables import CURVE, read_table, write_table

SETTINGS = FiguresSettings(dpi=60, crops=3)


def test_every_metric_of_every_seed_is_a_line_with_the_values_of_the_csv(tmp_path: Path) -> None:
    curves = {seed: write_curve(tmp_path / f"{seed}.parquet", seed) for seed in (0, 3)}
    paths = outputs(tmp_path, "training")
    draw_training(curves, settings=SETTINGS, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip")
    with style(SETTINGS):
        lines = {
            line.get_gid(): line for axes in training_figure(written).axes for line in axes.lines if line.get_gid()
        }
    assert set(lines) == {f"{metric} {seed}" for metric in METRICS for seed in curves}
    for seed, path in curves.items():
        table = read_table(path, CURVE)
        for metric in METRICS:
            rows = table[table["metric"] == metric]
            x, y = lines[f"{metric} {seed}"].get_data()
            np.testing.assert_allclose(x, rows["images"] / 1000)
            np.testing.assert_array_equal(y, rows["value"])


def test_a_run_without_probe_says_so_instead_of_drawing_an_empty_panel(tmp_path: Path) -> None:
    table = read_table(write_curve(tmp_path / "curve.parquet"), CURVE).query("metric != 'probe_z_prime'")
    with style(SETTINGS):
        axes = training_figure(table.assign(seed=0)).axes[-1]
    assert [text.get_text() for text in axes.texts] == ["not recorded in this run"]


def test_a_curve_without_known_metrics_is_refused(tmp_path: Path) -> None:
    table = read_table(write_curve(tmp_path / "curve.parquet"), CURVE)
    write_table(table[table["metric"] == "images_per_second"], tmp_path / "speed.parquet", CURVE)
    with pytest.raises(FigureError, match="holds none of the metrics"):
        draw_training({0: tmp_path / "speed.parquet"}, settings=SETTINGS, **outputs(tmp_path, "training"))


def test_a_missing_seed_is_named(tmp_path: Path) -> None:
    with pytest.raises(FigureError, match="seed 7 has no training curve"):
        draw_training({7: tmp_path / "none.parquet"}, settings=SETTINGS, **outputs(tmp_path, "training"))


def test_samples_csv_describes_the_crops_drawn_and_no_others(tmp_path: Path) -> None:
    path = write_samples(tmp_path / "samples.npz", crops=8)
    paths = outputs(tmp_path, "samples")
    draw_samples(path, settings=SETTINGS, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip").set_index(["channel", "crops"])
    with np.load(path) as arrays:
        for index, channel in enumerate(("fkhr_gfp", "dna")):
            for name, key in (("real", "real"), ("generated", "fake")):
                shown = arrays[key][:3, index].astype(float)
                row = written.loc[channel, name]
                assert row["n"] == 3
                assert row["mean"] == pytest.approx(shown.mean())
                assert row["std"] == pytest.approx(shown.std())
                assert row["p50"] == pytest.approx(np.median(shown))


def test_real_and_generated_crops_share_their_channels_grey_scale(tmp_path: Path) -> None:
    samples = read_samples(write_samples(tmp_path / "samples.npz", crops=3))
    with style(SETTINGS):
        figure = samples_figure(samples, intensities(samples))
    images = np.array([axes.images[0] for axes in figure.axes]).reshape(4, 3)
    limits = [{image.get_clim() for image in row} for row in images]
    assert all(len(row) == 1 for row in limits)
    assert limits[0] == limits[1]
    assert limits[2] == limits[3]
    assert limits[0] != limits[2]
    np.testing.assert_array_equal(images[3, 2].get_array(), samples.fake[2, 1])


@pytest.mark.parametrize(
    ("pixel", "text", "pixels"), [(float("nan"), "20 px", 20.0), (0.65, "10 µm", 10 / 0.65), (2.0, "20 µm", 10.0)]
)
def test_scale_bar_is_as_long_as_it_says(tmp_path: Path, pixel: float, text: str, pixels: float) -> None:
    samples = read_samples(write_samples(tmp_path / "samples.npz", crops=2, pixel_size_um=pixel))
    with style(SETTINGS):
        axes = samples_figure(samples, intensities(samples)).axes[0]
    assert [label.get_text() for label in axes.texts] == [text]
    left, right = axes.lines[0].get_xdata()
    assert right - left == pytest.approx(pixels)


def test_arrays_that_do_not_fit_their_channels_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", real=np.zeros((2, 3, 8, 8)), fake=np.zeros((2, 3, 8, 8)), channels=np.array(["dna"]))
    with pytest.raises(FigureError, match=r"must both be \(n, 1, h, w\)"):
        read_samples(tmp_path / "bad.npz")
    np.savez(tmp_path / "poor.npz", real=np.zeros((2, 1, 8, 8)))
    with pytest.raises(FigureError, match="lacks fake, channels; it holds real"):
        read_samples(tmp_path / "poor.npz")

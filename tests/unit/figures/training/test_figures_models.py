"""Figures of the model: training curves of every seed, one training in full, and crops with an honest scale bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from PIL import Image

from figure_inputs import outputs, write_curve, write_samples
from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError, style
from gandl.figures.training.curves import (
    MARKS,
    METRICS,
    PANELS,
    ROLL_BACK,
    draw_training,
    read_curve,
    roll_backs_in_words,
    training_figure,
)
from gandl.figures.training.samples import draw_samples, intensities, read_samples, samples_figure
from gandl.figures.training.supplement import (
    METRICS as SUPPLEMENT,
    draw_training_supplement,
    read_blocks,
    training_supplement_figure,
)
from gandl.tables import CURVE, read_table, write_table

SETTINGS = FiguresSettings(dpi=60, crops=3)


def write_full_curve(path: Path, seed: int = 0, floor: float = 0.05) -> Path:
    """A training curve with quality at eight looks, and one roll-back at 4,000 images."""
    rows = []
    for look in range(8):
        images = 2500 * (look + 1)
        values = {"quality": 10.0 / 3**look + 0.01 * seed, "quality_error": 0.01, "quality_floor": floor}
        rows += [(images, images // 16, metric, value) for metric, value in values.items()]
    marks = {"roll_back": 1.0, "learning_rate": 0.0005, "r1_gamma": 50.0}
    rows += [(4000, 250, metric, value) for metric, value in marks.items()]
    table = read_table(write_curve(path, seed), CURVE)
    write_table(pd.concat([table, pd.DataFrame(rows, columns=CURVE.names)]), path, CURVE)
    return path


def drawn(curve: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """A curve as figures take it."""
    return curve.assign(seed=seed).rename(columns={"images": "images_shown"})


def write_full_samples(path: Path, channels: int = 2, frames: int = 10, shrunk: int = 2) -> Path:
    """A model's samples with frames (of half the crops' side) and an interpolation strip."""
    rng = np.random.default_rng(0)
    side = 16
    with path.open("wb") as file:
        np.savez(
            file,
            real=rng.uniform(0, 200, (4, channels, side, side)).astype(np.float32),
            fake=rng.uniform(0, 200, (4, channels, side, side)).astype(np.float32),
            channels=np.array(["hoechst", "con_a", "phalloidin", "syto14", "wga"][:channels]),
            pixel_size_um=2.6,
            low=np.zeros(channels, np.float32),
            high=np.full(channels, 200, np.float32),
            interpolation=rng.uniform(-50, 300, (11, channels, side, side)).astype(np.float32),
            frames=rng.integers(0, 256, (frames, 6, channels, side // shrunk, side // shrunk)).astype(np.uint8),
            frames_images=1000 * (1 + np.arange(frames)),
        )
    return path


def test_every_metric_of_every_seed_is_a_line_with_the_values_of_the_csv(tmp_path: Path) -> None:
    curves = {seed: write_full_curve(tmp_path / f"{seed}.parquet", seed) for seed in (0, 3)}
    paths = outputs(tmp_path, "training")
    draw_training(curves, settings=SETTINGS, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip")
    with style(SETTINGS):
        lines = {
            line.get_gid(): line
            for axes in training_figure(written).axes
            for line in axes.lines
            if line.get_gid() and line.get_gid() not in MARKS
        }
    assert set(lines) == {f"{metric} {seed}" for metric in METRICS for seed in curves}
    for seed, path in curves.items():
        table = read_table(path, CURVE)
        for metric in METRICS:
            rows = table[table["metric"] == metric]
            rows = rows.sort_values("images")
            x, y = lines[f"{metric} {seed}"].get_data()
            np.testing.assert_allclose(x, rows["images"] / 1000)
            np.testing.assert_array_equal(y, rows["value"])


def test_a_run_without_probe_says_so_instead_of_drawing_an_empty_panel(tmp_path: Path) -> None:
    table = read_table(write_curve(tmp_path / "curve.parquet"), CURVE).query("metric != 'probe_z_prime'")
    with style(SETTINGS):
        axes = training_figure(drawn(table)).axes[len(PANELS) - 1]
    assert [text.get_text() for text in axes.texts] == ["not recorded in this run"]


def test_a_roll_back_is_a_line_in_every_panel_and_reported_in_words(tmp_path: Path) -> None:
    table = drawn(read_table(write_full_curve(tmp_path / "curve.parquet"), CURVE))
    with style(SETTINGS):
        figure = training_figure(table)
    for axes in figure.axes[: len(PANELS)]:
        (mark,) = [line for line in axes.lines if line.get_gid() == "roll_back"]
        assert set(mark.get_xdata()) == {4.0}
    assert [text.get_text() for text in figure.axes[-1].texts] == ["At 4,000: then rate 0.0005, γ 50"]
    both = pd.concat([table, table.assign(seed=3)])
    assert roll_backs_in_words(both, [0, 3])[1] == "Seed 3, at 4,000: then rate 0.0005, γ 50"
    sound = table[table["metric"] != "roll_back"]
    with style(SETTINGS):
        figure = training_figure(sound)
    assert [text.get_text() for text in figure.axes[-1].texts] == ["None"]


@pytest.mark.parametrize(("floor", "scale"), [(0.05, "log"), (-0.002, "symlog")])
def test_quality_stands_above_its_floor_on_a_scale_that_can_show_it(tmp_path: Path, floor: float, scale: str) -> None:
    table = drawn(read_table(write_full_curve(tmp_path / "curve.parquet", floor=floor), CURVE))
    with style(SETTINGS):
        axes = training_figure(table).axes[3]
    assert axes.get_yscale() == scale
    (line,) = [line for line in axes.lines if line.get_gid() == "quality_floor"]
    assert set(line.get_ydata()) == {floor}


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_one_training_in_full_fits_the_page_of_a_journal(tmp_path: Path, channels: int) -> None:
    samples = write_full_samples(tmp_path / "samples.npz", channels)
    paths = outputs(tmp_path, "figure")
    curve = write_full_curve(tmp_path / "curve.parquet")
    draw_training_supplement(curve, samples, seed=0, settings=SETTINGS, word="simulated", **paths)
    with Image.open(paths["png"]) as image:
        width, height = (side / SETTINGS.dpi * 25.4 for side in image.size)
    assert width <= 174.6
    assert height <= 240
    written = pd.read_csv(paths["csv"]).query("metric == 'images_per_second'")
    speed = read_table(curve, CURVE).query("metric == 'images_per_second'")
    assert written["value"].tolist() == speed["value"].tolist()
    assert written["images_shown"].tolist() == speed["images"].tolist()
    assert set(written["images"]) == {"simulated"}


def test_no_legend_lies_on_a_line(tmp_path: Path) -> None:
    data = read_curve(0, write_full_curve(tmp_path / "curve.parquet"), SUPPLEMENT)
    with style(SETTINGS):
        for figure in (training_figure(data), training_supplement_figure(data, [], None)):
            figure.canvas.draw()
            legends = [axes for axes in figure.findobj(Axes) if axes.axison and axes.get_legend() is not None]
            assert len(legends) >= 3
            for axes in legends:
                lines = [line for line in axes.lines if line.get_gid() != ROLL_BACK]
                ends = [line.get_transform().transform(line.get_xydata())[:, 1].max() for line in lines]
                assert max(ends) < axes.get_legend().get_window_extent().y0, axes.get_title(loc="left")


def test_crops_along_training_stand_in_the_order_of_time_beside_real_ones(tmp_path: Path) -> None:
    path = write_full_samples(tmp_path / "samples.npz", channels=2)
    along, strip = read_blocks(path)
    with np.load(path) as arrays:
        assert along.grey.shape == (4, 9, 8, 8), "two latents of two channels at eight of ten looks, and real crops"
        assert along.columns[0] == "1,000"
        assert along.columns[-2:] == ["10,000", "real crops"]
        np.testing.assert_array_equal(along.grey[1, 0], arrays["frames"][0, 1, 0])
        np.testing.assert_array_equal(along.grey[2, 7], arrays["frames"][9, 0, 1])
        real = arrays["real"][1, 1].reshape(8, 2, 8, 2).mean(axis=(1, 3)) / 200 * 255
        np.testing.assert_allclose(along.grey[3, 8], real, atol=1)
        grey = np.clip(arrays["interpolation"] / 200, 0, 1) * 255
        np.testing.assert_allclose(strip.grey[1, 4], grey[4, 1], atol=1)
    assert along.rows == [f"{name}\nlatent {k}" for name in ("Hoechst (nuclei)", "ConA (ER)") for k in (1, 2)]


def test_samples_of_before_there_were_frames_give_the_curves_alone(tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "samples.npz", crops=2)
    assert read_blocks(samples) == []
    table = drawn(read_table(write_full_curve(tmp_path / "curve.parquet"), CURVE))
    with style(SETTINGS):
        assert len(training_supplement_figure(table, [], None).axes) == 8


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


def test_reconstructions_stand_below_the_crops_that_they_are_of_and_are_called_so(tmp_path: Path) -> None:
    path = write_samples(tmp_path / "samples.npz", crops=5)
    paths = outputs(tmp_path, "reconstructions")
    draw_samples(path, "reconstructed", settings=SETTINGS, **paths)
    assert list(pd.read_csv(paths["csv"])["crops"].unique()) == ["real", "reconstructed"]
    samples = read_samples(path, "reconstructed")
    with style(SETTINGS):
        axes = samples_figure(samples, intensities(samples)).axes
    rows = [each.get_ylabel() for each in axes if each.get_ylabel()]
    assert rows == ["Real", "Reconstructed"] * 2
    np.testing.assert_array_equal(axes[1 * 5 + 3].images[0].get_array(), samples.fake[3, 0])


def test_reconstructions_without_a_crop_of_their_own_are_refused(tmp_path: Path) -> None:
    crops = np.zeros((3, 1, 8, 8), np.float32)
    np.savez(tmp_path / "samples.npz", real=crops, fake=crops[:2], channels=["dna"])
    with pytest.raises(FigureError, match="2 reconstructions cannot belong to 3 real crops, one to each"):
        read_samples(tmp_path / "samples.npz", "reconstructed")


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

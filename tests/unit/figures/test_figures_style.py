"""What all figures keep: the same bytes for the same input, no date, the configured size, nobody's matplotlibrc."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import matplotlib
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from figure_inputs import (
    outputs,
    treatments_table,
    write_controls,
    write_counterparts,
    write_curve,
    write_dose_response,
    write_reference,
    write_samples,
    write_scores,
    write_treatments,
)
from gandl.config import FeaturizerName, FiguresSettings
from gandl.figures.axes import draw_axes
from gandl.figures.common.palette import CELL_TYPE_CONTROLS, CONTROLS
from gandl.figures.common.style import stamp, style
from gandl.figures.dose_response import dose_response_figure, draw_dose_response, drawn
from gandl.figures.featurizers import draw_featurizers
from gandl.figures.mechanism import draw_mechanism
from gandl.figures.plate import draw_plate
from gandl.figures.training.counterparts import draw_counterparts
from gandl.figures.training.curves import draw_training
from gandl.figures.training.samples import draw_samples
from gandl.figures.treatments import draw_treatments
from mechanism_figure_inputs import write_evaluated

SETTINGS = FiguresSettings(dpi=50, crops=2)
Draw = Callable[[Path, FiguresSettings, dict[str, Path]], None]


def plate(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    draw_plate(write_scores(folder), featurizer="gandl", settings=settings, **paths)


def axes(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    draw_axes({"gandl": write_scores(folder)}, settings=settings, **paths)


def dose_response(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    draw_dose_response({"gandl": write_dose_response(folder, "gandl")}, settings=settings, **paths)


def training(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    draw_training({0: write_curve(folder / "curve.parquet")}, settings=settings, **paths)


def samples(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    draw_samples(write_samples(folder / "samples.npz"), settings=settings, **paths)


def counterparts(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    draw_counterparts(**write_counterparts(folder), settings=settings, **paths)


def featurizers(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    methods = ["negative_crossfit", "negative", "unlabelled", "mock", "none"]
    numbers = [
        write_controls(folder / f"{name}.{method}.parquet", name, 0.0, method)
        for method in methods
        for name in FeaturizerName
    ]
    reference = write_reference(folder / "reference.csv")
    draw_featurizers(numbers, reference, methods=methods, dataset="bbbc013", settings=settings, **paths)


def _treatments(folder: Path, settings: FiguresSettings, paths: dict[str, Path], **table: object) -> None:
    path = write_treatments(folder / "treatments.parquet", treatments_table(**table))  # type: ignore[arg-type]
    draw_treatments(path, featurizer="gandl", false_discovery=0.05, confidence=0.95, settings=settings, **paths)


def treatments(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    _treatments(folder, settings, paths, treatments=60, doses=3)


def many_treatments(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    _treatments(folder, settings, paths, treatments=300, cell_types=("HRCE", "VERO"))


def mechanism(folder: Path, settings: FiguresSettings, paths: dict[str, Path]) -> None:
    files = write_evaluated(folder)
    names = {"featurizer": "gandl_blocks", "normalization": "tvn"}
    draw_mechanism(files.confusion, files.numbers, settings=settings, **names, **paths)


FIGURES = [
    plate,
    axes,
    dose_response,
    training,
    samples,
    counterparts,
    featurizers,
    treatments,
    many_treatments,
    mechanism,
]


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_is_the_same_bytes_each_time_whatever_the_users_matplotlibrc(draw: Draw, tmp_path: Path) -> None:
    first, second = outputs(tmp_path, "first"), outputs(tmp_path, "second")
    draw(tmp_path, SETTINGS, first)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.hashsalt": None, "lines.linewidth": 9}):
        draw(tmp_path, SETTINGS, second)
    for kind in first:
        assert (
            hashlib.sha256(first[kind].read_bytes()).digest() == hashlib.sha256(second[kind].read_bytes()).digest()
        ), kind
    assert b"dc:date" not in first["svg"].read_bytes()


@pytest.mark.parametrize("draw", FIGURES)
def test_a_figure_fits_the_page_of_a_journal_at_the_configured_resolution(draw: Draw, tmp_path: Path) -> None:
    paths = outputs(tmp_path, "figure")
    draw(tmp_path, SETTINGS, paths)
    with Image.open(paths["png"]) as image:
        width_mm, height_mm = (side / SETTINGS.dpi * 25.4 for side in image.size)
    assert width_mm <= 174.6
    assert height_mm <= 240


def test_a_stamp_stands_below_all_that_is_drawn_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    files = {"gandl": write_dose_response(tmp_path, "gandl")}
    sizes = {}
    for word in ("", "simulated"):
        paths = outputs(tmp_path, f"figure{word}")
        draw_dose_response(files, settings=SETTINGS, word=word, **paths)
        with Image.open(paths["png"]) as image:
            sizes[word] = image.size
        assert (b'id="stamp"' in paths["svg"].read_bytes()) is bool(word)
        assert ("images" in pd.read_csv(paths["csv"]).columns) is bool(word)
    assert sizes["simulated"][0] == sizes[""][0]
    assert 0 < sizes["simulated"][1] - sizes[""][1] < 0.2 * SETTINGS.dpi


def test_nothing_but_the_stamp_reaches_below_the_figure(tmp_path: Path) -> None:
    files = {"gandl": write_dose_response(tmp_path, "gandl")}
    with style(SETTINGS):
        figure = dose_response_figure(drawn("gandl", files["gandl"], "leave_row_out"))
        box = stamp(figure, "simulated")
        assert box is not None
        renderer = FigureCanvasAgg(figure).get_renderer()
        (text,) = [one for one in figure.texts if one.get_gid() == "stamp"]
        assert text.get_window_extent(renderer).y1 <= 0
        assert text.get_window_extent(renderer).y0 >= box.y0 * figure.dpi
        drawn_below = [*figure.axes, *figure.legends]
        assert min(artist.get_tightbbox(renderer).y0 for artist in drawn_below) >= 0


def test_font_size_of_the_configuration_reaches_the_figure_and_is_put_back_afterwards() -> None:
    before = matplotlib.rcParams["font.size"]
    with style(FiguresSettings(font_size=6.5)):
        assert matplotlib.rcParams["font.size"] == 6.5
    assert matplotlib.rcParams["font.size"] == before


def test_groups_differ_in_shape_as_well_as_in_hue() -> None:
    for groups in (CONTROLS, CELL_TYPE_CONTROLS):
        assert len({group.colour for group in groups.values()}) == len(groups)
        assert len({group.marker for group in groups.values()}) == len(groups)


def test_an_unwritable_figure_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = outputs(tmp_path, "figure")
    monkeypatch.setattr("matplotlib.backends.backend_svg.FigureCanvasSVG.print_svg", _disk_full)
    with pytest.raises(OSError, match="no space left"):
        plate(tmp_path, SETTINGS, paths)
    assert not list(tmp_path.glob("*figure*"))


def _disk_full(*_: object, **__: object) -> None:
    raise OSError("no space left on device")

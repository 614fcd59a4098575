"""Figure of the counterparts' trainings: what is drawn equals the CSV, beside what guessing reaches; only what the run has."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from PIL import Image

from figure_inputs import outputs, write_counterparts, write_fold_curves, write_recognition
from gandl.config import FiguresSettings
from gandl.figures.common.labels import named_with
from gandl.figures.common.style import FigureError, style
from gandl.figures.training.counterparts import (
    COLUMNS,
    GUESS,
    GUESS_IN_GROUP,
    GUESS_LOSS,
    MEAN_ERROR,
    Training,
    counterparts_figure,
    described,
    draw_counterparts,
)
from gandl.figures.training.curves import KEPT
from gandl.models.folds.terms import MOST_FREQUENT
from gandl.tables import CURVE, read_table

SETTINGS = FiguresSettings(dpi=60)


def panels(data: pd.DataFrame) -> list[Axes]:
    """The panels of the figure, in the order of their letters."""
    with style(SETTINGS):
        figure = counterparts_figure(data.fillna({"question": "", "scheme": "", "fold": ""}))
        figure.draw_without_rendering()
    return [axes for axes in figure.axes if axes.get_title(loc="left")]


def drawn(given: dict[str, Any], folder: Path) -> pd.DataFrame:
    """The CSV of the figure."""
    paths = outputs(folder, "counterparts")
    draw_counterparts(**given, settings=SETTINGS, **paths)
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def by_gid(axes: Axes, gid: str) -> list[Any]:
    return [line for line in axes.lines if line.get_gid() == gid]


def test_every_line_has_the_values_of_its_curve_and_of_the_csv(tmp_path: Path) -> None:
    given = write_counterparts(tmp_path)
    data = drawn(given, tmp_path)
    assert list(data.columns) == COLUMNS
    axes = panels(data)
    assert [each.get_title(loc="left") for each in axes] == [
        "a  Training loss",
        "b  Held-out siRNAs",
        "c  Held-out siRNAs",
        "d  Training loss",
        "e  Held-out error",
        "f  Spread in a batch",
        "g  C+ against C−",
        "h  HRCE against VERO",
        "i  C+ against C−",
        "j  HRCE against VERO",
    ]
    curve = read_table(given["trainings"]["densenet161_arcface"].curve, CURVE)
    for panel, metric in ((0, "loss_arcface"), (1, "accuracy_in_groups"), (2, "quality")):
        (line,) = by_gid(axes[panel], f"{metric} 0")
        rows = curve[curve["metric"] == metric]
        np.testing.assert_array_equal(line.get_xdata(), rows["images"] / 1000)
        np.testing.assert_array_equal(line.get_ydata(), rows["value"])
    rows = data.query("question == 'controls' and scheme == 'leave_plate_out' and fold == 'HRCE-1_2'")
    (line,) = by_gid(axes[6], "leave_plate_out leave_plate_out HRCE-1_2")
    np.testing.assert_array_equal(line.get_xdata(), [32, 80, 224, 640])
    np.testing.assert_array_equal(line.get_ydata(), rows.query("metric == 'accuracy'")["value"])
    assert len([line for line in axes[6].lines if len(line.get_xdata()) == 4]) == 3, "a line for each fold"


def test_chance_is_that_of_the_labels_and_stands_beside_its_line(tmp_path: Path) -> None:
    axes = panels(drawn(write_counterparts(tmp_path), tmp_path))
    for panel, level, value in (
        *((1, GUESS, 1 / 5), (1, GUESS_IN_GROUP, 1 / 2), (2, GUESS_LOSS, math.log(7)), (4, MEAN_ERROR, 1.0)),
        *((6, GUESS, 1 / 2), (6, MOST_FREQUENT, 0.6), (8, GUESS_LOSS, math.log(2))),
    ):
        (line,) = by_gid(axes[panel], level)
        assert line.get_ydata() == pytest.approx([value, value])
    assert [[text.get_text() for text in axes[i].texts] for i in (0, 1, 2, 6, 8)] == [
        *([], ["1/5", "1/2"], ["ln 7"], ["1/2"], ["ln 2"])
    ]


def test_rings_stand_where_the_weights_are_from(tmp_path: Path) -> None:
    given = write_counterparts(tmp_path)
    axes = panels(drawn(given, tmp_path))
    rings = {i: each.get_xydata() for i in range(len(axes)) for each in by_gid(axes[i], KEPT)}
    assert set(rings) == {1, 2, 4, 6, 7, 8, 9}, "of losses in training there is no point for the weights"
    assert described(given["trainings"]["densenet161_arcface"].weights)["images_seen"] == "6000"
    assert set(rings[1][:, 0]) == {6.0}
    assert len(rings[1]) == 3
    assert set(rings[4][:, 0]) == {8.0}
    assert [tuple(point) for point in rings[6]] == [(224.0, 0.7), (224.0, 0.7), (224.0, 0.69)]


def test_a_counterpart_that_the_run_does_not_have_has_no_panel(tmp_path: Path) -> None:
    given = write_counterparts(tmp_path)
    alone = {"trainings": {"conv_ae": given["trainings"]["conv_ae"]}, "recognition": [], "folds": [], "questions": []}
    data = drawn(alone, tmp_path)
    assert set(data["counterpart"]) == {"conv_ae"}
    assert [axes.get_title(loc="left")[0] for axes in panels(data)] == list("abc")
    one = {"trainings": {}, "recognition": [], "folds": given["folds"][:1], "questions": ["controls"]}
    assert [axes.get_ylabel() for axes in panels(drawn(one, tmp_path))] == ["Validation accuracy", "Validation loss"]
    with pytest.raises(FigureError, match="no training of a counterpart was given"):
        drawn({"trainings": {}, "recognition": [], "folds": [], "questions": []}, tmp_path)


def test_many_folds_of_all_questions_fit_the_page_and_name_the_network(tmp_path: Path) -> None:
    given = write_counterparts(tmp_path)
    plates = [f"HRCE-{i}_{k}" for i in range(4) for k in range(1, 5)]
    schemes = ("quarter", "quarter_by_cell_type", "leave_plate_out", "leave_experiment_out", "leave_row_out")
    folds = dict.fromkeys(schemes, plates)
    given["questions"] = ["controls", "cell_model", "cell_type"]
    given["folds"] = [write_fold_curves(tmp_path / f"{name}.parquet", folds, 4) for name in given["questions"]]
    paths = outputs(tmp_path, "figure")
    with named_with("efficientnet_lite0"):
        draw_counterparts(**given, settings=SETTINGS, word="simulated", **paths)
    with Image.open(paths["png"]) as image:
        width, height = (side / SETTINGS.dpi * 25.4 for side in image.size)
    assert width <= 174.6
    assert height <= 240
    with style(SETTINGS), named_with("efficientnet_lite0"):
        figure = counterparts_figure(pd.read_csv(paths["csv"]).fillna({"question": "", "scheme": "", "fold": ""}))
        figure.draw_without_rendering()
    titles = [text.get_text() for axes in figure.axes if not axes.axison for text in axes.texts]
    assert titles == ["DenseNet on RxRx1 (ArcFace)", "ConvAE", "ImageNet-collapsed (EfficientNet-Lite0)"]
    legends = [axes.get_legend().get_window_extent() for axes in figure.axes if axes.get_legend()]
    assert len(legends) == 3
    for above, below in pairwise(legends):
        assert above.y0 > below.y1, "one legend lies on the next"
    beside = min(legend.x0 for legend in legends)
    for axes in (axes for axes in figure.axes if axes.get_title(loc="left")):
        texts = [*axes.texts, axes.xaxis.label, axes.title, axes.yaxis.label]
        assert max(text.get_window_extent().x1 for text in texts) < beside
    assert max(legend.x1 for legend in legends) <= figure.bbox.x1
    assert min(legend.y0 for legend in legends) >= 0


def test_files_that_are_missing_or_foreign_are_named(tmp_path: Path) -> None:
    given = write_counterparts(tmp_path)
    files = given["trainings"]["conv_ae"]
    for name, damaged in (
        ("curve.parquet does not exist", Training(tmp_path / "curve.parquet", files.weights)),
        ("absent.safetensors is missing", Training(files.curve, tmp_path / "absent.safetensors")),
        ("no weights of a training", Training(files.curve, write_recognition(tmp_path / "some.parquet"))),
    ):
        with pytest.raises(FigureError, match=name):
            drawn({**given, "trainings": {"conv_ae": damaged}}, tmp_path)
    given["folds"][0].unlink()
    with pytest.raises(FigureError, match=r"the question controls has no curves of its folds: .*controls.parquet"):
        drawn(given, tmp_path)

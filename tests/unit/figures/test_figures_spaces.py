"""The two spaces: only held-out controls, each cell type and control in its own hue and shape, n in the legend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common.palette import CELL_TYPE_CONTROLS
from gandl.figures.common.style import FigureError, style
from gandl.figures.spaces import draw_spaces, spaces_figure
from gandl.tables import WELL_SCORES, write_table
from screen_inputs import Screen, scores_of, wells_of_screen, write_cell_model, write_screen

SETTINGS = FiguresSettings(dpi=50)
SCHEME = "leave_plate_out"


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return write_screen(tmp_path_factory.mktemp("screen"))


def drawn(scores: dict[str, Path], folder: Path) -> pd.DataFrame:
    paths = outputs(folder, "figure_3")
    draw_spaces(scores, scheme=SCHEME, featurizer="gandl_blocks", settings=SETTINGS, word="simulated", **paths)
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def panels(data: pd.DataFrame) -> list[Axes]:
    with style(SETTINGS):
        return list(spaces_figure(data).axes)


def test_every_held_out_control_is_a_point_at_its_scores(screen: Screen, tmp_path: Path) -> None:
    data = drawn({"E2": screen.scores}, tmp_path)
    scores = scores_of(wells_of_screen()).query("scheme == @SCHEME and control != 'none'")
    joined = data.merge(scores, on="well_id", suffixes=("", "_scored"), validate="one_to_one")
    assert len(joined) == len(scores) == 64
    np.testing.assert_array_equal(joined[["on", "off"]], joined[["on_scored", "off_scored"]])
    (axes,) = panels(data)
    points = np.concatenate([group.get_offsets() for group in axes.collections])
    assert sorted(points[:, 0]) == sorted(scores["on"])


def test_groups_keep_the_papers_hues_and_shapes_and_say_how_many(screen: Screen, tmp_path: Path) -> None:
    (axes,) = panels(drawn({"E2": screen.scores}, tmp_path))
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == sorted(f"{group.label} (n = 16)" for group in CELL_TYPE_CONTROLS.values())


def test_both_spaces_stand_side_by_side_and_say_what_was_held_out(screen: Screen, tmp_path: Path) -> None:
    spaces = {"E2": screen.scores, "C2": write_cell_model(tmp_path / "c2.parquet")}
    left, right = panels(drawn(spaces, tmp_path))
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("E²: C+ against C−", "C²: HRCE against VERO")
    assert "whole plates held out" in left.texts[0].get_text()
    assert "HRCE" in right.get_xlabel()


def test_where_no_plate_can_be_held_out_what_was_held_out_instead_is_drawn_and_said(tmp_path: Path) -> None:
    data = drawn({"C2": write_cell_model(tmp_path / "c2.parquet", schemes=("quarter",))}, tmp_path)
    assert set(data["scheme"]) == {"quarter"}
    assert "a quarter of the wells held out" in panels(data)[0].texts[0].get_text()


def test_other_cells_are_named_and_keep_the_shape_of_their_control(tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen()).query("cell_type == 'HRCE'").assign(cell_type="A549")
    write_table(scores, tmp_path / "scores.parquet", WELL_SCORES)
    (axes,) = panels(drawn({"E2": tmp_path / "scores.parquet"}, tmp_path))
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == ["A549 C+ (n = 16)", "A549 C− (n = 16)"]


def test_scores_without_a_held_out_control_are_refused(tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen())
    write_table(scores[scores["control"] == "none"], tmp_path / "treated.parquet", WELL_SCORES)
    write_table(scores.assign(scheme="probe").drop_duplicates("well_id"), tmp_path / "probe.parquet", WELL_SCORES)
    for name, words in (("treated", "no control well"), ("probe", "no held-out scores"), ("none", "does not exist")):
        with pytest.raises(FigureError, match=words):
            drawn({"E2": tmp_path / f"{name}.parquet"}, tmp_path)

"""The two spaces: only held-out controls, each cell type and control in its own hue and shape, n in the legend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from figure_inputs import outputs
from gandl.config import FiguresSettings, Scaling
from gandl.figures.common.empty import NOT_OF_THE_RUN
from gandl.figures.common.palette import CELL_TYPE_CONTROLS
from gandl.figures.common.style import FigureError, style
from gandl.figures.paper.spaces import MOST_VECTOR, NO_CONTROL, Spaces, draw_spaces, letter, spaces_figure
from gandl.tables import WELL_SCORES, write_table
from screen_inputs import Screen, scores_of, wells_of_screen, write_cell_model, write_screen

SETTINGS = FiguresSettings(dpi=50)
SCHEME = "leave_plate_out"


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return write_screen(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="module")
def c2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cell_model(tmp_path_factory.mktemp("c2") / "c2.parquet")


def drawn(inputs: dict[str, Spaces], folder: Path, columns: Sequence[str] = ("gandl",)) -> pd.DataFrame:
    paths = outputs(folder, "figure_3")
    draw_spaces(inputs, columns=columns, scheme=SCHEME, settings=SETTINGS, word="simulated", **paths)
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def panels(data: pd.DataFrame, columns: Sequence[str] = ("gandl",)) -> list[Axes]:
    with style(SETTINGS):
        return list(spaces_figure(data, columns).axes)


def test_every_held_out_control_is_a_point_at_its_scores(screen: Screen, c2: Path, tmp_path: Path) -> None:
    data = drawn({"gandl": Spaces(screen.scores, c2)}, tmp_path).query("space == 'E2'")
    scores = scores_of(wells_of_screen()).query("scheme == @SCHEME and control != 'none'")
    joined = data.merge(scores, on="well_id", suffixes=("", "_scored"), validate="one_to_one")
    assert len(joined) == len(scores) == 64
    np.testing.assert_array_equal(joined[["on", "off"]], joined[["on_scored", "off_scored"]])
    (axes,) = panels(data)
    points = np.concatenate([group.get_offsets() for group in axes.collections])
    assert sorted(points[:, 0]) == sorted(scores["on"])


def test_groups_keep_the_papers_hues_and_shapes_and_say_how_many(screen: Screen, c2: Path, tmp_path: Path) -> None:
    axes, _ = panels(drawn({"gandl": Spaces(screen.scores, c2)}, tmp_path))
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == sorted(f"{group.label} (n = 16)" for group in CELL_TYPE_CONTROLS.values())


def test_the_spaces_are_rows_and_featurizers_columns_with_the_papers_letters(
    screen: Screen, c2: Path, tmp_path: Path
) -> None:
    columns = ("gandl", "released", "gandl_blocks")
    inputs = dict.fromkeys(columns, Spaces(screen.scores, c2))
    axes = panels(drawn(inputs, tmp_path, columns), columns)
    titles = [one.get_title(loc="left") for one in axes]
    assert [title[0] for title in titles] == ["a", "b", "e", "c", "d", "f"]
    assert titles[0] == "a  GAN-DL, 512-d layer"
    assert titles[4] == "d  Published embeddings"
    assert [one.texts[0].get_text()[:2] for one in axes] == ["E²"] * 3 + ["C²"] * 3
    assert "whole plates held out" in axes[0].texts[0].get_text()
    assert "HRCE" in axes[3].get_xlabel()
    assert letter(0, 3, 2) == "g"


def test_a_featurizer_that_the_run_lacks_has_empty_panels_that_say_so(screen: Screen, c2: Path, tmp_path: Path) -> None:
    columns = ("gandl", "released")
    data = drawn({"gandl": Spaces(screen.scores, c2)}, tmp_path, columns)
    assert set(data["featurizer"]) == {"gandl"}
    axes = panels(data, columns)
    assert [text.get_text() for one in (axes[1], axes[3]) for text in one.texts] == [NOT_OF_THE_RUN] * 2
    with pytest.raises(FigureError, match="none of gandl, released is among the featurizers"):
        drawn({}, tmp_path, columns)


def test_where_no_plate_can_be_held_out_what_was_held_out_instead_is_drawn_and_said(
    screen: Screen, tmp_path: Path
) -> None:
    c2 = write_cell_model(tmp_path / "c2.parquet", schemes=("quarter",))
    data = drawn({"gandl": Spaces(screen.scores, c2)}, tmp_path)
    assert set(data.query("space == 'C2'")["scheme"]) == {"quarter"}
    assert "a quarter of the wells held out" in panels(data)[1].texts[0].get_text()


def test_points_of_a_whole_screen_are_pixels_and_few_stay_outlines(screen: Screen, c2: Path, tmp_path: Path) -> None:
    data = drawn({"gandl": Spaces(screen.scores, c2)}, tmp_path)
    many = pd.concat([data] * (MOST_VECTOR // len(data) * 2 + 2))
    assert not any(points.get_rasterized() for points in panels(data)[0].collections)
    assert all(points.get_rasterized() for points in panels(many)[0].collections)


def test_other_cells_are_named_and_keep_the_shape_of_their_control(c2: Path, tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen()).query("cell_type == 'HRCE'").assign(cell_type="A549")
    write_table(scores, tmp_path / "scores.parquet", WELL_SCORES)
    axes, _ = panels(drawn({"gandl": Spaces(tmp_path / "scores.parquet", c2)}, tmp_path))
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [text for text in legend if text.startswith("A549")] == ["A549 C− (n = 16)", "A549 C+ (n = 16)"]


def test_a_group_without_wells_is_counted_in_the_legend(screen: Screen, c2: Path, tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen())
    lacking = ((scores["cell_type"] == "VERO") & (scores["control"] == "negative")) | (scores["control"] == "none")
    write_table(scores[~lacking], tmp_path / "scores.parquet", WELL_SCORES)
    data = drawn({"gandl": Spaces(tmp_path / "scores.parquet", c2)}, tmp_path)
    axes, _ = panels(data)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == sorted(
        f"{group.label} (n = {0 if group.label == 'VERO C−' else 16})" for group in CELL_TYPE_CONTROLS.values()
    )
    (empty,) = data[data["well_id"].isna()].to_dict("records")
    assert (empty["space"], empty["cell_type"], empty["control"]) == ("E2", "VERO", "negative")
    assert sum(len(points.get_offsets()) for points in axes.collections) == 48


def test_a_space_without_a_held_out_control_is_a_panel_that_says_so(screen: Screen, c2: Path, tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen())
    write_table(scores[scores["control"] == "none"], tmp_path / "treated.parquet", WELL_SCORES)
    axes, beside = panels(drawn({"gandl": Spaces(tmp_path / "treated.parquet", c2)}, tmp_path))
    assert [text.get_text() for text in axes.texts] == [NO_CONTROL]
    assert beside.get_legend() is not None


def test_the_axes_say_how_scores_are_scaled(screen: Screen, c2: Path, tmp_path: Path) -> None:
    data = drawn({"gandl": Spaces(screen.scores, c2)}, tmp_path)
    with style(SETTINGS):
        by_mean, by_range = (spaces_figure(data, ["gandl"], scaling).axes[1].get_xlabel() for scaling in Scaling)
    assert by_mean == "On score (−1: mean VERO, +1: mean HRCE)"
    assert by_range == "On score (VERO to HRCE; training controls span −1 to +1)"


def test_scores_of_nothing_held_out_are_refused(c2: Path, tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen())
    write_table(scores.assign(scheme="probe").drop_duplicates("well_id"), tmp_path / "probe.parquet", WELL_SCORES)
    for name, words in (("probe", "no held-out scores"), ("none", "does not exist")):
        with pytest.raises(FigureError, match=words):
            drawn({"gandl": Spaces(tmp_path / f"{name}.parquet", c2)}, tmp_path)

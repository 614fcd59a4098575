"""The three drugs in the space E2: every well at its scores, redder with dose, its cell type's controls behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from figure_inputs import outputs
from gandl.config import FiguresSettings, Scaling
from gandl.figures.common.empty import NOT_GIVEN, NOT_OF_THE_RUN
from gandl.figures.common.palette import CELL_TYPE_CONTROLS, dose_colours
from gandl.figures.common.style import FigureError, style
from gandl.figures.paper.drugs import draw_drugs, drugs_figure
from gandl.source.screens.drugs import DRUGS
from gandl.tables import WELL_SCORES, write_table
from screen_inputs import DOSES, Screen, scores_of, wells_of_screen, write_screen

SETTINGS = FiguresSettings(dpi=50)
SCHEME = "leave_plate_out"
COLUMNS = ("gandl", "densenet161_arcface")
PLACES = [(name, cell_type, drug) for name in COLUMNS for cell_type in ("HRCE", "VERO") for drug in DRUGS]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return write_screen(tmp_path_factory.mktemp("screen"))


def drawn(scores: dict[str, Path], folder: Path, columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    paths = outputs(folder, "figure_4")
    draw_drugs(scores, columns=columns, scheme=SCHEME, settings=SETTINGS, word="simulated", **paths)
    return pd.read_csv(paths["csv"], float_precision="round_trip")


@pytest.fixture(scope="module")
def data(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return drawn(dict.fromkeys(COLUMNS, screen.scores), tmp_path_factory.mktemp("figure"))


@pytest.fixture(scope="module")
def panels(data: pd.DataFrame) -> dict[tuple[str, str, str], Axes]:
    with style(SETTINGS):
        axes = drugs_figure(data, COLUMNS).axes
    return dict(zip(PLACES, axes, strict=False))


def points(axes: Axes, gid: str) -> list:
    return [child for child in axes.collections if child.get_gid() == gid]


def test_every_well_of_a_drug_is_a_point_at_its_scores(panels: dict[tuple[str, str, str], Axes]) -> None:
    scores = scores_of(wells_of_screen()).query("scheme == @SCHEME and compound == 'Remdesivir (simulated)'")
    for cell_type in ("HRCE", "VERO"):
        mine = scores.query("cell_type == @cell_type")
        for featurizer in COLUMNS:
            (wells,) = points(panels[featurizer, cell_type, "Remdesivir"], "well")
            found = np.array(wells.get_offsets())
            expected = mine[["on", "off"]].to_numpy()
            np.testing.assert_allclose(found[np.argsort(found[:, 0])], expected[np.argsort(expected[:, 0])])


def test_doses_go_from_light_to_dark_red_the_same_in_every_panel(
    panels: dict[tuple[str, str, str], Axes], data: pd.DataFrame
) -> None:
    colours = dose_colours(DOSES)
    mine = data.query("featurizer == 'gandl' and cell_type == 'VERO' and drug == 'GS-441524' and kind == 'well'")
    (wells,) = points(panels["gandl", "VERO", "GS-441524"], "well")
    assert [to_hex(colour) for colour in wells.get_facecolor()] == [colours[dose] for dose in mine["concentration_um"]]
    light, dark = (np.mean([int(colours[dose][i : i + 2], 16) for i in (1, 3, 5)]) for dose in (DOSES[0], DOSES[-1]))
    assert light > dark


def test_controls_are_the_held_out_ones_of_the_cell_type_in_the_papers_hues(
    panels: dict[tuple[str, str, str], Axes],
) -> None:
    for (_, cell_type, drug), axes in panels.items():
        for control in ("positive", "negative") if drug != "Polydatin" else ():
            (wells,) = points(axes, control)
            assert len(wells.get_offsets()) == 16
            assert to_hex(wells.get_facecolor()[0]).upper() == CELL_TYPE_CONTROLS[cell_type, control].colour.upper()


def test_a_panel_says_how_many_wells_it_shows(panels: dict[tuple[str, str, str], Axes]) -> None:
    assert "n = 24 wells" in [text.get_text() for text in panels["gandl", "HRCE", "Remdesivir"].texts]


def test_what_is_not_there_is_said(
    panels: dict[tuple[str, str, str], Axes], data: pd.DataFrame, screen: Screen, tmp_path: Path
) -> None:
    for name, cell_type, drug in PLACES:
        if drug == "Polydatin":
            assert NOT_GIVEN in [text.get_text() for text in panels[name, cell_type, drug].texts]
    assert (data.loc[data["drug"] == "Polydatin", "kind"] == "absent").all()
    without = drawn({"gandl": screen.scores}, tmp_path)
    with style(SETTINGS):
        axes = drugs_figure(without, COLUMNS).axes
    assert NOT_OF_THE_RUN in [text.get_text() for text in axes[PLACES.index((COLUMNS[1], "HRCE", "Remdesivir"))].texts]
    with pytest.raises(FigureError, match="none of gandl, densenet161_arcface is among"):
        drawn({}, tmp_path)


def legend_of(data: pd.DataFrame, columns: Sequence[str] = COLUMNS, scaling: str = "paper") -> list[str]:
    with style(SETTINGS):
        figure = drugs_figure(data, columns, scaling)
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_legend_counts_each_group_of_controls(data: pd.DataFrame) -> None:
    named = [f"{group.label} (n = 16)" for group in CELL_TYPE_CONTROLS.values()]
    assert legend_of(data) == ["Treated well, by dose", *named]


def test_the_legend_says_which_group_has_no_point(tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen())
    lacking = (scores["cell_type"] == "VERO") & (scores["control"] == "negative")
    write_table(scores[~lacking], tmp_path / "scores.parquet", WELL_SCORES)
    without = drawn({"gandl": tmp_path / "scores.parquet"}, tmp_path, ("gandl",))
    assert "VERO C− (n = 0)" in legend_of(without, ("gandl",))
    hrce = without[without["cell_type"] == "HRCE"]
    assert not [text for text in legend_of(hrce, ("gandl",)) if "VERO" in text]
    nothing = without.assign(kind="absent")
    assert legend_of(nothing, ("gandl",)) == []


def test_the_axis_says_how_scores_are_scaled(data: pd.DataFrame) -> None:
    with style(SETTINGS):
        labels = [drugs_figure(data, COLUMNS, scaling).axes[9].get_xlabel() for scaling in Scaling]
    assert labels == ["On score (−1: mean C−, +1: mean C+)", "On score (C− to C+; training controls span −1 to +1)"]


def test_a_featurizer_of_a_screen_without_the_drugs_still_shows_that_they_are_not_there(tmp_path: Path) -> None:
    scores = scores_of(wells_of_screen())
    write_table(scores[scores["control"] != "none"], tmp_path / "controls.parquet", WELL_SCORES)
    data = drawn({"gandl": tmp_path / "controls.parquet"}, tmp_path, ("gandl",))
    assert set(data["kind"]) == {"absent"}

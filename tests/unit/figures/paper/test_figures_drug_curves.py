"""The dose responses of the three drugs: a row of panels per cell type, names by their stems, and what is not there is said."""

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
from gandl.figures.dose_response import MOST_SERIES, draw_dose_response, series_of
from gandl.figures.paper.drug_curves import draw_drug_curves, drug_curves_figure
from gandl.source.screens.drugs import DRUGS
from gandl.tables import WELL_SCORES, write_table
from screen_inputs import EC50, Screen, scores_of, wells_of_screen, write_screen

SETTINGS = FiguresSettings(dpi=50)
COMMON = {"featurizer": "gandl_blocks", "scheme": "leave_plate_out", "confidence": 0.95, "settings": SETTINGS}


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return write_screen(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="module")
def data(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    paths = outputs(tmp_path_factory.mktemp("figure"), "figure_s_drugs")
    draw_drug_curves(screen.doses, word="simulated", **COMMON, **paths)
    return pd.read_csv(paths["csv"], float_precision="round_trip")


@pytest.fixture(scope="module")
def panels(data: pd.DataFrame) -> dict[tuple[str, str], Axes]:
    with style(SETTINGS):
        axes = drug_curves_figure(data, 0.95).axes
    return dict(zip([(cell_type, drug) for cell_type in ("HRCE", "VERO") for drug in DRUGS], axes, strict=True))


def artist(axes: Axes, gid: str) -> list:
    return [child for child in axes.get_children() if child.get_gid() == gid]


def test_a_drug_is_known_by_the_stem_of_its_name_in_whatever_case(tmp_path: Path) -> None:
    wells = wells_of_screen()
    other = {"Remdesivir (simulated)": "REMDESIVIR (GS-5734)", "GS-441524 (simulated)": "gs-441524"}
    wells["compound"] = wells["compound"].replace(other)
    paths = outputs(tmp_path, "figure_s_drugs")
    draw_drug_curves(write_screen(tmp_path, wells).doses, **COMMON, **paths)
    drawn = pd.read_csv(paths["csv"]).drop_duplicates(["drug", "treatment"]).set_index("drug")["treatment"]
    assert drawn["Remdesivir"] == "REMDESIVIR (GS-5734)"
    assert drawn["GS-441524"] == "gs-441524"


def test_every_panel_shows_the_wells_of_its_drug_in_its_cell_type(panels: dict[tuple[str, str], Axes]) -> None:
    wells = wells_of_screen()
    scores = scores_of(wells).query("scheme == 'leave_plate_out'")
    for cell_type in ("HRCE", "VERO"):
        mine = scores.query("cell_type == @cell_type and compound == 'Remdesivir (simulated)'")
        offsets = artist(panels[cell_type, "Remdesivir"], "well")[0].get_offsets()
        np.testing.assert_allclose(sorted(offsets[:, 1]), sorted(mine["on"]), rtol=1e-12)
        assert "n = 24 wells" in panels[cell_type, "Remdesivir"].get_xlabel()


def test_controls_are_those_of_the_cell_type_in_the_papers_hues(panels: dict[tuple[str, str], Axes]) -> None:
    for (cell_type, drug), axes in panels.items():
        for control in ("positive", "negative") if drug != "Polydatin" else ():
            (points,) = artist(axes, control)
            assert len(points.get_offsets()) == 16
            red, green, blue, _ = points.get_facecolor()[0]
            hue = "#" + "".join(f"{round(255 * part):02X}" for part in (red, green, blue))
            assert hue == CELL_TYPE_CONTROLS[cell_type, control].colour


def test_the_ec50_drawn_is_the_one_of_the_cell_type(panels: dict[tuple[str, str], Axes], screen: Screen) -> None:
    numbers = pd.read_parquet(screen.doses.numbers).query("metric == 'ec50_um'").set_index("split")["value"]
    for cell_type in ("HRCE", "VERO"):
        drawn = artist(panels[cell_type, "GS-441524"], "ec50")[0].get_xdata()[0]
        assert drawn == pytest.approx(numbers[f"leave_plate_out:{cell_type}:GS-441524 (simulated)"])
        assert drawn == pytest.approx(EC50[cell_type, "GS-441524 (simulated)"], rel=1.0)


def test_a_drug_that_is_not_on_the_plates_has_a_panel_that_says_so(
    panels: dict[tuple[str, str], Axes], data: pd.DataFrame
) -> None:
    for cell_type in ("HRCE", "VERO"):
        assert [text.get_text() for text in panels[cell_type, "Polydatin"].texts] == ["not on these plates"]
    assert (data.loc[data["drug"] == "Polydatin", "kind"] == "absent").all()
    assert (data["images"] == "simulated").all()


def test_a_cell_type_with_one_plate_is_drawn_by_its_own_scheme(tmp_path: Path) -> None:
    wells = wells_of_screen()
    wells = wells[(wells["cell_type"] == "HRCE") | (wells["plate"] == 1)].reset_index(drop=True)
    screen = write_screen(tmp_path, wells)
    scores = scores_of(wells)
    own = scores["cell_type"].eq("VERO") & scores["scheme"].eq("leave_plate_out")
    write_table(scores.assign(scheme=scores["scheme"].mask(own, "leave_row_out")), screen.scores, WELL_SCORES)
    paths = outputs(tmp_path, "figure_s_drugs")
    draw_drug_curves(screen.doses, **COMMON, **paths)
    assert set(pd.read_csv(paths["csv"]).query("kind == 'positive'")["cell_type"]) == {"HRCE", "VERO"}


def test_without_a_curve_the_series_is_named(screen: Screen, tmp_path: Path) -> None:
    curves = pd.read_parquet(screen.doses.curves).query("cell_type != 'VERO'")
    curves.to_parquet(tmp_path / "curves.parquet")
    broken = type(screen.doses)(
        screen.doses.numbers, tmp_path / "curves.parquet", screen.doses.points, screen.doses.scores
    )
    with pytest.raises(FigureError, match=r"no fitted curve for Remdesivir \(simulated\) in VERO"):
        draw_drug_curves(broken, **COMMON, **outputs(tmp_path, "figure_s_drugs"))


def test_a_librarys_first_series_are_drawn_cell_type_by_cell_type_and_the_rest_is_counted(
    screen: Screen, tmp_path: Path
) -> None:
    every = series_of(pd.read_parquet(screen.doses.points))
    assert [(one.treatment, one.cell_type) for one in every[:3]] == [
        ("Remdesivir (simulated)", "HRCE"),
        ("Remdesivir (simulated)", "VERO"),
        ("GS-441524 (simulated)", "HRCE"),
    ]
    assert len(every) == len(EC50) > MOST_SERIES
    paths = outputs(tmp_path, "dose")
    draw_dose_response({"gandl": screen.doses}, settings=SETTINGS, scheme="leave_plate_out", **paths)
    drawn = pd.read_csv(paths["csv"]).drop_duplicates(["cell_type", "treatment"])
    assert len(drawn) == MOST_SERIES

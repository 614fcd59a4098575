"""The figure of calibration: the truth on one axis, what was measured on the other, and what is missing as a count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.calibration import calibrated, calibration_figure, draw_calibration
from gandl.figures.common.style import FigureError, style
from gandl.tables import NUMBERS, read_table
from screen_inputs import Screen, wells_of_screen, write_screen

SETTINGS = FiguresSettings(dpi=50)


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    return write_screen(tmp_path_factory.mktemp("screen"))


def tables(screen: Screen) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return pd.read_parquet(screen.wells), pd.read_parquet(screen.compounds), read_table(screen.calibration, NUMBERS)


def panels(wells: pd.DataFrame, compounds: pd.DataFrame, numbers: pd.DataFrame) -> list[Axes]:
    with style(SETTINGS):
        return list(calibration_figure(calibrated(wells, compounds, numbers, "gandl_blocks")).axes)


def points(axes: Axes, gid: str) -> np.ndarray:
    (found,) = [child for child in axes.collections if child.get_gid() == gid]
    return np.asarray(found.get_offsets())


def test_every_scored_well_stands_at_its_true_severity(screen: Screen) -> None:
    left, _ = panels(*tables(screen))
    truth = wells_of_screen()
    for cell_type in ("HRCE", "VERO"):
        drawn = points(left, f"severity {cell_type}")
        assert sorted(drawn[:, 0]) == sorted(truth.loc[truth["cell_type"] == cell_type, "severity"])
        assert np.corrcoef(drawn.T)[0, 1] < -0.9, "severe wells score low"


def test_the_legend_reports_the_correlation_of_the_numbers_and_n(screen: Screen) -> None:
    wells, compounds, numbers = tables(screen)
    left, _ = panels(wells, compounds, numbers)
    reported = [text.get_text() for text in left.get_legend().get_texts()]
    row = numbers.query("split == 'leave_plate_out:HRCE' and metric == 'spearman_severity'").iloc[0]
    value, low, high = (f"{row[name]:.2f}".replace("-", "−") for name in ("value", "low", "high"))
    assert f"HRCE: ρ = {value} [{low}, {high}], n = {row['n']} wells" in reported


def test_only_active_compounds_with_a_curve_are_points_and_the_others_are_counted(screen: Screen) -> None:
    wells, compounds, numbers = tables(screen)
    compounds["found"] &= ~((compounds["cell_type"] == "VERO") & compounds["compound"].str.startswith("GS"))
    compounds.loc[(compounds["kind"] == "inactive") & (compounds["cell_type"] == "HRCE"), "found"] = True
    _, right = panels(wells, compounds, numbers)
    assert len(points(right, "ec50 HRCE")) == 3
    vero = points(right, "ec50 VERO")
    remdesivir = compounds.query("cell_type == 'VERO' and compound == 'Remdesivir (simulated)'").iloc[0]
    np.testing.assert_allclose(vero, [[remdesivir["truth_ec50_um"], remdesivir["ec50_um"]]])
    reported = right.get_legend().get_title().get_text().splitlines()
    assert reported[:2] == ["missed: 1 of 5 active", "found, though inactive: 1 of 2"]
    legend = [text.get_text() for text in right.get_legend().get_texts()]
    assert legend == ["ours = true", "HRCE: 3 of 3 active found", "VERO: 1 of 2 active found"]


def test_both_axes_of_the_ec50s_are_one_and_the_same_logarithm(screen: Screen) -> None:
    _, right = panels(*tables(screen))
    assert right.get_xlim() == right.get_ylim()
    assert right.get_xscale() == right.get_yscale() == "log"
    low, high = right.get_xlim()
    for cell_type in ("HRCE", "VERO"):
        assert ((low < points(right, f"ec50 {cell_type}")) & (points(right, f"ec50 {cell_type}") < high)).all()


def test_a_screen_in_which_nothing_is_found_is_drawn_all_the_same(screen: Screen) -> None:
    wells, compounds, numbers = tables(screen)
    _, right = panels(wells, compounds.assign(found=False, ec50_um=np.nan), numbers)
    assert right.get_legend().get_title().get_text().startswith("missed: 5 of 5 active")


def test_csv_holds_what_is_drawn_and_says_simulated(screen: Screen, tmp_path: Path) -> None:
    paths = outputs(tmp_path, "figure_calibration")
    files = (screen.wells, screen.compounds, screen.calibration)
    draw_calibration(*files, featurizer="gandl_blocks", settings=SETTINGS, word="simulated", **paths)
    data = pd.read_csv(paths["csv"])
    wells, compounds, _ = tables(screen)
    assert data["panel"].value_counts().to_dict() == {"severity": len(wells), "ec50": len(compounds)}
    assert (data["images"] == "simulated").all()


def test_a_missing_file_is_named(screen: Screen, tmp_path: Path) -> None:
    files = (screen.wells, tmp_path / "none.parquet", screen.calibration)
    with pytest.raises(FigureError, match=r"none\.parquet does not exist"):
        draw_calibration(*files, featurizer="gandl", settings=SETTINGS, **outputs(tmp_path, "figure"))

"""The dose-response figure: points, curve, band and EC50 are evaluation's own numbers, in the unit of the axis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figure_inputs import SERIES, outputs, score_table, write_dose_response
from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError, style
from gandl.figures.dose_response import DoseResponse, _ec50_marker, dose_response_figure, draw_dose_response, drawn

SETTINGS = FiguresSettings(dpi=60)
UNITS = {"Wortmannin": ("nM", 1000.0), "LY294002": ("µM", 1.0)}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DoseResponse]:
    return {name: write_dose_response(tmp_path_factory.mktemp(name), name) for name in ("gandl_blocks", "intensity")}


@pytest.fixture(scope="module")
def data(inputs: dict[str, DoseResponse]) -> pd.DataFrame:
    return pd.concat([drawn(name, files, "leave_row_out") for name, files in inputs.items()], ignore_index=True)


@pytest.fixture(scope="module")
def panels(data: pd.DataFrame) -> dict[tuple[str, str], Axes]:
    with style(SETTINGS):
        axes = dose_response_figure(data).axes
    keys = [(treatment, featurizer) for featurizer in ("gandl_blocks", "intensity") for treatment in SERIES]
    return dict(zip(keys, axes, strict=True))


def artist(axes: Axes, gid: str) -> list:
    return [child for child in axes.get_children() if child.get_gid() == gid]


def test_every_well_of_the_series_is_a_point_at_its_dose_and_score(panels: dict[tuple[str, str], Axes]) -> None:
    scores = score_table()
    for (treatment, _), axes in panels.items():
        wells = scores[(scores["control"] == "none") & (scores["treatment"] == treatment)]
        expected = np.column_stack([wells["concentration_um"] * UNITS[treatment][1], wells["on"]])
        offsets = artist(axes, "well")[0].get_offsets()
        np.testing.assert_allclose(offsets[np.lexsort(offsets.T)], expected[np.lexsort(expected.T)], rtol=1e-12)
        assert len(offsets) == 36


def test_the_curve_drawn_is_the_curve_evaluated(
    panels: dict[tuple[str, str], Axes], inputs: dict[str, DoseResponse]
) -> None:
    for (treatment, featurizer), axes in panels.items():
        curve = pd.read_parquet(inputs[featurizer].curves).query("treatment == @treatment")
        x, y = artist(axes, "fit")[0].get_data()
        np.testing.assert_allclose(x, curve["concentration_um"] * UNITS[treatment][1])
        np.testing.assert_array_equal(y, curve["fit"])


def test_ec50_sits_on_the_curve_with_its_interval_in_the_unit_of_the_axis(panels: dict[tuple[str, str], Axes]) -> None:
    for treatment, (_, _, ec50) in SERIES.items():
        axes = panels[treatment, "gandl_blocks"]
        unit, factor = UNITS[treatment]
        x, y = artist(axes, "ec50")[0].get_data()
        assert x[0] == pytest.approx(ec50 * factor)
        assert y[0] == pytest.approx(0.0, abs=0.01)
        low, high = artist(axes, "interval")[0].get_xdata()
        assert (low, high) == pytest.approx((ec50 / 1.3 * factor, ec50 * 1.4 * factor))
        assert unit in panels[treatment, "intensity"].get_xlabel(), "below the last row"


def test_without_an_ec50_the_panel_says_so_and_draws_no_marker(panels: dict[tuple[str, str], Axes]) -> None:
    axes = panels["LY294002", "intensity"]
    assert not artist(axes, "ec50")
    assert [text.get_text() for text in axes.texts] == ["flat: no EC50"]


def test_with_fewer_than_seven_wells_the_panel_says_that_they_are_too_few() -> None:
    axes = Figure().subplots()
    _ec50_marker(axes, None, (0.1, 3.0), "µM", 4)
    assert [text.get_text() for text in axes.texts] == ["4 wells: too few for a curve"]


@pytest.mark.parametrize(
    ("ec50", "text", "at"), [(0.9, ">250 nM [231, >250]", 250.0), (0.0001, "<0.977 nM [<0.977, <0.977]", 0.9765625)]
)
def test_ec50_outside_the_tested_doses_is_said_to_lie_out_there_and_not_where(
    data: pd.DataFrame, ec50: float, text: str, at: float
) -> None:
    moved = data[data["featurizer"] == "gandl_blocks"].copy()
    row = (moved["kind"] == "ec50") & (moved["treatment"] == "Wortmannin")
    moved.loc[row, ["concentration_um", "low", "high"]] = [ec50, ec50 / 3.9, ec50 * 1.4]
    with style(SETTINGS):
        axes = dose_response_figure(moved).axes[0]
    assert [label.get_text() for label in axes.texts] == [f"EC50 {text}"]
    assert artist(axes, "ec50")[0].get_xdata()[0] == pytest.approx(at)


def test_controls_stand_outside_the_doses(panels: dict[tuple[str, str], Axes]) -> None:
    for axes in panels.values():
        doses = artist(axes, "well")[0].get_offsets()[:, 0]
        negative, positive = (artist(axes, name)[0].get_offsets() for name in ("negative", "positive"))
        assert len(negative) == 16
        assert len(positive) == 8
        assert negative[:, 0].max() < doses.min()
        assert positive[:, 0].min() > doses.max()


def test_nothing_drawn_lies_outside_the_axes(panels: dict[tuple[str, str], Axes]) -> None:
    for axes in panels.values():
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        for gid in ("well", "positive", "negative"):
            x, y = artist(axes, gid)[0].get_offsets().T
            assert left < x.min()
            assert x.max() < right
            assert bottom < y.min()
            assert y.max() < top


def test_csv_holds_every_kind_of_thing_drawn(
    tmp_path: Path, inputs: dict[str, DoseResponse], data: pd.DataFrame
) -> None:
    paths = outputs(tmp_path, "dose")
    draw_dose_response(inputs, settings=SETTINGS, **paths)
    pd.testing.assert_frame_equal(
        pd.read_csv(paths["csv"], float_precision="round_trip"), data, check_dtype=False, check_exact=True
    )
    assert set(data["kind"]) == {"well", "fit", "ec50", "positive", "negative"}


def test_a_featurizer_without_its_file_is_named(tmp_path: Path, inputs: dict[str, DoseResponse]) -> None:
    broken = {"segmentation": replace(inputs["gandl_blocks"], curves=tmp_path / "none.parquet")}
    with pytest.raises(FigureError, match="featurizer segmentation has no dose-response curves"):
        draw_dose_response(broken, settings=SETTINGS, **outputs(tmp_path, "dose"))


def test_a_treatment_without_its_curve_is_named(tmp_path: Path, inputs: dict[str, DoseResponse]) -> None:
    curves = pd.read_parquet(inputs["gandl_blocks"].curves).query("treatment == 'Wortmannin'")
    curves.to_parquet(tmp_path / "curves.parquet")
    with pytest.raises(FigureError, match="no fitted curve for LY294002"):
        drawn("gandl_blocks", replace(inputs["gandl_blocks"], curves=tmp_path / "curves.parquet"), "leave_row_out")

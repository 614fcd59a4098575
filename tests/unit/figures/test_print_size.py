"""Print size: what is measured in an SVG is what was drawn, small text is enlarged, and the checks of this folder would fail."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.config.files import read_config
from gandl.figures.common import style as look
from print_size import smallest_text_pt, width_mm

SETTINGS = FiguresSettings(dpi=50)


def written(figure: Figure, folder: Path) -> Path:
    """The SVG of a figure as it is, without what `save` does."""
    figure.savefig(folder / "raw.svg", format="svg")
    return folder / "raw.svg"


def test_width_and_smallest_text_are_those_drawn(tmp_path: Path) -> None:
    with look.style(SETTINGS):
        figure = look.new_figure(look.SINGLE_COLUMN, 40)
        figure.text(0.5, 0.5, "large", fontsize=9)
        figure.text(0.5, 0.2, "small", fontsize=4.5, rotation=30)
        svg = written(figure, tmp_path)
    assert width_mm(svg) == pytest.approx(85, abs=0.01)
    assert smallest_text_pt(svg) == pytest.approx(4.5)


def test_parts_of_formulas_count_at_their_own_size(tmp_path: Path) -> None:
    with look.style(SETTINGS):
        figure = look.new_figure(look.SINGLE_COLUMN, 40)
        figure.text(0.5, 0.5, "EC$_{50}$", fontsize=8)
        assert smallest_text_pt(written(figure, tmp_path)) == pytest.approx(5.6, abs=0.05)


def test_text_below_six_points_is_enlarged_when_a_figure_is_saved_and_other_text_is_not(tmp_path: Path) -> None:
    with look.style(SETTINGS):
        figure = look.new_figure(look.DOUBLE_COLUMN, 40)
        axes = figure.subplots()
        axes.set_title("title", loc="center", fontsize=9)
        axes.tick_params(labelsize=3)
        axes.text(0.5, 0.5, "tiny", fontsize="xx-small")
        paths = outputs(tmp_path, "figure")
        look.save(figure, pd.DataFrame({"x": [1]}), SETTINGS, **paths)
        assert axes.title.get_fontsize() == 9
    assert smallest_text_pt(paths["svg"]) == pytest.approx(look.SMALLEST)


def test_exponents_of_logarithmic_axes_are_characters_of_the_size_of_their_label(tmp_path: Path) -> None:
    with look.style(SETTINGS):
        figure = look.new_figure(look.SINGLE_COLUMN, 40)
        wide, narrow = figure.subplots(1, 2)
        wide.plot([1e-3, 1e12], [1, 2])
        narrow.plot([2.0, 7.0], [1, 2])
        for axes in (wide, narrow):
            axes.set_xscale("log")
        paths = outputs(tmp_path, "figure")
        look.save(figure, pd.DataFrame({"x": [1]}), SETTINGS, **paths)
        labels = [label.get_text() for axes in (wide, narrow) for label in axes.get_xticklabels(which="both")]
    assert {"10⁰", "2 × 10⁰"} <= set(labels)
    assert any(label.startswith("10⁻") for label in labels)
    assert not [label for label in labels if set(label) & set("${}^\\")]
    assert smallest_text_pt(paths["svg"]) >= look.SMALLEST


def test_a_figure_that_is_too_wide_would_be_found(tmp_path: Path) -> None:
    with look.style(SETTINGS):
        figure = look.new_figure(look.DOUBLE_COLUMN + 6, 40)
        with pytest.raises(AssertionError):
            look.save(figure, pd.DataFrame({"x": [1]}), SETTINGS, **outputs(tmp_path, "wide"))


@pytest.mark.parametrize("preset", ["config", "bbbc013", "ci", "pilot", "paper", "modern"])
def test_every_preset_draws_at_what_journals_print(preset: str, repository: Path) -> None:
    assert read_config(repository / f"config/{preset}.yaml").figures.dpi >= 300

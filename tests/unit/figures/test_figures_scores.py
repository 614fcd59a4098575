"""Figures of well scores: what is drawn is what evaluation wrote, well by well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.text import Text

from figure_inputs import outputs, score_table, write_scores
from gandl.config import FiguresSettings
from gandl.figures.axes import axes_figure, draw_axes, points
from gandl.figures.common.palette import CONTROLS, INK, dose_colours, ink_on
from gandl.figures.common.style import FigureError, style
from gandl.figures.plate import draw_plate, plate_figure, plates_figure
from gandl.tables import WELL_SCORES, write_table

SETTINGS = FiguresSettings(dpi=60)


def test_plate_shows_every_well_with_its_own_score() -> None:
    scores = score_table()
    with style(SETTINGS):
        axes = plate_figure(scores.assign(featurizer="x")).axes[0]
    drawn = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert drawn.shape == (8, 12)
    for well in scores.itertuples():
        assert drawn["ABCDEFGH".index(well.row), well.column - 1] == well.on
    texts = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    for well in scores.itertuples():
        place = ("ABCDEFGH".index(well.row) + 0.02, well.column - 1)
        assert float(texts[place].replace("−", "-")) == pytest.approx(well.on, abs=0.00501)


def test_plate_writes_no_minus_before_a_score_that_rounds_to_zero() -> None:
    scores = score_table().assign(on=-0.001)
    with style(SETTINGS):
        texts = [text.get_text() for text in plate_figure(scores.assign(featurizer="x")).axes[0].texts]
    assert texts.count("0.00") == 96
    assert "−0.00" not in texts


@pytest.mark.parametrize(("colour", "ink"), [((0, 0, 0), "white"), ((0, 0.35, 0.56), "white"), ((1, 1, 1), INK)])
def test_ink_is_white_on_dark_and_dark_on_light_colours(colour: tuple[float, ...], ink: str) -> None:
    assert ink_on(colour) == ink


def test_axes_draw_treated_wells_above_the_controls() -> None:
    with style(SETTINGS):
        panel = axes_figure(points(score_table(), "gandl_blocks")).axes[0]
    order = {c.get_label(): c.get_zorder() for c in panel.collections if isinstance(c, PathCollection)}
    assert all(order["Treated, by dose"] > order[group.label] for group in CONTROLS.values())


def test_plate_marks_the_controls_and_no_other_well() -> None:
    scores = score_table()
    with style(SETTINGS):
        axes = plate_figure(scores.assign(featurizer="x")).axes[0]
    for control, group in CONTROLS.items():
        marked = sorted(
            (round(line.get_ydata()[0]), round(line.get_xdata()[0]))
            for line in axes.lines
            if line.get_marker() == group.marker
        )
        wells = scores[scores["control"] == control]
        assert marked == sorted(
            ("ABCDEFGH".index(row), column - 1) for row, column in zip(wells["row"], wells["column"], strict=True)
        )


@pytest.mark.parametrize("largest", [0.2, 1.3, 7.0])
def test_plate_colours_are_symmetric_and_clip_no_well(largest: float) -> None:
    scores = score_table()
    scores.loc[10, "on"] = -largest
    with style(SETTINGS):
        image = plate_figure(scores.assign(featurizer="x")).axes[0].images[0]
    low, high = image.get_clim()
    assert low == -high
    assert high >= np.abs(scores["on"]).max()


def test_plate_draws_a_well_that_is_missing_as_a_gap() -> None:
    scores = score_table().drop(index=5)
    with style(SETTINGS):
        drawn = plate_figure(scores.assign(featurizer="x")).axes[0].images[0].get_array()
    assert np.isnan(np.ma.filled(drawn, np.nan)).sum() == 1


def test_figures_of_one_featurizer_say_in_the_picture_whose_scores_they_show() -> None:
    scores = score_table().assign(featurizer="gandl_blocks")
    with style(SETTINGS):
        pictures = [plate_figure(scores), axes_figure(points(score_table(), "gandl_blocks"))]
    for figure in pictures:
        assert "GAN-DL, blocks" in [text.get_text() for text in figure.legends[0].findobj(Text)]


def test_plate_csv_holds_the_scores_at_full_precision(tmp_path: Path) -> None:
    paths = outputs(tmp_path, "plate")
    draw_plate(write_scores(tmp_path), featurizer="gandl_blocks", settings=SETTINGS, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip").set_index("well")
    assert set(written["featurizer"]) == {"gandl_blocks"}
    expected = score_table().set_index("well")
    pd.testing.assert_series_equal(written["on"].sort_index(), expected["on"].sort_index(), check_exact=True)


def test_axes_points_are_the_rows_of_the_csv(tmp_path: Path) -> None:
    paths = outputs(tmp_path, "axes")
    draw_axes({"gandl_blocks": write_scores(tmp_path)}, settings=SETTINGS, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip")
    with style(SETTINGS):
        figure = axes_figure(points(score_table(), "gandl_blocks"))
    panels = [axes for axes in figure.axes if axes.get_title(loc="left") in {"Wortmannin", "LY294002"}]
    assert len(panels) == 2
    for axes in panels:
        offsets = np.concatenate([c.get_offsets() for c in axes.collections if isinstance(c, PathCollection)])
        rows = written.loc[written["panel"] == axes.get_title(loc="left"), ["on", "off"]].to_numpy()
        np.testing.assert_array_equal(offsets[np.lexsort(offsets.T)], rows[np.lexsort(rows.T)])


def test_axes_show_each_series_once_and_all_controls_in_every_panel() -> None:
    drawn = points(score_table(), "gandl_blocks")
    counts = drawn.groupby(["panel", "control"]).size().unstack()
    assert counts["none"].to_dict() == {"Wortmannin": 36, "LY294002": 36}
    assert counts["negative"].to_dict() == {"Wortmannin": 16, "LY294002": 16}
    assert counts["positive"].to_dict() == {"Wortmannin": 8, "LY294002": 8}


def test_scores_without_a_dose_series_are_refused() -> None:
    only_controls = score_table().query("control != 'none'")
    with pytest.raises(FigureError, match=r"gandl_blocks.*no dose series"):
        points(only_controls, "gandl_blocks")


def test_a_missing_featurizer_is_named_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(FigureError, match=r"featurizer intensity has no well scores: .*absent\.parquet"):
        draw_axes({"intensity": tmp_path / "absent.parquet"}, settings=SETTINGS, **outputs(tmp_path, "axes"))
    assert not list(tmp_path.glob("axes*"))


def test_an_absent_scheme_is_named_beside_those_there_are(tmp_path: Path) -> None:
    scores = write_scores(tmp_path)
    with pytest.raises(FigureError, match="no scores of scheme confirmation; it holds leave_row_out"):
        draw_axes({"x": scores}, scheme="confirmation", settings=SETTINGS, **outputs(tmp_path, "axes"))


def several_plates(count: int) -> pd.DataFrame:
    first = score_table()
    plates = [
        first.assign(
            plate=i, plate_id=f"BBBC013_{i}", well_id=first["well_id"].str.replace("_1_", f"_{i}_"), on=first["on"] + i
        )
        for i in range(1, count + 1)
    ]
    return pd.concat(plates, ignore_index=True)


@pytest.mark.parametrize(("count", "shown"), [(2, 2), (12, 12), (14, 12)])
def test_several_plates_are_drawn_side_by_side_in_their_order_on_one_scale(
    tmp_path: Path, count: int, shown: int
) -> None:
    scores = several_plates(count)
    write_table(scores, tmp_path / "several.parquet", WELL_SCORES)
    paths = outputs(tmp_path, "plate")
    draw_plate(tmp_path / "several.parquet", featurizer="x", settings=SETTINGS, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip")
    plates = list(dict.fromkeys(written["plate_id"]))
    assert len(plates) == shown
    assert plates == sorted(plates, key=lambda name: int(name.rpartition("_")[2]))
    assert {plates[0], plates[-1]} == {"BBBC013_1", f"BBBC013_{count}"}
    for plate, part in written.groupby("plate_id"):
        mine = scores[scores["plate_id"] == plate].set_index("well")["on"]
        pd.testing.assert_series_equal(part.set_index("well")["on"].sort_index(), mine.sort_index(), check_exact=True)
    with style(SETTINGS):
        figure = plates_figure(written, of=count)
        words = [text.get_text() for text in figure.legends[0].get_texts()]
    images = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(images) == shown
    assert len({image.get_clim() for image in images}) == 1
    assert (f"{shown} of {count} plates, evenly over the screen" in words) is (shown < count)


def test_a_plate_of_384_wells_has_no_numbers_in_its_wells() -> None:
    rows = [
        {"plate_id": "p", "well": f"{row}{column:02d}", "row": row, "column": column, "control": "none", "on": 0.5}
        for row in "ABCDEFGHIJKLMNOP"
        for column in range(1, 25)
    ]
    with style(SETTINGS):
        figure = plates_figure(pd.DataFrame(rows).assign(featurizer="x"), of=1)
    assert not figure.axes[0].texts
    assert figure.axes[0].images[0].get_array().shape == (16, 24)


def test_higher_doses_are_darker() -> None:
    colours = list(dose_colours([80.0, 0.3, 5.0, 20.0, 5.0]).values())
    luminance = [sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in colours]
    assert len(colours) == 4
    assert luminance == sorted(luminance, reverse=True)
    assert len(set(luminance)) == 4

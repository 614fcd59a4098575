"""Treatments drawn and set as a table: every one is there, hits are marked, controls stand beside, many are ranked."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from figure_inputs import outputs, score_table, treatment_row, treatments_table, write_scores, write_treatments
from gandl.config import FiguresSettings
from gandl.evaluation.terms import TREATMENTS
from gandl.figures.common.style import FigureError, style
from gandl.figures.tables.table_treatments import called_by, ranked, table_page, write_table_treatments
from gandl.figures.treatments import blocks_of, draw_treatments, shortened, treatments_figure

SETTINGS = FiguresSettings(dpi=50)
RATES = {"false_discovery": 0.05, "confidence": 0.95}


def figure_of(table: pd.DataFrame) -> Figure:
    with style(SETTINGS):
        return treatments_figure(table, **RATES)


def points(figure: Figure) -> np.ndarray:
    """(n, 2) of all discs."""
    found = [c.get_offsets() for axes in figure.axes for c in axes.collections if isinstance(c, PathCollection)]
    return np.concatenate([np.asarray(offsets) for offsets in found])


@pytest.mark.parametrize(("treatments", "doses"), [(5, 1), (60, 1), (12, 3), (300, 1)])
def test_every_treatment_and_dose_is_a_point_at_its_mean(treatments: int, doses: int) -> None:
    table = treatments_table(treatments, doses)
    figure = figure_of(table)
    means = table.loc[table["kind"] == "treatment", "mean"]
    drawn = points(figure)
    assert len(drawn) == treatments * doses
    along = drawn[:, 1] if treatments == 300 else drawn[:, 0]
    np.testing.assert_allclose(np.sort(along), np.sort(means))


def test_five_and_sixty_have_rows_with_names_and_three_hundred_are_ranked() -> None:
    for treatments, blocks in ((5, 1), (60, 2), (300, 0)):
        table = treatments_table(treatments)
        found = blocks_of(table[table["kind"] == "treatment"])
        assert len(found) == blocks
        assert sorted(name for block in found for name in block) == sorted(
            table["treatment"].dropna().unique() if blocks else []
        )
        names = {text.get_text() for axes in figure_of(table).axes for text in axes.get_yticklabels()}
        assert ({"compound 001", "compound 005"} <= names) is bool(blocks)


def test_rows_are_in_the_order_of_the_highest_mean() -> None:
    table = treatments_table(20, 3)
    treated = table[table["kind"] == "treatment"]
    order = [name for block in blocks_of(treated) for name in block]
    highest = treated.groupby("treatment")["mean"].max()
    assert highest[order].is_monotonic_decreasing


def test_the_first_hits_of_many_are_named_with_their_rank_and_all_are_counted() -> None:
    table = treatments_table(300)
    order = table[table["kind"] == "treatment"].sort_values("mean", ascending=False, ignore_index=True)
    figure = figure_of(table)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    hits = order[order["differs"]]
    towards = hits[hits["difference"] > 0]
    assert f"Towards C+: {len(towards)} differ" in words
    assert f"Away from C+: {len(hits) - len(towards)} differ" in words
    first, last = order.iloc[0], order.iloc[-1]
    assert f"1  {first['treatment']}, 10 µM" in words
    assert f"300  {last['treatment']}, 10 µM" in words
    sizes = [text.get_fontsize() for axes in figure.axes for text in axes.texts]
    assert min(sizes) >= 5


def test_bands_are_those_of_the_controls_and_an_unknown_cell_type_is_not_printed() -> None:
    figure = figure_of(treatments_table(5))
    axes = figure.axes[0]
    ends = sorted(
        (patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches if patch.get_alpha() == 0.16
    )
    np.testing.assert_allclose(ends, [(-1.55, -0.35), (0.35, 1.55)])
    assert axes.get_title(loc="left") == "n = 3 wells per point\n16 C+, 32 C− wells"
    several = figure_of(treatments_table(5, wells=1, cell_types=("HRCE", "VERO")))
    assert [axes.get_title(loc="left") for axes in several.axes] == [
        "HRCE, n = 1 well per point\n16 C+, 32 C− wells",
        "VERO, n = 1 well per point\n16 C+, 32 C− wells",
    ]


def test_screens_without_doses_controls_or_anything_to_test_are_drawn(tmp_path: Path) -> None:
    table = treatments_table(4).assign(concentration_um=np.nan, p=np.nan, q=np.nan, difference=np.nan, differs=False)
    for part in (table, table[table["kind"] != "positive"], table[table["kind"] == "treatment"]):
        assert len(points(figure_of(part))) == 4
    assert shortened("x" * 40) == "x" * 25 + "…"


def words_below(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_what_was_not_tested_is_a_cross_and_the_legend_says_so_and_what_intervals_rest_on() -> None:
    table = treatments_table(6)
    assert "Not tested" not in words_below(figure_of(table))
    assert "95 % interval" in words_below(figure_of(table))
    table.loc[table.index[-2:], ["difference", "p", "q"]] = np.nan
    table.loc[table.index[-2:], "differs"] = False
    assert "Not tested" in words_below(figure_of(table))
    alone = table.assign(interval="negative controls", band_low=np.nan, band_high=np.nan)
    assert "95 % interval (spread of C−)" in words_below(figure_of(alone))
    none = table.assign(interval=None, low=np.nan, high=np.nan)
    assert not any("95 % interval" in word for word in words_below(figure_of(none)))


@pytest.mark.parametrize(("treatments", "doses"), [(5, 1), (60, 3), (400, 1)])
def test_the_legend_fits_the_figure(treatments: int, doses: int) -> None:
    table = treatments_table(treatments, doses, wells=1)
    table.loc[table.index[-1], "p"] = np.nan
    figure = figure_of(table)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_the_csv_of_the_figure_holds_what_was_drawn_and_a_missing_table_is_named(tmp_path: Path) -> None:
    table = treatments_table(5)
    paths = outputs(tmp_path, "treatments")
    source = write_treatments(tmp_path / "treatments.parquet", table)
    draw_treatments(source, featurizer="gandl_blocks", settings=SETTINGS, **RATES, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip")
    pd.testing.assert_frame_equal(written, table.where(table.notna(), np.nan), check_dtype=False)
    with pytest.raises(FigureError, match=r"featurizer gandl_blocks has no treatments: .*absent\.parquet"):
        draw_treatments(tmp_path / "absent.parquet", featurizer="gandl_blocks", settings=SETTINGS, **RATES, **paths)


# --- the table ---


def words_of(page: str) -> str:
    text = re.sub(r"<style.*?</style>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("&nbsp;", " ").replace("&lt;", "<").split())


def test_table_lists_controls_then_hits_then_the_others_and_every_value() -> None:
    table = treatments_table(12, 2)
    order = ranked(table)
    assert order["kind"].tolist()[:2] == ["positive", "negative"]
    hit = order["differs"].tolist()[2:]
    assert hit == sorted(hit, reverse=True)
    assert order.loc[order["differs"], "p"].is_monotonic_increasing
    words = words_of(table_page({"gandl_blocks": table}, "gandl_blocks", SETTINGS, 0.95, 0.05))
    for row in order[order["kind"] == "treatment"].itertuples():
        low, high = f"{row.low:.2f}".replace("-", "−"), f"{row.high:.2f}".replace("-", "−")
        assert f"[{low}, {high}]" in words
        assert row.treatment in words
    assert "Differs: q ≤ 0.05." in words
    assert "whole plates held out" in words
    assert "Called by" not in words.split("On score: mean")[0], "one featurizer has nobody to agree with"


def test_featurizers_that_agree_on_a_hit_are_counted_also_where_no_dose_is_given() -> None:
    rows = [
        treatment_row("treatment", name, dose, 0.5, 0.1, cell_type="x", p=0.001, q=0.01, difference=1.0, differs=hit)
        for name, dose, hit in (("a", np.nan, True), ("b", 1.0, True), ("b", 3.0, False))
    ]
    one = pd.DataFrame(rows)[TREATMENTS.names]
    other = one.assign(differs=[True, False, False])
    assert called_by({"one": one, "other": other}, one) == [2, 1, 0]
    words = words_of(table_page({"one": one, "other": other}, "one", SETTINGS, 0.95, 0.05))
    assert "2 of 2" in words
    assert "0 of 2" in words


def test_the_note_says_how_intervals_are_made_what_was_not_tested_and_what_the_normalisation_does() -> None:
    table = treatments_table(5, wells=1)
    words = words_of(table_page({"gandl_blocks": table}, "gandl_blocks", SETTINGS, 0.95, 0.05, warning="More hits."))
    assert (
        "its 95 % interval (Student's t by the spread of the negative controls within plates, since there are" in words
    )
    assert words.endswith("More hits.")
    table.loc[table.index[-1], ["difference", "p", "q"]] = np.nan
    table.loc[table.index[-1], "differs"] = False
    table.loc[table.index[-1], "plates_without_negative"] = "a<b"
    words = words_of(table_page({"gandl_blocks": table}, "gandl_blocks", SETTINGS, 0.95, 0.05))
    assert "Plate a<b has no negative control: its wells were scored, not tested." in words.replace("&gt;", ">")
    several = treatments_table(3, cell_types=("HRCE", "VERO"))
    several.loc[(several["cell_type"] == "VERO") & (several["kind"] == "treatment"), "interval"] = "negative controls"
    words = words_of(table_page({"gandl_blocks": several}, "gandl_blocks", SETTINGS, 0.95, 0.05))
    assert (
        "(HRCE: bootstrap of wells, whose deviations from their treatment's mean are pooled; VERO: Student's t" in words
    )


def test_names_of_a_lab_are_text_on_the_page_and_long_tables_say_what_is_left_out() -> None:
    table = treatments_table(1200)
    table.loc[2, "treatment"] = "<b>drug & co</b>"
    page = table_page({"gandl_blocks": table}, "gandl_blocks", SETTINGS, 0.95, 0.05, "simulated")
    assert "&lt;b&gt;drug &amp; co&lt;/b&gt;" in page
    assert "The first 1,000 of 1,202 rows; all are in the CSV." in page
    assert "Treatments by GAN-DL, blocks, simulated" in page


def test_table_writes_all_featurizers_and_every_well_at_full_precision(tmp_path: Path) -> None:
    tables = {
        name: write_treatments(tmp_path / f"{name}.parquet", treatments_table(5, seed=seed).assign(featurizer=name))
        for seed, name in enumerate(("gandl_blocks", "intensity"))
    }
    files = {"html": tmp_path / "t.html", "csv": tmp_path / "t.csv", "wells": tmp_path / "w.csv"}
    write_table_treatments(
        tables, write_scores(tmp_path), featurizer="gandl_blocks", settings=SETTINGS, **RATES, word="simulated", **files
    )
    written = pd.read_csv(files["csv"], float_precision="round_trip")
    assert written.groupby("featurizer").size().to_dict() == {"gandl_blocks": 7, "intensity": 7}
    wells = pd.read_csv(files["wells"], float_precision="round_trip").set_index("well")
    assert len(wells) == 96
    assert set(wells["images"]) == {"simulated"}
    pd.testing.assert_series_equal(
        wells["on"].sort_index(), score_table().set_index("well")["on"].sort_index(), check_exact=True
    )
    page = files["html"].read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href)=["']|url\(""", page)
    with pytest.raises(FigureError, match="featurizer gandl has no treatments"):
        write_table_treatments(
            {"gandl": tmp_path / "absent.parquet"},
            write_scores(tmp_path),
            featurizer="gandl",
            settings=SETTINGS,
            **RATES,
            **files,
        )

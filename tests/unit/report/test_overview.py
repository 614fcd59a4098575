"""The one table at the top of the audit: a number per featurizer and question, the best marked, floors apart."""

from __future__ import annotations

import math
import re

import pandas as pd
import pytest

from gandl.config import Config
from gandl.report.made.page import environment
from gandl.report.overview.leaks import CLEAR, CONFOUNDS, LEAKS, places
from gandl.report.overview.questions import GROUPS, Overview, overview
from gandl.report.overview.screened import screened
from table_rows import number_row

SETTINGS = Config().model_dump(mode="json") | {
    "embeddings": {"featurizers": ["gandl", "gandl_blocks", "imagenet_concatenated", "intensity", "segmentation"]},
    "normalization": {"method": "unlabelled"},
}
AUCS = {"gandl": 0.7, "gandl_blocks": 0.88, "imagenet_concatenated": 0.9, "intensity": 0.4}


def aucs(split: str = "leave_plate_out:HRCE", half: float = 0.05, **changes: float) -> list[dict[str, object]]:
    values = AUCS | changes
    return [
        number_row(featurizer=name, split=split, metric="auc", value=value, low=value - half, high=value + half, n=60)
        for name, value in values.items()
    ]


def table(rows: list[dict[str, object]], splits: tuple[str, ...] = ()) -> Overview:
    return overview(pd.DataFrame(rows), SETTINGS, splits)


def marks(found: Overview, column: int = 0) -> dict[str, str]:
    rows = [row for _, mine in found.groups for row in mine]
    return {row.label: cell.mark for row in rows if (cell := row.cells[column]) is not None}


def test_the_highest_is_best_and_only_intervals_apart_from_its_own_lie_below():
    found = marks(table(aucs()))
    assert found == {
        "GAN-DL, 512-d layer": "below",
        "GAN-DL, blocks": "",
        "ImageNet-concatenated": "best",
        "Channel intensities": "below",
    }


def test_one_featurizer_alone_is_not_called_the_best():
    rows = [row for row in aucs() if row["featurizer"] == "gandl"]
    assert marks(table(rows)) == {"GAN-DL, 512-d layer": ""}
    assert table(rows).sentences == []


def test_gan_dl_other_networks_and_floors_stand_apart_in_this_order():
    found = table(aucs())
    assert [heading for heading, _ in found.groups] == list(GROUPS.values())
    assert [row.label for row in found.groups[2][1]] == ["Channel intensities"]


def test_each_cell_type_has_a_column_under_its_strictest_scheme_and_the_mix_of_all_has_none():
    rows = aucs("quarter:all") + aucs("quarter_by_cell_type:HRCE", gandl=0.1) + aucs("leave_plate_out:HRCE")
    rows += aucs("quarter_by_cell_type:VERO")
    found = table(rows)
    assert [(column.title, column.number) for column in found.columns] == [
        ("C+ from C−, HRCE", "AUC by well, plates held out"),
        ("C+ from C−, VERO", "AUC by well, a quarter of the wells held out"),
    ]
    assert found.groups[0][1][0].cells[0].text == "0.70"


def test_numbers_of_other_normalisations_units_and_of_no_images_are_left_out():
    rows = [*aucs(), number_row(featurizer="gandl", normalization="none", metric="auc", split="leave_plate_out:VERO")]
    rows += [
        number_row(question="calibration", featurizer="score_curves", split="score_curves:all", metric="hit_recall")
    ]
    assert [column.title for column in table(rows).columns] == ["C+ from C−, HRCE", "C+ from C−, VERO"]
    assert all(row.cells[1] is None for _, mine in table(rows).groups for row in mine)


def test_a_plate_shows_z_prime_of_its_rows_and_how_scores_follow_doses():
    rows = []
    for split in ("leave_row_out:A-H", "leave_row_out:E-H"):
        rows += [dict(row, split=split, metric="z_prime") for row in aucs()]
    rows += [
        number_row(question="dose_response", featurizer="gandl", split="leave_row_out:drug", metric="rises_with_dose")
    ]
    found = table(rows, ("leave_row_out:A-H", "leave_row_out:E-H"))
    assert [column.title for column in found.columns] == [
        "C+ from C−, rows A–H",
        "C+ from C−, rows E–H",
        "Dose of drug",
    ]


def test_the_sentences_say_who_is_best_where_and_where_all_of_gan_dl_lies_below():
    said = table(aucs()).sentences
    assert said == ["The highest number of a column is reached by another network in 1 (C+ from C−, HRCE)."]
    floor = table(aucs(intensity=0.99, gandl_blocks=0.6, half=0.01)).sentences
    assert floor[0].endswith("by a floor in 1 (C+ from C−, HRCE).")
    assert floor[1] == "GAN-DL’s intervals lie wholly below it in: C+ from C−, HRCE."


def test_a_tie_names_both():
    said = table(aucs(intensity=0.9)).sentences
    assert said[0].endswith("by another network and a floor alike in 1 (C+ from C−, HRCE).")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_missing_or_infinite_do_not_break_the_table(value):
    found = table(aucs(gandl=value))
    shown = found.groups[0][1][0].cells[0]
    assert (shown is None) if math.isnan(value) else shown.text == "∞"


def test_a_run_without_questions_has_an_empty_table():
    assert overview(pd.DataFrame(aucs()).iloc[:0], SETTINGS) == Overview()


def test_every_number_has_its_n_in_the_head_where_all_are_alike_and_else_beside_it():
    found = table(aucs())
    assert found.columns[0].n == "60 wells"
    assert {cell.n for _, rows in found.groups for row in rows for cell in row.cells if cell} == {"60 wells"}
    found = table([*aucs()[:-1], dict(aucs()[-1], n=1)])
    assert found.columns[0].n == ""
    assert [row.cells[0].n for _, rows in found.groups for row in rows if row.cells[0]][-1] == "1 well"


def hits(featurizer: str, recall: float, false: float) -> list[dict[str, object]]:
    about = {"question": "calibration", "featurizer": featurizer, "split": "leave_plate_out:all", "unit": "compound"}
    values = {"hit_recall": (recall, 10), "hit_false_positive_rate": (false, 40)}
    return [number_row(**about, metric=name, value=value, n=n) for name, (value, n) in values.items()]


def test_who_calls_most_compounds_hits_is_not_the_best_and_its_false_ones_stand_beside():
    found = table([*aucs(), *hits("gandl", 0.5, 0.0), *hits("intensity", 1.0, 0.9)])
    assert found.columns[1].title == "Active compounds"
    cells = {row.label: row.cells[1] for _, rows in found.groups for row in rows if row.cells[1]}
    assert [(name, cell.text, cell.mark, cell.beside) for name, cell in cells.items()] == [
        ("GAN-DL, 512-d layer", "0.50", "", "false: 0 of 40"),
        ("Channel intensities", "1.00", "", "false: 36 of 40"),
    ]
    assert "Active compounds" not in " ".join(found.sentences)


def contrast(first: str, second: str) -> float:
    """Of two colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_what_lies_below_the_best_bears_a_sign_and_can_be_read_on_every_row():
    templates = environment()
    page = templates.get_template("overview.html.jinja").render(
        overview=table(aucs()), simulated=True, confidence="95 %", top=[]
    )
    assert page.count("↓") == 2 + 1, "two cells and the key"
    assert "n = 60 wells" in page
    style = templates.get_template("style.css.jinja").render()
    ink = re.search(r"\.below, td\.below \.v \{ color: var\(--(\w+)\)", style)
    assert ink is not None
    colour = re.search(rf"--{ink[1]}: (#\w+);", style)
    row = re.search(r"tbody\.trained tr:not\(\.group\) \{ background: (#\w+)", style)
    assert colour is not None
    assert row is not None
    for ground in ("#ffffff", row[1]):
        assert contrast(colour[1], ground) >= 4.5


def screening(featurizer: str, **values: float) -> list[dict[str, object]]:
    about = {"question": "screening", "featurizer": featurizer, "split": "leave_plate_out:HRCE", "unit": "compound"}
    return [number_row(**about, metric=metric, value=value, n=30) for metric, value in values.items()]


def test_the_screen_is_counted_by_featurizer_and_cell_type_with_the_drawn_one_marked():
    rows = screening("gandl", hit_share=0.2, toxic_share=math.nan) + screening("intensity", hit_share=0.1)
    found = screened(pd.DataFrame(rows), SETTINGS, "gandl")
    assert found is not None
    assert [title for title, _ in found.columns] == ["Hits", "Toxic"]
    assert [(row.featurizer, row.floor, row.drawn, row.cell_type, row.cells) for row in found.rows] == [
        ("GAN-DL, 512-d layer", False, True, "HRCE", ["6 of 30 (20 %)", "–"]),
        ("Channel intensities", True, False, "HRCE", ["3 of 30 (10 %)", "–"]),
    ]
    assert screened(pd.DataFrame(aucs()), SETTINGS, "gandl") is None


def layout(place: str, featurizer: str, method: str, leak: float, confounded: float) -> list[dict[str, object]]:
    about = {"question": "layout", "featurizer": featurizer, "normalization": method, "split": f"{place}:HRCE"}
    values = {"leak_p": leak, "leak_confounded_p": confounded, "leak_label_auc": 0.9, "leak_label_auc_chance": 0.55}
    return [number_row(**about, metric=metric, value=value) for metric, value in values.items()]


def test_places_that_leak_come_first_with_the_profiles_that_carry_them():
    rows = layout("row", "gandl", "none", 0.5, 0.5) + layout("plate", "gandl", "none", 0.5, 0.01)
    rows += layout("edge", "gandl", "none", 0.01, 0.01) + layout("edge", "intensity", "unlabelled", 0.5, 0.01)
    found = places(pd.DataFrame(rows), SETTINGS)
    assert [(row.place, row.verdict) for row in found] == [
        ("The outer ring of wells", LEAKS),
        ("The plate", CONFOUNDS),
        ("The plate row", CLEAR),
    ]
    assert (found[0].label, found[0].chance, found[0].before, found[0].after) == (
        "0.90",
        "0.55",
        "GAN-DL, 512-d layer",
        "none",
    )
    assert found[1].after == "–", "not asked under the run's normalisation"

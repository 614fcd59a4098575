"""Table and figure of featurizers: every number evaluated is shown, none is invented, and the page needs no network."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from figure_inputs import CONTROLS_METRICS, outputs, write_controls, write_reference
from gandl.config import FeaturizerName, FiguresSettings, Normalization
from gandl.figures.common.labels import FEATURIZERS, NORMALIZATIONS, featurizer_label, fixed, nominal, number
from gandl.figures.common.style import FigureError, style
from gandl.figures.featurizers import draw_featurizers, featurizers_figure
from gandl.figures.tables.comparison import compared, group_label, groups_of, references, with_references
from gandl.figures.tables.table_featurizers import write_table_featurizers
from gandl.tables import NUMBERS, write_table
from table_rows import number_row

SETTINGS = FiguresSettings(dpi=60)


METHODS = ["negative", "unlabelled", "none"]
"""The run's own first; under the others featurizers are otherwise placed."""


@pytest.fixture
def numbers(tmp_path: Path) -> list[Path]:
    """A file for each featurizer and normalisation, the last one's values lower by 0.6 and more."""
    step = 0.6 / (len(FeaturizerName) - 1)
    return [
        write_controls(tmp_path / f"{name}.{method}.parquet", name, step * i * (1 + 0.6 * j), method)
        for j, method in enumerate(METHODS)
        for i, name in enumerate(FeaturizerName)
    ]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return write_reference(tmp_path / "reference.csv")


def table(numbers: list[Path], reference: Path, folder: Path) -> tuple[str, pd.DataFrame]:
    html, csv = folder / "table.html", folder / "table.csv"
    write_table_featurizers(
        numbers, reference, methods=METHODS, dataset="bbbc013", settings=SETTINGS, html=html, csv=csv
    )
    return html.read_text(encoding="utf-8"), pd.read_csv(csv, float_precision="round_trip")


def test_csv_is_tidy_and_holds_every_number_at_full_precision(
    numbers: list[Path], reference: Path, tmp_path: Path
) -> None:
    _, csv = table(numbers, reference, tmp_path)
    evaluated = pd.concat([pd.read_parquet(path) for path in numbers], ignore_index=True)
    evaluated = evaluated[~evaluated["split"].str.endswith(":A-D")]
    key = ["featurizer", "normalization", "split", "metric"]
    evaluated = evaluated.drop_duplicates(key)  # the plain column is in the numbers of every normalisation
    joined = evaluated.merge(csv, on=key, suffixes=("", "_csv"), validate="one_to_one")
    assert len(joined) == len(evaluated) == (len(FeaturizerName) * 3 * len(METHODS) + 2) * len(CONTROLS_METRICS)
    own = csv[csv["chosen"]]
    assert set(own["normalization"]) == {METHODS[0], "none"}
    assert set(own.loc[own["normalization"] == "none", "featurizer"]) == {"nuclear_over_ring"}
    for name in ("value", "low", "high", "n"):
        np.testing.assert_array_equal(joined[name], joined[f"{name}_csv"])


def test_page_has_a_row_per_featurizer_and_the_floor_without_svm(
    numbers: list[Path], reference: Path, tmp_path: Path
) -> None:
    page, _ = table(numbers, reference, tmp_path)
    stubs = re.findall(r'<th[^>]*class="gt_row gt_left gt_stub"[^>]*>([^<]*)</th>', page)
    svm = [featurizer_label(name) for name in FeaturizerName]
    assert stubs == [*FEATURIZERS.values(), *svm, *svm, "Reference"]
    blocks = re.findall(r'class="gt_group_heading"[^>]*>([^<]*)<', page)
    assert blocks == [
        "Negative controls (negative, this run’s own)",
        "Unlabelled wells (unlabelled)",
        "No normalisation (none)",
        "Reference value",
    ]
    assert "<strong>0.60</strong><br><small>[0.40,&nbsp;0.70]</small>" in page
    assert "<strong>0.68</strong>" in page
    assert "<strong>10.2</strong>" in page


def test_the_word_simulated_stands_in_title_and_csv(numbers: list[Path], reference: Path, tmp_path: Path) -> None:
    html, csv = tmp_path / "table.html", tmp_path / "table.csv"
    write_table_featurizers(
        numbers, reference, methods=METHODS, dataset="rxrx19a", settings=SETTINGS, html=html, csv=csv, word="simulated"
    )
    assert "Held-out controls by featurizer, simulated" in html.read_text(encoding="utf-8")
    assert set(pd.read_csv(csv)["images"]) == {"simulated"}
    assert "simulated" not in table(numbers, reference, tmp_path)[0]


@pytest.mark.parametrize(
    ("split", "label"),
    [
        ("leave_row_out:A-H", "Rows A–H"),
        ("no_training:A-H", "Rows A–H"),
        ("confirmation:E-H", "Rows E–H, trained on the others"),
        ("leave_plate_out:HRCE", "HRCE"),
        ("no_training:HRCE", "HRCE"),
        ("leave_row_out:A549", "A549"),
        ("leave_row_out:KB", "KB"),
        ("leave_row_out:AA-AF", "Rows AA–AF"),
        ("leave_plate_out:unknown", "All wells"),
        ("no_training:unknown", "All wells"),
    ],
)
def test_groups_are_plate_rows_or_cell_types(split: str, label: str) -> None:
    assert group_label(split, rows=label.startswith("Rows")) == label


def test_cell_types_that_look_like_plate_rows_are_cell_types_wherever_a_scheme_of_cell_types_says_so(
    tmp_path: Path,
) -> None:
    """KB has one plate, WT several."""
    splits = ["quarter:all", "quarter_by_cell_type:KB", "quarter_by_cell_type:WT", "leave_row_out:KB"]
    splits += ["leave_plate_out:WT", "no_training:KB", "no_training:WT"]
    write_table(pd.DataFrame(number_row(split=split) for split in splits), tmp_path / "a.parquet", NUMBERS)
    assert list(compared([tmp_path / "a.parquet"], ["unlabelled"])["group"]) == ["KB", "WT", "KB", "WT"]
    one_plate = ["quarter:all", "leave_row_out:AA", "probe:AA", "no_training:AA"]
    write_table(pd.DataFrame(number_row(split=split) for split in one_plate), tmp_path / "b.parquet", NUMBERS)
    assert set(compared([tmp_path / "b.parquet"], ["unlabelled"])["group"]) == {"Rows AA"}


def test_eight_groups_differ_in_colour_and_in_mark() -> None:
    groups = groups_of(pd.DataFrame({"label": "a", "group": [f"cell {i}" for i in range(8)]}))
    assert len({group.colour for group in groups}) == len({group.marker for group in groups}) == 8


def test_wells_without_a_cell_type_beside_others_are_not_all_wells() -> None:
    assert group_label("leave_plate_out:unknown", ["HRCE", "unknown"]) == "Wells without a cell type"
    assert group_label("leave_plate_out:unknown", ["all", "unknown"]) == "All wells"


def test_page_loads_nothing_from_elsewhere(numbers: list[Path], reference: Path, tmp_path: Path) -> None:
    page, _ = table(numbers, reference, tmp_path)
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(|<script|<link|<img|\bsrc=|\bhref=", page)


def test_page_and_csv_are_the_same_bytes_for_the_same_numbers(
    numbers: list[Path], reference: Path, tmp_path: Path
) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        table(numbers, reference, tmp_path / folder)
    for name in ("table.html", "table.csv"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_without_references_the_table_has_no_reference_row(numbers: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("dataset,question,featurizer,split,metric,value\n")
    page, csv = table(numbers, tmp_path / "empty.csv", tmp_path)
    assert "Reference" not in page
    assert set(csv["label"]) == set(FEATURIZERS.values())


def test_references_are_this_screens_measured_values_and_no_aims(reference: Path) -> None:
    known = references(reference, "bbbc013")
    assert dict(zip(known["metric"], known["value"], strict=True)) == {"z_prime": 0.68, "ssmd": 10.2}
    assert known[["low", "high"]].isna().all(axis=None), "an accepted range is no interval"


def test_columns_without_training_stand_beside_classifiers_of_the_same_rows(numbers: list[Path]) -> None:
    groups = compared(numbers, METHODS).groupby("group")["featurizer"].unique()
    for group in ("Rows A–H", "Rows E–H"):
        assert set(groups[group]) == {*FeaturizerName, "nuclear_over_ring"}


def test_rows_that_chose_settings_are_not_shown_as_a_result(numbers: list[Path]) -> None:
    assert set(compared(numbers, METHODS)["group"]) == {"Rows A–H", "Rows E–H", "Rows E–H, trained on the others"}


def test_reference_values_without_a_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "poor.csv").write_text("question,metric,value\n")
    with pytest.raises(FigureError, match=r"lack the columns dataset, featurizer, split"):
        references(tmp_path / "poor.csv", "bbbc013")


def test_a_featurizer_without_numbers_is_named(numbers: list[Path], reference: Path, tmp_path: Path) -> None:
    with pytest.raises(FigureError, match=r"nowhere\.parquet does not exist: a featurizer has no controls' numbers"):
        table([*numbers, tmp_path / "nowhere.parquet"], reference, tmp_path)
    assert not (tmp_path / "table.html").exists()
    with pytest.raises(FigureError, match="no featurizer was given"):
        compared([], METHODS)


def without_held_out_rows(numbers: list[Path], name: str) -> list[Path]:
    """A featurizer that was trained for the paper's split alone."""
    paths = [path for path in numbers if path.name.startswith(f"{name}.")]
    for path in paths:
        frame = pd.read_parquet(path)
        frame.assign(split="quarter:all").drop_duplicates("metric").to_parquet(path)
    return paths


def test_a_featurizer_that_was_not_trained_for_held_out_wells_keeps_its_row_and_says_why(
    numbers: list[Path], reference: Path, tmp_path: Path
) -> None:
    before = compared(numbers, METHODS)
    without_held_out_rows(numbers, "imagenet_collapsed")
    without_held_out_rows(numbers, "intensity")
    data = compared(numbers, METHODS)
    assert list(data["label"].unique()) == list(before["label"].unique())
    assert list(data["group"].unique()) == list(before["group"].unique())
    lacking = data[data["reason"] != ""]
    assert set(lacking["featurizer"]) == {"imagenet_collapsed", "intensity"}
    assert lacking["value"].isna().all()
    assert len(lacking) == 2 * 3 * len(METHODS)
    reasons = lacking.drop_duplicates(["featurizer", "reason"]).groupby("featurizer")["reason"].agg(list)
    assert reasons["imagenet_collapsed"][0] == "not trained for left-out plate rows"
    assert reasons["intensity"][0] == "no scores of left-out plate rows"
    page, csv = table(numbers, reference, tmp_path)
    assert page.count("not trained for left-out plate rows") == 2 * len(METHODS)
    assert "ImageNet-collapsed" in page
    assert set(csv.loc[csv["reason"].notna(), "featurizer"]) == {"imagenet_collapsed", "intensity"}
    with style(SETTINGS):
        first = featurizers_figure(data[data["metric"] == "z_prime"]).axes[0]
    said = {artist.get_text(): artist.xy[1] for artist in first.texts if artist.get_gid() == "reason"}
    labels = [text.get_text().replace("\n", " ") for text in first.get_yticklabels()]
    (place,) = {height for text, height in said.items() if "not trained for left-out plate rows" in text}
    assert labels[int(place)] == featurizer_label("imagenet_collapsed")
    assert np.isfinite(first.get_xlim()).all()


def test_without_a_z_prime_of_any_featurizer_there_is_nothing_to_compare(numbers: list[Path]) -> None:
    for name in FeaturizerName:
        without_held_out_rows(numbers, name)
    with pytest.raises(FigureError, match=r"intensity\.none\.parquet.*: no featurizer has a z_prime in any split of"):
        compared(numbers, METHODS)


def test_figure_marks_are_the_values_and_intervals_of_its_csv(
    numbers: list[Path], reference: Path, tmp_path: Path
) -> None:
    paths = outputs(tmp_path, "featurizers")
    draw_featurizers(numbers, reference, methods=METHODS, dataset="bbbc013", settings=SETTINGS, **paths)
    written = pd.read_csv(paths["csv"], float_precision="round_trip")
    with style(SETTINGS):
        panels = featurizers_figure(written).axes
    groups = groups_of(written)
    assert [group.label for group in groups] == ["Rows A–H", "Rows E–H", "Rows E–H, trained on the others"]
    drawn = 0
    for axes, method in zip(panels, METHODS, strict=True):
        artists = {artist.get_gid(): artist for artist in axes.get_children() if artist.get_gid()}
        ours = written[written["label"] != "Reference"]
        here = ours["chosen"] if method == METHODS[0] else ~ours["chosen"] & (ours["normalization"] == method)
        for group in groups:
            rows = ours[here & (ours["group"] == group.label)]
            np.testing.assert_array_equal(artists[group.label].get_xdata(), rows["value"])
            lines = artists[f"{group.label} interval"]
            assert isinstance(lines, LineCollection)
            ends = np.array([segment[:, 0] for segment in lines.get_segments()])
            np.testing.assert_array_equal(ends, rows[["low", "high"]])
            drawn += len(rows)
        assert list(artists["reference"].get_xdata()) == [0.68, 0.68]
    assert drawn == len(written) - 1


def test_every_normalisation_has_a_panel_on_one_axis_and_the_runs_own_is_the_first_and_marked(
    numbers: list[Path], reference: Path
) -> None:
    data = with_references(numbers, METHODS, reference, "bbbc013")
    with style(SETTINGS):
        panels = featurizers_figure(data[data["metric"] == "z_prime"]).axes
    titles = [axes.get_title(loc="left").strip() for axes in panels]
    assert titles == ["Negative controls", "Unlabelled wells", "No normalisation"]
    assert [axes.texts[0].get_text() for axes in panels] == ["negative, this run’s own", "unlabelled", "none"]
    assert len({axes.get_xlim() for axes in panels}) == len({axes.get_ylim() for axes in panels}) == 1
    assert len({axes.get_facecolor() for axes in panels}) == 2
    assert panels[0].get_facecolor() != panels[1].get_facecolor()


def test_a_single_normalisation_is_one_panel_without_title(numbers: list[Path], reference: Path) -> None:
    of_one = [path for path in numbers if ".none." in path.name]
    data = with_references(of_one, ["none"], reference, "bbbc013")
    with style(SETTINGS):
        (axes,) = featurizers_figure(data[data["metric"] == "z_prime"]).axes
    assert axes.get_title(loc="left") == ""
    assert len(axes.get_yticklabels()) == len(FEATURIZERS)


def test_a_useless_featurizer_does_not_squeeze_the_others_and_its_value_stands_at_the_edge(tmp_path: Path) -> None:
    numbers = [write_controls(tmp_path / "a", "gandl"), write_controls(tmp_path / "b", "intensity", 9.0)]
    with style(SETTINGS):
        data = compared(numbers, ["unlabelled"])
        axes = featurizers_figure(data[data["metric"] == "z_prime"]).axes[0]
    assert axes.get_xlim()[0] == -1.0
    assert [text.get_text() for text in axes.texts] == ["−8.40", "−8.45", "−8.50"]


def test_every_featurizer_and_normalisation_of_the_configuration_has_a_label_of_its_own() -> None:
    assert set(FEATURIZERS) == {*FeaturizerName, "nuclear_over_ring"}
    assert set(NORMALIZATIONS) == set(Normalization)
    assert len(set(NORMALIZATIONS.values())) == len(NORMALIZATIONS)
    assert len(set(FEATURIZERS.values())) == len(FEATURIZERS)
    assert featurizer_label("my_own_one") == "my own one"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.9765625, "0.977"), (15.625, "15.6"), (1250.0, "1250"), (250.0, "250"), (-0.5, "−0.500")),
        *((3.0, "3.00"), (8.1, "8.10"), (13.0, "13.0"), (9.999, "10.0"), (1e-5, "0.0000100"), (-0.0, "0.00")),
    ],
)
def test_numbers_are_written_with_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(250.0, "250"), (80.0, "80"), (0.9765625, "0.977"), (0.0, "0")])
def test_what_was_set_is_written_without_trailing_zeros(value: float, text: str) -> None:
    assert nominal(value) == text


@pytest.mark.parametrize(("value", "text"), [(-0.004, "0.00"), (-0.006, "−0.01"), (0.6, "0.60")])
def test_what_rounds_to_zero_has_no_sign(value: float, text: str) -> None:
    assert fixed(value, 2) == text


def test_a_z_prime_of_minus_a_thousand_leaves_the_axis_to_the_others() -> None:
    """Whether most values are good or useless, they fill the axis, and what lies beyond its left end is written there."""
    rows = {
        "featurizer": "a",
        "normalization": "none",
        "chosen": True,
        "unit": "well",
        "metric": "z_prime",
        "n": 20,
        "split": "s",
        "reason": "",
    }
    for good, left in ((0.4, -1.0), (-2.0, -6.0)):
        data = pd.DataFrame(
            [
                {**rows, "label": label, "group": "g", "value": value, "low": value - 0.5, "high": value + 0.3}
                for label, value in (("one", good), ("two", good), ("three", -1674.0))
            ]
        )
        with style(FiguresSettings()):
            axes = featurizers_figure(data).axes[0]
        assert axes.get_xlim()[0] == left
        assert axes.get_xlim()[1] <= max(0.2, good + 0.3) + 0.11
        assert [text.get_text() for text in axes.texts] == [number(-1674.0)]

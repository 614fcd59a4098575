"""Sentences on floors: every word follows from the table, and nothing is claimed without a small adjusted p."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.evaluation.terms import COMPARISONS
from gandl.figures.common.comparisons import read_comparisons, sentences, set_in_words, set_tables
from gandl.figures.common.labels import featurizer_label, in_two_lines, named_with, network_of
from gandl.tables import write_table

SETS = {("controls", "leave_plate_out:HRCE", "well"): "auc", ("cell_type", "quarter:all", "site"): "accuracy"}
FOUND = {
    ("gandl", "intensity"): [(0.12, 0.001), (0.05, 0.9)],
    ("gandl", "cell_count"): [(0.20, 0.001), (0.30, 0.0001)],
    ("conv_ae", "intensity"): [(-0.20, 0.05), (0.01, np.nan)],
    ("conv_ae", "cell_count"): [(-0.01, 1.0), (0.0, np.nan)],
}
"""Difference and adjusted p of each set."""


def row(place: tuple[str, str, str], pair: tuple[str, str], value: float, p: float) -> dict[str, object]:
    (question, split, unit), (featurizer, against) = place, pair
    about = {"question": question, "split": split, "unit": unit, "featurizer": featurizer, "against": against}
    ends = {"value": value, "low": value - 0.04 if p == p else np.nan, "high": value + 0.04 if p == p else np.nan}
    common = {"normalization": "none", "fold": "all", "seed": 3, "n": 60, "drawn": "well", "units": 30}
    return {**about, **ends, **common, "metric": f"{SETS[place]}_difference", "p": p, "p_holm": p}


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    rows = [row(place, pair, *found[i]) for i, place in enumerate(SETS) for pair, found in FOUND.items()]
    write_table(pd.DataFrame(rows)[COMPARISONS.names], tmp_path / "floors.parquet", COMPARISONS)
    return read_comparisons([tmp_path / "floors.parquet"])


def test_each_featurizer_s_floors_are_those_with_a_small_adjusted_p(table: pd.DataFrame) -> None:
    preface, gandl, conv_ae = sentences(table, 0.95)
    assert gandl == "GAN-DL, 512-d layer: above Cell count on 2 of 2 sets, Channel intensities on 1 of 2."
    assert (
        conv_ae
        == "ConvAE: above no floor; below Channel intensities on 1 of 2 sets; never distinguishable from Cell count."
    )
    assert "8 comparisons (2 featurizers, 2 floors, 2 sets of wells or images" in preface
    assert "Holm’s adjusted p over all 8 is at most 0.05" in preface
    assert "One training of each network (seed 3)" in preface


def test_sets_on_which_nobody_is_told_apart_are_not_among_those_named(table: pd.DataFrame) -> None:
    assert "Some featurizer" not in sentences(table, 0.95)[0], "both sets tell some apart"
    of_images = table["unit"] == "site"
    one = sentences(table.assign(p_holm=table["p_holm"].where(~of_images)), 0.95)[0]
    (words,) = table.loc[~of_images, "set"].unique()
    assert f"Some featurizer is above or below some floor on only 1 of the 2 sets: {words}. One training" in one
    assert "On none of these sets is any featurizer" in sentences(table.assign(p_holm=1.0), 0.95)[0]


def test_who_is_above_or_below_the_leading_featurizer_has_a_sentence_and_a_column(table: pd.DataFrame) -> None:
    places, values = list(SETS), [(0.3, 0.01), (-0.3, 0.01)]
    more = [row(place, ("conv_ae", "gandl"), *value) for place, value in zip(places, values, strict=True)]
    more += [row(places[0], ("gandl_blocks", "gandl"), 0.2, 0.5)]
    words = [set_in_words(*place) for place in (*places, places[0])]
    both = pd.concat([table, pd.DataFrame(more).assign(set=words)], ignore_index=True)
    lines = sentences(both, 0.95)
    assert lines[:-1][1:] == sentences(table, 0.95)[1:]
    assert "8 comparisons of the run’s 11 (2 featurizers, 2 floors" in lines[0]
    assert lines[-1] == (
        "Against GAN-DL, 512-d layer, by the same rule and among the same 11: above it: ConvAE on 1 of 2 sets; "
        "below it: ConvAE on 1 of 2 sets. The others are not distinguishable from it."
    )
    wells = set_tables(both, 0.95)[0]
    assert wells.floors[-1] == "GAN-DL, 512-d layer"
    assert dict(wells.rows)["GAN-DL, 512-d layer"][-1] is None


def test_seeds_that_differ_are_those_of_each_featurizer_s_own_training(table: pd.DataFrame) -> None:
    table.loc[table["featurizer"] == "conv_ae", "seed"] = 5
    assert "(seed 3 of GAN-DL, 512-d layer; seed 5 of ConvAE)" in sentences(table, 0.95)[0]
    given = table.replace({"featurizer": {"conv_ae": "imagenet_concatenated"}})
    assert "One training of each network (seed 3):" in sentences(given, 0.95)[0], "this one comes trained"
    assert "seed" not in sentences(given[given["featurizer"] == "imagenet_concatenated"], 0.95)[0]


def test_a_featurizer_without_scores_on_a_set_has_a_row_with_the_reason(table: pd.DataFrame) -> None:
    more = table.replace({"featurizer": {"conv_ae": "imagenet_collapsed"}})
    others = more[more["question"] == "controls"].assign(split="leave_experiment_out:HRCE")
    lacking = more[(more["featurizer"] == "gandl") | (more["question"] != "controls")]
    plates, _, experiments = set_tables(pd.concat([lacking, others]), 0.95)
    assert plates.rows[1] == ("ImageNet-collapsed, not trained for left-out plates", [None, None])
    assert all(cell is not None for _, cells in experiments.rows for cell in cells)


def test_what_was_drawn_whole_says_so(table: pd.DataFrame) -> None:
    wells, _ = set_tables(table.assign(drawn="plate", units=4), 0.95)
    assert wells.note == "AUC, n = 60 wells; 4 plates, each with all its wells"


def test_floors_that_nothing_is_above_are_named(table: pd.DataFrame) -> None:
    lines = sentences(table[table["featurizer"] == "conv_ae"], 0.95, family=8)
    assert lines[-1] == "No featurizer is above Channel intensities, Cell count on any of these sets."
    assert "4 comparisons of the run’s 8" in lines[0]


def test_a_stricter_confidence_claims_less_and_a_run_without_comparisons_says_nothing(table: pd.DataFrame) -> None:
    assert "below" not in sentences(table, 0.99)[2]
    assert sentences(read_comparisons([]), 0.95) == []
    assert set_tables(read_comparisons([]), 0.95) == []


def test_tables_by_set_state_differences_verdicts_and_what_was_drawn(table: pd.DataFrame) -> None:
    wells, images = set_tables(table, 0.95)
    assert wells.title == "C+ against C−, HRCE, wells, plates left out"
    assert images.title == "Cell types of RxRx1, images, a quarter of the wells held out"
    assert wells.note == "AUC, n = 60 wells; 30 wells drawn"
    assert wells.floors == ["Channel intensities", "Cell count"]
    assert wells.rows[0] == ("GAN-DL, 512-d layer", [("+0.12 [0.08, 0.16]", 1), ("+0.20 [0.16, 0.24]", 1)])
    assert wells.rows[1] == ("ConvAE", [("−0.20 [−0.24, −0.16]", -1), ("−0.01 [−0.05, 0.03]", 0)])
    assert images.rows[1][1] == [("+0.01", 0), ("0.00", 0)]


def test_sets_are_named_by_question_cells_unit_and_how_they_were_held_out() -> None:
    assert set_in_words("controls", "leave_row_out:A-H", "well") == "C+ against C−, A–H, wells, plate rows left out"
    within = "C+ against C−, VERO, images, a quarter of the wells held out, within the cell type"
    assert set_in_words("controls", "quarter_by_cell_type:VERO", "site") == within


def test_one_function_names_featurizers_with_the_network_that_the_run_used() -> None:
    assert featurizer_label("imagenet_concatenated") == "ImageNet-concatenated"
    with named_with(network_of({"imagenet": {"network": "efficientnet_lite0"}})):
        label = featurizer_label("imagenet_concatenated")
        assert label == "ImageNet-concatenated (EfficientNet-Lite0)"
        assert in_two_lines(label) == "ImageNet-concatenated\n(EfficientNet-Lite0)"
        assert featurizer_label("gandl") == "GAN-DL, 512-d layer"
        with named_with("densenet121"):
            assert featurizer_label("imagenet_collapsed") == "ImageNet-collapsed (DenseNet-121)"
    assert featurizer_label("imagenet_untrained") == "Untrained ImageNet network"
    assert network_of({"featurizers": []}) == ""

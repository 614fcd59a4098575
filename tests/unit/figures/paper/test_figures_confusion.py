"""Confusion matrices: shares of each true type, counts as they were, accuracy as it was evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common.empty import NOT_OF_THE_RUN
from gandl.figures.common.style import FigureError, style
from gandl.figures.paper.confusion import MOST_PANELS, CellTypes, confusion_figure, draw_confusion, in_panels
from gandl.tables import NUMBERS, write_table
from screen_inputs import TYPES, confusion_counts, write_cell_types

SETTINGS = FiguresSettings(dpi=50)
RIGHT = {"gandl": 0.9, "intensity": 0.4}
REFERENCE = Path(__file__).resolve().parents[4] / "resources/paper_values.csv"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CellTypes]:
    folder = tmp_path_factory.mktemp("cell_types")
    return {name: CellTypes(*write_cell_types(folder, name, right)) for name, right in RIGHT.items()}


def drawn(
    inputs: dict[str, CellTypes],
    folder: Path,
    unit: str = "site",
    scheme: str = "quarter",
    panels: Sequence[str] = (),
) -> pd.DataFrame:
    paths = outputs(folder, "figure_5")
    common = {"settings": SETTINGS, "word": "simulated"}
    draw_confusion(inputs, REFERENCE, scheme=scheme, unit=unit, panels=panels, **common, **paths)
    return pd.read_csv(paths["csv"], float_precision="round_trip")


def accuracies(axes: Axes) -> list[str]:
    """The lines above a panel."""
    (text,) = [text for text in axes.texts if text.get_gid() == "accuracy"]
    return text.get_text().splitlines()


def test_counts_are_those_evaluated_and_shares_of_a_true_type_add_up(
    inputs: dict[str, CellTypes], tmp_path: Path
) -> None:
    data = drawn(inputs, tmp_path)
    for name, right in RIGHT.items():
        mine = data[data["featurizer"] == name]
        joined = mine.merge(confusion_counts(right), on=["true", "predicted"], suffixes=("", "_evaluated"))
        assert len(joined) == len(TYPES) ** 2
        np.testing.assert_array_equal(joined["count"], joined["count_evaluated"])
        np.testing.assert_allclose(mine.groupby("true")["share"].sum(), 1.0)
        assert mine["accuracy"].unique().tolist() == [right]


def test_images_and_wells_are_not_mixed(inputs: dict[str, CellTypes], tmp_path: Path) -> None:
    by_well = drawn(inputs, tmp_path, unit="well")
    assert by_well["count"].sum() == len(RIGHT) * (3 * 40 + 20)
    assert set(by_well["accuracy"]) == {1.0}


def test_a_panel_per_featurizer_says_accuracy_interval_and_n_of_each_type(
    inputs: dict[str, CellTypes], tmp_path: Path
) -> None:
    data = drawn(inputs, tmp_path)
    with style(SETTINGS):
        axes = [one for one in confusion_figure(data, list(RIGHT)).axes if one.get_visible()]
    titles = [one.get_title(loc="left") for one in axes]
    assert titles == ["GAN-DL, 512-d layer", "Channel intensities"]
    assert accuracies(axes[0]) == ["accuracy 90.0 % [87.0, 93.0]", "paper, real RxRx1: 92.68 %"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == [
        "HEPG2\nn = 200",
        "HUVEC\nn = 200",
        "RPE\nn = 200",
        "U2OS\nn = 100",
    ]
    texts = {text.get_position(): text.get_text() for text in axes[0].texts}
    assert texts[0, 0] == "90 %\n180"
    assert texts[1, 0] == "10 %\n20", "true HEPG2 taken for HUVEC: row 0, column 1"
    assert texts[2, 0] == "0"
    assert axes[0].get_ylabel() == "True (n images)"


def test_a_cell_type_that_was_never_tested_is_an_empty_row(inputs: dict[str, CellTypes], tmp_path: Path) -> None:
    counts = pd.read_parquet(inputs["gandl"].confusion)
    counts.loc[counts["true"] == "U2OS", "count"] = 0
    counts.to_parquet(tmp_path / "counts.parquet")
    data = drawn({"gandl": CellTypes(tmp_path / "counts.parquet", inputs["gandl"].numbers)}, tmp_path)
    assert (data.loc[data["true"] == "U2OS", "share"] == 0).all()


def test_missing_counts_name_featurizer_or_scheme(inputs: dict[str, CellTypes], tmp_path: Path) -> None:
    absent = {"gandl": CellTypes(tmp_path / "none.parquet", inputs["gandl"].numbers)}
    with pytest.raises(FigureError, match="featurizer gandl has no confusion counts"):
        drawn(absent, tmp_path)
    with pytest.raises(FigureError, match="no counts of scheme leave_experiment_out by site"):
        drawn(inputs, tmp_path, scheme="leave_experiment_out")


ALL = [
    *("gandl", "gandl_blocks", "densenet161_arcface", "imagenet_collapsed", "imagenet_concatenated", "conv_ae"),
    *(
        "gandl_untrained",
        "imagenet_untrained",
        "cell_count",
        "intensity",
        "segmentation",
        "cell_measurements",
        "released",
    ),
]


def test_gandl_and_its_counterparts_come_first_and_floors_as_far_as_they_fit(
    inputs: dict[str, CellTypes], tmp_path: Path
) -> None:
    assert in_panels(ALL) == [*ALL[:6], "released", *ALL[6:12]]
    data = drawn(dict.fromkeys(ALL, inputs["gandl"]), tmp_path)
    assert list(dict.fromkeys(data["featurizer"])) == in_panels(ALL)
    assert list(dict.fromkeys(data.loc[data["drawn"], "featurizer"])) == in_panels(ALL)[:MOST_PANELS]
    with style(SETTINGS):
        shown = in_panels(ALL)[:MOST_PANELS]
        panels = [one for one in confusion_figure(data, shown).axes if one.get_visible()]
    assert len(panels) == MOST_PANELS
    assert panels[4].get_title(loc="left").startswith("ImageNet-concatenated")


def test_the_papers_accuracy_stands_beside_where_it_printed_one(inputs: dict[str, CellTypes], tmp_path: Path) -> None:
    names = ("gandl", "gandl_blocks", "imagenet_collapsed", "intensity")
    data = drawn(dict.fromkeys(names, inputs["gandl"]), tmp_path).drop_duplicates("featurizer").set_index("featurizer")
    assert data.loc[["gandl", "gandl_blocks"], "paper_accuracy"].tolist() == [0.9268, 0.9268]
    assert data.loc["imagenet_collapsed", "paper_at_most"] == 0.8768
    assert data.loc["intensity", ["paper_accuracy", "paper_at_most"]].isna().all()
    by_well = drawn({"gandl": inputs["gandl"]}, tmp_path, unit="well")
    assert by_well["paper_accuracy"].isna().all(), "the paper counts images"


PAPER = ("gandl", "imagenet_collapsed", "imagenet_concatenated", "conv_ae")


def test_the_papers_four_stand_in_its_order_with_its_letters_and_one_that_the_run_lacks_says_so(
    inputs: dict[str, CellTypes], tmp_path: Path
) -> None:
    data = drawn(dict.fromkeys(("gandl", "imagenet_concatenated", "conv_ae"), inputs["gandl"]), tmp_path, panels=PAPER)
    with style(SETTINGS):
        panels = confusion_figure(data, PAPER, lettered=True).axes
    assert [one.get_title(loc="left")[:6] for one in panels] == ["a  GAN", "b  Ima", "c  Ima", "d  Con"]
    assert [text.get_text() for text in panels[1].texts] == [NOT_OF_THE_RUN]
    assert accuracies(panels[3])[-1] == "paper, real RxRx1: at most 87.68 %"
    assert set(data["featurizer"]) == {"gandl", "imagenet_concatenated", "conv_ae"}
    assert data["drawn"].all()


def test_the_mean_over_cell_types_stands_beside_the_accuracy(inputs: dict[str, CellTypes], tmp_path: Path) -> None:
    numbers = pd.read_parquet(inputs["gandl"].numbers)
    mean = numbers[numbers["unit"] == "site"].assign(metric="balanced_accuracy", value=0.87, low=0.8, high=0.9)
    write_table(pd.concat([numbers, mean]), tmp_path / "numbers.parquet", NUMBERS)
    data = drawn({"gandl": CellTypes(inputs["gandl"].confusion, tmp_path / "numbers.parquet")}, tmp_path)
    assert (data[["type_mean", "type_mean_low", "type_mean_high"]] == [0.87, 0.8, 0.9]).all(axis=None)
    with style(SETTINGS):
        (axes,) = confusion_figure(data, ["gandl"]).axes
    assert "mean of types 87.0 %" in accuracies(axes)

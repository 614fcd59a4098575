"""Cell models and cell types: classified on raw profiles; per-plate standardisation erases what a plate has one of (the trap)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import Normalization
from gandl.evaluation.cell_model import write_cell_model
from gandl.evaluation.cell_type import write_cell_type
from gandl.evaluation.held_out import ScoresError
from gandl.normalization.profiles import write_profiles
from gandl.statistics.bootstrap import wilson_interval
from gandl.tables import NUMBERS, SITES, WELL_SCORES, read_table
from pair_inputs import SETTINGS, Screen, features, infected_sites, typed_sites, write_screen

NAMES = {"featurizer": "gandl", "seed": 0, "training_seed": 7}
TYPES = ["HEPG2", "HUVEC", "RPE", "U2OS"]
METHODS = [Normalization.NONE, Normalization.UNLABELLED]


@pytest.fixture(scope="module")
def infected(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2, "VERO-2": 1})
    return write_screen(tmp_path_factory.mktemp("infected"), sites, features(sites))


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    sites = typed_sites(dict.fromkeys(TYPES, 2))
    return write_screen(tmp_path_factory.mktemp("typed"), sites, features(sites))


def cell_model(screen: Screen, method: Normalization, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    outputs = {"output": folder / f"{method}.parquet", "scores": folder / f"{method}.scores.parquet"}
    outputs["site_scores"] = folder / f"{method}.sites.parquet"
    inputs = screen.wells(method), screen.site_profiles(method), screen.splits
    write_cell_model(*inputs, SETTINGS, **NAMES, normalization=method.value, **outputs)
    numbers = read_table(outputs["output"], NUMBERS).set_index(["split", "unit", "metric"])
    return numbers, read_table(outputs["scores"], WELL_SCORES)


def cell_type(screen: Screen, method: Normalization, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    outputs = {"output": folder / f"{method}.parquet", "confusion": folder / f"{method}.confusion.parquet"}
    outputs["answers"] = folder / f"{method}.answers.parquet"
    inputs = screen.wells(method), screen.site_profiles(method), screen.splits
    write_cell_type(*inputs, SETTINGS, **NAMES, normalization=method.value, **outputs)
    numbers = read_table(outputs["output"], NUMBERS).set_index(["split", "unit", "metric"])
    return numbers, pd.read_parquet(outputs["confusion"])


def test_standardising_each_plate_erases_the_cell_model_and_raw_profiles_keep_it(
    infected: Screen, tmp_path: Path
) -> None:
    raw, standard = (cell_model(infected, method, tmp_path)[0] for method in METHODS)
    for split in ("quarter:all", "leave_plate_out:all"):
        assert raw.loc[(split, "well", "balanced_accuracy"), "value"] == 1
        assert abs(standard.loc[(split, "well", "auc"), "value"] - 0.5) < 0.25
        assert standard.loc[(split, "well", "balanced_accuracy"), "value"] < 0.75
    assert raw.loc[("quarter:all", "site", "accuracy"), "value"] == 1
    assert standard.loc[("quarter:all", "site", "balanced_accuracy"), "value"] < 0.75


def test_standardising_each_plate_erases_the_cell_type_and_raw_profiles_keep_it(typed: Screen, tmp_path: Path) -> None:
    raw, standard = (cell_type(typed, method, tmp_path)[0] for method in METHODS)
    for split in ("quarter:all", "leave_experiment_out:all"):
        assert raw.loc[(split, "well", "accuracy"), "value"] > 0.95
    chance = standard.loc[("leave_experiment_out:all", "well", "balanced_accuracy")]
    assert chance["low"] <= 0.25 <= chance["high"]
    # below chance: wells of a standardised plate add up to nothing, so that its test wells are what its training wells are not
    assert standard.loc[("quarter:all", "well", "balanced_accuracy"), "low"] <= 0.25
    assert raw.loc[("quarter:all", "site", "balanced_accuracy"), "value"] > 0.95
    assert standard.loc[("quarter:all", "site", "balanced_accuracy"), "value"] < 0.5


def made(screen: Screen, method: Normalization) -> None:
    """Profiles by a further method."""
    stores = [screen.folder / f"{store}.parquet" for store in read_table(screen.sites, SITES)["store_id"].unique()]
    write_profiles(stores, screen.sites, method, screen.site_profiles(method), screen.wells(method))


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        (Normalization.GLOBAL, True),
        (Normalization.SPHERIZE, True),
        (Normalization.MAD, False),
        (Normalization.TVN, False),
    ],
)
def test_what_is_fitted_on_the_whole_screen_keeps_the_cell_model_unless_it_aligns_plates(
    infected: Screen, method: Normalization, kept: bool, tmp_path: Path
) -> None:
    made(infected, method)
    numbers = cell_model(infected, method, tmp_path)[0]
    for split in ("quarter:all", "leave_plate_out:all"):
        assert (numbers.loc[(split, "well", "balanced_accuracy"), "value"] > 0.95) == kept


def test_only_raw_profiles_are_put_in_units_of_a_folds_training_wells(infected: Screen, tmp_path: Path) -> None:
    """One feature, wide in the profiles, outweighs all others unless each is in units of its own."""
    raw = pd.read_parquet(infected.wells(Normalization.NONE))
    rng = np.random.default_rng(0)
    scores = {}
    for name in ("none", "global"):
        raw.assign(feature_0=1e4 * rng.standard_normal(len(raw))).to_parquet(tmp_path / "w.parquet")
        outputs = {key: tmp_path / f"{name}.{key}.parquet" for key in ("output", "scores", "site_scores")}
        inputs = tmp_path / "w.parquet", infected.site_profiles(Normalization.NONE), infected.splits
        write_cell_model(*inputs, SETTINGS, **NAMES, normalization=name, **outputs)
        numbers = read_table(outputs["output"], NUMBERS).set_index(["split", "unit", "metric"])
        scores[name] = numbers.loc[("leave_plate_out:all", "well", "auc"), "value"]
    assert scores["none"] > 0.98
    assert scores["global"] < 0.9


def test_globally_standardised_profiles_answer_cell_types_without_the_units_of_a_fold(
    typed: Screen, tmp_path: Path
) -> None:
    made(typed, Normalization.GLOBAL)
    numbers = cell_type(typed, Normalization.GLOBAL, tmp_path)[0]
    for split in ("quarter:all", "leave_experiment_out:all"):
        assert numbers.loc[(split, "well", "accuracy"), "value"] > 0.95
    assert numbers.loc[("quarter:all", "site", "balanced_accuracy"), "value"] > 0.95


def test_of_wide_features_training_wells_are_drawn_and_every_test_well_is_answered(
    typed: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "gandl")
    whole, _ = cell_type(typed, Normalization.NONE, tmp_path)
    assert "drawn" not in caplog.text
    monkeypatch.setattr(
        "gandl.evaluation.cell_type.TRAINED_VALUES", 12 * 120
    )  # 12 features: 120 wells, or the images of 60, of which a well has 2
    bounded, _ = cell_type(typed, Normalization.NONE, tmp_path)
    assert "fold all: trains on 120 wells of 144, drawn (answers by well)" in caplog.text
    assert "fold all: trains on 60 wells of 144, drawn (answers by image)" in caplog.text
    pd.testing.assert_series_equal(bounded["n"], whole["n"])
    for numbers, wells, images in ((whole, 144, 144), (bounded, 120, 60)):
        for unit, trained in (("well", wells), ("site", images)):
            row = numbers.loc[("quarter:all", unit, "training_wells")]
            assert (row["value"], row["n"]) == (trained, 144)
    assert bounded.loc[("leave_experiment_out:all", "well", "training_wells"), "value"] == 2 * 96
    assert bounded.loc[("leave_experiment_out:all", "well", "accuracy"), "value"] > 0.9
    assert bounded.loc[("quarter:all", "site", "accuracy"), "value"] > 0.9


def test_held_out_scores_put_hrce_at_plus_one_and_vero_at_minus_one(infected: Screen, tmp_path: Path) -> None:
    numbers, scores = cell_model(infected, Normalization.NONE, tmp_path)
    assert set(scores["scheme"]) == {"quarter", "leave_plate_out"}
    controls = scores[(scores["scheme"] == "leave_plate_out") & (scores["control"] != "none")]
    mean = controls.groupby("cell_type")["on"].mean()
    assert mean["HRCE"] == pytest.approx(1, abs=0.2)
    assert mean["VERO"] == pytest.approx(-1, abs=0.2)
    assert numbers.loc[("leave_plate_out:all", "well", "auc"), "n"] == len(controls)
    assert {"mock", "infected"} == set(controls["condition"])


def test_confusion_counts_every_test_well_and_image(typed: Screen, tmp_path: Path) -> None:
    numbers, confusion = cell_type(typed, Normalization.NONE, tmp_path)
    assert confusion.columns.tolist() == ["scheme", "unit", "true", "predicted", "count"]
    sums = confusion.groupby(["scheme", "unit"])["count"].sum()
    assert sums.to_dict() == {
        ("quarter", "well"): 48,
        ("quarter", "site"): 96,
        ("leave_experiment_out", "well"): 192,
    }
    for (scheme, unit), table in confusion.groupby(["scheme", "unit"]):
        assert len(table) == 16
        right = table.loc[table["true"] == table["predicted"], "count"].sum() / table["count"].sum()
        assert numbers.loc[(f"{scheme}:all", unit, "accuracy"), "value"] == pytest.approx(right)


def test_predictions_do_not_depend_on_the_types_of_test_wells(typed: Screen, tmp_path: Path) -> None:
    """Fold 1 tests the first experiments: whatever their wells are called, the same answers are given."""
    splits = pd.read_parquet(typed.splits)
    fold = splits[(splits["scheme"] == "leave_experiment_out") & (splits["fold"] == "1")]
    fold.to_parquet(tmp_path / "splits.parquet")
    wells = pd.read_parquet(typed.wells(Normalization.NONE))
    renamed = wells["cell_type"].where(~wells["experiment"].str.endswith("-01"), "HEPG2")
    counts = []
    for number, table in enumerate((wells, wells.assign(cell_type=renamed))):
        table.to_parquet(tmp_path / f"{number}.wells.parquet")
        write_cell_type(
            tmp_path / f"{number}.wells.parquet",
            typed.site_profiles(Normalization.NONE),
            tmp_path / "splits.parquet",
            SETTINGS,
            **NAMES,
            normalization="none",
            output=tmp_path / f"{number}.parquet",
            confusion=tmp_path / f"{number}.confusion.parquet",
            answers=tmp_path / f"{number}.answers.parquet",
        )
        confusion = pd.read_parquet(tmp_path / f"{number}.confusion.parquet")
        counts.append(confusion.groupby("predicted")["count"].sum())
    pd.testing.assert_series_equal(*counts)


def test_a_screen_without_the_question_says_so(infected: Screen, typed: Screen, tmp_path: Path) -> None:
    with pytest.raises(ScoresError, match="no split of the question cell_type"):
        cell_type(infected, Normalization.NONE, tmp_path)
    with pytest.raises(ScoresError, match="no split of the question cell_model"):
        cell_model(typed, Normalization.NONE, tmp_path)


def test_numbers_name_question_unit_and_training_seed(typed: Screen, tmp_path: Path) -> None:
    numbers, _ = cell_type(typed, Normalization.NONE, tmp_path)
    assert numbers[
        ["question", "featurizer", "normalization", "fold", "seed"]
    ].drop_duplicates().to_numpy().tolist() == [["cell_type", "gandl", "none", "all", 7]]
    shares = numbers.drop("training_wells", level="metric")
    assert np.isfinite(shares[["value", "low", "high"]].to_numpy(float)).all()


def test_where_whole_experiments_are_left_out_the_interval_draws_these(typed: Screen, tmp_path: Path) -> None:
    numbers, _ = cell_type(typed, Normalization.NONE, tmp_path)
    row = numbers.loc[("leave_experiment_out:all", "well", "accuracy")]
    assert row["n"] == 192
    if row["value"] == 1:  # as wide as 8 experiments that are all right, not as 192 wells
        assert (row["low"], row["high"]) == pytest.approx(wilson_interval(8, 8, 0.95))
    else:
        assert row["high"] - row["low"] > 0


def test_where_whole_plates_are_left_out_the_interval_draws_these(infected: Screen, tmp_path: Path) -> None:
    numbers, _ = cell_model(infected, Normalization.NONE, tmp_path)
    row = numbers.loc[("leave_plate_out:all", "well", "accuracy")]
    assert (row["value"], row["n"]) == (1, 60)
    assert (row["low"], row["high"]) == pytest.approx(wilson_interval(6, 6, 0.95))
    assert numbers.loc[("leave_plate_out:all", "well", "auc"), "value"] == 1

"""Scores and control numbers of a screen of several plates: by cell type, by well, and by image in the paper's split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import Normalization
from gandl.evaluation.controls import write_controls
from gandl.evaluation.dose_response import write_dose_response
from gandl.evaluation.held_out import SITE_SCORES, ScoresError, read_sites_of
from gandl.evaluation.scores import write_scores
from gandl.evaluation.terms import by_strictest_scheme
from gandl.statistics import separation
from gandl.tables import (
    NUMBERS,
    SITE_PROFILES,
    SPLITS,
    WELL_PROFILES,
    WELL_SCORES,
    feature_columns,
    read_table,
    write_table,
)
from pair_inputs import DOSES, EC50, SETTINGS, Screen, features, infected_sites, severity, write_screen

UNLABELLED = Normalization.UNLABELLED
NAMES = {"featurizer": "gandl", "normalization": "unlabelled", "seed": 0, "training_seed": 7}
PLATES = {"HRCE-1": 3, "HRCE-2": 2, "VERO-1": 2}


@dataclass(frozen=True)
class Scored:
    """A screen and the files of its scores and control numbers."""

    screen: Screen
    scores: Path
    sites: Path
    controls: Path


def scored(folder: Path, effect: float) -> Scored:
    sites = infected_sites(PLATES)
    screen = write_screen(folder, sites, features(sites, effect))
    found = Scored(screen, *(folder / f"{name}.parquet" for name in ("scores", "scores_sites", "controls")))
    wells, images = screen.wells(UNLABELLED), screen.site_profiles(UNLABELLED)
    write_scores(wells, images, screen.splits, SETTINGS, found.scores, found.sites)
    raw = screen.wells(Normalization.NONE)
    write_controls(found.scores, found.sites, raw, SETTINGS, [], **NAMES, output=found.controls)
    return found


@pytest.fixture(scope="module")
def infected(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    return scored(tmp_path_factory.mktemp("infected"), effect=6.0)


@pytest.fixture(scope="module")
def without_effect(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    return scored(tmp_path_factory.mktemp("without_effect"), effect=0.0)


@pytest.fixture(scope="module")
def scores(infected: Scored) -> pd.DataFrame:
    return read_table(infected.scores, WELL_SCORES)


@pytest.fixture(scope="module")
def numbers(infected: Scored) -> pd.DataFrame:
    return read_table(infected.controls, NUMBERS).set_index(["split", "unit", "metric"])


def test_every_test_well_of_every_scheme_is_scored_once(infected: Scored, scores: pd.DataFrame) -> None:
    splits = read_table(infected.screen.splits, SPLITS)
    tested = splits[(splits["question"] == "controls") & (splits["part"] == "test")]
    key = ["scheme", "fold", "well_id"]
    assert sorted(map(tuple, tested[key].to_numpy())) == sorted(map(tuple, scores[key].to_numpy()))


def test_infected_wells_lie_low_and_mock_and_uv_wells_high_on_plates_left_out(scores: pd.DataFrame) -> None:
    mean = scores[scores["scheme"] == "leave_plate_out"].groupby(["cell_type", "condition"])["on"].mean()
    for cell_type in ("HRCE", "VERO"):
        assert mean[cell_type, "mock"] == pytest.approx(1, abs=0.3)
        assert mean[cell_type, "uv_inactivated"] == pytest.approx(1, abs=0.4)
        assert mean[cell_type, "infected"] < 0.4


def test_groups_are_cell_types_and_all_in_the_quarter(numbers: pd.DataFrame) -> None:
    splits = {
        "quarter:all",
        *(f"quarter_by_cell_type:{cell_type}" for cell_type in ("HRCE", "VERO")),
        *(f"leave_plate_out:{cell_type}" for cell_type in ("HRCE", "VERO")),
        "leave_experiment_out:HRCE",
        *(f"cross_cell_type:{cell_type}" for cell_type in ("HRCE", "VERO")),
        "probe:HRCE",
    }
    assert set(numbers.index.get_level_values("split")) == splits
    images = numbers.xs("site", level="unit").index.get_level_values("split")
    assert set(images) == {split for split in splits if split.startswith("quarter")}


def test_numbers_are_the_statistics_of_held_out_controls(scores: pd.DataFrame, numbers: pd.DataFrame) -> None:
    mine = scores[(scores["scheme"] == "leave_plate_out") & (scores["cell_type"] == "HRCE")]
    positive, negative = (mine.loc[mine["control"] == kind, "on"].to_numpy() for kind in ("positive", "negative"))
    assert (len(positive), len(negative)) == (20, 30)
    for metric in ("z_prime", "auc", "accuracy"):
        row = numbers.loc[("leave_plate_out:HRCE", "well", metric)]
        assert row["value"] == pytest.approx(float(getattr(separation, metric)(positive, negative)))
        assert row["n"] == 50


def test_images_of_test_wells_are_scored_by_images_of_training_wells(infected: Scored, numbers: pd.DataFrame) -> None:
    images, splits = read_table(infected.sites, SITE_SCORES), read_table(infected.screen.splits, SPLITS)
    assert not feature_columns(images)
    wells = read_table(infected.scores, WELL_SCORES)
    for scheme in ("quarter", "quarter_by_cell_type"):
        mine = images[images["scheme"] == scheme]
        trained = splits[
            (splits["question"] == "controls") & (splits["scheme"] == scheme) & (splits["part"] == "train")
        ]
        controls = wells[(wells["scheme"] == scheme) & (wells["control"] != "none")]
        assert not set(mine["well_id"]) & set(trained["well_id"])
        assert (mine.groupby("well_id").size() == 2).all()
        assert set(mine["well_id"]) == set(controls["well_id"])
    right = np.where(images["control"] == "positive", images["on"] > 0, images["on"] < 0)[images["scheme"] == "quarter"]
    row = numbers.loc[("quarter:all", "site", "accuracy")]
    assert row["value"] == pytest.approx(right.mean())
    assert row["n"] == len(right)
    assert row["low"] <= row["value"] <= row["high"]
    assert row["value"] > 0.8


def test_uv_wells_are_held_against_mock(scores: pd.DataFrame, numbers: pd.DataFrame) -> None:
    mine = scores[(scores["scheme"] == "leave_plate_out") & (scores["cell_type"] == "HRCE")]
    mock = mine.loc[mine["condition"] == "mock", "on"].to_numpy()
    uv = mine.loc[mine["condition"] == "uv_inactivated", "on"].to_numpy()
    row = numbers.loc[("leave_plate_out:HRCE", "well", "auc_mock_uv")]
    assert row["value"] == pytest.approx(float(separation.auc(mock, uv)))
    assert row["low"] <= 0.5 <= row["high"]
    assert row["n"] == len(mock) + len(uv)
    share = numbers.loc[("leave_plate_out:HRCE", "well", "uv_as_positive")]
    assert (share["value"], share["n"]) == (np.mean(uv > 0), len(uv))


def test_without_an_effect_intervals_hold_chance(without_effect: Scored) -> None:
    table = read_table(without_effect.controls, NUMBERS).set_index(["split", "unit", "metric"])
    for split in ("leave_plate_out:HRCE", "quarter:all"):
        for metric in ("auc", "auc_mock_uv"):
            row = table.loc[(split, "well", metric)]
            assert row["low"] <= 0.5 <= row["high"], (split, metric)


def test_scores_of_a_plate_do_not_depend_on_its_labels(infected: Scored, tmp_path: Path) -> None:
    """Controls of VERO-1_2 change sides: what scored that plate never saw them."""
    wells = read_table(infected.screen.wells(UNLABELLED), WELL_PROFILES)
    swapped = {"positive": "negative", "negative": "positive", "none": "none"}
    here = wells["plate_id"] == "VERO-1_2"
    changed = wells.assign(control=wells["control"].where(~here, wells["control"].map(swapped)))
    write_table(changed, tmp_path / "wells.parquet", WELL_PROFILES)
    splits = read_table(infected.screen.splits, SPLITS)
    write_table(splits[splits["scheme"] == "leave_plate_out"], tmp_path / "splits.parquet", SPLITS)
    images = infected.screen.site_profiles(UNLABELLED)
    outputs = tmp_path / "scores.parquet", tmp_path / "sites.parquet"
    write_scores(tmp_path / "wells.parquet", images, tmp_path / "splits.parquet", SETTINGS, *outputs)
    before, after = (
        table[(table["scheme"] == "leave_plate_out")].set_index("well_id")["on"]
        for table in (read_table(infected.scores, WELL_SCORES), read_table(outputs[0], WELL_SCORES))
    )
    same = before.index.str.startswith("VERO-1_2")
    np.testing.assert_array_equal(before[same], after[before.index[same]])
    other = before.index.str.startswith("VERO-1_1")
    assert not np.allclose(before[other], after[before.index[other]])
    assert read_table(outputs[1], SITE_SCORES).empty


def test_images_are_read_by_well_and_a_well_without_any_is_named(infected: Scored) -> None:
    path = infected.screen.site_profiles(UNLABELLED)
    whole = read_table(path, SITE_PROFILES)
    wanted = ["HRCE-1_2_A01", "VERO-1_1_B02"]
    mine = whole[whole["well_id"].isin(wanted)].reset_index(drop=True)
    about, values = read_sites_of(path, wanted)
    pd.testing.assert_frame_equal(about, mine.drop(columns=feature_columns(mine)))
    np.testing.assert_array_equal(values, mine[feature_columns(mine)].to_numpy())
    with pytest.raises(ScoresError, match=r"lacks 1 well of the splits, the first: HRCE-9_1_A01"):
        read_sites_of(path, [*wanted, "HRCE-9_1_A01"])


def test_dose_series_are_reported_by_cell_type_and_compound(infected: Scored, tmp_path: Path) -> None:
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("output", "curves", "points")}
    raw = infected.screen.wells(Normalization.NONE)
    write_dose_response(infected.scores, raw, SETTINGS, **NAMES, **outputs)
    table = read_table(outputs["output"], NUMBERS).set_index(["split", "metric"])
    assert set(table.index.get_level_values("split")) == {
        f"leave_plate_out:{cell_type}:{name}" for cell_type in ("HRCE", "VERO") for name in EC50
    }
    ec50 = table.loc[("leave_plate_out:HRCE:Remdesivir", "ec50_um")]
    assert abs(np.log10(ec50["value"] / EC50["Remdesivir"])) < 0.4
    assert ec50["n"] == 5 * 2 * len(DOSES)
    assert table.loc[("leave_plate_out:HRCE:Remdesivir", "hill_slope"), "value"] > 0
    assert np.isnan(table.loc[("leave_plate_out:HRCE:Polydatin", "ec50_um"), "value"])
    curves, points = pd.read_parquet(outputs["curves"]), pd.read_parquet(outputs["points"])
    assert set(zip(curves["cell_type"], curves["treatment"], strict=True)) == {
        (cell_type, name) for cell_type in ("HRCE", "VERO") for name in EC50
    }
    held_out = read_table(infected.scores, WELL_SCORES)
    held_out = held_out[held_out["scheme"] == "leave_plate_out"].set_index("well_id")["on"]
    np.testing.assert_array_equal(points["on"], held_out[points["well_id"]])


def test_spelling_variants_of_a_compound_are_one_series(infected: Scored, tmp_path: Path) -> None:
    scores = read_table(infected.scores, WELL_SCORES)
    variant = scores["treatment"].where(scores["plate"] != 1, scores["treatment"].str.lower())
    write_table(scores.assign(treatment=variant), tmp_path / "scores.parquet", WELL_SCORES)
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("output", "curves", "points")}
    raw = infected.screen.wells(Normalization.NONE)
    write_dose_response(tmp_path / "scores.parquet", raw, SETTINGS, **NAMES, **outputs)
    assert set(pd.read_parquet(outputs["points"])["treatment"]) == set(EC50)


def test_the_inputs_are_what_they_should_be() -> None:
    sites = infected_sites(PLATES)
    assert severity(sites)[(sites["condition"] == "infected") & sites["compound"].isna()].min() == 1
    assert severity(sites)[(sites["compound"] == "Remdesivir") & (sites["concentration_um"] == 3)].max() < 0.05


def test_where_neither_plates_nor_rows_can_be_left_out_each_cell_type_keeps_an_axis_of_its_own(
    scores: pd.DataFrame,
) -> None:
    left = scores[scores["scheme"].isin(["quarter", "quarter_by_cell_type"])]
    found = {cell_type: scheme for scheme, cell_type, _ in by_strictest_scheme(left)}
    assert found == dict.fromkeys(("HRCE", "VERO"), "quarter_by_cell_type")
    one = left[(left["scheme"] == "quarter") & (left["cell_type"] == "HRCE")]
    assert [scheme for scheme, _, _ in by_strictest_scheme(one)] == ["quarter"]

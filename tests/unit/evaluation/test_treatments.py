"""Treatments: every treated well is in one row, by its strictest scheme; hits are active ones; the untestable is listed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from figure_inputs import score_table
from gandl.config import Normalization
from gandl.evaluation.scores import write_scores
from gandl.evaluation.terms import TREATMENTS, by_strictest_scheme
from gandl.evaluation.treatments import TreatmentsError, write_treatments
from gandl.tables import NUMBERS, WELL_SCORES, read_table, write_table
from pair_inputs import DOSES, SETTINGS, features, infected_sites, write_screen


def written(scores: Path, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Treatments and numbers."""
    files = {"output": folder / "numbers.parquet", "treatments": folder / "treatments.parquet"}
    names = {"featurizer": "gandl", "normalization": "unlabelled"}
    write_treatments(scores, SETTINGS, **names, seed=0, training_seed=3, **files)
    return read_table(files["treatments"], TREATMENTS), read_table(files["output"], NUMBERS)


def of_scores(table: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    write_table(table, folder / "scores.parquet", WELL_SCORES)
    return written(folder / "scores.parquet", folder)


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three plates of HRCE, and one of VERO, which is left out row by row."""
    folder = tmp_path_factory.mktemp("screen")
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 1})
    screen = write_screen(folder, sites, features(sites))
    method = Normalization.UNLABELLED
    path = folder / "scores.parquet"
    write_scores(
        screen.wells(method), screen.site_profiles(method), screen.splits, SETTINGS, path, folder / "images.parquet"
    )
    return path


@pytest.fixture(scope="module")
def found(scores: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    return written(scores, tmp_path_factory.mktemp("found"))


def test_every_treatment_and_dose_is_the_mean_of_its_wells_by_the_strictest_scheme(scores: Path, found) -> None:
    table, _ = found
    wells = read_table(scores, WELL_SCORES)
    strictest = {"HRCE": "leave_plate_out", "VERO": "leave_row_out"}
    assert dict(zip(table["cell_type"], table["scheme"], strict=True)) == strictest
    rows = table[table["kind"] == "treatment"]
    assert len(rows) == 2 * 2 * len(DOSES)
    for row in rows.itertuples():
        mine = wells[
            (wells["scheme"] == row.scheme) & (wells["cell_type"] == row.cell_type) & (wells["control"] == "none")
            & (wells["treatment"] == row.treatment) & (wells["concentration_um"] == row.concentration_um)
        ]  # fmt: skip
        assert (row.wells, row.plates) == (len(mine), mine["plate_id"].nunique())
        assert row.mean == pytest.approx(mine["on"].mean())
        assert row.low < row.mean < row.high
    treated = [part[(part["control"] == "none") & part["treatment"].notna()] for *_, part in by_strictest_scheme(wells)]
    assert rows["wells"].sum() == sum(map(len, treated)), "wells without a treatment are none"


def test_differences_are_from_the_negative_controls_of_the_same_plates(scores: Path, found) -> None:
    table, _ = found
    wells = read_table(scores, WELL_SCORES)
    wells = wells[(wells["scheme"] == "leave_plate_out") & (wells["cell_type"] == "HRCE")]
    means = wells[wells["control"] == "negative"].groupby("plate_id")["on"].mean()
    mine = wells[(wells["treatment"] == "Remdesivir") & (wells["concentration_um"] == 0.3)]
    row = table[
        (table["cell_type"] == "HRCE") & (table["treatment"] == "Remdesivir") & (table["concentration_um"] == 0.3)
    ]
    assert row["difference"].item() == pytest.approx((mine["on"] - mine["plate_id"].map(means)).mean())


def test_active_doses_are_hits_and_inactive_ones_are_not(found) -> None:
    table, _ = found
    hits = table[table["differs"]]
    assert set(hits["treatment"]) == {"Remdesivir"}
    hrce = hits[hits["cell_type"] == "HRCE"]
    assert {0.3, 1.0, 3.0} <= set(hrce["concentration_um"])
    assert (hrce["difference"] > 0).all()
    assert ((table["q"] <= SETTINGS.false_discovery) == table["differs"]).all()


def test_controls_stand_beside_with_the_band_of_their_wells(scores: Path, found) -> None:
    table, _ = found
    wells = read_table(scores, WELL_SCORES)
    wells = wells[(wells["scheme"] == "leave_plate_out") & (wells["control"] == "negative")]
    row = table[(table["kind"] == "negative") & (table["cell_type"] == "HRCE")].iloc[0]
    assert row["mean"] == pytest.approx(wells["on"].mean())
    n = len(wells)
    reach = stats.t.ppf(0.975, n - 1) * wells["on"].std()
    assert (row["low"], row["high"]) == pytest.approx(tuple(row["mean"] + np.array([-1, 1]) * reach / np.sqrt(n)))
    band = np.array([-1, 1]) * reach * np.sqrt(1 + 1 / n)
    assert (row["band_low"], row["band_high"]) == pytest.approx(tuple(row["mean"] + band))
    assert row["interval"] == "own wells"
    assert not table.loc[table["kind"] != "treatment", "differs"].any()


def test_numbers_say_how_many_are_hits_and_how_controls_fare_by_the_same_test(found) -> None:
    table, numbers = found
    assert set(numbers["question"]) == {"treatments"}
    assert set(numbers["seed"]) == {3}
    for scheme, cell_type in (("leave_plate_out", "HRCE"), ("leave_row_out", "VERO")):
        of_type = numbers[numbers["split"] == f"{scheme}:{cell_type}"].set_index("metric")
        rows = table[(table["cell_type"] == cell_type) & (table["kind"] == "treatment")]
        assert of_type.loc["differing_share", ["value", "n"]].tolist() == [rows["differs"].mean(), len(rows)]
        controls = table[table["cell_type"] == cell_type].set_index("kind")["wells"]
        assert of_type.loc["negatives_differing", "n"] == controls["negative"]
        assert of_type.loc["positives_differing", "n"] == controls["positive"]
    hrce = numbers[numbers["split"] == "leave_plate_out:HRCE"].set_index("metric")["value"]
    assert hrce["positives_differing"] > 0.2
    assert hrce["negatives_differing"] < 0.1


def test_doses_that_are_not_given_are_one_group_and_two_spellings_one_treatment(tmp_path: Path) -> None:
    scores = score_table()
    treated = (scores["control"] == "none").to_numpy()
    scores.loc[treated, "concentration_um"] = np.nan
    scores.loc[treated, "treatment"] = np.where(np.arange(treated.sum()) % 2, "wortmannin", "Wortmannin")
    scores.loc[treated, "compound"] = "Wortmannin"
    table, _ = of_scores(scores, tmp_path)
    (row,) = table[table["kind"] == "treatment"].itertuples()
    assert (row.treatment, row.wells) == ("Wortmannin", treated.sum())
    assert np.isnan(row.concentration_um)


def test_a_screen_without_treated_wells_is_reported(tmp_path: Path) -> None:
    scores = score_table()
    with pytest.raises(TreatmentsError, match=r"no well of the scheme .* has a treatment without being a control"):
        of_scores(scores[scores["control"] != "none"], tmp_path)


def test_with_too_few_negative_controls_all_is_listed_and_nothing_tested(tmp_path: Path) -> None:
    scores = score_table()
    negative = scores.index[scores["control"] == "negative"]
    for kept in (0, 3):
        table, numbers = of_scores(scores.drop(negative[kept:]), tmp_path)
        rows = table[table["kind"] == "treatment"]
        assert rows["wells"].sum() == 72
        assert rows[["low", "high"]].notna().all(axis=None)
        assert rows["p"].isna().all()
        assert not rows["differs"].any()
        assert numbers.empty


def test_wells_on_a_plate_without_negative_control_are_scored_and_not_tested(tmp_path: Path) -> None:
    scores = score_table()
    second = scores[scores["control"] != "negative"].assign(plate_id="BBBC013_2", plate=2)
    second["well_id"] = second["well_id"].str.replace("_1_", "_2_")
    first, _ = of_scores(scores, tmp_path)
    other = second["treatment"] == "LY294002"
    table, numbers = of_scores(pd.concat([scores, second[other]], ignore_index=True), tmp_path)
    rows = table[table["kind"] == "treatment"]
    beside = rows["treatment"] == "LY294002"
    assert rows.loc[beside, ["mean", "low", "high"]].notna().all(axis=None)
    assert set(rows.loc[beside, "plates_without_negative"]) == {"BBBC013_2"}
    assert rows.loc[~beside, "plates_without_negative"].isna().all()
    alone = first[first["kind"] == "treatment"]
    np.testing.assert_array_equal(rows["p"], alone["p"])
    np.testing.assert_array_equal(rows["difference"], alone["difference"])
    assert (rows.loc[beside, "wells"] == 2 * alone.loc[alone["treatment"] == "LY294002", "wells"]).all()
    only_there = second[other].assign(treatment="new", compound="new")
    table, numbers = of_scores(pd.concat([scores, only_there], ignore_index=True), tmp_path)
    rows = table[table["kind"] == "treatment"]
    new = rows["treatment"] == "new"
    assert rows.loc[new, ["difference", "p", "q"]].isna().all(axis=None)
    assert not rows.loc[new, "differs"].any()
    assert numbers.loc[numbers["metric"] == "differing_share", "n"].item() == (~new).sum()


def test_without_replicates_intervals_rest_on_the_negative_controls(tmp_path: Path) -> None:
    scores = score_table()
    treated = scores[scores["control"] == "none"].drop_duplicates(["treatment", "concentration_um"])
    table, _ = of_scores(pd.concat([scores[scores["control"] != "none"], treated], ignore_index=True), tmp_path)
    negative = scores.loc[scores["control"] == "negative", "on"]
    rows = table[table["kind"] == "treatment"]
    half = stats.t.ppf(0.975, len(negative) - 1) * negative.std()
    np.testing.assert_allclose([rows["mean"] - rows["low"], rows["high"] - rows["mean"]], half)
    assert set(rows["interval"]) == {"negative controls"}

"""Screening: what the tables of plates, doses and compounds say, and what a screen that lacks something still answers."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evaluation_inputs import write_embeddings
from gandl.config import Normalization
from gandl.embeddings.metadata import write_features
from gandl.evaluation.dose_response import write_dose_response
from gandl.evaluation.scores import write_scores
from gandl.evaluation.screening.screen import ScreeningError, write_screening
from gandl.evaluation.screening.terms import DOSES
from gandl.evaluation.terms import COMPOUNDS, TREATMENTS, by_strictest_scheme
from gandl.evaluation.treatments import write_treatments
from gandl.normalization.profiles import write_profiles
from gandl.statistics import separation
from gandl.tables import NUMBERS, WELL_PROFILES, WELL_SCORES, read_table, write_table
from pair_inputs import DIM, DOSES as TESTED, EC50, SETTINGS, Screen, features, infected_sites, write_screen

NAMES = {"featurizer": "gandl", "normalization": "unlabelled", "seed": 0, "training_seed": 7}
SCHEMAS = {"output": NUMBERS, "plates": NUMBERS, "doses": DOSES, "compounds": COMPOUNDS}


def written(screen: Screen, scores: Path, folder: Path, **names: str) -> dict[str, pd.DataFrame]:
    """The tables by name."""
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.parquet" for name in SCHEMAS}
    wells, raw = (screen.wells(method) for method in (Normalization.UNLABELLED, Normalization.NONE))
    write_screening(scores, wells, raw, SETTINGS, **(NAMES | names), **files)
    return {name: read_table(files[name], schema) for name, schema in SCHEMAS.items()}


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    """Three plates of HRCE and two of VERO."""
    folder = tmp_path_factory.mktemp("screen")
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    screen = write_screen(folder, sites, features(sites, effect=8.0))
    method = Normalization.UNLABELLED
    write_scores(
        screen.wells(method),
        screen.site_profiles(method),
        screen.splits,
        SETTINGS,
        folder / "scores.parquet",
        folder / "images.parquet",
    )
    return screen


@pytest.fixture(scope="module")
def found(screen: Screen) -> dict[str, pd.DataFrame]:
    return written(screen, screen.folder / "scores.parquet", screen.folder / "found")


def changed(screen: Screen, folder: Path, change) -> dict[str, pd.DataFrame]:
    """The tables after a change of the scores."""
    scores = change(read_table(screen.folder / "scores.parquet", WELL_SCORES))
    write_table(scores, folder / "scores.parquet", WELL_SCORES)
    return written(screen, folder / "scores.parquet", folder)


def flags_of(compounds: pd.DataFrame, cell_type: str, compound: str) -> set[str]:
    row = compounds[(compounds["cell_type"] == cell_type) & (compounds["compound"] == compound)].iloc[0]
    return set(str(row["flags"] or "").split("|")) - {"", "nan"}


def test_every_plate_has_its_own_quality(screen: Screen, found) -> None:
    plates = found["plates"].set_index(["split", "metric"])
    scores = read_table(screen.folder / "scores.parquet", WELL_SCORES)
    for scheme, cell_type, wells in by_strictest_scheme(scores):
        for plate, mine in wells.groupby("plate_id"):
            positive, negative = (
                mine.loc[mine["control"] == kind, "on"].to_numpy() for kind in ("positive", "negative")
            )
            row = plates.loc[f"{scheme}:{cell_type}:{plate}"]
            assert set(row.index) == {"z_prime", "robust_z_prime", "ssmd"}
            by_hand = 1 - 3 * (positive.std(ddof=1) + negative.std(ddof=1)) / abs(positive.mean() - negative.mean())
            assert row.loc["z_prime", "value"] == pytest.approx(by_hand)
            difference = positive.mean() - negative.mean()
            by_hand = difference / np.sqrt(positive.var(ddof=1) + negative.var(ddof=1))
            assert row.loc["ssmd", "value"] == pytest.approx(by_hand)
            robust = separation.robust_z_prime(positive, negative)
            assert row.loc["robust_z_prime", "value"] == pytest.approx(float(robust))
            with_ends = row.loc[["z_prime", "ssmd"]]
            assert (with_ends["low"] < with_ends["value"]).all()
            assert (with_ends["value"] < with_ends["high"]).all()
            assert row.loc["robust_z_prime", ["low", "high"]].isna().all(), "four and six wells are too few to be drawn"
            assert (row["n"] == 10).all()


def test_efficacy_is_the_mean_score_of_a_dose_and_a_hit_is_above_the_controls(screen: Screen, found) -> None:
    scores, folder = screen.folder / "scores.parquet", screen.folder
    files = {"output": folder / "numbers.parquet", "treatments": folder / "treatments.parquet"}
    write_treatments(scores, SETTINGS, **NAMES, **files)
    treatments = read_table(files["treatments"], TREATMENTS)
    treatments = treatments[treatments["kind"] == "treatment"].reset_index(drop=True)
    doses = found["doses"]
    for ours, theirs in (("efficacy", "mean"), ("efficacy_low", "low"), ("efficacy_high", "high"), ("q", "q")):
        np.testing.assert_array_equal(doses[ours], treatments[theirs])
    expected = treatments["differs"] & (treatments["difference"] > 0) & ~doses["toxic"]
    assert (doses["hit"] == expected).all()
    assert set(doses.loc[doses["hit"], "compound"]) == {"Remdesivir"}


def test_a_compound_is_what_its_doses_and_its_curve_say(screen: Screen, found, tmp_path: Path) -> None:
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("output", "curves", "points")}
    raw = screen.wells(Normalization.NONE)
    write_dose_response(screen.folder / "scores.parquet", raw, SETTINGS, **NAMES, **outputs)
    numbers = read_table(outputs["output"], NUMBERS).set_index(["split", "metric"])
    compounds = found["compounds"]
    assert len(compounds) == 4
    assert compounds.set_index(["cell_type", "compound"])["hit"].to_dict() == {
        (cell_type, name): name == "Remdesivir" for cell_type in ("HRCE", "VERO") for name in EC50
    }
    for row in compounds.itertuples():
        mine = found["doses"][
            (found["doses"]["cell_type"] == row.cell_type) & (found["doses"]["compound"] == row.compound)
        ]
        assert (row.doses, row.wells, row.replicates) == (6, mine["wells"].sum(), mine["wells"].min())
        assert row.efficacy == mine.loc[~mine["toxic"], "efficacy"].max()
        assert mine.loc[mine["concentration_um"] == row.efficacy_dose_um, "efficacy"].item() == row.efficacy
        assert row.hit_doses == mine["hit"].sum()
        split = f"{row.scheme}:{row.cell_type}:{row.compound}"
        ec50 = numbers.loc[(split, "ec50_um")]
        ours = [row.ec50_um, row.ec50_low_um, row.ec50_high_um]
        np.testing.assert_allclose(ours, ec50[["value", "low", "high"]].astype(float), rtol=1e-9)
        assert row.no_curve == ("a constant fits as well" if np.isnan(row.ec50_um) else None)
        assert row.p_constant == pytest.approx(numbers.loc[(split, "p_constant"), "value"], rel=1e-9)
    active = compounds[compounds["compound"] == "Remdesivir"]
    assert active["ec50_um"].between(0.05, 0.2).all()
    assert (active["agreement_p"] < 0.05).all()
    for cell_type in ("HRCE", "VERO"):
        assert flags_of(compounds, cell_type, "Remdesivir") <= {"interval_open"}


def test_the_sign_test_is_that_of_the_wells(screen: Screen, found) -> None:
    doses = found["doses"]
    of_hrce = doses[doses["cell_type"] == "HRCE"]
    scores = read_table(screen.folder / "scores.parquet", WELL_SCORES)
    scores = scores[(scores["scheme"] == "leave_plate_out") & (scores["cell_type"] == "HRCE")]
    for row in of_hrce.itertuples():
        mine = scores[(scores["compound"] == row.compound) & (scores["concentration_um"] == row.concentration_um)]
        on = mine.loc[mine["control"] == "none", "on"]
        assert len(on) == 6
        assert (row.median, row.median_low, row.median_high) == pytest.approx((on.median(), on.min(), on.max()))
        assert row.sign_test_hit == (on.min() > 0)
    of_vero = doses[doses["cell_type"] == "VERO"]
    assert of_vero["median_low"].isna().all(), "four wells are too few for 95 %"
    numbers = found["output"].set_index(["split", "metric"])
    assert numbers.loc[("leave_plate_out:VERO", "sign_test_hit_share"), "n"] == 0
    assert numbers.loc[("leave_plate_out:HRCE", "sign_test_hit_share"), "value"] == of_hrce["sign_test_hit"].mean()


def test_numbers_count_compounds_treatments_and_groups_of_negative_controls(found) -> None:
    numbers = found["output"].set_index(["split", "unit", "metric"])
    assert set(numbers["question"]) == {"screening"}
    assert set(numbers["seed"]) == {7}
    hrce = numbers.loc["leave_plate_out:HRCE"]
    assert hrce.loc[("compound", "hit_share"), ["value", "n"]].tolist() == [0.5, 2]
    assert hrce.loc[("compound", "curve_share"), ["value", "n"]].tolist() == [0.5, 2]
    groups = hrce.loc[("group", "negative_groups_as_hits")]
    assert groups["n"] == 3, "two wells on each of three plates, of six negative controls on each"
    assert groups["value"] <= 0.2
    precision = hrce.loc[("treatment", "average_precision")]
    assert precision["low"] < precision["value"] < precision["high"]
    assert precision["n"] == 2 * len(TESTED)


def test_wells_far_off_the_axis_are_toxic_and_no_hit(screen: Screen, tmp_path: Path) -> None:
    """The two highest doses of remdesivir in HRCE; its lower ones stay hits."""

    def poisoned(scores: pd.DataFrame) -> pd.DataFrame:
        at = (scores["compound"] == "Remdesivir") & (scores["concentration_um"] >= 1) & (scores["cell_type"] == "HRCE")
        return scores.assign(off_norm=scores["off_norm"].where(~at, 10 * scores["off_norm"]))

    tables = changed(screen, tmp_path, poisoned)
    doses = tables["doses"][tables["doses"]["cell_type"] == "HRCE"].set_index(["compound", "concentration_um"])
    assert doses.index[doses["toxic"]].tolist() == [("Remdesivir", 1.0), ("Remdesivir", 3.0)]
    assert not doses.loc[doses["toxic"], "hit"].any()
    row = tables["compounds"].set_index(["cell_type", "compound"]).loc[("HRCE", "Remdesivir")]
    assert row["hit"]
    numbers = tables["output"].set_index(["split", "metric"])
    assert numbers.loc[("leave_plate_out:HRCE", "hits_flagged_toxic"), ["value", "n"]].tolist() == [1, 1]
    assert numbers.loc[("leave_plate_out:VERO", "hits_flagged_toxic"), ["value", "n"]].tolist() == [0, 1]
    assert row["toxic_dose_um"] == 1.0
    assert row["efficacy_dose_um"] < 1
    assert "toxic" in flags_of(tables["compounds"], "HRCE", "Remdesivir")
    assert "toxic" not in flags_of(tables["compounds"], "VERO", "Remdesivir")


def test_what_positive_controls_share_is_no_harm(screen: Screen, tmp_path: Path) -> None:
    def healthy_are_far(scores: pd.DataFrame) -> pd.DataFrame:
        far = (scores["control"] == "positive") | (scores["compound"] == "Remdesivir")
        return scores.assign(off_norm=scores["off_norm"].where(~far, 10 * scores["off_norm"]))

    assert not changed(screen, tmp_path, healthy_are_far)["doses"]["toxic"].any()


def test_lost_nuclei_are_toxic_where_a_featurizer_counts_them(screen: Screen, tmp_path: Path) -> None:
    sites = pd.read_parquet(screen.sites)
    dying = (sites["compound"] == "Polydatin") & (sites["concentration_um"] == 3.0)
    counts = np.where(dying, 20.0, 100.0) + np.random.default_rng(0).normal(0, 5, len(sites))
    values = np.column_stack([np.zeros((len(sites), 1)), counts])
    stores = [
        write_embeddings(tmp_path / f"{store}.parquet", mine, values[mine.index], ["other", "nucleus_count"])
        for store, mine in sites.groupby("store_id", sort=False)
    ]
    raw = tmp_path / "raw.parquet"
    write_profiles(stores, screen.sites, Normalization.NONE, tmp_path / "raw_sites.parquet", raw)
    files = {name: tmp_path / f"{name}.parquet" for name in SCHEMAS}
    wells = screen.wells(Normalization.UNLABELLED)
    write_screening(screen.folder / "scores.parquet", wells, raw, SETTINGS, **NAMES, **files)
    doses = read_table(files["doses"], DOSES)
    toxic = doses[doses["toxic"]]
    assert set(zip(toxic["cell_type"], toxic["compound"], toxic["concentration_um"], strict=True)) == {
        ("HRCE", "Polydatin", 3.0),
        ("VERO", "Polydatin", 3.0),
    }
    assert (toxic["nuclei_difference"] < 0).all()


@pytest.mark.parametrize(
    ("kept", "flag", "reason"),
    [
        (TESTED[:3], "few_doses", "there are too few doses for a curve"),
        (TESTED[:1], "one_dose", "all doses are equal"),
        ([], "no_dose", "no well has a dose"),
    ],
)
def test_too_few_doses_have_no_curve_and_still_hits(
    screen: Screen, tmp_path: Path, kept: list[float], flag: str, reason: str
) -> None:
    def fewer(scores: pd.DataFrame) -> pd.DataFrame:
        treated = (scores["control"] == "none") & scores["compound"].notna()
        if not kept:
            return scores.assign(concentration_um=scores["concentration_um"].where(~treated))
        return scores[~treated | scores["concentration_um"].isin(kept)]

    compounds = changed(screen, tmp_path, fewer)["compounds"]
    assert compounds["ec50_um"].isna().all()
    assert set(compounds["no_curve"]) == {reason}
    assert flags_of(compounds, "HRCE", "Polydatin") == {flag}
    assert compounds["efficacy"].notna().all()
    assert compounds["q"].notna().all()


def test_compounds_that_all_have_a_curve_are_a_table_too(screen: Screen, found, tmp_path: Path) -> None:
    """No compound then has a reason for having none, as on the real plate."""
    compounds = found["compounds"]
    curved = set(compounds.loc[compounds["ec50_um"].notna(), "compound"])
    assert curved < set(compounds["compound"])

    def only_those(scores: pd.DataFrame) -> pd.DataFrame:
        return scores[scores["compound"].isna() | scores["compound"].isin(curved)]

    tables = changed(screen, tmp_path, only_those)
    assert tables["compounds"]["ec50_um"].notna().all()
    assert tables["compounds"]["no_curve"].isna().all()
    assert set(tables["compounds"]["compound"]) == curved


def test_one_replicate_is_flagged_and_judged(screen: Screen, tmp_path: Path) -> None:
    def single(scores: pd.DataFrame) -> pd.DataFrame:
        treated = (scores["control"] == "none") & scores["compound"].notna()
        first = ~scores.duplicated(["scheme", "cell_type", "compound", "concentration_um"])
        return scores[~treated | first]

    tables = changed(screen, tmp_path, single)
    compounds = tables["compounds"]
    assert (compounds["replicates"] == 1).all()
    assert all("one_replicate" in str(flags) for flags in compounds["flags"])
    assert tables["doses"]["average_precision"].isna().all()
    assert set(compounds["no_curve"]) == {"there are fewer than 7 wells"}
    assert tables["doses"]["p"].notna().all()


def test_a_plate_without_infected_wells_has_no_quality_and_the_others_have(
    screen: Screen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def without(scores: pd.DataFrame) -> pd.DataFrame:
        return scores[~((scores["plate_id"] == "HRCE-1_2") & (scores["control"] == "negative"))]

    with caplog.at_level(logging.INFO):
        tables = changed(screen, tmp_path, without)
    plates = tables["plates"]
    lacking = plates["split"] == "leave_plate_out:HRCE:HRCE-1_2"
    assert plates.loc[lacking, ["value", "low", "high"]].isna().all(axis=None)
    assert set(plates.loc[lacking, "n"]) == {4}
    assert plates.loc[~lacking, "value"].notna().all()
    assert "no quality of HRCE-1_2: fewer than 2 positive or negative controls" in caplog.text
    assert tables["doses"]["p"].notna().all(), "the wells of the two other plates are tested"


def test_without_any_infected_well_of_a_cell_type_nothing_of_it_is_tested_and_all_is_listed(
    screen: Screen, tmp_path: Path
) -> None:
    tables = changed(
        screen, tmp_path, lambda scores: scores[(scores["cell_type"] == "HRCE") | (scores["control"] != "negative")]
    )
    doses = tables["doses"]
    of_vero = doses["cell_type"] == "VERO"
    assert doses.loc[of_vero, ["p", "off_q", "agreement_p", "toxic"]].isna().all(axis=None)
    assert not doses.loc[of_vero, "hit"].any()
    assert doses.loc[of_vero, "efficacy"].notna().all()
    assert doses.loc[~of_vero, "p"].notna().all()
    groups = tables["output"].set_index(["split", "metric"]).loc[("leave_plate_out:VERO", "negative_groups_as_hits")]
    assert groups["n"] == 0
    assert np.isnan(groups["value"])


def test_cross_fitted_profiles_measure_no_agreement_and_say_so(
    screen: Screen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        tables = written(screen, screen.folder / "scores.parquet", tmp_path, normalization="negative_crossfit")
    assert tables["doses"]["average_precision"].isna().all()
    assert "agreement is not measured" in caplog.text
    assert tables["compounds"]["hit"].any()


def test_a_scored_well_without_profile_is_named(screen: Screen, tmp_path: Path) -> None:
    """Not the features of another well."""
    scores = read_table(screen.folder / "scores.parquet", WELL_SCORES)
    first = scores.loc[scores["control"] == "negative", "well_id"].iloc[0]

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(well_id=table["well_id"].replace(first, "HRCE-1_9_Z99"))

    with pytest.raises(ScreeningError, match=r"unlabelled.* lacks 1 scored well, the first: HRCE-1_9_Z99"):
        changed(screen, tmp_path, renamed)
    profiles = read_table(screen.wells(Normalization.NONE), WELL_PROFILES)
    named = {"feature_names": json.dumps(["nucleus_count"] + [f"f{i}" for i in range(1, DIM)]), "featurizer": "x"}
    write_features(profiles[profiles["well_id"] != first], tmp_path / "raw.parquet", WELL_PROFILES, named)
    files = {name: tmp_path / f"{name}.parquet" for name in SCHEMAS}
    inputs = (screen.folder / "scores.parquet", screen.wells(Normalization.UNLABELLED), tmp_path / "raw.parquet")
    with pytest.raises(ScreeningError, match=rf"raw\.parquet lacks 1 scored well, the first: {first}"):
        write_screening(*inputs, SETTINGS, **NAMES, **files)


def test_a_screen_without_treated_wells_says_so(screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(ScreeningError, match=r"take screening out of evaluation\.questions"):
        changed(screen, tmp_path, lambda scores: scores[scores["control"] != "none"])


def test_profiles_of_features_without_meaning_agree_no_more_than_by_chance(screen: Screen, tmp_path: Path) -> None:
    sites = pd.read_parquet(screen.sites)
    noise = np.random.default_rng(5).standard_normal((len(sites), DIM))
    other = write_screen(tmp_path, sites, noise)
    doses = written(other, screen.folder / "scores.parquet", tmp_path / "found")["doses"]
    assert stats.kstest(doses["agreement_p"], "uniform").pvalue > 0.01

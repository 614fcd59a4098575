"""Schemes of several plates: plates and experiments are held out whole within a cell type, and a quarter of each kind of well."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from gandl.source.splits import SplitError, make_splits
from gandl.tables import SPLITS, check
from pair_inputs import infected_sites, typed_sites
from table_rows import site_row


@pytest.fixture(scope="module")
def sites() -> pd.DataFrame:
    return infected_sites({"HRCE-1": 3, "HRCE-2": 2, "VERO-1": 2})


@pytest.fixture(scope="module")
def splits(sites: pd.DataFrame) -> pd.DataFrame:
    """Rows of the splits with what is known of their wells."""
    table = make_splits(sites)
    check(table, SPLITS, "splits")
    return table.merge(wells_of(sites), on="well_id")


def wells_of(sites: pd.DataFrame) -> pd.DataFrame:
    return sites.drop_duplicates("well_id")[["well_id", "experiment", "plate_id", "row", "cell_type", "control"]]


def of(splits: pd.DataFrame, question: str, scheme: str, part: str | None = None) -> pd.DataFrame:
    chosen = (splits["question"] == question) & (splits["scheme"] == scheme)
    return splits[chosen & ((splits["part"] == part) if part else True)]


def test_the_screen_answers_the_questions_of_its_cells(splits: pd.DataFrame) -> None:
    schemes = splits.groupby("question", sort=False)["scheme"].unique().map(set).to_dict()
    everything = {"quarter", "quarter_by_cell_type", "leave_plate_out", "leave_experiment_out", "probe"}
    everything.add("cross_cell_type")
    assert schemes == {"controls": everything, "cell_model": {"quarter", "leave_plate_out"}}


@pytest.mark.parametrize("question", ["controls", "cell_model"])
def test_a_quarter_of_each_kind_of_control_of_each_experiment_is_tested(splits: pd.DataFrame, question: str) -> None:
    quarter = of(splits, question, "quarter")
    controls = quarter[quarter["control"] != "none"]
    share = controls.groupby(["experiment", "control"])["part"].agg(lambda part: (part == "test").mean())
    assert share.between(0.2, 0.3).all()
    assert set(quarter.loc[quarter["control"] == "none", "part"]) == {"test"}


def test_both_questions_and_both_quarters_test_the_same_wells(splits: pd.DataFrame) -> None:
    quarters = [
        set(of(splits, question, scheme, "train")["well_id"])
        for question, scheme in (
            ("controls", "quarter"),
            ("controls", "quarter_by_cell_type"),
            ("cell_model", "quarter"),
        )
    ]
    assert quarters[0] == quarters[1] == quarters[2]


def test_a_quarter_by_cell_type_never_mixes_them(splits: pd.DataFrame) -> None:
    folds = of(splits, "controls", "quarter_by_cell_type")
    assert (folds["fold"] == folds["cell_type"]).all()


@pytest.mark.parametrize(
    ("scheme", "column"), [("leave_plate_out", "plate_id"), ("leave_experiment_out", "experiment")]
)
def test_what_is_left_out_is_tested_whole_by_controls_of_its_cell_type(
    sites: pd.DataFrame, splits: pd.DataFrame, scheme: str, column: str
) -> None:
    wells = wells_of(sites)
    for name, fold in of(splits, "controls", scheme).groupby("fold"):
        train, test = fold[fold["part"] == "train"], fold[fold["part"] == "test"]
        assert set(test["well_id"]) == set(wells.loc[wells[column] == name, "well_id"])
        others = wells[(wells["cell_type"] == test["cell_type"].iloc[0]) & (wells[column] != name)]
        assert set(train["well_id"]) == set(others.loc[others["control"] != "none", "well_id"])


def test_a_cell_type_is_tested_by_controls_of_the_other_where_both_have_both_kinds(
    sites: pd.DataFrame, splits: pd.DataFrame
) -> None:
    across = of(splits, "controls", "cross_cell_type")
    assert set(across["fold"]) == {"HRCE", "VERO"}
    for cell_type, fold in across.groupby("fold"):
        wells = wells_of(sites)
        train, test = fold[fold["part"] == "train"], fold[fold["part"] == "test"]
        assert set(test["well_id"]) == set(wells.loc[wells["cell_type"] == cell_type, "well_id"])
        others = wells[(wells["cell_type"] != cell_type) & (wells["control"] != "none")]
        assert set(train["well_id"]) == set(others["well_id"])
    alone = make_splits(infected_sites({"HRCE-1": 2}))
    assert of(alone, "controls", "cross_cell_type").empty


def test_an_only_experiment_is_not_left_out(splits: pd.DataFrame) -> None:
    assert set(of(splits, "controls", "leave_experiment_out")["fold"]) == {"HRCE-1", "HRCE-2"}
    assert set(of(splits, "controls", "leave_plate_out")["fold"]) == set(splits["plate_id"])


def test_the_probe_leaves_out_plates_of_the_first_experiment(splits: pd.DataFrame) -> None:
    probe = of(splits, "controls", "probe")
    assert set(probe["fold"]) == {"HRCE-1_1", "HRCE-1_2", "HRCE-1_3"}
    assert set(probe["experiment"]) == {"HRCE-1"}


def test_cell_models_are_learned_from_controls_of_all_other_plates(splits: pd.DataFrame) -> None:
    for name, fold in of(splits, "cell_model", "leave_plate_out").groupby("fold"):
        train, test = fold[fold["part"] == "train"], fold[fold["part"] == "test"]
        assert set(test["plate_id"]) == {name}
        assert set(train["plate_id"]) == set(splits["plate_id"]) - {name}
        assert "none" not in set(train["control"])


@settings(deadline=None, max_examples=15)
@given(
    share=st.floats(0.1, 0.5),
    seed=st.integers(0, 9),
    plates=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    shuffle=st.integers(0, 9),
)
def test_no_well_is_trained_on_and_tested_and_the_order_of_sites_is_no_matter(
    share: float, seed: int, plates: list[int], shuffle: int
) -> None:
    sites = infected_sites({f"HRCE-{i + 1}": count for i, count in enumerate(plates)} | {"VERO-1": 2})
    table = make_splits(sites, test_share=share, seed=seed)
    check(table, SPLITS, "splits")  # its key: a well is in one part of a fold
    again = make_splits(sites.iloc[np.random.default_rng(shuffle).permutation(len(sites))], test_share=share, seed=seed)
    key = ["question", "scheme", "fold", "well_id"]
    for scheme in ("quarter", "leave_plate_out"):
        one, two = (t[t["scheme"] == scheme].sort_values(key, ignore_index=True) for t in (table, again))
        pd.testing.assert_frame_equal(one, two)


def test_another_seed_draws_other_wells_of_the_quarter_alone(sites: pd.DataFrame) -> None:
    one, two = make_splits(sites, seed=1), make_splits(sites, seed=2)
    assert set(of(one, "controls", "quarter", "train")["well_id"]) != set(
        of(two, "controls", "quarter", "train")["well_id"]
    )
    pd.testing.assert_frame_equal(of(one, "controls", "leave_plate_out"), of(two, "controls", "leave_plate_out"))


def test_cell_types_with_one_plate_each_are_split_by_row() -> None:
    """As the pilot: one plate of HRCE, one of VERO."""
    table = make_splits(infected_sites({"HRCE-1": 1, "VERO-1": 1}))
    rows = of(table, "controls", "leave_row_out")
    assert set(rows["fold"].str.partition(":")[0]) == {"HRCE-1_1", "VERO-1_1"}
    assert of(table, "controls", "leave_plate_out").empty
    assert of(table, "cell_model", "leave_plate_out").empty
    assert set(of(table, "controls", "probe")["fold"].str.partition(":")[0]) == {"HRCE-1_1"}
    for fold, part in rows.groupby("fold"):
        plate, row = fold.split(":")
        assert part["well_id"].str.startswith(plate).all()
        assert part.loc[part["part"] == "test", "well_id"].str.contains(f"_{row}").all()


def two_types_of_one_plate(where: str = "S_1") -> pd.DataFrame:
    """U2OS in columns 1 to 6 and A549 in 7 to 12; each with a negative and a positive control in every row."""
    kinds = {1: "negative", 6: "positive", 7: "negative", 12: "positive"}
    wells = [
        site_row("S", 1, f"{row}{n:02d}", control=kinds.get(n, "none")) for row in "ABCDEFGH" for n in range(1, 13)
    ]
    table = pd.DataFrame(wells)
    return table.assign(cell_type=np.where(table["column"] < 7, "U2OS", "A549"), plate_id=where)


def test_two_cell_types_of_one_plate_are_never_one_fold() -> None:
    table = make_splits(two_types_of_one_plate()).merge(wells_of(two_types_of_one_plate()), on="well_id")
    rows = of(table, "controls", "leave_row_out")
    assert set(rows["fold"]) == {f"{row}:{cell_type}" for row in "ABCDEFGH" for cell_type in ("U2OS", "A549")}
    for name, fold in rows.groupby("fold"):
        assert set(fold["cell_type"]) == {str(name).partition(":")[2]}
        assert len(fold[fold["part"] == "train"]) == 14
    assert set(of(table, "controls", "probe")["cell_type"]) == {"U2OS"}
    beside = pd.concat([two_types_of_one_plate(), infected_sites({"VERO-1": 1})], ignore_index=True)
    folds = of(make_splits(beside), "controls", "leave_row_out")["fold"]
    assert {"S_1:A:U2OS", "S_1:A:A549", "VERO-1_1:A"} <= set(folds)


def test_folds_that_would_share_a_name_are_refused() -> None:
    """A plate whose own name is that of another one with its cell type behind it."""
    mixed, other = two_types_of_one_plate("P"), two_types_of_one_plate("P:U2OS")
    other = other[other["cell_type"] == "U2OS"]
    other = other.assign(well_id="other " + other["well_id"])
    with pytest.raises(SplitError, match="scheme leave_plate_out: two folds would be called P:U2OS; rename the plate"):
        make_splits(pd.concat([mixed, other], ignore_index=True))


def test_a_labs_plate_without_development_rows_is_split_by_row_and_by_quarter() -> None:
    sites = infected_sites({"HeLa-1": 1})
    table = make_splits(sites)
    assert set(table["scheme"]) == {"quarter", "leave_row_out", "probe"}
    assert set(of(table, "controls", "leave_row_out")["fold"]) == set(sites["row"])


def test_a_plate_whose_positive_controls_share_a_row_is_split_by_quarter_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sites = infected_sites({"HeLa-1": 1})
    sites = sites[
        (sites["control"] != "positive") | (sites["row"] == sites.loc[sites["control"] == "positive", "row"].iloc[0])
    ]
    with caplog.at_level(logging.WARNING, "gandl"):
        table = make_splits(pd.concat([sites, sites.head(0)]))
    assert set(table["scheme"]) == {"quarter"}
    assert "hold no positive control" in caplog.text


def test_a_plate_that_alone_has_a_control_is_reported(sites: pd.DataFrame) -> None:
    sites = sites[sites["cell_type"] == "VERO"]
    lost = (sites["plate"] == 2) & (sites["control"] == "positive")
    words = "scheme leave_plate_out, fold VERO-1_1: the training wells hold no positive control"
    with pytest.raises(SplitError, match=words):
        make_splits(sites[~lost])


def test_a_screen_without_both_controls_has_no_split_of_them(sites: pd.DataFrame) -> None:
    table = make_splits(sites[sites["control"] != "positive"])
    assert set(table["question"]) == {"cell_model"}
    assert make_splits(sites[sites["control"] == "none"]).empty


def test_questions_that_are_not_requested_are_not_split(sites: pd.DataFrame) -> None:
    assert set(make_splits(sites, questions=["dose_response"])["question"]) == {"controls"}


def test_every_experiment_of_a_cell_type_is_left_out_once_and_every_type_stays() -> None:
    sites = typed_sites({"HEPG2": 3, "HUVEC": 5, "RPE": 1})
    table = make_splits(sites).merge(wells_of(sites), on="well_id")
    folds = of(table, "cell_type", "leave_experiment_out")
    assert set(folds["fold"]) == {"1", "2", "3"}
    tested = folds[folds["part"] == "test"].groupby("experiment")["fold"].nunique()
    assert set(tested.index) == set(wells_of(sites)["experiment"]) - {"RPE-01"}
    assert (tested == 1).all()
    for _, fold in folds.groupby("fold"):
        train = fold[fold["part"] == "train"]
        assert set(train["cell_type"]) == {"HEPG2", "HUVEC", "RPE"}
        assert not set(train["experiment"]) & set(fold.loc[fold["part"] == "test", "experiment"])


def test_a_quarter_of_the_wells_of_every_experiment_reports_the_cell_type() -> None:
    sites = typed_sites({"HEPG2": 2, "HUVEC": 2})
    quarter = of(make_splits(sites), "cell_type", "quarter").merge(wells_of(sites), on="well_id")
    assert set(quarter["well_id"]) == set(sites["well_id"])
    share = quarter.groupby("experiment")["part"].agg(lambda part: (part == "test").mean())
    assert share.tolist() == [0.25] * 4

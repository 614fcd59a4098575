"""Splits: rows are held out whole, training sees controls alone, and the rows that confirm choose nothing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from gandl.source.screens.bbbc013 import WELLS, write_sites
from gandl.source.splits import SplitError, make_splits, write_splits
from gandl.tables import SITES, SPLITS, TableError, check, read_table


@pytest.fixture(scope="module")
def sites(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    output = tmp_path_factory.mktemp("sites") / "sites.parquet"
    write_sites(repository / "resources/bbbc013_platemap.csv", output)
    return read_table(output, SITES)


@pytest.fixture(scope="module")
def splits(sites: pd.DataFrame) -> pd.DataFrame:
    return make_splits(sites, development_rows=["A", "B", "C", "D"])


def write(sites: Path, output: Path, development_rows: list[str]) -> None:
    write_splits(sites, output, development_rows=development_rows, test_share=0.25, seed=0, questions=["controls"])


def rows_of(wells: pd.Series) -> set[str]:
    return {well.removeprefix("BBBC013_1_")[0] for well in wells}


def plate(controls: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "well_id": list(controls),
            "experiment": "S",
            "plate_id": "S_1",
            "row": [well[0] for well in controls],
            "column": [int(well[1:]) for well in controls],
            "cell_type": "U2OS",
            "condition": "treated",
            "control": list(controls.values()),
        }
    )


def test_leave_row_out_tests_every_well_once_by_the_controls_of_the_other_rows(
    sites: pd.DataFrame, splits: pd.DataFrame
) -> None:
    scheme = splits[splits["scheme"] == "leave_row_out"]
    test = scheme[scheme["part"] == "test"]
    assert sorted(test["well_id"]) == sorted(sites["well_id"])
    for row, fold in scheme.groupby("fold"):
        train = fold[fold["part"] == "train"]
        assert rows_of(fold.loc[fold["part"] == "test", "well_id"]) == {row}
        assert rows_of(train["well_id"]) == set("ABCDEFGH") - {row}
        assert len(train) == 7 * 3


def test_probe_never_touches_the_rows_that_confirm(splits: pd.DataFrame) -> None:
    scheme = splits[splits["scheme"] == "probe"]
    assert sorted(scheme["fold"].unique()) == list("ABCD")
    assert rows_of(scheme["well_id"]) == set("ABCD")
    for row, fold in scheme.groupby("fold"):
        assert rows_of(fold.loc[fold["part"] == "train", "well_id"]) == set("ABCD") - {row}
        assert len(fold[fold["part"] == "test"]) == 12


def test_confirmation_trains_on_development_rows_and_tests_all_others(splits: pd.DataFrame) -> None:
    scheme = splits[splits["scheme"] == "confirmation"]
    assert scheme["fold"].unique().tolist() == ["E-H"]
    assert rows_of(scheme.loc[scheme["part"] == "train", "well_id"]) == set("ABCD")
    assert rows_of(scheme.loc[scheme["part"] == "test", "well_id"]) == set("EFGH")
    assert scheme["part"].value_counts().to_dict() == {"test": 48, "train": 12}


@settings(deadline=None)
@given(
    rows=st.integers(3, 8),
    development=st.data(),
    extra=st.lists(st.sampled_from(["positive", "negative", "none"]), max_size=6),
)
def test_no_test_well_or_row_is_trained_on_whatever_the_plate(
    rows: int, development: st.DataObject, extra: list[str]
) -> None:
    names = "ABCDEFGH"[:rows]
    wells = {f"{row}{n:02d}": kind for row in names for n, kind in enumerate(["positive", "negative", *extra], 1)}
    chosen = development.draw(st.lists(st.sampled_from(names), min_size=2, max_size=rows - 1, unique=True))
    table = make_splits(plate(wells), development_rows=chosen)
    check(table, SPLITS, "splits")
    for (scheme, _), fold in table.groupby(["scheme", "fold"]):
        train, test = (fold.loc[fold["part"] == part, "well_id"] for part in ("train", "test"))
        assert not set(train) & set(test)
        assert not {well[0] for well in train} & {well[0] for well in test}
        assert {wells[well] for well in train} == {"positive", "negative"}
        assert scheme != "probe" or {well[0] for well in fold["well_id"]} == set(chosen)


def test_written_table_is_the_table_and_deterministic(
    sites: pd.DataFrame, splits: pd.DataFrame, tmp_path: Path
) -> None:
    sites.to_parquet(tmp_path / "sites.parquet")
    for name in ("one.parquet", "two.parquet"):
        write(tmp_path / "sites.parquet", tmp_path / name, ["D", "A", "C", "B"])
    pd.testing.assert_frame_equal(read_table(tmp_path / "one.parquet", SPLITS), splits)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_several_sites_of_a_well_are_split_as_one(sites: pd.DataFrame, splits: pd.DataFrame) -> None:
    twice = pd.concat([sites, sites.assign(site=2, site_id=sites["well_id"] + "_2")], ignore_index=True)
    pd.testing.assert_frame_equal(make_splits(twice, development_rows=list("ABCD")), splits)


@pytest.mark.parametrize(
    ("development", "words"),
    [
        (["A", "J"], "names J, but the plate has the rows A, B"),
        (["A", "A"], "twice"),
        (["A"], "at least two plate rows"),
        (list("ABCDEFGH"), "leave at least one out"),
    ],
)
def test_development_rows_that_cannot_be_are_reported(sites: pd.DataFrame, development: list[str], words: str) -> None:
    with pytest.raises(SplitError, match=words):
        make_splits(sites, development_rows=development)


def test_fold_without_a_control_to_train_on_is_reported() -> None:
    wells = {well: "negative" for well in WELLS if well[0] in "ABC"} | {"A12": "positive"}
    with pytest.raises(
        SplitError, match="scheme leave_row_out, fold A: the training rows B, C hold no positive control"
    ):
        make_splits(plate(wells), development_rows=["A", "B"])


def test_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    plate({"A01": "positive"}).to_parquet(tmp_path / "sites.parquet")
    with pytest.raises(TableError, match="lacks the column"):
        write(tmp_path / "sites.parquet", tmp_path / "splits.parquet", ["A", "B"])

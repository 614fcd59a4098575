"""A single plate whose controls fill rows is left out column by column; where columns fail too, nothing is left out."""

from __future__ import annotations

import logging

import pandas as pd
import pytest

from gandl.source.splits import make_splits
from gandl.tables import SPLITS, check
from pair_inputs import infected_sites
from table_rows import site_row

COLUMNS = range(1, 13)


def plate(controls: dict[str, str], name: str = "L", rows: str = "ABCDEFGH") -> pd.DataFrame:
    """A plate of twelve columns; `controls`: kind by row, column (as text) or well; all other wells are treated."""
    wells = [(row, f"{row}{column:02d}", str(column)) for row in rows for column in COLUMNS]
    kinds = [next((controls[key] for key in places if key in controls), "none") for places in wells]
    return pd.DataFrame(
        [
            site_row(name, 1, well, control=kind, treatment="x" if kind == "none" else None)
            for (_, well, _), kind in zip(wells, kinds, strict=True)
        ]
    )


FILLED_ROWS = plate({"A": "negative", "H": "positive"})


def of(table: pd.DataFrame, scheme: str) -> pd.DataFrame:
    return table[table["scheme"] == scheme]


def column_of(wells: pd.Series) -> set[int]:
    return {int(well[-2:]) for well in wells}


@pytest.mark.parametrize("scheme", ["leave_column_out", "probe"])
def test_where_controls_fill_rows_every_column_is_tested_whole_by_controls_of_the_others(scheme: str) -> None:
    table = make_splits(FILLED_ROWS)
    check(table, SPLITS, "splits")
    assert set(table["scheme"]) == {"quarter", "leave_column_out", "probe"}
    controls = set(FILLED_ROWS.loc[FILLED_ROWS["control"] != "none", "well_id"])
    folds = dict(list(of(table, scheme).groupby("fold")))
    assert list(folds) == [f"{column:02d}" for column in COLUMNS]
    for name, fold in folds.items():
        train, test = (fold.loc[fold["part"] == part, "well_id"] for part in ("train", "test"))
        assert column_of(test) == {int(name)}
        assert len(test) == 8, "the treated wells of the column are scored, too"
        assert int(name) not in column_of(train)
        assert set(train) == {well for well in controls if int(well[-2:]) != int(name)}


def test_where_controls_fill_columns_rows_are_left_out_as_before() -> None:
    table = make_splits(plate({"1": "negative", "12": "positive"}))
    assert set(table["scheme"]) == {"quarter", "leave_row_out", "probe"}
    assert set(of(table, "leave_row_out")["fold"]) == set(of(table, "probe")["fold"]) == set("ABCDEFGH")


def test_where_a_row_and_a_column_hold_all_of_a_kind_neither_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gandl"):
        table = make_splits(plate({"A": "negative", "12": "positive"}))
    assert set(table["scheme"]) == {"quarter"}
    assert "neither rows nor columns are left out" in caplog.text
    assert "scheme leave_row_out, fold A: the training rows B, C, D, E, F, G, H hold no negative control" in caplog.text
    assert "scheme leave_column_out, fold 12: the training columns 01, 02" in caplog.text


def test_each_cell_type_of_one_plate_is_left_out_in_its_own_way() -> None:
    sites = pd.concat([FILLED_ROWS, infected_sites({"VERO-1": 1}), infected_sites({"HRCE-1": 2})], ignore_index=True)
    table = make_splits(sites)
    assert set(of(table, "leave_column_out")["well_id"].str[:3]) == {"L_1"}
    assert set(of(table, "leave_column_out")["fold"]) == {f"L_1:{column:02d}" for column in COLUMNS}
    assert set(of(table, "leave_row_out")["fold"].str.partition(":")[0]) == {"VERO-1_1"}
    assert set(of(table, "leave_plate_out")["fold"]) == {"HRCE-1_1", "HRCE-1_2"}

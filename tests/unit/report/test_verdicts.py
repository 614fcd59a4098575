"""Reference values: what the table may hold, and when a verdict agrees."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from gandl.report.verdicts import (
    COLUMNS,
    Measured,
    Reference,
    ReferenceError,
    Rule,
    Verdict,
    compare,
    find,
    judge,
    read_references,
)
from table_rows import number_row

finite = st.floats(-100, 100)
RANGELESS = Reference(
    "bbbc013", "controls", "gandl_blocks", "", "leave_row_out:A-H", "", "z_prime", None, 0.68, None, "", "", ""
)
NOTHING = replace(RANGELESS, value=None)


def measured(value: float, low: float = math.nan, high: float = math.nan) -> Measured:
    return Measured(value, low, high, 24, "well", "unlabelled")


def write_csv(path: Path, *rows: dict[str, str]) -> Path:
    pd.DataFrame([dict.fromkeys(COLUMNS, "") | {"dataset": "bbbc013"} | row for row in rows]).to_csv(path, index=False)
    return path


def test_a_reference_inside_our_interval_agrees():
    assert judge(RANGELESS, measured(0.5, 0.3, 0.7), simulated=False) is Verdict.AGREES


def test_a_reference_outside_our_interval_differs():
    assert judge(RANGELESS, measured(0.5, 0.3, 0.6), simulated=False) is Verdict.DIFFERS


def test_a_value_in_the_accepted_range_agrees_though_its_interval_misses_the_reference():
    reference = replace(RANGELESS, low=0.6, high=1.0)
    assert judge(reference, measured(0.8, 0.75, 0.85), simulated=False) is Verdict.AGREES


@given(value=finite, low=finite, high=finite, below=st.floats(0, 200), above=st.floats(0, 200))
def test_an_accepted_range_alone_decides_whatever_our_interval(value, low, high, below, above):
    row = replace(RANGELESS, low=min(low, high), high=max(low, high))
    agrees = min(low, high) <= value <= max(low, high)
    verdict = judge(row, measured(value, value - below, value + above), simulated=False)
    assert verdict is (Verdict.AGREES if agrees else Verdict.DIFFERS)


def test_the_rule_that_decides_is_the_range_where_there_is_one():
    assert RANGELESS.rule is Rule.INTERVAL
    assert replace(RANGELESS, low=0.6).rule is Rule.RANGE
    assert replace(RANGELESS, high=0.9).rule is Rule.RANGE


def test_an_aim_is_not_reached_by_a_wide_interval():
    aim = replace(RANGELESS, value=None, low=0.68)
    assert judge(aim, measured(0.5, 0.1, 0.9), simulated=False) is Verdict.DIFFERS


def test_a_value_without_interval_agrees_only_by_range():
    assert judge(RANGELESS, measured(0.68), simulated=False) is Verdict.DIFFERS
    assert judge(replace(RANGELESS, low=0.6), measured(0.68), simulated=False) is Verdict.AGREES


@given(reference=finite, value=finite, below=st.floats(0, 50), above=st.floats(0, 50))
def test_widening_our_interval_never_turns_agreement_into_difference(reference, value, below, above):
    row = replace(RANGELESS, value=reference)
    narrow = judge(row, measured(value, value - below, value + above), simulated=False)
    wide = judge(row, measured(value, value - below - 1, value + above + 1), simulated=False)
    assert wide is Verdict.AGREES or narrow is Verdict.DIFFERS


@given(value=finite, low=finite, high=finite)
def test_without_any_reference_there_is_no_verdict_on_us(value, low, high):
    assert judge(NOTHING, measured(value, low, high), simulated=False) is Verdict.NO_REFERENCE


def test_a_simulated_screen_is_never_compared_with_a_real_one():
    assert judge(RANGELESS, measured(0.68, 0.6, 0.7), simulated=True) is Verdict.NOT_COMPARABLE


@pytest.mark.parametrize("ours", [None, measured(math.nan)])
def test_what_this_run_did_not_measure_neither_agrees_nor_differs(ours):
    assert judge(RANGELESS, ours, simulated=False) is Verdict.NOT_MEASURED


def test_the_runs_own_normalisation_comes_first_when_a_reference_names_none():
    table = pd.DataFrame(
        [number_row(normalization="none", value=0.1), number_row(normalization="unlabelled", value=0.2)]
    )
    assert find(table, RANGELESS, "unlabelled").value == 0.2
    assert find(table, RANGELESS, "mock").value == 0.1
    assert find(table, replace(RANGELESS, normalization="none"), "unlabelled").value == 0.1
    assert find(table, replace(RANGELESS, normalization="mock"), "unlabelled") is None


def test_each_reference_meets_the_number_of_its_own_split_and_metric():
    table = pd.DataFrame(
        [number_row(value=0.5), number_row(split="leave_row_out:E-H", value=0.4), number_row(metric="ssmd", value=9.0)]
    )
    wanted = [RANGELESS, replace(RANGELESS, split="leave_row_out:E-H"), replace(RANGELESS, metric="ssmd")]
    assert [item.measured.value for item in compare(wanted, table, "unlabelled", simulated=False)] == [0.5, 0.4, 9.0]


def test_only_rows_of_the_data_set_are_read_in_their_order(tmp_path):
    rows = [{"metric": "z_prime"}, {"dataset": "rxrx19a", "metric": "auc"}, {"metric": "ssmd"}]
    found = read_references(write_csv(tmp_path / "values.csv", *rows), "bbbc013")
    assert [reference.metric for reference in found] == ["z_prime", "ssmd"]


def test_a_row_that_is_no_number_is_named(tmp_path):
    path = write_csv(tmp_path / "values.csv", {"value": "1"}, {"value": "about 170"})
    with pytest.raises(ReferenceError, match=r"row 3: value is 'about 170'; it must be a number or empty"):
        read_references(path, "bbbc013")


def test_a_range_upside_down_is_refused(tmp_path):
    path = write_csv(tmp_path / "values.csv", {"low": "2", "high": "1"})
    with pytest.raises(ReferenceError, match=r"low \(2\) is above high \(1\)"):
        read_references(path, "bbbc013")


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "values.csv"
    path.write_text("dataset,question\n")
    with pytest.raises(ReferenceError, match="lacks the column"):
        read_references(path, "bbbc013")


def test_every_reference_of_the_project_names_its_source_or_says_that_there_is_none(repository):
    for reference in read_references(repository / "resources/paper_values.csv", "bbbc013"):
        assert (reference.source == "none") is (not reference.known), reference
        assert reference.note

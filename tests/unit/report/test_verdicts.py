"""Reference values: what the table may hold, and when a verdict agrees."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from gandl.report.reference.values import COLUMNS, Kind, Reference, ReferenceError, read_references, read_values
from gandl.report.reference.verdicts import RANK, Measured, Rule, Verdict, compare, find, judge, parts_of, rule_of
from table_rows import number_row

finite = st.floats(-100, 100)
RANGELESS = Reference(
    "bbbc013", "controls", "gandl_blocks", "", "leave_row_out:A-H", "", "z_prime", None, 0.68, None, "", "", ""
)
NOTHING = replace(RANGELESS, value=None)


def measured(value: float, low: float = math.nan, high: float = math.nan) -> Measured:
    return Measured(value, low, high, 24, "well", "unlabelled")


def write_csv(path: Path, *rows: dict[str, str]) -> Path:
    given = {"dataset": "bbbc013", "kind": "result", "question": "controls"}
    named = [given | {"id": f"row:{position}"} | row for position, row in enumerate(rows)]
    pd.DataFrame([dict.fromkeys(COLUMNS, "") | row for row in named]).to_csv(path, index=False)
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
    assert rule_of(RANGELESS) is Rule.INTERVAL
    assert rule_of(replace(RANGELESS, low=0.6)) is Rule.RANGE
    assert rule_of(replace(RANGELESS, high=0.9)) is Rule.RANGE
    claim = replace(RANGELESS, high=0.9, kind=Kind.CLAIM)
    assert rule_of(claim) is rule_of(replace(claim, question="compounds")) is Rule.BOUND
    assert rule_of(replace(claim, question="screen")) is Rule.RANGE, "what is counted has no interval and needs none"


def test_an_aim_is_not_reached_by_a_wide_interval():
    aim = replace(RANGELESS, value=None, low=0.68)
    assert judge(aim, measured(0.5, 0.1, 0.9), simulated=False) is Verdict.DIFFERS


def test_a_value_without_interval_is_not_judged_but_by_an_accepted_range():
    assert judge(RANGELESS, measured(0.68), simulated=False) is Verdict.NO_INTERVAL
    assert judge(replace(HIGHER, value=0.26, low=None), measured(0.26), simulated=False) is Verdict.NO_INTERVAL
    assert judge(HIGHER, measured(0.2), simulated=False) is Verdict.NO_INTERVAL
    assert judge(replace(RANGELESS, low=0.6), measured(0.68), simulated=False) is Verdict.AGREES


def test_an_end_that_is_missing_is_open():
    assert judge(RANGELESS, measured(0.7, low=0.65), simulated=False) is Verdict.AGREES
    assert judge(RANGELESS, measured(0.8, low=0.75), simulated=False) is Verdict.DIFFERS
    assert judge(HIGHER, measured(0.2, low=0.1), simulated=False) is Verdict.AGREES
    assert judge(HIGHER, measured(0.2, high=0.3), simulated=False) is Verdict.UNDECIDED


HIGHER = replace(RANGELESS, value=None, low=0.0, kind=Kind.CLAIM, metric="accuracy_difference")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.3, Verdict.AGREES),
        (-0.1, 0.3, Verdict.UNDECIDED),
        (0.0, 0.3, Verdict.UNDECIDED),
        (0.0, 0.0, Verdict.UNDECIDED),
        (-0.3, 0.0, Verdict.UNDECIDED),
        (-0.3, -0.01, Verdict.DIFFERS),
    ],
)
def test_a_claim_of_being_higher_agrees_only_beyond_noise_and_a_tie_decides_nothing(low, high, verdict):
    assert judge(HIGHER, measured((low + high) / 2, low, high), simulated=False) is verdict


@given(value=finite, below=st.floats(0, 200), above=st.floats(0, 200), bound=finite)
def test_a_claim_and_its_contrary_never_both_agree_nor_both_differ(value, below, above, bound):
    ours = measured(value, value - below, value + above)
    higher, lower = (replace(HIGHER, low=low, high=high) for low, high in ((bound, None), (None, bound)))
    verdicts = {judge(higher, ours, simulated=False), judge(lower, ours, simulated=False)}
    assert verdicts in ({Verdict.AGREES, Verdict.DIFFERS}, {Verdict.UNDECIDED})


def test_the_fifth_is_among_the_five_strongest():
    five = replace(HIGHER, question="compounds", metric=RANK, low=None, high=5.0)
    assert judge(five, measured(3, 1, 5), simulated=False) is Verdict.AGREES
    assert judge(five, measured(3, 1, 6), simulated=False) is Verdict.UNDECIDED
    assert judge(five, measured(9, 6, 20), simulated=False) is Verdict.DIFFERS


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


def setting(**changes: object) -> Reference:
    plain = replace(RANGELESS, dataset="", question="settings", featurizer="", split="", kind=Kind.SETTING, value=512.0)
    return replace(replace(plain, metric="training.network.feature_dim"), **changes)


def of_setting(value: float, text: str = "") -> Measured:
    return Measured(value, math.nan, math.nan, 0, "", "", text)


@pytest.mark.parametrize("simulated", [True, False])
def test_a_setting_is_compared_exactly_whatever_the_images(simulated):
    assert judge(setting(), of_setting(512.0), simulated) is Verdict.AGREES
    assert judge(setting(), of_setting(513.0), simulated) is Verdict.DIFFERS
    assert judge(setting(value=None, text="paper"), of_setting(math.nan, "paper"), simulated) is Verdict.AGREES
    assert judge(setting(value=None, text="paper"), of_setting(math.nan, "preprint"), simulated) is Verdict.DIFFERS


def test_a_weight_that_is_said_to_be_on_is_above_0():
    assert judge(setting(value=None, text="on"), of_setting(2.0), simulated=True) is Verdict.AGREES
    assert judge(setting(value=None, text="on"), of_setting(0.0), simulated=True) is Verdict.DIFFERS


def test_a_count_is_equal_or_differs_and_of_a_part_of_a_screen_is_not_comparable():
    count = setting(kind=Kind.COUNT, question="screen", split="rxrx1", metric="sites", dataset="rxrx1", value=125_510.0)
    assert judge(count, of_setting(125_510.0), simulated=False) is Verdict.AGREES
    assert judge(count, of_setting(125_514.0), simulated=False) is Verdict.DIFFERS
    assert judge(count, of_setting(840.0), simulated=False, partial=True) is Verdict.PART_OF_SCREEN
    assert judge(count, of_setting(840.0), simulated=True) is Verdict.NOT_COMPARABLE


@pytest.mark.parametrize(
    ("kind", "question"), [(Kind.CLAIM, "compounds"), (Kind.RESULT, "controls"), (Kind.CLAIM, "cell_type")]
)
def test_what_rests_on_the_whole_screen_is_not_compared_where_a_part_was_taken(kind, question):
    row = replace(HIGHER, kind=kind, question=question)
    assert judge(row, measured(0.2, 0.1, 0.3), simulated=False, partial=True) is Verdict.PART_OF_SCREEN
    of_one_compound = replace(HIGHER, question="dose_response", metric="rises_with_dose")
    assert judge(of_one_compound, measured(0.2, 0.1, 0.3), simulated=False, partial=True) is Verdict.AGREES
    assert judge(setting(), of_setting(512.0), simulated=False, partial=True) is Verdict.AGREES


def test_parts_are_screens_of_which_stores_rows_or_wells_were_chosen():
    whole = {"complete": True, "stores": [], "wells": "all"}
    of = {"whole": whole, "some": whole | {"stores": ["a"]}, "short": whole | {"complete": False}, "plates": None}
    of["pilot"] = whole | {"wells": "pilot"}
    assert parts_of({"source": {"datasets": list(of), **of}}) == ["some", "short", "pilot"]


def test_hours_of_other_hardware_are_not_comparable():
    hours = setting(kind=Kind.RESULT, question="costs", metric="training_hours", value=48.0)
    assert judge(hours, of_setting(48.0), simulated=False) is Verdict.OTHER_HARDWARE


def test_other_hardware_is_no_setting_that_differs():
    node = setting(metric="hardware.accelerator", value=None, text="TPU v3-8")
    assert judge(node, of_setting(math.nan, "no GPU"), simulated=True) is Verdict.OTHER_HARDWARE
    assert judge(node, of_setting(math.nan, "TPU v3-8"), simulated=True) is Verdict.AGREES


def test_figures_and_what_nothing_answers_have_a_verdict_of_their_own():
    assert judge(setting(kind=Kind.FIGURE), None, simulated=True) is Verdict.BY_EYE
    assert judge(replace(setting(), metric=""), None, simulated=True) is Verdict.NOT_COMPARED


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "number"}, "kind is 'number'; it must be one of result, setting, count, claim, figure"),
        ({"value": "inf"}, "value is 'inf'; it must be a number or empty"),
        ({"id": "row:0"}, "id is 'row:0'; each row needs one of its own"),
        ({"repeats": "row:9"}, "repeats names row:9, which no row is called"),
    ],
)
def test_other_mistakes_of_a_row_are_named(tmp_path, row, message):
    with pytest.raises(ReferenceError, match=f"row 3: {message}"):
        read_values(write_csv(tmp_path / "values.csv", {"value": "1"}, row))


def test_what_two_versions_print_alike_is_compared_once(tmp_path):
    rows = [
        {"metric": "auc", "value": "1"},
        {"metric": "auc", "value": "1", "source": "preprint"},
        {"metric": "auc", "value": "2"},
    ]
    path = write_csv(tmp_path / "values.csv", *rows)
    assert [reference.id for reference in read_references(path, "bbbc013")] == ["row:0", "row:2"]
    assert len(read_values(path)) == 3

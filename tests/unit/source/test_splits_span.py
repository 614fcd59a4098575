"""Spans of plate rows: what names them and what reads the name agree."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from gandl.source.splits import in_span, span

ROWS = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AA", "AB", "AC"]


@pytest.mark.parametrize(
    ("rows", "name"), [("ABCD", "A-D"), ("BD", "B+D"), ("C", "C"), (["Z", "AA"], "Z-AA"), (["AA", "AC"], "AA+AC")]
)
def test_rows_are_a_range_where_each_follows_the_other_and_a_list_otherwise(rows: str, name: str) -> None:
    assert span(list(rows)) == name


@given(st.sets(st.sampled_from(ROWS), min_size=1))
def test_a_span_holds_the_rows_that_it_was_made_of_and_no_other(chosen: set[str]) -> None:
    named = span([row for row in ROWS if row in chosen])
    assert {row for row in ROWS if in_span(row, named)} == chosen

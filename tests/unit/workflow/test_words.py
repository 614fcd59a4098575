"""Counts in sentences."""

from __future__ import annotations

import pytest

from gandl.workflow.words import counted, named


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "site", "0 sites"),
        (1, "site", "1 site"),
        (2, "site", "2 sites"),
        (1200, "image", "1,200 images"),
    ],
)
def test_a_count_and_its_noun_agree(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


def test_a_noun_may_name_its_plural() -> None:
    assert counted(2, "series", "series") == "2 series"
    assert counted(1, "series", "series") == "1 series"


def test_those_meant_are_named_behind_their_noun() -> None:
    assert named("column", ["a"]) == "column a"
    assert named("column", {"a": 1, "b": 2}) == "columns a, b"

"""Names of plate rows and their numbers."""

from __future__ import annotations

import pytest

from gandl.tables.row_letters import row_name, row_number


@pytest.mark.parametrize(("name", "number"), [("A", 1), ("P", 16), ("Z", 26), ("AA", 27), ("AF", 32)])
def test_a_name_of_a_row_is_its_number_and_back(name: str, number: int) -> None:
    assert row_number(name) == number
    assert row_name(number) == name
    assert row_number(name.lower()) == number


def test_every_number_comes_back_from_its_name() -> None:
    assert [row_number(row_name(number)) for number in range(1, 800)] == list(range(1, 800))


@pytest.mark.parametrize("name", ["", "1", "A1", "Ä"])
def test_what_is_no_name_of_a_row_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a plate row"):
        row_number(name)


def test_a_number_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        row_name(0)

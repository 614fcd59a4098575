"""Compounds that papers name: found under the names that screens write, and never under those of other molecules."""

from __future__ import annotations

import pytest

from gandl.source.screens.drugs import DRUGS, is_named, named_compound


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Remdesivir (GS-5734)", "Remdesivir"),
        ("REMDESIVIR (simulated)", "remdesivir"),
        ("gs-441524", "GS-441524"),
        ("Halofuginone hydrobromide", "Halofuginone"),
        ("(+)-Cedrol", "Cedrol"),
        (" Polydatin ", "Polydatin"),
    ],
)
def test_a_name_that_goes_on_or_is_written_otherwise_is_the_same_compound(name: str, wanted: str) -> None:
    assert is_named(name, wanted)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Hydroxychloroquine Sulfate", "Chloroquine"),
        ("Desethyl-chloroquine", "Chloroquine"),
        ("Remdesivir-d5", "Remdesivir"),
        ("Carebastine", "Ebastine"),
        ("GS-4415240", "GS-441524"),
        ("SIM-1", "Polydatin"),
    ],
)
def test_another_molecule_whose_name_holds_it_is_not(name: str, wanted: str) -> None:
    assert not is_named(name, wanted)


def test_of_several_the_shortest_is_meant_and_of_none_none() -> None:
    assert named_compound(["GS-441524 prodrug", "gs-441524", "gs-441524"], "GS-441524") == "gs-441524"
    assert (
        named_compound(["Chloroquine phosphate", "Hydroxychloroquine Sulfate"], "Chloroquine")
        == "Chloroquine phosphate"
    )
    assert named_compound(["SIM-1"], DRUGS[2]) is None

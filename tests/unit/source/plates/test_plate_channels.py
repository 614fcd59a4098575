"""Names of channels: other names for them, and plates that differ."""

from __future__ import annotations

import pytest

from gandl.source.plates.channels import plates_that_differ, renames_of
from gandl.source.plates.stores import PlateKey
from gandl.source.plates.tabular.mistakes import PlatesError


def said(*channels: str) -> str:
    """What is said of plates 1, 2, ... with these channels."""
    plates = {PlateKey("lab", str(i)): names.split(",") for i, names in enumerate(channels, start=1)}
    return "; ".join(plates_that_differ(plates))


def test_plates_with_the_same_channels_in_any_order_do_not_differ() -> None:
    assert [said("a,b", "b,a"), said("a"), said()] == ["", "", ""]


def test_plates_that_differ_are_one_sentence_with_the_options_that_help() -> None:
    assert said("HOECHST 33342,er", "er,Hoechst") == (
        "channels differ between plates: plate 1 of lab has HOECHST 33342, er; plate 2 of lab has er, Hoechst; all plates need "
        "the same: where two names mean the same, add --rename 'Hoechst=HOECHST 33342'"
    )
    assert said("dna,er", "DNA,ER").endswith("add --rename DNA=dna --rename ER=er")
    assert said("1,2,3", "1,2", "1,2").endswith("need the same: leave out what is not everywhere: --leave-out 3")
    assert said("a,b", "c,d").endswith(
        "where two names mean the same, add --rename OLD=NEW; leave out what is not everywhere: --leave-out a --leave-out b "
        "--leave-out c --leave-out d"
    )
    assert "plates 2, 3, 4 and 1 more have b;" in said("a", "b", "b", "b", "b")


@pytest.mark.parametrize("texts", [["a"], ["=a"], ["a="], ["a=b", "a=c"]])
def test_what_is_no_other_name_is_refused(texts: list[str]) -> None:
    with pytest.raises(PlatesError, match="--rename"):
        renames_of(texts)
    assert renames_of(["a=b", "c d = e=f"]) == {"a": "b", "c d": "e=f"}

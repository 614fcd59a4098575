"""What is said of many mistakes: those of one kind are one line with their rows, the first ten kinds in full."""

from __future__ import annotations

from gandl.source.plates.tabular.mistakes import folded, listed, rows_in_words


def test_rows_are_named_in_runs() -> None:
    assert rows_in_words([3]) == "row 3"
    assert rows_in_words([3, 4]) == "rows 3, 4"
    assert rows_in_words([3, 5, 7, 8, 9, 10, 11, 12]) == "rows 3, 5, 7 to 12"
    assert rows_in_words(range(2, 60, 2)).endswith("38, 40, and 9 more")


def test_the_same_mistake_of_several_rows_is_one_line() -> None:
    said = "control is 'neg'; it must be positive, negative, none, or empty"
    assert folded([f"row {row}: {said}" for row in (3, 5, 7, 8, 9, 10, 11, 12)]) == [f"rows 3, 5, 7 to 12: {said}"]
    assert folded([f"a/wells.csv, row {row}: {said}" for row in (2, 3)]) == [f"a/wells.csv, rows 2, 3: {said}"]


def test_mistakes_of_one_kind_about_different_files_are_one_line_from_four_on() -> None:
    said = [f"row {row}: there is no file data/plate 1/A{row:02d}_dapi.tif (channel dapi)" for row in range(2, 42)]
    assert folded(said[:3]) == said[:3]
    assert folded(said) == [
        "rows 2 to 41: there is no file data/plate 1/A02_dapi.tif (channel dapi) (of row 2; the others are alike)"
    ]


def test_files_of_one_kind_of_mistake_are_counted() -> None:
    said = [f"p/A{i}_w1.tif: well A0{i} of plate p of scans has no file for the channel 2" for i in range(1, 6)]
    assert folded(said) == ["p/A1_w1.tif and 4 more: well A01 of plate p of scans has no file for the channel 2"]


def test_contradictions_of_wells_are_one_kind_whatever_was_given() -> None:
    said = [
        f"row {row}: treatment of well B{row:02d} of plate 1 of lab is {drug}, but empty in row 2; all sites of a well must agree"
        for row, drug in enumerate(("aspirin", "drug A", "x", "y"), start=4)
    ]
    (line,) = folded(said)
    assert line.startswith("rows 4 to 7: treatment of well B04")


def test_mistakes_of_different_kinds_or_tables_stay_apart_and_in_order() -> None:
    said = ["row 3: well is ''; wells are named A1", "row 2: file_dna is empty", "b.csv, row 2: file_dna is empty"]
    assert folded(said) == said


def test_after_ten_kinds_the_rest_is_counted() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"]
    said = [f"row {row}: the column {word} is wrong" for row, word in enumerate([*words, "mu"], start=2)]
    lines = folded(said)
    assert lines[:10] == said[:10]
    assert lines[10:] == ["and 3 more of 2 other kinds, reported once these are fixed"]
    assert listed("x has mistakes", said[:2]) == f"x has mistakes:\n  {said[0]}\n  {said[1]}"


def test_each_remedy_of_one_kind_is_given() -> None:
    prefixes = [f"/data/{i}" for i in range(14)]
    said = [f"the table names 1 file below {old}, which is not here: add --rewrite {old}=t4" for old in prefixes]
    assert folded(said[:5]) == said[:5]
    assert folded(said) == [*said[:10], "and 4 more like these"]


def test_names_of_one_kind_are_listed() -> None:
    said = [f"plate 'BR{i}' has no plate map: maps/barcode_platemap.csv lists X1" for i in range(1, 15)]
    assert folded(said[:5]) == [f"{said[0]} (likewise 'BR2', 'BR3', 'BR4', 'BR5')"]
    (line,) = folded(said)
    assert line.endswith("'BR10', 'BR11' and 3 more)")

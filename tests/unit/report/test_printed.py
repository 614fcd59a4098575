"""All that papers print, as readers see it: what answers a number, by whom, and what a run of the whole paper has."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gandl.report.audit_table import COLUMNS
from gandl.report.made.printed import of_whole_paper, printed_rows

ROWS = (
    {"kind": "result", "printed": "95.81", "ours": 0.95, "ours_low": 0.9, "ours_high": 0.99, "n": 320, "unit": "site"}
    | {"ours_text": "by densenet161_arcface", "verdict": "agrees"},
    {"kind": "setting", "ours": 12.0, "verdict": "differs", "full_run": 64.0, "full_run_verdict": "agrees"},
    {"kind": "setting", "ours": 1.0, "ours_text": "yes", "verdict": "differs", "full_run": 1.0, "full_run_text": "yes"}
    | {"full_run_verdict": "differs"},
    {"kind": "count", "verdict": "not comparable: simulated screen", "full_run": 305_520, "full_run_verdict": "agrees"},
    {"kind": "claim", "ours": 3, "ours_high": 12, "n": 1, "unit": "compound", "verdict": "cannot be distinguished"},
    {"kind": "claim", "ours": 0.26, "verdict": "not judged: ours has no interval"},
)


def rows_of(folder: Path) -> list[dict[str, str]]:
    table = pd.DataFrame([{"what": "x", "target": "audit", **row} for row in ROWS], columns=COLUMNS)
    table.astype({"n": "Int64"}).to_csv(folder / "audit.csv", index=False)
    return printed_rows(folder / "audit.csv")


def test_without_a_table_there_is_no_row() -> None:
    assert printed_rows(None) == []
    assert of_whole_paper([]) == ""


def test_who_stands_in_for_another_is_said_beside_the_number_and_n_has_its_unit(tmp_path: Path) -> None:
    first, *_ = rows_of(tmp_path)
    assert (first["ours"], first["interval"], first["n"]) == ("0.95", "[0.9, 0.99]", "320 images")
    assert first["beside"] == "by DenseNet on RxRx1 (ArcFace)"


def test_a_setting_of_a_small_run_is_marked_as_wrong_only_where_that_of_the_whole_paper_is(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    assert [(row["class"], row["sign"], row["full_run"], row["full_class"]) for row in rows[1:3]] == [
        ("none", "✗", "64", "good"),
        ("bad", "✗", "yes", "bad"),
    ]
    assert (rows[2]["ours"], rows[2]["beside"]) == ("yes", "")
    said = of_whole_paper(rows)
    assert "Of 3 settings and counts" in said
    assert "2 are as printed in a run of the whole paper" in said
    assert "Of this run 0 agree and 2 differ" in said


def test_what_was_not_judged_looks_neither_good_nor_bad_and_an_open_end_is_seen(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    assert [(row["class"], row["sign"]) for row in rows[3:]] == [("none", "≁"), ("none", "≈"), ("none", "–")]
    assert (rows[4]["interval"], rows[4]["n"]) == ("[…, 12]", "1 compound")

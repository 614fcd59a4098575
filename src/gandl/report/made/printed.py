"""All that papers print, as readers see it: takes the audit's table (`gandl.report.audit_table`), makes rows of text, each with a
sign for its verdict, and a sentence on settings and counts."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from gandl.config import FeaturizerName
from gandl.figures.common.labels import featurizer_label
from gandl.report.reference.values import Kind
from gandl.report.reference.verdicts import Verdict
from gandl.workflow.words import counted

NOT_MEASURED = "–"
FIELDS = ("kind", "what", "source", "place", "printed", "paper_value", "verdict", "target", "repeats")
GOOD, BAD, NEITHER = "good", "bad", "none"
SIGNS = {
    Verdict.AGREES: (GOOD, "✓"),
    Verdict.DIFFERS: (BAD, "✗"),
    Verdict.UNDECIDED: (NEITHER, "≈"),
    Verdict.NOT_COMPARABLE: (NEITHER, "≁"),
    Verdict.PART_OF_SCREEN: (NEITHER, "≁"),
    Verdict.OTHER_HARDWARE: (NEITHER, "≁"),
}
"""Style and sign of a verdict."""
UNJUDGED = (NEITHER, "–")
"""Those of all others."""
OF_A_RUN = (Kind.SETTING, Kind.COUNT)
"""Kinds of rows that a run of the whole paper answers before it is made."""
UNITS = {"site": "image"}
BY = "by "
"""Begins what is said of a number that another featurizer stands in for (`answers.standing_in`)."""


def printed_rows(path: Path | None) -> list[dict[str, str]]:
    """Every row of the audit's table (a CSV), as text, those of the papers first; none where there is no table.

    `kind`, `what`, `source`, `place`, as `printed`, `target`, what it `repeats`; `ours` with `interval`, what is said `beside`
    it, and `n` with its unit; `verdict` with `class` and `sign`; what a `full_run` takes, and `full_verdict`, `full_class`,
    `full_sign`. A setting or count of this run that differs is not marked as wrong where that of the full run agrees.
    """
    if path is None:
        return []
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = [_row(row) for row in csv.DictReader(file)]
    return sorted(rows, key=_of_no_paper)


def _of_no_paper(row: Mapping[str, str]) -> bool:
    return row["source"] in ("project", "none")


def _row(row: Mapping[str, str]) -> dict[str, str]:
    number = "" if row["kind"] == Kind.SETTING and row["ours_text"] else short(row["ours"])
    said = _readable(row["ours_text"])
    css, sign = SIGNS.get(Verdict(row["verdict"]), UNJUDGED)
    full_css, full_sign = SIGNS.get(Verdict(row["full_run_verdict"]), UNJUDGED) if row["full_run_verdict"] else ("", "")
    return {
        **{name: row[name] for name in FIELDS},
        "ours": number or said or NOT_MEASURED,
        "beside": said if number else "",
        "interval": f"[{short(row['ours_low']) or '…'}, {short(row['ours_high']) or '…'}]"
        if row["ours_low"] or row["ours_high"]
        else "",
        "n": counted(int(row["n"]), UNITS.get(row["unit"], row["unit"]) or "unit") if row["n"] else "",
        "class": NEITHER if css == BAD and full_css == GOOD else css,
        "sign": sign,
        "full_run": row["full_run_text"] or short(row["full_run"]),
        "full_verdict": row["full_run_verdict"],
        "full_class": full_css,
        "full_sign": full_sign,
    }


def short(number: str) -> str:
    """Three significant digits, whole numbers as they are; nothing of nothing."""
    if not number:
        return ""
    value = float(number)
    return (f"{value:,.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")


def _readable(text: str) -> str:
    """What is said of a number, a featurizer in it by the name that readers know."""
    name = text.removeprefix(BY)
    return f"{BY}{featurizer_label(name)}" if name != text and name in set(FeaturizerName) else text


def of_whole_paper(rows: Sequence[Mapping[str, str]]) -> str:
    """How many settings and counts this run has as they are printed, and how many a run of the whole paper; empty without any."""
    asked = [row for row in rows if row["kind"] in OF_A_RUN and not row["repeats"] and row["full_verdict"]]
    if not asked:
        return ""
    verdicts = [row["verdict"] for row in asked]
    mine, differ = verdicts.count(Verdict.AGREES), verdicts.count(Verdict.DIFFERS)
    full = [row["full_verdict"] for row in asked].count(Verdict.AGREES)
    many = counted(len(asked), "setting or count", "settings and counts")
    return (
        f"Of {many} that the papers print and that this project answers, {full:,} are as printed in a run of the whole paper "
        f"(config/paper.yaml on the published screens). Of this run {mine:,} agree and {differ:,} differ; the others are not "
        "comparable or not measured."
    )

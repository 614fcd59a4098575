"""What the paper states and what this run found, a sentence per figure or table: takes the rows of the audit's references."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from gandl.report.made.printed import NOT_MEASURED, printed_rows
from gandl.workflow.files import write_json

NAMED = 3
"""Numbers that a sentence names; it says how many more there are."""
STATED = ("result", "claim")
"""Kinds of rows of the audit's table that a caption states."""
PLACES = {"table": "table", "fig": "figure", "figure": "figure"}


def write_beside(rows: Sequence[Mapping[str, str]], output: Path, printed: Path | None = None) -> None:
    """Write a sentence for each target, as JSON.

    Parameters
    ----------
    rows : as the audit shows them: `what` was measured, by `who`, which wells (`split`), the `reference` or the `accepted` range,
        `ours` with `interval` and what is said `beside` it, `verdict`, `place` in the paper, and `target` (the rule that renders
        it; else its place says it).
    printed : the audit's table, which has every number that the papers print: then its rows are taken instead.
    """
    write_json(sentences(rows if printed is None else rows_of_table(printed)), output)


def sentences(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The sentence of every target that has a number, by target."""
    by_target: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        for target in targets_of(row):
            by_target.setdefault(target, []).append(row)
    return {target: _sentence(mine) for target, mine in by_target.items()}


def rows_of_table(path: Path) -> list[dict[str, str]]:
    """Rows as `write_beside` takes them, of the audit's table: results before claims. Settings, counts, pictures
    without numbers, and what repeats another row or names no target, are left out."""
    found = [row for row in printed_rows(path) if row["kind"] in STATED and row["target"] and not row["repeats"]]
    return [
        {**row, "who": "", "split": "", "reference": _as_ours(row) or NOT_MEASURED, "accepted": ""}
        for row in sorted(found, key=lambda row: STATED.index(row["kind"]))
    ]


def _as_ours(row: Mapping[str, str]) -> str:
    """What is printed; of a number, in our unit: 0.914 where the paper prints 91.4 %."""
    number = row["paper_value"] if row["kind"] == STATED[0] else ""
    return f"{float(number):.4g}".replace("-", "−") if number else row["printed"]


def targets_of(row: Mapping[str, str]) -> list[str]:
    """The rules that render a number: as the table of references says, else by its place there (`Table 1`, `Fig. 5a`)."""
    if row.get("target"):
        return str(row["target"]).replace(";", " ").replace(",", " ").split()
    found = re.search(r"\b(table|fig(?:ure)?)\.?\s*(\d+)", str(row.get("place", "")), re.IGNORECASE)
    return [f"{PLACES[found.group(1).lower()]}_{found.group(2)}"] if found else []


def _sentence(rows: Sequence[Mapping[str, str]]) -> str:
    """Paper and ours of the first numbers, measured ones first, and the verdicts of all."""
    stated = [row for row in rows if _stated(row) != NOT_MEASURED]
    measured = [row for row in stated if row["ours"] != NOT_MEASURED]
    first = (measured or stated)[:NAMED]
    if not first:
        return "The paper states no number for it that was compared."
    shared = [name for name in ("what", "split") if len({row[name] for row in first}) == 1]
    said = "; ".join(_pair(row, [name for name in ("who", "what", "split") if name not in shared]) for row in first)
    about = ", ".join(filter(None, (first[0][name] for name in shared)))
    more = f"; {len(stated) - len(first)} more in the audit page" if len(stated) > len(first) else ""
    verdicts = Counter(str(row["verdict"]) for row in stated)
    judged = ", ".join(f"{verdict} ({count} of {len(stated)})" for verdict, count in verdicts.most_common())
    return f"{said}{f' ({about})' if about else ''}{more}. {judged[0].upper()}{judged[1:]}."


def _pair(row: Mapping[str, str], told: Sequence[str]) -> str:
    """One number, after what is told of it."""
    about = ", ".join(filter(None, (row[name] for name in told)))
    ours = f"{row['ours']} {row['interval']}".strip() if row["ours"] != NOT_MEASURED else "not measured"
    said = f" ({row['beside']})" if row["beside"] else ""
    return f"{f'{about}, ' if about else ''}paper: {_stated(row)}, here: {ours}{said}"


def _stated(row: Mapping[str, str]) -> str:
    return row["reference"] if row["reference"] != NOT_MEASURED else row["accepted"] or NOT_MEASURED

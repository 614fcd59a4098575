"""A lab's own plates, what is said of their mistakes: takes sentences that begin with a row or a file, folds those of one kind.

A kind is a sentence without what differs from row to row: its numbers, paths, wells and quoted words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gandl.workflow.words import counted

KINDS = 10
"""Kinds of mistakes that are listed; of the others, only the number is given."""
ALIKE = 4
"""From so many on, mistakes of one kind that differ in their words are one line too."""
NAMED = 10
"""Names, or sentences with an option of their own, that are given of one kind; the rest is counted."""
SPANS = 20
"""Runs of rows that one line names."""
_ROW = re.compile(r"(?:(?P<file>[^:]*), )?row (?P<row>\d+): (?P<said>.*)", re.DOTALL)
_FILE = re.compile(r"(?P<name>[^:]*\.\w{2,5}): (?P<said>.*)", re.DOTALL)
_VARIES = re.compile(r"""'(?:[^'\\]|\\.)*'|"[^"]*"|\S*[\d/\\]\S*|\S+\.\w{2,4}\b\S*""")

_OPTION = re.compile(r"(?<!\S)--[a-z][\w-]*(?: [^\s;)]+)?")


class PlatesError(ValueError):
    """A table of sites, or a folder of images, has mistakes; the message lists them, one line each, with file and row."""


@dataclass(frozen=True)
class _Mistake:
    """A sentence taken apart: the table and the row, or the image file, that it begins with, and what it says."""

    text: str
    said: str
    table: str = ""
    row: int | None = None
    name: str = ""

    @property
    def kind(self) -> tuple[str, str, str]:
        begins = "row" if self.row is not None else "file" if self.name else ""
        alike = re.sub(r" is .*, but .* in ", " is #, but # in ", self.said)
        return begins, self.table, re.sub(r"#( #)+", "#", _VARIES.sub("#", alike))


def listed(what: str, mistakes: Sequence[str]) -> str:
    """One message: what is wrong, then the mistakes, one line for each kind."""
    return f"{what}:\n" + "\n".join(f"  {line}" for line in folded(mistakes))


def folded(mistakes: Sequence[str], kinds: int = KINDS) -> list[str]:
    """Mistakes in the order of their first, those of one kind in one line: `rows 3, 5, 7 to 12: control is 'neg'; ...`.

    Sentences that are the same but for their row are one line from two on; those that also differ in a name from four on: the
    first, and the names of the others. Where they name different options, each is given. After so many kinds the rest is counted.
    """
    groups: dict[tuple[str, str, str], list[_Mistake]] = {}
    for text in mistakes:
        mistake = _taken_apart(text)
        groups.setdefault(mistake.kind, []).append(mistake)
    shown = list(groups.values())[:kinds]
    rest = len(mistakes) - sum(map(len, shown))
    lines = [line for group in shown for line in _lines(group)]
    if rest:
        lines.append(
            f"and {rest:,} more of {counted(len(groups) - kinds, 'other kind')}, reported once these are fixed"
        )
    return lines


def _taken_apart(text: str) -> _Mistake:
    if match := _ROW.fullmatch(text):
        return _Mistake(text, match["said"], match["file"] or "", int(match["row"]))
    if match := _FILE.fullmatch(text):
        return _Mistake(text, match["said"], name=match["name"])
    return _Mistake(text, text)


def _lines(group: Sequence[_Mistake]) -> list[str]:
    """The lines of one kind."""
    one_remedy = len({tuple(_OPTION.findall(mistake.said)) for mistake in group}) == 1
    if len(group) >= ALIKE and one_remedy:
        return [_line(group)]
    same: dict[str, list[_Mistake]] = {}
    for mistake in group:
        same.setdefault(mistake.said, []).append(mistake)
    lines = [_line(of_one) for of_one in list(same.values())[:NAMED]]
    rest = sum(map(len, list(same.values())[NAMED:]))
    return [*lines, f"and {rest:,} more like {'it' if len(lines) == 1 else 'these'}"] if rest else lines


def _line(group: Sequence[_Mistake]) -> str:
    first, others = group[0], len(group) - 1
    if not others:
        return first.text
    differ = any(mistake.said != first.said for mistake in group)
    rows = sorted({mistake.row for mistake in group if mistake.row is not None})
    if rows:
        where = f"{first.table}, {rows_in_words(rows)}" if first.table else rows_in_words(rows)
        these = "others are" if others > 1 else "other is"
        return f"{where}: {first.said}" + (f" (of row {first.row}; the {these} alike)" if differ else "")
    if first.name:
        return f"{first.name} and {others:,} more: {first.said}"
    names = list(dict.fromkeys(name for mistake in group[1:] if (name := _difference(first.said, mistake.said))))
    if not names:
        return f"{first.text} (and {others:,} more like it)"
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{first.text} (likewise {', '.join(names[:NAMED])}{more})"


def _difference(first: str, other: str) -> str:
    """The first name in a sentence that another sentence of its kind does not have in this place."""
    pairs = zip(_VARIES.findall(first), _VARIES.findall(other), strict=False)
    return next((there.rstrip(",;:.") for here, there in pairs if here != there), "")


def rows_in_words(rows: Sequence[int]) -> str:
    """Increasing numbers as `row 3`, or `rows 3, 5, 7 to 12`; after 20 runs the rest is counted."""
    spans: list[list[int]] = []
    for row in rows:
        if spans and row == spans[-1][-1] + 1:
            spans[-1].append(row)
        else:
            spans.append([row])
    words = []
    for span in spans[:SPANS]:
        words += [f"{span[0]} to {span[-1]}"] if len(span) > 2 else [str(row) for row in span]
    rest = sum(map(len, spans[SPANS:]))
    if rest:
        words.append(f"and {rest:,} more")
    if len(rows) == 1:
        return f"row {words[0]}"
    return f"rows {', '.join(words)}"

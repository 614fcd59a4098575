"""Excel workbooks: takes an `.xlsx` and the name of a sheet, makes its rows as text, with the row numbers that Excel shows.

Numbers are written as Excel shows them (1, not 1.0), dates in the format of their cell. What cannot be trusted is a mistake:
merged cells, cells that show an error, formulas whose value was never computed.
"""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from gandl.source.plates.tabular.mistakes import PlatesError, rows_in_words
from gandl.workflow.words import counted

DAMAGED = (BadZipFile, OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, SyntaxError, IndexError)
"""What openpyxl raises at a file that is no workbook, or a damaged one."""


@dataclass(frozen=True)
class Sheet:
    """A sheet as text: the cells of row 1, those of every other row with its number, mistakes with their row, and notes."""

    header: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]
    mistakes: tuple[str, ...]
    notes: tuple[str, ...]


def read_sheet(path: Path, name: str = "") -> Sheet:
    """Read the sheet of this name, or the first.

    Raises
    ------
    PlatesError : no such file, no Excel workbook, a damaged one, or no such sheet.
    """
    sheet, others = _opened(path, name, values=False)
    notes = []
    if others and not name:
        notes.append(
            f"{path}: the sheet {sheet.title} is read; {', '.join(others)} not (name one with {path.name}#NAME)"
        )
    rows = [list(row) for row in sheet.iter_rows()]
    formulas = [cell for row in rows for cell in row if cell.data_type == "f"]
    if formulas:
        computed, _ = _opened(path, sheet.title, values=True)
        rows = [list(row) for row in computed.iter_rows()]
        notes.append(
            f"{path}: formulas in {counted(len(formulas), 'cell')}, the first is {formulas[0].coordinate}; the values that Excel "
            "last computed are read"
        )
    header = tuple(cell_text(cell) for cell in rows[0]) if rows else ()
    while header and not header[-1].strip():  # every row of a sheet is as long as the longest
        header = header[:-1]
    mistakes = [*_uncomputed(formulas, sheet if not formulas else computed), *_merged(sheet, len(rows)), *_errors(rows)]
    notes += [*_dates(rows[1:], header, path), *_hidden(sheet, len(rows), path)]
    lines = tuple((i, tuple(cell_text(cell) for cell in row)) for i, row in enumerate(rows[1:], start=2))
    return Sheet(header, lines, tuple(mistakes), tuple(notes))


def _opened(path: Path, name: str, *, values: bool) -> tuple[Any, list[str]]:
    """A sheet, and the names of the others."""
    try:
        import openpyxl
    except ImportError:
        raise PlatesError(
            f"{path} is an Excel workbook, and openpyxl is not installed: run `make environment`"
        ) from None
    try:
        with warnings.catch_warnings(), Path(path).open("rb") as file:
            warnings.simplefilter("ignore")  # parts of a workbook that openpyxl does not keep hold no cells
            workbook = openpyxl.load_workbook(file, data_only=values)
    except FileNotFoundError:
        raise PlatesError(f"no table at {path}") from None
    except DAMAGED as error:
        raise PlatesError(
            f"{path} cannot be read as an Excel workbook (.xlsx), perhaps because it is protected by a password or of an old "
            f"Excel: {error}"
        ) from error
    sheets = {sheet.title: sheet for sheet in workbook.worksheets}
    if not sheets:
        raise PlatesError(f"{path} has no sheet with cells")
    if name and name not in sheets:
        raise PlatesError(f"{path} has no sheet {name!r}; it has {', '.join(sheets)}")
    chosen = name or next(iter(sheets))
    return sheets[chosen], [title for title in sheets if title != chosen]


def cell_text(cell: Any) -> str:
    """What a cell shows."""
    value = cell.value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return number_text(value, cell.number_format)
    if isinstance(value, datetime.date | datetime.time):
        return date_text(value, cell.number_format)
    return "" if value is None else str(value)


def number_text(value: float, number_format: str = "General") -> str:
    """A number as Excel shows it: whole ones without a point, others with up to 15 digits; `0000` keeps zeros before it,
    `0%` is a percentage. Decimals that a format hides are kept.
    """
    if re.fullmatch(r"0[0.]*%", number_format):
        return f"{number_text(float(f'{value * 100:.15g}'))}%"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value)).zfill(len(number_format)) if re.fullmatch("0+", number_format) else str(int(value))
    return repr(float(f"{value:.15g}"))


_TOKENS = re.compile(r"yyyy|yy|mmmm|mmm|mm|m|dddd|ddd|dd|d|hh|h|ss|s|AM/PM|\\(.)|\"([^\"]*)\"", re.IGNORECASE)
_LOCAL = ("mm-dd-yy", "m/d/yy", "General")
"""Formats that Excel shows differently in every country: a date is then written as 2024-01-31."""


def date_text(value: datetime.date | datetime.time, number_format: str) -> str:
    """A date or a time in the format of its cell, with English names of months; in a format of the country, as ISO 8601."""
    pattern = re.sub(r"\[[^\]]*\]", "", number_format).split(";")[0]
    if pattern in _LOCAL or isinstance(value, datetime.time) or not re.search("[ymdhs]", pattern, re.IGNORECASE):
        whole = isinstance(value, datetime.datetime) and value.time() == datetime.time()
        return (value.date() if whole else value).isoformat()  # type: ignore[union-attr]
    text, last, seconds_follow = [], 0, re.compile(r"\W*s", re.IGNORECASE)
    hours = False
    for match in _TOKENS.finditer(pattern):
        text.append(pattern[last : match.start()])
        last, token = match.end(), match[0].lower()
        if token in ("m", "mm") and (hours or seconds_follow.match(pattern, last)):
            token = token.replace("m", "n")  # minutes
        hours = token in ("h", "hh")
        text.append(match[1] or match[2] or _part(value, token, "am/pm" in pattern.lower()))
    return "".join([*text, pattern[last:]])


def _part(value: datetime.date, token: str, halves: bool) -> str:
    """A year, month, day, hour, minute or second, as a token of a format writes it."""
    moment = value if isinstance(value, datetime.datetime) else datetime.datetime.combine(value, datetime.time())
    hour = (moment.hour - 1) % 12 + 1 if halves else moment.hour
    named = {"mmm": "%b", "mmmm": "%B", "ddd": "%a", "dddd": "%A", "yyyy": "%Y", "yy": "%y", "am/pm": "%p"}
    if token in named:
        return moment.strftime(named[token])
    number = {"m": moment.month, "d": moment.day, "h": hour, "n": moment.minute, "s": moment.second}.get(token[:1])
    return "" if number is None else f"{number:0{len(token)}d}"


def _uncomputed(formulas: Sequence[Any], computed: Any) -> Iterator[str]:
    for cell in formulas:
        if computed[cell.coordinate].value is None:
            yield (
                f"row {cell.row}: cell {cell.coordinate} holds the formula {cell.value}, whose value was never computed; open "
                "the file in Excel and save it, or write the value"
            )


def _merged(sheet: Any, rows: int) -> Iterator[str]:
    for cells in sorted(sheet.merged_cells.ranges, key=_place):
        if cells.min_row <= rows:
            yield (
                f"row {cells.min_row}: the cells {cells.coord} are merged, and only the first of them holds a value; unmerge "
                "them and fill each"
            )


def _place(cells: Any) -> tuple[int, int]:
    return cells.min_row, cells.min_col


def _errors(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    for row in rows:
        for cell in row:
            if cell.data_type == "e":
                yield f"row {cell.row}: cell {cell.coordinate} shows the error {cell.value}"


def _dates(rows: Sequence[Sequence[Any]], header: Sequence[str], path: Path) -> Iterator[str]:
    """Columns of dates: Excel makes dates of names such as SEPT1 or 1-2."""
    for column, name in enumerate(header):
        dates = [row[column] for row in rows if isinstance(row[column].value, datetime.date | datetime.time)]
        if dates:
            yield (
                f"{path}, {rows_in_words([cell.row for cell in dates])}: {name} holds dates ({cell_text(dates[0])}); if Excel "
                "made them of names, format the column as text and type them again"
            )


def _hidden(sheet: Any, rows: int, path: Path) -> Iterator[str]:
    hidden = sorted(row for row, shown in sheet.row_dimensions.items() if shown.hidden and 1 < row <= rows)
    if hidden:
        yield f"{path}, {rows_in_words(hidden)}: hidden in Excel, perhaps by a filter, and read all the same"

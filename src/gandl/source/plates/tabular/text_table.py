"""Tables as people write them: takes a CSV (also tab-separated, or compressed by gzip) or an Excel workbook, makes rows of text.

The separator, a BOM, line ends and, where the separator is a semicolon or a tab, decimal commas are understood. Nothing heavier
than the standard library is imported before a workbook is read.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.workflow.words import counted

DELIMITERS = ",;\t"
PLACE_COLUMNS = ("well", "row", "column", "channel", "plate", "site", "experiment")
KNOWN = frozenset(
    (
        *PLACE_COLUMNS, "file", "control", "treatment", "concentration_um", "cell_type", "condition", "compound", "smiles",
        "site_id", "well_id", "plate_id", "store_id", "plate_name", "table_row",
    )
)  # fmt: skip
"""Columns with a meaning of their own."""
NUMBERS = ("concentration_um",)
"""Columns in which a decimal comma is read as a point."""
EXCEL = (".xlsx", ".xlsm")
METADATA = "Metadata_"
"""What others begin names of columns with."""


@dataclass(frozen=True)
class Table:
    """A table as text: `rows` holds, for every line that is not empty, its number in the file and its cells by column.

    `delimiter` is "" if the file is no CSV. `doses_read`: concentration_um holds what other columns of concentrations say.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    mistakes: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
    delimiter: str = ""
    doses_read: bool = False


def read_csv(path: Path) -> Table:
    """Read a table as spreadsheets write it: separated by commas, semicolons or tabs, with or without a BOM, any line ends; or an
    Excel workbook, of which the first sheet is read, or the one named as in `sites.xlsx#Plate 1`.

    Names of columns are freed of blanks; the ones that gandl knows may be written in capitals.

    Raises
    ------
    PlatesError : no such file, no table, not UTF-8, without header or rows, or with a column twice.
    """
    file, sheet = file_and_sheet(str(path))
    if file.suffix.lower() in EXCEL or sheet:
        from gandl.source.plates.tabular.spreadsheet import read_sheet

        found = read_sheet(file, sheet)
        return table_of(file, found.header, found.lines, notes=found.notes, mistakes=found.mistakes)
    text = _text_of(file)
    declared = re.match(r"sep=(.)\r?\n", text)
    header_line = text[declared.end() :].split("\n", 1)[0] if declared else text.split("\n", 1)[0]
    delimiter = declared[1] if declared else max(DELIMITERS, key=re.sub(r'"[^"]*"', "", header_line).count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        if declared:
            next(reader)
        header = next(reader, [])
        lines = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise PlatesError(f"{file}, row {reader.line_num}: not readable as CSV ({error})") from error
    return with_decimal_points(table_of(file, header, lines, delimiter), NUMBERS)


def file_and_sheet(text: str) -> tuple[Path, str]:
    """`sites.xlsx#Plate 1` is the sheet `Plate 1` of `sites.xlsx`; "" if no sheet is named."""
    match = re.fullmatch(rf"(.*(?:{'|'.join(map(re.escape, EXCEL))}))#(.+)", text, re.IGNORECASE)
    return (Path(match[1]), match[2]) if match else (Path(text), "")


def table_of(
    path: Path,
    header: Sequence[str],
    lines: Iterable[tuple[int, Sequence[str]]],
    delimiter: str = "",
    mistakes: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Table:
    """A table of the cells of its lines, each with its number.

    Raises
    ------
    PlatesError : no header, no rows, or a column twice.
    """
    names = tuple(_column_name(name) for name in header)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if not any(names) or twice:
        what = f"the column {', '.join(twice)} twice" if twice else "no header"
        raise PlatesError(f"{path} has {what}; its first row must name every column once")
    stripped = ((line, [cell.strip() for cell in cells]) for line, cells in lines)
    rows = [(line, cells) for line, cells in stripped if any(cells)]
    if not rows:
        raise PlatesError(f"{path} has a header and no rows")
    remedy = f"quote cells that contain {delimiter!r}" if delimiter else "name every column in row 1"
    long = [
        f"row {line}: {len(cells)} cells, but the header names {len(names)} columns; {remedy}"
        for line, cells in rows
        if any(cells[len(names) :])
    ]
    named = ((line, dict(zip(names, [*cells, *[""] * len(names)], strict=False))) for line, cells in rows)
    kept = tuple(name for name in names if name)
    return Table(path, kept, tuple(named), (*mistakes, *long), tuple(notes), delimiter)


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise PlatesError(f"no table at {path}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise PlatesError(f"the table {path} cannot be read: {error}") from error
    if data.startswith(b"PK\x03\x04") or data.startswith(b"\xd0\xcf\x11\xe0"):
        raise PlatesError(f"{path} is a spreadsheet; save it as 'CSV UTF-8' and name that file")
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PlatesError(
            f"{path}, row {line}: a character that is not UTF-8; save the table as 'CSV UTF-8'"
        ) from error
    if "\x00" in text:
        raise PlatesError(f"{path} is not text; it must be a table saved as 'CSV UTF-8'")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _column_name(text: str) -> str:
    """A column's name without blanks around it; `Well` and `FILE_DAPI` are `well` and `file_DAPI`."""
    name = text.strip()
    lower = name.lower()
    prefix = next((prefix for prefix in ("file_", "illum_") if lower.startswith(prefix)), "")
    if prefix:
        return f"{prefix}{name[len(prefix) :].strip()}"
    return lower if lower.replace(" ", "_") in KNOWN else name


class Columns:
    """The columns of a table, by names whose capitals, and a prefix `Metadata_`, do not matter.

    Parameters
    ----------
    header : their names as they are written.
    """

    def __init__(self, header: Iterable[str]) -> None:
        self._written = {name.removeprefix(METADATA).lower(): name for name in reversed(list(header))}

    def first(self, names: Iterable[str]) -> str | None:
        """The first of these names that the table has, as it is written there."""
        return next((self._written[name] for name in names if name in self._written), None)

    def all(self, names: Iterable[str]) -> list[str]:
        """Those of these names that the table has, as they are written there."""
        return [self._written[name] for name in names if name in self._written]


def value(cells: Mapping[str, str], column: str | None) -> str:
    """The text of a cell; "" where there is no such column, or where the cell only says that it is empty."""
    text = cells.get(column, "") if column else ""
    return "" if text.lower() in ("na", "nan", "n/a", "null", "<na>", "none") else text


def with_decimal_points(table: Table, columns: Sequence[str]) -> Table:
    """The table with decimal points for decimal commas, where a semicolon or tab separates and no value can mean two things.

    `1,000` is one thousand or one: a column in which no other value (`0,5`) shows which is left as it is, and so is one
    that also has decimal points.
    """
    if table.delimiter not in (";", "\t"):
        return table
    for column in columns:
        values = [cells[column] for _, cells in table.rows if cells.get(column)]
        commas = [value for value in values if re.fullmatch(r"[-+]?\d+,\d+(e[-+]?\d+)?", value, re.IGNORECASE)]
        shown = [value for value in commas if not AMBIGUOUS.fullmatch(value)]
        if not shown or any("." in value or value.count(",") > 1 for value in values):
            continue
        chosen = frozenset(commas)
        rows = tuple(
            (line, {**cells, column: cells[column].replace(",", ".")} if cells[column] in chosen else cells)
            for line, cells in table.rows
        )
        note = f"{column} has decimal commas in {counted(len(commas), 'row')}: {shown[0]} is read as {shown[0].replace(',', '.')}"
        table = replace(table, rows=rows, notes=(*table.notes, note))
    return table


AMBIGUOUS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
"""A decimal comma, or one between thousands."""

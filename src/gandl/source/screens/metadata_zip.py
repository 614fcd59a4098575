"""The metadata of a published screen: takes its zip, makes a table of text, one row per site, indexed by the line in the file.

Every value stays the text that was written: `NA` and `EMPTY` are words, an empty field is an empty text.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import pandas as pd

from gandl.workflow.words import counted, named

MEMBER = "metadata.csv"
ROWS_SHOWN = 5
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
"""What reading a damaged archive raises (`RuntimeError`: a member with a password)."""


class MetadataError(ValueError):
    """A metadata archive or its table cannot be read as such; the message names the file, the member and the row."""


@dataclass(frozen=True)
class Metadata:
    """A screen's metadata. `frame` holds text only, its index the lines of the file; `sha256` is that of the CSV's bytes."""

    where: str
    frame: pd.DataFrame
    sha256: str


def read_metadata(path: Path, columns: Sequence[str], explained: Mapping[str, str] | None = None) -> Metadata:
    """Read the one CSV of a metadata archive.

    Parameters
    ----------
    path : zip; its one CSV may lie in any folder (of several, the one that is called `metadata.csv`).
    columns : columns that the table must have; it may have more.
    explained : what it means where one of these columns is absent.

    Raises
    ------
    MetadataError : no zip, a damaged one, no or two such members, another encoding than UTF-8, an absent column, or rows with
        more or fewer fields than the header.
    """
    path = Path(path)
    with open_archive(path, MetadataError) as archive:
        member = _member_of(archive, path)
        where = f"{path}: {member}"
        try:
            with archive.open(member) as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            with archive.open(member) as file:
                return Metadata(where, read_text_table(file, where, columns, explained), sha256)
        except BROKEN as error:
            raise MetadataError(f"{where} is damaged and cannot be read ({error}); {renewed(path)}") from error


def open_archive(path: Path, error: type[ValueError]) -> zipfile.ZipFile:
    """Open a zip, or raise `error` in one sentence: absent, truncated, or no zip at all."""
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as broken:
        with path.open("rb") as file:
            begins_as_zip = file.read(2) == b"PK"
        what = (
            "is truncated or damaged: it begins as a zip, but its directory cannot be read"
            if begins_as_zip
            else "is not a zip"
        )
        raise error(f"{path} {what}; {renewed(path)}") from broken
    except OSError as absent:
        raise error(f"{path} cannot be opened: {absent.strerror}") from absent


def renewed(path: Path) -> str:
    """What to do with a damaged download, in words."""
    return f"delete {path} and run again to download it again (with a mirror: repair the mirror's file first)"


def csv_members(archive: zipfile.ZipFile) -> list[str]:
    """Names of an archive's CSV files, without the shadow files that macOS adds."""
    return [
        name
        for name in archive.namelist()
        if name.lower().endswith(".csv") and not PurePosixPath(name).name.startswith("._")
    ]


def _member_of(archive: zipfile.ZipFile, path: Path) -> str:
    found = csv_members(archive)
    if not found:
        held = ", ".join(archive.namelist()[:5]) or "nothing"
        raise MetadataError(f"{path} holds no CSV file; it must hold {MEMBER}, and it holds {held}")
    if len(found) > 1:
        found = [name for name in found if PurePosixPath(name).name == MEMBER] or found
    if len(found) > 1:
        raise MetadataError(f"{path} holds {len(found)} CSV files ({', '.join(found[:5])}); it must hold one {MEMBER}")
    return found[0]


def read_text_table(
    file: IO[bytes], where: str, columns: Sequence[str], explained: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a CSV as text; see `read_metadata`. A byte-order mark is skipped."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, where, columns, explained or {})
        return _table(reader, header, where)
    except UnicodeDecodeError as error:
        raise MetadataError(
            f"{where} is not UTF-8: byte 0x{error.object[error.start]:02x} after row {reader.line_num}; save it as UTF-8"
        ) from error
    except csv.Error as error:
        raise MetadataError(f"{where}: row {reader.line_num} is not valid CSV: {error}") from error


def _check_header(header: list[str], where: str, columns: Iterable[str], explained: Mapping[str, str]) -> None:
    if not header:
        raise MetadataError(f"{where} is empty")
    missing = [name for name in columns if name not in header]
    if missing:
        reasons = "".join(f"; {explained[name]}" for name in missing if name in explained)
        raise MetadataError(f"{where} lacks the {named('column', missing)}{reasons}; it has {', '.join(header)}")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise MetadataError(f"{where} has the {named('column', repeated)} twice")


def _table(reader: csv._reader, header: list[str], where: str) -> pd.DataFrame:  # type: ignore[name-defined]
    words: dict[str, str] = {}  # most values repeat thousands of times: one copy of each
    lines: list[int] = []
    rows: list[list[str]] = []
    wrong: list[str] = []
    for row in reader:
        if len(row) == len(header):
            rows.append([words.setdefault(value, value) for value in row])
            lines.append(reader.line_num)
        elif row:
            wrong.append(f"  row {reader.line_num} has {counted(len(row), 'field')}, the header has {len(header)}")
    if wrong:
        more = [f"  ... and {len(wrong) - ROWS_SHOWN:,} more rows like these"] if len(wrong) > ROWS_SHOWN else []
        raise MetadataError("\n".join([f"{where} has broken rows:", *wrong[:ROWS_SHOWN], *more]))
    if not rows:
        raise MetadataError(f"{where} has a header but no rows")
    table = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    return pd.DataFrame(table, index=pd.Index(lines, name="line"), dtype=object)

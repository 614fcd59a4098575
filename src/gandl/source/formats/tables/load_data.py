"""CellProfiler's LoadData: takes its table (CSV, compressed by gzip, or parquet), makes the sites and channels that it lists.

Columns: `FileName_*` with `PathName_*`, or `URL_*`, per channel (a prefix `Orig` is dropped), `Metadata_Plate`, `Metadata_Site`,
`Metadata_Well` or `Metadata_Row` and `Metadata_Col`; `Frame_*` and `Series_*` number pages from 0; `FileName_Illum*` are
illumination functions. It is translated into the columns of `sites.csv` and read as such.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gandl.source.formats.tables.names import METADATA, Columns, kept_names, value
from gandl.source.formats.tables.prefixes import (
    Rewrite,
    foreign_paths,
    is_absolute,
    is_address,
    rewritten,
    with_slashes,
)
from gandl.source.formats.tables.treatments import has_treatments, translated
from gandl.source.plates.channels import Renames
from gandl.source.plates.mistakes import PlatesError
from gandl.source.plates.rules import well_at
from gandl.source.plates.state import ILLUMINATION, PREFIX
from gandl.source.plates.table import LAYOUT, MADE, Found, sites_of_table
from gandl.source.plates.text_table import Table, read_csv, table_of
from gandl.workflow.words import counted

_COLUMN = re.compile(r"(?:Image_)?(FileName|PathName|URL|Frame|Series)_(.+)")
_ORIGINAL = re.compile(r"^Orig(?=[A-Z0-9_])")
_PLACES = {
    "plate": ("plate", "assay_plate_barcode", "plate_barcode", "barcode"),
    "well": ("well", "well_position", "wellid"),
    "row": ("row", "wellrow"),
    "column": ("col", "column", "wellcol", "wellcolumn"),
    "site": ("site", "fieldid", "field", "fov"),
    "experiment": ("experiment", "batch"),
}
"""Columns of `sites.csv`, and those behind `Metadata_` that mean them."""
BUCKET = re.compile(r"s3://([^/]+)/(.*)")


@dataclass(frozen=True)
class _Image:
    """An image of a row: its column in `sites.csv`, and the columns of LoadData that name it."""

    column: str
    name: str | None
    folder: str | None
    url: str | None
    frame: str | None
    series: str | None


def is_load_data(header: Sequence[str]) -> bool:
    """Whether the columns of a table are those of LoadData."""
    return any(match[1] in ("FileName", "URL") for name in header if (match := _COLUMN.fullmatch(name)))


def read_table(path: Path) -> Table:
    """A table of LoadData or of sites: CSV (also compressed), Excel or parquet; rows of a parquet file count from 2, as in a CSV.

    Raises
    ------
    PlatesError : no such file, or no table.
    """
    if Path(path).suffix.lower() not in (".parquet", ".pq"):
        return read_csv(path)
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except FileNotFoundError:
        raise PlatesError(f"no table at {path}") from None
    except (OSError, ValueError) as error:  # pyarrow's errors are of these two kinds
        raise PlatesError(f"{path} cannot be read as parquet: {error}") from error
    columns = [[_text(cell) for cell in frame[name].astype(object)] for name in frame.columns]
    return table_of(path, [str(name) for name in frame.columns], enumerate(zip(*columns, strict=True), start=2))


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell)
    return "" if text in ("<NA>", "NaT") else text


def read_load_data(
    path: Path,
    rewrites: Sequence[Rewrite] = (),
    *,
    illumination: bool = False,
    leave_out: Collection[str] = (),
    renames: Renames | None = None,
) -> Found:
    """Read LoadData.

    Parameters
    ----------
    path : the table. rewrites : of the prefixes of its paths, the first that fits being used.
    illumination : images are divided by illumination functions, so that mistakes about these matter.
    renames : other names for channels. leave_out : channels (by these names) whose cells are not looked at.

    Raises
    ------
    PlatesError : no such file, no table, or no LoadData; any other mistake is in `mistakes`, with its row.
    """
    new = renames or {}
    unused = {old for old, name in new.items() if name in leave_out} | {name for name in leave_out if name not in new}
    house, foreign = house_table(read_table(path), rewrites, illumination=illumination, unused=unused)
    table = translated(house) if has_treatments(house.header) else house
    found = sites_of_table(table, leave_out, illumination=illumination, renames=renames)
    if foreign:  # what is said of their prefix suffices
        found = replace(found, sites=tuple(replace(site, images={}, illumination={}) for site in found.sites))
    return found


def house_table(
    table: Table, rewrites: Sequence[Rewrite], *, illumination: bool = False, unused: Collection[str] = ()
) -> tuple[Table, bool]:
    """LoadData with the columns of `sites.csv`, and whether paths in it are those of another machine; those of `unused` channels
    do not matter.

    Raises
    ------
    PlatesError : the table is no LoadData.
    """
    images, mistakes = _images(table.header)
    if not any(image.column.startswith(PREFIX) for image in images):
        raise PlatesError(f"{table.path} is no LoadData: it has no column FileName_<channel> or URL_<channel>")
    metadata = _Metadata.of(table.header)
    mistakes += metadata.mistakes(table)
    cells = _Cells(table, images, rewrites, unused)
    rows = []
    for line, row in table.rows:
        rows.append((line, {**metadata.of_row(row), **cells.of_row(line, row, mistakes)}))
    foreign, sentences = foreign_paths(cells.named[PREFIX], table.path)
    of_light, about_light = foreign_paths(cells.named[ILLUMINATION], table.path)
    sentences += [sentence for sentence in about_light if illumination and sentence not in sentences]
    mistakes += [*sentences, *cells.unused_rewrites()]
    header = tuple(rows[0][1])
    notes = (*table.notes, *cells.notes(), *([] if illumination else about_light), *metadata.notes(table.header))
    elsewhere = bool(foreign or (illumination and of_light))
    return Table(table.path, header, tuple(rows), (*table.mistakes, *mistakes), notes), elsewhere


@dataclass(frozen=True)
class _Metadata:
    """Which columns give plate, well and site, which are gandl's own, and which are kept under a plain name."""

    places: Mapping[str, str | None]
    own: Mapping[str, str]
    kept: Mapping[str, str]

    @classmethod
    def of(cls, header: Sequence[str]) -> _Metadata:
        written = [name for name in header if _plain(name) is not None]
        columns = Columns(f"{METADATA}{_plain(name)}" for name in written)
        places = {name: columns.first(of) for name, of in _PLACES.items()}
        if places["well"]:
            places["row"] = places["column"] = None
        as_written = {f"{METADATA}{_plain(name)}": name for name in reversed(written)}
        places = {name: as_written[column] if column else None for name, column in places.items()}
        own = {name: lower for name in written if (lower := str(_plain(name)).lower()) in LAYOUT}
        others = [name for name in written if name not in own and name not in places.values()]
        plain = {str(_plain(name)): name for name in reversed(others) if str(_plain(name)).lower() not in MADE}
        return cls(places, own, {plain[name]: kept for name, kept in kept_names(reversed(plain)).items()})

    def of_row(self, cells: Mapping[str, str]) -> dict[str, str]:
        row = {name: value(cells, column) for name, column in self.places.items() if name not in ("row", "column")}
        if self.places["row"] and self.places["column"]:
            row["well"] = _well(value(cells, self.places["row"]), value(cells, self.places["column"]))
        given = {name: text for name, text in row.items() if self.places[name] or name == "well"}
        return {
            **given,
            **{name: value(cells, column) for column, name in self.own.items()},
            **{plain: cells[column] for column, plain in self.kept.items()},
        }

    def mistakes(self, table: Table) -> list[str]:
        if not self.places["well"] and not (self.places["row"] and self.places["column"]):
            have = ", ".join(name for name in table.header if _plain(name) is not None) or "no column Metadata_..."
            return [f"row 1: neither Metadata_Well nor Metadata_Row and Metadata_Col; it has {have}"]
        if self.places["plate"]:
            return []
        seen: dict[tuple[str, str], int] = {}
        for line, cells in table.rows:
            row = self.of_row(cells)
            first = seen.setdefault((row["well"], row.get("site", "")), line)
            if self.places["site"] and first != line:
                return [
                    f"row {line}: well {row['well']}, site {row['site']} is in row {first} already, and no column Metadata_Plate "
                    "says which plate it is of; add it if the table lists several plates"
                ]
        return []

    def notes(self, header: Sequence[str]) -> list[str]:
        notes = []
        if not self.places["plate"]:
            notes.append("no column Metadata_Plate: all rows are taken as one plate")
        if self.places["experiment"]:
            notes.append(f"{self.places['experiment']} is the experiment: it separates plates of the same name")
        others = [name for name in header if _plain(name) is None and not _COLUMN.fullmatch(name)]
        if others:
            notes.append(f"not kept: {counted(len(others), 'column')} without Metadata_, the first is {others[0]}")
        return notes


def _plain(name: str) -> str | None:
    """`Plate` of `Metadata_Plate`; None for any other column."""
    match = re.fullmatch(rf"(?:Image_)?{METADATA}(.+)", name)
    return match[1] if match else None


def _well(row: str, column: str) -> str:
    """The well in a row (a letter, or a number from 1) and column; words that name no well where there is none."""
    row, column = row.removesuffix(".0"), column.removesuffix(".0")
    well = well_at(row, int(column)) if row and column.isdecimal() else None
    return well or f"row {row}, column {column}"


class _Cells:
    """Makes the cells that name images in `sites.csv`.

    Parameters
    ----------
    table : LoadData. images : their columns. rewrites : of prefixes. unused : channels whose files do not matter.

    Attributes
    ----------
    named : paths on this machine that the cells of images (`file_`) and illumination functions (`illum_`) name.
    """

    def __init__(
        self, table: Table, images: Sequence[_Image], rewrites: Sequence[Rewrite], unused: Collection[str] = ()
    ) -> None:
        self._folder, self._images, self._rewrites = table.path.parent, images, rewrites
        self._unused = {f"{kind}{channel}" for kind in (PREFIX, ILLUMINATION) for channel in unused}
        self._used: set[Rewrite] = set()
        self._begins: list[str] = []
        self._buckets: set[str] = set()
        self._paged = any(value(cells, image.frame) not in ("", "0") for _, cells in table.rows for image in images)
        self.named: dict[str, list[str]] = {PREFIX: [], ILLUMINATION: []}

    def of_row(self, line: int, cells: Mapping[str, str], mistakes: list[str]) -> dict[str, str]:
        row = {}
        for image in self._images:
            path = self._path(image, cells)
            try:
                page = self._page(image, cells) if path else None
            except ValueError as error:
                mistakes.append(f"row {line}: {error}")
                page = None
            row[image.column] = path if page is None else f"{path}#{page}"
        return row

    def _path(self, image: _Image, cells: Mapping[str, str]) -> str:
        """Where an image is: an address, an absolute path, or one relative to the table's folder; "" if the row names none."""
        folder, name, url = (value(cells, column) for column in (image.folder, image.name, image.url))
        path = url or (
            "/".join(filter(None, (with_slashes(folder).rstrip("/") or folder, with_slashes(name)))) if name else ""
        )
        if path.startswith("file:"):
            path = unquote(urlsplit(path).path)
            path = path.removeprefix("/") if re.match(r"/[A-Za-z]:/", path) else path
        if path:
            self._begins.append(path)
        path, rewrite = rewritten(path, self._rewrites)
        if rewrite is not None:
            self._used.add(rewrite)
            if not is_address(path) and not is_absolute(path):
                path = os.path.relpath(path, self._folder)
        if bucket := BUCKET.fullmatch(path):
            self._buckets.add(bucket[1])
            path = f"https://{bucket[1]}.s3.amazonaws.com/{bucket[2]}"
        if path and not is_address(path):
            if image.column not in self._unused:
                self.named[PREFIX if image.column.startswith(PREFIX) else ILLUMINATION].append(path)
            # refused by its prefix, not once for each row
            path = f"/{path}" if re.match(r"[A-Za-z]:/", path) else path
        return path

    def _page(self, image: _Image, cells: Mapping[str, str]) -> int | None:
        """The page (from 1) that frame and series (from 0) mean; None in a table whose frames are all 0."""
        numbers = []
        for column in (image.frame, image.series):
            text = value(cells, column).removesuffix(".0") or "0"
            if not text.isdecimal():
                raise ValueError(f"{column} is {text!r}; frames and series count from 0")
            numbers.append(int(text))
        frame, series = numbers
        if frame and series:
            raise ValueError(
                f"{image.frame} is {frame} and {image.series} is {series}; only one of them can number pages"
            )
        return frame + series + 1 if self._paged or series else None

    def unused_rewrites(self) -> list[str]:
        """A sentence for every rewrite that fits no path."""
        unused = [rewrite for rewrite in self._rewrites if rewrite not in self._used]
        begins = self._begins[0] if self._begins else ""
        return [f"--rewrite {each.old}={each.new} fits no path; the first is {begins}" for each in unused]

    def notes(self) -> list[str]:
        return [
            f"s3://{bucket}/ is read as https://{bucket}.s3.amazonaws.com/, which works for public buckets"
            for bucket in sorted(self._buckets)
        ]


def _images(header: Sequence[str]) -> tuple[list[_Image], list[str]]:
    """The images of a row, in the order of their columns, and mistakes: two columns of one channel."""
    kinds: dict[str, dict[str, str]] = {}
    for name in header:
        if match := _COLUMN.fullmatch(name):
            kinds.setdefault(match[2], {}).setdefault(match[1], name)
    found: dict[str, str] = {}
    images, mistakes = [], []
    for written, columns in kinds.items():
        if not {"FileName", "URL"} & set(columns):
            continue
        light = written.removeprefix("Illum") if written.startswith("Illum") else ""
        column = f"{ILLUMINATION}{light}" if light else f"{PREFIX}{_ORIGINAL.sub('', written, count=1)}"
        if column in found:
            mistakes.append(f"row 1: the columns of {found[column]} and {written} both mean {column}; drop one of them")
        found[column] = written
        names = (columns.get(kind) for kind in ("FileName", "PathName", "URL", "Frame", "Series"))
        images.append(_Image(column, *names))
    return images, mistakes

"""CellProfiler's LoadData: takes its table (CSV, compressed by gzip, or parquet), makes the sites and channels that it lists.

Columns: `FileName_*` with `PathName_*`, or `URL_*`, per channel (a prefix `Orig` is dropped), `Metadata_Plate`, `Metadata_Site`,
`Metadata_Well` or `Metadata_Row` and `Metadata_Col`; `Frame_*` and `Series_*` number pages from 0; `FileName_Illum*` are
illumination functions. It is translated into the columns of `sites.csv` and read as such.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from gandl.source.formats.tables.load_data_images import COLUMN, Cells, images_of
from gandl.source.formats.tables.load_data_places import Places
from gandl.source.formats.tables.load_data_planes import joined
from gandl.source.formats.tables.prefixes import Rewrite, foreign_paths
from gandl.source.formats.tables.treatments import has_treatments, translated
from gandl.source.plates.channels import Renames
from gandl.source.plates.state import ILLUMINATION, PREFIX, WHOLE
from gandl.source.plates.table import Found, channels_of_header, sites_of_table
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.plates.tabular.text_table import Table, read_csv, table_of


def is_load_data(header: Sequence[str]) -> bool:
    """Whether the columns of a table are those of LoadData, and not of a `sites.csv` that keeps some of them."""
    own = WHOLE in header or channels_of_header(tuple(header))
    return not own and any(match[1] in ("FileName", "URL") for name in header if (match := COLUMN.fullmatch(name)))


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
    time: int | None = None,
) -> Found:
    """Read LoadData.

    Parameters
    ----------
    path : the table. rewrites : of the prefixes of its paths, the first that fits being used.
    illumination : images are divided by illumination functions, so that mistakes about these matter.
    renames : other names for channels. leave_out : channels (by these names) whose cells are not looked at.
    time : number of the time point that is taken, from 1, where rows are of several.

    Raises
    ------
    PlatesError : no such file, no table, or no LoadData; any other mistake is in `mistakes`, with its row.
    """
    new = renames or {}
    unused = {old for old, name in new.items() if name in leave_out} | {name for name in leave_out if name not in new}
    house, foreign = house_table(read_table(path), rewrites, illumination=illumination, unused=unused, time=time)
    treated = has_treatments(house.header) or "treatment" in house.header
    table = translated(house) if treated else house
    found = sites_of_table(table, leave_out, illumination=illumination, renames=renames)
    if foreign:  # what is said of their prefix suffices
        found = replace(found, sites=tuple(replace(site, images={}, illumination={}) for site in found.sites))
    return found


def house_table(
    table: Table,
    rewrites: Sequence[Rewrite],
    *,
    illumination: bool = False,
    unused: Collection[str] = (),
    time: int | None = None,
) -> tuple[Table, bool]:
    """LoadData with the columns of `sites.csv`, and whether paths in it are those of another machine; those of `unused` channels
    do not matter.

    Raises
    ------
    PlatesError : the table is no LoadData.
    """
    images, mistakes = images_of(table.header)
    first = next((image.column for image in images if image.column.startswith(PREFIX)), None)
    if first is None:
        raise PlatesError(f"{table.path} is no LoadData: it has no column FileName_<channel> or URL_<channel>")
    places = Places.of(table.header, table.rows)
    cells = Cells(table, images, rewrites, unused)
    all_rows = [(line, {**places.of_row(row), **cells.of_row(line, row, mistakes)}) for line, row in table.rows]
    notes: list[str] = []
    rows = joined(all_rows, table.rows, places, table.path.parent, time, mistakes, notes)
    mistakes = [*places.mistakes(table.header, rows, first), *mistakes]
    foreign, sentences = foreign_paths(cells.named[PREFIX], table.path)
    of_light, about_light = foreign_paths(cells.named[ILLUMINATION], table.path)
    sentences += [sentence for sentence in about_light if illumination and sentence not in sentences]
    mistakes += [*sentences, *cells.unused_rewrites()]
    header = tuple(all_rows[0][1])
    notes = [*table.notes, *cells.notes(), *notes, *([] if illumination else about_light), *places.notes(table.header)]
    elsewhere = bool(foreign or (illumination and of_light))
    complete = tuple((line, dict(row)) for line, row in rows)
    return Table(table.path, header, complete, (*table.mistakes, *mistakes), tuple(notes), table.delimiter), elsewhere

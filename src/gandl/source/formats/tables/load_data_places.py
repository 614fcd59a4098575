"""Where images of CellProfiler's LoadData belong: takes the columns that give plate, well, site, plane and time, makes those of
`sites.csv`.

They are written `Metadata_Well`, or, where only they can be meant, `Well`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gandl.source.formats.tables.load_data_images import COLUMN
from gandl.source.formats.tables.names import kept_names
from gandl.source.formats.tables.treatments import CELLS, KINDS, SAMPLES
from gandl.source.plates.rules import well_at
from gandl.source.plates.table import LAYOUT, MADE
from gandl.source.plates.tabular.doses import unit_in_name
from gandl.source.plates.tabular.text_table import METADATA, Columns, value
from gandl.workflow.words import counted

_PLACES = {
    "plate": ("plate", "assay_plate_barcode", "plate_barcode", "barcode"),
    "well": ("well", "well_position", "wellid"),
    "row": ("row", "wellrow"),
    "column": ("col", "column", "wellcol", "wellcolumn"),
    "site": ("site", "fieldid", "field", "fov"),
    "experiment": ("experiment", "batch"),
    "plane": ("zplane", "z_plane", "plane", "planeid", "zslice", "z_slice", "zstep", "zindex", "slice", "z"),
    "time": ("timepoint", "time_point", "timepointid", "timepointindex", "t", "time"),
}
"""Columns of `sites.csv`, and those behind `Metadata_` that mean them; plane and time only where a site's rows differ in them."""
_WITHIN = ("plane", "time")
_UNPREFIXED = {
    *(name for names in _PLACES.values() for name in names), *LAYOUT, *SAMPLES, *KINDS, *CELLS, "solvent", "smiles",
}  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Which columns give plate, well, site, plane and time, which are gandl's own, and which are kept under a plain name."""

    columns: Mapping[str, str | None]
    own: Mapping[str, str]
    kept: Mapping[str, str]

    @classmethod
    def of(cls, header: Sequence[str], rows: Iterable[tuple[int, Mapping[str, str]]]) -> Places:
        written = sorted((name for name in header if _plain(name) is not None), key=_is_bare)
        known = Columns(f"{METADATA}{_plain(name)}" for name in written)
        columns = {name: known.first(of) for name, of in _PLACES.items()}
        if columns["well"]:
            columns["row"] = columns["column"] = None
        as_written = {f"{METADATA}{_plain(name)}": name for name in reversed(written)}
        columns = {name: as_written[column] if column else None for name, column in columns.items()}
        columns |= {name: None for name in _WITHIN if not _differs(name, columns, rows)}
        own = {name: lower for name in reversed(written) if (lower := str(_plain(name)).lower()) in LAYOUT}
        others = [name for name in header if name in written and name not in own and name not in columns.values()]
        plain = {str(_plain(name)): name for name in reversed(others) if str(_plain(name)).lower() not in MADE}
        return cls(columns, own, {plain[name]: kept for name, kept in kept_names(reversed(plain)).items()})

    def of_row(self, cells: Mapping[str, str]) -> dict[str, str]:
        """What a row says in the columns of `sites.csv`, without its images."""
        names = ("plate", "well", "site", "experiment")
        row = {name: self.text(name, cells) for name in names if self.columns[name] or name == "well"}
        if self.columns["row"] and self.columns["column"]:
            row["well"] = _well(self.text("row", cells), self.text("column", cells))
        return {
            **row,
            **{name: value(cells, column) for column, name in self.own.items()},
            **{plain: cells[column] for column, plain in self.kept.items()},
        }

    def text(self, name: str, cells: Mapping[str, str]) -> str:
        """The plate, site ... of a row; a whole number that was written as 1.0 is 1."""
        return re.sub(r"(?<=\d)\.0+$", "", value(cells, self.columns[name]))

    def mistakes(self, header: Sequence[str], rows: Sequence[tuple[int, Mapping[str, str]]], image: str) -> list[str]:
        """A well that is not given, or rows of several plates that no column distinguishes.

        Parameters
        ----------
        header : of LoadData. rows : their lines and cells in the columns of `sites.csv`. image : one of these columns.
        """
        if not self.columns["well"] and not (self.columns["row"] and self.columns["column"]):
            have = ", ".join(name for name in header if _plain(name) is not None) or "no column Metadata_..."
            return [f"row 1: neither Metadata_Well nor Metadata_Row and Metadata_Col; it has {have}"]
        if self.columns["plate"]:
            return []
        seen: dict[tuple[str, str, str], tuple[int, str]] = {}
        for line, row in rows:
            place = (row.get("experiment", ""), row["well"], row.get("site", ""))
            folder = row[image].partition("|")[0].rpartition("/")[0]
            first, other = seen.setdefault(place, (line, folder))
            which = "and no column Metadata_Plate says which plate it is of; add it if the table lists several plates"
            if self.columns["site"] and first != line:
                return [f"row {line}: well {row['well']}, site {row['site']} is in row {first} already, {which}"]
            if folder != other:
                return [
                    f"row {line}: well {row['well']} is in row {first} already, with images in {other or '.'} there and in "
                    f"{folder or '.'} here, {which}, or Metadata_Site if they are sites of one well"
                ]
        return []

    def notes(self, header: Sequence[str]) -> list[str]:
        notes = []
        if not self.columns["plate"]:
            notes.append("no column Metadata_Plate: all rows are taken as one plate")
        if self.columns["experiment"]:
            notes.append(f"{self.columns['experiment']} is the experiment: it separates plates of the same name")
        others = [name for name in header if _plain(name) is None and not COLUMN.fullmatch(name)]
        if others:
            notes.append(f"not kept: {counted(len(others), 'column')} without Metadata_, the first is {others[0]}")
        return notes


def _differs(name: str, columns: Mapping[str, str | None], rows: Iterable[tuple[int, Mapping[str, str]]]) -> bool:
    """Whether rows of one site (and of one time point, or one plane) differ in a column, so that they are parts of it."""
    column = columns[name]
    if column is None:
        return False
    others = [of for what, of in columns.items() if what != name and of is not None]
    values: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for _, cells in rows:
        values[tuple(value(cells, other) for other in others)].add(value(cells, column))
    return any(len(of_site) > 1 for of_site in values.values())


def _is_bare(name: str) -> bool:
    return re.match(rf"(?:Image_)?{METADATA}", name) is None


def _plain(name: str) -> str | None:
    """`Plate` of `Metadata_Plate`, or of `Plate` itself; None for any other column."""
    match = re.fullmatch(rf"(?:Image_)?{METADATA}(.+)", name)
    if match:
        return match[1]
    bare = not COLUMN.fullmatch(name) and (name.lower() in _UNPREFIXED or unit_in_name(name) is not None)
    return name if bare else None


def _well(row: str, column: str) -> str:
    """The well in a row (a letter, or a number from 1) and column; words that name no well where there is none."""
    well = well_at(row, int(column)) if row and column.isdecimal() else None
    return well or f"row {row}, column {column}"

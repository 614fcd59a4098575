"""Plate maps as pycytominer and JUMP use them: takes `barcode_platemap.csv`, its `platemap/*.txt` and `external_metadata.tsv`, or
one map for all plates, makes the table of wells.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gandl.source.formats.tables.treatments import KINDS, SAMPLES, WELL, has_treatments, translated
from gandl.source.plates.rules import Site
from gandl.source.plates.table import Found
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.plates.tabular.text_table import Columns, Table, read_csv, value
from gandl.source.plates.wells import Wells, plain_plate, read_wells, some_names, treated, wells_of_table
from gandl.workflow.words import counted

BARCODES = "barcode_platemap.csv"
BARCODE = ("assay_plate_barcode", "barcode", "plate_barcode", "plate")
MAP = ("plate_map_name", "platemap_name", "plate_map", "platemap")
EXTERNAL = "external_metadata"
ENDINGS = ("", ".txt", ".tsv", ".csv", ".csv.gz")
ANCESTORS = 5
"""Folders above a table that are searched for `metadata/platemaps`."""


@dataclass(frozen=True)
class PlateMaps:
    """What plate maps say: rows by plate and well, mistakes with file and row, and notes."""

    wells: Wells
    mistakes: tuple[str, ...]
    notes: tuple[str, ...]


def with_plate_maps(found: Found, path: Path) -> Found:
    """Sites with the treatments of their wells.

    Parameters
    ----------
    found : sites that say nothing of treatments.
    path : `barcode_platemap.csv` or its folder; a plate map, which holds for every plate; or gandl's table of wells.

    Raises
    ------
    gandl.source.plates.tabular.mistakes.PlatesError : a file is missing or no table; any other mistake is in `mistakes`.
    """
    own = next((site for site in found.sites if _says_what_was_done(site)), None)
    if own is not None:
        mistake = f"{own.where}: treatments are given here and in {path}; leave out one of them"
        return replace(found, mistakes=(*found.mistakes, mistake))
    maps = read_plate_maps(path, list(dict.fromkeys(site.key.plate for site in found.sites)))
    found = replace(found, mistakes=(*found.mistakes, *maps.mistakes), notes=(*found.notes, *maps.notes))
    try:
        sites, notes = treated(found.sites, maps.wells, str(path)) if maps.wells else (list(found.sites), [])
    except PlatesError as error:
        return replace(found, mistakes=(*found.mistakes, str(error)))
    return replace(found, sites=tuple(sites), notes=(*found.notes, *notes))


def _says_what_was_done(site: Site) -> bool:
    layout = site.layout
    return layout.control != "none" or bool(layout.treatment) or layout.concentration_um is not None


def read_plate_maps(path: Path, plates: Collection[str]) -> PlateMaps:
    """Read the plate maps of these plates.

    Raises
    ------
    gandl.source.plates.tabular.mistakes.PlatesError : a file is missing or no table.
    """
    path = Path(path) / BARCODES if Path(path).is_dir() else Path(path)
    table = read_csv(path)
    mistakes: list[str] = []
    notes: list[str] = []
    columns = Columns(table.header)
    barcode, name = columns.first(BARCODE), columns.first(MAP)
    if barcode and name:
        external = _external(path.parent, mistakes, notes)
        wells: Wells = {}
        read: dict[Path, Wells] = {}
        for plate, file in _maps_of(path, table, barcode, name, plates, mistakes):
            if file not in read:
                read[file] = _wells_of_map(read_csv(file), file, external, mistakes, notes)
            wells |= {(None, plate, well): row for (_, of, well), row in read[file].items() if of in (None, plate)}
        return PlateMaps(wells, tuple(mistakes), tuple(notes))
    if has_treatments(table.header) or columns.first(("well_position",)):
        external = _external(path.parent, mistakes, notes)
        return PlateMaps(_wells_of_map(table, path, external, mistakes, notes), tuple(mistakes), tuple(notes))
    return PlateMaps(read_wells(path, mistakes, notes), tuple(mistakes), tuple(notes))


def _maps_of(
    path: Path, table: Table, barcode: str, name: str, plates: Collection[str], mistakes: list[str]
) -> Iterator[tuple[str, Path]]:
    """Every plate that has a map, and the map's file."""
    rows: dict[str, tuple[int, str]] = {}
    for line, cells in table.rows:
        plate, given = plain_plate(cells[barcode]), cells[name]
        first = rows.setdefault(plate, (line, given))
        if first[1] != given:
            mistakes.append(
                f"{path}, row {line}: barcode {cells[barcode]} has the map {given}, but {first[1]} in row {first[0]}"
            )
    for plate in dict.fromkeys(map(plain_plate, plates)):
        if plate not in rows:
            mistakes.append(f"plate {plate!r} has no plate map: {path} lists {some_names(list(rows))}")
            continue
        line, given = rows[plate]
        places = [
            folder / f"{given}{ending}" for folder in (path.parent / "platemap", path.parent) for ending in ENDINGS
        ]
        file = next((place for place in places if given and place.is_file()), None)
        if file is None:
            mistakes.append(
                f"{path}, row {line}: there is no plate map {path.parent / 'platemap' / given}.txt (nor .tsv, .csv)"
            )
        else:
            yield plate, file


def _wells_of_map(table: Table, file: Path, external: _External | None, mistakes: list[str], notes: list[str]) -> Wells:
    """The rows of one plate map."""
    if external is not None:
        table, unknown = external.joined(table)
        notes += [f"{file}: {note}" for note in unknown]
    house = translated(table)
    if not Columns(table.header).first(WELL):
        mistakes.append(f"{file}, row 1: the column well_position is missing; it has {', '.join(table.header)}")
        return {}
    notes += [f"{file}: {note}" for note in house.notes]
    return wells_of_table(replace(house, notes=()), str(file), mistakes, notes)


@dataclass(frozen=True)
class _External:
    """What is known of samples: the column that names them, and the other columns of each."""

    path: Path
    key: str
    columns: tuple[str, ...]
    samples: Mapping[str, Mapping[str, str]]

    def joined(self, table: Table) -> tuple[Table, list[str]]:
        """A plate map with the columns of its samples, and a note of samples that are not listed."""
        key = Columns(table.header).first((self.key.lower(),))
        if key is None:
            return table, [f"{self.path} is not used: the plate map has no column {self.key}"]
        names = {value(cells, key) for _, cells in table.rows} - {""}
        unknown = sorted(names - set(self.samples))
        notes = [f"{self.path} lacks {counted(len(unknown), 'sample')}, the first is {unknown[0]}"] if unknown else []
        new = [name for name in self.columns if name not in table.header]
        blank = dict.fromkeys(new, "")
        rows = []
        for line, cells in table.rows:
            known = self.samples.get(value(cells, key), {})
            filled = {name: text for name, text in known.items() if not value(cells, name)}
            rows.append((line, {**blank, **cells, **filled}))
        return replace(table, header=(*table.header, *new), rows=tuple(rows)), notes


def _external_table(folder: Path, notes: list[str]) -> Path | None:
    """Beside the plate maps, or in a folder `external_metadata` above them, where the only table may have any name."""
    for place in (folder, folder.parent, folder.parent.parent):
        names = (f"{EXTERNAL}.tsv", f"{EXTERNAL}.csv", f"{EXTERNAL}/{EXTERNAL}.tsv", f"{EXTERNAL}/{EXTERNAL}.csv")
        for path in (place / name for name in names):
            if path.is_file():
                return path
        tables = sorted(path for path in (place / EXTERNAL).glob("*") if path.suffix.lower() in (".tsv", ".csv"))
        if len(tables) == 1:
            return tables[0]
        if tables:
            listed = ", ".join(path.name for path in tables)
            notes.append(f"{place / EXTERNAL} holds {listed}, none of which is used; name one of them {EXTERNAL}.tsv")
            return None
    return None


def _external(folder: Path, mistakes: list[str], notes: list[str]) -> _External | None:
    """The metadata of samples; None if there is no table of them."""
    path = _external_table(folder, notes)
    if path is None:
        return None
    table = read_csv(path)
    key = Columns(table.header).first(("broad_sample", "jcp2022", "pert_id", "pert_iname"))
    if key is None:
        mistakes.append(f"{path}, row 1: no column broad_sample; it has {', '.join(table.header)}")
        return None
    mistakes += [f"{path}, {mistake}" for mistake in table.mistakes]
    samples: dict[str, Mapping[str, str]] = {}
    lines: dict[str, int] = {}
    for line, cells in table.rows:
        name = value(cells, key)
        if not name:
            continue
        first = samples.setdefault(name, cells)
        lines.setdefault(name, line)
        differ = [column for column in Columns(table.header).all((*KINDS, *SAMPLES)) if first[column] != cells[column]]
        if differ:
            mistakes.append(
                f"{path}, row {line}: {differ[0]} of {name} is {cells[differ[0]]!r}, but {first[differ[0]]!r} in row "
                f"{lines[name]}"
            )
    return _External(path, key, table.header, samples)


def find_plate_maps(table: Path, plates: Collection[str]) -> Path | None:
    """`barcode_platemap.csv` beside a table, or in `metadata/platemaps` above it, that lists one of these plates."""
    folder = Path(table).absolute().parent
    above = [folder, *folder.parents[:ANCESTORS]]
    places = [folder / BARCODES, folder.parent / BARCODES]
    for place in above:
        maps = place / "metadata" / "platemaps"
        places += [maps / BARCODES, *sorted(maps.glob(f"*/{BARCODES}"))]
    wanted = {plain_plate(plate) for plate in plates}
    for path in filter(Path.is_file, places):
        try:
            rows = read_csv(path)
        except PlatesError:
            continue
        barcode = Columns(rows.header).first(BARCODE)
        if barcode and wanted & {plain_plate(cells[barcode]) for _, cells in rows.rows}:
            return path
    return None

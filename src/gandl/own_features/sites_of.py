"""Sites: takes a table of sites or wells, or the metadata of a profile, in the words of gandl, pycytominer or JUMP, makes the
sites table that the evaluation reads.

What the words mean is decided where `gandl check` decides it (`gandl.source.formats.tables`, `gandl.source.plates`); only, there
are no images here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from gandl.config import PlatesSettings
from gandl.own_features.feature_table import FeaturesError, FeatureTable, plain_names, text_of, texts_of
from gandl.own_features.mechanisms import MECHANISMS, with_mechanisms
from gandl.source.formats.tables.plate_maps import with_plate_maps
from gandl.source.formats.tables.treatments import KINDS, PLATE, SAMPLES, WELL, translated
from gandl.source.plates.rules import (
    Site,
    no_well,
    read_layout,
    read_site_number,
    well_at,
    well_of,
    without_vehicle_doses,
)
from gandl.source.plates.sites import read_plates, sites_frame
from gandl.source.plates.stores import plate_key
from gandl.source.plates.table import LATER, LAYOUT, MADE, OWN, Found
from gandl.source.plates.tabular.mistakes import PlatesError, folded, listed
from gandl.source.plates.tabular.text_table import METADATA, Columns, Table, read_csv
from gandl.tables import SITES, TableError, read_table
from gandl.workflow.words import counted

RENAMED = {"batch": "experiment", "field": "site", "fov": "site"}
"""Columns that pycytominer's profiles call otherwise, where a table has none of gandl's own name."""
UNTREATED = "untreated"
"""What gandl's exported profiles say where nothing was given: other tools refuse empty cells."""
LOOKED_AT = ("treatment", *SAMPLES, *KINDS, "condition", "control")
"""Columns in which a control is looked for by what it was given."""
SITE, WELL_ID = "site_id", "well_id"
NAMED = 10
"""Names that a message lists."""


@dataclass(frozen=True)
class Controls:
    """Which wells are controls beside those that the table names: a value, such as a treatment, or `column=value`."""

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sites:
    """The sites table (`gandl.tables.SITES`), where it comes from, and what is worth knowing of how it was read."""

    frame: pd.DataFrame
    source: str
    notes: tuple[str, ...] = ()


def read_sites(path: Path, controls: Controls, wells: Path | None = None) -> Sites:
    """Read a table of sites, or of wells.

    Parameters
    ----------
    path : parquet or CSV (also `.xlsx`), a row per site or per well. A table of gandl's own schema is taken as it is.
    controls : which wells are controls, beside what the table says. wells : a table of wells or a plate map: what was done.

    Raises
    ------
    FeaturesError : the table cannot be read, or has mistakes; these are listed with their rows.
    """
    if not path.is_file():
        raise FeaturesError(f"no table of sites at {path}")
    delimiter = ""
    try:
        if path.suffix == ".parquet":
            if set(SITES.names) <= set(pq.read_schema(path).names):
                return Sites(_with_controls(read_table(path, SITES), controls, str(path)), str(path))
            table = pq.read_table(path)
            text = pd.DataFrame({name: texts_of(table[name]) for name in table.column_names})
        else:
            rows = read_csv(path)
            if rows.mistakes:
                raise FeaturesError(_in_words(str(path), rows.mistakes))
            delimiter = rows.delimiter
            text = pd.DataFrame([cells for _, cells in rows.rows], columns=list(rows.header)).map(text_of)
    except (PlatesError, TableError, OSError) as error:
        raise FeaturesError(str(error)) from error
    if text.empty:
        raise FeaturesError(f"{path} has a header and no rows")
    text = text.rename(columns=plain_names(list(map(str, text))))
    return sites_from(text, str(path), controls, wells, delimiter)


def sites_of_profile(table: FeatureTable, about: pd.DataFrame, controls: Controls, wells: Path | None = None) -> Sites:
    """The sites that the metadata of a profile describe, a row each; parameters and errors as of `read_sites`.

    about : (n, columns) the table's other columns as text.
    """
    if columns_of(about).first(WELL[:2]) is None and columns_of(about).first(("row",)) is None:
        raise FeaturesError(
            f"{table.path} does not say which wells its rows are of; give --sites, or columns Metadata_Well and Metadata_Plate"
        )
    return sites_from(about, str(table.path), controls, wells, table.delimiter)


def sites_from(
    text: pd.DataFrame, source: str, controls: Controls, wells: Path | None = None, delimiter: str = ""
) -> Sites:
    """The sites that rows of text describe; their own site_id and well_id are kept where there are such columns.

    delimiter : of the file; between semicolons and tabs, decimal commas are understood.

    Raises
    ------
    FeaturesError : mistakes, listed with their rows (row 2 is the first below the header).
    """
    if columns_of(text).first((*WELL, "row")) is None:
        raise FeaturesError(
            f"{source} has no column that names wells (well or Metadata_Well); it has {', '.join(map(str, text))}"
        )
    refuse_gaps(text, source)
    ids = {name: written for name in (SITE, WELL_ID) if (written := columns_of(text).first((name,))) is not None}
    named, of_mechanisms = with_mechanisms(text, source)
    rows = _in_own_words(named)
    if wells is None:
        rows = _with_controls(rows, controls, source)
    records: list[Any] = rows.to_dict("records")
    lines = list(enumerate(records, 2))
    house = translated(Table(Path(source), tuple(rows.columns), tuple(lines), delimiter=delimiter))
    mistakes, notes = list(house.mistakes), [*of_mechanisms, *house.notes]
    plain, of_vehicles = without_vehicle_doses(house.rows)
    extra = [name for name in house.header if name not in (*OWN, *MADE, *LATER) and not name.startswith(METADATA)]
    sites = [site for line, cells in plain if (site := _site(line, cells, extra, Path(source), mistakes)) is not None]
    if SITE not in ids:
        mistakes += _repeated(sites, plates=columns_of(text).first(PLATE) is not None)
    found = Found((), tuple(sites), tuple(mistakes), (*notes, *of_vehicles))
    try:
        if wells is not None and not mistakes:
            found = with_plate_maps(found, wells)
            if not found.mistakes:  # what controls were given is known only now
                found = replace(found, sites=_marked(found.sites, controls, f"{source} with {wells}"))
        plates = read_plates(PlatesSettings(table=source), given=(source, found))
    except PlatesError as error:
        raise FeaturesError(str(error)) from error
    if plates.mistakes:
        raise FeaturesError(_in_words(source, plates.mistakes))
    frame = sites_frame(plates).drop(columns="table_row")
    if (mechanism := columns_of(frame).first(MECHANISMS)) is not None:
        frame = frame.rename(columns={mechanism: MECHANISMS[0]})
    return Sites(_with_own_ids(frame, text, ids, source), source, plates.notes)


def refuse_gaps(text: pd.DataFrame, source: str) -> None:
    """Refuse rows of text that name no plate where others do.

    Raises
    ------
    FeaturesError : the column and the rows (row 2 is the first below the header).
    """
    plate = columns_of(text).first(PLATE)
    if plate is None:
        return
    empty = np.flatnonzero(text[plate] == "")
    if 0 < len(empty) < len(text):
        raise FeaturesError(_in_words(source, [f"row {row + 2}: {plate} is empty" for row in empty]))


def _in_words(source: str, mistakes: Sequence[str]) -> str:
    """One mistake as a sentence; several as a list."""
    lines = folded(mistakes)
    return f"{source}, {lines[0]}" if len(lines) == 1 else listed(f"{source} has mistakes", mistakes)


def columns_of(frame: pd.DataFrame) -> Columns:
    """The columns of a table by names whose capitals, and a prefix `Metadata_`, do not matter."""
    return Columns(map(str, frame.columns))


def wells_only(sites: Sites) -> Sites:
    """A site per well: for profiles that have one row for each."""
    wells = sites.frame.drop_duplicates(WELL_ID).reset_index(drop=True)
    return Sites(wells.assign(site_id=wells[WELL_ID], site=1), sites.source, sites.notes)


def _in_own_words(text: pd.DataFrame) -> pd.DataFrame:
    """Columns that gandl knows by its own names, whatever their capitals and prefix; nothing where nothing was given."""
    columns = columns_of(text)
    new = {}
    for name in ("plate", "well", "site", "experiment", "control", "treatment", "compound", "condition", "cell_type", "smiles",
                 "concentration_um"):  # fmt: skip
        others = [other for other, meant in RENAMED.items() if meant == name]
        written = columns.first((name, *others))
        if written is not None and name not in text:
            new[written] = name
    rows = text.rename(columns=new)
    for name in ("treatment", "compound"):
        if name in rows:
            rows[name] = rows[name].where(rows[name].str.lower() != UNTREATED, "")
    places = columns_of(rows)
    row, column = places.first(("row",)), places.first(("column", "col"))
    if places.first(WELL[:2]) is None and row and column:
        rows["well"] = [
            (well_at(a, int(b)) if a and b.isdecimal() else None) or ""
            for a, b in zip(rows[row], rows[column], strict=True)
        ]
    return rows


def _site(line: int, cells: Mapping[str, str], extra: Sequence[str], source: Path, mistakes: list[str]) -> Site | None:
    """The site of a row; None if it has no well, so that nothing else can be said of it."""
    where = f"row {line}"
    layout = read_layout(cells, mistakes, where)
    number = read_site_number(cells.get("site", ""), mistakes, where)
    well = well_of(cells["well"])
    if well is None:
        mistakes.append(f"{where}: {no_well(cells['well'])}")
        return None
    key = plate_key(cells, source.parent)
    return Site(where, key, well, number, layout, {}, line, {name: cells[name] for name in extra})


def _repeated(sites: Sequence[Site], *, plates: bool) -> list[str]:
    """Rows without any id or number of a site that are of a well that was named before; `plates`: they name their plates."""
    seen: dict[object, str] = {}
    found = []
    for site in sites:
        if site.site is None and (first := seen.setdefault((site.key, site.well), site.where)) != site.where:
            found.append(
                f"{site.where}: well {site.well} of plate {site.key.plate} is in {first} already; remove duplicates, or add the "
                f"column that is missing: Metadata_Site{'' if plates else ', or Metadata_Plate where there are several plates'}"
            )
    return found


def _with_own_ids(frame: pd.DataFrame, text: pd.DataFrame, ids: dict[str, str], source: str) -> pd.DataFrame:
    """The sites by the names that the table has for them."""
    for name, written in ids.items():
        own = text[written]
        if (own == "").any():
            raise FeaturesError(f"{source}: {written} is empty in row {int(np.flatnonzero(own == '')[0]) + 2}")
        frame[name if name == SITE else "own_well"] = own.to_numpy(object)
    if (twice := frame["site_id"].duplicated()).any():
        number = int(twice.sum())
        raise FeaturesError(
            f"{source} has {counted(number, 'site')} twice, the first is {frame['site_id'][twice].iloc[0]} in row "
            f"{int(np.flatnonzero(twice)[0]) + 2}"
        )
    if "own_well" not in frame:
        return frame
    pairs = frame[["own_well", "well_id"]].drop_duplicates()
    for here, there, what in (
        ("own_well", "well_id", "names several wells"),
        ("well_id", "own_well", "has several names"),
    ):
        if (wrong := pairs[here].duplicated()).any():
            first = pairs[pairs[here] == pairs[here][wrong].iloc[0]]
            raise FeaturesError(
                f"{source}: well_id {what}: {first[here].iloc[0]} stands beside {' and '.join(first[there][:2])}"
            )
    return frame.assign(well_id=frame["own_well"]).drop(columns="own_well")


def _with_controls(rows: pd.DataFrame, controls: Controls, source: str) -> pd.DataFrame:
    """The same rows, those that are named as controls marked so.

    Raises
    ------
    FeaturesError : no row fits a name, or one row fits names of both kinds.
    """
    marked: dict[str, pd.Series] = {}
    for kind, names in (("positive", controls.positive), ("negative", controls.negative)):
        for name in names:
            fits = _fitting(rows, name, kind, source)
            marked[kind] = marked[kind] | fits if kind in marked else fits
    if len(marked) == 2 and (both := marked["positive"] & marked["negative"]).any():
        raise FeaturesError(
            f"{source}: row {int(np.flatnonzero(both)[0]) + 2} is named by --positive and by --negative"
        )
    if not marked:
        return rows
    control = rows["control"].copy() if "control" in rows else pd.Series("", rows.index, dtype=object)
    for kind, fits in marked.items():
        control[fits] = kind
    return rows.assign(control=control)


def _marked(sites: Sequence[Site], controls: Controls, source: str) -> tuple[Site, ...]:
    """The same sites, those that are named as controls marked so, by what a table of wells or a plate map says of them."""
    own = [{name: getattr(site.layout, name) for name in LAYOUT} for site in sites]
    rows = pd.DataFrame(
        [
            {"plate": site.key.plate, "well": site.well, **site.extra, **mine}
            for site, mine in zip(sites, own, strict=True)
        ]
    )
    rows["concentration_um"] = ["" if pd.isna(dose) else f"{dose:g}" for dose in rows["concentration_um"]]
    rows["control"] = rows["control"].replace("none", "")
    marked = _with_controls(rows.fillna(""), controls, source)["control"]
    return tuple(
        replace(site, layout=replace(site.layout, control=control or "none"))
        for site, control in zip(sites, marked, strict=True)
    )


def _fitting(rows: pd.DataFrame, name: str, kind: str, source: str) -> pd.Series:
    """Which rows a name of controls is of."""
    columns = columns_of(rows)
    column, equals, value = name.partition("=")
    written = columns.first((column.lower(),)) if equals else None
    looked_at = [written] if written else columns.all(LOOKED_AT)
    wanted = value if written else name
    fits = pd.Series(False, rows.index)
    for each in looked_at:
        fits |= rows[each].astype(str) == wanted
    if not fits.any():
        held = sorted({str(value) for each in looked_at for value in rows[each].dropna().unique()} - {""})
        has = f"hold {', '.join(held[:NAMED])}" + (f" and {len(held) - NAMED:,} more" if len(held) > NAMED else "")
        place = f"the columns {', '.join(looked_at)} {has}" if held else "it names no treatments"
        raise FeaturesError(f"--{kind} {name}: no row of {source} fits; {place}")
    return fits

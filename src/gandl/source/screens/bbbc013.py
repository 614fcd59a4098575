"""The screen BBBC013: takes its plate map (CSV, one row per well), makes the sites table.

The plate: 96 wells, one field of view each, two PI3K inhibitors in nine doses, 8 positive and 16 negative control wells.
A plate map with mistakes is refused as a whole, and every mistake is reported with its line in the file.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.tables import CONTROLS, SITES, write_table
from gandl.workflow.words import named

EXPERIMENT = "BBBC013"
PLATE = 1
PLATE_ID = f"{EXPERIMENT}_{PLATE}"
CELL_TYPE = "U2OS"
ROWS = "ABCDEFGH"
COLUMNS = range(1, 13)
WELLS = tuple(f"{row}{column:02d}" for row in ROWS for column in COLUMNS)
PLATEMAP_COLUMNS = (
    "well", "row", "column", "image_number", "control", "dose_index", "treatment", "concentration_um",
)  # fmt: skip


class PlateMapError(ValueError):
    """A plate map has mistakes; the message lists them all, one line each, with the file and its row."""


@dataclass(frozen=True)
class Well:
    """One well of the plate map. `line` is its line in the file; concentration in uM, None if nothing was given."""

    line: int
    well: str
    control: str
    treatment: str | None
    concentration_um: float | None
    dose_index: int | None

    @property
    def row(self) -> str:
        return self.well[0]

    @property
    def column(self) -> int:
        return int(self.well[1:])


def write_sites(platemap: Path, output: Path) -> None:
    """Write the sites table of BBBC013.

    Parameters
    ----------
    platemap : CSV with the columns of `PLATEMAP_COLUMNS`, one row for each of the 96 wells.
    output : parquet (schema `gandl.tables.SITES`, and `dose_index`), in the order of the wells A01 ... H12.

    Raises
    ------
    PlateMapError : the plate map has mistakes.
    """
    wells = sorted(read_platemap(platemap), key=lambda well: well.well)
    write_table(pd.DataFrame([_site(well) for well in wells]).astype({"dose_index": "Int64"}), output, SITES)


def _site(well: Well) -> dict[str, object]:
    well_id = f"{PLATE_ID}_{well.well}"
    return {
        "site_id": f"{well_id}_1",
        "well_id": well_id,
        "experiment": EXPERIMENT,
        "plate": PLATE,
        "plate_id": PLATE_ID,
        "store_id": PLATE_ID,
        "well": well.well,
        "row": well.row,
        "column": well.column,
        "site": 1,
        "cell_type": CELL_TYPE,
        "condition": "untreated" if well.treatment is None else "treated",
        "control": well.control,
        "treatment": well.treatment,
        "compound": well.treatment,
        "concentration_um": math.nan if well.concentration_um is None else well.concentration_um,
        "smiles": None,
        "dose_index": well.dose_index,
    }


def read_platemap(platemap: Path) -> list[Well]:
    """Read and check a plate map of 96 wells.

    Raises
    ------
    PlateMapError : the file cannot be read, lacks a column, or has rows with mistakes.
    """
    rows = _read_rows(Path(platemap))
    mistakes: list[str] = []
    wells = []
    for line, row in rows:
        found = list(_mistakes_of_row(row))
        mistakes += [f"row {line}: {mistake}" for mistake in found]
        if not found:
            wells.append(_well(line, row))
    mistakes += _mistakes_of_plate([(line, row["well"]) for line, row in rows])
    if not mistakes:
        mistakes = [*_mistakes_of_doses(wells), *_mistakes_of_controls(wells)]
    elif all(row["control"] in CONTROLS for _, row in rows):
        mistakes += _missing_controls({row["control"] for _, row in rows})
    if mistakes:
        raise PlateMapError(f"the plate map {platemap} has mistakes:\n" + "\n".join(f"  {m}" for m in mistakes))
    return wells


def _read_rows(platemap: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with platemap.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = [name.strip() for name in reader.fieldnames or []]
            missing = [name for name in PLATEMAP_COLUMNS if name not in header]
            if missing:
                raise PlateMapError(
                    f"the plate map {platemap} lacks the {named('column', missing)}; "
                    f"it has {', '.join(header) or 'no header'}"
                )
            reader.fieldnames = header
            return [
                (reader.line_num, {name: (row[name] or "").strip() for name in PLATEMAP_COLUMNS})
                for row in reader
                if any(isinstance(value, str) and value.strip() for value in row.values())
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlateMapError(f"the plate map {platemap} cannot be read: {error}") from error


def _mistakes_of_row(row: dict[str, str]) -> Iterator[str]:
    well, control = row["well"], row["control"]
    if well not in WELLS:
        yield f"unknown well {well!r}; the wells of this plate are A01 to H12"
    else:
        right = {"row": well[0], "column": str(int(well[1:])), "image_number": str(WELLS.index(well) + 1)}
        for name, value in right.items():
            if row[name].lstrip("0") != value:
                yield f"well {well}: {name} is {row[name]!r}, it must be {value}"
    if control not in CONTROLS:
        yield f"well {well}: unknown control {control!r}; allowed: {', '.join(CONTROLS)}"
    elif control == "negative" and row["treatment"]:
        yield f"well {well}: a negative control is untreated, but treatment is {row['treatment']!r}"
    elif control != "negative" and not row["treatment"]:
        yield f"well {well}: the treatment is empty; a well without treatment is a negative control"
    yield from _mistakes_of_dose(row)
    index = row["dose_index"]
    if index and not re.fullmatch(r"[1-9]\d*", index):
        yield f"well {well}: dose_index is {index!r}, it must be a whole number from 1, or empty"
    elif index and control in ("positive", "negative"):
        yield f"well {well}: dose_index is {index}, but a control is not part of a dose series; leave it empty"


def _mistakes_of_dose(row: dict[str, str]) -> Iterator[str]:
    well, dose = row["well"], row["concentration_um"]
    if not row["treatment"]:
        if dose:
            yield f"well {well}: concentration_um is {dose} without a treatment; it must be empty where nothing was given"
        return
    try:
        value = float(dose) if dose else None
    except ValueError:
        yield f"well {well}: concentration_um is {dose!r}, not a number (uM)"
        return
    if value is None:
        yield f"well {well}: {row['treatment']} without a concentration_um"
    elif not (value > 0 and math.isfinite(value)):
        yield f"well {well}: concentration_um of {row['treatment']} is {dose}; it must be above 0 (uM)"


def _mistakes_of_plate(wells: list[tuple[int, str]]) -> Iterator[str]:
    for well, count in Counter(well for _, well in wells).items():
        if count > 1:
            lines = ", ".join(str(line) for line, name in wells if name == well)
            yield f"rows {lines}: well {well!r} is listed {count} times"
    missing = [well for well in WELLS if well not in {name for _, name in wells}]
    if missing:
        yield f"no row for {len(missing)} of the 96 wells: {', '.join(missing)}"


def _mistakes_of_doses(wells: list[Well]) -> Iterator[str]:
    doses: dict[tuple[str | None, int], Well] = {}
    for well in wells:
        if well.dose_index is None:
            continue
        first = doses.setdefault((well.treatment, well.dose_index), well)
        if first.concentration_um != well.concentration_um:
            yield (
                f"row {well.line}: well {well.well}: dose {well.dose_index} of {well.treatment} is "
                f"{well.concentration_um} uM, but {first.concentration_um} uM in row {first.line}"
            )


def _mistakes_of_controls(wells: list[Well]) -> Iterator[str]:
    return _missing_controls({well.control for well in wells})


def _missing_controls(present: set[str]) -> Iterator[str]:
    for control in ("positive", "negative"):
        if control not in present:
            yield f"no {control} control: at least one well must have control = {control}"


def _well(line: int, row: dict[str, str]) -> Well:
    return Well(
        line=line,
        well=row["well"],
        control=row["control"],
        treatment=row["treatment"] or None,
        concentration_um=float(row["concentration_um"]) if row["concentration_um"] else None,
        dose_index=int(row["dose_index"]) if row["dose_index"] else None,
    )

"""Wells of a screen as the page holds them: takes the sites table, makes a row per well, its place, its group and its codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gandl.evaluation.terms import NO_CELL_TYPE, compounds_of
from gandl.explorer import packing
from gandl.figures.common.palette import CELL_TYPE_CONTROLS, group_of
from gandl.tables import SITES, read_table
from gandl.tables.row_letters import row_number

OF_WELLS = (
    *("well_id", "plate_id", "store_id", "well", "row", "column", "cell_type", "condition", "control"),
    *("treatment", "compound", "concentration_um"),
)
TREATED = ("#8c8c8c", "#a08b5b", "#7d8fa3", "#9a7f9a")
"""Neutral hues of treated wells, by cell type."""
UNTREATED = "#b9bec3"
MARKS = ("circle", "square", "triangle", "diamond", "dot")
"""Shapes that the page can draw; treated wells are dots, groups of controls differ in shape as well as in hue."""
SHAPES = {"o": "circle", "s": "square", "^": "triangle", "D": "diamond"}


@dataclass(frozen=True)
class Coded:
    """A column of few different values: those values, and (n,) which one each well has, -1 where none."""

    values: list[Any]
    of_well: np.ndarray

    @classmethod
    def of(cls, column: pd.Series) -> Coded:
        """Code a column by the order in which its values appear."""
        found, values = pd.factorize(column)
        return cls([_plain(value) for value in values], found)


@dataclass(frozen=True)
class Wells:
    """The wells, plate by plate, row by row.

    table : the columns `OF_WELLS`, one row per well. groups : how each group is drawn. group : (n,) the group of each well.
    row : (n,) number of each well's row, from 0.
    """

    table: pd.DataFrame
    groups: list[dict[str, Any]]
    group: np.ndarray
    row: np.ndarray

    def coded(self, column: str) -> Coded:
        """A column as codes."""
        return Coded.of(self.table[column])

    @property
    def doses(self) -> Coded:
        """Doses in ascending order; -1 where nothing was given."""
        dose = self.table["concentration_um"]
        values = sorted(dose.dropna().unique())
        return Coded([float(f"{value:.6g}") for value in values], _position(dose, values))


def wells_of(sites: Path) -> Wells:
    """Read a sites table (`tables.SITES`), one row per well."""
    table = read_table(sites, SITES, OF_WELLS).drop_duplicates("well_id", ignore_index=True)
    table = table.assign(compound=compounds_of(table))
    row = table["row"].map(row_number).to_numpy(int) - 1
    plate = pd.factorize(table["plate_id"])[0]
    order = np.lexsort((table["column"].to_numpy(int), row, plate))
    table = table.iloc[order].reset_index(drop=True)
    groups, group = _groups(table)
    return Wells(table, groups, group, row[order])


def blocks(wells: Wells, compounds: list[str]) -> dict[str, str]:
    """The wells' columns, packed; `compounds` : the names that codes of compounds stand for."""
    table = wells.table
    return {
        "well_id": packing.document("\n".join(table["well_id"])),
        "well": packing.document("\n".join(table["well"])),
        "plate": packing.codes(wells.coded("plate_id").of_well),
        "row": packing.codes(wells.row),
        "column": packing.codes(table["column"].to_numpy(int)),
        "cell": packing.codes(wells.coded("cell_type").of_well),
        "condition": packing.codes(wells.coded("condition").of_well),
        "group": packing.codes(wells.group),
        "compound": packing.codes(pd.Index(compounds).get_indexer(pd.Index(table["compound"]))),
        "dose": packing.codes(wells.doses.of_well),
    }


def _groups(table: pd.DataFrame) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Controls by cell type in the figures' hues and shapes, treated wells by cell type in neutral ones, and all others."""
    types = list(dict.fromkeys(table["cell_type"]))
    found: list[dict[str, Any]] = []
    number = np.full(len(table), -1)
    kinds = {
        "positive": table["control"] == "positive",
        "negative": table["control"] == "negative",
        "treated": (table["control"] == "none") & table["compound"].notna(),
        "other": (table["control"] == "none") & table["compound"].isna(),
    }
    for kind, of_kind in kinds.items():
        for at, cell_type in enumerate(types):
            mine = (of_kind & (table["cell_type"] == cell_type)).to_numpy(bool)
            if mine.any():
                number[mine] = len(found)
                found.append({"kind": kind, "cell": at, **_drawn(kind, cell_type, at, len(types) > 1)})
    return found, number


def _drawn(kind: str, cell_type: str, at: int, several: bool) -> dict[str, str]:
    """Label, hue and shape of a group."""
    name = "no cell type named" if cell_type == NO_CELL_TYPE else cell_type
    if kind in ("positive", "negative"):
        group = group_of(cell_type, kind)
        named = (cell_type, kind) in CELL_TYPE_CONTROLS or not several
        return {
            "label": group.label if named else f"{name} {group.label}",
            "colour": group.colour,
            "mark": SHAPES[group.marker],
        }
    label, colour = {"treated": ("treated", TREATED[at % len(TREATED)]), "other": ("neither", UNTREATED)}[kind]
    return {"label": f"{name} {label}" if several else label.capitalize(), "colour": colour, "mark": "dot"}


def _position(values: pd.Series, ascending: list[float]) -> np.ndarray:
    return np.asarray(pd.Index(ascending).get_indexer(pd.Index(values)))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

"""Featurizers side by side: what the table and the figure of featurizers have in common.

Takes the controls' numbers of every featurizer (`evaluation/controls/`) and the reference values; makes one tidy table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.figures.labels import METRICS, NUCLEAR_OVER_RING, featurizer_label
from gandl.figures.palette import BLUE, ORANGE
from gandl.figures.style import FigureError, existing
from gandl.tables import NUMBERS, read_table


@dataclass(frozen=True)
class Split:
    """One way of holding wells out, and how it is drawn."""

    name: str
    label: str
    colour: str
    marker: str


SPLITS = (
    Split("leave_row_out", "All rows", BLUE, "o"),
    Split("confirmation", "Rows that chose nothing", ORANGE, "D"),
)
REFERENCE = "Reference"
COLUMNS = ["featurizer", "label", "normalization", "split", "unit", "metric", "value", "low", "high", "n"]


def compared(numbers: Mapping[str, Path]) -> pd.DataFrame:
    """The pooled numbers of all featurizers, tidy: one row per featurizer, split and metric.

    Parameters
    ----------
    numbers : controls' numbers (`tables.NUMBERS`) by featurizer, in the order of the rows.

    Raises
    ------
    FigureError : a file is missing, or a featurizer has no Z' in the first split; names it.
    """
    parts = []
    for name, path in existing(numbers, "controls' numbers").items():
        table = read_table(path, NUMBERS)
        table = table[table["metric"].isin(list(METRICS)) & table["split"].isin([split.name for split in SPLITS])]
        pooled = table[(table["split"] == SPLITS[0].name) & (table["metric"] == "z_prime")]
        if pooled.empty:
            raise FigureError(f"{path}: featurizer {name} has no z_prime in the split {SPLITS[0].name}")
        parts.append(table.assign(label=[_label(row) for row in table["featurizer"]])[COLUMNS])
    return pd.concat(parts, ignore_index=True)


def _label(featurizer: str) -> str:
    return NUCLEAR_OVER_RING if "nuclear_over_ring" in featurizer else featurizer_label(featurizer)


def references(path: Path) -> pd.DataFrame:
    """The reference values of this screen's controls, as rows of the same tidy table (label `REFERENCE`, first split).

    Raises
    ------
    FigureError : the file lacks a column; names it.
    """
    table = pd.read_csv(path)
    missing = {"question", "metric", "value"} - set(table.columns)
    if missing:
        raise FigureError(f"{path}: the reference values lack the column(s) {', '.join(sorted(missing))}")
    table = table[(table["question"] == "controls") & table["metric"].isin(list(METRICS))]
    known = table.assign(featurizer="reference", label=REFERENCE, split=SPLITS[0].name)
    return known.reindex(columns=COLUMNS).reset_index(drop=True)

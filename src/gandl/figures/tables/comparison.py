"""Featurizers side by side: what the table and the figure of featurizers have in common.

Takes the controls' numbers of every featurizer (`evaluation/controls/`) and the reference values; makes one tidy table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.evaluation.terms import NO_TRAINING, RATIO
from gandl.figures.common.labels import METRICS, SCHEMES as HELD_OUT_WORDS, featurizer_label
from gandl.figures.common.palette import BLUE, ORANGE, PURPLE
from gandl.figures.common.style import FigureError, existing
from gandl.source.splits import Question, Scheme
from gandl.tables import NUMBERS, read_table

REFERENCE = "Reference"
ROWS = re.compile(r"[A-Z]{1,2}([-+][A-Z]{1,2})*")
"""Plate rows in the name of a split, as `gandl.source.plate_rows.span` writes them; anything else there is a cell type."""
SCHEMES = {
    Scheme.LEAVE_ROW_OUT.value: "",
    Scheme.LEAVE_COLUMN_OUT.value: "",
    NO_TRAINING: "",
    Scheme.CONFIRMATION.value: ", trained on the others",
    Scheme.LEAVE_PLATE_OUT.value: "",
}
"""Schemes that are compared, and what a reader must know of each. A column without a classifier was trained on nothing: it
stands beside the classifiers that never saw the row (or column) which they score."""

LOOKS = ((BLUE, "o"), (ORANGE, "D"), (PURPLE, "s"))
COLUMNS = ["featurizer", "label", "normalization", "group", "split", "unit", "metric", "value", "low", "high", "n"]


@dataclass(frozen=True)
class Group:
    """The numbers that are compared with each other: wells of the same plate rows or cell type, held out in the same way."""

    label: str
    colour: str
    marker: str


def compared(numbers: Mapping[str, Path]) -> pd.DataFrame:
    """The controls' numbers of all featurizers, tidy: one row per featurizer, split and metric.

    Parameters
    ----------
    numbers : controls' numbers (`tables.NUMBERS`, split `<scheme>:<plate rows or cell type>`, all rows before any part of them)
        by featurizer, in the order of the rows.

    Raises
    ------
    FigureError : a file is missing, or a featurizer has no Z' of a scheme that is compared; names it.
    """
    parts = []
    for name, path in existing(numbers, "controls' numbers").items():
        table = read_table(path, NUMBERS)
        schemes = table["split"].str.partition(":")[0]
        table = table[table["metric"].isin(list(METRICS)) & schemes.isin(list(SCHEMES)) & (table["unit"] == "well")]
        if "z_prime" not in set(table["metric"]):
            raise FigureError(f"{path}: featurizer {name} has no z_prime in any split of {', '.join(SCHEMES)}")
        table = table.assign(label=table["featurizer"].map(featurizer_label), group=table["split"].map(group_label))
        parts.append(table[COLUMNS])
    return _without_development(pd.concat(parts, ignore_index=True))


def _without_development(data: pd.DataFrame) -> pd.DataFrame:
    """All rows, and the rows that chose nothing (those of `confirmation`); the rows that chose settings prove nothing."""
    parts = data["split"].str.partition(":")
    confirming = set(parts.loc[parts[0] == Scheme.CONFIRMATION, 2])
    if not confirming:
        return data
    everything = parts.loc[parts[0] == Scheme.LEAVE_ROW_OUT, 2].iloc[0]
    return data[parts[2].isin(confirming | {everything})].reset_index(drop=True)


def group_label(split: str) -> str:
    """What a split is called: `leave_row_out:A-H` and `no_training:A-H` are "Rows A–H", `leave_plate_out:HRCE` is "HRCE"."""
    scheme, _, wells = split.partition(":")
    if not wells:
        return f"Held-out rows{SCHEMES[scheme]}"
    return f"Rows {wells.replace('-', '–')}{SCHEMES[scheme]}" if ROWS.fullmatch(wells) else wells


def schemes_in_words(data: pd.DataFrame) -> str:
    """How the wells of a tidy table were held out, each way once."""
    schemes = data.loc[data["label"] != REFERENCE, "split"].str.partition(":")[0]
    return "; ".join(dict.fromkeys(HELD_OUT_WORDS.get(scheme, scheme.replace("_", " ")) for scheme in schemes))


def groups_of(data: pd.DataFrame) -> list[Group]:
    """The groups of a tidy table in order of appearance, each with its colour and marker."""
    labels = data.loc[data["label"] != REFERENCE, "group"].unique()
    return [Group(label, *LOOKS[position % len(LOOKS)]) for position, label in enumerate(labels)]


def references(path: Path, dataset: str) -> pd.DataFrame:
    """The reference values of a screen's controls, as rows of the same tidy table (label `REFERENCE`, no interval).

    They are those of the plain ratio: what a segmentation without training reached is what all featurizers are held against.

    Parameters
    ----------
    path : the reference values (`resources/paper_values.csv`).
    dataset : the screen.

    Raises
    ------
    FigureError : the file lacks a column; names it.
    """
    table = pd.read_csv(path)
    needed = ["dataset", "question", "featurizer", "split", "metric", "value"]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise FigureError(f"{path}: the reference values lack the column(s) {', '.join(missing)}")
    of_screen = (table["dataset"] == dataset) & (table["question"] == Question.CONTROLS)
    known = table[of_screen & (table["featurizer"] == RATIO) & table["metric"].isin(list(METRICS))]
    known = known[known["value"].notna()][needed]
    return known.assign(featurizer="reference", label=REFERENCE, group=known["split"].map(group_label)).reindex(
        columns=COLUMNS
    )


def with_references(numbers: Mapping[str, Path], reference: Path, dataset: str) -> pd.DataFrame:
    """`compared` and, below, `references`."""
    parts = [compared(numbers), references(reference, dataset)]
    return (
        pd.concat([part.astype(object) for part in parts if not part.empty], ignore_index=True)
        .infer_objects()
        .astype({"n": "Int64"})
    )

"""Featurizers side by side under every normalisation: what the table and the figure of featurizers have in common.

Takes the controls' numbers of every featurizer (`evaluation/controls/`) and the reference values; makes one tidy table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.evaluation.terms import NO_TRAINING, RATIO, named_by_cell_type
from gandl.figures.common.labels import METRICS, SCHEMES as HELD_OUT_WORDS, featurizer_label, wells_of
from gandl.figures.common.palette import BLUE, BROWN, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION
from gandl.figures.common.style import FigureError
from gandl.source.schemes import WHOLE, Question, Scheme
from gandl.tables import NUMBERS, read_table
from gandl.workflow.words import named

REFERENCE = "Reference"
SCHEMES = {**dict.fromkeys((*WHOLE, NO_TRAINING), ""), Scheme.CONFIRMATION: ", trained on the others"}
"""Schemes that are compared, and what a reader must know of each. A column without a classifier was trained on nothing: it
stands beside the classifiers that never saw the row (or column) which they score."""

LOOKS = (
    *((BLUE, "o"), (ORANGE, "D"), (PURPLE, "s"), (GREEN, "^"), (VERMILION, "v"), (SKY, "P"), (INK, "X"), (BROWN, "p")),
)
"""Colour and mark of each group in turn."""
COLUMNS = [
    *("featurizer", "label", "normalization", "chosen", "group", "split", "unit", "metric", "value", "low", "high", "n")
]


@dataclass(frozen=True)
class Group:
    """The numbers that are compared with each other: wells of the same plate rows or cell type, held out in the same way."""

    label: str
    colour: str
    marker: str


def compared(numbers: Sequence[Path], methods: Sequence[str]) -> pd.DataFrame:
    """The controls' numbers of all featurizers under every normalisation, tidy: one row per featurizer, method, split and metric.

    Parameters
    ----------
    numbers : controls' numbers (`tables.NUMBERS`, split `<scheme>:<plate rows or cell type>`, all rows before any part of them)
        of every featurizer and normalisation; featurizers keep the order of the files.
    methods : the normalisations in their order, the run's own first. Column `chosen` marks its rows; a column that is scored by
        itself needs no normalisation, is in the numbers of every method, and is kept once, among the rows of the run's own.

    Raises
    ------
    FigureError : a file is missing or without a Z' of a scheme that is compared; names it. Or there is none.
    """
    parts = []
    for path in numbers:
        if not Path(path).is_file():
            raise FigureError(f"{path} does not exist: a featurizer has no controls' numbers; run its evaluation first")
        table = read_table(path, NUMBERS)
        rows = not named_by_cell_type(table["split"])
        schemes = table["split"].str.partition(":")[0]
        table = table[table["metric"].isin(list(METRICS)) & schemes.isin(list(SCHEMES)) & (table["unit"] == "well")]
        if "z_prime" not in set(table["metric"]):
            raise FigureError(f"{path}: there is no z_prime in any split of {', '.join(SCHEMES)}")
        table = table.assign(
            label=table["featurizer"].map(featurizer_label), group=group_labels(table["split"], rows=rows)
        )
        chosen = (table["normalization"] == methods[0]) | (table["featurizer"] == RATIO)
        parts.append(table.assign(chosen=chosen)[COLUMNS])
    if not parts:
        raise FigureError("no featurizer was given whose controls' numbers could be compared")
    data = pd.concat(parts, ignore_index=True).drop_duplicates(["featurizer", "normalization", "split", "metric"])
    rank = data["normalization"].map({method: i for i, method in enumerate(methods)}).where(~data["chosen"], 0)
    return _without_development(
        data.assign(rank=rank).sort_values("rank", kind="stable")[COLUMNS].reset_index(drop=True)
    )


def panels_of(data: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each normalisation of a tidy table, in its order, the run's own first; what needs none is among those."""
    ours = data[data["label"] != REFERENCE]
    methods = ours.loc[ours["featurizer"] != RATIO, "normalization"].unique()
    chosen = ours["chosen"]
    return {
        str(method): ours[chosen if position == 0 else ~chosen & (ours["normalization"] == method)]
        for position, method in enumerate(methods)
    }


def _without_development(data: pd.DataFrame) -> pd.DataFrame:
    """All rows, and the rows that chose nothing (those of `confirmation`); the rows that chose settings prove nothing."""
    parts = data["split"].str.partition(":")
    confirming = set(parts.loc[parts[0] == Scheme.CONFIRMATION, 2])
    if not confirming:
        return data
    everything = parts.loc[parts[0] == Scheme.LEAVE_ROW_OUT, 2].iloc[0]
    return data[parts[2].isin(confirming | {everything})].reset_index(drop=True)


def group_labels(splits: pd.Series, *, rows: bool) -> list[str]:
    """What the splits of a table are called (`group_label`)."""
    groups = {split.partition(":")[2] for split in splits}
    return [group_label(split, groups, rows=rows) for split in splits]


def group_label(split: str, groups: Collection[str] = (), *, rows: bool = False) -> str:
    """What a split is called: `leave_row_out:A-H` and `no_training:A-H` are "Rows A–H", `leave_plate_out:HRCE` is "HRCE".

    `groups` : what follows the colon in all splits that are shown. `rows` : that is plate rows, not a cell type.
    """
    scheme, _, wells = split.partition(":")
    if not wells:
        return f"Held-out rows{SCHEMES[scheme]}"
    if rows:
        return f"Rows {wells.replace('-', '–')}{SCHEMES[scheme]}"
    label = wells_of(wells, groups)
    return label if label == wells else label.capitalize()


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
        raise FigureError(f"{path}: the reference values lack the {named('column', missing)}")
    of_screen = (table["dataset"] == dataset) & (table["question"] == Question.CONTROLS)
    known = table[of_screen & (table["featurizer"] == RATIO) & table["metric"].isin(list(METRICS))]
    known = known[known["value"].notna()][needed]
    named_groups = known.assign(
        featurizer="reference",
        label=REFERENCE,
        chosen=False,
        group=group_labels(known["split"], rows=not named_by_cell_type(known["split"])),
    )
    return named_groups.reindex(columns=COLUMNS)


def with_references(numbers: Sequence[Path], methods: Sequence[str], reference: Path, dataset: str) -> pd.DataFrame:
    """`compared` and, below, `references`."""
    parts = [compared(numbers, methods), references(reference, dataset)]
    return (
        pd.concat([part.astype(object) for part in parts if not part.empty], ignore_index=True)
        .infer_objects()
        .astype({"n": "Int64", "chosen": bool})
    )

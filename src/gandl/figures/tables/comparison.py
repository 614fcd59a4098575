"""Featurizers side by side under every normalisation: what the table and the figure of featurizers have in common.

Takes the controls' numbers of every featurizer (`evaluation/controls/`) and the reference values; makes one tidy table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.evaluation.terms import NO_TRAINING, RATIO, named_by_cell_type
from gandl.figures.common.labels import METRICS, SCHEMES as HELD_OUT_WORDS, featurizer_label, not_scored, wells_of
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
    *(
        "featurizer",
        "label",
        "normalization",
        "chosen",
        "group",
        "split",
        "unit",
        "metric",
        "value",
        "low",
        "high",
        "n",
    ),
    "reason",
]
"""Of a tidy table; `reason`: why a featurizer has no value where others have one (`labels.not_scored`), else empty."""


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

    Returns
    -------
    The numbers; and where a featurizer has no Z' of held-out wells of which others have one (its models were not trained for
    their folds), a row with the `reason` and without a value.

    Raises
    ------
    FigureError : a file is missing; names it. Or no featurizer has a Z' of a scheme that is compared.
    """
    tables = []
    for path in numbers:
        if not Path(path).is_file():
            raise FigureError(f"{path} does not exist: a featurizer has no controls' numbers; run its evaluation first")
        tables.append(read_table(path, NUMBERS))
    if not tables:
        raise FigureError("no featurizer was given whose controls' numbers could be compared")
    table = pd.concat(tables, ignore_index=True)
    table = table[table["question"] == Question.CONTROLS]
    held_out = table["split"].str.partition(":")[0].isin(list(SCHEMES)) & (table["unit"] == "well")
    data = table[held_out & table["metric"].isin(list(METRICS))].astype({"n": "Int64"}).assign(reason="")
    if not ((data["metric"] == "z_prime") & (data["featurizer"] != RATIO)).any():
        files = ", ".join(str(path) for path in numbers)
        raise FigureError(f"{files}: no featurizer has a z_prime in any split of {', '.join(SCHEMES)}")
    if missing := list(_missing(table, data)):
        data = pd.concat([data, pd.DataFrame(missing).astype({"n": "Int64"})], ignore_index=True)
    data = data.drop_duplicates(["featurizer", "normalization", "split", "metric"])
    chosen = (data["normalization"] == methods[0]) | (data["featurizer"] == RATIO)
    places = {name: i for i, name in enumerate(table["featurizer"].unique())}
    data = data.assign(
        label=data["featurizer"].map(featurizer_label),
        group=group_labels(data["split"], rows=not named_by_cell_type(table["split"])),
        chosen=chosen,
        rank=data["normalization"].map({method: i for i, method in enumerate(methods)}).where(~chosen, 0),
        place=data["featurizer"].map(places),
    )
    data = data.sort_values(["rank", "place"], kind="stable")[COLUMNS].reset_index(drop=True)
    return _without_development(data)


def _missing(table: pd.DataFrame, data: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A row without a value for every Z' that a featurizer lacks and another one has, under each of its normalisations.

    Parameters
    ----------
    table : all numbers of controls. data : those of held-out wells.
    """
    known = data[(data["metric"] == "z_prime") & (data["featurizer"] != RATIO)]
    keys = ["featurizer", "normalization", "split"]
    found = set(known[keys].itertuples(index=False, name=None))
    ours = table[table["featurizer"] != RATIO]
    for name, method in ours[keys[:2]].drop_duplicates().itertuples(index=False, name=None):
        for split in known["split"].unique():
            if (name, method, split) not in found:
                about = {
                    "featurizer": name,
                    "normalization": method,
                    "split": split,
                    "unit": "well",
                    "metric": "z_prime",
                }
                reason = not_scored(name, split.partition(":")[0])
                yield {**about, "value": np.nan, "low": np.nan, "high": np.nan, "n": None, "reason": reason}


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
        reason="",
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

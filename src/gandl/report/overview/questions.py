"""The one table of the audit page: takes every number, makes a row per featurizer, a column per question, a number per cell.

Of each question one number is shown: of controls within a cell type under whole plates held out, where the run has that, of
all else under the strictest way of holding wells out that it has; the rest of the page holds the others. A column marks its
highest value, and those whose interval lies apart below it; hits are marked by neither, for recall alone says nothing of
false ones, which stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gandl.config import TRAINED, QuestionName, floors_among
from gandl.evaluation.terms import ALL, DOSE_RESPONSE, RATIO
from gandl.figures.common.labels import METRICS, featurizer_label, fixed, wells_of
from gandl.source.schemes import Scheme
from gandl.workflow.words import counted

STRICTEST = (
    *(Scheme.LEAVE_EXPERIMENT_OUT.value, Scheme.LEAVE_PLATE_OUT.value, Scheme.LEAVE_ROW_OUT.value),
    *(Scheme.LEAVE_COLUMN_OUT.value, Scheme.QUARTER_BY_CELL_TYPE.value, Scheme.QUARTER.value),
)
"""Schemes of holding wells out, the one that is shown first."""
OF_CONTROLS = (Scheme.LEAVE_PLATE_OUT.value, *STRICTEST)
"""Of controls within a cell type whole plates come first: experiments are few."""
HELD_OUT = {
    Scheme.LEAVE_PLATE_OUT.value: "plates held out",
    Scheme.LEAVE_EXPERIMENT_OUT.value: "experiments held out",
    Scheme.LEAVE_ROW_OUT.value: "plate rows held out",
    Scheme.LEAVE_COLUMN_OUT.value: "plate columns held out",
    Scheme.QUARTER.value: "a quarter of the wells held out",
    Scheme.QUARTER_BY_CELL_TYPE.value: "a quarter of the wells held out",
}
PREFERRED = ("auc", "balanced_accuracy", "accuracy")
RANK, RECALL, RISES = "spearman_severity", "hit_recall", "rises_with_dose"
FALSE_HITS = "hit_false_positive_rate"
BEST = {"trained": "GAN-DL", "other": "another network", "floor": "a floor"}
GROUPS = {"trained": "GAN-DL", "other": "Other networks", "floor": "Floors: they learned nothing from these images"}


@dataclass(frozen=True)
class Cell:
    """A number with its interval and n; `mark`: `best` in its column, `below` (interval apart below the best), or nothing;
    `beside`: what else has to be known of it."""

    text: str
    interval: str
    n: str
    mark: str = ""
    beside: str = ""


@dataclass(frozen=True)
class QuestionColumn:
    """One question: its title, what its number is, and the n of all its cells with their unit; empty where cells differ, which
    have their own."""

    title: str
    number: str
    n: str = ""


@dataclass(frozen=True)
class OverviewRow:
    """One featurizer: its name, whether it is trained by GAN-DL, another network or a floor, and a cell (or None) per column."""

    label: str
    kind: str
    cells: list[Cell | None]


@dataclass(frozen=True)
class Overview:
    """The table, in groups of rows (heading, rows), with sentences on who is best."""

    columns: list[QuestionColumn] = field(default_factory=list)
    groups: list[tuple[str, list[OverviewRow]]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Asked:
    """Where the numbers of a column are found."""

    title: str
    number: str
    question: str
    split: str
    unit: str
    metric: str
    raw: bool = False
    """Whether profiles without normalisation answer the question."""
    ranked: bool = True
    """Whether the highest number is the best."""


def overview(numbers: pd.DataFrame, settings: Mapping[str, Any], splits: Sequence[str] = ()) -> Overview:
    """The table of a run.

    Parameters
    ----------
    numbers : table of `gandl.tables.NUMBERS`. settings : the run's configuration, as the provenance holds it.
    splits : of a single plate, the splits of its controls that are shown (`leave_row_out:A-H`); Z' is its number then.
    """
    asked = list(_asked(numbers, splits))
    method, names = settings["normalization"]["method"], settings["embeddings"]["featurizers"]
    columns = [_values(numbers, column, method) for column in asked]
    shown = [name for name in (*names, RATIO) if any(name in values for values in columns)]
    marks = [_marks(values) if column.ranked else {} for column, values in zip(asked, columns, strict=True)]
    beside = [_beside(numbers, column, method) for column in asked]
    counts = [_n_of_all(values) for values in columns]
    rows: dict[str, list[OverviewRow]] = {heading: [] for heading in GROUPS.values()}
    for name in shown:
        kind = _kind(name)
        cells = [
            _cell(values.get(name), mark.get(name, ""), said.get(name, ""))
            for values, mark, said in zip(columns, marks, beside, strict=True)
        ]
        rows[GROUPS[kind]].append(OverviewRow(featurizer_label(name), kind, cells))
    return Overview(
        [QuestionColumn(column.title, column.number, n) for column, n in zip(asked, counts, strict=True)],
        [(heading, found) for heading, found in rows.items() if found],
        _sentences(asked, columns, marks),
    )


def _kind(name: str) -> str:
    if name in TRAINED:
        return "trained"
    return "floor" if name == RATIO or name in floors_among([name]) else "other"


def _asked(numbers: pd.DataFrame, splits: Sequence[str]) -> Iterator[_Asked]:
    """The columns, in the order of the questions."""
    if splits:
        yield from _of_plate(numbers, splits)
    else:
        yield from _by_group(numbers, QuestionName.CONTROLS.value, "C+ from C−", OF_CONTROLS)
        yield from _by_group(numbers, QuestionName.CELL_MODEL.value, "HRCE from VERO", STRICTEST, raw=True)
        yield from _by_group(numbers, QuestionName.CELL_TYPE.value, "Cell type of RxRx1", STRICTEST, raw=True)
    right = numbers[(numbers["question"] == QuestionName.MECHANISM.value) & (numbers["metric"] == "accuracy")]
    for split, unit in dict.fromkeys(zip(right["split"], right["unit"], strict=True)):
        scheme, _, group = str(split).partition(":")
        title = f"Mechanism of action, {wells_of(group, ())}"
        yield _Asked(
            title, f"treatments right, {scheme.upper()}", QuestionName.MECHANISM.value, split, unit, "accuracy"
        )
    truth = numbers[numbers["question"] == QuestionName.CALIBRATION.value]
    for metric, title, number in (
        (RANK, "True severity", "rank correlation of the score with it"),
        (RECALL, "Active compounds", "share called hits; false: inactive ones called hits"),
    ):
        mine = truth[(truth["metric"] == metric) & (truth["featurizer"].isin(_embedded(numbers)))]
        for split in _whole_or_parts(mine["split"]):
            unit = str(mine.loc[mine["split"] == split, "unit"].iloc[0])
            group = split.partition(":")[2]
            whose = "" if group in ("", ALL) else f", {wells_of(group, ())}"
            column = _Asked(f"{title}{whose}", number, QuestionName.CALIBRATION.value, split, unit, metric)
            yield replace(column, ranked=metric != RECALL)


def _whole_or_parts(splits: Iterable[str]) -> list[str]:
    """The split of all wells together, where there is one; else those of the parts."""
    named = dict.fromkeys(splits)
    return [split for split in named if split.partition(":")[2] in ("", ALL)] or list(named)


def _embedded(numbers: pd.DataFrame) -> set[str]:
    """Featurizers that were evaluated on controls: other names stand for checks without images."""
    return set(numbers.loc[numbers["question"] == QuestionName.CONTROLS.value, "featurizer"])


def _of_plate(numbers: pd.DataFrame, splits: Sequence[str]) -> Iterator[_Asked]:
    """Z' of each set of plate rows, and how the score follows the dose of each treatment."""
    for split in splits:
        scheme, _, rows = split.partition(":")
        title = f"C+ from C−, rows {rows.replace('-', '–').replace('+', ', ')}"
        yield _Asked(
            title, f"Z′ by well, {HELD_OUT.get(scheme, scheme)}", QuestionName.CONTROLS.value, split, "well", "z_prime"
        )
    rising = numbers[(numbers["question"] == DOSE_RESPONSE) & (numbers["metric"] == RISES)]
    of_rows = rising[rising["split"].str.startswith(f"{Scheme.LEAVE_ROW_OUT.value}:")]
    for split in sorted(set(of_rows["split"])):
        treatment = split.partition(":")[2]
        number = "rank correlation of score and dose"
        yield _Asked(f"Dose of {treatment}", number, DOSE_RESPONSE, split, "well", RISES)


def _by_group(
    numbers: pd.DataFrame, question: str, title: str, schemes: Iterable[str], raw: bool = False
) -> Iterator[_Asked]:
    """A column per group of wells (cell type), under the first of these schemes that has it."""
    table = numbers[(numbers["question"] == question) & (numbers["unit"] == "well")]
    if table.empty:
        return
    parts = table["split"].str.partition(":")
    groups = set(parts[2])
    if groups - {ALL, ""} and question == QuestionName.CONTROLS.value:
        groups -= {ALL, ""}
    elif ALL in groups:
        groups = {ALL}
    for group in sorted(groups):
        mine = table[parts[2] == group]
        scheme = next((name for name in schemes if (parts[0][mine.index] == name).any()), None)
        if scheme is None:
            continue
        mine = mine[parts[0][mine.index] == scheme]
        metric = next((name for name in PREFERRED if (mine["metric"] == name).any()), None)
        if metric is not None:
            whose = "" if group in ("", ALL) else f", {wells_of(group, groups)}"
            measure = METRICS.get(metric, metric.replace("_", " ").capitalize())
            number = f"{measure} by well, {HELD_OUT[scheme]}"
            yield _Asked(f"{title}{whose}", number, question, f"{scheme}:{group}", "well", metric, raw)


def _values(numbers: pd.DataFrame, asked: _Asked, method: str) -> dict[str, pd.Series]:
    """The number of every featurizer; of one that is no trained score, whatever stands in its place."""
    chosen = numbers[(numbers["question"] == asked.question) & (numbers["unit"] == asked.unit)]
    chosen = chosen[chosen["metric"] == asked.metric]
    of_run = chosen[(chosen["split"] == asked.split) & (chosen["normalization"] == ("none" if asked.raw else method))]
    found = {str(row["featurizer"]): row for _, row in of_run.iterrows()}
    same_wells = np.array(
        [str(split).partition(":")[2] == asked.split.partition(":")[2] for split in chosen["split"]], dtype=bool
    )
    unheld = chosen[(chosen["featurizer"] == RATIO) & same_wells]
    return {**({RATIO: unheld.iloc[0]} if len(unheld) else {}), **found}


def _marks(values: Mapping[str, pd.Series]) -> dict[str, str]:
    """`best` on the highest value, `below` on those whose interval lies below its interval."""
    known = {name: row for name, row in values.items() if not math.isnan(row["value"])}
    if len(known) < 2:
        return {}
    best = max(float(row["value"]) for row in known.values())
    first = [name for name, row in known.items() if float(row["value"]) == best]
    floor = max((float(known[name]["low"]) for name in first if not math.isnan(known[name]["low"])), default=math.nan)
    return {
        name: "best" if name in first else "below"
        for name, row in known.items()
        if name in first or float(row["high"]) < floor
    }


def _beside(numbers: pd.DataFrame, asked: _Asked, method: str) -> dict[str, str]:
    """Of recall the share of inactive compounds called hits, by featurizer: `false: 2 of 40`; of all else nothing."""
    if asked.metric != RECALL:
        return {}
    false = _values(numbers, replace(asked, metric=FALSE_HITS), method)
    return {
        name: f"false: {round(float(row['value']) * int(row['n'])):,} of {int(row['n']):,}"
        for name, row in false.items()
        if not math.isnan(row["value"])
    }


def _n_of_all(values: Mapping[str, pd.Series]) -> str:
    """How many units every number of a column rests on; empty where these differ."""
    every = {_n(row) for row in values.values() if not math.isnan(row["value"])}
    return every.pop() if len(every) == 1 else ""


def _n(row: pd.Series) -> str:
    return counted(int(row["n"]), "image" if row["unit"] == "site" else str(row["unit"]))


def _cell(row: pd.Series | None, mark: str, beside: str) -> Cell | None:
    if row is None or math.isnan(row["value"]):
        return None
    ends = [float(row["low"]), float(row["high"])]
    interval = "" if any(map(math.isnan, ends)) else f"[{', '.join(_plain(end) for end in ends)}]"
    return Cell(_plain(float(row["value"])), interval, _n(row), mark, beside)


def _together(words: Sequence[str]) -> str:
    """Those that share the highest value: `GAN-DL, another network and a floor alike`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]} alike"


def _plain(value: float) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return fixed(value, 2)


def _sentences(
    asked: Sequence[_Asked], columns: Sequence[Mapping[str, pd.Series]], marks: Sequence[Mapping[str, str]]
) -> list[str]:
    """In how many columns GAN-DL, another network and a floor have the highest value; where GAN-DL lies apart below it."""
    counts: dict[str, list[str]] = {}
    behind = []
    for column, values, mark in zip(asked, columns, marks, strict=True):
        if mark:
            kinds = {_kind(name) for name in mark if mark[name] == "best"}
            named = _together([words for kind, words in BEST.items() if kind in kinds])
            counts.setdefault(named, []).append(column.title)
            ours = [name for name in TRAINED if name in values and not math.isnan(values[name]["value"])]
            if ours and all(mark.get(name) == "below" for name in ours):
                behind.append(column.title)
    if not counts:
        return []
    said = "; ".join(f"{named} in {len(titles)} ({'; '.join(titles)})" for named, titles in sorted(counts.items()))
    lines = [f"The highest number of a column is reached by {said}."]
    return [*lines, f"GAN-DL’s intervals lie wholly below it in: {'; '.join(behind)}."] if behind else lines

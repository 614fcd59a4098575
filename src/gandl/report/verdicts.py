"""Reference values: takes `resources/paper_values.csv` and our numbers, makes one comparison per row, each with its verdict.

A row names one number as an evaluation writes it (question, featurizer, normalization, split, unit, metric) and what is known of
it: `value`, an accepted range from `low` to `high` (an empty end is open), `source`, its `place` there, and a `note`. An empty
`normalization` is the run's own, an empty `unit` the well. A row with neither value nor range says that the number was looked for
and no source was found.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from gandl.workflow.words import named

COLUMNS = (
    "dataset",
    "question",
    "featurizer",
    "normalization",
    "split",
    "unit",
    "metric",
    "low",
    "value",
    "high",
    "source",
    "place",
    "note",
)


class ReferenceError(ValueError):
    """The table of reference values has a mistake; the message names the file and the row."""


class Verdict(StrEnum):
    """What a comparison says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NO_REFERENCE = "no reference"
    NOT_MEASURED = "not measured in this run"
    NOT_COMPARABLE = "not comparable: simulated screen"


class Rule(StrEnum):
    """What decides a verdict."""

    RANGE = "our value in the accepted range?"
    INTERVAL = "the reference in our interval?"


@dataclass(frozen=True)
class Reference:
    """One row of the table; `low`, `value` and `high` are None if the table is empty."""

    dataset: str
    question: str
    featurizer: str
    normalization: str
    split: str
    unit: str
    metric: str
    low: float | None
    value: float | None
    high: float | None
    source: str
    place: str
    note: str

    @property
    def known(self) -> bool:
        """Whether there is anything to compare with."""
        return any(number is not None for number in (self.low, self.value, self.high))

    @property
    def rule(self) -> Rule:
        """An accepted range, where one is given, decides alone: our interval is then ignored."""
        return Rule.INTERVAL if self.low is None and self.high is None else Rule.RANGE


@dataclass(frozen=True)
class Measured:
    """One of our numbers: value and interval (NaN if there is none), the number n of units it rests on."""

    value: float
    low: float
    high: float
    n: int
    unit: str
    normalization: str


@dataclass(frozen=True)
class Comparison:
    """A reference, our number (None if this run has none), and the verdict."""

    reference: Reference
    measured: Measured | None
    verdict: Verdict


def read_references(path: Path, dataset: str) -> list[Reference]:
    """Read the reference values of one data set, in the order of the table.

    Raises
    ------
    ReferenceError : a column is missing, a value is not a number, or a range is inverted.
    """
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise ReferenceError(f"{path} lacks the {named('column', missing)}")
        rows = [(reader.line_num, row) for row in reader]
    return [_reference(row, f"{path}, row {line}") for line, row in rows if row["dataset"] == dataset]


def _reference(row: dict[str, str], where: str) -> Reference:
    low, value, high = (_number(row[name], f"{where}: {name}") for name in ("low", "value", "high"))
    if low is not None and high is not None and low > high:
        raise ReferenceError(f"{where}: low ({low:g}) is above high ({high:g})")
    texts = {name: (row[name] or "").strip() for name in COLUMNS if name not in ("low", "value", "high")}
    return Reference(**texts, low=low, value=value, high=high)


def _number(text: str | None, where: str) -> float | None:
    if not (text or "").strip():
        return None
    try:
        return float(str(text))
    except ValueError:
        raise ReferenceError(f"{where} is {text!r}; it must be a number or empty") from None


def compare(references: Sequence[Reference], numbers: pd.DataFrame, method: str, simulated: bool) -> list[Comparison]:
    """Set each reference beside our number.

    Parameters
    ----------
    references : as `read_references` gives them.
    numbers : table of `gandl.tables.NUMBERS`.
    method : normalisation of this run, for references that name none.
    simulated : whether the images were simulated; then no number is comparable with a real screen's.
    """
    found = [(reference, find(numbers, reference, method)) for reference in references]
    return [Comparison(reference, ours, judge(reference, ours, simulated)) for reference, ours in found]


def find(numbers: pd.DataFrame, reference: Reference, method: str) -> Measured | None:
    """Our number for a reference, or None. Where it names no normalisation, the run's own comes first, then any other."""
    chosen = numbers
    for name in ("question", "featurizer", "split", "metric"):
        chosen = chosen[chosen[name] == getattr(reference, name)]
    chosen = chosen[chosen["unit"] == (reference.unit or "well")]
    if reference.normalization:
        chosen = chosen[chosen["normalization"] == reference.normalization]
    elif (chosen["normalization"] == method).any():
        chosen = chosen[chosen["normalization"] == method]
    if chosen.empty:
        return None
    row = chosen.iloc[0]
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    return Measured(value, low, high, int(row["n"]), str(row["unit"]), str(row["normalization"]))


def judge(reference: Reference, measured: Measured | None, simulated: bool) -> Verdict:
    """The verdict: *agrees* when the accepted range holds our value; without a range, when our interval holds the reference."""
    if not reference.known:
        return Verdict.NO_REFERENCE
    if measured is None or math.isnan(measured.value):
        return Verdict.NOT_MEASURED
    if simulated:
        return Verdict.NOT_COMPARABLE
    if reference.rule is Rule.INTERVAL:
        agrees = reference.value is not None and measured.low <= reference.value <= measured.high
    else:
        low = -math.inf if reference.low is None else reference.low
        high = math.inf if reference.high is None else reference.high
        agrees = low <= measured.value <= high
    return Verdict.AGREES if agrees else Verdict.DIFFERS

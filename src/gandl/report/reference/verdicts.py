"""Verdicts: takes reference values and what answers them, makes one comparison per row, each with its verdict."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from gandl.report.reference.values import COSTS, DERIVED, PAPER, Kind, Reference

ON = "on"
"""Text of a setting that is a weight: it says that the weight is above 0."""


class Verdict(StrEnum):
    """What a comparison says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NO_REFERENCE = "no reference"
    NOT_MEASURED = "not measured in this run"
    NOT_COMPARABLE = "not comparable: simulated screen"
    PART_OF_SCREEN = "not comparable: part of the screen"
    OTHER_HARDWARE = "not comparable: other hardware"
    BY_EYE = "picture without numbers: compare by eye"
    NOT_COMPARED = "not compared: nothing of this project answers it"


class Rule(StrEnum):
    """What decides a verdict."""

    RANGE = "our value in the accepted range?"
    INTERVAL = "the reference in our interval?"
    EQUAL = "ours equal to the reference?"


@dataclass(frozen=True)
class Measured:
    """One of our numbers: value and interval (NaN if there is none), the number n of units it rests on; or a text."""

    value: float
    low: float
    high: float
    n: int
    unit: str
    normalization: str
    text: str = ""

    @property
    def known(self) -> bool:
        return bool(self.text) or not math.isnan(self.value)


@dataclass(frozen=True)
class Comparison:
    """A reference, what answers it (None if this run has nothing), and the verdict."""

    reference: Reference
    measured: Measured | None
    verdict: Verdict


def compare(
    references: Sequence[Reference],
    answers: pd.DataFrame,
    method: str,
    simulated: bool,
    parts: Collection[str] = (),
) -> list[Comparison]:
    """Set each reference beside our number.

    Parameters
    ----------
    references : as `values.read_values` gives them.
    answers : table of `gandl.tables.NUMBERS`, or of `answers.COLUMNS`, which is wider.
    method : normalisation of this run, for references that name none.
    simulated : whether the images were simulated; then no number is comparable with a real screen's.
    parts : real screens of which a part was taken; their counts are not comparable.
    """
    found = [(reference, find(answers, reference, method)) for reference in references]
    return [
        Comparison(reference, ours, judge(reference, ours, simulated, reference.dataset in parts))
        for reference, ours in found
    ]


def find(answers: pd.DataFrame, reference: Reference, method: str) -> Measured | None:
    """Our number for a reference, or None. Where it names no normalisation, the run's own comes first, then any other."""
    if not reference.metric or (reference.against and "against" not in answers):
        return None
    question, featurizer, against, normalization, split, unit, metric = reference.key
    wanted = {"question": question, "featurizer": featurizer, "split": split, "unit": unit, "metric": metric}
    chosen = answers
    for name, value in (wanted | ({"against": against} if "against" in answers else {})).items():
        chosen = chosen[chosen[name] == value]
    if normalization:
        chosen = chosen[chosen["normalization"] == normalization]
    elif (chosen["normalization"] == method).any():
        chosen = chosen[chosen["normalization"] == method]
    if chosen.empty:
        return None
    row = chosen.iloc[0]
    number, low, high = (float(row[name]) for name in ("value", "low", "high"))
    text = str(row["text"]) if "text" in chosen else ""
    return Measured(number, low, high, int(row["n"]), str(row["unit"]), str(row["normalization"]), text)


def rule_of(reference: Reference) -> Rule:
    """What decides: an accepted range, where one is given, whatever our interval; else equality of what is counted or set."""
    if reference.ranged:
        return Rule.RANGE
    exact = reference.kind in (Kind.SETTING, Kind.COUNT) or reference.question in DERIVED
    return Rule.EQUAL if exact else Rule.INTERVAL


def judge(reference: Reference, measured: Measured | None, simulated: bool, partial: bool = False) -> Verdict:
    """The verdict: *agrees* when the accepted range holds our value; without a range, when our interval holds the reference.

    A setting, a count and what the paper prints elsewhere have to be equal. A setting and the paper's own are comparable where
    the screen is simulated, too.
    """
    if reference.kind is Kind.FIGURE:
        return Verdict.BY_EYE
    if not reference.metric:
        return Verdict.NOT_COMPARED
    if not reference.known:
        return Verdict.NO_REFERENCE
    if measured is None or not measured.known:
        return Verdict.NOT_MEASURED
    if reference.kind is not Kind.SETTING and reference.question != PAPER:
        if simulated:
            return Verdict.NOT_COMPARABLE
        if reference.question == COSTS:
            return Verdict.OTHER_HARDWARE
        if partial and reference.kind is Kind.COUNT:
            return Verdict.PART_OF_SCREEN
    return Verdict.AGREES if _holds(reference, measured) else Verdict.DIFFERS


def _holds(reference: Reference, measured: Measured) -> bool:
    rule = rule_of(reference)
    if rule is Rule.RANGE:
        low = -math.inf if reference.low is None else reference.low
        high = math.inf if reference.high is None else reference.high
        return low <= measured.value <= high
    if rule is Rule.INTERVAL:
        return reference.value is not None and measured.low <= reference.value <= measured.high
    if reference.text:
        return measured.value > 0 if reference.text == ON else measured.text == reference.text
    return reference.value is not None and math.isclose(reference.value, measured.value, rel_tol=1e-9)

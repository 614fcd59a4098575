"""Verdicts: takes reference values and what answers them, makes one comparison per row, each with its verdict."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from gandl.config import Wells
from gandl.evaluation.terms import DOSE_RESPONSE
from gandl.report.reference.values import COMPOUNDS, COSTS, DERIVED, PAPER, Kind, Reference

ON = "on"
"""Text of a setting that is a weight: it says that the weight is above 0."""
RANK = "efficacy_rank"
"""Metric of which a bound belongs to the range: the fifth is among the five strongest."""
HARDWARE = "hardware."
"""Begins settings that are the machine's, not the configuration's."""


class Verdict(StrEnum):
    """What a comparison says."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNDECIDED = "cannot be distinguished"
    NO_INTERVAL = "not judged: ours has no interval"
    NO_REFERENCE = "no reference"
    NOT_MEASURED = "not measured in this run"
    NOT_COMPARABLE = "not comparable: simulated screen"
    PART_OF_SCREEN = "not comparable: part of the screen"
    OTHER_HARDWARE = "not comparable: other hardware"
    BY_EYE = "picture without numbers: compare by eye"
    NOT_COMPARED = "not compared: nothing of this project answers it"


JUDGED = (Verdict.AGREES, Verdict.DIFFERS, Verdict.UNDECIDED)
"""Verdicts that a rule decided."""


class Rule(StrEnum):
    """What decides a verdict."""

    RANGE = "our value in the accepted range?"
    BOUND = "our whole interval in the claimed range?"
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
    parts : real screens of which a part was taken; what rests on the whole screen is not comparable.
    """
    found = [(reference, find(answers, reference, method)) for reference in references]
    return [
        Comparison(reference, ours, judge(reference, ours, simulated, reference.dataset in parts))
        for reference, ours in found
    ]


def parts_of(configuration: Mapping[str, Any]) -> list[str]:
    """Screens of which a run takes a part, as its configuration says: stores, rows of the metadata or wells."""
    sections = {name: configuration["source"].get(name) or {} for name in configuration["source"]["datasets"]}
    return [
        name
        for name, section in sections.items()
        if section.get("stores") or section.get("complete") is False or section.get("wells", Wells.ALL) != Wells.ALL
    ]


def find(answers: pd.DataFrame, reference: Reference, method: str) -> Measured | None:
    """Our number for a reference, or None. Where it names no normalisation, the run's own comes first, then any other."""
    if not reference.metric or (reference.against and "against" not in answers):
        return None
    question, featurizer, against, normalization, split, unit, metric = reference.key
    wanted = {"question": question, "featurizer": featurizer, "split": split, "metric": metric}
    wanted |= ({"unit": unit} if unit else {}) | ({"against": against} if "against" in answers else {})
    chosen = answers
    for name, value in wanted.items():
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
    """What decides: of a claim on what is measured, with a range, whether our interval lies in it; of all else an accepted range,
    where one is given, whatever our interval; else equality of what is counted or set."""
    derived = reference.question in DERIVED
    if reference.ranged:
        of_estimate = reference.kind is Kind.CLAIM and (not derived or reference.question == COMPOUNDS)
        return Rule.BOUND if of_estimate else Rule.RANGE
    exact = reference.kind in (Kind.SETTING, Kind.COUNT) or derived
    return Rule.EQUAL if exact else Rule.INTERVAL


def judge(reference: Reference, measured: Measured | None, simulated: bool, partial: bool = False) -> Verdict:
    """The verdict, by the rule of `rule_of`.

    A range: *agrees* where it holds our value, else *differs*. A claim ("outperforms"): *agrees* where our whole interval lies
    beyond the claimed bound, *differs* where it lies on the other side, else it *cannot be distinguished*. A number without
    range: *agrees* where our interval holds it, else *differs*. Of the last two nothing is judged without an interval; one end
    that is missing is open. A setting, a count and what the paper prints elsewhere have to be equal. A setting and the paper's
    own are comparable where the screen is simulated, too; of a part of a screen nothing but dose responses of a compound is.
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
        if partial and reference.question != DOSE_RESPONSE:
            return Verdict.PART_OF_SCREEN
    rule = rule_of(reference)
    if rule in (Rule.BOUND, Rule.INTERVAL) and math.isnan(measured.low) and math.isnan(measured.high):
        return Verdict.NO_INTERVAL
    if rule is Rule.BOUND:
        return _beyond(reference, measured)
    if _holds(reference, measured):
        return Verdict.AGREES
    return Verdict.OTHER_HARDWARE if reference.metric.startswith(HARDWARE) else Verdict.DIFFERS


def _beyond(reference: Reference, measured: Measured) -> Verdict:
    """Whether our whole interval lies within the claimed range, outside of it, or neither. A bound is in it for ranks alone."""
    low, high = _range(reference)
    ours_low, ours_high = _interval(measured)
    if ours_high < low or high < ours_low:
        return Verdict.DIFFERS
    closed = reference.metric == RANK
    above = math.isinf(low) or low < ours_low or (closed and low == ours_low)
    below = math.isinf(high) or ours_high < high or (closed and ours_high == high)
    return Verdict.AGREES if above and below else Verdict.UNDECIDED


def _holds(reference: Reference, measured: Measured) -> bool:
    rule = rule_of(reference)
    if rule is Rule.RANGE:
        low, high = _range(reference)
        return low <= measured.value <= high
    if rule is Rule.INTERVAL:
        low, high = _interval(measured)
        return reference.value is not None and low <= reference.value <= high
    if reference.text:
        return measured.value > 0 if reference.text == ON else measured.text == reference.text
    return reference.value is not None and math.isclose(reference.value, measured.value, rel_tol=1e-9)


def _range(reference: Reference) -> tuple[float, float]:
    """The accepted or claimed range; an end that is not given is open."""
    return (
        -math.inf if reference.low is None else reference.low,
        math.inf if reference.high is None else reference.high,
    )


def _interval(measured: Measured) -> tuple[float, float]:
    """Our interval; an end that is missing is open."""
    return (
        -math.inf if math.isnan(measured.low) else measured.low,
        math.inf if math.isnan(measured.high) else measured.high,
    )

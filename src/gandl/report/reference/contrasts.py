"""Contrasts, as answers: takes numbers of evaluations, makes the differences between them that papers state in words and that no
evaluation pairs.

Each has an interval from those of its two numbers, by the method of variance estimates recovery (Zou and Donner 2008, Statistics
in Medicine 27, 1693). It holds for numbers that rest on different wells, and is too wide where they rest on the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import pandas as pd

from gandl.report.reference.answers import table
from gandl.report.reference.margins import MERGED, OVER_MERGED
from gandl.report.reference.values import Reference
from gandl.report.reference.verdicts import Measured, find
from gandl.source.splits import Question

OVER_CONTROLS = "accuracy_over_controls"
MORE_OVER_MERGED = "over_merged_difference"
STEEPER = "rises_with_dose_difference"
CONTRASTS = (OVER_CONTROLS, OVER_MERGED, MORE_OVER_MERGED, STEEPER)
"""Metrics of references that are answered here."""
RISES = "rises_with_dose"
FOUND = ("value", "low", "high", "n", "unit", "normalization", "text")


def contrasts(references: Iterable[Reference], numbers: pd.DataFrame, method: str) -> pd.DataFrame:
    """What answers the references whose metric is one of `CONTRASTS`, as far as the numbers are there.

    `accuracy_over_controls`: the accuracy of a question less that of C+ against C− of all cell types together, by the same
    featurizer. `accuracy_over_merged`: an accuracy within a cell type less that of all cell types together.
    `over_merged_difference`: the same, less that of the featurizer `against`. `rises_with_dose_difference`: the rank correlation
    of score and dose, less that of `against`.

    Parameters
    ----------
    numbers : of evaluations (`gandl.tables.NUMBERS`). method : the run's normalisation, for references that name none.
    """
    rows = []
    for reference in references:
        if reference.metric not in CONTRASTS:
            continue
        if found := _contrast(reference, numbers, method):
            asked = {
                name: getattr(reference, name) for name in ("question", "featurizer", "against", "split", "metric")
            }
            rows.append(asked | {name: getattr(found, name) for name in FOUND})
    return table(rows)


def _contrast(reference: Reference, numbers: pd.DataFrame, method: str) -> Measured | None:
    """The number that answers a reference of `CONTRASTS`; None where one that it is made of is missing."""
    found = partial(find, numbers, method=method)
    if reference.metric == STEEPER:
        rises = replace(reference, metric=RISES, against="")
        return _less(found(rises), found(replace(rises, featurizer=reference.against)))
    accuracy = replace(reference, metric="accuracy", against="")
    if reference.metric == OVER_CONTROLS:
        controls = replace(accuracy, question=Question.CONTROLS.value, normalization="", split=MERGED)
        return _less(found(accuracy), found(controls))
    over = _less(found(accuracy), found(replace(accuracy, split=MERGED)))
    if reference.metric == OVER_MERGED:
        return over
    other = replace(accuracy, featurizer=reference.against)
    return _less(over, _less(found(other), found(replace(other, split=MERGED))))


def _less(one: Measured | None, other: Measured | None) -> Measured | None:
    return None if one is None or other is None else difference(one, other)


def difference(one: Measured, other: Measured) -> Measured:
    """One number less the other, with the interval that follows from theirs (NaN where either has none); n, unit and
    normalisation are those of the first."""
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return replace(one, value=value, low=value - below, high=value + above, text=one.text or other.text)

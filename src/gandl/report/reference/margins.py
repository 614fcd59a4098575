"""Margins between featurizers, as answers: takes numbers and paired comparisons, makes the differences that papers print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from gandl.report.reference.answers import table
from gandl.report.reference.values import Kind, Reference
from gandl.report.reference.verdicts import Measured, find
from gandl.source.schemes import Scheme

DIFFERENCE, OVER_MERGED = "accuracy_difference", "accuracy_over_merged"
MERGED = f"{Scheme.QUARTER.value}:all"
"""The split of all cell types together."""


def margins(
    references: Iterable[Reference], numbers: pd.DataFrame, comparisons: pd.DataFrame, method: str
) -> pd.DataFrame:
    """What answers the references that name a featurizer in `against`.

    `accuracy_difference`: the paired difference on the same images, with its interval, where it was evaluated in either
    direction; else the difference of the two accuracies, without an interval. Differences between sets of wells are those of
    `gandl.report.reference.contrasts`.

    Parameters
    ----------
    numbers : of evaluations (`gandl.tables.NUMBERS`). comparisons : `evaluation.terms.COMPARISONS`.
    method : the run's normalisation, for references that name none.
    """
    rows = []
    for reference in references:
        if not reference.against:
            continue
        found = _paired(reference, comparisons, method) or _of_numbers(reference, numbers, method)
        if found:
            names = ("question", "featurizer", "against", "split", "unit", "metric")
            rows.append({name: getattr(reference, name) for name in names} | found)
    return table(rows)


def _paired(reference: Reference, comparisons: pd.DataFrame, method: str) -> dict[str, Any] | None:
    if reference.metric != DIFFERENCE or comparisons.empty:
        return None
    if found := find(comparisons, reference, method):
        return {"value": found.value, "low": found.low, "high": found.high} | _about(found)
    turned = replace(reference, featurizer=reference.against, against=reference.featurizer)
    if found := find(comparisons, turned, method):
        return {"value": -found.value, "low": -found.high, "high": -found.low} | _about(found)
    return None


def _of_numbers(reference: Reference, numbers: pd.DataFrame, method: str) -> dict[str, Any] | None:
    accuracy = replace(reference, metric="accuracy", against="")
    other = replace(accuracy, featurizer=reference.against)
    found, less = find(numbers, accuracy, method), find(numbers, other, method)
    if found is None or less is None:
        return None
    return {"value": found.value - less.value} | _about(found) | {"text": found.text or less.text}


def _about(found: Measured) -> dict[str, Any]:
    return {"normalization": found.normalization, "n": found.n, "text": found.text}


def elsewhere(reference: Reference, references: Sequence[Reference]) -> str:
    """What the same source prints elsewhere for the same: rows that conflict; for a margin, the difference of its accuracies."""
    if reference.conflicts:
        named = reference.conflicts.split()
        return "; ".join(
            f"{other.printed} ({other.source}, {other.place})" for other in references if other.id in named
        )
    if reference.metric != DIFFERENCE:
        return ""
    wanted = ("source", "question", "split", "unit")
    values = {
        other.featurizer: other.value
        for other in references
        if other.kind is Kind.RESULT
        and other.metric == "accuracy"
        and all(getattr(other, name) == getattr(reference, name) for name in wanted)
    }
    this, that = values.get(reference.featurizer), values.get(reference.against)
    if this is None or that is None:
        return ""
    return f"{100 * (this - that):.2f} points by the accuracies that it prints"

"""Answers: the table in which everything of ours that may answer a reference value stands, whatever it was made from.

It is `gandl.tables.NUMBERS` with two columns more: `against`, from which a difference was taken, and `text`, where the answer
is a word or is said in words. A number without an interval has NaN there, and what counts no units has n = 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

COLUMNS = ["question", "featurizer", "against", "normalization", "split", "unit", "metric"]
COLUMNS += ["value", "low", "high", "n", "text"]
WITHOUT = dict.fromkeys(COLUMNS, "") | dict.fromkeys(("value", "low", "high"), float("nan")) | {"n": 0}


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A table of rows that name only what they have."""
    return pd.DataFrame([WITHOUT | dict(row) for row in rows], columns=COLUMNS).astype(
        {"value": float, "low": float, "high": float, "n": int}
    )


def of_numbers(numbers: pd.DataFrame) -> pd.DataFrame:
    """Numbers of evaluations (`gandl.tables.NUMBERS`, or `evaluation.terms.COMPARISONS`) in this form."""
    missing = {name: WITHOUT[name] for name in COLUMNS if name not in numbers}
    return numbers.assign(**missing)[COLUMNS]


def standing_in(numbers: pd.DataFrame, absent: str, present: str) -> pd.DataFrame:
    """Numbers in which those of one featurizer stand for another that a run does not have, too; their text says so."""
    columns = [name for name in ("featurizer", "against") if name in numbers]
    of_present = numbers[(numbers[columns] == present).any(axis=1)]
    renamed = of_present.assign(**{name: of_present[name].replace(present, absent) for name in columns})
    return pd.concat([numbers.assign(text=""), renamed.assign(text=f"by {present}")], ignore_index=True)


def joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """All of them in one; the first counts where several answer the same."""
    filled = [part for part in tables if not part.empty]
    return pd.concat(filled, ignore_index=True) if filled else table([])

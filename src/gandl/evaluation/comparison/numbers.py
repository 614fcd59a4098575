"""Numbers of the comparison's tasks: rows by cell line -> `tables.NUMBERS` with the setup, the seed and what there is to tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.evaluation.comparison.intervals import NONE
from gandl.tables import NUMBERS, write_table

BESIDE = ("cell_type", "setup", "training_seed", "note")
"""Columns beside `tables.NUMBERS`; `note` says why a value is null, or what a reader should know of it."""

Row = dict[str, object]


def row(
    cell_type: str, metric: str, value: float, n: int, ends: tuple[float, float] = NONE, note: str | None = None
) -> Row:
    """One number of a cell line; n counts tiles."""
    low, high = ends
    value = float(value) if np.isfinite(value) else np.nan
    return {"cell_type": cell_type, "metric": metric, "value": value, "low": low, "high": high, "n": n, "note": note}


def write_numbers(rows: Sequence[Row], output: Path, question: str, setup: str, training_seed: int) -> None:
    """Write rows as `tables.NUMBERS` with the columns of `BESIDE`.

    Parameters
    ----------
    rows : of `row`, at least one; each cell line and metric once. question : of `terms`. setup, training_seed : of the codes.
    """
    table = pd.DataFrame(rows).assign(
        question=question,
        featurizer=setup,
        normalization="none",
        split="held_out",
        seed=training_seed,
        unit="tile",
        setup=setup,
        training_seed=training_seed,
    )
    table["fold"] = table["cell_type"]
    table = table.astype({"n": "int64", "value": "float64", "low": "float64", "high": "float64", "note": "string"})
    write_table(table[[*NUMBERS.names, *BESIDE]], Path(output), NUMBERS)

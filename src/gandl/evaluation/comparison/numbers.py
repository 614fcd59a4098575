"""Numbers of the tasks, and their intervals: rows by cell line -> `tables.NUMBERS` with setup, seed and what there is to tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, t

from gandl.tables import NUMBERS, write_table

BESIDE = ("cell_type", "setup", "training_seed", "note")
"""Columns beside `tables.NUMBERS`; `note` says why a value is null, or what a reader should know of it."""
NONE = (np.nan, np.nan)
"""No interval."""

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


def of_draws(drawn: npt.NDArray[np.float64], confidence: float, wells: int) -> tuple[float, float]:
    """Expanded percentiles (Hesterberg 2015): tails of Student's t, for with few wells plain percentiles are much too short.

    Parameters
    ----------
    drawn : (draws,) values. confidence : coverage aimed at. wells : of the set that has the fewest.

    Returns
    -------
    (low, high); not numbers where there is a single well, or a draw is undefined.
    """
    if wells < 2 or not np.isfinite(drawn).all():
        return NONE
    tail = t.ppf((1 - confidence) / 2, wells - 1)
    low, high = np.quantile(drawn, norm.cdf([tail, -tail]))
    return float(low), float(high)


def of_mean(
    values: npt.NDArray[np.float64], wells: npt.ArrayLike, *, draws: int, confidence: float, seed: int
) -> tuple[float, float]:
    """Interval of the mean of (n,) values of tiles, whole wells drawn; not numbers of a single well, or where draws agree."""
    numbers = np.unique(np.asarray(wells, str), return_inverse=True)[1]
    sums, sizes = np.bincount(numbers, values), np.bincount(numbers).astype(np.float64)
    n = len(sums)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    drawn = times @ sums / (times @ sizes)
    return NONE if np.ptp(drawn) == 0 else of_draws(drawn, confidence, n)


def half_width(values: npt.NDArray[np.float64], confidence: float) -> float:
    """Half of Student's interval of the mean of (n,) independent values, such as those of seeds; not a number of one value."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return np.nan
    return float(t.ppf((1 + confidence) / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))

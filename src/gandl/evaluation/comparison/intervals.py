"""Intervals of what is measured on tiles: takes its values in draws of wells, makes the ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

NONE = (np.nan, np.nan)
"""No interval."""


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


def of_values(values: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Student's interval of the mean of (n,) independent values, such as those of seeds; not numbers of fewer than two."""
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return NONE
    half = t.ppf((1 + confidence) / 2, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))
    return float(known.mean() - half), float(known.mean() + half)

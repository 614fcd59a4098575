"""The sign test's interval of a median: takes values of small groups of wells, makes an interval that assumes nothing of them.

DEEMD (Hosseini Saberian et al. 2022) calls a treatment at a dose effective where the upper bound of such an interval of its
infection probability lies below 0.5, halfway between the classes. On our scale the classes are -1 and +1, and halfway is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

Floats = npt.NDArray[np.float64]


def sign_test_intervals(
    values: Floats, groups: npt.NDArray[np.integer[Any]], confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Medians of groups, and the order statistics between which the true ones lie with at least the confidence.

    With n values, x_(k) and x_(n + 1 - k) hold the median with probability 1 - 2 P(B < k), B binomial (n, 1/2); k is the largest
    for which that is at least the confidence. For 95 % six values are needed; fewer have no interval.

    Parameters
    ----------
    values, groups : (n,) values, and their groups 0 ... m - 1, each with a value. confidence : between 0 and 1.

    Returns
    -------
    (m,) medians, (m,) lower and (m,) upper ends; both ends NaN where there are too few values.
    """
    order = np.lexsort((values, groups))
    ordered = values[order]
    sizes = np.bincount(groups)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = {int(n): _rank(int(n), confidence) for n in np.unique(sizes)}
    k = np.array([rank[int(n)] for n in sizes], dtype=int)
    known = k > 0
    low, high = np.full((2, len(sizes)), np.nan)
    low[known] = ordered[(starts + k - 1)[known]]
    high[known] = ordered[(starts + sizes - k)[known]]
    median = (ordered[starts + (sizes - 1) // 2] + ordered[starts + sizes // 2]) / 2
    return median, low, high


def _rank(n: int, confidence: float) -> int:
    """k; 0 where not even the smallest and the largest of n values hold the median so surely."""
    ranks = np.arange(1, n // 2 + 1)
    passing = ranks[2 * binom.cdf(ranks - 1, n, 0.5) <= 1 - confidence]
    return int(passing.max()) if len(passing) else 0

"""How far apart two groups of wells lie: Z', SSMD, accuracy. Takes scores (..., n) of positive and negative controls.

Every function keeps leading axes (bootstrap draws), so that an interval costs one call. Undefined values are NaN, never made up.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

VALUES_AT_ONCE = 2**20
"""So many values are ranked at a time, to bound memory."""
MAD_TO_DEVIATION = 1.4826
"""The median absolute deviation of a normal variable, times this, is its standard deviation."""

Array = npt.NDArray[np.float64]


def z_prime(positive: Array, negative: Array) -> Array:
    """Z' = 1 - 3 (s+ + s-) / |m+ - m-|, sample standard deviations (Zhang, Chung and Oldenburg 1999).

    Parameters
    ----------
    positive, negative : (..., n) scores, at least two wells each.

    Returns
    -------
    (...) at most 1; NaN with fewer than two wells of a kind, or where the means coincide.
    """
    return _gap(_deviation(positive) + _deviation(negative), _mean(positive) - _mean(negative))


def robust_z_prime(positive: Array, negative: Array) -> Array:
    """Z' with medians for means and 1.4826 MAD for standard deviations (Birmingham et al. 2009)."""
    return _gap(_mad(positive) + _mad(negative), _median(positive) - _median(negative))


def ssmd(positive: Array, negative: Array) -> Array:
    """Strictly standardised mean difference (m+ - m-) / sqrt(s+^2 + s-^2) (Zhang 2007)."""
    return _ratio(_mean(positive) - _mean(negative), np.hypot(_deviation(positive), _deviation(negative)))


def robust_ssmd(positive: Array, negative: Array) -> Array:
    """SSMD with medians for means and 1.4826 MAD for standard deviations (Zhang 2007)."""
    return _ratio(_median(positive) - _median(negative), np.hypot(_mad(positive), _mad(negative)))


def accuracy(positive: Array, negative: Array) -> Array:
    """Share of controls on their side of 0, the middle between the training controls' means; those at 0 count half."""
    right = above_zero(positive) + above_zero(-negative)
    return _ratio(right, np.asarray(positive.shape[-1] + negative.shape[-1]))


def balanced_accuracy(positive: Array, negative: Array) -> Array:
    """Mean over both kinds of the share on its side of 0; those at 0 count half."""
    sizes = positive.shape[-1], negative.shape[-1]
    shares = [_ratio(above_zero(side), np.asarray(n)) for side, n in zip((positive, -negative), sizes, strict=True)]
    return np.asarray(shares[0] + shares[1]) / 2


def above_zero(values: Array) -> Array:
    """(..., n) -> (...) number of values above 0, those at 0 counted half, as features that say nothing put them."""
    return np.asarray((values > 0).sum(-1) + (values == 0).sum(-1) / 2)


def auc(positive: Array, negative: Array) -> Array:
    """Area under the ROC curve: the share of pairs in which the positive scores higher, ties counted half.

    By ranks (Mann and Whitney 1947), since thousands of wells have too many pairs; halves add up exactly.
    """
    n, m = positive.shape[-1], negative.shape[-1]
    leading = np.broadcast_shapes(positive.shape[:-1], negative.shape[:-1])
    if not n * m:
        return np.full(leading, np.nan)
    above = np.broadcast_to(positive, (*leading, n)).reshape(-1, n)
    below = np.broadcast_to(negative, (*leading, m)).reshape(-1, m)
    step = max(1, VALUES_AT_ONCE // (n + m))
    ranks = [
        rankdata(np.concatenate([above[i : i + step], below[i : i + step]], axis=1), axis=1)[:, :n].sum(axis=1)
        for i in range(0, len(above), step)
    ]
    won = np.concatenate(ranks) - n * (n + 1) / 2
    return _ratio(won.reshape(leading), np.asarray(float(n * m)))


def _mean(values: npt.NDArray[np.generic]) -> Array:
    """Mean over the last axis; NaN of none."""
    return _ratio(np.sum(values, axis=-1, dtype=float), np.asarray(values.shape[-1]))


def _median(values: Array) -> Array:
    if values.shape[-1] == 0:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.median(values, axis=-1))


def _deviation(values: Array) -> Array:
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(np.std(values, axis=-1, ddof=1))


def _mad(values: Array) -> Array:
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(MAD_TO_DEVIATION * np.median(np.abs(values - np.median(values, axis=-1, keepdims=True)), axis=-1))


def _gap(spread: Array, distance: Array) -> Array:
    return np.asarray(1 - _ratio(3 * spread, np.abs(distance)))


def _ratio(above: Array, below: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below == 0, np.nan, above / below), dtype=float)

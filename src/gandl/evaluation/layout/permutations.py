"""Permutation tests of places: takes features of wells, labels and blocks, makes held-out accuracies with their chance levels.

Labels are exchanged within blocks in which nothing but the label could tell wells apart, so that the p value is exact whatever
the features are. The classifier is the nearest centroid in features that were whitened without labels (the shrunk covariance of
all wells): for two classes the direction of a linear discriminant, and cheap enough for a thousand permutations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh
from scipy.stats import rankdata

from gandl.statistics.lda import shrinkage

MOST_COMPONENTS = 64
"""Principal components that are whitened at most."""
AT_ONCE = 2**23
"""So many labels by class are held at a time."""
ROUNDING = 1e-9

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.int_]


@dataclass(frozen=True)
class Permuted:
    """A statistic of n wells, its mean and central interval over permutations, and its one-sided p value (large is extreme)."""

    value: float
    chance: float
    low: float
    high: float
    p: float
    n: int


def tested(statistics: Floats, n: int, confidence: float) -> Permuted:
    """Of (1 + draws,) statistics, the first of the labels as they are, the others of permuted ones.

    p = (1 + number of permutations that reach the value) / (1 + draws) (Phipson and Smyth 2010).
    """
    value, null = float(statistics[0]), statistics[1:]
    low, high = np.quantile(null, [(1 - confidence) / 2, (1 + confidence) / 2])
    reached = np.count_nonzero(null >= value - ROUNDING)
    return Permuted(value, float(null.mean()), float(low), float(high), (1 + reached) / (1 + len(null)), n)


def shuffles(blocks: npt.ArrayLike, draws: int, seed: int) -> Integers:
    """(1 + draws, n) positions of wells: first their own, then permuted within (n,) blocks."""
    codes = np.unique(np.asarray(blocks), return_inverse=True)[1]
    n = len(codes)
    home = np.argsort(codes, kind="stable")
    found = np.empty((1 + draws, n), int)
    found[0] = np.arange(n)
    found[1:, home] = np.argsort(codes + np.random.default_rng(seed).random((draws, n)), axis=1)
    return found


def whitened(residuals: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(n, d) centred features -> (n, r) principal components in units of their shrunk deviations (Ledoit and Wolf 2004).

    Features come in units that can be compared; r is at most 64, and 0 where nothing varies.
    """
    n, d = residuals.shape
    if not np.abs(residuals).max(initial=0.0) > ROUNDING:
        return np.empty((n, 0), np.float32)
    products = residuals @ residuals.T if n <= d else residuals.T @ residuals
    size = len(products)
    variances, vectors = eigh(products, subset_by_index=[max(0, size - MOST_COMPONENTS), size - 1])
    variances = np.maximum(variances, 0)
    components = vectors * np.sqrt(variances) if n <= d else residuals @ vectors
    share = shrinkage(residuals)
    deviation = np.sqrt((1 - share) * variances / n + share * np.square(residuals).sum() / (n * d))
    kept = variances > ROUNDING * variances.max()
    return np.asarray(components[:, kept] / deviation[kept], np.float32)


def held_out_accuracy(values: npt.NDArray[np.float32], labels: Integers, folds: Integers) -> Floats:
    """Mean over classes of the share of wells that the nearest centroid of the other folds names right.

    Parameters
    ----------
    values : (n, r). labels : (draws, n) classes 0 to k - 1. folds : (n,).

    Returns
    -------
    (draws,); a class that a fold does not train is never named in it.
    """
    draws, n = labels.shape
    classes = np.arange(labels.max() + 1)
    step = max(1, AT_ONCE // (n * len(classes)))
    found = []
    for first in range(0, draws, step):
        some = labels[first : first + step]
        of_class = (some[:, None, :] == classes[:, None]).astype(np.float32)
        right = np.zeros(some.shape, np.float32)
        for fold in np.unique(folds):
            test = np.equal(folds, fold)
            centroids, count = _centroids(values[~test], of_class[:, :, ~test])
            score = centroids @ values[test].T - np.square(centroids).sum(-1, keepdims=True) / 2
            score[count == 0] = -np.inf
            right[:, test] = score.argmax(axis=1) == some[:, test]
        total = of_class.sum(-1)
        share = np.einsum("bkn,bn->bk", of_class, right) / np.maximum(total, 1)
        found.append(share.sum(-1) / (total > 0).sum(-1))
    return np.concatenate(found)


def held_out_auc(values: npt.NDArray[np.float32], labels: Integers, folds: Integers) -> Floats:
    """Area under the ROC curve of pairs within a fold, wells scored along the difference of both classes' means in other folds.

    Parameters
    ----------
    values : (n, r). labels : (draws, n) 0 or 1. folds : (n,).

    Returns
    -------
    (draws,); 0.5 where no fold tests both classes.
    """
    draws, n = labels.shape
    found = []
    step = max(1, AT_ONCE // n)
    for first in range(0, draws, step):
        some = labels[first : first + step]
        of_class = np.equal(some[:, None, :], np.array([0, 1])[:, None]).astype(np.float32)
        won, pairs = np.zeros((2, len(some)))
        for fold in np.unique(folds):
            test = np.equal(folds, fold)
            centroids, count = _centroids(values[~test], of_class[:, :, ~test])
            direction = np.where(np.all(count > 0, axis=1, keepdims=True), centroids[:, 1] - centroids[:, 0], 0)
            ranks = rankdata(direction @ values[test].T, axis=1)
            above = of_class[:, 1, test].sum(-1)
            below = of_class[:, 0, test].sum(-1)
            won += (ranks * of_class[:, 1, test]).sum(-1) - above * (above + 1) / 2
            pairs += above * below
        found.append(np.where(pairs > 0, won / np.maximum(pairs, 1), 0.5))
    return np.concatenate(found)


def _centroids(
    values: npt.NDArray[np.float32], of_class: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Means (draws, k, r) of classes, and their numbers of wells (draws, k)."""
    count = of_class.sum(-1)
    return of_class @ values / np.maximum(count, 1)[..., None], count

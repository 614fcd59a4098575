"""Shrinkage LDA: takes features of controls, makes the direction of Fisher's linear discriminant, covariances shrunk.

Ours, beside the paper's SVM: with few wells and many features it weighs by how features vary together, has no C to choose, and
costs no more than the smaller of wells and features (Ledoit and Wolf 2004, J. Multivariate Anal. 88:365, lemmas 3.2 to 3.4).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]

LEAST_VARIANCE = 1e-6
"""No variance is taken as less than this share of the features' mean one: what a dozen wells happen to agree in is not free
of noise. It matters where nothing is shrunk, as with two wells of each kind."""


def shrinkage_normal(features: Floats, labels: Integers) -> Floats:
    """Unit normal (d,) of the linear discriminant, towards C+; zeros where both kinds have one mean.

    The covariance is the mean of both kinds' own, each standardised, shrunk towards the identity by the share that is expected
    to be closest to the truth, and put back to scale: what scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr",
    shrinkage="auto", priors=[0.5, 0.5])` computes, in time of the smaller of n and d cubed.

    Parameters
    ----------
    features : (n, d). labels : (n,) +1 for C+, -1 for C-, at least one of each.
    """
    kinds = [features[labels > 0], features[labels < 0]]
    difference = kinds[0].mean(axis=0) - kinds[1].mean(axis=0)
    parts = [_shrunk(kind) for kind in kinds]
    rows = np.concatenate([rows for rows, _ in parts]) / np.sqrt(2)
    variances = (parts[0][1] + parts[1][1]) / 2
    total = variances + np.square(rows).sum(axis=0)
    variances = np.maximum(variances, LEAST_VARIANCE * total.mean() or 1.0)
    normal = _solve(rows, variances, difference)
    length = float(np.linalg.norm(normal))
    return np.asarray(normal / length if length > 0 else normal)


def _shrunk(features: Floats) -> tuple[Floats, Floats]:
    """The shrunk covariance of (n, d) rows as `rows.T @ rows + diag(variances)`: rows (n, d), variances (d,)."""
    n, d = features.shape
    centred = features - features.mean(axis=0)
    scale = centred.std(axis=0)
    varies = scale > np.finfo(float).eps * np.abs(features).max(axis=0, initial=0.0)
    scale = np.where(varies, scale, 1.0)
    standard = np.where(varies, centred / scale, 0.0)
    share = shrinkage(standard)
    identity = varies.sum() / d
    return standard * scale * np.sqrt((1 - share) / n), share * identity * np.square(scale)


def shrinkage(centred: Floats) -> float:
    """How much of the identity to take, 0 to 1, from centred rows (n, d) (Ledoit and Wolf 2004)."""
    n, d = centred.shape
    products = centred @ centred.T if n < d else centred.T @ centred
    squared = float(np.square(products).sum()) / n**2
    traced = float(np.square(centred).sum()) / n
    fourth = float(np.square(np.square(centred).sum(axis=1)).sum()) / n
    error = (fourth - squared) / (d * n)
    distance = (squared - traced**2 / d) / d
    error = min(error, distance)
    return error / distance if error > 0 else 0.0


def _solve(rows: Floats, variances: Floats, target: Floats) -> Floats:
    """x (d,) of (rows.T @ rows + diag(variances)) x = target, in the smaller of n and d (Woodbury)."""
    n, d = rows.shape
    if d <= n:
        return np.asarray(solve(rows.T @ rows + np.diag(variances), target, assume_a="pos"))
    within = rows / variances
    inner = solve(np.eye(n) + within @ rows.T, within @ target, assume_a="pos")
    return np.asarray(target / variances - within.T @ inner)

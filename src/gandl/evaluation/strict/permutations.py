"""Label permutations: takes features and folds, makes the held-out AUC once with the labels as they are and often with them
by lot.

Labels are permuted among the controls of a plate (of a single plate: of a row or column), since only wells of one plate can be
exchanged. Axes are fitted anew every time, by least squares with a penalty (ridge) that no label decides: nothing was then
chosen by the true labels, so that p is exact, and all permutations of a fold cost one solution of one system of equations.
The direction is that of a linear discriminant whose covariance is shrunk towards the identity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from gandl.statistics.fold_features import FoldFeatures
from gandl.statistics.held_out import Fold
from gandl.statistics.separation import auc
from gandl.tables import Column, Schema

PERMUTED_AT_ONCE = 2**23
"""So many scores are held at a time."""
TIES = 1e-9
"""AUCs closer than this are equal but for rounding."""

PERMUTATIONS = Schema(
    "permutations",
    (
        Column("scheme", "string"),
        Column("group", "string"),
        Column("controls", "integer"),
        Column("permutation", "integer"),
        Column("auc", "float"),
    ),
    key=("scheme", "group", "permutation"),
)
"""Held-out AUC of C+ against C- by ridge axes, of so many controls of a group (cell type); permutation 0 is the labels as
they are."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


def permuted_aucs(
    features: FoldFeatures,
    labels: Integers,
    folds: Sequence[Fold],
    blocks: npt.ArrayLike,
    permutations: int,
    seed: int,
) -> Floats:
    """The AUC of held-out controls, first with their own labels, then with labels permuted within blocks.

    Parameters
    ----------
    features : of n wells, which must not depend on labels. labels : (n,) +1, -1, 0. folds : no well is tested by two.
    blocks : (n,) within which labels are exchanged. permutations : how many. seed : of them.

    Returns
    -------
    (1 + permutations,), or none where no block holds both labels, or some fold has but one to train on.
    """
    blocks = np.asarray(blocks)
    tested = np.concatenate([fold.test[labels[fold.test] != 0] for fold in folds])
    controls = np.union1d(tested, np.concatenate([fold.train for fold in folds]))
    drawn = _permuted(labels, controls, blocks, permutations, seed)
    if (drawn == drawn[:1]).all() or any(len(set(labels[fold.train])) < 2 for fold in folds):
        return np.empty(0)
    scores = np.empty((1 + permutations, len(tested)))
    at = {well: position for position, well in enumerate(tested)}
    step = max(1, PERMUTED_AT_ONCE // len(controls))
    for fold in folds:
        test = fold.test[labels[fold.test] != 0]
        known, unknown = (np.asarray(features.of(wells, fold.test), float) for wells in (fold.train, test))
        places, trained = [at[well] for well in test], np.searchsorted(controls, fold.train)
        for first in range(0, len(drawn), step):
            some = slice(first, first + step)
            scores[some, places] = ridge_scores(known, drawn[some][:, trained], unknown)
    signs = drawn[:, np.searchsorted(controls, tested)]
    order = np.argsort(
        -signs, axis=1, kind="stable"
    )  # numbers of both labels are those of the blocks, the same in every permutation
    by_label, positives = np.take_along_axis(scores, order, axis=1), int((signs[0] > 0).sum())
    return auc(by_label[:, :positives], by_label[:, positives:])


def p_of(aucs: Floats) -> float:
    """One-sided p: the share of permutations, the labels themselves among them, whose AUC is as high (Phipson and Smyth 2010)."""
    return float(np.mean(aucs >= aucs[0] - TIES))


def ridge_scores(known: Floats, labels: Integers, unknown: Floats) -> Floats:
    """Scores of wells by ridge axes of others, for many labellings at once.

    Parameters
    ----------
    known : (n, d) features to train on. labels : (p, n) +1 or -1, both in every row. unknown : (m, d) to score.

    Returns
    -------
    (p, m): training C+ average +1, C- average -1. The penalty is the mean over training wells of their squared distance from
    their mean, so that it has the features' unit and no label decides it. Solved in the smaller of n and d.
    """
    mean = known.mean(axis=0)
    known, unknown = known - mean, unknown - mean
    n, d = known.shape
    penalty = float(np.square(known).sum()) / n or 1.0
    within = known @ known.T if n < d else known.T @ known
    within.flat[:: len(within) + 1] += penalty
    factor, targets = cho_factor(within), labels.T.astype(float)
    normals = known.T @ cho_solve(factor, targets) if n < d else cho_solve(factor, known.T @ targets)
    fitted, scored = (known @ normals).T, (unknown @ normals).T
    above, below = (np.where(labels == sign, fitted, 0).sum(1) / (labels == sign).sum(1) for sign in (1, -1))
    apart = np.where(above - below > 0, above - below, np.inf)  # no axis: all wells in the middle
    return np.asarray((2 * scored - (above + below)[:, None]) / apart[:, None])


def _permuted(labels: Integers, controls: Integers, blocks: npt.NDArray[np.generic], times: int, seed: int) -> Integers:
    """(1 + times, controls) labels, the first as they are."""
    rng = np.random.default_rng(seed)
    drawn = np.repeat(labels[controls][None], 1 + times, axis=0)
    for block in np.unique(blocks[controls]):
        here = np.flatnonzero(blocks[controls] == block)
        drawn[1:, here] = rng.permuted(drawn[1:, here], axis=1)
    return drawn

"""Linear SVM of several classes, one against one: takes features and classes, makes the class of other rows.

Mascolini et al. 2022 name "a soft margin linear SVM" for the cell types of RxRx1 and leave the rest open; one against one is what
libsvm does. Every pair votes, ties go to the class with the larger sum of bounded distances from its planes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from gandl.statistics.groups import dealt
from gandl.statistics.held_out import ROWS_AT_ONCE
from gandl.statistics.standardisation import Units, units_of
from gandl.statistics.svm import SvmProblem

COLUMNS_AT_ONCE = 512
CHOOSING_WELLS = 3_000
"""C is chosen on at most this many training wells, drawn from them."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


class ClassError(ValueError):
    """There is nothing to classify; the message says what is missing."""


class PairwiseSvm:
    """Training rows in units of themselves, one problem per pair of classes, to be solved for several C.

    Parameters
    ----------
    features : (n, d), of single or double precision. classes : (n,) whole numbers.
    raw : features are put in units of these rows; False: they have units in common already.

    Raises
    ------
    ClassError : fewer than two classes.
    """

    def __init__(self, features: Floats, classes: Integers, *, raw: bool = True) -> None:
        self.names = np.unique(classes)
        if len(self.names) < 2:
            raise ClassError(f"a classifier needs at least two classes to train on; there is {len(self.names)}")
        self.units = _units(features) if raw else _as_they_are(features.shape[1])
        scaled = np.empty(features.shape)
        squares = np.empty(len(features))
        for first in range(0, len(features), ROWS_AT_ONCE):  # all at once would take three times their memory
            rows = slice(first, first + ROWS_AT_ONCE)
            scaled[rows] = self.units.apply(np.asarray(features[rows], float))
            squares[rows] = np.square(scaled[rows]).sum(axis=1)
        size = float(np.sqrt(squares.mean()))
        self.scale = 1 / size if size > 0 else 1.0
        scaled *= self.scale
        self.pairs = list(combinations(range(len(self.names)), 2))
        means = np.stack([scaled[classes == name].mean(axis=0) for name in self.names])
        self.middles = [(means[i] + means[j]) / 2 for i, j in self.pairs]
        self._scaled, self._classes = scaled, np.asarray(classes)
        self._kept: dict[int, SvmProblem] = {}

    def _problem(self, number: int) -> SvmProblem:
        """The problem of a pair of classes: kept with its kernel, else made anew, since rows of all pairs fill several times the
        memory of the rows themselves."""
        if number in self._kept:
            return self._kept[number]
        pair = self.names[list(self.pairs[number])]
        here = np.isin(self._classes, pair)
        rows = self._scaled[here]
        rows -= self.middles[number]
        problem = SvmProblem(rows, np.where(self._classes[here] == pair[0], 1, -1))
        if problem.kernel is not None:
            self._kept[number] = problem
        return problem

    def predict(self, features: Floats, c: float) -> Integers:
        """(m, d) -> (m,) classes, by planes of one C."""
        planes = [self._problem(number).solve(c) for number in range(len(self.pairs))]
        parts = [features[first : first + ROWS_AT_ONCE] for first in range(0, len(features), ROWS_AT_ONCE)]
        votes = [self._vote(np.asarray(part, float), planes) for part in parts]
        return np.concatenate(votes) if votes else self.names[:0]

    def _vote(self, features: Floats, planes: Sequence[tuple[Floats, float]]) -> Integers:
        scaled = self.units.apply(features) * self.scale
        votes = np.zeros((len(features), len(self.names)))
        sums = np.zeros_like(votes)
        for (i, j), middle, (weights, intercept) in zip(self.pairs, self.middles, planes, strict=True):
            distance = scaled @ weights + (intercept - middle @ weights)
            votes[:, i] += distance > 0
            votes[:, j] += distance <= 0
            sums[:, i] += distance
            sums[:, j] -= distance
        bounded = sums / (3 * (1 + np.abs(sums)))  # below a third: it never outweighs a vote
        return self.names[(votes + bounded).argmax(axis=1)]


def _units(features: Floats) -> Units:
    """Those of (n, d) rows, in double precision, some columns at a time."""
    parts = [
        units_of(np.asarray(features[:, first : first + COLUMNS_AT_ONCE], float))
        for first in range(0, features.shape[1], COLUMNS_AT_ONCE)
    ]
    return Units(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("mean", "deviation", "varies")))


def _as_they_are(dim: int) -> Units:
    return Units(np.zeros(dim), np.ones(dim), np.ones(dim, bool))


def choose_c(
    features: Floats,
    classes: Integers,
    groups: npt.ArrayLike,
    c_grid: Sequence[float],
    seed: int,
    *,
    raw: bool = True,
) -> float:
    """The candidate with the best balanced accuracy, each group of training wells left out in turn; ties go to the smallest C.

    With one candidate, or no group whose absence leaves every class, the smallest is taken. Of more than 3,000 wells so many are
    drawn. More than 8 groups are merged into 5 (`gandl.statistics.groups.dealt`). `raw` : as of `PairwiseSvm`.
    """
    candidates = sorted(c_grid)
    if len(candidates) == 1:
        return candidates[0]
    drawn = np.sort(np.random.default_rng(seed).permutation(len(classes))[:CHOOSING_WELLS])
    features, classes, groups = features[drawn], classes[drawn], np.asarray(groups)[drawn]
    groups = dealt(groups, classes)
    right = np.full((len(candidates), len(classes)), np.nan)
    for name in dict.fromkeys(groups.tolist()):
        out = groups == name
        if len(np.unique(classes[~out])) < len(np.unique(classes)):
            continue
        machine = PairwiseSvm(features[~out], classes[~out], raw=raw)
        for i, c in enumerate(candidates):
            right[i, out] = machine.predict(features[out], c) == classes[out]
    scored = np.isfinite(right[0])
    if not scored.any():
        return candidates[0]
    balanced = np.mean(
        [right[:, scored & (classes == name)].mean(axis=1) for name in np.unique(classes[scored])], axis=0
    )
    return candidates[int(np.flatnonzero(balanced >= balanced.max() - 1e-9)[0])]

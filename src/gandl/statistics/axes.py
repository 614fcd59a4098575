"""On- and off-perturbation axes: takes features of wells and labels of controls, makes held-out scores.

On-perturbation axis: unit normal of a linear SVM between C+ and C-, scaled so that C+ average +1 and C- average -1.
Off-perturbation: what is left once the on component is removed, zero-centred (Mascolini et al. 2022, "Visualizing GAN-DL's
representation learning capability"). Which direction of that remainder the paper draws is open; here its first component.
Beside the SVM's, an on axis of ours: the shrinkage LDA's (`gandl.statistics.lda`), in the same scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from gandl.statistics.groups import dealt
from gandl.statistics.lda import shrinkage_normal
from gandl.statistics.separation import z_prime
from gandl.statistics.standardisation import Units, units_of
from gandl.statistics.svm import SvmProblem

ROWS_AT_ONCE = 2**13
"""Rows that are scored at a time, so that a screen's wells are held in double precision a few at a time."""
MOST_CHOICES = 8
"""So often at most C is chosen in a scheme; of more folds, neighbours share a choice made on what they all train on."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


class AxisError(ValueError):
    """No axis can be fitted; the message says which controls are missing."""


@dataclass(frozen=True)
class Fold:
    """One split: positions of the training controls and of the wells to score."""

    name: str
    train: Integers
    test: Integers


@dataclass(frozen=True)
class OnAxis:
    """A fitted on-perturbation axis.

    Attributes
    ----------
    scale : what features are multiplied by before anything else.
    normal : (d,) unit normal of the SVM or the LDA, towards C+.
    slope, offset : on score = slope * (x . normal) + offset; training C+ average +1, C- average -1.
    """

    scale: float
    normal: Floats
    slope: float
    offset: float

    def on_score(self, features: Floats) -> Floats:
        """(n, d) -> (n,)."""
        return (features * self.scale) @ self.normal * self.slope + self.offset


@dataclass(frozen=True)
class Axes(OnAxis):
    """A fitted pair of axes.

    Attributes
    ----------
    centre : (d,) mean of the training wells' remainders.
    off : (d,) unit vector, first principal component of the training wells' remainders.
    """

    centre: Floats
    off: Floats

    def off_scores(self, features: Floats) -> tuple[Floats, Floats]:
        """(n, d) -> component along the off axis (n,), and norm of the whole remainder (n,) (Cuccarese et al. 2020).

        Both carry the on score's unit: half the distance between the training controls' means.
        """
        scaled = features * self.scale
        remainder = scaled - np.outer(scaled @ self.normal, self.normal) - self.centre
        return remainder @ self.off * self.slope, np.linalg.norm(remainder, axis=1) * self.slope


@dataclass(frozen=True)
class Scores:
    """Held-out scores of n wells; NaN where no fold tests a well.

    Attributes
    ----------
    on, off, off_norm, on_lda : (n,).
    fold : (n,) name of the fold that scored the well, "" where none did.
    c : the SVM's C of every fold.
    """

    on: Floats
    off: Floats
    off_norm: Floats
    on_lda: Floats
    fold: npt.NDArray[np.object_]
    c: dict[str, float]


def fit_axes(features: Floats, labels: Integers, c: float) -> Axes:
    """Fit both axes on training controls: (n, d) features, (n,) labels, the SVM's C; see `fit_on_axis`."""
    on = fit_on_axis(features, labels, c)
    centre, off = _principal(features * on.scale, on.normal)
    return Axes(on.scale, on.normal, on.slope, on.offset, centre, off)


def fit_on_axis(features: Floats, labels: Integers, c: float) -> OnAxis:
    """Fit the on-perturbation axis on training controls.

    Features come standardised by the normalisation. Here they are divided by one number, the root mean square distance of the
    training controls from the middle between both kinds, so that C means the same for 4 as for 4,000 features: with few wells, up
    to about 0.1 the axis is the difference of the means, from about 10 on a hard margin. Both kinds weigh alike.

    Parameters
    ----------
    features : (n, d). labels : (n,) +1 for C+, -1 for C-. c : the SVM's C.

    Raises
    ------
    AxisError : one of the classes is absent, or their means project to one point.
    """
    return _Controls(features, labels).axis(c)


def fit_lda_axis(features: Floats, labels: Integers) -> OnAxis:
    """The shrinkage LDA's on axis on training controls; parameters and errors as of `fit_on_axis`, and no C."""
    return _Controls(features, labels).lda()


class _Controls:
    """Training controls in the scale of the SVM, for axes of several C."""

    def __init__(self, features: Floats, labels: Integers) -> None:
        self.positive, self.negative = labels > 0, labels < 0
        if not self.positive.any() or not self.negative.any():
            raise AxisError(
                f"an axis needs positive and negative controls; there are {self.positive.sum()} and "
                f"{self.negative.sum()} to train on"
            )
        middle = (features[self.positive].mean(0) + features[self.negative].mean(0)) / 2
        size = float(np.sqrt(np.square(features - middle).sum(1).mean()))
        self.features, self.labels = features, labels
        self.scale = 1 / size if size > 0 else 1.0
        self.problem = SvmProblem((features - middle) * self.scale, labels)

    def axis(self, c: float) -> OnAxis:
        """The SVM's."""
        weights, _ = self.problem.solve(c)
        length = float(np.linalg.norm(weights))
        return self._along(weights / length if length > 0 else weights)

    def lda(self) -> OnAxis:
        """The shrinkage LDA's."""
        return self._along(shrinkage_normal(self.features * self.scale, self.labels))

    def _along(self, normal: Floats) -> OnAxis:
        along = self.features * self.scale @ normal
        above, below = along[self.positive].mean(), along[self.negative].mean()
        if not above > below:
            raise AxisError("the controls cannot be told apart at all: both kinds project to one point")
        slope = 2 / (above - below)
        return OnAxis(self.scale, normal, float(slope), float(-slope * (above + below) / 2))


def _principal(scaled: Floats, normal: Floats) -> tuple[Floats, Floats]:
    """Centre and first principal component of what is left once the component along `normal` is removed.

    Its sign makes the sum of its cubed loadings positive: smooth in the loadings, so that folds that share most wells agree.
    """
    remainder = scaled - np.outer(scaled @ normal, normal)
    centre = remainder.mean(0)
    off = _first_component(remainder - centre)
    return centre, -off if np.sum(off**3) < 0 else off


def _first_component(centred: Floats) -> Floats:
    """Direction (d,) of the largest spread of (n, d) rows, from the smaller of both matrices of products."""
    n, d = centred.shape
    products = centred.T @ centred if d <= n else centred @ centred.T
    _, vectors = eigh(products, subset_by_index=[len(products) - 1] * 2)
    off = vectors[:, 0] if d <= n else vectors[:, 0] @ centred
    length = float(np.linalg.norm(off))
    return np.asarray(off / length if length > 0 else off)


def held_out_scores(
    features: Floats,
    labels: Integers,
    folds: Sequence[Fold],
    groups: npt.ArrayLike,
    c_grid: Sequence[float],
    *,
    raw: bool = False,
) -> Scores:
    """Score every test well by axes that never saw it.

    Parameters
    ----------
    features : (n, d) finite, of single or double precision. labels : (n,) +1 C+, -1 C-, 0 anything else. groups : (n,) plate row
        (or plate) of each well.
    folds : training controls and test wells.
    c_grid : candidates; each fold takes the one with the best Z' when each of its training groups is left out in turn. Of more
        than 8 folds, neighbours share one choice, made on the wells that all of them train on: no test well has a say in it.
    raw : no plate effect was removed: each feature is first put in units of the fold's training wells.

    Raises
    ------
    AxisError : features that are not finite; a fold that trains on wells that it tests or that are no controls, or lacks a kind
        of controls; a well that two folds test.
    """
    features, labels, groups = np.asarray(features), np.asarray(labels), np.asarray(groups)
    _check(features, labels, folds)
    n = len(features)
    values = np.full((4, n), np.nan)
    names = np.full(n, "", dtype=object)
    chosen: dict[str, float] = {}
    for block in _blocks(folds):
        shared = reduce(np.intersect1d, [np.asarray(fold.train, dtype=int) for fold in block])
        known = np.asarray(features[shared], float)
        known = units_of(known).apply(known) if raw and len(shared) else known
        chosen |= dict.fromkeys([fold.name for fold in block], choose_c(known, labels[shared], groups[shared], c_grid))
    for fold in folds:
        train, test = np.asarray(fold.train, dtype=int), np.asarray(fold.test, dtype=int)
        of_fold = features[train], labels[train], features[test]
        values[:3, test] = score_by(*of_fold, chosen[fold.name], raw=raw)
        values[3, test] = score_by_lda(*of_fold, raw=raw)
        names[test] = fold.name
    on, off, norm, on_lda = values
    return Scores(on, off, norm, on_lda, names, chosen)


def score_by(train: Floats, labels: Integers, test: Floats, c: float, *, raw: bool = False) -> Floats:
    """Scores of rows by axes of others: (n, d) and (n,) to train on, (m, d) to score -> (3, m): on, off, off_norm.

    Other parameters as in `held_out_scores`; wells or images alike.

    Raises
    ------
    AxisError : one of the classes is absent among those to train on, or their means project to one point.
    """
    known, units = _in_own_units(train, raw=raw)
    axes = fit_axes(known, labels, c)
    return _scored(lambda some: np.stack([axes.on_score(some), *axes.off_scores(some)]), test, units, 3)


def score_by_lda(train: Floats, labels: Integers, test: Floats, *, raw: bool = False) -> Floats:
    """The same by the shrinkage LDA: (m,) on scores."""
    known, units = _in_own_units(train, raw=raw)
    axis = fit_lda_axis(known, labels)
    return _scored(lambda some: axis.on_score(some)[np.newaxis], test, units, 1)[0]


def _in_own_units(train: Floats, *, raw: bool) -> tuple[Floats, Units | None]:
    """Rows in double precision; where they are raw in their own units, which come beside."""
    train = np.asarray(train, float)
    units = units_of(train) if raw and len(train) else None
    return (train if units is None else units.apply(train)), units


def _scored(score: Callable[[Floats], Floats], test: Floats, units: Units | None, count: int) -> Floats:
    """So many scores (count, m) of (m, d) rows, some rows at a time."""
    scores = np.empty((count, len(test)))
    for first in range(0, len(test), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        some = np.asarray(test[rows], float)
        scores[:, rows] = score(some if units is None else units.apply(some))
    return scores


def _blocks(folds: Sequence[Fold]) -> Iterator[list[Fold]]:
    """Folds that share a choice of C: neighbours, as long as each still shares half of its training wells with all of them."""
    most = -(-len(folds) // MOST_CHOICES)
    block: list[Fold] = []
    shared = np.empty(0, dtype=int)
    for fold in folds:
        common = np.intersect1d(shared, fold.train)
        if block and len(block) < most and len(common) >= max(len(each.train) for each in [*block, fold]) / 2:
            block, shared = [*block, fold], common
            continue
        if block:
            yield block
        block, shared = [fold], np.asarray(fold.train, dtype=int)
    if block:
        yield block


def choose_c(features: Floats, labels: Integers, groups: npt.NDArray[np.generic], c_grid: Sequence[float]) -> float:
    """The largest candidate whose Z' is not worse than the best by more than one standard error, each group left out in turn.

    Z' of pooled scores; the standard error is the jackknife's over wells, of the difference between both candidates. Where few
    wells cannot tell candidates apart, a small C (the difference of the means, blind to what varies together) is not preferred
    to a large one (a margin): docs/decisions.md measures what that preference cost.

    Scores of all groups share one scale, since every axis puts its own training controls at +1 and -1. With one candidate, or too
    few groups to leave one out, the smallest is taken; more than 8 groups are dealt to 5 (`gandl.statistics.groups.dealt`).
    Parameters as in `held_out_scores`, of the training wells alone.
    """
    candidates = sorted(c_grid)
    if len(candidates) == 1:
        return candidates[0]
    groups = dealt(groups, labels)
    names = [name for name in dict.fromkeys(groups.tolist()) if _has_both(labels[groups != name])]
    if len(names) < 2:
        return candidates[0]
    on = np.full((len(candidates), len(labels)), np.nan)
    for name in names:
        out = groups == name
        controls = _Controls(features[~out], labels[~out])
        for i, c in enumerate(candidates):
            try:
                on[i, out] = controls.axis(c).on_score(features[out])
            except AxisError:  # all controls that are left are alike: such an axis would put every well in the middle
                on[i, out] = 0.0
    scored = np.isfinite(on).all(axis=0)
    kinds = on[:, scored & (labels > 0)], on[:, scored & (labels < 0)]
    values = np.nan_to_num(z_prime(*kinds), nan=-np.inf)
    if not np.isfinite(values).any():
        return candidates[0]
    best = int(values.argmax())
    behind = values[best] - values
    return max(c for i, c in enumerate(candidates) if behind[i] <= _error_of_difference(*kinds, best, i) + 1e-9)


def _error_of_difference(positive: Floats, negative: Floats, one: int, other: int) -> float:
    """Jackknife standard error, over wells, of the difference between the Z' of two rows of scores (candidates, n)."""
    kinds = positive[[one, other]], negative[[one, other]]
    of_each = np.concatenate([_z_prime_without_each(*kinds), _z_prime_without_each(*kinds[::-1])], axis=1)
    differences = of_each[0] - of_each[1]
    if not np.isfinite(differences).all():
        return 0.0
    return float(np.sqrt((len(differences) - 1) * differences.var()))


def _z_prime_without_each(values: Floats, others: Floats) -> Floats:
    """Z' (k, n) of rows of scores (k, n) and (k, m), each of the n values left out in turn; NaN of fewer than three."""
    n = values.shape[1]
    mean = values.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_without = (n * mean - values) / (n - 1)
        squares = (n - 1) * values.var(axis=1, ddof=1, keepdims=True) - n / (n - 1) * np.square(values - mean)
        spread = np.sqrt(np.maximum(squares, 0) / (n - 2)) + others.std(axis=1, ddof=1, keepdims=True)
        return np.asarray(1 - 3 * spread / np.abs(mean_without - others.mean(axis=1, keepdims=True)))


def _check(features: Floats, labels: Integers, folds: Sequence[Fold]) -> None:
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        raise AxisError(f"features of {len(broken)} well(s) are not finite numbers, the first is well {broken[0] + 1}")
    tested = np.full(len(features), "", dtype=object)
    for fold in folds:
        shared = np.intersect1d(fold.train, fold.test)
        if len(shared):
            raise AxisError(f"fold {fold.name} trains on {len(shared)} of the wells that it tests")
        foreign = np.count_nonzero(labels[np.asarray(fold.train, dtype=int)] == 0)
        if foreign:
            raise AxisError(f"fold {fold.name} trains on {foreign} well(s) that are no controls")
        test = np.asarray(fold.test, dtype=int)
        twice = test[tested[test] != ""]
        if len(twice):
            raise AxisError(f"folds {tested[twice[0]]} and {fold.name} both test well {twice[0] + 1}")
        tested[test] = fold.name


def _has_both(labels: Integers) -> bool:
    return bool((labels > 0).any() and (labels < 0).any())

"""Held-out scores: takes features of wells, labels of controls and folds, makes scores by axes that never saw the scored well.

Every fold fits the axes of `gandl.statistics.axes` on its training controls, and scores its test wells by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from gandl.statistics.axes import AxisError, choose_c, fit_axes, fit_lda_axis
from gandl.statistics.fold_features import Fixed, FoldFeatures
from gandl.statistics.standardisation import Units, units_of
from gandl.workflow.words import counted

ROWS_AT_ONCE = 2**13
"""Rows that are scored at a time, so that a screen's wells are held in double precision a few at a time."""
MOST_CHOICES = 8
"""So often at most C is chosen in a scheme; of more folds, neighbours share a choice made on what they all train on."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


@dataclass(frozen=True)
class Fold:
    """One split: positions of the training controls and of the wells to score."""

    name: str
    train: Integers
    test: Integers


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


def held_out_scores(
    features: Floats | FoldFeatures,
    labels: Integers,
    folds: Sequence[Fold],
    groups: npt.ArrayLike,
    c_grid: Sequence[float],
    *,
    raw: bool = False,
    by_range: bool = False,
    seed: int = 0,
) -> Scores:
    """Score every test well by axes that never saw it.

    Parameters
    ----------
    features : (n, d) finite, of single or double precision; or features that depend on what a fold tests, of which training wells
        that are not usable are left out. labels : (n,) +1 C+, -1 C-, 0 anything else. groups : (n,) plate row (or plate) of
        each well.
    folds : training controls and test wells.
    c_grid : candidates; each fold takes the one with the best Z' when each of its training groups is left out in turn. Of more
        than 8 folds, neighbours share one choice, made on the wells that all of them train on: no test well has a say in it.
        Folds whose features are `separate` share none.
    raw : no plate effect was removed: each feature is first put in units of the fold's training wells.
    by_range : the scores' scale, as in `gandl.statistics.axes.fit_on_axis`; C is chosen without it.
    seed : of the wells on which C is chosen, where there are very many.

    Raises
    ------
    AxisError : features that are not finite; a fold that trains on wells that it tests or that are not controls, or lacks a kind
        of controls; a well that two folds test.
    """
    of_folds = Fixed(np.asarray(features)) if isinstance(features, np.ndarray) else features
    labels, groups = np.asarray(labels), np.asarray(groups)
    folds = [Fold(fold.name, np.asarray(fold.train, int), np.asarray(fold.test, int)) for fold in folds]
    _check(of_folds.values, labels, folds)
    folds = [replace(fold, train=of_folds.usable(fold.train, fold.test)) for fold in folds]
    n = len(of_folds.values)
    values = np.full((4, n), np.nan)
    names = np.full(n, "", dtype=object)
    chosen: dict[str, float] = {}
    for block in [[fold] for fold in folds] if of_folds.separate else _blocks(folds):
        tested = np.concatenate([fold.test for fold in block])
        shared = of_folds.usable(reduce(np.intersect1d, [fold.train for fold in block]), tested)
        known = np.asarray(of_folds.of(shared, tested), float)
        known = units_of(known).apply(known) if raw and len(shared) else known
        c = choose_c(known, labels[shared], groups[shared], c_grid, seed)
        chosen |= dict.fromkeys([fold.name for fold in block], c)
    for fold in folds:
        of_fold = of_folds.of(fold.train, fold.test), labels[fold.train], of_folds.of(fold.test, fold.test)
        values[:3, fold.test] = score_by(*of_fold, chosen[fold.name], raw=raw, by_range=by_range)
        values[3, fold.test] = score_by_lda(*of_fold, raw=raw, by_range=by_range)
        names[fold.test] = fold.name
    on, off, norm, on_lda = values
    return Scores(on, off, norm, on_lda, names, chosen)


def score_by(
    train: Floats, labels: Integers, test: Floats, c: float, *, raw: bool = False, by_range: bool = False
) -> Floats:
    """Scores of rows by axes of others: (n, d) and (n,) to train on, (m, d) to score -> (3, m): on, off, off_norm.

    Other parameters as in `held_out_scores`; wells or images alike.

    Raises
    ------
    AxisError : one of the classes is absent among those to train on.
    """
    known, units = _in_own_units(train, raw=raw)
    axes = fit_axes(known, labels, c, by_range=by_range)
    return _scored(lambda some: np.stack([axes.on_score(some), *axes.off_scores(some)]), test, units, 3)


def score_by_lda(train: Floats, labels: Integers, test: Floats, *, raw: bool = False, by_range: bool = False) -> Floats:
    """The same by the shrinkage LDA: (m,) on scores."""
    known, units = _in_own_units(train, raw=raw)
    axis = fit_lda_axis(known, labels, by_range=by_range)
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


def _check(features: Floats, labels: Integers, folds: Sequence[Fold]) -> None:
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        raise AxisError(
            f"features of {counted(len(broken), 'well')} are not finite numbers, the first is well {broken[0] + 1}"
        )
    tested = np.full(len(features), "", dtype=object)
    for fold in folds:
        shared = np.intersect1d(fold.train, fold.test)
        if len(shared):
            raise AxisError(f"fold {fold.name} trains on {len(shared)} of the wells that it tests")
        foreign = np.count_nonzero(labels[np.asarray(fold.train, dtype=int)] == 0)
        if foreign:
            raise AxisError(f"fold {fold.name} trains on {counted(int(foreign), 'well')} other than controls")
        test = np.asarray(fold.test, dtype=int)
        twice = test[tested[test] != ""]
        if len(twice):
            raise AxisError(f"folds {tested[twice[0]]} and {fold.name} both test well {twice[0] + 1}")
        tested[test] = fold.name

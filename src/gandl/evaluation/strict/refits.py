"""Refits: takes features, folds and labels of one scheme, makes held-out scores by axes that were fitted without some plates.

An interval that keeps the fitted axes says how other test wells would score by these very axes. But each plate is tested by axes
of the others, so that plates which differ by chance enter twice: where nothing distinguishes the controls, the pairs of plates
are all there is, and the variance is twice what such an interval sees (83 % of nominal 95 % intervals hold 0.5; measured:
docs/decisions.md). So each plate, or group of plates, is left out in turn (jackknife), axes are fitted anew, and the plates
that are left are scored by them: a plate is never tested by axes that it helped to fit. C and the reference of a
normalisation stay the fold's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import eigh

from gandl.source.schemes import LINES, WHOLE, Scheme
from gandl.statistics.axes import AxisError, OnAxis, fit_lda_axis, fit_on_axis
from gandl.statistics.fold_features import Fixed, FoldFeatures
from gandl.statistics.held_out import Fold
from gandl.statistics.standardisation import Units, units_of
from gandl.tables import Column, Schema

REFITTED = (*WHOLE, Scheme.LEAVE_EXPERIMENT_OUT, Scheme.CROSS_CELL_TYPE)
"""Schemes whose intervals refit the axes: those that leave out all wells which share an effect of their place."""
FEWEST_PLATES = 3
"""With fewer plates nothing is left to train on once one is left out and one is tested: wells are left out instead."""
FEWEST_EXPERIMENTS = 3
"""With two experiments nothing is left to train on once one is left out and one is tested: their plates are left out instead,
which says nothing of what experiments add."""
WITHIN_EXPERIMENT = "plate within experiment"
"""What is left out then, in words."""
PLACES = {
    "plate": ["plate_id"],
    WITHIN_EXPERIMENT: ["plate_id"],
    "experiment": ["experiment"],
    "row": ["plate_id", "row"],
    "column": ["plate_id", "column"],
}
"""Columns of wells that name the units which are left out, by what these are called."""
MANY_CONTROLS = 2_000
FEW_GROUPS = 5
"""So many groups at most where there are more than `MANY_CONTROLS` controls, each fit of which takes a second."""
LEAST_SHARE = 1e-12
"""A direction with less than this share of the controls' spread is rounding."""

REFITS = Schema(
    "refits",
    (
        Column("scheme", "string"),
        Column("drawn", "string"),
        Column("left_out", "string"),
        Column("well_id", "string"),
        Column("on", "float", nullable=True),
        Column("on_lda", "float", nullable=True),
    ),
    key=("scheme", "left_out", "well_id"),
)
"""Held-out on scores of control wells while the plate (row, experiment, or group of them) `left_out` neither trains nor is
tested; null where its absence leaves a fold without one of the classes. `drawn`: what is left out."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class LeftOut:
    """What is left out in turn. drawn : what it is, in words (of `PLACES`, by itself or `grouped`; group of wells).
    of : (n,) name of each well's; "" of wells that are no controls of these folds."""

    drawn: str
    of: Names


def _in_order(names: Names) -> list[str]:
    """Names of what is left out, in order."""
    return sorted(set(names.tolist()) - {""})


def left_out_of(wells: pd.DataFrame, labels: Integers, folds: Sequence[Fold], scheme: Scheme, most: int) -> LeftOut:
    """Say what is left out in turn: plate rows (or columns) where these were, plates, or experiments where there are at least 3.

    Parameters
    ----------
    wells : n rows (columns plate_id, experiment, cell_type, row, column, well_id). labels : (n,) +1, -1, 0.
    folds : of the scheme, and of the wells that one interval is of. most : groups; more are dealt to so many in the order of
        their names, those of an experiment to different ones.

    Returns
    -------
    What is left out. Of fewer than 3 plates (across cell types: 2 of each) it is groups of their control wells, dealt plate
    by plate and kind by kind.
    """
    named = [part for fold in folds for part in (fold.train, fold.test)]
    known = np.zeros(len(wells), bool)
    known[np.concatenate(named) if named else np.empty(0, int)] = True
    known &= labels != 0
    most = min(most, FEW_GROUPS) if known.sum() > MANY_CONTROLS else most
    plates = wells["plate_id"].to_numpy(object)
    if scheme in LINES:
        line = LINES[scheme]
        return _dealt(plates + ":" + wells[line].astype(str).to_numpy(object), known, line, most)
    experiments = wells["experiment"].to_numpy(object)
    if scheme is Scheme.LEAVE_EXPERIMENT_OUT and len(set(experiments[known])) >= FEWEST_EXPERIMENTS:
        return _dealt(experiments, known, "experiment", most)
    by_type = wells.loc[known].groupby("cell_type")["plate_id"].nunique()
    if by_type.sum() < FEWEST_PLATES or (scheme is Scheme.CROSS_CELL_TYPE and by_type.min() < 2):
        return _wells_dealt(wells, labels, known, most)
    return _dealt(plates, known, WITHIN_EXPERIMENT if scheme is Scheme.LEAVE_EXPERIMENT_OUT else "plate", most)


def refitted(
    features: FoldFeatures,
    wells: pd.DataFrame,
    labels: Integers,
    folds: Sequence[Fold],
    c: dict[str, float],
    left_out: LeftOut,
    *,
    raw: bool,
    by_range: bool = False,
) -> pd.DataFrame:
    """Score the test controls of some folds once for every group that is left out.

    Parameters
    ----------
    features : of n wells. wells : n rows (column well_id). labels : (n,). c : of every fold. Folds that test wells of one group
        are made one where a group holds several: it trains on what all of them train on, with the median of their C.
    raw, by_range : as in `gandl.statistics.held_out.held_out_scores`.

    Returns
    -------
    Rows of `REFITS` without `scheme`.
    """
    scorer = _Scorer(features, labels, raw=raw, by_range=by_range)
    whole = list(folds) if features.separate else list(merged(folds, left_out.of))
    c = {**c, **{fold.name: _median([c[name] for name in fold.name.split("\n")]) for fold in whole}}
    well_ids = wells["well_id"].to_numpy(object)
    parts = []
    for name in _in_order(left_out.of):
        stays = left_out.of != name
        for fold in whole:
            test = fold.test[stays[fold.test] & (labels[fold.test] != 0)]
            if len(test):
                train = features.usable(fold.train, fold.test)
                on, on_lda = scorer.scores(train[stays[train]], test, fold.test, c[fold.name])
                parts.append(pd.DataFrame({"left_out": name, "well_id": well_ids[test], "on": on, "on_lda": on_lda}))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=REFITS.names[2:])
    return table.assign(drawn=left_out.drawn)


class _Scorer:
    """Scores by axes of any training wells; axes that two folds share are fitted once.

    The SVM sees wells in coordinates of the space that the controls span, of which there are at most as many as controls: its
    axis is the same in any rotation of the features.
    """

    def __init__(self, features: FoldFeatures, labels: Integers, *, raw: bool, by_range: bool) -> None:
        self.features, self.labels, self.raw, self.by_range = features, labels, raw, by_range
        self.shared = isinstance(features, Fixed)
        self.axes: dict[tuple[bytes, float], tuple[OnAxis | None, Units | None]] = {}
        self.rotated: Floats | None = None
        self.controls = np.flatnonzero(labels != 0)
        if self.shared and not raw and features.values.shape[1] > len(self.controls):
            self.rotated = spanned(np.asarray(features.values[self.controls], float))

    def scores(self, train: Integers, test: Integers, tested: Integers, c: float) -> tuple[Floats, Floats]:
        """On scores (m,) of wells by the SVM and by the LDA; NaN where the training wells lack a class or are all alike."""
        found = []
        for by_lda in (False, True):
            key = (train.tobytes(), -1.0 if by_lda else c)
            if not self.shared or key not in self.axes:
                self.axes[key] = self._axis(train, tested, c, by_lda=by_lda)
            axis, units = self.axes[key]
            if axis is None:
                found.append(np.full(len(test), np.nan))
                continue
            rows = self._rows(test, tested, by_lda=by_lda)
            found.append(axis.on_score(rows if units is None else units.apply(rows)))
        return found[0], found[1]

    def _rows(self, wells: Integers, tested: Integers, *, by_lda: bool) -> Floats:
        if self.rotated is not None and not by_lda:
            return self.rotated[np.searchsorted(self.controls, wells)]
        return np.asarray(self.features.of(wells, tested), float)

    def _axis(self, train: Integers, tested: Integers, c: float, *, by_lda: bool) -> tuple[OnAxis | None, Units | None]:
        if not {-1, 1} <= set(self.labels[train].tolist()):
            return None, None
        rows = self._rows(train, tested, by_lda=by_lda)
        units = units_of(rows) if self.raw else None
        rows = rows if units is None else units.apply(rows)
        try:
            if by_lda:
                return fit_lda_axis(rows, self.labels[train], by_range=self.by_range), units
            return fit_on_axis(rows, self.labels[train], c, by_range=self.by_range), units
        except AxisError:
            return None, None


def spanned(features: Floats) -> Floats:
    """Coordinates (n, n) of (n, d) rows in the space that they span, their mean at 0: all products of differences are kept."""
    centred = features - features.mean(axis=0)
    values, vectors = eigh(centred @ centred.T)
    kept = np.where(values > LEAST_SHARE * max(float(values[-1]), 0.0), values, 0.0)
    return np.asarray(vectors * np.sqrt(kept))


def merged(folds: Sequence[Fold], groups: Names) -> Iterator[Fold]:
    """Folds, those made one that test wells of the same group alone; its name joins theirs by line ends."""
    by_group: dict[str, list[Fold]] = {}
    for fold in folds:
        tested = set(groups[fold.test].tolist()) - {""}
        by_group.setdefault(tested.pop() if len(tested) == 1 else f"\n{fold.name}", []).append(fold)
    for together in by_group.values():
        train = reduce(np.intersect1d, [fold.train for fold in together])
        yield Fold("\n".join(fold.name for fold in together), train, np.concatenate([fold.test for fold in together]))


def _median(values: Sequence[float]) -> float:
    """The lower one of two in the middle."""
    return sorted(values)[(len(values) - 1) // 2]


def _dealt(names: Names, known: npt.NDArray[np.bool_], kind: str, most: int) -> LeftOut:
    """Each name by itself where there are not too many, else groups of them."""
    every = sorted(set(names[known].tolist()))
    if len(every) <= most:
        return LeftOut(kind, np.where(known, names, ""))
    number = {name: f"group {position % most + 1}" for position, name in enumerate(every)}
    of = [number[name] if here else "" for name, here in zip(names, known, strict=True)]
    return LeftOut(grouped(kind), np.array(of, object))


def grouped(kind: str) -> str:
    """Of what is left out one by one, its groups in words."""
    first, *rest = kind.split(" ", 1)
    return " ".join([f"group of {first}s", *rest])


def _wells_dealt(wells: pd.DataFrame, labels: Integers, known: npt.NDArray[np.bool_], most: int) -> LeftOut:
    """Control wells in groups, dealt plate by plate and kind by kind."""
    rows = wells.loc[known, ["plate_id", "well_id"]].assign(label=labels[known], at=np.flatnonzero(known))
    order = rows.sort_values(["plate_id", "label", "well_id"])["at"].to_numpy()
    groups = min(most, int(min((labels[known] == sign).sum() for sign in (-1, 1))))
    of = np.full(len(wells), "", object)
    of[order] = [f"wells {position % max(groups, 1) + 1}" for position in range(len(order))]
    return LeftOut("group of wells", of)

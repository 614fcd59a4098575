"""Leakage: takes wells of one cell type, makes whether their place predicts the label, and whether profiles carry that place.

Both must hold. A place that tells positive from negative controls harms nobody if no profile shows it, and a place that profiles
show harms no label that is spread evenly over it. So a leak's p value is the larger of the two (intersection-union test, Berger
1982), adjusted over places and cell types. Where controls stand in other rows or columns than each other, their difference and an
effect of the place cannot be separated by these wells: how well the place alone predicts the label is then reported whatever the
profiles show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.evaluation.layout.permutations import AT_ONCE, Integers, Permuted, shuffles, tested, whitened
from gandl.evaluation.layout.variance import DEPENDENT
from gandl.evaluation.layout.wells import Wells, centred
from gandl.statistics.lda import shrinkage_normal

COLUMNS = {"plate": "plate_id", "row": "row_number", "column": "column", "edge": "edge"}
"""Places by which labels are predicted."""
LINES = ("row", "column", "edge")
"""Those within a plate, whose effect may repeat from plate to plate."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Leak:
    """What is known of one place; text where it cannot be tested.

    Attributes
    ----------
    label : AUC of the positive controls' share at each place, as a prediction of the label.
    effect : sum of squares of the place's effect on profiles of wells of one kind.
    share : part of the distance between both controls, along the axis that separates them, that the effect of their places makes.
    p_profiles : that profiles carry the place, by the best of its tests (Bonferroni). p : of both, not adjusted.
    """

    label: Permuted | str
    effect: Permuted | str
    share: float
    p_profiles: float

    @property
    def p(self) -> float:
        return np.nan if isinstance(self.label, str) else float(np.maximum(self.label.p, self.p_profiles))


def leaks(
    wells: Wells, found: Mapping[str, Permuted | str], draws: int, confidence: float, seed: int
) -> dict[str, Leak]:
    """Every place of `COLUMNS`.

    Parameters
    ----------
    wells : of one cell type, known and treated, with features of comparable units.
    found : what `gandl.evaluation.layout.places.place_tests` found of known ones.
    """
    effects = _effects(wells, draws, confidence, seed)
    shares = _shares(wells)
    return {
        place: Leak(
            label_by_place(wells, place, draws, confidence, seed),
            effects[place],
            shares[place],
            _smallest([found[place], effects[place]]),
        )
        for place in COLUMNS
    }


def _smallest(tests: list[Permuted | str]) -> float:
    """The smallest p value times the number of tests; NaN of none."""
    p = [test.p for test in tests if isinstance(test, Permuted)]
    return min(1.0, len(p) * min(p)) if p else np.nan


def label_by_place(wells: Wells, place: str, draws: int, confidence: float, seed: int) -> Permuted | str:
    """How well the place alone predicts which control a well is; profiles have no part in it.

    The AUC of scoring each control by the share of positive ones at its place, itself included; chance, which is above 0.5 for
    that reason, by permuting labels over all controls of the cell type (plate) or within plates (row, column, edge).
    """
    controls = wells.where(wells.about["control"] != "none")
    positive = (controls.about["control"] == "positive").to_numpy()
    if positive.all() or not positive.any():
        return "it has one kind of control"
    codes = controls.codes(COLUMNS[place])
    blocks = controls.codes("plate_id") if place in LINES else np.zeros(len(codes), int)
    moved = shuffles(blocks, draws, seed)
    if codes.max() == 0 or (positive[moved] == positive).all():
        return f"its controls differ in no {place}, or no plate holds both kinds"
    of_place = np.eye(codes.max() + 1)[codes]
    counts = positive[moved].astype(float) @ of_place
    return tested(_auc_of_shares(counts, of_place.sum(axis=0) - counts), len(codes), confidence)


def _auc_of_shares(positive: Floats, negative: Floats) -> Floats:
    """(draws,) AUC of (draws, k) counts of both labels at k places, places ordered by their share of positive ones."""
    order = np.argsort(positive / (positive + negative), axis=1, kind="stable")
    positive, negative = (np.take_along_axis(counts, order, axis=1) for counts in (positive, negative))
    below = np.cumsum(negative, axis=1) - negative / 2
    return np.asarray((positive * below).sum(axis=1) / positive.sum(axis=1) / negative.sum(axis=1))


def _effects(wells: Wells, draws: int, confidence: float, seed: int) -> dict[str, Permuted | str]:
    """The effect of each place on whitened profiles, after kinds of wells (row, column and edge: linear, after plates too).

    Its sum of squares is compared with that of permuted places. Plates are permuted within kinds; positions too, of known wells
    also within plates, of treated ones over plates, of which most screens have one well each. How places and kinds go together is
    then the same in every permutation, so that the fit costs one matrix for all.
    """
    plates, kinds = wells.codes("plate_id"), wells.codes("kind")
    values = whitened(centred(wells.values, kinds)) if len(plates) else np.empty((0, 0), np.float32)
    if values.size == 0:
        return dict.fromkeys(COLUMNS, "no feature varies within kinds of wells")
    found: dict[str, Permuted | str] = {"plate": _plate_effect(values, plates, kinds, draws, confidence, seed)}
    known = wells.about["known"].to_numpy()
    values = whitened(centred(wells.values, kinds, plates))
    moved = shuffles(kinds * (plates.max() + 2) + np.where(known, plates + 1, 0), draws, seed)
    for line in LINES:
        place = wells.about[COLUMNS[line]].to_numpy(np.float32)
        if values.size == 0 or (place[moved] == place).all():
            found[line] = "each kind of well stands in one place"
            continue
        place = place - place.mean()
        length = np.square(place).sum()
        found[line] = tested(np.square(place[moved] @ values).sum(axis=1) / length, len(place), confidence)
    return found


def _plate_effect(
    values: npt.NDArray[np.float32], plates: Integers, kinds: Integers, draws: int, confidence: float, seed: int
) -> Permuted | str:
    """Sum of squares of plates after kinds, of (n, r) values less the means of kinds."""
    moved = shuffles(kinds, draws, seed)
    if (plates[moved] == plates).all():
        return "no kind of well stands on several plates"
    names = np.arange(plates.max() + 1)
    of_plate = (plates[:, None] == names).astype(float)
    inverse = np.linalg.pinv(of_plate.T @ centred(of_plate, kinds), rcond=DEPENDENT).astype(np.float32)
    found = []
    step = max(1, AT_ONCE // (len(names) * len(plates)))
    for first in range(0, len(moved), step):
        labels = plates[moved[first : first + step]]
        sums = (labels[:, None, :] == names[:, None]).astype(np.float32) @ values
        found.append(np.einsum("bkr,kl,blr->b", sums, inverse, sums, optimize=True))
    return tested(np.concatenate(found), len(plates), confidence)


def _shares(wells: Wells) -> dict[str, float]:
    """Of every place, the part of the distance between both controls that its effect makes; NaN where it cannot be fitted.

    Along the shrinkage LDA's axis of the controls: the effect of plates, or the linear one of row, column or edge after plates,
    is fitted within kinds of wells, and averaged over the places of either control.
    """
    control = wells.about["control"].to_numpy(str)
    kinds_of = {kind: control == kind for kind in ("positive", "negative")}
    values = wells.values
    if not all(here.any() for here in kinds_of.values()) or values.shape[1] == 0:
        return dict.fromkeys(COLUMNS, np.nan)
    labels = np.where(kinds_of["positive"], 1, -1)
    trained = control != "none"
    score = values @ shrinkage_normal(values[trained], labels[trained])
    distance = _difference(score, kinds_of)
    plates, kinds = wells.codes("plate_id"), wells.codes("kind")
    dummies = np.eye(plates.max() + 1)[plates]
    found = {}
    for place, column in COLUMNS.items():
        own = dummies if place == "plate" else wells.about[[column]].to_numpy(float)
        design = own if place == "plate" else np.concatenate([own - own.mean(), dummies], axis=1)
        within = centred(design, kinds)
        fit = np.linalg.lstsq(within, centred(score[:, None], kinds)[:, 0], rcond=1e-9)[0][: own.shape[1]]
        varies = np.abs(within[:, : own.shape[1]]).max() > 0
        found[place] = float(_difference(own @ fit, kinds_of) / distance) if varies and distance > 0 else np.nan
    return found


def _difference(values: Floats, kinds_of: Mapping[str, npt.NDArray[np.bool_]]) -> float:
    return float(values[kinds_of["positive"]].mean() - values[kinds_of["negative"]].mean())

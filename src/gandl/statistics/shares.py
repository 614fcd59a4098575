"""Shares of right answers: takes wells with the number of their images (or themselves) and of those classified correctly, makes
accuracies.

Images of a well are not independent answers, so their intervals draw whole wells. Nor are wells of a plate or an experiment that
was left out as a whole and has one class: then "a well" is such a plate or experiment, and its wells are the answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.statistics.bootstrap import (
    Floats,
    drawn_positions,
    mean_of_proportions_interval,
    percentiles,
    wilson_interval,
)


@dataclass(frozen=True)
class Share:
    """A share with its interval; NaN if undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Accuracies:
    """Share of right answers over all, and the mean over classes of the share in each."""

    accuracy: Share
    balanced: Share
    n: int


def accuracies(
    right: npt.ArrayLike, total: npt.ArrayLike, classes: npt.ArrayLike, *, draws: int, confidence: float, seed: int
) -> Accuracies:
    """Accuracy and balanced accuracy.

    Parameters
    ----------
    right, total : (n,) answers of each well, and how many of them are right; total is 1 where wells themselves are classified.
    classes : (n,) true class of each well.
    draws, seed : of the bootstrap over wells within their class. confidence : coverage aimed at.

    Returns
    -------
    Percentile intervals of drawn wells. With one answer per well, and where all answers are right or all wrong (then draws say
    nothing), Wilson's interval of the number of wells, and its mean over classes. n counts answers.
    """
    right, total, classes = np.asarray(right, float), np.asarray(total, float), np.asarray(classes)
    names = np.unique(classes)
    members = [np.flatnonzero(classes == name) for name in names]
    if not len(names):
        nothing = Share(np.nan, np.nan, np.nan)
        return Accuracies(nothing, nothing, 0)
    by_class = [right[here].sum() / total[here].sum() for here in members]
    value, balanced = float(right.sum() / total.sum()), float(np.mean(by_class))
    if (total == 1).all() or value in (0.0, 1.0):
        wells = [len(here) for here in members]
        whole = [round(share * n) for share, n in zip(by_class, wells, strict=True)]
        ends = wilson_interval(sum(whole), sum(wells), confidence)
        balanced_ends = mean_of_proportions_interval(whole, wells, confidence)
    else:
        drawn_right, drawn_total = _drawn_sums(right, total, members, draws, seed)
        ends = percentiles(drawn_right.sum(axis=1) / drawn_total.sum(axis=1), confidence)
        balanced_ends = percentiles((drawn_right / drawn_total).mean(axis=1), confidence)
    return Accuracies(Share(value, *ends), Share(balanced, *balanced_ends), int(total.sum()))


def _drawn_sums(
    right: Floats, total: Floats, members: list[npt.NDArray[np.intp]], draws: int, seed: int
) -> tuple[Floats, Floats]:
    """Sums over drawn wells of each class: two of (draws, classes)."""
    rng = np.random.default_rng(seed)
    sums = []
    for here in members:
        parts = [
            np.stack([right[here[drawn]].sum(axis=1), total[here[drawn]].sum(axis=1)])
            for drawn in drawn_positions(len(here), draws, rng)
        ]
        sums.append(np.concatenate(parts, axis=1))
    stacked = np.stack(sums, axis=-1)
    return stacked[0], stacked[1]

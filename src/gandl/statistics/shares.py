"""Shares of right answers: takes wells with the number of their images (or themselves) and of those classified correctly, makes
accuracies.

Images of a well are not independent answers, so their intervals draw whole wells. Nor are wells of a plate or an experiment that
was left out as a whole and has one class: then "a well" is such a plate or experiment, and its wells are the answers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

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


@dataclass(frozen=True)
class ClusteredShares:
    """Shares of right answers that come in clusters: over all answers, mean over clusters of the share in each, and mean over
    classes of the share in each; of n answers in so many clusters."""

    overall: Share
    by_cluster: Share
    by_class: Share
    n: int
    clusters: int


def clustered_shares(
    right: npt.ArrayLike,
    clusters: npt.ArrayLike,
    classes: npt.ArrayLike,
    *,
    draws: int,
    confidence: float,
    seed: int,
) -> ClusteredShares:
    """Shares of answers that are not independent within their cluster, such as those of all doses of a compound.

    Parameters
    ----------
    right : (n,) from 0, wrong, to 1, right. clusters : (n,) of which cluster each is. classes : (n,) of which class; all answers
        of a cluster are of one class.
    draws, seed : of the bootstrap. confidence : coverage aimed at.

    Returns
    -------
    Intervals of whole clusters drawn with replacement, all classes together, so that they hold for further clusters of classes
    such as these; expanded percentiles (Hesterberg 2015, section 4.1.5: tails of Student's t, and sqrt(k / (k - 1)) for k
    clusters), for few clusters vary less in draws than they do. Where all answers are right or all are wrong, draws say nothing:
    Wilson's interval of as many answers as there are clusters. One cluster has no interval.
    """
    right = np.asarray(right, float)
    names, cluster_of = np.unique(np.asarray(clusters), return_inverse=True)
    if not len(names):
        nothing = Share(np.nan, np.nan, np.nan)
        return ClusteredShares(nothing, nothing, nothing, 0, 0)
    _, class_of = np.unique(np.asarray(classes), return_inverse=True)
    sums = np.bincount(cluster_of, weights=right)
    sizes = np.bincount(cluster_of).astype(float)
    member = np.zeros((len(names), class_of.max() + 1))
    member[cluster_of, class_of] = 1
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(float)
    once = np.ones((1, len(names)))

    def overall(times: Floats) -> Floats:
        return np.asarray((times @ sums) / (times @ sizes))

    def by_cluster(times: Floats) -> Floats:
        return np.asarray((times @ (sums / sizes)) / len(names))

    def by_class(times: Floats) -> Floats:
        held = times @ (member * sizes[:, None])
        shares = (times @ (member * sums[:, None])) / np.where(held > 0, held, 1)
        return np.asarray(shares.sum(axis=1) / (held > 0).sum(axis=1))

    first, second, third = (
        _clustered(float(statistic(once)[0]), statistic(times), len(names), confidence)
        for statistic in (overall, by_cluster, by_class)
    )
    return ClusteredShares(first, second, third, len(right), len(names))


def _clustered(value: float, drawn: Floats, clusters: int, confidence: float) -> Share:
    """A share with the interval of (draws,) drawn ones."""
    if clusters < 2:
        return Share(value, np.nan, np.nan)
    if value in (0.0, 1.0):
        return Share(value, *wilson_interval(value * clusters, clusters, confidence))
    tail = norm.cdf(t.ppf((1 - confidence) / 2, clusters - 1) * np.sqrt(clusters / (clusters - 1)))
    return Share(value, *percentiles(drawn, float(1 - 2 * tail)))

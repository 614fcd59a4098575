"""Hits: takes scores of treated wells and of negative controls, makes differences, p values and intervals of treatments.

A treatment's wells are compared with the negative controls of their own plates by Student's t: plates are blocks. Treated wells
may vary more than controls do, so the spread of a well is the larger of that of the controls within plates and that of replicates
within treatments. Of many p values those of hits are chosen by Benjamini and Hochberg (1995). No interval of
two or four wells is worth much by itself, so deviations of wells from their treatment's mean are pooled before they are drawn;
without replicates the spread of the controls takes their place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control, norm, t

from gandl.evaluation.terms import OF_CONTROLS, OF_REPLICATES

FEWEST_FREEDOM = 3
"""Degrees of freedom below which nothing is tested: four negative controls on one plate have three."""
FEWEST_POOLED = 8
"""Degrees of freedom of pooled deviations below which tests and intervals rest on the spread of the negative controls."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """The standard deviation of replicates within treatments, pooled, and its degrees of freedom; 0 where there are none."""

    deviation: float = 0.0
    freedom: int = 0


NO_REPLICATES = Spread()


@dataclass(frozen=True)
class Reference:
    """What negative controls show within plates.

    Attributes
    ----------
    means, counts : of the n controls of each block (a plate). spread : their standard deviation within blocks, pooled.
    freedom : its degrees of freedom, the number of controls less the number of blocks.
    """

    means: pd.Series
    counts: pd.Series
    spread: float
    freedom: int

    @property
    def usable(self) -> bool:
        """Whether there are enough controls, and they differ at all."""
        return self.freedom >= FEWEST_FREEDOM and self.spread > 0


def fit_reference(values: Floats, blocks: npt.NDArray[np.object_]) -> Reference:
    """The reference of (n,) scores of negative controls in (n,) blocks."""
    groups = pd.Series(values).groupby(np.asarray(blocks, object))
    means, counts = groups.mean(), groups.size()
    freedom = len(values) - len(means)
    squares = float(np.square(values - means.reindex(blocks).to_numpy(float)).sum())
    return Reference(means, counts, float(np.sqrt(squares / freedom)) if freedom > 0 else 0.0, freedom)


def replicate_spread(
    values: Floats, blocks: npt.NDArray[np.object_], groups: npt.NDArray[np.integer[Any]], reference: Reference
) -> Spread:
    """How much replicates within treatments vary: pooled deviations of x - m from their treatment's mean.

    The controls' means m err, which adds s^2 / n_b times k_b - k_b^2 / k to the sum of squares of a treatment on average, s of
    the controls (as in `compare`); so much is subtracted. What remains counts plates that shift treated wells otherwise than
    controls, too.

    Parameters
    ----------
    As of `compare`. Wells of a block without controls do not count.
    """
    here = _in_blocks(values, blocks, groups, reference)
    squares = float(np.square(here.away - (here.sums / here.sizes)[here.groups]).sum())
    of_means = float((here.by_block - np.square(here.by_block) / here.sizes[here.of_pair]) @ (1 / here.controls))
    freedom = len(here.away) - int(np.isfinite(here.sizes).sum())
    left = max(squares - reference.spread**2 * of_means, 0.0)
    return Spread(float(np.sqrt(left / freedom)), freedom) if freedom > 0 else NO_REPLICATES


def compare(
    values: Floats,
    blocks: npt.NDArray[np.object_],
    groups: npt.NDArray[np.integer[Any]],
    reference: Reference,
    replicates: Spread | None = None,
) -> tuple[Floats, Floats]:
    """Difference of treatments from the reference, and its p value.

    d = mean of x - m over the treatment's k wells, m the mean of the controls of the well's block. Without an effect its variance
    is s^2 (1/k + sum over blocks of (k_b / k)^2 / n_b), with k_b of the wells and n_b controls in block b, and d over its square
    root follows t with the degrees of freedom of s. Two-sided. s is the larger of the spread of the controls and of that of
    replicates, so that the test errs on the safe side where one of both kinds of wells varies more.

    The spread of replicates is one for all treatments. With fewer than 8 degrees of freedom it is not used: without
    replicates nothing shows whether treated wells vary more than controls, and it is assumed that they do not.

    Parameters
    ----------
    values, blocks, groups : (n,) scores of treated wells, their blocks, and their treatments 0 ... m - 1. Wells of a block
        without controls do not count, since nobody knows how far the block is shifted.
    replicates : spread within treatments; None: of these themselves (`replicate_spread`).

    Returns
    -------
    (m,) differences, NaN where no well counts, and (m,) p values, NaN there and where the reference is not usable.
    """
    here = _in_blocks(values, blocks, groups, reference)
    difference = here.sums / here.sizes
    if not reference.usable:
        return difference, np.full(len(difference), np.nan)
    if replicates is None:
        replicates = replicate_spread(values, blocks, groups, reference)
    weights = np.square(here.by_block) / here.controls
    of_means = np.bincount(here.of_pair, weights=weights, minlength=len(difference)) / here.sizes**2
    return difference, p_of(difference, 1 / here.sizes + of_means, reference.spread, reference.freedom, replicates)


def p_of(difference: Floats, factor: Floats, spread: Floats | float, freedom: int, replicates: Spread) -> Floats:
    """Two-sided p values of (m,) differences of variance `factor` times s^2 (`compare`).

    Parameters
    ----------
    spread, freedom : of the controls, one or (m,), and its degrees of freedom. replicates : spread within treatments.
    """
    wider = (replicates.freedom >= FEWEST_POOLED) & (replicates.deviation > spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = difference / (np.where(wider, replicates.deviation, spread) * np.sqrt(factor))
    return _two_sided(statistic, np.where(wider, replicates.freedom, freedom))


@dataclass(frozen=True)
class _InBlocks:
    """Treated wells of blocks with controls: (n,) `away` from the controls' mean and their `groups`; (m,) `sums` of it and
    `sizes` of treatments (NaN: no well); of each pair of treatment `of_pair` and block, wells `by_block` and `controls`."""

    away: Floats
    groups: npt.NDArray[np.integer[Any]]
    sums: Floats
    sizes: Floats
    of_pair: npt.NDArray[np.integer[Any]]
    by_block: Floats
    controls: Floats


def _in_blocks(
    values: Floats, blocks: npt.NDArray[np.object_], groups: npt.NDArray[np.integer[Any]], reference: Reference
) -> _InBlocks:
    m = int(groups.max()) + 1 if len(groups) else 0
    known = np.isin(blocks, reference.means.index)
    values, blocks, groups = values[known], blocks[known], groups[known]
    away = values - reference.means.reindex(blocks).to_numpy(float)
    sizes = np.bincount(groups, minlength=m).astype(float)
    sizes[sizes == 0] = np.nan
    pairs = pd.DataFrame({"group": groups, "block": blocks}).value_counts().reset_index(name="k")
    controls = reference.counts.reindex(pairs["block"]).to_numpy(float)
    return _InBlocks(
        away,
        groups,
        np.asarray(np.bincount(groups, weights=away, minlength=m), float),
        sizes,
        pairs["group"].to_numpy(int),
        pairs["k"].to_numpy(float),
        controls,
    )


def compare_each(values: Floats, blocks: npt.NDArray[np.object_], replicates: Spread = NO_REPLICATES) -> Floats:
    """(n,) p values of (n,) negative controls, each tested against the others as a treatment of one well would be, beside
    treatments whose replicates vary so much; NaN where there are too few, or a block holds one alone."""
    reference = fit_reference(values, blocks)
    n, freedom = reference.counts.reindex(blocks).to_numpy(float), reference.freedom - 1
    if freedom < FEWEST_FREEDOM:
        return np.full(len(values), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = (values - reference.means.reindex(blocks).to_numpy(float)) * n / (n - 1)
        squares = reference.spread**2 * reference.freedom - np.square(away) * (n - 1) / n
        spread = np.sqrt(np.maximum(squares, 0) / freedom)
        p = p_of(away, 1 + 1 / (n - 1), spread, freedom, replicates)
    return np.where(n > 1, p, np.nan)


def _two_sided(statistic: Floats, freedom: Floats | int) -> Floats:
    return np.asarray(2 * t.sf(np.abs(statistic), freedom))


def adjusted(p: Floats) -> Floats:
    """(m,) p values adjusted by Benjamini and Hochberg (1995); NaN ones were not tested and stay so."""
    q = np.full(len(p), np.nan)
    tested = np.isfinite(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested], method="bh")
    return q


def largest_p(p: Floats, q: Floats, false_discovery: float) -> float:
    """The p value up to which treatments are hits; where none is, the one that the first would have needed."""
    hits = p[q <= false_discovery]
    return float(hits.max()) if len(hits) else false_discovery / max(1, int(np.isfinite(p).sum()))


@dataclass(frozen=True)
class Intervals:
    """(m,) lower and (m,) upper ends, NaN where nothing is known of the spread.

    `of`: what the spread is of (`terms.OF_REPLICATES` or `terms.OF_CONTROLS`), None where nothing is known.
    """

    low: Floats
    high: Floats
    of: str | None


def mean_intervals(
    values: Floats,
    groups: npt.NDArray[np.integer[Any]],
    reference: Reference,
    *,
    draws: int,
    confidence: float,
    seed: int,
) -> Intervals:
    """Intervals of the means of many small groups of wells. They hold where wells of all groups vary alike.

    With replicates: for a group of k wells, k deviations are drawn with replacement from those of all groups of several wells,
    each widened by sqrt(k / (k - 1)); the interval is the group's mean plus the percentiles of the mean of the drawn ones, with
    the tails of Student's t of as many degrees of freedom as there are deviations. Where these are fewer than 8: mean +- t s /
    sqrt(k), with the spread s of the negative controls within plates, and t of its degrees of freedom.

    Parameters
    ----------
    values, groups : (n,) scores, and their groups 0 ... m - 1.
    reference : of the negative controls.
    draws, confidence, seed : of the bootstrap.
    """
    by_group = pd.Series(values).groupby(groups)
    mean, size = by_group.transform("mean").to_numpy(), by_group.transform("size").to_numpy(float)
    several = size > 1
    pooled = (values - mean)[several] * np.sqrt(size[several] / (size[several] - 1))
    freedom = int(several.sum()) - len(np.unique(groups[several]))
    means, sizes = by_group.mean().to_numpy(), by_group.size().to_numpy()
    if freedom < FEWEST_POOLED:
        known = reference.usable
        half = t_of(confidence, reference.freedom) * reference.spread / np.sqrt(sizes) if known else np.nan * means
        return Intervals(means - half, means + half, OF_CONTROLS if known else None)
    low, high = np.full((2, len(means)), np.nan)
    level = norm.cdf(-t_of(confidence, freedom))
    for k in np.unique(sizes):
        rng = np.random.default_rng([seed, int(k)])
        drawn = pooled[rng.integers(0, len(pooled), (draws, int(k)))].mean(axis=1)
        below, above = np.quantile(drawn, [level, 1 - level])
        low[sizes == k], high[sizes == k] = means[sizes == k] + below, means[sizes == k] + above
    return Intervals(low, high, OF_REPLICATES)


def t_of(confidence: float, freedom: int) -> float:
    """Student's t that bounds the middle share `confidence`."""
    return float(t.ppf((1 + confidence) / 2, freedom))


def own_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Student's interval of the mean of (n,) normal values: mean +- t s / sqrt(n), n - 1 degrees of freedom; NaN of one."""
    return _around(values, confidence, 1 / len(values)) if len(values) > 1 else (np.nan, np.nan)


def prediction_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Where a further value lies if all are normal: mean +- t s sqrt(1 + 1/n); NaN of fewer than four, as it says nothing."""
    few = len(values) <= FEWEST_FREEDOM
    return (np.nan, np.nan) if few else _around(values, confidence, 1 + 1 / len(values))


def _around(values: Floats, confidence: float, variance: float) -> tuple[float, float]:
    half = t_of(confidence, len(values) - 1) * values.std(ddof=1) * np.sqrt(variance)
    return float(values.mean() - half), float(values.mean() + half)

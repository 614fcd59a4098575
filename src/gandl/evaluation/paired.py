"""Paired comparison: takes what featurizers say of the same wells, makes differences between them, intervals and p values.

One bootstrap serves all featurizers: a well counts as often for one as for another, so what all of them share cancels. Where
plates (rows, columns, experiments) were left out, these are drawn, each with all its wells, for both classes at once: wells of a
plate share its effect on every featurizer, and a network that was trained anew for every plate differs from plate to plate. Of n
units n - 1 are drawn, each to count n / (n - 1) times: the variance of a sum is then unbiased (Rao and Wu 1988), also of two
plates, where a plain bootstrap halves it. It is the whole variance, that of wells within plates included; drawing wells of drawn
plates once more would count theirs twice (both measured: docs/decisions.md). Draws keep the fitted axes; where scores
without each plate are at hand, by axes that were refitted, `refitted_difference` takes their jackknife instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from gandl.evaluation.strict.intervals import jackknife
from gandl.statistics.bootstrap import FEWEST_DEFINED, ROUNDING

COMPARED_AT_ONCE = 2**22
"""So many pairs of a positive and a negative are compared at a time, to bound memory."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]
LeftOutValues = tuple[Floats, list[str]]
"""A statistic without each plate, axes refitted, and the sample of each plate (`strict.intervals.left_out_values`)."""


@dataclass(frozen=True)
class Draws:
    """How often each unit counts, class by class.

    Attributes
    ----------
    times : for each class (1 + draws, n): whole numbers; the first row counts every unit once, so that it gives the value itself.
    factors : for each class (1 + draws,), what a count is multiplied by.
    """

    times: list[npt.NDArray[np.int16]]
    factors: list[Floats]

    @property
    def freedom(self) -> int:
        """Degrees of freedom: of the class with the fewest units, less one."""
        return min(times.shape[1] for times in self.times) - 1


@dataclass(frozen=True)
class Difference:
    """A difference, its interval and two-sided p value; all but the first are NaN where draws agree, or a class has one unit."""

    value: float
    low: float
    high: float
    p: float


def draw(units: Sequence[int], draws: int, seed: int, *, together: bool = False) -> Draws:
    """Draw units of each class, independently of the featurizers.

    Parameters
    ----------
    units : number of units of each class, at least one each. draws : of the bootstrap. seed : its seed.
    together : the classes have the same units (plates that hold wells of both): one draw counts for all of them.
    """
    rng = np.random.default_rng(seed)
    if together:
        (n,) = set(units)
        one = draw([n], draws, seed)
        return Draws(one.times * len(units), one.factors * len(units))
    times, factors = [], []
    for n in units:
        drawn = rng.multinomial(max(n - 1, 1), np.full(n, 1 / n), size=draws)
        times.append(np.concatenate([np.ones((1, n), np.int16), drawn.astype(np.int16)]))
        factors.append(np.concatenate([[1.0], np.full(draws, n / max(n - 1, 1))]))
    return Draws(times, factors)


def drawn_auc(positive: Floats, negative: Floats, units: tuple[Integers, Integers], draws: Draws) -> Floats:
    """The AUC in every draw, first the value itself.

    Parameters
    ----------
    positive, negative : (n+,), (n-,) scores. units : (n+,), (n-,) the unit of each, numbered within its class from 0.
    draws : of both classes, positives first.

    Returns
    -------
    (1 + draws,); ties count half. NaN where no unit was drawn that has the class.
    """
    sizes = [np.bincount(at, minlength=times.shape[1]) for at, times in zip(units, draws.times, strict=True)]
    won = np.zeros((len(sizes[0]), len(sizes[1])))
    of_units = np.eye(len(sizes[1]))[units[1]] if len(negative) > len(sizes[1]) else None
    order = np.argsort(units[1], kind="stable")
    step = max(1, COMPARED_AT_ONCE // len(negative))
    for first in range(0, len(positive), step):
        mine = positive[first : first + step, None]
        above = (mine > negative) + (mine == negative) / 2
        np.add.at(won, units[0][first : first + step], above[:, order] if of_units is None else above @ of_units)
    times, others = (times.astype(float) for times in draws.times)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum((times @ won) * others, axis=1) / (times @ sizes[0]) / (others @ sizes[1]))


def drawn_accuracy(right: Sequence[Floats], total: Sequence[Floats], draws: Draws) -> Floats:
    """The share of right answers in every draw, first the value itself.

    Parameters
    ----------
    right, total : for each class (n,) right answers of its units, and all answers of theirs. draws : of these classes.

    Returns
    -------
    (1 + draws,)
    """
    sums = np.zeros((2, len(draws.factors[0])))
    for of_class, of_total, times, factors in zip(right, total, draws.times, draws.factors, strict=True):
        sums += factors * (times.astype(float) @ np.stack([of_class, of_total], axis=1)).T
    return np.asarray(sums[0] / sums[1])


def difference(one: Floats, other: Floats, freedom: int, confidence: float) -> Difference:
    """The difference of two statistics that were drawn together, (1 + draws,) each: the value in front, then its draws.

    Interval and p value are Student's, with the standard deviation of the drawn differences as standard error: a percentile of
    2,000 draws could not resolve the p values that hundreds of comparisons need. Undefined draws are left out, up to 5 %.
    """
    value, drawn = float(one[0] - other[0]), (one - other)[1:]
    defined = drawn[np.isfinite(drawn)]
    error = float(np.std(defined, ddof=1)) if len(defined) >= max(2, FEWEST_DEFINED * len(drawn)) else np.nan
    return student_difference(value, error, freedom, confidence)


def student_difference(value: float, error: float, freedom: float, confidence: float) -> Difference:
    """A difference of two shares (-1 to 1) by its standard error: Student's interval and two-sided p; NaN where the error is."""
    if not freedom >= 1 or not error > ROUNDING:
        return Difference(value, np.nan, np.nan, np.nan)
    half = float(t.ppf((1 + confidence) / 2, freedom)) * error
    p = 2 * float(t.sf(abs(value) / error, freedom))
    return Difference(value, max(value - half, -1.0), min(value + half, 1.0), p)


def refitted_difference(
    found: Difference, one: LeftOutValues | None, other: LeftOutValues | None, confidence: float
) -> Difference:
    """The difference with the jackknife's standard error of two statistics without each plate; as it is where that is undefined.

    Drawing plates keeps the axes: of two featurizers that see nothing, nominal 95 % intervals then held 0 in 83 to 90 % of
    screens.
    """
    if one is None or other is None or len(one[0]) != len(other[0]):
        return found
    spread = jackknife(one[0] - other[0], one[1])
    return student_difference(found.value, spread.error, spread.freedom, confidence) if spread.error > 0 else found


def holm(p: npt.ArrayLike) -> Floats:
    """Adjusted p values of a family (Holm 1979): those at most alpha are wrong in no more than a share alpha of families.

    Parameters
    ----------
    p : (m,) p values; NaN, where nothing could be tested, counts in m and stays NaN.
    """
    values = np.asarray(p, float)
    known = np.flatnonzero(np.isfinite(values))
    adjusted = np.full(len(values), np.nan)
    order = known[np.argsort(values[known], kind="stable")]
    steps = (len(values) - np.arange(len(order))) * values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted

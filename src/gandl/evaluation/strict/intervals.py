"""Intervals of refitted scores: takes scores with plates left out in turn, makes the jackknife's interval of any statistic.

Student's t with the jackknife's standard error (Efron and Stein 1981; of groups of plates: Kott 2001), which holds what
plates add and what their wells add, each once. It errs on the wide side where axes carry nothing: of what two plates make
together it counts twice. Where every group that is left out leaves the same value (all wells right, AUC 1), deviations say
nothing of the spread: shares then get the interval of as many shares as there are tested plates, and AUC 1 an exact bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t

from gandl.evaluation.strict.refits import PLACES, grouped
from gandl.statistics.bootstrap import ROUNDING, mean_of_proportions_interval, wilson_interval
from gandl.statistics.separation import above_zero

LIMITS = {
    "auc": (0.0, 1.0),
    "accuracy": (0.0, 1.0),
    "balanced_accuracy": (0.0, 1.0),
    "z_prime": (-np.inf, 1.0),
    "robust_z_prime": (-np.inf, 1.0),
}
"""Between which a statistic lies; any other is not limited."""

Floats = npt.NDArray[np.float64]
Statistic = Callable[..., Floats]
Row = dict[str, object]


@dataclass(frozen=True)
class Spread:
    """Standard error of a statistic and its degrees of freedom; NaN where it cannot be known."""

    error: float
    freedom: float


def jackknife(values: npt.ArrayLike, strata: npt.ArrayLike) -> Spread:
    """The standard error of a statistic from its values without each group.

    Parameters
    ----------
    values : (g,) the statistic without each group. strata : (g,) to which sample each group belongs; samples are independent.

    Returns
    -------
    Variance: over strata, (g_s - 1) / g_s times the sum of squared deviations from the stratum's mean; degrees of freedom by
    Satterthwaite (1946), of one stratum g - 1. NaN where a stratum has one group, a value is undefined, or all agree.
    """
    values, strata = np.asarray(values, float), np.asarray(strata)
    variances, freedoms = [], []
    for name in dict.fromkeys(strata.tolist()):
        mine = values[strata == name]
        if len(mine) < 2 or not np.isfinite(mine).all():
            return Spread(np.nan, np.nan)
        variances.append((len(mine) - 1) / len(mine) * float(np.square(mine - mine.mean()).sum()))
        freedoms.append(len(mine) - 1)
    total = sum(variances)
    if not np.sqrt(total) > ROUNDING:
        return Spread(np.nan, np.nan)
    return Spread(float(np.sqrt(total)), total**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True)))


def student_interval(value: float, spread: Spread, confidence: float, metric: str = "") -> tuple[float, float]:
    """value -+ t error, within the statistic's limits; NaN where the error is."""
    low, high = LIMITS.get(metric, (-np.inf, np.inf))
    half = float(t.ppf((1 + confidence) / 2, spread.freedom)) * spread.error
    if not np.isfinite([value, half]).all():
        return np.nan, np.nan
    return max(value - half, low), min(value + half, high)


def with_refits(
    rows: Sequence[Row],
    wells: pd.DataFrame,
    signs: npt.NDArray[np.int_],
    refits: pd.DataFrame,
    column: str,
    statistics: dict[str, Statistic],
    confidence: float,
    kept: str = "well",
) -> list[Row]:
    """Rows of numbers with intervals that refit the axes, in place of those that keep them.

    Parameters
    ----------
    rows : of the controls among some wells; each metric among `statistics`.
    wells : n held-out wells (column well_id). signs : (n,) +1, -1 of the classes, 0 others.
    refits : `refits.REFITS` of their scheme. column : of the scores. statistics : (n+,), (n-,) scores -> value.
    kept : what the intervals draw that the rows have.

    Returns
    -------
    The same rows with `drawn` and `units`: what was left out in turn, and how many of it. Where all values agree, the interval is
    that of `units_interval`, and `drawn` and `units` are the plates (rows, experiments) that are tested; a metric for which
    there is none has no interval. Where nothing is left to train on, a row keeps its interval, and what that draws.
    """
    groups, strata = _groups(wells, signs, refits, column)
    drawn = str(refits["drawn"].iloc[0]) if groups else kept
    found = []
    for row in rows:
        metric = str(row["metric"])
        values = np.array([float(statistics[metric](*group.scores)) for group in groups])
        if len(values) > 1 and np.isfinite(values).all() and np.ptp(values) <= ROUNDING:
            tested = tested_units(wells, signs, groups, drawn)
            low, high = units_interval(metric, float(row["value"]), groups[0].scores, tested, confidence)  # type: ignore[arg-type]
            found.append({**row, "low": low, "high": high, "drawn": tested.drawn, "units": tested.total})
            continue
        spread = jackknife(values, strata)
        low, high = student_interval(float(row["value"]), spread, confidence, metric)  # type: ignore[arg-type]
        if np.isnan(low):
            found.append({**row, "drawn": kept, "units": row["n"] if kept == "well" else wells[f"{kept}_id"].nunique()})
            continue
        found.append({**row, "low": low, "high": high, "drawn": drawn, "units": len(groups)})
    return found


@dataclass(frozen=True)
class UnitCount:
    """Units whose wells are tested. drawn : what they are. total : how many. of_class : how many have C+, and C-."""

    drawn: str
    total: int
    of_class: tuple[int, int]

    @property
    def apart(self) -> bool:
        """No unit has wells of both classes."""
        return sum(self.of_class) == self.total


def tested_units(wells: pd.DataFrame, signs: npt.NDArray[np.int_], groups: Sequence[_Group], drawn: str) -> UnitCount:
    """Count the tested plates (rows, columns, experiments) one by one, also where they are left out in groups; groups of wells
    are units themselves. Parameters as in `with_refits`."""
    single = {grouped(kind): kind for kind in PLACES}.get(drawn, drawn)
    if single in PLACES:
        names = wells[PLACES[single]].astype(str).agg(":".join, axis=1).to_numpy()
        each = [len(set(names[chosen])) for chosen in (signs != 0, signs > 0, signs < 0)]
    else:
        each = [sum(bool(group.lacks & some) for group in groups) for some in ({1, -1}, {1}, {-1})]
    return UnitCount(single, each[0], (each[1], each[2]))


def units_interval(
    metric: str, value: float, scores: tuple[Floats, Floats], tested: UnitCount, confidence: float
) -> tuple[float, float]:
    """The interval of a metric of which every unit, left out, leaves the same value.

    Of shares it is Wilson's (1927) of one answer per unit; of the mean over classes whose units are not the same, Newcombe's
    (1998) of both. An AUC of 1 (or 0) has the bound (1 - confidence)^(1/n) (or 1 less that) of n units of the class that has
    fewer: if all of n units were ranked without a mistake, so large a share of all units is, but for 1 - confidence
    (Clopper and Pearson 1934, one-sided); and the AUC is not below that share. Else NaN.

    Parameters
    ----------
    value : of all tested wells. scores : (n+,), (n-,) of some of them. tested : units. confidence : of the interval.
    """
    if metric == "accuracy" or (metric == "balanced_accuracy" and not tested.apart):
        return wilson_interval(value * tested.total, tested.total, confidence)
    if metric == "balanced_accuracy":
        shares = [float(above_zero(side)) / len(side) for side in (scores[0], -scores[1])]
        right = [share * n for share, n in zip(shares, tested.of_class, strict=True)]
        return mean_of_proportions_interval(right, tested.of_class, confidence)
    if metric == "auc" and value in (0.0, 1.0) and min(tested.of_class):
        bound = (1 - confidence) ** (1 / min(tested.of_class))
        return (bound, 1.0) if value == 1 else (0.0, 1 - bound)
    return np.nan, np.nan


def left_out_values(
    wells: pd.DataFrame, signs: npt.NDArray[np.int_], refits: pd.DataFrame, column: str, statistic: Statistic
) -> tuple[Floats, list[str]]:
    """A statistic without each group that is left out, in the order of their names, and the sample of each group, as `jackknife`
    takes them; other parameters as in `with_refits`."""
    groups, strata = _groups(wells, signs, refits, column)
    return np.array([float(statistic(*group.scores)) for group in groups]), strata


def _groups(
    wells: pd.DataFrame, signs: npt.NDArray[np.int_], refits: pd.DataFrame, column: str
) -> tuple[list[_Group], list[str]]:
    known = pd.Series(signs, index=wells["well_id"].to_numpy())
    known = known[known != 0]
    mine = refits[refits["well_id"].isin(known.index)]
    groups = [_Group.of(group, known, column) for _, group in mine.groupby("left_out", sort=True)]
    return groups, _strata(groups)


@dataclass(frozen=True)
class _Group:
    """What remains without a group. scores : of both classes. lacks : classes of the wells that it tested."""

    scores: tuple[Floats, Floats]
    lacks: frozenset[int]

    @classmethod
    def of(cls, rows: pd.DataFrame, known: pd.Series, column: str) -> _Group:
        values, signs = rows[column].to_numpy(float), known.loc[rows["well_id"]].to_numpy()
        if np.isnan(values).any():
            values = np.full(len(values), np.nan)
        absent = known[~known.index.isin(rows["well_id"])]
        return cls((values[signs > 0], values[signs < 0]), frozenset(absent.tolist()))


def _strata(groups: Sequence[_Group]) -> list[str]:
    """The sample of each group: those that only train are one beside those that are tested; where no group has wells of both
    classes, each class is one. One for all where a sample would have a single group."""
    pure = all(len(group.lacks) < 2 for group in groups)
    names = [str(sorted(group.lacks)) if pure else str(bool(group.lacks)) for group in groups]
    return [""] * len(names) if any(names.count(name) < 2 for name in names) else names

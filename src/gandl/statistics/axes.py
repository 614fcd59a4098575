"""On- and off-perturbation axes: takes features and labels of training controls, makes axes, and chooses the C of their SVM.

On-perturbation axis: unit normal of a linear SVM between C+ and C-, scaled so that C+ average +1 and C- average -1.
Off-perturbation: what is left once the on component is removed, zero-centred (Mascolini et al. 2022, "Visualizing GAN-DL's
representation learning capability"). Which direction of that remainder the paper draws is open; here its first component.
Beside the SVM's, an on axis of ours: the shrinkage LDA's (`gandl.statistics.lda`), in the same scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from gandl.statistics.groups import dealt
from gandl.statistics.lda import shrinkage_normal
from gandl.statistics.separation import z_prime
from gandl.statistics.svm import SvmProblem

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]

CHOOSING_WELLS = 2_000
"""C is chosen on at most this many training wells, drawn from them."""
COINCIDENT = 1e-9
"""Distance between the means of both kinds, in units of their spread, below which it is rounding."""


class AxisError(ValueError):
    """No axis can be fitted; the message says which controls are missing."""


@dataclass(frozen=True)
class OnAxis:
    """A fitted on-perturbation axis.

    Attributes
    ----------
    scale : what features are multiplied by before anything else.
    normal : (d,) unit normal of the SVM or the LDA, towards C+.
    slope, offset : on score = slope * (x . normal) + offset; training C+ average +1, C- average -1 (by range: all of them
        lie from -1 to +1), or where their means are one, both 0.
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


def fit_axes(features: Floats, labels: Integers, c: float, *, by_range: bool = False) -> Axes:
    """Fit both axes on training controls: (n, d) features, (n,) labels, the SVM's C; see `fit_on_axis`."""
    on = fit_on_axis(features, labels, c, by_range=by_range)
    centre, off = _principal(features * on.scale, on.normal)
    return Axes(on.scale, on.normal, on.slope, on.offset, centre, off)


def fit_on_axis(features: Floats, labels: Integers, c: float, *, by_range: bool = False) -> OnAxis:
    """Fit the on-perturbation axis on training controls.

    Features come standardised by the normalisation. Here they are divided by one number, the root mean square distance of the
    training controls from the middle between both kinds, so that C means the same for 4 as for 4,000 features: with few wells, up
    to about 0.1 the axis is the difference of the means, from about 10 on a hard margin. Both kinds weigh alike.

    Parameters
    ----------
    features : (n, d). labels : (n,) +1 for C+, -1 for C-. c : the SVM's C.
    by_range : the lowest training control scores -1 and the highest +1, as in the preprint (Mascolini et al. 2021, "min-max
        feature scaling"), instead of both means, as in the paper.

    Raises
    ------
    AxisError : one of the classes is absent.
    """
    return _Controls(features, labels, by_range=by_range).axis(c)


def fit_lda_axis(features: Floats, labels: Integers, *, by_range: bool = False) -> OnAxis:
    """The shrinkage LDA's on axis on training controls; parameters and errors as of `fit_on_axis`, and no C."""
    return _Controls(features, labels, by_range=by_range).lda()


class _Controls:
    """Training controls in the scale of the SVM, for axes of several C."""

    def __init__(self, features: Floats, labels: Integers, *, by_range: bool = False) -> None:
        self.by_range = by_range
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
        self.middle = middle

    @cached_property
    def problem(self) -> SvmProblem:
        """The SVM's, whose kernel the LDA does without."""
        return SvmProblem((self.features - self.middle) * self.scale, self.labels)

    def axis(self, c: float) -> OnAxis:
        """The SVM's."""
        weights, _ = self.problem.solve(c)
        length = float(np.linalg.norm(weights))
        return self._along(weights / length if length > 0 else weights)

    def lda(self) -> OnAxis:
        """The shrinkage LDA's."""
        return self._along(shrinkage_normal(self.features * self.scale, self.labels))

    def _along(self, normal: Floats) -> OnAxis:
        """The axis along a normal; where both means coincide it puts every well in the middle: all controls are alike, as by
        constant features, or counts of few wells happen to agree."""
        along = self.features * self.scale @ normal
        above, below = along[self.positive].mean(), along[self.negative].mean()
        if not above - below > COINCIDENT:
            return OnAxis(self.scale, normal, 0.0, 0.0)
        if self.by_range:
            above, below = along.max(), along.min()
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


def choose_c(
    features: Floats, labels: Integers, groups: npt.NDArray[np.generic], c_grid: Sequence[float], seed: int
) -> float:
    """The largest candidate whose Z' is not worse than the best by more than one standard error, each group left out in turn.

    Z' of pooled scores; the standard error is the jackknife's over wells, of the difference between both candidates. Where few
    wells cannot separate candidates, a small C (the difference of the means, blind to what varies together) is not preferred
    to a large one (a margin): docs/decisions.md measures what that preference cost.

    Scores of all groups share one scale, since every axis puts its own training controls at +1 and -1. With one candidate, or too
    few groups to leave one out, the smallest is taken; more than 8 groups are dealt to 5 (`gandl.statistics.groups.dealt`).
    Of more than 2,000 wells so many are drawn by `seed`: of 5,000, five groups and five candidates would take a minute for every
    choice.
    Parameters as in `gandl.statistics.held_out.held_out_scores`, of the training wells alone.
    """
    candidates = sorted(c_grid)
    if len(candidates) == 1:
        return candidates[0]
    if len(labels) > CHOOSING_WELLS:
        drawn = np.sort(np.random.default_rng(seed).permutation(len(labels))[:CHOOSING_WELLS])
        features, labels, groups = features[drawn], labels[drawn], groups[drawn]
    groups = dealt(groups, labels)
    names = [name for name in dict.fromkeys(groups.tolist()) if _has_both(labels[groups != name])]
    if len(names) < 2:
        return candidates[0]
    on = np.full((len(candidates), len(labels)), np.nan)
    for name in names:
        out = groups == name
        controls = _Controls(features[~out], labels[~out])
        for i, c in enumerate(candidates):
            on[i, out] = controls.axis(c).on_score(features[out])
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


def _has_both(labels: Integers) -> bool:
    return bool((labels > 0).any() and (labels < 0).any())

"""Agreement: takes features of sites and which belong together, measures how well they find one another. No label is needed.

The sites of a well show the same treatment, so features that describe cells place them nearer to one another than to sites of
other wells. That is retrieval: each site ranks all other sites of its plate, and the mean average precision says how highly its
well-mates rank (Kalinin et al. 2024, "A versatile information retrieval framework for evaluating profile strength and
similarity"). Whatever else the sites of a well share (density, focus, place on the plate) counts as well: it is agreement, not
biology.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class AgreementError(ValueError):
    """Nothing can agree: no two rows belong together, or no row has a stranger; the message says which."""


@dataclass(frozen=True)
class Agreement:
    """How well rows that belong together find one another.

    Attributes
    ----------
    precision : mean average precision over rows. chance : what random ranks give, on average.
    value : (precision - chance) / (1 - chance): 0 at chance, 1 where every mate stands before every stranger.
    of_group : (m,) mean average precision of every group with at least two rows, in order of first appearance.
    """

    precision: float
    chance: float
    value: float
    of_group: Floats


def agreement(features: Floats, groups: npt.ArrayLike, blocks: npt.ArrayLike) -> Agreement:
    """Mean average precision with which each row finds the others of its group, by cosine similarity.

    Parameters
    ----------
    features : (n, d), standardised. groups : (n,) which rows belong together (wells).
    blocks : (n,) rows are ranked among those of their own block only (plates), so that what a plate shares does no harm.

    Raises
    ------
    AgreementError : no group has two rows in one block, or no block holds two groups.
    """
    features = np.asarray(features, float)
    groups, blocks = np.asarray(groups, dtype=object), np.asarray(blocks, dtype=object)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(lengths > 0, lengths, 1.0)
    precision = np.full(len(unit), np.nan)
    chance = np.full(len(unit), np.nan)
    for block in dict.fromkeys(blocks):
        rows = np.flatnonzero(blocks == block)
        precision[rows], chance[rows] = _of_block(unit[rows], groups[rows])
    ranked = np.isfinite(precision)
    if not ranked.any():
        raise AgreementError(
            "agreement needs, within a plate, a well of at least two sites and a site of another well; there are none"
        )
    mean, by_chance = float(precision[ranked].mean()), float(chance[ranked].mean())
    of_group = [precision[ranked & (groups == name)].mean() for name in dict.fromkeys(groups[ranked])]
    return Agreement(mean, by_chance, (mean - by_chance) / (1 - by_chance), np.array(of_group))


def _of_block(unit: Floats, groups: npt.NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Average precision of every row and its expectation by chance; NaN of rows without a mate, or without a stranger."""
    n = len(unit)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)  # last, and cut off
    order = np.argsort(-similarity, axis=1, kind="stable")[:, : n - 1]
    mates = groups[order] == groups[:, None]
    count = mates.sum(axis=1)
    ranks = np.arange(1, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.sum(mates * np.cumsum(mates, axis=1) / ranks, axis=1) / count
    precision[(count == 0) | (count == n - 1)] = np.nan
    return precision, np.array([_by_chance(int(m), n - 1) for m in count])


def _by_chance(mates: int, others: int) -> float:
    """Expected average precision of a random order of `others` rows, `mates` of which are relevant.

    Rank k holds a mate with probability m / n; given that, (k - 1) (m - 1) / (n - 1) others are expected before it.
    """
    if not 0 < mates < others:
        return float("nan")
    ranks = np.arange(1, others + 1)
    return float(np.mean((1 + (ranks - 1) * (mates - 1) / (others - 1)) / ranks))

"""Agreement: takes features of sites (or wells) and which belong together, measures how well they find one another.

The sites of a well show the same treatment, so features that describe cells place them nearer to one another than to sites of
other wells. That is retrieval: each site ranks all other sites of its plate, and the mean average precision says how highly its
well-mates rank (Kalinin et al. 2024, "A versatile information retrieval framework for evaluating profile strength and
similarity"). Whatever else the sites of a well share (density, focus, place on the plate) counts as well: it is agreement, not
biology. No label is needed. Wells of a treatment are ranked among negative controls instead, across plates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ROUNDING = 1e-12

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


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
    groups, blocks = np.asarray(groups, dtype=object), np.asarray(blocks, dtype=object)
    unit = _unit(features)
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


@dataclass(frozen=True)
class Replicates:
    """How well the wells of each of m treatments find one another among negative controls.

    Attributes
    ----------
    precision : (m,) mean average precision. p : (m,) of it, by permutation. wells : (m,) wells that were ranked for.
    NaN and 0 where nothing could be ranked.
    """

    precision: Floats
    p: Floats
    wells: Integers


def replicate_agreement(
    features: Floats,
    groups: npt.NDArray[np.integer[Any]],
    plates: npt.ArrayLike,
    *,
    draws: int,
    seed: int,
) -> Replicates:
    """Mean average precision with which wells of a treatment find one another among negative controls, by cosine similarity.

    The phenotypic activity of Kalinin et al. 2024. Each well of a treatment ranks the treatment's other wells and the negative
    controls of the treatment's plates; where these are several, those on other plates than its own alone, so that what a plate
    shares helps neither. p is that of a permutation test: without an effect, wells of the treatment and negative controls of one
    plate are exchangeable, so they exchange labels plate by plate; p = (1 + draws that are at least as precise) / (1 + draws).
    Average precisions of a treatment's wells are not independent of one another; permuting whole labels keeps that in.

    Parameters
    ----------
    features : (n, d), standardised, of any precision.
    groups : (n,) treatment 0 ... m - 1 of each well; -1 of negative controls.
    plates : (n,) their plates. Treated wells on plates without negative controls are left out.
    draws, seed : of the permutations.
    """
    groups = np.asarray(groups)
    plates = np.unique(np.asarray(plates, dtype=object).astype(str), return_inverse=True)[1]
    m = int(groups.max(initial=-1)) + 1
    controls = {int(plate): np.flatnonzero((groups == -1) & (plates == plate)) for plate in np.unique(plates)}
    order = np.lexsort((plates, groups))
    members = np.split(order, np.searchsorted(groups[order], np.arange(m)))[1:]
    members = [mine[[len(controls[int(plate)]) > 0 for plate in plates[mine]]] for mine in members]
    on = [tuple(int(plate) for plate in np.unique(plates[mine])) for mine in members]
    precision, p, wells = np.full(m, np.nan), np.full(m, np.nan), np.zeros(m, dtype=int)
    known: tuple[int, ...] = ()
    for group in sorted(range(m), key=on.__getitem__):
        mine, of_mine = members[group], plates[members[group]]
        if len(mine) < 2:
            continue
        if on[group] != known:  # treatments share their plates, and so their controls
            others = np.concatenate([controls[plate] for plate in on[group]])
            among = _unit(features[others])
            alike, known = among @ among.T, on[group]
        unit = _unit(features[mine])
        between = unit @ among.T
        similarity = np.block([[unit @ unit.T, between], [between.T, alike]])
        everywhere = np.concatenate([of_mine, plates[others]])
        apart = everywhere[:, None] != everywhere if len(known) > 1 else ~np.eye(len(everywhere), dtype=bool)
        rng = np.random.default_rng([seed, group])
        drawn = np.concatenate([np.arange(len(mine))[None], _exchanged(everywhere, of_mine, draws, rng)])
        ranks = _ranks(similarity, apart, rng.permutation(len(everywhere)))
        found = _mean_precisions(ranks, drawn, apart[: len(mine), : len(mine)])
        precision[group], wells[group] = found[0], len(mine)
        p[group] = np.mean(found >= found[0] - ROUNDING)
    return Replicates(precision, p, wells)


def _unit(features: npt.NDArray[Any]) -> Floats:
    """Rows of length one; those without length stay."""
    features = np.asarray(features, float)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(lengths > 0, lengths, 1.0))


def _ranks(similarity: Floats, apart: npt.NDArray[np.bool_], order: Integers) -> Integers:
    """(n, n): the rank of each column among those that a row may find (`apart`), 1 the most alike; equals in a given `order`,
    which must know nothing of treatments: of one feature all cosines are 1 or -1."""
    found = order[np.argsort(np.where(apart, -similarity, np.inf)[:, order], axis=1, kind="stable")]
    ranks = np.empty_like(found)
    np.put_along_axis(ranks, found, np.broadcast_to(np.arange(1, len(order) + 1), found.shape), axis=1)
    return ranks


def _exchanged(plates: Integers, of_mine: Integers, draws: int, rng: np.random.Generator) -> Integers:
    """(draws, k) rows that bear the labels of the k wells of a treatment, as many on each plate; plates of the wells ascend."""
    parts = []
    for plate in np.unique(of_mine):
        here = np.flatnonzero(plates == plate)
        order = rng.random((draws, len(here))).argsort(axis=1)[:, : int((of_mine == plate).sum())]
        parts.append(here[order])
    return np.concatenate(parts, axis=1)


def _mean_precisions(ranks: Integers, chosen: Integers, apart: npt.NDArray[np.bool_]) -> Floats:
    """(draws,) mean average precisions of (draws, k) rows that belong together; `apart` (k, k): which find which."""
    of_mates = np.where(apart, ranks[chosen[:, :, None], chosen[:, None, :]], np.inf)
    count = apart.sum(axis=1)
    with np.errstate(invalid="ignore"):
        found = np.sort(of_mates, axis=2)
        each = np.sum(np.arange(1, len(apart) + 1) / found, axis=2)[:, count > 0] / count[count > 0]
    return np.asarray(each.mean(axis=1))

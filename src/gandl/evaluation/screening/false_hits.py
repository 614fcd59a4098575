"""False hits: takes negative controls, calls groups of them as if each were a compound at one dose, counts how often that errs.

A group has as many wells on as many plates as the screen's treatments have, and is compared with all other negative controls; the
p value up to which it counts as a hit is that of the screen's own doses. Compounds are called from several doses at once, which
this does not measure: for that a screen has too few negative controls. Nor does it measure what treated wells have beyond
controls, such as a wider spread. Single wells stand in `evaluation.treatments`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.evaluation import hits
from gandl.evaluation.screening.sign_test import sign_test_intervals
from gandl.evaluation.terms import NEGATIVE

PARTITIONS = 5
"""So often negative controls are dealt to groups anew."""

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FalseHits:
    """Shares of groups of negative controls that count as hits: by the test of treatments, above the other negative controls, and
    by DEEMD's sign test (NaN where groups are too small for it). `groups`: disjoint ones, 0 where none could be made."""

    tested: float
    by_sign: float
    groups: int


def layout_of(treated: pd.DataFrame, groups: npt.NDArray[np.integer[Any]]) -> tuple[int, ...]:
    """How many wells most treatments have on each of their plates, descending: (2, 2, 2) is two on each of three."""
    counts = pd.DataFrame({"group": groups, "plate": treated["plate_id"].to_numpy()}).value_counts(["group", "plate"])
    layouts = Counter(tuple(sorted(map(int, of_group), reverse=True)) for _, of_group in counts.groupby(level="group"))
    return layouts.most_common(1)[0][0]


def false_hits(
    wells: pd.DataFrame,
    layout: Sequence[int],
    limit: float,
    confidence: float,
    cell_type: str,
    seed: int,
    replicates: hits.Spread = hits.NO_REPLICATES,
) -> FalseHits:
    """Call groups of negative controls.

    Parameters
    ----------
    wells : of one cell type: control, plate_id, on. layout : wells of a group on each of its plates.
    limit : p value up to which a treatment is a hit. confidence : of the sign test's interval. cell_type : for the log.
    seed : of the dealing. replicates : spread within the screen's treatments, part of their test.
    """
    negative = wells[wells["control"] == NEGATIVE]
    on, plates = negative["on"].to_numpy(float), negative["plate_id"].to_numpy(object)
    rng = np.random.default_rng(seed)
    called: list[npt.NDArray[np.bool_]] = []
    by_sign: list[Floats] = []
    dealt = 0
    for _ in range(PARTITIONS):
        groups = _dealt(plates, layout, rng)
        dealt = max(dealt, len(groups))
        if not groups:
            continue
        chosen = np.array(groups)
        difference, p = compare_groups(on, plates, chosen, replicates)
        if np.isfinite(p).all():
            called.append((difference > 0) & (p <= limit))
            _, low, _ = sign_test_intervals(
                on[chosen].ravel(), np.repeat(np.arange(len(chosen)), sum(layout)), confidence
            )
            by_sign.append(np.where(np.isnan(low), np.nan, low > 0))
    if not called:
        logger.info(
            "%s: negative controls are too few to be called as groups of %s wells per plate",
            cell_type,
            ", ".join(map(str, layout)),
        )
        return FalseHits(np.nan, np.nan, 0)
    return FalseHits(float(np.concatenate(called).mean()), float(np.concatenate(by_sign).mean()), dealt)


def compare_groups(
    values: Floats,
    blocks: npt.NDArray[np.object_],
    chosen: npt.NDArray[np.int_],
    replicates: hits.Spread = hits.NO_REPLICATES,
) -> tuple[Floats, Floats]:
    """`hits.compare` of groups of negative controls with all others, group by group, without a loop.

    Parameters
    ----------
    values, blocks : (n,) scores of negative controls and their blocks. chosen : (m, k) positions of the wells of each group,
        which leave a well of every block. replicates : spread within the treatments that the test is of.

    Returns
    -------
    (m,) differences and (m,) p values, NaN where the others are too few or all alike.
    """
    names, block = np.unique(blocks.astype(str), return_inverse=True)
    m, k = chosen.shape
    group = np.repeat(np.arange(m), k)
    counts, sums = np.zeros((2, m, len(names)))
    np.add.at(counts, (group, block[chosen].ravel()), 1.0)
    np.add.at(sums, (group, block[chosen].ravel()), values[chosen].ravel())
    left = np.bincount(block) - counts
    of_all = np.bincount(block, weights=values)
    means, centres = (of_all - sums) / left, of_all / np.bincount(block)
    around, shifts = values - centres[block], means - centres  # from the centres, so that large squares do not cancel
    squares = np.square(around).sum() - np.square(around[chosen]).sum(axis=1) - (left * np.square(shifts)).sum(axis=1)
    freedom = len(values) - k - len(names)
    difference = (sums - counts * means).sum(axis=1) / k
    if freedom < hits.FEWEST_FREEDOM:
        return difference, np.full(m, np.nan)
    spread = np.sqrt(np.maximum(squares, 0) / freedom)
    factor = 1 / k + (np.square(counts) / left).sum(axis=1) / k**2
    p = hits.p_of(difference, factor, spread, freedom, replicates)
    return difference, np.where(spread > 0, p, np.nan)


def _dealt(
    plates: npt.NDArray[np.object_], layout: Sequence[int], rng: np.random.Generator
) -> list[npt.NDArray[np.int_]]:
    """Disjoint groups of positions with the layout, plates with most wells left first; a plate keeps one well beside a group."""
    left = {plate: list(rng.permutation(np.flatnonzero(plates == plate))) for plate in pd.unique(plates)}
    sizes = {plate: len(here) for plate, here in left.items()}
    groups: list[npt.NDArray[np.int_]] = []
    while True:
        order = sorted(left, key=lambda plate: (-len(left[plate]), rng.random()))
        chosen = order[: len(layout)]
        fits = [
            len(left[plate]) >= count and sizes[plate] > count for plate, count in zip(chosen, layout, strict=False)
        ]
        if len(chosen) < len(layout) or not all(fits):
            return groups
        groups.append(
            np.array([left[plate].pop() for plate, count in zip(chosen, layout, strict=True) for _ in range(count)])
        )

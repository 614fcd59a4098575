"""Negative controls in one position: takes them from several plates, makes whether they resemble one another across plates.

Wells of the same position on different plates replicate only what the position does (Chandrasekaran et al. 2024, CPJUMP1: more
than half of the DMSO positions replicated under per-plate normalisation). Cosine similarity of whitened features, each well less
the mean of its plate; positions are permuted within plates.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.evaluation.layout.permutations import Integers, Permuted, shuffles, tested, whitened
from gandl.evaluation.layout.wells import Wells, centred

MOST_WELLS = 1000
"""Negative controls of a cell type at most, whole positions, those on most plates first."""
FEWEST_POSITIONS = 2
CHANCE = 0.05
"""Share of positions that replicate by chance: their similarity is above the 95 % point of its own permutations."""
AT_ONCE = 2**22

Floats = npt.NDArray[np.floating]


def same_position(wells: Wells, draws: int, confidence: float, seed: int) -> dict[str, Permuted] | str:
    """Test negative controls of one cell type.

    Returns
    -------
    `map`: mean average precision of a well's same-position wells among all wells of other plates, ranked by similarity.
    `replicating`: share of positions with a median similarity above the 95 % point of their own permutations. Or why neither
    can be tested.
    """
    negative = wells.where(wells.about["control"] == "negative")
    position = negative.about["row"] + negative.about["column"].astype(str)
    plates = negative.about["plate_id"].groupby(position).transform("nunique")
    shared = position[plates > 1]
    if shared.nunique() < FEWEST_POSITIONS:
        return "fewer than two positions hold a negative control on several plates"
    order = pd.DataFrame({"position": position, "plates": plates}).sort_values(
        ["plates", "position"], ascending=[False, True], kind="stable"
    )
    kept = np.sort(order.index[:MOST_WELLS].to_numpy())
    negative, position = negative.where(np.isin(np.arange(len(position)), kept)), position.loc[kept]
    plate, kind = negative.codes("plate_id"), negative.codes("kind")
    codes = np.unique(position.to_numpy(str), return_inverse=True)[1]
    moved = shuffles(plate * (kind.max() + 1) + kind, draws, seed)
    if (codes[moved] == codes).all():
        return "no plate holds two negative controls that may be exchanged"
    values = whitened(centred(negative.values, kind, plate)).astype(np.float64)
    if values.shape[1] == 0:
        return "no feature varies among negative controls"
    length = np.linalg.norm(values, axis=1, keepdims=True)
    values = values / np.where(length > 0, length, 1.0)
    likeness = values @ values.T
    partners = _partners(codes, plate)
    scores = _mean_average_precision(likeness, plate, partners, moved)
    share = _replicating(likeness, codes, partners, moved)
    n = len(codes)
    return {"map": tested(scores, n, confidence), "replicating": tested(share, n, confidence)}


def _partners(codes: Integers, plate: Integers) -> Integers:
    """(n, m) slots of the same position on other plates, -1 where there are fewer."""
    lists = [np.flatnonzero((codes == codes[i]) & (plate != plate[i])) for i in range(len(codes))]
    found = np.full((len(codes), max(map(len, lists))), -1)
    for i, members in enumerate(lists):
        found[i, : len(members)] = members
    return found


def _mean_average_precision(likeness: Floats, plate: Integers, partners: Integers, moved: Integers) -> Floats:
    """(draws,) of slots filled by wells: permutations stay within plates, so a slot keeps its plate and its partners."""
    other = plate[:, None] != plate
    hidden = np.where(other, -likeness, np.inf)
    rank = np.empty(likeness.shape)
    np.put_along_axis(rank, np.argsort(hidden, axis=1), np.arange(1.0, len(plate) + 1)[None, :], axis=1)
    queries = np.flatnonzero((partners >= 0).any(axis=1))
    mine = partners[queries]
    there = mine >= 0
    hits = np.arange(1, mine.shape[1] + 1)
    found = []
    step = max(1, AT_ONCE // mine.size)
    for first in range(0, len(moved), step):
        some = moved[first : first + step]
        ranks = np.where(there, rank[some[:, queries][:, :, None], some[:, mine]], np.inf)
        ranks.sort(axis=2)
        precision = (hits / ranks).sum(axis=2) / there.sum(axis=1)
        found.append(precision.mean(axis=1))
    return np.concatenate(found)


def _replicating(likeness: Floats, codes: Integers, partners: Integers, moved: Integers) -> Floats:
    """(draws,) share of positions whose median similarity exceeds the 95 % point of its permutations."""
    pairs = [(i, j) for i in range(len(codes)) for j in partners[i] if j > i]
    first, second = np.array(pairs).T
    position = codes[first]
    medians = np.empty((len(moved), len(np.unique(position))))
    for k, name in enumerate(np.unique(position)):
        here = position == name
        medians[:, k] = np.median(likeness[moved[:, first[here]], moved[:, second[here]]], axis=1)
    return np.asarray((medians > np.quantile(medians[1:], 1 - CHANCE, axis=0)).mean(axis=1))

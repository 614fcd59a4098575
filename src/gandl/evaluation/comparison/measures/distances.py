"""Distances and spread of tiles: takes codes and wells of two sets, makes the median or mean distance over their pairs, and those
of drawn wells; or codes of one set, and says how much of them differs between tiles.

Tiles of a well are not independent, so an interval draws whole wells: a pair of tiles then counts as often as both their wells
were drawn. The drawn median is a weighted one; it is read off a table of well pairs by bins of equal numbers of distances, so
that a thousand draws cost one product of matrices.

The spread is free of the codes' scale, so that one limit tells any collapsed network from a working one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 512
"""A drawn median is exact to 1/512 of the distances' ranks (exact where there are fewer distances)."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]


@dataclass(frozen=True)
class TileSet:
    """Tiles of one kind: (n, d) codes, and the number of the well of each, counted from 0."""

    values: Floats
    wells: Integers

    @classmethod
    def of(cls, values: npt.ArrayLike, wells: npt.ArrayLike) -> TileSet:
        """From codes and names of wells."""
        numbers = np.unique(np.asarray(wells, str), return_inverse=True)[1]
        return cls(np.asarray(values, np.float64), np.asarray(numbers, int))

    @property
    def n_wells(self) -> int:
        return int(self.wells.max()) + 1 if len(self.wells) else 0

    def drawn(self, draws: int, rng: np.random.Generator) -> Floats:
        """(draws, wells): how often each well is drawn, as many wells as there are."""
        n = self.n_wells
        return rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)


def pair_distances(one: TileSet, other: TileSet) -> Floats:
    """(n, m) Euclidean distances of all pairs of tiles of two sets.

    By one product of matrices, in double precision and about the common mean, so that codes that hardly differ (a collapsed
    network) keep their distances.
    """
    middle = np.concatenate([one.values, other.values]).mean(axis=0)
    a, b = one.values - middle, other.values - middle
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def drawn_medians(distances: Floats, one: TileSet, other: TileSet, times: Floats, other_times: Floats) -> Floats:
    """The median distance in every draw of wells.

    Parameters
    ----------
    distances : (n, m), not a number where a pair does not count (a tile with itself). one, other : the sets.
    times, other_times : (draws, wells) how often each well of either set is drawn.

    Returns
    -------
    (draws,); not a number where no pair is drawn.
    """
    counts = np.isfinite(distances)
    pair = (one.wells[:, None] * other.n_wells + other.wells)[counts]
    flat = distances[counts]
    order = np.argsort(flat, kind="stable")
    bins = min(BINS, len(flat))
    of_rank = np.arange(len(flat)) * bins // max(len(flat), 1)
    middles = np.array([np.median(part) for part in np.split(flat[order], np.flatnonzero(np.diff(of_rank)) + 1)])
    table = np.zeros((one.n_wells * other.n_wells, bins))
    np.add.at(table, (pair[order], of_rank), 1.0)
    weights = (times[:, :, None] * other_times[:, None, :]).reshape(len(times), -1)
    below = np.cumsum(weights @ table, axis=1)
    at = (below < below[:, -1:] / 2).sum(axis=1)
    return np.where(below[:, -1] > 0, middles[np.minimum(at, bins - 1)], np.nan)


def drawn_means(distances: Floats, one: TileSet, other: TileSet, times: Floats, other_times: Floats) -> Floats:
    """The mean distance in every draw of wells; parameters and result as of `drawn_medians`."""
    counts = np.isfinite(distances)
    pair = one.wells[:, None] * other.n_wells + other.wells
    of_wells = [
        np.bincount(pair.ravel(), of.ravel(), one.n_wells * other.n_wells).reshape(one.n_wells, other.n_wells)
        for of in (np.where(counts, distances, 0.0), counts.astype(np.float64))
    ]
    total, number = (((times @ of) * other_times).sum(axis=1) for of in of_wells)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(number > 0, total / number, np.nan))


def feature_spread(values: npt.ArrayLike) -> float:
    """Share of the size of (n, d) codes that differs between tiles: sqrt(variance / mean square), summed over features.

    0: all tiles have one code, whatever it is (a collapsed network); 1: the codes' mean is 0. Unlike the features' standard
    deviations, which a collapsed network may have larger than another one, it stays when codes are multiplied by a factor.
    """
    codes = np.asarray(values, np.float64)
    square = float((codes**2).mean(axis=0).sum()) if len(codes) else 0.0
    return float(np.sqrt(codes.var(axis=0).sum() / square)) if square else 0.0


def effective_rank(values: npt.ArrayLike) -> float:
    """In how many directions (n, d) codes differ: (sum of variances of components)^2 / sum of their squares, 0 where they do not.

    The participation ratio: r for codes that vary alike in r directions.
    """
    codes = np.asarray(values, np.float64)
    if len(codes) < 2:
        return 0.0
    centred = codes - codes.mean(axis=0)
    gram = centred @ centred.T if len(codes) <= codes.shape[1] else centred.T @ centred
    total = float(np.trace(gram))
    return total**2 / float((gram**2).sum()) if total else 0.0

"""How sites are drawn where not each is drawn by itself: classes in balance, and partners from the same well."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from gandl.images.store_reader import ImageStore

Positions = npt.NDArray[np.int64]
"""Numbers of sites, counted through all stores."""


class Balance:
    """Draws of sites in which every class is equally likely, and within it every site.

    Parameters
    ----------
    positions : of the sites that may be drawn. classes : of every site.
    """

    def __init__(self, positions: Positions, classes: Positions) -> None:
        _, of_site, self._counts = np.unique(classes[positions], return_inverse=True, return_counts=True)
        self._sorted = positions[np.argsort(of_site, kind="stable")]
        self._starts = np.cumsum(self._counts) - self._counts

    def draw(self, n: int, rng: np.random.Generator) -> Positions:
        """n sites (n,), with replacement."""
        drawn = rng.integers(len(self._counts), size=n)
        within = (rng.random(n) * self._counts[drawn]).astype(np.int64)
        return self._sorted[self._starts[drawn] + within]


class Mates:
    """The other sites of a site's well, among those that may be drawn; found out when they are first needed.

    Parameters
    ----------
    positions : of the sites that may be drawn, counted through all stores.
    """

    def __init__(self, stores: Sequence[ImageStore], positions: Positions) -> None:
        self._stores, self._positions = stores, positions

    def draw(self, position: Positions, rng: np.random.Generator) -> Positions:
        """One of the other sites of each site's well (n,), all equally likely; the site itself where there is no other."""
        by_well, first, count, rank = self._wells
        first, count, rank = first[position], count[position], rank[position]
        step = 1 + (rng.random(len(position)) * (count - 1)).astype(np.int64)
        return by_well[first + (rank + step) % count]

    @cached_property
    def _wells(self) -> tuple[Positions, Positions, Positions, Positions]:
        """Positions well by well; and of each site where its well begins there, how many sites it has, and which one this is."""
        named = pd.concat([store.index["well_id"] for store in self._stores], ignore_index=True)
        codes = pd.factorize(named)[0][self._positions]
        order = np.argsort(codes, kind="stable")
        counts = np.bincount(codes)
        starts = np.cumsum(counts) - counts
        first, count, rank = (np.zeros(len(named), np.int64) for _ in range(3))
        by_well = self._positions[order]
        first[by_well], count[by_well] = starts[codes[order]], counts[codes[order]]
        rank[by_well] = np.arange(len(order)) - first[by_well]
        return by_well, first, count, rank

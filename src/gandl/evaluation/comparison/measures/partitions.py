"""Partitions of tiles (Dmitrenko et al. 2022, section 4.3.3): takes codes, makes clusters for every k of a grid, and chooses one.

UMAP in two dimensions with n_neighbors = k, then HDBSCAN with min_cluster_size = k and min_samples = 1, as the published code has
it. As there, both scores are taken on the two dimensions, not on the codes, and noise counts as one more cluster: they judge
UMAP's picture, and scattered noise counts against it.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import HDBSCAN
from sklearn.metrics import davies_bouldin_score, silhouette_samples

NOISE = -1
"""The label of tiles in no cluster."""
MIN_SAMPLES = 1
FEWEST_NEIGHBOURS = 2
TILES_PER_K = 5
ALIKE = "all tiles have one code"
ALL_NOISE = "all tiles are noise"
ONE_CLUSTER = "all tiles are in one cluster"

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int_]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Partition:
    """Tiles of a cell line in clusters.

    Attributes
    ----------
    k : size of UMAP's neighbourhoods and of the smallest cluster. points : (n, 2). labels : (n,) cluster, or `NOISE`.
    silhouettes : (n,) of each tile. davies_bouldin : of the partition. Both not numbers with fewer than two labels.
    note : why there are no scores; empty where there are.
    """

    k: int
    points: Floats
    labels: Integers
    silhouettes: Floats
    davies_bouldin: float
    note: str

    @property
    def clusters(self) -> int:
        return len(set(self.labels.tolist()) - {NOISE})

    @property
    def not_noise(self) -> float:
        return float((self.labels != NOISE).mean())

    @property
    def silhouette(self) -> float:
        return float(self.silhouettes.mean())

    @property
    def scored(self) -> bool:
        return bool(np.isfinite([self.silhouette, self.davies_bouldin]).all())


def partitions_of(codes: npt.ArrayLike, sizes: Sequence[int], *, epochs: int | None, seed: int) -> list[Partition]:
    """A partition of (n, d) codes for every k of at most n / 5: with a larger one a neighbourhood is no longer local, and
    there is hardly room for two clusters of k."""
    values = np.asarray(codes, np.float32)
    fitting = [k for k in sorted(set(sizes)) if k >= FEWEST_NEIGHBOURS and TILES_PER_K * k <= len(values)]
    return [partition_of(points_of(values, k, epochs, seed), k) for k in fitting]


def points_of(values: npt.NDArray[np.float32], k: int, epochs: int | None, seed: int) -> Floats:
    """(n, 2) by UMAP, the same at every call: a fixed seed, in one thread. Zeros where all codes are alike.

    It starts from the first two principal components (Kobak and Linderman 2021): its own start, from eigenvectors of the graph,
    differs from call to call where the graph falls into many parts, and so do the clusters then.
    """
    if not np.ptp(values, axis=0).any():
        return np.zeros((len(values), 2))
    start = "pca" if min(values.shape) >= 2 else "random"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few or equal codes it says that it starts from random places
        found = (
            umap()
            .UMAP(n_neighbors=k, n_components=2, n_epochs=epochs, random_state=seed, n_jobs=1, init=start)
            .fit_transform(values)
        )
    return np.asarray(found, np.float64)


@cache
def umap() -> Any:
    """UMAP, imported where it is needed: that takes seconds. What Numba compiles of it, for half a minute, is kept."""
    import umap as package
    from numba.core.registry import CPUDispatcher

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "umap":
            for function in vars(module).values():
                if isinstance(function, CPUDispatcher):
                    try:
                        function.enable_caching()
                    except RuntimeError:
                        logger.info("no folder to keep %s in once it is compiled: NUMBA_CACHE_DIR", name)
    return package


def partition_of(points: Floats, k: int) -> Partition:
    """Clusters of (n, 2) points, with their scores."""
    undefined = np.full(len(points), np.nan)
    if not np.isfinite(points).all() or not np.ptp(points, axis=0).any():
        return Partition(k, np.nan_to_num(points), np.full(len(points), NOISE), undefined, np.nan, ALIKE)
    labels = HDBSCAN(min_samples=MIN_SAMPLES, min_cluster_size=k, copy=True).fit_predict(points).astype(int)
    different = len(set(labels.tolist()))
    if not 1 < different < len(points):
        note = ALL_NOISE if labels[0] == NOISE else ONE_CLUSTER
        return Partition(k, points, labels, undefined, np.nan, note)
    silhouettes = silhouette_samples(points, labels).astype(np.float64)
    return Partition(k, points, labels, silhouettes, float(davies_bouldin_score(points, labels)), "")


def chosen_of(partitions: Sequence[Partition], drop_up_to: int) -> Partition | None:
    """The paper's choice: silhouettes of at least their median; of those, Davies-Bouldin of at most theirs; of those, the least
    noise, then the most clusters, then the best silhouette.

    Partitions with k up to `drop_up_to` count for the medians and are never chosen (the published code drops them at the end, so
    that a cell line whose choice has a small k is left without one). Where none has scores: the most clusters,
    then the least noise. None where nothing is left.
    """
    scored = [each for each in partitions if each.scored]
    if not scored:
        left = [each for each in partitions if each.k > drop_up_to]
        return max(left, key=lambda each: (each.clusters, each.not_noise, -each.k), default=None)
    middle = np.median([each.silhouette for each in scored])
    clear = [each for each in scored if each.silhouette >= middle]
    middle = np.median([each.davies_bouldin for each in clear])
    apart = [each for each in clear if each.davies_bouldin <= middle and each.k > drop_up_to]
    return max(apart, key=lambda each: (each.not_noise, each.clusters, each.silhouette), default=None)

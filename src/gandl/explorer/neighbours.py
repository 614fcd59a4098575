"""Nearest neighbours: takes one featurizer's well profiles, makes for every well the wells most like it, and how much.

Similarity is the cosine of normalised profiles, as the field compares them (copairs); of fewer than three features, where a
cosine says little, it is the distance. Of a large screen the neighbours are sought in principal directions, and those found there
are compared by their whole profiles.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.extmath import randomized_svd

from gandl.explorer import packing

NEIGHBOURS = 6
FEWEST_FOR_COSINE = 3
LARGE, COMPONENTS, CANDIDATES = 10_000, 128, 24
"""Of more wells than `LARGE`, so many candidates are sought in so many principal directions: products of all pairs of 5,120
features would take forty times as long."""
COLUMNS_AT_ONCE = 64
"""Features that are read at once: all of 5,120 would stand in memory twice."""
ROWS_AT_ONCE = 256
GROUP = 64
"""Wells of which the most similar one is found first; only groups that hold a candidate are searched."""

Values = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]


def blocks(name: str, profiles: Path, well_ids: pd.Series) -> tuple[dict[str, str], str]:
    """A featurizer's neighbours, packed, and what their similarity is (`cosine` or `distance`).

    `neighbours` : (n, k) places among `well_ids`, 2**32 - 1 where there is none. `similarity` : (n, k).
    """
    features, known = read_features(profiles, well_ids)
    near, how = nearest(features, NEIGHBOURS)
    places = np.full((len(well_ids), NEIGHBOURS), 2**32 - 1, np.uint32)
    similarity = np.full((len(well_ids), NEIGHBOURS), np.nan)
    places[known, : near.shape[1]] = known[near]
    similarity[known, : near.shape[1]] = how
    measure = "distance" if features.shape[1] < FEWEST_FOR_COSINE else "cosine"
    return {
        f"neighbours:{name}": packing.planes(places),
        f"similarity:{name}": packing.fixed_point(similarity),
    }, measure


def sought_in(wells: int) -> dict[str, int] | None:
    """In how many directions so many wells' neighbours are sought, and how many candidates are compared; None: all are."""
    return {"components": COMPONENTS, "candidates": CANDIDATES} if wells > LARGE else None


def read_features(profiles: Path, well_ids: pd.Series) -> tuple[Values, Places]:
    """(m, d) features of the wells that have a whole profile, and (m,) their places among `well_ids`, ascending.

    A few columns are read at a time, into the one array that is returned.
    """
    with pq.ParquetFile(profiles) as file:
        names = [name for name in file.schema_arrow.names if name.startswith("feature_")]
        ids = file.read(columns=["well_id"])["well_id"].to_pandas()
        row = pd.Index(ids).get_indexer(pd.Index(well_ids))
        places = np.flatnonzero(row >= 0)
        rows = row[places]
        values = np.empty((len(places), len(names)), np.float32)
        whole = np.ones(len(places), bool)
        for start in range(0, len(names), COLUMNS_AT_ONCE):
            some = names[start : start + COLUMNS_AT_ONCE]
            part = file.read(columns=some)
            columns = np.column_stack([part[name].to_numpy()[rows] for name in some])
            values[:, start : start + len(some)] = columns
            whole &= ~np.isnan(columns).any(axis=1)
    kept = np.flatnonzero(whole)
    if len(kept) < len(values):
        for start in range(0, len(kept), ROWS_AT_ONCE):  # each row moves up within the array
            values[start : start + ROWS_AT_ONCE][: len(kept) - start] = values[kept[start : start + ROWS_AT_ONCE]]
    return values[: len(kept)], places[kept]


def nearest(features: Values, count: int) -> tuple[Places, Values]:
    """Of (n, d) profiles the most similar others, best first.

    Returns
    -------
    (n, k) places and (n, k) cosines, of fewer than `FEWEST_FOR_COSINE` features Euclidean distances; k is `count`, less where
    there are not so many others.
    """
    n, d = features.shape
    count = min(count, n - 1)
    if count < 1:
        return np.empty((n, 0), np.intp), np.empty((n, 0), np.float32)
    if d < FEWEST_FOR_COSINE:
        return _by_distance(features, count)
    norm = np.sqrt(np.einsum("ij,ij->i", features, features))
    norm[norm == 0] = 1  # the cosine with a profile of zeros is 0
    if n > LARGE and d > COMPONENTS:
        candidates = most_similar(_principal(features), min(CANDIDATES, n - 1))
    else:
        candidates = most_similar(features / norm[:, None], count)
    return _by_cosine(features, norm, candidates, count)


def most_similar(rows: Values, count: int) -> Places:
    """Of (n, d) rows of length 1 or 0, (n, count) places of the others of the highest cosine, in no order."""
    n, d = rows.shape
    groups = -(-n // GROUP)
    padded = np.zeros((groups * GROUP, d), np.float32)
    padded[:n] = rows
    found = np.empty((n, count), np.intp)
    for start in range(0, n, ROWS_AT_ONCE):
        cosine = rows[start : start + ROWS_AT_ONCE] @ padded.T
        mine = np.arange(len(cosine))
        cosine[:, n:] = -np.inf
        cosine[mine, start + mine] = -np.inf
        found[start : start + len(cosine)] = _highest(cosine, min(groups, count), count)
    return found


def _highest(values: Values, most_groups: int, count: int) -> Places:
    """(b, count) places of the highest of (b, n) values: they lie in the groups whose highest values are highest.

    Group g holds every place that leaves a remainder g when it is divided by the number of groups.
    """
    grouped = values.reshape(len(values), GROUP, -1)
    groups = grouped.shape[2]
    chosen = np.argpartition(grouped.max(axis=1), groups - most_groups, axis=1)[:, groups - most_groups :]
    inside = np.take_along_axis(grouped, chosen[:, None, :], axis=2).reshape(len(values), -1)
    best = np.argpartition(inside, inside.shape[1] - count, axis=1)[:, inside.shape[1] - count :]
    return best // most_groups * groups + np.take_along_axis(chosen, best % most_groups, axis=1)


def _by_cosine(features: Values, norm: Values, candidates: Places, count: int) -> tuple[Places, Values]:
    """The best of (n, c) candidates, best first, by the cosine of whole profiles."""
    places = np.empty((len(features), count), np.intp)
    cosines = np.empty((len(features), count), np.float32)
    step = max(1, ROWS_AT_ONCE * COMPONENTS // features.shape[1])
    for start in range(0, len(features), step):
        mine = slice(start, start + step)
        others = candidates[mine]
        product = np.matmul(features[others], features[mine][:, :, None])[:, :, 0]
        cosine = product / (norm[others] * norm[mine][:, None])
        order = np.lexsort((others, -cosine), axis=1)[:, :count]
        places[mine], cosines[mine] = np.take_along_axis(others, order, 1), np.take_along_axis(cosine, order, 1)
    return places, cosines


def _by_distance(features: Values, count: int) -> tuple[Places, Values]:
    """The nearest others, nearest first, by Euclidean distance."""
    n = len(features)
    distance, found = NearestNeighbors(n_neighbors=count + 1).fit(features).kneighbors(features)
    itself: npt.NDArray[Any] = found == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # it is not among its own neighbours where more wells are equal to it
    return found[~itself].reshape(n, count), distance[~itself].reshape(n, count).astype(np.float32)


def _principal(features: Values) -> Values:
    """Rows of length 1 in their first principal directions. A profile of zeros stays zero."""
    _, _, axes = randomized_svd(features, COMPONENTS, n_iter=2, random_state=0)
    rows = features @ axes.T.astype(np.float32)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norm > 0, norm, 1), np.float32)

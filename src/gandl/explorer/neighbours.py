"""Nearest neighbours: takes one featurizer's well profiles, makes for every well the wells most like it, and how much.

Similarity is the cosine of normalised profiles, as the field compares them (copairs); of fewer than three features, where a
cosine says little, it is the distance.
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
LARGE, COMPONENTS = 10_000, 128
"""Of more wells than `LARGE`, features are first reduced to so many principal directions: the exact way would take an hour."""

Values = npt.NDArray[np.float32]


def blocks(name: str, profiles: Path, well_ids: pd.Series) -> tuple[dict[str, str], str]:
    """A featurizer's neighbours, packed, and what their similarity is (`cosine` or `distance`).

    `neighbours` : (n, k) places among `well_ids`, 2**32 - 1 where there is none. `similarity` : (n, k).
    """
    features = read_features(profiles, well_ids)
    known = np.flatnonzero(~np.isnan(features).any(axis=1))
    near, how = nearest(features[known], NEIGHBOURS)
    places = np.full((len(features), NEIGHBOURS), 2**32 - 1, np.uint32)
    similarity = np.full((len(features), NEIGHBOURS), np.nan)
    places[known, : near.shape[1]] = known[near]
    similarity[known, : near.shape[1]] = how
    measure = "distance" if features.shape[1] < FEWEST_FOR_COSINE else "cosine"
    return {
        f"neighbours:{name}": packing.planes(places),
        f"similarity:{name}": packing.fixed_point(similarity),
    }, measure


def read_features(profiles: Path, well_ids: pd.Series) -> Values:
    """(n, d) features of wells in their order, not a number where a well has no profile."""
    names = [name for name in pq.read_schema(profiles).names if name.startswith("feature_")]
    table = pq.read_table(profiles, columns=["well_id", *names])
    values = np.empty((table.num_rows, len(names)), np.float32)
    for column, name in enumerate(names):
        values[:, column] = table[name].to_numpy()
    at = pd.Index(table["well_id"].to_pandas()).get_indexer(pd.Index(well_ids))
    found = values[np.maximum(at, 0)] if len(values) else np.empty((len(at), len(names)), np.float32)
    found[at < 0] = np.nan
    return found


def nearest(features: Values, count: int) -> tuple[npt.NDArray[Any], Values]:
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
    by_angle = d >= FEWEST_FOR_COSINE
    rows = _directions(features) if by_angle else np.asarray(features, np.float32)
    search = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(
        rows
    )  # of unit length, the nearest by angle
    distance, found = search.kneighbors(rows)
    itself = found == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True  # it is not among its own neighbours where more wells are equal to it
    places = found[~itself].reshape(n, count)
    if not by_angle:
        return places, distance[~itself].reshape(n, count).astype(np.float32)
    cosines = [(rows * rows[places[:, place]]).sum(axis=1) for place in range(count)]
    return places, np.asarray(np.stack(cosines, axis=1), np.float32)


def _directions(features: Values) -> Values:
    """Rows of length 1; of large screens in their first principal directions. A profile of zeros stays zero."""
    rows = np.asarray(features, np.float32)
    if rows.shape[0] > LARGE and rows.shape[1] > COMPONENTS:
        _, _, axes = randomized_svd(rows, COMPONENTS, n_iter=2, random_state=0)
        rows = rows @ axes.T.astype(np.float32)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norm > 0, norm, 1), np.float32)

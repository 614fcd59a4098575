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
from sklearn.utils.extmath import randomized_svd

from gandl.explorer import packing

NEIGHBOURS = 6
FEWEST_FOR_COSINE = 3
LARGE, COMPONENTS = 10_000, 128
"""Of more wells than `LARGE`, features are first reduced to so many principal directions: the exact way would take an hour."""
BLOCK = 8_000_000
"""Similarities computed at a time: 32 MB, whatever the screen."""

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
    half = (rows**2).sum(axis=1) / 2
    places = np.empty((n, count), np.intp)
    found = np.empty((n, count), np.float32)
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        stop = min(start + step, n)
        closeness = rows[start:stop] @ rows.T
        if not by_angle:
            closeness -= half  # the order of distances from a well is that of its products less half of the others' squares
        closeness[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        some = np.argpartition(-closeness, count - 1, axis=1)[:, :count]
        some.sort(axis=1)  # of equal ones the first
        best = np.argsort(-np.take_along_axis(closeness, some, axis=1), axis=1, kind="stable")
        mine = np.take_along_axis(some, best, axis=1)
        places[start:stop] = mine
        found[start:stop] = (
            np.take_along_axis(closeness, mine, axis=1)
            if by_angle
            else np.linalg.norm(rows[mine] - rows[start:stop, None], axis=2)
        )
    return places, found


def _directions(features: Values) -> Values:
    """Rows of length 1; of large screens in their first principal directions. A profile of zeros stays zero."""
    rows = np.asarray(features, np.float32)
    if rows.shape[0] > LARGE and rows.shape[1] > COMPONENTS:
        _, _, axes = randomized_svd(rows, COMPONENTS, n_iter=2, random_state=0)
        rows = rows @ axes.T.astype(np.float32)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)

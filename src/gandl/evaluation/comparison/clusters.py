"""Clusters within cell lines (Dmitrenko et al. 2022, section 4.3.3): codes of test tiles -> clusters, noise, and two scores.

See `partitions` for what the scores are of. Intervals draw wells of the chosen partition as it is: clustering anew in every draw
would take hours, so they leave out how much the clusters themselves would change.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config.comparison import ComparisonTasksSettings
from gandl.evaluation.comparison.codes import Coded, drawn
from gandl.evaluation.comparison.measures.partitions import NOISE, TILES_PER_K, Partition, chosen_of, partitions_of
from gandl.evaluation.comparison.numbers import NONE, Row, of_mean, row, write_numbers
from gandl.evaluation.comparison.terms import CLUSTERS
from gandl.tables import Column, Schema, write_table
from gandl.tables.comparison import TEST

PARTITIONS = Schema(
    "partitions",
    (
        Column("cell_type", "string"),
        Column("k", "integer"),
        Column("clusters", "integer"),
        Column("not_noise", "float"),
        Column("silhouette", "float", nullable=True),
        Column("davies_bouldin", "float", nullable=True),
        Column("chosen", "boolean"),
        Column("note", "string", nullable=True),
    ),
    key=("cell_type", "k"),
)
"""Every partition of every cell line; scores are null, with the reason, where there are no two clusters."""
POINTS = Schema(
    "points",
    (
        Column("tile", "integer"),
        Column("cell_type", "string"),
        Column("x", "float"),
        Column("y", "float"),
        Column("cluster", "integer"),
    ),
    key=("tile",),
)
"""The tiles of the chosen partitions in UMAP's two dimensions, and their clusters (-1: noise)."""
METRICS = ("k", "clusters", "not_noise", "silhouette", "davies_bouldin", "inverse_davies_bouldin")

logger = logging.getLogger(__name__)


def write_clusters(
    coded: Coded,
    output: Path,
    partitions: Path,
    points: Path,
    settings: ComparisonTasksSettings,
    *,
    seed: int,
    setup: str,
    training_seed: int,
) -> None:
    """Write which clusters the test tiles of each cell line form.

    Parameters
    ----------
    coded : labelled tiles with their codes.
    seed : of UMAP, of the draw of tiles, and of the bootstrap. setup, training_seed : of the codes.
    output : `tables.NUMBERS`, question `comparison_clusters`, `METRICS` of the chosen partition (`not_noise` is a share); null
        with a note where a cell line has too few tiles, no partition, or none with scores.
    partitions : `PARTITIONS`. points : `POINTS`.
    """
    grid = settings.clustering
    rows: list[Row] = []
    found: list[pd.DataFrame] = []
    placed: list[pd.DataFrame] = []
    for place, line in enumerate(coded.lines):
        test = coded.where(coded.tiles["cell_type"] == line).part(TEST)
        test = test.at(drawn(len(test), grid.tiles, np.random.default_rng(seed + place)))
        every = partitions_of(test.values, grid.sizes, epochs=grid.epochs, seed=seed)
        chosen = chosen_of(every, grid.drop_up_to)
        rows += rows_of(line, test, every, chosen, settings, seed + place)
        found.append(pd.DataFrame([{"cell_type": line, **_told(each), "chosen": each is chosen} for each in every]))
        if chosen is not None:
            placed.append(_points(line, test, chosen))
    write_numbers(rows, output, CLUSTERS, setup, training_seed)
    write_table(_table(found, PARTITIONS), Path(partitions), PARTITIONS)
    write_table(_table(placed, POINTS), Path(points), POINTS)


def rows_of(
    line: str,
    test: Coded,
    every: list[Partition],
    chosen: Partition | None,
    settings: ComparisonTasksSettings,
    seed: int,
) -> list[Row]:
    """The numbers of a cell line."""
    n, grid = len(test), settings.clustering
    if chosen is None:
        note = f"{n} tiles in the test part, of which k = {min(grid.sizes)} needs {TILES_PER_K * min(grid.sizes)}"
        if every:
            note = f"every partition that the rule leaves has k up to {grid.drop_up_to}, which are dropped"
        logger.warning("clusters: cell line %s: %s", line, note)
        return [row(line, metric, np.nan, n, note=note) for metric in METRICS]
    why = f"{' or '.join(dict.fromkeys(each.note for each in every))} at every k" if chosen.note else None
    if why:
        logger.warning("clusters: cell line %s: %s", line, why)
    values = {
        "k": chosen.k,
        "clusters": chosen.clusters,
        "not_noise": chosen.not_noise,
        "silhouette": chosen.silhouette,
        "davies_bouldin": chosen.davies_bouldin,
        "inverse_davies_bouldin": 1 / chosen.davies_bouldin if chosen.davies_bouldin else np.nan,
    }
    of_tiles = {"not_noise": (chosen.labels != NOISE).astype(np.float64), "silhouette": chosen.silhouettes}
    intervals = {
        name: of_mean(each, test.wells, draws=settings.bootstrap, confidence=settings.confidence, seed=seed)
        for name, each in of_tiles.items()
    }
    return [row(line, metric, values[metric], n, intervals.get(metric, NONE), why) for metric in METRICS]


def _told(partition: Partition) -> dict[str, object]:
    """A partition as a row of `PARTITIONS`."""
    names = ("k", "clusters", "not_noise", "silhouette", "davies_bouldin")
    return {**{name: getattr(partition, name) for name in names}, "note": partition.note or None}


def _points(line: str, test: Coded, chosen: Partition) -> pd.DataFrame:
    x, y = chosen.points.T
    tiles = test.tiles["tile"].to_numpy()
    return pd.DataFrame({"tile": tiles, "cell_type": line, "x": x, "y": y, "cluster": chosen.labels})


def _table(parts: list[pd.DataFrame], schema: Schema) -> pd.DataFrame:
    """Parts of a table below one another; an empty table where there are none."""
    kinds = {"integer": "int64", "float": "float64", "boolean": "bool", "string": "object"}
    held = [part for part in parts if len(part)] or [pd.DataFrame(columns=schema.names)]
    return pd.concat(held, ignore_index=True)[schema.names].astype({c.name: kinds[c.kind] for c in schema.columns})

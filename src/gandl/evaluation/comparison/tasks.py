"""The three tasks of the comparison on the codes of one setup and seed -> every table that they make.

One job for the three, which reads the codes once: starting Python and reading codes took about as long as the tasks themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from gandl.config.comparison import ComparisonTasksSettings
from gandl.evaluation.comparison.clusters import write_clusters
from gandl.evaluation.comparison.codes import read_codes
from gandl.evaluation.comparison.drug_control import write_drug_control
from gandl.evaluation.comparison.similarity import write_similarity


def write_tasks(
    codes: Path,
    tiles: Path,
    similarity: Path,
    distances: Path,
    drug_control: Path,
    grid: Path,
    clusters: Path,
    partitions: Path,
    points: Path,
    settings: ComparisonTasksSettings,
    similar: Sequence[str],
    opposite: Sequence[str] | None,
    *,
    seed: int,
    switches: Collection[str],
    setup: str,
    training_seed: int,
) -> None:
    """Write what the codes of a setup tell of similar drugs, of drugs against vehicle, and of clusters.

    Parameters
    ----------
    codes, tiles : as of `read_codes`.
    similarity, distances, similar, opposite : of `write_similarity`.
    drug_control, grid, switches : of `write_drug_control`.
    clusters, partitions, points : of `write_clusters`.
    seed : of all draws. setup, training_seed : of the codes.

    Raises
    ------
    gandl.tables.TableError, ComparisonTaskError : of `read_codes`.
    """
    coded = read_codes(codes, tiles)
    made = {"seed": seed, "training_seed": training_seed}
    write_similarity(coded, similarity, distances, settings, similar, opposite, setup=setup, **made)
    write_drug_control(coded, drug_control, grid, settings, switches=switches, setup=setup, **made)
    write_clusters(coded, clusters, partitions, points, settings, setup=setup, **made)

"""The table of the comparison (Table 2 of Dmitrenko et al. 2022): numbers of all setups and seeds -> a row per setup and metric.

Over cell lines as in the paper: median and median absolute deviation (not scaled to a standard deviation), of cluster metrics
mean and standard deviation; both are there for all. What the paper could not give is the interval over seeds.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config.comparison import ComparisonTasksSettings
from gandl.config.comparison_terms import Switch
from gandl.evaluation.comparison.numbers import (
    NONE,
    Collected,
    centre,
    collected,
    half_width,
    has_collapsed,
    lines_collapsed,
    over_lines,
    seeded,
)
from gandl.evaluation.comparison.stability import RANKING, STABILITY, groups_of, ranking_of, stability_of
from gandl.evaluation.comparison.terms import AS_MEAN, BETTER, RANGE
from gandl.tables import NUMBERS, Column, Schema, read_table, write_table as write_parquet

TABLE = Schema(
    "comparison",
    (
        Column("setup", "string"),
        Column("metric", "string"),
        Column("median", "float", nullable=True),
        Column("mad", "float", nullable=True),
        Column("mean", "float", nullable=True),
        Column("deviation", "float", nullable=True),
        Column("centre", "string", allowed=("median", "mean")),
        Column("low", "float", nullable=True),
        Column("high", "float", nullable=True),
        Column("seeds", "integer"),
        Column("cell_types", "integer"),
        Column("best", "boolean"),
        Column("note", "string", nullable=True),
    ),
    key=("setup", "metric"),
)
"""Over cell lines, seed by seed, and then the mean over seeds: median with `mad`, mean with (sample) standard `deviation`.
`centre` names the one that Table 2 gives of the metric, around which the interval over seeds is laid, cut where the metric ends
(`terms.RANGE`); `best` is the best of the
settings of the paradigm."""
SCALAR = "d"
"""The metric whose MAD the published code takes of one number, so that it is 0."""

logger = logging.getLogger(__name__)


def write_table(
    similarity: Sequence[Path],
    drug_control: Sequence[Path],
    clusters: Sequence[Path],
    output: Path,
    ranking: Path,
    stability: Path,
    settings: ComparisonTasksSettings,
    *,
    setups: Sequence[str],
    seeds: Sequence[int],
    seed: int,
    switches: Collection[str],
) -> None:
    """Write the table of all metrics, the ranks of every seed, and how stable they are.

    Parameters
    ----------
    similarity, drug_control, clusters : numbers of the tasks, of every setup and seed; a file that is absent is told in `note`.
    setups, seeds : asked for, in the order of the tables. seed : of the draws of seeds and cell lines.
    switches : defects to reproduce: `mad_of_scalar` (the MAD of d is 0), `single_seed` (the first seed alone).
    output : `TABLE`, every setup and every metric that any setup has. ranking : `RANKING`. stability : `STABILITY`.

    Raises
    ------
    gandl.tables.TableError, ComparisonTaskError : of `collected`.
    """
    on = frozenset(map(Switch, switches))
    asked = list(seeds)[:1] if Switch.SINGLE_SEED in on else list(seeds)
    found = collected([*similarity, *drug_control, *clusters], setups, asked)
    table = table_of(found, settings.confidence)
    if Switch.MAD_OF_SCALAR in on:
        table.loc[(table["metric"] == SCALAR) & table["mad"].notna(), "mad"] = 0.0
    for note in table["note"].dropna().unique():
        logger.warning("table: %s", note)
    write_parquet(table, Path(output), TABLE)
    write_parquet(ranking_of(found), Path(ranking), RANKING)
    write_parquet(stability_of(found, draws=settings.bootstrap, seed=seed), Path(stability), STABILITY)


def table_of(found: Collected, confidence: float) -> pd.DataFrame:
    """`TABLE` of collected numbers."""
    collapses = {setup: _collapses(found, setup) for setup in found.setups}
    rows = []
    for setup in found.setups:
        for metric in found.values:
            of_seeds = found.of_setup(setup, metric)
            kind = "mean" if metric in AS_MEAN else "median"
            half = half_width(centre(of_seeds, metric), confidence)
            of_all = over_lines(of_seeds)
            ends = (of_all[kind] - half, of_all[kind] + half) if np.isfinite(half) else NONE
            low, high = (float(end) for end in np.clip(ends, *RANGE.get(metric, (-np.inf, np.inf))))
            n_seeds = int(np.isfinite(of_seeds).any(axis=1).sum())
            lines = int(np.isfinite(of_seeds).any(axis=0).sum())
            counts = {"seeds": n_seeds, "cell_types": lines}
            note = "; ".join([*_missing(found, setup, metric, n_seeds, lines), *collapses[setup]]) or None
            about = {"setup": setup, "metric": metric, "centre": kind, "low": low, "high": high}
            rows.append({**about, **of_all, **counts, "best": False, "note": note})
    table = pd.DataFrame(rows)
    table["best"] = _best(table, found)
    return table[TABLE.names].astype({"note": "object"})


def _best(table: pd.DataFrame, found: Collected) -> pd.Series:
    """Whether a setup is the best of its paradigm, or as good as it, by the centre; where settings can be compared at all."""
    by_centre = table["mean"].where(table["centre"] == "mean", table["median"])
    best = pd.Series(False, table.index)
    for among, here in groups_of(found.setups).items():
        names = [found.setups[at] for at in here]
        for metric, sign in BETTER.items():
            mine = sign * by_centre[(table["metric"] == metric) & table["setup"].isin(names)].dropna()
            if among != "all" and len(mine) > 1:
                best[mine.index[mine == mine.max()]] = True
    return best


def _missing(found: Collected, setup: str, metric: str, seeds: int, lines: int) -> list[str]:
    """What a reader should know of a row: seeds and cell lines that it lacks, and why."""
    asked = len(found.seeds) if seeded(setup) else 1
    told = [] if seeds == asked else [f"{setup}: {seeds} of {asked} seeds"]
    if seeds and lines < len(found.lines):
        why = "; ".join(found.notes.get((setup, metric), ())) or "not measured"
        told.append(f"{setup}: {lines} of {len(found.lines)} cell lines ({why})")
    return told


def _collapses(found: Collected, setup: str) -> list[str]:
    """In how many seeds codes collapsed, and in how many cell lines."""
    if "collapsed" not in found.values:
        return []
    of_seeds = found.of_setup(setup, "collapsed")
    lost, n = has_collapsed(of_seeds), int(np.isfinite(of_seeds).any(axis=1).sum())
    said = f"{setup}: codes collapsed in {lost.sum()} of {n} seeds, there in {lines_collapsed(of_seeds[lost])}"
    return [said] if lost.any() else []


def write_setup(numbers: Sequence[Path], output: Path) -> None:
    """Write the numbers of a setup, in the order of the files.

    Parameters
    ----------
    numbers : of each of its tasks and seeds (`gandl.tables.NUMBERS`, and the columns of the comparison).

    Raises
    ------
    gandl.tables.TableError : a table breaks its schema, or two hold the same number.
    """
    tables = [read_table(Path(path), NUMBERS) for path in numbers]
    write_parquet(pd.concat(tables, ignore_index=True), Path(output), NUMBERS)

"""Stability of ranks: takes values of every setup, seed and cell line, says how often the best setup stays the best.

The paper trained every setup once, so that its "best" may be the luck of a seed. Here the best over all seeds is looked for
again in every single seed, and in draws of seeds (setup by setup) and of cell lines (the same for all setups).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, rankdata

from gandl.evaluation.comparison.numbers import Collected, Floats, centre, over_seeds
from gandl.evaluation.comparison.terms import BETTER
from gandl.tables import Column, Schema

EVERY = "all"
"""Among all setups, those beyond the paper too."""
RANKING = Schema(
    "ranking of setups",
    (
        Column("metric", "string"),
        Column("setup", "string"),
        Column("seed", "integer"),
        Column("rank", "integer"),
        Column("value", "float"),
    ),
    key=("metric", "setup", "seed"),
)
"""Of every seed: rank 1 is the best; setups that are as good share the better rank; those without a value have none."""
STABILITY = Schema(
    "stability of ranks",
    (
        Column("metric", "string"),
        Column("among", "string"),
        Column("best_setup", "string"),
        Column("share_of_seeds", "float"),
        Column("share_of_draws", "float"),
        Column("changes", "integer"),
        Column("seeds", "integer"),
        Column("kendall_tau", "float", nullable=True),
    ),
    key=("metric", "among"),
)
"""Among all setups (`all`), and among those of each paradigm: the best over all seeds; in which share of seeds, and of draws, it
is (or shares) the best; how often the best is another than in the seed before; Kendall's tau (b) between seeds, mean over their
pairs, null with one seed."""


def groups_of(setups: Sequence[str]) -> dict[str, list[int]]:
    """Positions of the setups that are ranked among one another: all, and those of each paradigm of several."""
    by_paradigm: dict[str, list[int]] = {}
    for at, setup in enumerate(setups):
        paradigm, dot, _ = setup.partition(".")
        if dot:
            by_paradigm.setdefault(paradigm, []).append(at)
    return {EVERY: list(range(len(setups))), **{name: of for name, of in by_paradigm.items() if len(of) > 1}}


def ranking_of(found: Collected) -> pd.DataFrame:
    """`RANKING`: of every metric that has a better, every seed and setup."""
    rows = []
    for metric, sign in _ranked(found).items():
        of_seeds = centre(found.values[metric], metric)
        for at, seed in enumerate(found.seeds):
            here = np.flatnonzero(np.isfinite(of_seeds[:, at]))
            ranks = rankdata(-sign * of_seeds[here, at], method="min").astype(int)
            for setup, rank in zip(here, ranks, strict=True):
                about = {"metric": metric, "setup": found.setups[setup], "seed": seed, "rank": rank}
                rows.append({**about, "value": of_seeds[setup, at]})
    return _typed(rows, RANKING)


def stability_of(found: Collected, *, draws: int, seed: int) -> pd.DataFrame:
    """`STABILITY`; of metrics of which at least one setup has a value."""
    rows = []
    for metric, sign in _ranked(found).items():
        values = sign * found.values[metric]
        of_seeds = centre(values, metric).T
        overall = over_seeds(of_seeds.T)
        of_draws = drawn_centres(values, metric, draws, seed)
        for among, here in groups_of(found.setups).items():
            if not np.isfinite(overall[here]).any():
                continue
            best = here[int(np.nanargmax(overall[here]))]
            asked = of_seeds[np.isfinite(of_seeds[:, here]).any(axis=1)][:, here]
            bests = [_best(each) for each in asked]
            rows.append(
                {
                    "metric": metric,
                    "among": among,
                    "best_setup": found.setups[best],
                    "share_of_seeds": float(np.mean([here.index(best) in each for each in bests])),
                    "share_of_draws": float(np.mean([here.index(best) in _best(each) for each in of_draws[:, here]])),
                    "changes": sum(not one & other for one, other in pairwise(bests)),
                    "seeds": len(bests),
                    "kendall_tau": mean_tau(asked),
                }
            )
    table = _typed(rows, STABILITY)
    return table.astype({"kendall_tau": float})


def drawn_centres(values: Floats, metric: str, draws: int, seed: int) -> Floats:
    """(setups, seeds, lines) -> (draws, setups): cell lines drawn for all setups alike, seeds for each one anew."""
    rng = np.random.default_rng(seed)
    setups, _, lines = values.shape
    of_lines = rng.integers(0, lines, (draws, lines))
    found = np.full((draws, setups), np.nan)
    for at, of_setup in enumerate(values):
        known = of_setup[np.isfinite(of_setup).any(axis=1)]
        if len(known):
            chosen = known[rng.integers(0, len(known), (draws, len(known)))]
            found[:, at] = over_seeds(centre(np.take_along_axis(chosen, of_lines[:, None], axis=2), metric))
    return found


def mean_tau(values: Floats) -> float:
    """(seeds, setups) -> mean over pairs of seeds of Kendall's tau between the setups that both have; NaN of one seed."""
    found = []
    for one, other in combinations(values, 2):
        both = np.isfinite(one) & np.isfinite(other)
        if both.sum() > 1:
            found.append(float(kendalltau(one[both], other[both]).statistic))
    return float(np.mean(found)) if found else np.nan


def _best(values: Floats) -> set[int]:
    """Positions of the largest; none where nothing is known."""
    return set(np.flatnonzero(values == np.nanmax(values)).tolist()) if np.isfinite(values).any() else set()


def _ranked(found: Collected) -> Mapping[str, int]:
    return {metric: sign for metric, sign in BETTER.items() if metric in found.values}


def _typed(rows: list[dict[str, Any]], schema: Schema) -> pd.DataFrame:
    """A table of these rows whose whole numbers are such, also where there is no row."""
    whole = {column.name: "int64" for column in schema.columns if column.kind == "integer"}
    return pd.DataFrame(rows, columns=schema.names).astype(whole)

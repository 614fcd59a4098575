"""What a reader must know of the comparison's numbers, in sentences: takes the tables of a run, computes every word from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gandl.evaluation.comparison.numbers import has_collapsed, lines_collapsed
from gandl.evaluation.comparison.terms import BETTER
from gandl.figures.common.labels import fixed
from gandl.figures.common.style import FigureError
from gandl.figures.comparison.setups import is_floor, is_seeded, named_together, read_numbers, setup_label
from gandl.figures.comparison.terms import COLLAPSED, METRICS, metric_label
from gandl.workflow.words import counted

NONE_COLLAPSED = "no training."


def notes(
    data: pd.DataFrame, numbers: Sequence[Path], asked: Sequence[str], seeds: Sequence[int], confidence: float
) -> list[str]:
    """What stands behind the table: what is shown, missing setups and seeds, collapsed trainings.

    Parameters
    ----------
    data : `metrics.COLUMNS`. numbers : of the task of similarity. asked, seeds : as the configuration asks for.
    """
    lines = data["cell_types"].dropna()
    many = f"n = {lines.min()}" if lines.nunique() < 2 else f"n = {lines.min()} to {lines.max()}"
    said = [
        f"Each cell: the median over cell lines ({many}) ± median absolute deviation, of each line’s mean over seeds; for "
        "clusters and their quality mean ± standard deviation, as in the paper. In brackets the "
        f"{100 * confidence:g} % interval over seeds (Student’s t of the per-seed values), which needs two. Below, in grey, the "
        "paper’s value. Bold: the best setting of the paradigm, which need not differ from the next. More is better in all rows "
        "but the number of clusters and the cosine of opposite shifts.",
        *missing(data, asked, seeds),
        *collapsed(numbers),
    ]
    return said


def missing(data: pd.DataFrame, asked: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """Setups that were asked for and have no number, and those with fewer seeds than were asked for."""
    known = data[data["value"].notna()].groupby("setup")["seeds"].max()
    absent = [name for name in asked if name not in known.index]
    wanted = len(set(seeds))
    fewer: dict[int, list[str]] = {}
    for name in asked:
        if name in known.index and known[name] < wanted and is_seeded(name):
            fewer.setdefault(int(known[name]), []).append(name)
    said = [f"Without any number in this run: {named_together(absent, asked)}."] if absent else []
    if fewer:
        parts = [f"{counted(count, 'seed')} of {wanted} of {named_together(of, asked)}" for count, of in fewer.items()]
        said.append(f"Fewer seeds than were asked for: {'. '.join(parts)}.")
    return said


def collapsed(numbers: Sequence[Path]) -> list[str]:
    """Trainings whose codes are the same for all tiles, and in how many cell lines; a result, not an error."""
    if not numbers:
        return []
    try:
        table = read_numbers(numbers, [COLLAPSED])
    except FigureError:
        return []
    named = []
    for setup, mine in table.groupby("setup", sort=False):
        cube = mine.pivot(index="seed", columns="cell_type", values="value")
        lost = has_collapsed(cube.to_numpy(float))
        if lost.any():
            seeds = cube.index[lost]
            said = f"{setup_label(str(setup))} in {len(seeds)} of {counted(len(cube), 'seed')} ({', '.join(map(str, seeds))})"
            named.append(f"{said}, there in {lines_collapsed(cube.loc[seeds].to_numpy(float))}")
    if not named:
        return [f"Collapsed (the same code for all tiles): {NONE_COLLAPSED}"]
    return [
        f"Collapsed, so that all tiles have the same code: {'; '.join(named)}. Their distances are near 0, which makes 1 / D "
        "large and means nothing."
    ]


def floor_sentences(data: pd.DataFrame, similar: Sequence[str]) -> list[str]:
    """By which metrics a floor, in which nothing is learned, is at least as good as the best of the learned setups."""
    known = data[data["value"].notna()]
    parts = []
    for name, metric in METRICS.items():
        mine = known[known["metric"] == name]
        floors, learned = mine[mine["setup"].map(is_floor)], mine[~mine["setup"].map(is_floor)]
        sign = BETTER.get(name)
        if sign is None or floors.empty or learned.empty:
            continue
        floor, best = (of.loc[(sign * of["value"]).sort_values(kind="stable").index[-1]] for of in (floors, learned))
        if sign * floor["value"] >= sign * best["value"]:
            values = [fixed(row["value"] * metric.factor, metric.decimals) for row in (floor, best)]
            label = metric_label(name, list(similar))
            parts.append(
                f"{label}: {setup_label(floor['setup'])} {values[0]}, best learned {values[1]} ({setup_label(best['setup'])})"
            )
    if not known["setup"].map(is_floor).any():
        return []
    if not parts:
        return ["No floor (untrained encoder, intensities) reaches the best learned setup in any metric."]
    return [f"A floor, in which nothing is learned, is at least as good as every learned setup in: {'; '.join(parts)}."]

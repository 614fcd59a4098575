"""What a reader must know of the comparison's numbers, in sentences: takes the tables of a run, computes every word from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from gandl.evaluation.comparison.numbers import has_collapsed, lines_collapsed, seeded
from gandl.evaluation.comparison.terms import BETTER
from gandl.figures.common.labels import fixed
from gandl.figures.common.style import FigureError
from gandl.figures.comparison.setups import is_floor, named_together, read_numbers, setup_label
from gandl.figures.comparison.terms import COLLAPSED, METRICS, OF_PAIR, PAPER_PAIR, is_paper_pair, metric_label
from gandl.workflow.words import counted

NONE_COLLAPSED = "no training."


def notes(
    data: pd.DataFrame,
    numbers: Sequence[Path],
    asked: Sequence[str],
    seeds: Sequence[int],
    similar: Sequence[str],
    *,
    confidence: float,
    collapsed_below: float,
) -> list[str]:
    """What stands behind the table: what is shown, missing setups and seeds, collapsed trainings.

    Parameters
    ----------
    data : `metrics.COLUMNS`. numbers : of the task of similarity. asked, seeds : as the configuration asks for.
    similar : names of the drugs known to be similar.
    confidence : coverage of the intervals. collapsed_below : share of the codes' size that differs, below which they collapsed.
    """
    lines = data["cell_types"].dropna()
    unranked = [metric_label(name, similar) for name in METRICS if name not in BETTER]
    many = f"n = {lines.min()}" if lines.nunique() < 2 else f"n = {lines.min()} to {lines.max()}"
    said = [
        f"Each cell: the median over cell lines ({many}) ± median absolute deviation, for clusters and their quality mean ± "
        "standard deviation, as in the paper; both are taken seed by seed and averaged. In brackets the "
        f"{100 * confidence:g} % interval over seeds (Student’s t of the per-seed values), which needs two. Below, in grey, the "
        "paper’s value. Bold: the best setting of the paradigm, which need not differ from the next. More is better but for the "
        f"cosine of opposite shifts; without a best, and never bold: {'; '.join(unranked)}.",
        about_pair(similar),
        *missing(data, asked, seeds),
        *collapsed(numbers, collapsed_below),
    ]
    return said


def about_pair(similar: Sequence[str]) -> str:
    """Which drugs the paper's distances are of, and where they are left out."""
    rows = " and ".join(metric_label(name, PAPER_PAIR) for name in OF_PAIR)
    if is_paper_pair(similar):
        (other,) = set(similar) - {PAPER_PAIR[0]}
        return (
            f"The paper’s PTX is pemetrexed (here {other}), not paclitaxel: its {rows} stand beside those of this pair."
        )
    return f"The paper’s {rows} are of methotrexate and pemetrexed: not shown beside those of {' and '.join(similar)}."


def missing(data: pd.DataFrame, asked: Sequence[str], seeds: Sequence[int]) -> list[str]:
    """Setups that were asked for and have no number, and those with fewer seeds than were asked for."""
    known = data[data["value"].notna()].groupby("setup")["seeds"].max()
    absent = [name for name in asked if name not in known.index]
    wanted = len(set(seeds))
    fewer: dict[int, list[str]] = {}
    for name in asked:
        if name in known.index and known[name] < wanted and seeded(name):
            fewer.setdefault(int(known[name]), []).append(name)
    said = [f"Without any number in this run: {named_together(absent, asked)}."] if absent else []
    if fewer:
        parts = [f"{named_together(of, asked)}: {count} of {counted(wanted, 'seed')}" for count, of in fewer.items()]
        said.append(f"Fewer seeds than were asked for: {'. '.join(parts)}.")
    return said


def collapsed(numbers: Sequence[Path], below: float) -> list[str]:
    """Trainings of whose codes less than a share of their size differs between tiles, and in how many cell lines; a result, not
    an error."""
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
    what = f"Collapsed (less than {100 * below:g} % of the codes’ size differs between tiles)"
    return [f"{what}: {'; '.join(named)}." if named else f"{what}: {NONE_COLLAPSED}"]


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

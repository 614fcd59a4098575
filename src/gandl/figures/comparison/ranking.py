"""How stable the ranks of the setups are over seeds: a rank for every setup, metric and seed, and in the CSV how often the
best changes.

Takes the ranking and its stability; makes comparison_ranking, which the paper, with one seed, could not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import Unpack

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from gandl.evaluation.comparison.stability import EVERY
from gandl.figures.common import style as look
from gandl.figures.common.labels import fixed
from gandl.figures.common.palette import INK, ink_on
from gandl.figures.comparison.setups import (
    NOT_IN_PAPER,
    ORDER,
    PARADIGMS,
    in_order,
    is_floor,
    narrow_label,
    paradigm_of,
    setup_label,
)
from gandl.figures.comparison.terms import METRICS, metric_label

COLUMNS = [
    "metric",
    "setup",
    "seed",
    "rank",
    "best_setup",
    "share_of_seeds",
    "share_of_draws",
    "changes",
    "kendall_tau",
]
CELL_MM, LABELS_MM, HEAD_MM, FOOT_MM, RIGHT_MM = 4.3, 44.0, 27.0, 17.0, 2.0
LABEL_CHARACTERS = 18
"""Of a line of a metric's name, which stands upright above its columns."""
LEAST_MM = 2.9
"""Width of a cell below which no number fits into it."""
GAP = 0.6
"""Between metrics, in cells."""


def draw_ranking(
    ranking: Path,
    stability: Path,
    *,
    similar: Sequence[str] = ("a", "b"),
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the rank of each setup by each metric with each seed, best 1.

    Parameters
    ----------
    ranking : metric, setup, seed, rank. stability : per metric, among all setups: the best over all seeds, the share of the seeds
        (and of draws of seeds and cell lines) with which it is the best, how often the best changes, Kendall's tau between seeds.
    similar : names of the drugs known to be similar, for the names of metrics.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`.

    Raises
    ------
    FigureError : a file is absent, or holds no rank.
    """
    data = ranking_table(Path(ranking), Path(stability))
    look.draw(partial(ranking_figure, similar=list(similar)), data, **drawing)


def ranking_table(ranking: Path, stability: Path) -> pd.DataFrame:
    """The table with `COLUMNS`: metrics in the order of `METRICS`, setups in that of the paper."""
    for path in (ranking, stability):
        if not path.is_file():
            raise look.FigureError(f"{path} does not exist: no ranks to draw; run the comparison's table first")
    table = pd.read_parquet(ranking)
    table = table[table["metric"].isin(list(METRICS)) & table["setup"].isin(list(ORDER))]
    if table.empty:
        raise look.FigureError(f"{ranking}: no setup has a rank by any of {', '.join(METRICS)}")
    stable = pd.read_parquet(stability)
    stable = stable[stable["among"] == EVERY]
    data = table.merge(stable[["metric", *COLUMNS[4:]]], on="metric", how="left")
    places = {name: place for place, name in enumerate(METRICS)}
    data = data.sort_values("seed", kind="stable").sort_values("setup", key=in_order, kind="stable")
    data = data.sort_values("metric", key=lambda column: column.map(places), kind="stable", ignore_index=True)
    return data[COLUMNS]


def ranking_figure(data: pd.DataFrame, similar: list[str]) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    metrics, setups = list(data["metric"].unique()), sorted(data["setup"].unique(), key=ORDER.__getitem__)
    seeds = sorted(data["seed"].unique())
    across = len(metrics) * len(seeds) + GAP * (len(metrics) - 1)
    width = min(look.DOUBLE_COLUMN - LABELS_MM - RIGHT_MM, across * 2 * CELL_MM)
    height = CELL_MM * len(setups) + HEAD_MM + FOOT_MM
    figure = look.new_figure(look.DOUBLE_COLUMN, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes(
        (LABELS_MM / look.DOUBLE_COLUMN, FOOT_MM / height, width / look.DOUBLE_COLUMN, CELL_MM * len(setups) / height)
    )
    colours = matplotlib.colormaps["Blues_r"]
    for place, metric in enumerate(metrics):
        left = place * (len(seeds) + GAP)
        mine = data[data["metric"] == metric]
        ranks = (
            mine.pivot(index="setup", columns="seed", values="rank")
            .reindex(index=setups, columns=seeds)
            .to_numpy(float)
        )
        shown = 0.05 + 0.9 * (ranks - 1) / max(len(setups) - 1, 1)
        axes.imshow(
            np.where(np.isfinite(ranks)[..., None], colours(np.nan_to_num(shown)), 1.0),
            extent=(left, left + len(seeds), len(setups), 0),
            aspect="auto",
        )
        if width / across >= LEAST_MM:
            for row, column in np.argwhere(np.isfinite(ranks)):
                ink = ink_on(colours(shown[row, column]))
                text = f"{ranks[row, column]:g}"
                axes.text(
                    left + column + 0.5, row + 0.53, text, ha="center", va="center", color=ink, fontsize="x-small"
                )
        _metric(axes, mine.iloc[0], left + len(seeds) / 2, len(setups), metric_label(metric, similar))
    _setups(axes, setups)
    axes.set_xlim(0, across)
    axes.set_ylim(len(setups), 0)
    axes.set_axis_off()
    for line, text in enumerate(("best kept (% of seeds)", "Kendall’s τ")):
        axes.text(-0.4, len(setups) + 0.25 + 0.65 * line, text, ha="right", va="top", fontsize="x-small")
    below = (
        f"Columns of a metric: seeds {', '.join(map(str, seeds))}; dark: the best rank (1), light: the last.\n"
        "Best kept: how often the setup that is the best over all seeds is the best with one; Kendall’s τ: of the ranks of two\n"
        "seeds, mean of pairs."
    )
    figure.text(0.005, 0.6 / height, below, fontsize="x-small", va="bottom", color=INK)
    return figure


def _metric(axes: Axes, row: pd.Series, centre: float, bottom: float, label: str) -> None:
    """The name above the cells of a metric, and its stability below them."""
    name = "\n".join(wrap(label, LABEL_CHARACTERS))
    axes.text(
        centre, -0.35, name, rotation=90, ha="center", va="bottom", ma="left", fontsize="x-small", linespacing=1.0
    )
    share = "–" if pd.isna(row["share_of_seeds"]) else f"{100 * row['share_of_seeds']:.0f}"
    tau = "–" if pd.isna(row["kendall_tau"]) else fixed(row["kendall_tau"], 2)
    for line, text in enumerate((share, tau)):
        axes.text(centre, bottom + 0.25 + 0.65 * line, text, ha="center", va="top", fontsize="x-small")


def _setups(axes: Axes, setups: list[str]) -> None:
    """Names of setups, the paradigm in bold above its settings' first; a line between paradigms."""
    for row, setup in enumerate(setups):
        first = row == 0 or paradigm_of(setups[row - 1]) != paradigm_of(setup)
        of_paper = paradigm_of(setup) in PARADIGMS.values()
        if first and row:
            axes.axhline(row, color="white", lw=2.4)
        label = narrow_label(setup) if of_paper else setup_label(setup)
        colour = "#666666" if is_floor(setup) else INK
        axes.text(-0.4, row + 0.5, label, ha="right", va="center", fontsize="x-small", color=colour)
    groups = pd.Series([paradigm_of(setup) for setup in setups])
    page = axes.get_figure().transFigure  # type: ignore[union-attr]
    at = blended_transform_factory(page, axes.transData)
    for name, rows in groups.groupby(groups, sort=False):
        middle = rows.index[0] + len(rows) / 2
        text = {NOT_IN_PAPER: "Not in\nthe paper"}.get(str(name), str(name).replace(" ", "\n").replace("-", "-\n"))
        axes.text(0.005, middle, text, transform=at, ha="left", va="center", fontsize="x-small", weight="bold")

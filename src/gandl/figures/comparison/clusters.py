"""Numbers of clusters and silhouettes within picked cell lines, over the grid of k, in the paper's grid.

Takes the partitions of the task of clustering; makes comparison_figure_5 (Dmitrenko et al. 2022, Fig. 5, A and B).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gandl.figures.common import style as look
from gandl.figures.common.palette import GREY, INK
from gandl.figures.comparison.grid import (
    HEAD_MM,
    across,
    colours_of,
    draw_places,
    fill,
    legend_of,
    name_rows,
    picked_lines,
)
from gandl.figures.comparison.setups import in_order, mean_interval, narrow_label, rows_of, runs_of, seeds_in_words

CLUSTERS, SILHOUETTE = "clusters", "silhouette"
TRIVIAL = 2.0
"""Clusters that would tell drugs from controls and no more (the paper's section 5.3)."""
PARTS = {CLUSTERS: ("A  Mean number of clusters", TRIVIAL), SILHOUETTE: ("B  Mean silhouette", 0.0)}
"""Title of each part, and the level to compare with."""
COLUMNS = ["setup", "cell_type", "metric", "seed", "of_seed", "mean", "low", "high", "k_values", "k_unscored"]
COLUMNS += ["partitions", "unscored"]
"""A row per seed: its mean over k; over all k (each the mean over seeds) the mean and its interval, of clusters cut at 0; how
many values of k there are, and at how many of them some seed has no silhouette (all tiles are noise, or in one cluster); how many
partitions there are (k and seeds), and the share of them without one, which count in neither mean."""
UNSCORED = "no score"
"""In the place of a silhouette that no k has."""
ROW_MM, GAP = 25.0, 0.28
"""Height of a row of panels; between the parts, in widths of a panel."""


def draw_clusters(
    partitions: Sequence[Path],
    *,
    cell_types: Sequence[str] = (),
    confidence: float = 0.95,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw means over the grid of k with their intervals, of each setup and cell line.

    Parameters
    ----------
    partitions : of each setup and seed, a row per cell line and k: clusters, silhouette (null where all is noise or one cluster).
    cell_types : the cell lines that are drawn; the first three where none is named.
    confidence : coverage of the intervals over k.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`.

    Raises
    ------
    FigureError : a file is absent, or a named cell line was not clustered.
    """
    data = cluster_table(partitions, cell_types, confidence)
    look.draw(partial(clusters_figure, confidence=confidence), data, **drawing)


def cluster_table(partitions: Sequence[Path], cell_types: Sequence[str] = (), confidence: float = 0.95) -> pd.DataFrame:
    """The table with `COLUMNS`."""
    tables = [
        pd.read_parquet(path).assign(setup=run.setup, seed=run.seed)
        for run, path in runs_of(partitions, "partitions").items()
    ]
    table = pd.concat([one for one in tables if len(one)] or tables[:1], ignore_index=True)
    lines = picked_lines(cell_types, table["cell_type"])
    rows: list[dict[str, Any]] = []
    for metric in PARTS:
        for line in lines:
            for setup, mine in table[table["cell_type"] == line].groupby("setup", sort=False):
                scored = mine["silhouette"].notna()
                by_k = mine[scored].groupby("k")[metric].mean()
                mean, low, high = mean_interval(by_k, confidence)
                low = max(low, 0.0) if metric == CLUSTERS and np.isfinite(low) else low
                lost = mine.loc[mine["silhouette"].isna(), "k"].nunique()
                about = {"setup": setup, "cell_type": line, "metric": metric, "mean": mean, "low": low, "high": high}
                about |= {"k_values": mine["k"].nunique(), "k_unscored": lost}
                about |= {"partitions": len(mine), "unscored": float((~scored).mean())}
                of_seeds = mine.assign(of=mine[metric].where(scored)).groupby("seed")["of"].mean()
                rows += [about | {"seed": seed, "of_seed": value} for seed, value in of_seeds.items()]
    data = pd.DataFrame(rows, columns=COLUMNS)
    return data.sort_values("setup", key=in_order, kind="stable", ignore_index=True)


def clusters_figure(data: pd.DataFrame, confidence: float = 0.95) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`. All panels of A share their axis, and so do those of B."""
    setups, lines = list(data["setup"].unique()), list(data["cell_type"].unique())
    rows = rows_of(setups)
    figure = look.new_figure(look.DOUBLE_COLUMN, ROW_MM * len(rows) + HEAD_MM + 8)
    wide = across(rows)
    axes = figure.subplots(
        len(rows), 2 * wide + 1, squeeze=False, gridspec_kw={"width_ratios": [1] * wide + [GAP] + [1] * wide}
    )
    name_rows(axes[:, 0], rows)
    for spacer in axes[:, wide]:
        spacer.set_visible(False)
    for part, (metric, (title, level)) in zip((axes[:, :wide], axes[:, wide + 1 :]), PARTS.items(), strict=True):
        places = [place for row in fill(part, rows, narrow_label, title) for place in row]
        draw_places([places], setups, partial(_panel, data=data[data["metric"] == metric], lines=lines))
        _common_scale([place.axes for place in places], data[data["metric"] == metric], level)
        for place in places:
            place.axes.tick_params(labelleft=place.first and place.axes.has_data(), pad=1.5)
    several = data.groupby("setup")["seed"].nunique().max() > 1
    handles = [Line2D([], [], marker="|", color=INK, ls="", ms=7, label=f"{100 * confidence:g} % interval over k")]
    if several:
        handles.append(Line2D([], [], marker="o", mfc="white", mec=INK, ls="", ms=2.4, label="mean of a seed"))
    handles.append(Line2D([], [], color=GREY, ls=(0, (3, 2)), lw=0.8, label="2 clusters (A), 0 (B)"))
    legend_of(figure, lines, handles)
    said = f"n = {data['k_values'].max()} values of k; {seeds_in_words(data)}; {unscored_in_words(data)}"
    figure.supxlabel(said, fontsize="small")
    return figure


def unscored_in_words(data: pd.DataFrame) -> str:
    """Which share of all partitions has no score and counts in no mean."""
    each = data.drop_duplicates(["setup", "cell_type"])
    share = (each["unscored"] * each["partitions"]).sum() / each["partitions"].sum()
    return f"{100 * share:.0f} % of partitions are all noise or one cluster, and left out"


def _common_scale(axes: Sequence[Axes], data: pd.DataFrame, level: float) -> None:
    """The same heights for all panels of a part, 0 included, and a line at the level to compare with."""
    values = data[["mean", "low", "high", "of_seed"]].to_numpy(np.float64)
    known = values[np.isfinite(values)]
    low, high = (min(0.0, known.min()), max(0.0, known.max())) if len(known) else (0.0, 1.0)
    for ax in axes:
        ax.set_ylim(low - 0.06 * (high - low) * (low < 0), high + 0.06 * (high - low) + 1e-9)
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=level == TRIVIAL))
        if ax.has_data():
            ax.axhline(level, color=GREY, lw=0.7, ls=(0, (3, 2)), zorder=0)


def _panel(axes: Axes, setup: str, data: pd.DataFrame, lines: Sequence[str]) -> None:
    """Bars of one setup; a cell line in which no k has a score has words instead."""
    colours = colours_of(lines)
    for position, line in enumerate(lines):
        mine = data[(data["setup"] == setup) & (data["cell_type"] == line)]
        if mine.empty or not np.isfinite(mine["mean"].iloc[0]):
            axes.text(
                position,
                0,
                UNSCORED if len(mine) else "none",
                rotation=90,
                ha="center",
                va="bottom",
                fontsize="x-small",
            )
            continue
        mean, low, high = mine.iloc[0][["mean", "low", "high"]]
        axes.bar(position, mean, 0.75, color=colours[line], alpha=0.75)
        if np.isfinite(low):
            axes.plot([position] * 2, [low, high], color=INK, lw=0.9, zorder=3)
        if len(mine) > 1:
            spots = position + np.linspace(-0.2, 0.2, len(mine))
            axes.plot(spots, mine["of_seed"], "o", mfc="white", mec=INK, mew=0.5, ms=2, zorder=4)
    axes.set_xticks([])
    axes.set_xlim(-0.65, len(lines) - 0.35)

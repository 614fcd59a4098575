"""Accuracy of drug against control on frozen codes, of picked cell lines, in the paper's grid.

Takes the numbers of the task and the table of tiles; makes comparison_figure_4 (Dmitrenko et al. 2022, Fig. 4).
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

from gandl.figures.common import style as look
from gandl.figures.common.palette import INK
from gandl.figures.comparison.grid import colours_of, draw_places, legend_of, new_grid, picked_lines, share_height
from gandl.figures.comparison.setups import mean_interval, read_numbers, seeds_in_words

HEAD, SVM = "head_accuracy", "svm_accuracy"
COLUMNS = ["setup", "cell_type", "metric", "seed", "value", "mean", "low", "high", "majority", "tiles", "wells"]
"""A row per seed: its accuracy; the mean over seeds with its interval; the share of the commoner label among the test tiles."""
READ = ["well_id", "cell_type", "label", "part"]


def draw_accuracy(
    numbers: Sequence[Path],
    tiles: Path,
    *,
    cell_types: Sequence[str] = (),
    confidence: float = 0.95,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the accuracy of the two-layer head (bars) and of the linear SVM (diamonds) on the tiles of held-out wells.

    Parameters
    ----------
    numbers : of the task (`gandl.tables.NUMBERS`), one table per setup and seed. tiles : the table of tiles.
    cell_types : the cell lines that are drawn; the first three where none is named.
    confidence : coverage of the intervals over seeds.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`, a row per setup, cell line, classifier and seed.

    Raises
    ------
    FigureError : a file is absent, or a named cell line has no number.
    """
    data = accuracy_table(numbers, tiles, cell_types, confidence)
    look.draw(partial(accuracy_figure, confidence=confidence), data, **drawing)


def accuracy_table(
    numbers: Sequence[Path], tiles: Path, cell_types: Sequence[str] = (), confidence: float = 0.95
) -> pd.DataFrame:
    """The table with `COLUMNS`."""
    found = read_numbers(numbers, [HEAD, SVM])
    lines = picked_lines(cell_types, found["cell_type"])
    found = found[found["cell_type"].isin(lines)]
    rows: list[dict[str, Any]] = []
    for (setup, line, metric), mine in found.groupby(["setup", "cell_type", "metric"], sort=False):
        mean, low, high = mean_interval(mine["value"], confidence)
        about = {"setup": setup, "cell_type": line, "metric": metric, "mean": mean, "low": low, "high": high}
        rows += [
            about | {"seed": seed, "value": value} for seed, value in zip(mine["seed"], mine["value"], strict=True)
        ]
    test = pd.read_parquet(tiles, columns=READ).query("part == 'test' and label.notna()")
    of_line = test.groupby("cell_type").agg(
        majority=("label", lambda labels: labels.value_counts(normalize=True).max()),
        tiles=("label", "size"),
        wells=("well_id", "nunique"),
    )
    table = pd.DataFrame(rows).join(of_line, on="cell_type")
    order = {line: place for place, line in enumerate(lines)}
    return table.sort_values("cell_type", key=lambda column: column.map(order), kind="stable")[COLUMNS].reset_index(
        drop=True
    )


def accuracy_figure(data: pd.DataFrame, confidence: float = 0.95) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`. All panels share their axis."""
    figure, places = new_grid(data["setup"].unique())
    lines = list(data["cell_type"].unique())
    draw_places(places, data["setup"], lambda axes, setup: _panel(axes, data[data["setup"] == setup], lines))
    for row in places:
        for place in row:
            if place.axes.has_data():
                place.axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "", "0.5", "", "1"])
        share_height([place.axes for place in row], bottom=0)
        for place in row:
            place.axes.set_ylim(0, 1)
    n = data.drop_duplicates("cell_type")
    counts = "; ".join(f"{row.cell_type}: {row.tiles:,} tiles of {row.wells} wells" for row in n.itertuples())
    figure.supylabel("Accuracy, drug against control", fontsize="small")
    figure.supxlabel(f"Test tiles by cell line: {counts}; {seeds_in_words(data)}", fontsize="small")
    several = data.groupby("setup")["seed"].nunique().max() > 1
    handles = [Line2D([], [], color=INK, ls=(0, (2, 1)), lw=1, label="majority label")]
    if (data["metric"] == SVM).any():
        handles.append(Line2D([], [], marker="D", mfc="white", mec=INK, ls="", ms=3.2, label="linear SVM, mean"))
    if several:
        handles.append(Line2D([], [], marker="o", color=INK, ls="", ms=2, label="head, each seed"))
        handles.append(Line2D([], [], marker="|", color=INK, ls="", ms=7, label=f"its {100 * confidence:g} % interval"))
    legend_of(figure, lines, handles)
    return figure


def _panel(axes: Axes, mine: pd.DataFrame, lines: Sequence[str]) -> None:
    """Bars of the head's mean over seeds with interval and seeds, the SVM's mean, the share of the commoner label."""
    colours = colours_of(lines)
    for position, line in enumerate(lines):
        of_line = mine[mine["cell_type"] == line]
        head, svm = (of_line[of_line["metric"] == metric] for metric in (HEAD, SVM))
        if len(head):
            mean, low, high = head.iloc[0][["mean", "low", "high"]]
            axes.bar(position, mean, 0.72, color=colours[line], alpha=0.75)
            if np.isfinite(low):
                axes.plot([position] * 2, [max(low, 0), min(high, 1)], color=INK, lw=0.9, zorder=3)
            if len(head) > 1:
                spots = position + np.linspace(-0.2, 0.2, len(head))
                axes.plot(spots, head["value"], "o", color=INK, ms=1.6, zorder=4)
        if len(svm):
            axes.plot(position + 0.27, svm["mean"].iloc[0], "D", mfc="white", mec=INK, mew=0.6, ms=2.8, zorder=5)
        if len(of_line) and np.isfinite(level := of_line["majority"].iloc[0]):
            axes.plot([position - 0.46, position + 0.46], [level] * 2, color=INK, lw=1, ls=(0, (2, 1)), zorder=3)
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(lines) - 0.4)

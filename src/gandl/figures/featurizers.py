"""Featurizers compared: Z' of each with its interval under every normalisation, one panel each, the run's own first.

Marks are all plate rows and the rows that chose nothing, or cell types. Takes the controls' numbers of every featurizer
(`evaluation/controls/`) and the reference values; makes figure_featurizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.evaluation.terms import RATIO
from gandl.figures.common import style as look
from gandl.figures.common.labels import METRICS, REFERENCES, fixed, in_two_lines, normalization_label, number
from gandl.figures.common.palette import GREY, INK, PALE
from gandl.figures.tables.comparison import REFERENCE, Group, groups_of, panels_of, with_references

METRIC = "z_prime"
SPREAD = 1.1
"""How much of a row (1) its marks take."""
PANELS_IN_A_ROW = 4
TALLEST = 96.0
"""A panel is at most so tall (mm): two rows of them fit on a page."""
OWN = "#f2f8fc"
"""Ground of the panel of the run's own normalisation, as the audit marks what is judged."""
FLOORS = (-1.0, -6.0)
"""Z' below this is drawn as an arrow at the edge with its value: how bad a useless assay is would squeeze all others. The lower
one is taken where the upper one would hide most values."""


def draw_featurizers(
    numbers: Sequence[Path],
    reference: Path,
    *,
    methods: Sequence[str],
    dataset: str,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw Z' with its interval as one row per featurizer, one mark per group of held-out rows, one panel per normalisation.

    Parameters
    ----------
    numbers : controls' numbers (`tables.NUMBERS`) of every featurizer and normalisation, in the order of the rows.
    methods : the normalisations in the order of the panels, the run's own first.
    reference : the reference values (`resources/paper_values.csv`); the line drawn is their Z' of this screen.
    dataset : the screen, as the reference values name it.
    drawing : what every figure is given; the CSV has one row per mark, and one for the reference line.

    Raises
    ------
    FigureError : a featurizer has no numbers, or none has a Z'.
    """
    data = with_references(numbers, methods, reference, dataset)
    data = data[data["metric"] == METRIC].reset_index(drop=True)
    look.draw(featurizers_figure, data, **drawing)


def featurizers_figure(data: pd.DataFrame) -> Figure:
    """The figure of a tidy table (label, normalization, chosen, group, value, low, high, reason); call it inside `style`."""
    known = data.loc[data["label"] == REFERENCE, "value"]
    panels = panels_of(data)
    data = data[data["label"] != REFERENCE]
    groups, labels = groups_of(data), list(dict.fromkeys(next(iter(panels.values()))["label"]))
    floor = FLOORS[0] if (data["value"].dropna() >= FLOORS[0]).mean() >= 0.5 else FLOORS[1]
    rows = -(-len(panels) // PANELS_IN_A_ROW)
    columns = -(-len(panels) // rows)
    width = look.SINGLE_COLUMN * 1.3 if columns == 1 else look.DOUBLE_COLUMN
    panel = min(9 * len(labels), TALLEST) + (8 if len(panels) > 1 else 0)
    figure = look.new_figure(width, panel * rows + 24)
    for position, (method, part) in enumerate(panels.items()):
        first = figure.axes[0] if position else None
        axes = figure.add_subplot(rows, columns, position + 1, sharex=first, sharey=first)
        _panel(axes, part, labels, groups, floor)
        for value in known:
            name = f"{REFERENCES[RATIO]}, {fixed(value, 2)}"
            axes.axvline(value, color=GREY, lw=0.9, ls=(0, (4, 2)), zorder=1, gid="reference", label=name)
        if len(panels) > 1:
            axes.set_title(f"{normalization_label(method)}\n", fontsize="small")
            named = f"{method}, this run’s own" if position == 0 else method
            axes.annotate(
                named,
                (0, 1),
                (0, 2),
                xycoords="axes fraction",
                textcoords="offset points",
                fontsize="x-small",
                va="bottom",
                color=INK,
            )
            axes.set_facecolor(OWN if position == 0 else "none")
        axes.tick_params(axis="y", labelleft=position % columns == 0)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(f"{METRICS[METRIC]} of controls" if position + columns >= len(panels) else "")
    lowest = np.nanmin(data[["value", "low"]].to_numpy(float))
    if lowest < floor:
        figure.axes[0].set_xlim(floor, max(0.2, float(np.nanmax(data[["value", "high"]].to_numpy(float)))) + 0.1)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=2 if columns == 1 else 4)
    return figure


def _panel(axes: Axes, data: pd.DataFrame, labels: list[str], groups: Sequence[Group], floor: float) -> None:
    """One normalisation: a row per featurizer."""
    for position, group in enumerate(groups):
        rows = data[data["group"] == group.label]
        heights = np.array([labels.index(label) for label in rows["label"]]) + SPREAD * (
            (position + 1) / (len(groups) + 1) - 0.5
        )
        _marks(axes, rows, heights, group, floor)
    for row, label in enumerate(labels):
        _reasons(axes, data[data["label"] == label], row)
    axes.set_yticks(range(len(labels)), [in_two_lines(label) for label in labels])
    axes.tick_params(axis="y", length=0, pad=6)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    for row in range(len(labels) - 1):
        axes.axhline(row + 0.5, color=PALE, lw=0.4, zorder=0)
    axes.axvline(0, color=PALE, lw=0.8, zorder=0)


def _reasons(axes: Axes, rows: pd.DataFrame, row: int) -> None:
    """Beside the row of a featurizer why it has no mark, or lacks some of them."""
    for reason, lacking in rows[rows["reason"] != ""].groupby("reason", sort=False):
        whose = f"{', '.join(lacking['group'])}: " if len(lacking) < len(rows) else ""
        axes.annotate(
            f"{whose}{reason}",
            (0.02, row),
            xycoords=("axes fraction", "data"),
            fontsize="x-small",
            va="center",
            color=INK,
            gid="reason",
        )


def _marks(axes: Axes, rows: pd.DataFrame, heights: np.ndarray, group: Group, floor: float) -> None:
    axes.hlines(heights, rows["low"], rows["high"], color=group.colour, lw=1.4, zorder=2, gid=f"{group.label} interval")
    axes.plot(
        rows["value"],
        heights,
        ls="none",
        marker=group.marker,
        ms=5,
        color=group.colour,
        mec="white",
        mew=0.5,
        zorder=3,
        gid=group.label,
        label=group.label,
    )
    for height, value, low, high in zip(heights, rows["value"], rows["low"], rows["high"], strict=True):
        if min(value, low) < floor:
            axes.plot(floor, height, marker="<", ms=4, color=group.colour, clip_on=False, zorder=4)
        if value < floor:
            axes.annotate(
                number(value),
                (max(high, floor), height),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize="x-small",
            )

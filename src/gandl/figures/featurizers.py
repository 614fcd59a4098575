"""Featurizers compared: Z' of each with its interval, over all plate rows and over the rows that chose nothing.

Takes the controls' numbers of every featurizer (`evaluation/controls/`) and the reference values; makes figure_featurizers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.config import FiguresSettings
from gandl.figures import style as look
from gandl.figures.comparison import REFERENCE, SPLITS, Split, compared, references
from gandl.figures.labels import METRICS, number
from gandl.figures.palette import GREY, PALE

METRIC = "z_prime"


def draw_featurizers(
    numbers: Mapping[str, Path], reference: Path, *, settings: FiguresSettings, svg: Path, png: Path, csv: Path
) -> None:
    """Draw Z' with its interval as one row per featurizer, one mark per split.

    Parameters
    ----------
    numbers : controls' numbers (`tables.NUMBERS`) by featurizer, in the order of the rows.
    reference : the reference values (`resources/paper_values.csv`); the line drawn is their Z' of this screen.
    svg, png, csv : files to write; the CSV has one row per mark, and one for the reference line.

    Raises
    ------
    FigureError : a featurizer has no numbers, or none of Z'.
    """
    data = pd.concat([compared(numbers), references(reference)], ignore_index=True)
    data = data[data["metric"] == METRIC].reset_index(drop=True)
    with look.style(settings):
        look.save(featurizers_figure(data), data, settings, svg=svg, png=png, csv=csv)


def featurizers_figure(data: pd.DataFrame) -> Figure:
    """The figure of a tidy table (label, split, value, low, high); call it inside `style`."""
    known = data.loc[data["label"] == REFERENCE, "value"]
    data = data[data["label"] != REFERENCE]
    labels = list(dict.fromkeys(data["label"]))
    figure = look.new_figure(look.SINGLE_COLUMN * 1.3, 9 * len(labels) + 24)
    axes = figure.add_subplot()
    for position, split in enumerate(SPLITS):
        rows = data[data["split"] == split.name]
        _marks(axes, rows, [labels.index(label) for label in rows["label"]], split, 0.18 * (2 * position - 1))
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    for row in range(len(labels) - 1):
        axes.axhline(row + 0.5, color=PALE, lw=0.4, zorder=0)
    axes.axvline(0, color=PALE, lw=0.8, zorder=0)
    for value in known:
        axes.axvline(value, color=GREY, lw=0.9, ls=(0, (4, 2)), zorder=1, gid="reference", label=f"Reference, {number(value)}")
    axes.set_xlabel(f"{METRICS[METRIC]} of held-out controls")
    figure.legend(loc="outside lower left", ncols=3)
    return figure


def _marks(axes: Axes, rows: pd.DataFrame, at: list[int], split: Split, shift: float) -> None:
    heights = np.asarray(at, float) + shift
    axes.hlines(heights, rows["low"], rows["high"], color=split.colour, lw=1.4, zorder=2, gid=f"{split.name} interval")
    axes.plot(
        rows["value"], heights, ls="none", marker=split.marker, ms=5, color=split.colour, mec="white", mew=0.5, zorder=3,
        gid=split.name, label=split.label,
    )

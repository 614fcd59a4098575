"""The plate as it stood on the bench: the on score of every well, controls marked.

Takes the well scores of one featurizer (`evaluation/scores/`); makes figure_plate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gandl.evaluation.terms import dose_series
from gandl.figures.common import style as look
from gandl.figures.common.labels import dose_unit, fixed, nominal
from gandl.figures.common.palette import CONTROLS, GREY, INK, ON_SCORE, ink_on
from gandl.figures.common.scores import read_scores, treatments_of
from gandl.source.splits import Scheme

COLUMNS = ["featurizer", "well", "row", "column", "control", "treatment", "concentration_um", "on"]


def draw_plate(
    scores: Path,
    *,
    featurizer: str,
    scheme: str = Scheme.LEAVE_ROW_OUT.value,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the heat map of one plate's on score (C- averages -1, C+ averages +1 over training controls).

    Parameters
    ----------
    scores : well scores (`tables.WELL_SCORES`) of one featurizer.
    featurizer : its name, for the title.
    scheme : which split's scores to draw.
    drawing : what every figure is given; the CSV has one row per well drawn.

    Raises
    ------
    FigureError : the table has no such scheme, or more than one plate.
    """
    table = read_scores(scores, scheme)
    plates = sorted(table["plate_id"].unique())
    if len(plates) > 1:
        raise look.FigureError(f"{scores}: one plate can be drawn, not {len(plates)} ({', '.join(plates[:4])} ...)")
    data = table.assign(featurizer=featurizer)[COLUMNS].sort_values(["row", "column"], ignore_index=True)
    look.draw(plate_figure, data, **drawing)


def plate_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    rows = sorted(data["row"].unique())
    columns = sorted(data["column"].unique())
    grid = data.pivot(index="row", columns="column", values="on").reindex(index=rows, columns=columns)
    limit = _limit(data["on"].to_numpy(float))
    width = look.DOUBLE_COLUMN
    cell = (width - 28) / len(columns)
    figure = look.new_figure(width, cell * 0.72 * len(rows) + 22)
    axes = figure.add_subplot()
    image = axes.imshow(grid.to_numpy(float), cmap=ON_SCORE, vmin=-limit, vmax=limit, aspect="auto")
    for y, x in np.argwhere(grid.notna().to_numpy()):
        well = data[(data["row"] == rows[y]) & (data["column"] == columns[x])].iloc[0]
        ink = ink_on(ON_SCORE((well["on"] / limit + 1) / 2))
        axes.text(x, y + 0.02, fixed(well["on"], 2), ha="center", va="center", color=ink, size="small")
        if well["control"] in CONTROLS:
            marker = CONTROLS[well["control"]].marker
            axes.plot(x + 0.34, y - 0.28, marker, ms=3.2, mfc="none", mec=ink, mew=0.8)
    _finish(axes, rows, columns)
    _name_series(axes, data, rows)
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.02, shrink=0.8)
    bar.set_label("On score (−1: mean C−, +1: mean C+)")
    bar.outline.set_visible(False)
    handles = [
        Line2D([], [], ls="none", marker=g.marker, ms=4, mfc="none", mec=INK, label=g.label) for g in CONTROLS.values()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def _finish(axes: Axes, rows: list[str], columns: list[int]) -> None:
    """Plate coordinates outside, thin white gaps between wells."""
    axes.set_xticks(range(len(columns)), [str(column) for column in columns])
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(rows)), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.0)
    axes.tick_params(which="both", length=0)
    axes.xaxis.tick_top()
    axes.spines[:].set_visible(False)


def _name_series(axes: Axes, data: pd.DataFrame, rows: list[str]) -> None:
    """Beside each block of plate rows, the one treatment whose dose series they carry."""
    series = dose_series(data)
    for treatment in treatments_of(series):
        of_rows = sorted(series.loc[series["treatment"] == treatment, "row"].unique())
        exclusive = set(series.loc[series["row"].isin(of_rows), "treatment"]) == {treatment}
        first, last = rows.index(of_rows[0]), rows.index(of_rows[-1])
        if exclusive and last - first + 1 == len(of_rows):
            doses = series.loc[series["treatment"] == treatment, "concentration_um"]
            unit, factor = dose_unit(doses.max())
            text = f"{treatment}, {nominal(doses.min() * factor)}–{nominal(doses.max() * factor)} {unit}"
            axes.plot([-1.0, -1.0], [first - 0.42, last + 0.42], color=GREY, lw=0.8, clip_on=False)
            axes.text(-1.08, (first + last) / 2, text, rotation=90, ha="right", va="center")
    axes.set_xlim(-0.5, data["column"].nunique() - 0.5)


def _limit(values: np.ndarray) -> float:
    """Symmetric colour limit: the largest score, rounded up to a quarter, at least 1, so that no well is clipped."""
    return max(1.0, float(np.ceil(np.nanmax(np.abs(values)) * 4) / 4))

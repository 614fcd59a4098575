"""Plates as they stood on the bench: the on score of every well, controls marked; several as small multiples.

Takes the well scores of one featurizer (`evaluation/scores/`); makes figure_plate.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gandl.config import Scaling
from gandl.evaluation.terms import dose_series
from gandl.figures.common import style as look
from gandl.figures.common.labels import dose_unit, featurizer_label, fixed, nominal, on_score_axis
from gandl.figures.common.palette import CONTROLS, GREY, INK, ON_SCORE, PALE, ink_on
from gandl.figures.common.scores import read_held_out, treatments_of
from gandl.source.splits import Scheme

WELL_COLUMNS = ["well", "row", "column", "control", "treatment", "concentration_um", "on"]
COLUMNS = ["featurizer", "plate_id", *WELL_COLUMNS]
MOST_PLATES, ACROSS = 12, 3
"""Plates that are drawn at most, evenly over the screen, and how many side by side."""
NUMBERED = 16
"""Up to so many columns every well of a single plate has its score written on it."""
ROWS_OF_A_NAME = 2
"""A block of more plate rows has the name of its treatment turned along it; on fewer it would not fit."""


def draw_plate(
    scores: Path,
    *,
    featurizer: str,
    scheme: str = Scheme.LEAVE_ROW_OUT.value,
    scaling: str = Scaling.PAPER.value,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw heat maps of the on score (C- averages -1, C+ averages +1 over training controls), of at most 12 plates.

    Parameters
    ----------
    scores : well scores (`tables.WELL_SCORES`) of one featurizer.
    featurizer : its name, for the CSV.
    scheme : which split's scores to draw; of a cell type that it does not score, those of its strictest scheme.
    scaling : `evaluation.scaling`, which the scale of the colours states.
    drawing : what every figure is given; the CSV has one row per well drawn.

    Raises
    ------
    FigureError : the table is absent, or holds no held-out score.
    """
    table = read_held_out(scores, scheme).assign(featurizer=featurizer)
    table = table.sort_values(["experiment", "plate", "row", "column"], kind="stable", ignore_index=True)
    plates = list(dict.fromkeys(table["plate_id"]))
    shown = [plates[i] for i in np.unique(np.linspace(0, len(plates) - 1, min(len(plates), MOST_PLATES)).astype(int))]
    data = table.loc[table["plate_id"].isin(shown), COLUMNS].reset_index(drop=True)
    legible = len(shown) == 1 and data["column"].nunique() <= NUMBERED
    one, several = partial(plate_figure, scaling=scaling), partial(plates_figure, of=len(plates), scaling=scaling)
    look.draw(one if legible else several, data, **drawing)


def plate_figure(data: pd.DataFrame, scaling: str = Scaling.PAPER.value) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    rows, columns = _rows(data), sorted(data["column"].unique())
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
    _explain(figure, bar, scaling, featurizer_label(str(data["featurizer"].iloc[0])))
    return figure


def plates_figure(data: pd.DataFrame, of: int, scaling: str = Scaling.PAPER.value) -> Figure:
    """The figure of several plates (of so many) of a table with `COLUMNS`, on one scale; call it inside `style`."""
    plates = list(dict.fromkeys(data["plate_id"]))
    rows, columns = _rows(data), sorted(data["column"].unique())
    limit = _limit(data["on"].to_numpy(float))
    across = min(ACROSS, len(plates))
    down = -(-len(plates) // across)
    width = (look.DOUBLE_COLUMN - 22) / across
    height = min(width * 0.72 * len(rows) / len(columns) + 8, (225 - 20) / down)
    figure = look.new_figure(look.DOUBLE_COLUMN, height * down + 18)
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(plates) :]:
        axes.set_visible(False)
    for axes, plate in zip(grid.flat, plates, strict=False):
        wells = data[data["plate_id"] == plate]
        values = wells.pivot(index="row", columns="column", values="on").reindex(index=rows, columns=columns)
        image = axes.imshow(values.to_numpy(float), cmap=ON_SCORE, vmin=-limit, vmax=limit, aspect="auto")
        size = min(3.0, 1.8 * 58 / len(columns) / 2)
        for kind, group in CONTROLS.items():
            of_kind = wells[wells["control"] == kind]
            x, y = (
                [order.index(place) for place in of_kind[name]] for name, order in (("column", columns), ("row", rows))
            )
            axes.plot(x, y, group.marker, ms=size, mfc="none", mec=INK, mew=0.5)
        axes.set_facecolor(PALE)
        _finish(axes, rows, columns, gap=0.5)
        axes.set_title(plate, fontsize="small", pad=9)
    bar = figure.colorbar(image, ax=grid.ravel().tolist(), fraction=0.03, pad=0.02, shrink=0.6, aspect=30)
    some = f"{len(plates)} of {of} plates, evenly over the screen" if of > len(plates) else ""
    _explain(figure, bar, scaling, featurizer_label(str(data["featurizer"].iloc[0])), some)
    return figure


def _explain(figure: Figure, bar: Colorbar, scaling: str, *words: str) -> None:
    """The scale of the colours, what marks the controls, and words beside it: whose scores these are."""
    bar.set_label(on_score_axis(scaling))
    bar.outline.set_visible(False)
    handles = [
        Line2D([], [], ls="none", marker=g.marker, ms=4, mfc="none", mec=INK, label=g.label) for g in CONTROLS.values()
    ]
    handles += [Line2D([], [], ls="none", label=text) for text in words if text]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles))


def _rows(data: pd.DataFrame) -> list[str]:
    """Plate rows in their order: ... Y, Z, AA, AB ... on plates of 1536 wells."""
    return sorted(data["row"].unique(), key=lambda row: (len(row), row))


def _finish(axes: Axes, rows: list[str], columns: list[int], gap: float = 1.0) -> None:
    """Plate coordinates outside, thin white gaps between wells."""
    every = 1 if len(columns) <= NUMBERED and gap == 1.0 else 2 if len(columns) <= NUMBERED else 4
    axes.set_xticks(range(0, len(columns), every), [str(column) for column in columns[::every]])
    axes.set_yticks(range(0, len(rows), every), rows[::every])
    axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(rows)), minor=True)
    axes.grid(which="minor", color="white", linewidth=gap if len(columns) <= 24 else 0.2)
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
            turned = 90 if last - first + 1 > ROWS_OF_A_NAME else 0
            axes.text(-1.08, (first + last) / 2, text, rotation=turned, ha="right", va="center")
    axes.set_xlim(-0.5, data["column"].nunique() - 0.5)


def _limit(values: np.ndarray) -> float:
    """Symmetric colour limit: the largest score, rounded up to a quarter, at least 1, so that no well is clipped."""
    return max(1.0, float(np.ceil(np.nanmax(np.abs(values)) * 4) / 4))

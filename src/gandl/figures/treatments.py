"""Treatments by score, with the bands of both kinds of controls: a row for each, or, of many, ranked points with the first names.

Takes the table of treatments of one featurizer (`evaluation/treatments/`); makes figure_treatments.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gandl.config import Scaling
from gandl.evaluation.terms import NO_CELL_TYPE, OF_CONTROLS, TREATMENT, TREATMENTS
from gandl.figures.common import style as look
from gandl.figures.common.hits import AWAY, TOWARDS
from gandl.figures.common.labels import dose_text, featurizer_label, on_score_axis
from gandl.figures.common.palette import CONTROLS, GREY, INK, PALE, VERMILION, dose_colours
from gandl.tables import read_table
from gandl.workflow.words import counted

PAGE = 225.0
"""Height (mm) of a figure at most."""
MARGINS = 32.0
"""Room (mm) for titles, axis and legend."""
LINE, DOSE_LINE = 3.4, 1.3
"""Height (mm) of a treatment's row: of one dose, and more for each other dose."""
BLOCKS = 2
"""Blocks of rows side by side, at most."""
LONGEST = 26
"""Characters of a treatment's name that are shown."""
RANKED = 62.0
"""Height (mm) of a panel of ranked points, and of the list of names beside it."""
LISTED = 8
"""Names of the highest and of the lowest of those that differ, beside ranked points."""
OF_DOSES = 9
"""So many different doses have a colour each in the legend."""


def draw_treatments(
    treatments: Path,
    *,
    featurizer: str,
    false_discovery: float,
    confidence: float,
    scaling: str = Scaling.PAPER.value,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw every treatment and dose of one featurizer.

    Parameters
    ----------
    treatments : `evaluation.terms.TREATMENTS` of the featurizer.
    featurizer : its name, for the legend. false_discovery, confidence : as evaluated, for the legend.
    scaling : `evaluation.scaling`, which the axis states.
    drawing : what every figure is given; the CSV has one row per point and one per band drawn.

    Raises
    ------
    FigureError : there is no table.
    """
    (table,) = look.existing({featurizer: treatments}, "treatments").values()
    data = read_table(table, TREATMENTS)
    figure = partial(treatments_figure, false_discovery=false_discovery, confidence=confidence, scaling=scaling)
    look.draw(figure, data, **drawing)


def treatments_figure(
    data: pd.DataFrame, false_discovery: float, confidence: float, scaling: str = Scaling.PAPER.value
) -> Figure:
    """The figure of a table of `TREATMENTS`; call it inside `style`."""
    treated = data[data["kind"] == TREATMENT]
    blocks = blocks_of(treated)
    axis = on_score_axis(scaling)
    figure = _in_rows(data, blocks, axis) if blocks else _ranked(data, axis)
    figure.legend(
        handles=_legend(treated, false_discovery, confidence),
        loc="outside lower center",
        columnspacing=1.2,
        ncols=4 if figure.get_figwidth() > look.SINGLE_COLUMN * 1.5 / 25.4 else 2,
        title=featurizer_label(str(data["featurizer"].iloc[0])),
    )
    return figure


def blocks_of(treated: pd.DataFrame) -> list[list[str]]:
    """Names of the treatments, the highest mean first, in one or two blocks of rows; none where they do not fit a page."""
    order = treated.groupby("treatment")["mean"].max().sort_values(ascending=False, kind="stable").index.tolist()
    fit = int((PAGE - MARGINS) / _row_height(treated))
    most = BLOCKS if treated["cell_type"].nunique() == 1 else 1
    if len(order) > fit * most or treated["cell_type"].nunique() > 3:
        return []
    count = 1 if len(order) <= fit / 2 or most == 1 else BLOCKS
    size = -(-len(order) // count)
    return [order[first : first + size] for first in range(0, len(order), size)]


def _row_height(treated: pd.DataFrame) -> float:
    doses = treated.groupby(["cell_type", "treatment"], sort=False).size().max()
    return LINE + DOSE_LINE * float(doses - 1)


def _in_rows(data: pd.DataFrame, blocks: Sequence[Sequence[str]], axis: str) -> Figure:
    """A row per treatment; blocks of rows, or cell types, side by side."""
    treated = data[data["kind"] == TREATMENT]
    cell_types = list(dict.fromkeys(data["cell_type"]))
    panels = [(cell_type, names) for cell_type in cell_types for names in blocks]
    rows = max(map(len, blocks))
    height = _row_height(treated)
    width = look.SINGLE_COLUMN * 1.4 if len(panels) == 1 else look.DOUBLE_COLUMN
    figure = look.new_figure(width, max(20.0, height * rows) + MARGINS)
    shared = len(blocks) == 1
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey="row" if shared else False)[0]
    colours = _colours(treated)
    for position, (axes, (cell_type, names)) in enumerate(zip(grid, panels, strict=True)):
        here = data[data["cell_type"] == cell_type]
        _bands(axes, here, upright=True)
        mine = here[here["kind"] == TREATMENT]
        for row, name in enumerate(names):
            _row(axes, mine[mine["treatment"] == name], row, height, colours)
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks(range(len(names)), [shortened(name) for name in names])
        axes.tick_params(axis="y", length=0, labelleft=not shared or position == 0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(axis if position == 0 or len(panels) < 3 else "")
        if position == 0 or cell_type != panels[position - 1][0]:
            axes.set_title(_title(cell_type, here))
    grid[0].set_xlim(*_limits(data, ["mean", "low", "high", "band_low", "band_high"]))
    return figure


def _row(axes: Axes, wells: pd.DataFrame, row: int, height: float, colours: dict[float, str]) -> None:
    """The doses of a treatment, from low (above) to high (below)."""
    ordered = wells.sort_values("concentration_um")
    step = DOSE_LINE / height
    offsets = (np.arange(len(ordered)) - (len(ordered) - 1) / 2) * step
    if row % 2:
        axes.axhspan(row - 0.5, row + 0.5, color="#f5f5f5", zorder=-3, lw=0)
    _points(axes, ordered["mean"].to_numpy(), row + offsets, ordered, colours, size=15)
    axes.hlines(row + offsets, ordered["low"], ordered["high"], color=GREY, lw=0.6, zorder=1)


def _ranked(data: pd.DataFrame, axis: str) -> Figure:
    """Treatments and doses by rank, a panel per cell type, the names of the first that differ beside it."""
    cell_types = list(dict.fromkeys(data["cell_type"]))
    height = min(RANKED, (PAGE - 20.0) / len(cell_types))
    figure = look.new_figure(look.DOUBLE_COLUMN, height * len(cell_types) + 20)
    grid = figure.subplots(len(cell_types), 2, squeeze=False, width_ratios=[3.2, 1.0])
    colours = _colours(data[data["kind"] == TREATMENT])
    for (axes, beside), cell_type in zip(grid, cell_types, strict=True):
        here = data[data["cell_type"] == cell_type]
        _bands(axes, here, upright=False)
        mine = here[here["kind"] == TREATMENT].sort_values("mean", ascending=False, kind="stable", ignore_index=True)
        rank = np.arange(1, len(mine) + 1)
        axes.vlines(rank, mine["low"], mine["high"], color=PALE, lw=min(0.8, 150 / len(mine)), zorder=0.5)
        _points(axes, rank, mine["mean"].to_numpy(), mine, colours, size=8 if len(mine) <= 150 else 5)
        axes.set_ylim(*_limits(here, ["mean", "band_low", "band_high"]))
        axes.set_xlim(0, len(mine) + 1)
        axes.set_ylabel(axis)
        axes.set_title(_title(cell_type, here))
        _names(beside, mine)
    grid[-1, 0].set_xlabel("Treatments and doses by rank")
    return figure


def _names(axes: Axes, ranked: pd.DataFrame) -> None:
    """Names of those that differ with the highest and the lowest scores, as text."""
    axes.set_axis_off()
    called = ranked[ranked["differs"]]
    upper, lower = called[called["difference"] > 0], called[called["difference"] <= 0]
    lines = [
        *_listed(f"{_heading(TOWARDS)}: {counted(len(upper), 'differs', 'differ')}", upper),
        *_listed(f"{_heading(AWAY)}: {counted(len(lower), 'differs', 'differ')}", lower.iloc[::-1]),
    ]
    for line, (text, weight) in enumerate(lines):
        place = 1.0 - line / (2 * LISTED + 4)
        axes.text(-0.12, place, text, transform=axes.transAxes, va="top", fontsize="x-small", fontweight=weight)


def _heading(way: str) -> str:
    return f"{way[0].upper()}{way[1:]}"


def _listed(heading: str, called: pd.DataFrame) -> list[tuple[str, str]]:
    first = called.head(LISTED)
    known = zip(first.index + 1, first["treatment"], first["concentration_um"], strict=True)
    names = [f"{rank}  {shortened(name)}{dose_text(dose, before=', ')}" for rank, name, dose in known]
    return [(heading, "bold"), *((name, "normal") for name in names)]


def _points(
    axes: Axes, x: np.ndarray, y: np.ndarray, rows: pd.DataFrame, colours: dict[float, str], *, size: float
) -> None:
    """Discs, filled by dose; those that differ larger, with a dark edge, above the others. Of one dose only they are
    filled. What was not tested is a small cross."""
    differs, tested = rows["differs"].to_numpy(bool), rows["p"].notna().to_numpy()
    fill = np.array([colours.get(dose, VERMILION) for dose in rows["concentration_um"]], object)
    if not colours:
        fill[~differs] = "white"
    if not tested.all():
        crosses = [colour if colours else GREY for colour in fill[~tested]]
        axes.scatter(x[~tested], y[~tested], c=crosses, s=0.8 * size, marker="x", linewidths=0.8, zorder=2)
    for chosen, edge, width, share, level in ((tested & ~differs, GREY, 0.5, 0.6, 2), (differs, INK, 0.8, 1.0, 3)):
        axes.scatter(
            x[chosen], y[chosen], c=list(fill[chosen]), s=share * size, edgecolors=edge, linewidths=width, zorder=level
        )


def _bands(axes: Axes, data: pd.DataFrame, *, upright: bool) -> None:
    """Where a further well of each kind of control lies, and its mean."""
    span, line = (axes.axvspan, axes.axvline) if upright else (axes.axhspan, axes.axhline)
    for kind, group in CONTROLS.items():
        rows = data.loc[data["kind"] == kind, ["band_low", "band_high", "mean"]].to_numpy(float)
        for low, high, mean in rows:
            if np.isfinite(low):
                span(low, high, color=group.colour, alpha=0.16, lw=0, zorder=-2)
            line(mean, color=group.colour, lw=1.0, zorder=0.8)


def _colours(treated: pd.DataFrame) -> dict[float, str]:
    """A colour for every dose, from light to dark red; of one dose or none the same for all."""
    doses = treated["concentration_um"].dropna()
    return {} if doses.nunique() < 2 else dose_colours(doses)


def _title(cell_type: str, data: pd.DataFrame) -> str:
    """The cell type, how many wells a point stands for, and how many controls there are."""
    of_points = data.loc[data["kind"] == TREATMENT, "wells"]
    low, high = of_points.min(), of_points.max()
    points = f"n = {counted(low, 'well') if low == high else f'{low}–{high} wells'} per point"
    of_kind = data.set_index("kind")["wells"]
    controls = [f"{of_kind[kind]} {group.label}" for kind, group in CONTROLS.items() if kind in of_kind.index]
    first = points if cell_type == NO_CELL_TYPE else f"{cell_type}, {points}"
    return f"{first}\n{', '.join(controls)} wells" if controls else first


def _limits(data: pd.DataFrame, columns: Sequence[str]) -> tuple[float, float]:
    """Room for all values of these columns."""
    shown = data[list(columns)].to_numpy(float)
    low, high = np.nanmin(shown), np.nanmax(shown)
    room = 0.04 * (high - low)
    return float(low - room), float(high + room)


def _legend(treated: pd.DataFrame, false_discovery: float, confidence: float) -> list[Line2D | Patch]:
    level = f"{100 * confidence:g} %"
    bands = [
        Patch(facecolor=group.colour, alpha=0.3, label=f"{group.label}: mean, {level} prediction interval")
        for group in CONTROLS.values()
    ]
    disc = partial(Line2D, [], [], ls="none", marker="o", ms=4)
    colours = _colours(treated)
    differs = disc(
        mfc=VERMILION if not colours else list(colours.values())[len(colours) // 2], mec=INK, mew=0.8, ms=4.5
    )
    differs.set_label(f"Differs from C− (false discovery rate {100 * false_discovery:g} %)")
    other = disc(mfc="white" if not colours else list(colours.values())[len(colours) // 2], mec=GREY, mew=0.5, ms=3.4)
    other.set_label("Does not differ")
    of_controls = (treated["interval"] == OF_CONTROLS).all()
    line = Line2D([], [], color=GREY, lw=0.8, label=f"{level} interval{' (spread of C−)' if of_controls else ''}")
    marks = [differs, other, line] if treated["interval"].notna().any() else [differs, other]
    if treated["p"].isna().any():
        marks.insert(2, disc(marker="x", mec=GREY, mew=0.8, ms=3.4, label="Not tested"))
    doses: list[Line2D | Patch] = []
    if 1 < len(colours) <= OF_DOSES:
        doses = [disc(mfc=colour, mec=GREY, mew=0.4, label=dose_text(dose)) for dose, colour in colours.items()]
    elif colours:
        ends = [next(iter(colours.items())), list(colours.items())[-1]]
        doses = [disc(mfc=colour, mec=GREY, mew=0.4, label=dose_text(dose)) for dose, colour in ends]
    return [*bands, *marks, *doses]


def shortened(name: str) -> str:
    """A treatment's name as far as there is room."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1].rstrip()}…"

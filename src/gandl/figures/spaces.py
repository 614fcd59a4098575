"""The two spaces of the paper: E2 (C+ against C-) and C2 (HRCE against VERO), held-out control wells by cell type and control.

Takes the held-out scores of both questions (`evaluation/scores/`, `evaluation/cell_model/`); makes figure_3 (as Fig. 3 of
Mascolini et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.evaluation.terms import NO_CELL_TYPE
from gandl.figures.common import style as look
from gandl.figures.common.labels import SCHEMES, featurizer_label
from gandl.figures.common.palette import CONTROLS, GREY, PALE, group_of
from gandl.figures.common.scores import read_held_out

COLUMNS = ["space", "featurizer", "scheme", "well_id", "cell_type", "control", "fold", "on", "off"]
TITLES = {"E2": "E²: C+ against C−", "C2": "C²: HRCE against VERO"}
LEVELS = {"E2": "On score (−1: mean C−, +1: mean C+)", "C2": "On score (−1: mean VERO, +1: mean HRCE)"}


def draw_spaces(
    scores: Mapping[str, Path],
    *,
    scheme: str,
    featurizer: str,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw a panel per space.

    Parameters
    ----------
    scores : held-out scores (`tables.WELL_SCORES`) by space, `E2` or `C2`; only controls are drawn.
    scheme : which split's scores (see `read_held_out`).
    featurizer : whose scores they are.
    drawing : what every figure is given; the CSV has a row per well drawn.

    Raises
    ------
    FigureError : a table of scores is absent, or holds no held-out control.
    """
    tables = []
    for space, path in scores.items():
        wells = read_held_out(path, scheme)
        controls = wells[wells["control"].isin(list(CONTROLS))]
        if controls.empty:
            raise look.FigureError(f"{path}: no control well was scored")
        tables.append(controls.assign(space=space, featurizer=featurizer)[COLUMNS])
    data = pd.concat(tables, ignore_index=True)
    look.draw(spaces_figure, data, **drawing)


def spaces_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    names = list(dict.fromkeys(data["space"]))
    figure = look.new_figure(look.DOUBLE_COLUMN, 88)
    grid = figure.subplots(1, len(names), squeeze=False)
    for axes, name in zip(grid[0], names, strict=True):
        panel = data[data["space"] == name]
        _panel(axes, panel)
        axes.set_title(TITLES[name], pad=13)
        axes.set_xlabel(LEVELS[name])
        axes.set_ylabel("Off score (first remaining axis)")
        held_out = ", ".join(SCHEMES.get(name, name) for name in dict.fromkeys(panel["scheme"]))
        note = f"{featurizer_label(panel['featurizer'].iloc[0])}; {held_out}"
        axes.text(0.0, 1.02, note, transform=axes.transAxes, ha="left", va="bottom", fontsize="x-small", color=GREY)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize="x-small")
    return figure


def _panel(axes: Axes, panel: pd.DataFrame) -> None:
    for level in (-1, 1):
        axes.axvline(level, color=PALE, lw=0.8, zorder=0)
    axes.axhline(0, color=PALE, lw=0.8, zorder=0)
    for (cell_type, control), wells in panel.groupby(["cell_type", "control"], sort=True):
        group = group_of(str(cell_type), str(control))
        unnamed = cell_type == NO_CELL_TYPE or group.label.startswith(str(cell_type))
        name = group.label if unnamed else f"{cell_type} {group.label}"
        axes.scatter(
            wells["on"],
            wells["off"],
            s=18,
            marker=group.marker,
            color=group.colour,
            edgecolors="white",
            linewidths=0.4,
            alpha=0.9,
            label=f"{name} (n = {len(wells)})",
            gid=f"{cell_type} {control}",
        )

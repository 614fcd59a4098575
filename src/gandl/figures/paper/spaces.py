"""The two spaces of the paper, E2 (C+ against C-) and C2 (HRCE against VERO): held-out control wells by cell type and control.

Takes the held-out scores of both questions by featurizer (`evaluation/scores/`, `evaluation/cell_model/`); makes figure_3 (as
Fig. 3 of Mascolini et al. 2022: GAN-DL left, the baseline right, E2 above, C2 below), with further featurizers beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from string import ascii_lowercase
from typing import Unpack

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.config import Scaling
from gandl.evaluation.terms import NO_CELL_TYPE
from gandl.figures.common import style as look
from gandl.figures.common.empty import NOT_OF_THE_RUN, empty_panel
from gandl.figures.common.labels import SCHEMES, featurizer_label, on_score_axis
from gandl.figures.common.palette import CONTROLS, GREY, PALE, group_of
from gandl.figures.common.scores import read_held_out

COLUMNS = ["space", "featurizer", "scheme", "well_id", "cell_type", "control", "fold", "on", "off"]
SPACES = {"E2": "E²", "C2": "C²"}
ENDS = {"E2": ("C−", "C+"), "C2": ("VERO", "HRCE")}
"""What lies towards −1 and towards +1."""
NO_CONTROL = "no control well\nwas held out and scored"
OF_PAPER = 2
"""Columns of panels of the paper's own figure; its panels bear its letters, a to d row by row, further ones those behind."""
ROW, MARGIN = 74.0, 4.0
"""Height (mm) of a row of panels, and of what is above them."""
MOST_VECTOR = 5000
"""A panel of more wells has its points drawn as pixels (at the resolution of the PNG), its text and axes never."""


@dataclass(frozen=True)
class Spaces:
    """Held-out scores (`tables.WELL_SCORES`) of one featurizer: C+ against C-, and HRCE against VERO."""

    e2: Path
    c2: Path


def draw_spaces(
    inputs: Mapping[str, Spaces],
    *,
    columns: Sequence[str],
    scheme: str,
    scaling: str = Scaling.PAPER.value,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw a row of panels per space, a column per featurizer.

    Parameters
    ----------
    inputs : scores by featurizer; only controls are drawn.
    columns : featurizers in their order: what stands for GAN-DL, the baseline, others. One without scores has empty panels that
        say so, and no row in the CSV.
    scheme : which split's scores (see `read_held_out`). scaling : `evaluation.scaling`, which the axes state.
    drawing : what every figure is given; the CSV has a row per well drawn, and one without a well for a group of controls that
        has none (such as C- of VERO), so that the legend counts it, too.

    Raises
    ------
    FigureError : no featurizer has scores, a table of scores is absent, or holds no held-out well.
    """
    if not inputs:
        raise look.FigureError(f"none of {', '.join(columns)} is among the featurizers of this run: nothing to draw")
    scored = {
        (space, name): read_held_out(path, scheme)
        for name in columns
        if name in inputs
        for space, path in (("E2", inputs[name].e2), ("C2", inputs[name].c2))
    }
    cell_types = sorted({str(name) for wells in scored.values() for name in wells["cell_type"]})
    data = pd.concat([panel_of(wells, *of, cell_types) for of, wells in scored.items()], ignore_index=True)
    look.draw(partial(spaces_figure, columns=columns, scaling=scaling), data, **drawing)


def panel_of(wells: pd.DataFrame, space: str, featurizer: str, cell_types: Sequence[str]) -> pd.DataFrame:
    """The control wells of one panel, with `COLUMNS`; for controls of a cell type that have no well a row without one."""
    controls = wells[wells["control"].isin(list(CONTROLS))]
    there = set(zip(controls["cell_type"], controls["control"], strict=True))
    empty = [(name, control) for name in cell_types for control in CONTROLS if (name, control) not in there]
    rows = pd.DataFrame(empty, columns=["cell_type", "control"])
    parts = [part for part in (controls, rows) if len(part)]
    return pd.concat(parts, ignore_index=True).assign(space=space, featurizer=featurizer).reindex(columns=COLUMNS)


def spaces_figure(data: pd.DataFrame, columns: Sequence[str], scaling: str = Scaling.PAPER.value) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    names = [space for space in SPACES if space in set(data["space"])]
    figure = look.new_figure(look.DOUBLE_COLUMN, ROW * len(names) + MARGIN)
    grid = figure.subplots(len(names), len(columns), squeeze=False, sharex="row")
    for row, space in enumerate(names):
        for column, featurizer in enumerate(columns):
            axes = grid[row, column]
            panel = data[(data["space"] == space) & (data["featurizer"] == featurizer)]
            axes.set_title(
                f"{letter(row, column, len(names))}  {featurizer_label(featurizer)}", fontsize="small", pad=13
            )
            if panel.empty:
                empty_panel(axes, NOT_OF_THE_RUN)
                continue
            if panel["well_id"].isna().all():
                empty_panel(axes, NO_CONTROL)
                continue
            draw_space(axes, panel)
            axes.set_xlabel(on_score_axis(scaling, *ENDS[space]), fontsize="small")
            axes.set_ylabel("Off score (first remaining axis)" if column == 0 else "", fontsize="small")
            held_out = ", ".join(
                SCHEMES.get(name, name).partition(" (")[0] for name in dict.fromkeys(panel["scheme"].dropna())
            )
            note = f"{SPACES[space]}; {held_out}"
            axes.text(0.0, 1.02, note, transform=axes.transAxes, ha="left", va="bottom", fontsize="x-small", color=GREY)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize="x-small", columnspacing=0.8)
    return figure


def letter(row: int, column: int, rows: int) -> str:
    """The letter of a panel: the paper's, row by row, for its two columns; those behind for further columns."""
    place = row * OF_PAPER + column if column < OF_PAPER else rows * column + row
    return (
        ascii_lowercase[place] if place < len(ascii_lowercase) else f"a{ascii_lowercase[place - len(ascii_lowercase)]}"
    )


def draw_space(axes: Axes, panel: pd.DataFrame, *, size: float = 16.0, alpha: float = 0.9) -> None:
    """Wells by on and off score in the hue and shape of their cell type and control, with guides at the controls' means.

    `panel` : `cell_type`, `control`, `well_id`, `on`, `off`; a group whose rows have no well is in the legend alone. size : of
    a marker (square points).
    """
    for level in (-1, 1):
        axes.axvline(level, color=PALE, lw=0.8, zorder=0)
    axes.axhline(0, color=PALE, lw=0.8, zorder=0)
    for (cell_type, control), wells in panel.groupby(["cell_type", "control"], sort=True):
        group, wells = group_of(str(cell_type), str(control)), wells[wells["well_id"].notna()]
        unnamed = cell_type == NO_CELL_TYPE or group.label.startswith(str(cell_type))
        name = group.label if unnamed else f"{cell_type} {group.label}"
        axes.scatter(
            wells["on"],
            wells["off"],
            s=size,
            marker=group.marker,
            color=group.colour,
            edgecolors="white",
            linewidths=0.4,
            alpha=alpha,
            label=f"{name} (n = {len(wells)})",
            gid=f"{cell_type} {control}",
            rasterized=len(panel) > MOST_VECTOR,
        )

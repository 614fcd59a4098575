"""The paper's three drugs in the space E2: every well by on and off score, doses from light to dark red, controls behind them.

Takes held-out scores by featurizer (`evaluation/scores/`); makes figure_4 (as Fig. 4 of Mascolini et al. 2022: a GAN-DL, b the
baseline). A drug that is not on the plates of a cell type has a panel that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gandl.config import Scaling
from gandl.evaluation.terms import compounds_of, dose_series
from gandl.figures.common import style as look
from gandl.figures.common.dose_bar import dose_bar
from gandl.figures.common.empty import ABSENT, NOT_GIVEN, NOT_OF_THE_RUN, empty_panel
from gandl.figures.common.labels import featurizer_label, on_score_axis
from gandl.figures.common.palette import CONTROLS, INK, PALE, Group, dose_colours, group_of
from gandl.figures.common.scores import read_held_out
from gandl.source.screens.drugs import DRUGS, named_compound
from gandl.workflow.words import counted

COLUMNS = [
    *("featurizer", "cell_type", "drug", "kind", "scheme", "well_id", "treatment", "concentration_um", "on", "off"),
]
WELL = "well"
ROW, HEAD, FOOT = 42.0, 9.0, 14.0
"""Height (mm) of a row of panels, of a featurizer's name above its rows, and of the legend."""


def draw_drugs(
    scores: Mapping[str, Path],
    *,
    columns: Sequence[str],
    scheme: str,
    scaling: str = Scaling.PAPER.value,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw rows of panels per featurizer, one for each cell type, and a column per drug of `DRUGS`.

    Parameters
    ----------
    scores : held-out scores (`tables.WELL_SCORES`) by featurizer.
    columns : featurizers in their order: what stands for GAN-DL, the baseline. One without scores has empty panels that say so.
    scheme : which split's scores (see `read_held_out`). scaling : `evaluation.scaling`, which the axes state.
    drawing : what every figure is given; the CSV has a row per point drawn, controls once per panel; its kind is `absent` where a
        panel is empty.

    Raises
    ------
    FigureError : no featurizer has scores, or there are no held-out ones.
    """
    if not scores:
        raise look.FigureError(f"none of {', '.join(columns)} is among the featurizers of this run: nothing to draw")
    parts = [part for name in columns if name in scores for part in _points(read_held_out(scores[name], scheme), name)]
    data = pd.concat([part.dropna(axis="columns", how="all") for part in parts], ignore_index=True)
    look.draw(partial(drugs_figure, columns=columns, scaling=scaling), data.reindex(columns=COLUMNS), **drawing)


def _points(scores: pd.DataFrame, featurizer: str) -> Iterable[pd.DataFrame]:
    """The points of every panel of one featurizer."""
    treated = dose_series(scores).assign(treatment=compounds_of, kind=WELL)
    controls = scores[scores["control"].isin(list(CONTROLS))].assign(kind=lambda table: table["control"])
    for cell_type in sorted(scores["cell_type"].unique()):
        mine = treated[treated["cell_type"] == cell_type]
        beside = controls[controls["cell_type"] == cell_type].drop(columns=["treatment", "concentration_um"])
        for drug in DRUGS:
            compound = named_compound(mine["treatment"], drug)
            wells = mine[mine["treatment"] == compound].sort_values(["concentration_um", "well_id"], kind="stable")
            panel = pd.DataFrame([{"kind": ABSENT}]) if compound is None else pd.concat([beside, wells])
            yield panel.assign(featurizer=featurizer, cell_type=cell_type, drug=drug).reindex(columns=COLUMNS)


def drugs_figure(data: pd.DataFrame, columns: Sequence[str], scaling: str = Scaling.PAPER.value) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    cell_types = list(dict.fromkeys(data["cell_type"]))
    rows = [(featurizer, cell_type) for featurizer in columns for cell_type in cell_types]
    figure = look.new_figure(look.DOUBLE_COLUMN, ROW * len(rows) + HEAD * len(columns) + FOOT)
    grid = figure.subplots(len(rows), len(DRUGS), squeeze=False, sharex=True, sharey="row")
    colours = dose_colours(data["concentration_um"].dropna())
    for row, (featurizer, cell_type) in enumerate(rows):
        here = data[(data["featurizer"] == featurizer) & (data["cell_type"] == cell_type)]
        for column, drug in enumerate(DRUGS):
            axes, panel = grid[row, column], here[here["drug"] == drug]
            if cell_type == cell_types[0]:
                axes.set_title(f"\n\n{drug}", fontsize="small")  # above it the name of the featurizer
                if column == 0:
                    _name(axes, f"{'abcdefgh'[columns.index(featurizer)]}  {featurizer_label(featurizer)}")
            if here.empty or (panel["kind"] == ABSENT).all():
                empty_panel(axes, NOT_OF_THE_RUN if here.empty else NOT_GIVEN)
            else:
                _panel(axes, panel, cell_type, colours)
        grid[row, 0].set_ylabel(f"{cell_type}\nOff score", fontsize="small")
    for axes in grid[-1]:
        axes.set_xlabel(on_score_axis(scaling), fontsize="small")
    if colours:
        dose_bar(figure, grid.ravel(), colours, pad=0.015, aspect=40, shrink=0.6)
    handles = _legend(data)
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _name(axes: Axes, name: str) -> None:
    """The letter and name of a featurizer above its first row, over all its columns."""
    text = axes.annotate(name, (0, 1), (0, 16), xycoords="axes fraction", textcoords="offset points", va="bottom")
    text.set(fontweight="bold")
    text.set_in_layout(False)


def _panel(axes: Axes, panel: pd.DataFrame, cell_type: str, colours: Mapping[float, str]) -> None:
    """Controls of the cell type, pale, and the drug's wells above them."""
    for level in (-1, 1):
        axes.axvline(level, color=PALE, lw=0.8, zorder=0)
    axes.axhline(0, color=PALE, lw=0.8, zorder=0)
    for control in CONTROLS:
        group, wells = group_of(cell_type, control), panel[panel["kind"] == control]
        axes.scatter(
            wells["on"],
            wells["off"],
            s=10,
            marker=group.marker,
            color=group.colour,
            linewidths=0,
            alpha=0.35,
            zorder=1,
            gid=control,
        )
    wells = panel[panel["kind"] == WELL]
    axes.scatter(
        wells["on"],
        wells["off"],
        c=[colours[dose] for dose in wells["concentration_um"]],
        s=16,
        linewidths=0.35,
        edgecolors=INK,
        zorder=2,
        gid=WELL,
    )
    note = f"n = {counted(len(wells), 'well')}"
    axes.text(0.98, 0.98, note, transform=axes.transAxes, ha="right", va="top", fontsize="x-small", gid="n")


def _legend(data: pd.DataFrame) -> list[Line2D]:
    """What the colour of a treated well says, and the controls of cell types that have a panel, with their number, 0 too."""
    shown = data[data["kind"] != ABSENT]
    treated = Line2D(
        [], [], ls="none", marker="o", ms=4, mfc="#e32f27", mec=INK, mew=0.35, label="Treated well, by dose"
    )
    types = sorted(shown["cell_type"].unique())
    groups: dict[Group, pd.DataFrame] = {}
    for control in CONTROLS:
        for name in types:
            mine = shown[(shown["cell_type"] == name) & (shown["kind"] == control)]
            group = group_of(name, control)
            groups[group] = pd.concat([groups[group], mine]) if group in groups else mine
    controls = [
        Line2D(
            [], [], ls="none", marker=group.marker, ms=4, color=group.colour, alpha=0.5,
            label=f"{group.label} ({_wells(wells, shown)})",
        )
        for group, wells in groups.items()
    ]  # fmt: skip
    return [treated, *controls] if types else []


def _wells(of_group: pd.DataFrame, shown: pd.DataFrame) -> str:
    """How many wells of a group are drawn: n = 16; n = 14 to 16 where that differs between featurizers."""
    names = shown["featurizer"].unique()
    counts = [of_group.loc[of_group["featurizer"] == name, "well_id"].nunique() for name in names]
    return f"n = {min(counts)}" if min(counts) == max(counts) else f"n = {min(counts)} to {max(counts)}"

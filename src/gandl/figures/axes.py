"""On- and off-perturbation scores of every well, one panel per treatment: controls by hue and shape, doses light to dark.

Takes the well scores of one or more featurizers (`evaluation/scores/`); makes figure_axes (as Figs 3 and 4 of Mascolini et al.
2022, for a screen with dose series).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Unpack

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.config import Scaling
from gandl.evaluation.terms import dose_series
from gandl.figures.common import style as look
from gandl.figures.common.dose_bar import dose_bar
from gandl.figures.common.labels import featurizer_label, on_score_axis
from gandl.figures.common.palette import CONTROLS, INK, PALE, dose_colours
from gandl.figures.common.scores import read_scores, treatments_of
from gandl.source.splits import Scheme

COLUMNS = ["featurizer", "panel", "well_id", "control", "treatment", "concentration_um", "on", "off"]


def draw_axes(
    scores: Mapping[str, Path],
    *,
    scheme: str = Scheme.LEAVE_ROW_OUT.value,
    scaling: str = Scaling.PAPER.value,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw on against off score: a row of panels per featurizer, a column per treatment.

    Parameters
    ----------
    scores : well scores (`tables.WELL_SCORES`) by featurizer name; one featurizer gives one row of panels.
    scheme : which split's scores to draw; every well is scored by a model that never saw it.
    scaling : `evaluation.scaling`, which the axis states.
    drawing : what every figure is given; the CSV has one row per point drawn (controls once per panel).

    Raises
    ------
    FigureError : a featurizer has no scores, no scores of that scheme, or no dose series.
    """
    tables = [points(read_scores(path, scheme), name) for name, path in look.existing(scores, "well scores").items()]
    data = pd.concat(tables, ignore_index=True)
    look.draw(partial(axes_figure, scaling=scaling), data, **drawing)


def points(scores: pd.DataFrame, featurizer: str) -> pd.DataFrame:
    """The points of one featurizer's panels: each treatment's series, with all controls in every panel."""
    series = dose_series(scores)
    if series.empty:
        raise look.FigureError(
            f"featurizer {featurizer}: its scores hold no dose series (treated wells with a concentration)"
        )
    controls = scores[scores["control"].isin(list(CONTROLS))]
    panels = [
        pd.concat(
            [controls, series[series["treatment"] == treatment].sort_values("concentration_um", kind="stable")]
        ).assign(featurizer=featurizer, panel=treatment)
        for treatment in treatments_of(series)
    ]
    return pd.concat(panels, ignore_index=True)[COLUMNS]


def axes_figure(data: pd.DataFrame, scaling: str = Scaling.PAPER.value) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    featurizers = list(dict.fromkeys(data["featurizer"]))
    treatments = list(dict.fromkeys(data["panel"]))
    figure = look.new_figure(look.DOUBLE_COLUMN, 62 * len(featurizers) + 8)
    grid = figure.subplots(len(featurizers), len(treatments), squeeze=False, sharex="row", sharey="row")
    for row, featurizer in enumerate(featurizers):
        for column, treatment in enumerate(treatments):
            panel = data[(data["featurizer"] == featurizer) & (data["panel"] == treatment)]
            axes = grid[row, column]
            dose_bar(figure, axes, _panel(axes, panel), pad=0.02, aspect=25)
            axes.set_title(treatment if len(featurizers) == 1 else f"{treatment}: {featurizer_label(featurizer)}")
            if column == 0:
                axes.set_ylabel("Off score (first remaining axis)")
            if row == len(featurizers) - 1:
                axes.set_xlabel(on_score_axis(scaling))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    title = featurizer_label(featurizers[0]) if len(featurizers) == 1 else None
    figure.legend(handles, labels, loc="outside upper right", ncols=len(handles), title=title)
    return figure


def _panel(axes: Axes, panel: pd.DataFrame) -> dict[float, str]:
    """Controls, doses above them (low ones lie near C-), guides at the controls' means. Gives the colour of each dose."""
    for level in (-1, 1):
        axes.axvline(level, color=PALE, lw=0.8, zorder=0)
    axes.axhline(0, color=PALE, lw=0.8, zorder=0)
    series = panel[panel["control"] == "none"]
    colours = dose_colours(series["concentration_um"])
    axes.scatter(
        series["on"],
        series["off"],
        c=[colours[dose] for dose in series["concentration_um"]],
        marker="D",
        s=16,
        linewidths=0.4,
        edgecolors=INK,
        label="Treated, by dose",
        zorder=2,
    )
    for control, group in CONTROLS.items():
        wells = panel[panel["control"] == control]
        axes.scatter(
            wells["on"],
            wells["off"],
            s=22,
            marker=group.marker,
            color=group.colour,
            edgecolors="white",
            linewidths=0.4,
            label=group.label,
            zorder=1,
        )
    return colours

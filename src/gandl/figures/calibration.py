"""A simulated screen against its truth: on scores against the true severity, fitted EC50s against the true ones.

Takes what the question `calibration` wrote of one featurizer (`evaluation/calibration/`); makes figure_calibration.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from gandl.config import Scaling
from gandl.evaluation.calibration import ACTIVE, INACTIVE
from gandl.figures.common import style as look
from gandl.figures.common.labels import featurizer_label, fixed, nominal, number, on_score_axis
from gandl.figures.common.palette import CELL_TYPE_CONTROLS, GREY, INK, SERIES, Group
from gandl.tables import NUMBERS, read_table
from gandl.workflow.words import counted

WELLS = ["cell_type", "well_id", "severity", "on"]
COMPOUNDS = ["cell_type", "compound", "kind", "truth_ec50_um", "ec50_um", "low", "high", "found"]
COLUMNS = ["featurizer", "panel", *dict.fromkeys([*WELLS, *COMPOUNDS]), "correlation"]
MARKERS = "o^sDv"
MOST_VECTORS = 3000
"""Above so many wells, points are pixels in the SVG, too: a browser opens it."""
MARGIN = 1.6
"""Factor between the outermost EC50s and the ends of their axes."""


def draw_calibration(
    wells: Path,
    compounds: Path,
    numbers: Path,
    *,
    featurizer: str,
    scaling: str = Scaling.PAPER.value,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the severities (left) and the EC50s (right).

    Parameters
    ----------
    wells, compounds, numbers : as `gandl.evaluation.calibration.write_calibration` writes them.
    featurizer : whose they are. scaling : `evaluation.scaling`, which the axis states.
    drawing : what every figure is given; the CSV has a row per well (panel `severity`) and per compound and cell type (`ec50`).

    Raises
    ------
    FigureError : a file is missing, or no well was compared with the truth.
    """
    for path in (wells, compounds, numbers):
        look.existing({featurizer: path}, "calibration")
    found = read_table(Path(numbers), NUMBERS)
    data = calibrated(pd.read_parquet(wells), pd.read_parquet(compounds), found, featurizer)
    if not (data["panel"] == "severity").any():
        raise look.FigureError(f"{wells}: no well was held against the truth")
    look.draw(partial(calibration_figure, scaling=scaling), data, **drawing)


def calibrated(wells: pd.DataFrame, compounds: pd.DataFrame, numbers: pd.DataFrame, featurizer: str) -> pd.DataFrame:
    """What is drawn, with `COLUMNS`; `correlation` is Spearman's of a cell type's scores with its severities, in words."""
    correlations = {cell_type: _correlation(numbers, cell_type) for cell_type in wells["cell_type"].unique()}
    severity = wells[WELLS].assign(panel="severity", correlation=wells["cell_type"].map(correlations))
    parts = [severity, compounds[COMPOUNDS].assign(panel="ec50")]
    data = pd.concat([part for part in parts if len(part)], ignore_index=True).reindex(columns=COLUMNS)
    return data.assign(featurizer=featurizer)


def _correlation(numbers: pd.DataFrame, cell_type: str) -> str:
    """Spearman's correlation with its interval."""
    mine = (numbers["split"].str.partition(":")[2] == cell_type) & (numbers["metric"] == "spearman_severity")
    if not mine.any():
        return ""
    row = numbers[mine].iloc[0]
    interval = "" if pd.isna(row["low"]) else f" [{fixed(row['low'], 2)}, {fixed(row['high'], 2)}]"
    return f"ρ = {fixed(row['value'], 2)}{interval}" if pd.notna(row["value"]) else ""


def calibration_figure(data: pd.DataFrame, scaling: str = Scaling.PAPER.value) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    figure = look.new_figure(look.DOUBLE_COLUMN, 98)
    left, right = figure.subplots(1, 2)
    groups = _groups(data["cell_type"])
    _severities(left, data[data["panel"] == "severity"], groups, on_score_axis(scaling))
    _ec50s(right, data[data["panel"] == "ec50"], groups)
    left.set_title(f"Severity by {featurizer_label(data['featurizer'].iloc[0])}")
    right.set_title("EC50 of active compounds")
    return figure


def _groups(cell_types: pd.Series) -> dict[str, Group]:
    """How each cell type is drawn: the paper's hues of its positive controls, else a series of hues."""
    others = zip(MARKERS, SERIES, strict=True)
    found = {}
    for cell_type in sorted(cell_types.unique()):
        known = CELL_TYPE_CONTROLS.get((cell_type, "positive"))
        marker, colour = (known.marker, known.colour) if known else next(others, ("o", GREY))
        found[str(cell_type)] = Group(str(cell_type), colour, marker)
    return found


def _severities(axes: Axes, wells: pd.DataFrame, groups: dict[str, Group], axis: str) -> None:
    """On score against true severity; the line is what the controls' means say: +1 at severity 0, -1 at 1."""
    ends = np.array([wells["severity"].min(), wells["severity"].max()])
    axes.plot(ends, 1 - 2 * ends, color=INK, lw=0.8, ls=(0, (4, 2)), zorder=4, label="1 − 2 × severity")
    for cell_type, mine in wells.groupby("cell_type", sort=True):
        group, correlation = groups[str(cell_type)], mine["correlation"].iloc[0]
        axes.scatter(
            mine["severity"],
            mine["on"],
            s=7,
            marker=group.marker,
            color=group.colour,
            edgecolors="none",
            alpha=0.45,
            rasterized=len(wells) > MOST_VECTORS,
            label=f"{group.label}: {correlation or 'ρ undefined'}, n = {counted(len(mine), 'well')}",
            gid=f"severity {cell_type}",
        )
    axes.set_xlabel("True severity of the well (0 healthy, 1 infected)")
    axes.set_ylabel(axis)
    _legend_below(axes)


def _ec50s(axes: Axes, compounds: pd.DataFrame, groups: dict[str, Group]) -> None:
    """Fitted against true EC50 of active compounds, with intervals; those without a curve are counted."""
    active = compounds[compounds["kind"] == ACTIVE]
    found = active[active["found"].astype(bool)]
    ends = _ends(found)
    axes.plot(ends, ends, color=INK, lw=0.8, ls=(0, (4, 2)), zorder=1, label="ours = true")
    for cell_type, mine in found.groupby("cell_type", sort=True):
        group = groups[str(cell_type)]
        known = mine[mine["low"].notna() & mine["high"].notna()]
        limits = known[["low", "high"]].clip(*ends)
        axes.vlines(known["truth_ec50_um"], limits["low"], limits["high"], color=group.colour, lw=0.8, alpha=0.7)
        axes.scatter(
            mine["truth_ec50_um"],
            mine["ec50_um"],
            s=20,
            marker=group.marker,
            color=group.colour,
            edgecolors="white",
            linewidths=0.4,
            zorder=3,
            label=f"{group.label}: {len(mine)} of {(active['cell_type'] == cell_type).sum()} active found",
            gid=f"ec50 {cell_type}",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.set_xlabel("True EC50 (µM)")
    axes.set_ylabel("Fitted EC50 (µM)")
    _legend_below(axes, _counts(compounds))


def _counts(compounds: pd.DataFrame) -> str:
    """What the points leave out: active compounds that were missed, inactive ones that were found; and the median error."""
    found = compounds["found"].astype(bool)
    active, inactive = compounds["kind"] == ACTIVE, compounds["kind"] == INACTIVE
    lines = [
        f"missed: {(active & ~found).sum()} of {active.sum()} active",
        f"found, though inactive: {(inactive & found).sum()} of {inactive.sum()}",
    ]
    drawn = compounds[active & found]
    if len(drawn):
        error = np.median(np.abs(np.log10(drawn["ec50_um"] / drawn["truth_ec50_um"])))
        lines.append(f"median error: {number(float(error), 2)} log₁₀ units")
    return "\n".join(lines)


def _ends(found: pd.DataFrame) -> tuple[float, float]:
    """Ends of both axes: all EC50s lie inside; intervals that reach further are cut."""
    values = found[["truth_ec50_um", "ec50_um"]].to_numpy(float).ravel()
    return (values.min() / MARGIN, values.max() * MARGIN) if len(values) else (0.1, 10.0)


def _tick(value: float, _: object) -> str:
    return nominal(value)


def _legend_below(axes: Axes, note: str = "") -> None:
    """The legend under a panel, with a note above its entries, where no point can be hidden."""
    legend = axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=1,
        fontsize="x-small",
        title=note,
        title_fontsize="x-small",
    )
    legend.get_title().set_gid("counts")

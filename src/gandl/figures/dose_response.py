"""Dose-response of every treatment by every featurizer: wells, Hill fit with its band, EC50 with its interval, controls.

Takes what evaluation wrote (`evaluation/dose_response/`, `evaluation/scores/`); makes figure_dose_response. The panel of one
series is drawn for other figures, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter

from gandl.evaluation.terms import NO_CELL_TYPE, NO_TRAINING
from gandl.figures.common import style as look
from gandl.figures.common.labels import dose_unit, featurizer_label, nominal, number
from gandl.figures.common.palette import CONTROLS, FIT, INK, Group, controls_of, dose_colours, group_of
from gandl.figures.common.scores import read_held_out, treatments_of
from gandl.source.splits import Scheme
from gandl.statistics.hill import FEWEST_WELLS
from gandl.tables import NUMBERS, read_table
from gandl.workflow.words import counted

COLUMNS = ["featurizer", "cell_type", "treatment", "kind", "well_id", "concentration_um", "on", "low", "high"]
MOST_SERIES = 5
"""Columns of panels at most, as many as fit a page; a library's other series stand in the tables."""
ROW, PAGE = 45.0, 210.0
"""Height (mm) of a row of panels, and of all rows at most."""
NARROWEST = 2.0
"""Smallest factor between the outermost doses and the strips of controls, for series of few doses."""

JITTER_SEED = 0
"""Of the order in which controls are spread over their strip; it moves no score."""


@dataclass(frozen=True)
class DoseResponse:
    """The files that one featurizer's panels are drawn from."""

    numbers: Path
    curves: Path
    points: Path
    scores: Path


@dataclass(frozen=True)
class Series:
    """One series: a treatment in a cell type."""

    cell_type: str
    treatment: str


def draw_dose_response(
    inputs: Mapping[str, DoseResponse],
    *,
    scheme: str = Scheme.LEAVE_ROW_OUT.value,
    confidence: float = 0.95,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw a row of panels per featurizer, a column per series (treatment and cell type), at most `MOST_SERIES`.

    Parameters
    ----------
    inputs : by featurizer: its numbers (`tables.NUMBERS`, split `<scheme>:<cell type>:<treatment>`, or of one cell type
        `<scheme>:<treatment>`; metric `ec50_um`), its fitted curves, the wells they were fitted to, and its well scores (for the
        controls).
    scheme : which split's controls are drawn; of a cell type that it does not score, those of the strictest that does.
    confidence : coverage of band and interval, as evaluated; the legend states it.
    drawing : what every figure is given; the CSV has every point, curve sample, control and EC50 drawn, distinguished by `kind`.

    Raises
    ------
    FigureError : a featurizer lacks a file, or a series lacks its curve.
    """
    check_files(inputs)
    every = series_of(pd.read_parquet(next(iter(inputs.values())).points))
    shown = every[:MOST_SERIES]
    data = pd.concat([drawn(name, files, scheme, shown) for name, files in inputs.items()], ignore_index=True)
    note = f"The first {len(shown)} of {len(every)} series" if len(shown) < len(every) else ""
    look.draw(partial(dose_response_figure, confidence=confidence, note=note), data, **drawing)


def check_files(inputs: Mapping[str, DoseResponse]) -> None:
    """Raise `FigureError` where a featurizer lacks one of its files."""
    for what in ("numbers", "curves", "points"):
        look.existing({name: getattr(files, what) for name, files in inputs.items()}, f"dose-response {what}")


def series_of(points: pd.DataFrame) -> list[Series]:
    """The series of a table of wells: treatments in the order of the plate, each cell type by cell type."""
    found = set(points[["cell_type", "treatment"]].itertuples(index=False, name=None))
    types = sorted(points["cell_type"].unique())
    return [Series(one, name) for name in treatments_of(points) for one in types if (one, name) in found]


def drawn(featurizer: str, files: DoseResponse, scheme: str, series: Sequence[Series] | None = None) -> pd.DataFrame:
    """Everything that one featurizer's panels show, with `COLUMNS`; kind is `well`, `fit`, `ec50`, `positive` or `negative`.

    `series` : which ones; all of the file if None.

    Raises
    ------
    FigureError : a series lacks its curve, or there are no held-out scores.
    """
    wells = pd.read_parquet(files.points).assign(kind="well")
    curves = pd.read_parquet(files.curves).rename(columns={"fit": "on"}).assign(kind="fit")
    numbers = read_table(files.numbers, NUMBERS)
    scores = read_held_out(files.scores, scheme)
    controls = scores[scores["control"].isin(list(CONTROLS))].assign(kind=lambda table: table["control"])
    parts = []
    for one in series_of(wells) if series is None else series:
        mine, curve = _of(wells, one), _of(curves, one)
        if curve.empty:
            place = "" if one.cell_type == NO_CELL_TYPE else f" in {one.cell_type}"
            raise look.FigureError(f"{files.curves}: no fitted curve for {one.treatment}{place}")
        beside = controls[controls["cell_type"] == one.cell_type].assign(concentration_um=np.nan)
        for part in (mine, curve, _ec50(numbers, one, curve), beside):
            parts.append(part.reindex(columns=COLUMNS).assign(cell_type=one.cell_type, treatment=one.treatment))
    table = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    return table.assign(featurizer=featurizer)


def _of(table: pd.DataFrame, series: Series) -> pd.DataFrame:
    return table[(table["cell_type"] == series.cell_type) & (table["treatment"] == series.treatment)]


def _ec50(numbers: pd.DataFrame, series: Series, curve: pd.DataFrame) -> pd.DataFrame:
    """The EC50 as a row: dose, interval of the dose, height of the fitted curve there; no row when none was estimated."""
    parts = numbers["split"].str.partition(":")
    mine = parts[2].isin([series.treatment, f"{series.cell_type}:{series.treatment}"]) & (parts[0] != NO_TRAINING)
    row = numbers[mine & (numbers["metric"] == "ec50_um") & numbers["value"].notna()]
    if row.empty:
        return pd.DataFrame(columns=COLUMNS)
    value, low, high = row.iloc[0][["value", "low", "high"]].astype(float)
    ascending = curve.sort_values("concentration_um")
    height = np.interp(np.log(value), np.log(ascending["concentration_um"]), ascending["on"])
    return pd.DataFrame({"kind": ["ec50"], "concentration_um": [value], "on": [height], "low": [low], "high": [high]})


def dose_response_figure(data: pd.DataFrame, confidence: float = 0.95, note: str = "") -> Figure:
    """The figure of a table with `COLUMNS`, a note above it; call it inside `style`."""
    featurizers = list(dict.fromkeys(data["featurizer"]))
    series = [
        Series(*names)
        for names in data[["cell_type", "treatment"]].drop_duplicates().itertuples(index=False, name=None)
    ]
    several = len({one.cell_type for one in series}) > 1
    height = min(ROW * len(featurizers), PAGE) + 20
    figure = look.new_figure(look.DOUBLE_COLUMN, height)
    grid = figure.subplots(len(featurizers), len(series), squeeze=False, sharey="row", sharex="col")
    for row, featurizer in enumerate(featurizers):
        for column, one in enumerate(series):
            draw_panel(grid[row, column], _of(data[data["featurizer"] == featurizer], one), show_cell_type=several)
            grid[row, column].label_outer()
        grid[row, 0].set_title(featurizer_label(featurizer), pad=10, fontsize="small", loc="left")
    figure.supylabel("On score, each featurizer on its own scale", fontsize="small")
    groups = controls_of(one.cell_type for one in series)
    handles = legend_handles(f"{100 * confidence:g} %", groups)
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if len(handles) <= 6 else 4)
    if note:
        figure.suptitle(note, fontsize="small", color=INK, x=0.995, ha="right")
    return figure


def draw_panel(axes: Axes, panel: pd.DataFrame, *, show_cell_type: bool) -> None:
    """One series by one featurizer: doses on a log axis, the controls in strips left and right of them, n below.

    `panel` : rows with `COLUMNS` of one series.
    """
    cell_type, treatment = panel.iloc[0][["cell_type", "treatment"]]
    unit, factor = dose_unit(panel.loc[panel["kind"] == "well", "concentration_um"].max())
    by_kind = {str(kind): rows.assign(dose=rows["concentration_um"] * factor) for kind, rows in panel.groupby("kind")}
    wells, fit = by_kind["well"], by_kind["fit"].sort_values("concentration_um")
    lowest, highest = wells["dose"].min(), wells["dose"].max()
    gap = max((highest / lowest) ** 0.25, NARROWEST)
    strips = {"negative": lowest / gap, "positive": highest * gap}
    _controls(axes, by_kind, strips, gap, cell_type)
    axes.fill_between(fit["dose"], fit["low"], fit["high"], color=FIT, alpha=0.16, lw=0, zorder=2)
    axes.plot(fit["dose"], fit["on"], color=FIT, lw=1.1, zorder=4, gid="fit")
    colours = dose_colours(wells["dose"])
    axes.scatter(
        wells["dose"],
        wells["on"],
        s=11,
        marker="D",
        c=[colours[dose] for dose in wells["dose"]],
        edgecolors=INK,
        linewidths=0.3,
        zorder=5,
        gid="well",
    )
    axes.set_xscale("log")
    left, right = strips["negative"] / gap**0.6, strips["positive"] * gap**0.6
    axes.set_xlim(left, right)
    _ec50_marker(axes, by_kind.get("ec50"), (lowest, highest), unit, len(wells))
    decades = [tick for tick in LogLocator().tick_values(lowest, highest) if lowest / 1.01 <= tick <= highest * 1.01]
    axes.xaxis.set_major_locator(FixedLocator([strips["negative"], *decades, strips["positive"]]))
    axes.set_xticklabels([CONTROLS["negative"].label, *(nominal(tick) for tick in decades), CONTROLS["positive"].label])
    axes.xaxis.set_minor_formatter(NullFormatter())
    minor = [tick for tick in LogLocator(subs=range(2, 10)).tick_values(lowest, highest) if lowest <= tick <= highest]
    axes.xaxis.set_minor_locator(FixedLocator(minor))
    place = f"{treatment}, {_cells(cell_type)}" if show_cell_type else treatment
    axes.set_xlabel(f"{place}\n{unit}; n = {counted(len(wells), 'well')}", fontsize="x-small")


def _cells(cell_type: str) -> str:
    return "no cell type named" if cell_type == NO_CELL_TYPE else cell_type


def _controls(
    axes: Axes, by_kind: Mapping[str, pd.DataFrame], strips: Mapping[str, float], gap: float, cell_type: str
) -> None:
    """Controls of the cell type in their strips, and the means that scores are scaled by."""
    for control, at in strips.items():
        group, level = group_of(cell_type, control), {"negative": -1.0, "positive": 1.0}[control]
        axes.axhline(level, color=group.colour, lw=0.7, ls=(0, (4, 2)), zorder=1)
        on = by_kind[control]["on"] if control in by_kind else pd.Series(dtype=float)
        axes.scatter(
            at * gap ** (0.3 * _jitter(len(on))),
            on,
            s=7,
            marker=group.marker,
            color=group.colour,
            edgecolors="white",
            linewidths=0.25,
            zorder=3,
            gid=control,
        )


def _jitter(count: int) -> np.ndarray:
    """Evenly spaced places in [-1, 1], the same each time, in an order that has nothing to do with that of the wells."""
    places = np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(count)
    return np.random.default_rng(JITTER_SEED).permutation(places)


def _ec50_marker(axes: Axes, ec50: pd.DataFrame | None, tested: tuple[float, float], unit: str, n: int) -> None:
    """A point on the curve with the interval of the dose, and the numbers above the panel.

    Evaluation says of an EC50 outside the tested doses that it lies out there, not where: so do marker and text.
    """
    if ec50 is None or ec50.empty:
        text = "flat: no EC50" if n >= FEWEST_WELLS else f"{counted(n, 'well')}: too few for a curve"
    else:
        row = ec50.iloc[0]
        factor = row["dose"] / row["concentration_um"]
        low, high = row["low"] * factor, row["high"] * factor
        text = f"EC50 {_within(row['dose'], tested)} {unit}"
        if np.isfinite([low, high]).all():
            ends = np.clip([low, high], *tested)
            axes.plot(ends, [row["on"]] * 2, color=INK, lw=1.4, marker="|", ms=6, mew=1.2, zorder=8, gid="interval")
            text += f" [{_within(low, tested)}, {_within(high, tested)}]"
        at = float(np.clip(row["dose"], *tested))
        marker = "o" if at == row["dose"] else "<" if row["dose"] < at else ">"
        axes.plot([at], [row["on"]], marker=marker, ms=2.8, mfc="white", mec=INK, mew=0.8, zorder=9, gid="ec50")
    axes.text(0.0, 1.02, text, transform=axes.transAxes, fontsize="x-small", ha="left", va="bottom")


def _within(dose: float, tested: tuple[float, float]) -> str:
    """A dose, or on which side of the tested ones it lies."""
    lowest, highest = tested
    return f"<{nominal(lowest)}" if dose < lowest else f">{nominal(highest)}" if dose > highest else number(dose)


def legend_handles(coverage: str, groups: Iterable[Group]) -> list[Line2D | Patch]:
    """What stands in the legend of panels; `coverage` in words (`95 %`), `groups`: the controls drawn."""
    handles: list[Line2D | Patch] = [
        Line2D([], [], ls="none", marker="D", ms=3.5, color="#e32f27", mec=INK, mew=0.3, label="Well, by dose"),
        Line2D([], [], color=FIT, label="Hill fit"),
        Patch(color=FIT, alpha=0.16, lw=0, label=f"{coverage} band"),
        Line2D([], [], color=INK, marker="o", ms=2.8, mfc="white", mec=INK, label=f"EC50, {coverage} interval"),
    ]
    for group in groups:
        line = Line2D([], [], ls=(0, (4, 2)), lw=0.7, color=group.colour, marker=group.marker, ms=3.5)
        line.set_label(f"{group.label} (line: training mean)")
        handles.append(line)
    return handles

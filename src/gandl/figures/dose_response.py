"""Dose-response of every treatment by every featurizer: wells, Hill fit with its band, EC50 with its interval, controls.

Takes what evaluation wrote (`evaluation/dose_response/`, `evaluation/scores/`); makes figure_dose_response.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter

from gandl.config import FiguresSettings
from gandl.figures import style as look
from gandl.figures.labels import dose_unit, featurizer_label, nominal, number
from gandl.figures.palette import CONTROLS, FIT, INK, dose_colours
from gandl.figures.scores import read_scores, treatments_of
from gandl.source.splits import Scheme
from gandl.tables import NUMBERS, read_table

COLUMNS = ["featurizer", "treatment", "kind", "well_id", "concentration_um", "on", "low", "high"]

JITTER_SEED = 0
"""Of the order in which controls are spread over their strip; it moves no score."""


@dataclass(frozen=True)
class DoseResponse:
    """The files that one featurizer's panels are drawn from."""

    numbers: Path
    curves: Path
    points: Path
    scores: Path


def draw_dose_response(
    inputs: Mapping[str, DoseResponse],
    *,
    settings: FiguresSettings,
    svg: Path,
    png: Path,
    csv: Path,
    word: str = "",
    scheme: str = Scheme.LEAVE_ROW_OUT.value,
    confidence: float = 0.95,
) -> None:
    """Draw a column of panels per featurizer, a row per treatment.

    Parameters
    ----------
    inputs : by featurizer: its numbers (`tables.NUMBERS`, split `<scheme>:<treatment>`, metric `ec50_um`), its fitted curves, the
        wells they were fitted to, and its well scores (for the controls).
    scheme : which split's scores are drawn.
    confidence : coverage of band and interval, as evaluated; the legend states it.
    word : stamped on the figure, such as "simulated".
    svg, png, csv : files to write; the CSV has every point, curve sample, control and EC50 drawn, told apart by `kind`.

    Raises
    ------
    FigureError : a featurizer lacks a file, or a treatment lacks its curve.
    """
    for what in ("numbers", "curves", "points"):
        look.existing({name: getattr(files, what) for name, files in inputs.items()}, f"dose-response {what}")
    data = pd.concat([drawn(name, files, scheme) for name, files in inputs.items()], ignore_index=True)
    with look.style(settings):
        look.save(dose_response_figure(data, confidence), data, settings, svg=svg, png=png, csv=csv, word=word)


def drawn(featurizer: str, files: DoseResponse, scheme: str) -> pd.DataFrame:
    """Everything that one featurizer's panels show, with `COLUMNS`; kind is `well`, `fit`, `ec50`, `positive` or `negative`."""
    wells = pd.read_parquet(files.points).assign(kind="well")
    curves = pd.read_parquet(files.curves).rename(columns={"fit": "on"}).assign(kind="fit")
    without = sorted(set(wells["treatment"]) - set(curves["treatment"]))
    if without:
        raise look.FigureError(f"{files.curves}: no fitted curve for {', '.join(without)}")
    scores = read_scores(files.scores, scheme)
    controls = scores[scores["control"].isin(list(CONTROLS))].assign(kind=lambda table: table["control"])
    parts = []
    for treatment in treatments_of(wells):
        parts += [table[table["treatment"] == treatment] for table in (wells, curves)]
        parts.append(_ec50(files.numbers, f"{scheme}:{treatment}", curves[curves["treatment"] == treatment]))
        parts[-1]["treatment"] = treatment
        parts.append(controls.assign(treatment=treatment, concentration_um=np.nan))
    table = pd.concat([part.reindex(columns=COLUMNS) for part in parts if not part.empty], ignore_index=True)
    return table.assign(featurizer=featurizer)


def _ec50(numbers: Path, split: str, curve: pd.DataFrame) -> pd.DataFrame:
    """The EC50 as a row: dose, interval of the dose, height of the fitted curve there; no row when none was estimated."""
    table = read_table(numbers, NUMBERS)
    row = table[(table["split"] == split) & (table["metric"] == "ec50_um") & table["value"].notna()]
    if row.empty:
        return pd.DataFrame(columns=COLUMNS)
    value, low, high = row.iloc[0][["value", "low", "high"]].astype(float)
    ascending = curve.sort_values("concentration_um")
    height = np.interp(np.log(value), np.log(ascending["concentration_um"]), ascending["on"])
    return pd.DataFrame({"kind": ["ec50"], "concentration_um": [value], "on": [height], "low": [low], "high": [high]})


def dose_response_figure(data: pd.DataFrame, confidence: float = 0.95) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`."""
    featurizers = list(dict.fromkeys(data["featurizer"]))
    treatments = list(dict.fromkeys(data["treatment"]))
    figure = look.new_figure(look.DOUBLE_COLUMN, 48 * len(treatments) + 12)
    grid = figure.subplots(len(treatments), len(featurizers), squeeze=False, sharey=True, sharex="row")
    for row, treatment in enumerate(treatments):
        of_treatment = data[data["treatment"] == treatment]
        highest = of_treatment.loc[of_treatment["kind"] == "well", "concentration_um"].max()
        unit, factor = dose_unit(highest)
        for column, featurizer in enumerate(featurizers):
            axes = grid[row, column]
            _panel(axes, of_treatment[of_treatment["featurizer"] == featurizer], unit, factor)
            axes.set_xlabel(f"{treatment} ({unit})", fontsize="small")
            if row == 0:
                axes.set_title(featurizer_label(featurizer), pad=11, fontsize="small")
        grid[row, 0].set_ylabel("On score")
    figure.legend(handles=_legend(f"{100 * confidence:g} %"), loc="outside lower center", ncols=6)
    return figure


def _panel(axes: Axes, panel: pd.DataFrame, unit: str, factor: float) -> None:
    """One treatment by one featurizer; doses on a log axis, the controls in strips left and right of them."""
    by_kind = {kind: rows.assign(dose=rows["concentration_um"] * factor) for kind, rows in panel.groupby("kind")}
    wells, fit = by_kind["well"], by_kind["fit"].sort_values("concentration_um")
    lowest, highest = wells["dose"].min(), wells["dose"].max()
    gap = (highest / lowest) ** 0.25
    strips = {"negative": lowest / gap, "positive": highest * gap}
    for control, at in strips.items():
        group, level = CONTROLS[control], {"negative": -1.0, "positive": 1.0}[control]
        axes.axhline(level, color=group.colour, lw=0.7, ls=(0, (4, 2)), zorder=1)
        rows = by_kind.get(control, panel.iloc[:0])
        spread = gap ** (0.3 * _jitter(len(rows)))
        axes.scatter(
            at * spread,
            rows["on"],
            s=7,
            marker=group.marker,
            color=group.colour,
            edgecolors="white",
            linewidths=0.25,
            zorder=3,
            gid=control,
        )
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
    _ec50_marker(axes, by_kind.get("ec50"), (lowest, highest), unit)
    decades = [tick for tick in LogLocator().tick_values(lowest, highest) if lowest / 1.01 <= tick <= highest * 1.01]
    axes.xaxis.set_major_locator(FixedLocator([strips["negative"], *decades, strips["positive"]]))
    axes.set_xticklabels([CONTROLS["negative"].label, *(nominal(tick) for tick in decades), CONTROLS["positive"].label])
    axes.xaxis.set_minor_formatter(NullFormatter())
    minor = [tick for tick in LogLocator(subs=range(2, 10)).tick_values(lowest, highest) if lowest <= tick <= highest]
    axes.xaxis.set_minor_locator(FixedLocator(minor))


def _jitter(count: int) -> np.ndarray:
    """Evenly spaced places in [-1, 1], the same each time, in an order that has nothing to do with that of the wells."""
    places = np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(count)
    return np.random.default_rng(JITTER_SEED).permutation(places)


def _ec50_marker(axes: Axes, ec50: pd.DataFrame | None, tested: tuple[float, float], unit: str) -> None:
    """A point on the curve with the interval of the dose, and the numbers above the panel.

    Evaluation says of an EC50 outside the tested doses that it lies out there, not where: so do marker and text.
    """
    if ec50 is None or ec50.empty:
        text = "flat: no EC$_{50}$"
    else:
        row = ec50.iloc[0]
        factor = row["dose"] / row["concentration_um"]
        low, high = row["low"] * factor, row["high"] * factor
        text = f"EC$_{{50}}$ {_within(row['dose'], tested)} {unit}"
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


def _legend(coverage: str) -> list[Line2D | Patch]:
    handles: list[Line2D | Patch] = [
        Line2D([], [], ls="none", marker="D", ms=3.5, color="#e32f27", mec=INK, mew=0.3, label="Well, by dose"),
        Line2D([], [], color=FIT, label="Hill fit"),
        Patch(color=FIT, alpha=0.16, lw=0, label=f"{coverage} band"),
        Line2D([], [], color=INK, marker="o", ms=2.8, mfc="white", mec=INK, label=f"EC$_{{50}}$, {coverage} interval"),
    ]
    for group in CONTROLS.values():
        line = Line2D([], [], ls=(0, (4, 2)), lw=0.7, color=group.colour, marker=group.marker, ms=3.5)
        line.set_label(f"{group.label} (line: training mean)")
        handles.append(line)
    return handles

"""Which setups see the planted truth: whether two drugs of opposite effect lie farther apart than two of similar effect.

Takes the numbers of the task of similarity; makes comparison_truth, and the same in a sentence for the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.stats import binom

from gandl.figures.common import style as look
from gandl.figures.common.labels import fixed
from gandl.figures.common.palette import BLUE, GREY, INK, PALE, VERMILION
from gandl.figures.comparison.setups import (
    ORDER,
    in_order,
    is_floor,
    is_seeded,
    mean_interval,
    named_together,
    read_numbers,
    seeds_in_words,
    setup_label,
)
from gandl.figures.comparison.terms import COLLAPSED, SEPARATION

COLUMNS = ["setup", "seed", "value", "low", "high", "cell_types", "collapsed", "mean", "mean_low", "mean_high", "sees"]
"""A row per setup and seed: the median over cell lines of the separation, in its interval; over seeds mean, interval, verdict."""
ROW_MM, EDGE_MM, LABELS_MM, WORDS_MM = 5.4, 22.0, 58.0, 34.0
AT_MEAN, AT_VERDICT = 1.02, 1.13
"""Where the columns of words begin, in widths of the axes."""


class Sees(StrEnum):
    """Whether a setup sees the planted truth."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


SHADES = {Sees.YES: BLUE, Sees.NO: VERMILION, Sees.UNDECIDED: GREY}


def draw_truth(
    numbers: Sequence[Path],
    *,
    similar: Sequence[str],
    opposite: Sequence[str],
    vehicle: str = "controls",
    confidence: float = 0.95,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the separation of each setup, seed by seed, and what follows of it.

    Parameters
    ----------
    numbers : of the task of similarity (`gandl.tables.NUMBERS`), one table per setup and seed.
    similar, opposite : names of the drugs of the pairs. vehicle : what controls are called.
    confidence : coverage of the intervals.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`.

    Raises
    ------
    FigureError : the run names no opposite pair, or no table has a separation.
    """
    if not opposite:
        raise look.FigureError(
            "the run names no pair of drugs with opposite effect (comparison.opposite): no truth to see"
        )
    data = truth_table(numbers, confidence)
    names = ["–".join(opposite), "–".join(similar)]
    look.draw(partial(truth_figure, names=names, vehicle=vehicle, confidence=confidence), data, **drawing)


def truth_table(numbers: Sequence[Path], confidence: float = 0.95) -> pd.DataFrame:
    """The table with `COLUMNS`.

    The separation of a cell line is (E of the opposite pair - E of the similar one) over the mean distance from the similar drugs
    to controls; E is D less the mean distance of tiles of one drug, of both drugs of the pair (`separation_between` of
    `gandl.evaluation.comparison.similarity`). A setup sees the truth where the interval of the mean over seeds (Student's) lies above 0; it does not where it
    lies below; else, and with one seed, it is undecided. What no seed changes (intensities) is judged by its interval over cell
    lines.
    """
    found = read_numbers(numbers, [SEPARATION, COLLAPSED])
    known = found[found["metric"] == SEPARATION]
    if not known["value"].notna().any():
        raise look.FigureError(f"{Path(numbers[0]).parent}: no setup has a {SEPARATION} of opposite and similar drugs")
    collapsed = found[found["metric"] == COLLAPSED].groupby(["setup", "seed"])["value"].median()
    rows: list[dict[str, Any]] = []
    for setup, of_setup in known.groupby("setup", sort=False):
        medians = of_setup.groupby("seed")["value"].median()
        mean, low, high = mean_interval(medians, confidence)
        if not is_seeded(str(setup)):
            low, high = median_interval(of_setup["value"].to_numpy(), confidence)
        over = {"mean": mean, "mean_low": low, "mean_high": high, "sees": verdict(low, high).value}
        for seed, mine in of_setup.groupby("seed"):
            ends = median_interval(mine["value"].to_numpy(), confidence)
            one = {
                "value": medians[seed],
                "low": ends[0],
                "high": ends[1],
                "cell_types": int(mine["value"].notna().sum()),
            }
            about = {"setup": setup, "seed": seed, "collapsed": float(collapsed.get((setup, seed), 0) >= 0.5)}
            rows.append(about | one | over)
    return pd.DataFrame(rows).sort_values(["setup", "seed"], key=in_order, kind="stable", ignore_index=True)[COLUMNS]


def verdict(low: float, high: float) -> Sees:
    """What an interval of the separation says."""
    if low > 0:
        return Sees.YES
    return Sees.NO if high < 0 else Sees.UNDECIDED


def median_interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Interval of a median between order statistics, without any assumption on the distribution (the sign test's).

    NaN where even the whole range has less than the coverage: at 95 %, with fewer than six values.
    """
    ordered = np.sort(values[np.isfinite(values)])
    count = len(ordered)
    outside = [2 * binom.cdf(left - 1, count, 0.5) for left in range(1, count // 2 + 1)]
    kept = [left for left, share in enumerate(outside, start=1) if share <= 1 - confidence]
    if not kept:
        return np.nan, np.nan
    return float(ordered[kept[-1] - 1]), float(ordered[count - kept[-1]])


def truth_sentence(data: pd.DataFrame) -> str:
    """Which setups see the planted truth, in a sentence; `data` has `COLUMNS`."""
    setups = data.drop_duplicates("setup")
    parts = []
    for word, sees in (("seen by", Sees.YES), ("contradicted by", Sees.NO), ("undecided for", Sees.UNDECIDED)):
        names = list(setups.loc[setups["sees"] == sees.value, "setup"])
        if names:
            parts.append(f"{word} {len(names)} of {len(setups)} setups ({named_together(names, setups['setup'])})")
    return f"That drugs with opposite effect lie farther apart than similar ones is {', '.join(parts)}."


def truth_figure(
    data: pd.DataFrame, names: Sequence[str], vehicle: str = "controls", confidence: float = 0.95
) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`. `names` : of the opposite and the similar pair. `vehicle` : what
    controls are called."""
    setups = sorted(data["setup"].unique(), key=ORDER.__getitem__)
    height = ROW_MM * len(setups) + EDGE_MM
    figure = look.new_figure(look.DOUBLE_COLUMN, height)
    figure.set_layout_engine("none")
    width = look.DOUBLE_COLUMN - LABELS_MM - WORDS_MM - 2
    axes = figure.add_axes(
        (LABELS_MM / look.DOUBLE_COLUMN, 11 / height, width / look.DOUBLE_COLUMN, ROW_MM * len(setups) / height)
    )
    axes.axvline(0, color=GREY, lw=0.8, zorder=1)
    for row, setup in enumerate(setups):
        _row(axes, row, data[data["setup"] == setup])
        if (
            row
            and setup.partition(".")[0] != setups[row - 1].partition(".")[0]
            and ("." in setup or "." in setups[row - 1])
        ):
            axes.axhline(row - 0.5, color=PALE, lw=0.8, zorder=0)
    axes.set_yticks(range(len(setups)), [setup_label(setup) for setup in setups], fontsize="x-small")
    for tick, setup in zip(axes.get_yticklabels(), setups, strict=True):
        tick.set_color("#666666" if is_floor(setup) else INK)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(setups) - 0.4, -0.6)
    axes.set_xlabel(f"[E({names[0]}) − E({names[1]})] / mean distance of {names[1]} to {vehicle}", fontsize="small")
    for place, head in ((AT_MEAN, "Mean"), (AT_VERDICT, "Seen?")):
        axes.text(place, 1, head, transform=axes.transAxes, ha="left", va="bottom", weight="bold", fontsize="small")
    counted = data.loc[data["value"].notna(), "cell_types"]
    least, most = counted.min(), counted.max()
    lines = f"{most}" if least == most else f"{least} to {most}"
    percent = f"{100 * confidence:g} % interval"
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            mfc="white",
            mec=INK,
            color=GREY,
            lw=0.8,
            ms=3,
            label=f"a seed, median of lines, {percent}",
        ),
        Line2D([], [], marker="D", color=INK, lw=2, ms=3.4, label=f"mean of seeds, {percent}"),
    ]
    title = f"n = {lines} cell lines; {seeds_in_words(data)}"
    figure.legend(handles=handles, title=title, loc="upper right", ncols=2, bbox_to_anchor=(0.99, 1.0))
    return figure


def _row(axes: Axes, row: int, mine: pd.DataFrame) -> None:
    """One setup: its seeds side by side, their mean below, and the verdict in words."""
    offsets = np.linspace(-0.3, 0.05, len(mine)) if len(mine) > 1 else [0.0]
    for offset, seed in zip(offsets, mine.to_dict("records"), strict=True):
        if np.isfinite(seed["low"]):
            axes.plot([seed["low"], seed["high"]], [row + offset] * 2, color=GREY, lw=0.8, zorder=2)
        axes.plot(seed["value"], row + offset, "o", mfc="white", mec=INK, mew=0.6, ms=2.6, zorder=4)
    first = mine.iloc[0]
    sees = Sees(first["sees"])
    if np.isfinite(first["mean_low"]):
        axes.plot([first["mean_low"], first["mean_high"]], [row + 0.27] * 2, color=SHADES[sees], lw=2, zorder=3)
        axes.plot(first["mean"], row + 0.27, "D", color=SHADES[sees], ms=3.2, zorder=5)
    collapsed = int(mine["collapsed"].sum())
    said = sees.value + (f", {collapsed} collapsed" if collapsed else "")
    at = axes.get_yaxis_transform()
    axes.text(AT_VERDICT, row, said, transform=at, ha="left", va="center", color=SHADES[sees], fontsize="x-small")
    mean = fixed(first["mean"], 2) if np.isfinite(first["mean"]) else "–"
    axes.text(AT_MEAN, row, mean, transform=at, ha="left", va="center", fontsize="x-small")

"""Which setups see the planted truth: whether two drugs of opposite effect lie farther apart than two of similar effect, and
shift codes in opposite directions.

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

from gandl.evaluation.comparison.numbers import has_collapsed, seeded
from gandl.figures.common import style as look
from gandl.figures.common.absent import say
from gandl.figures.common.labels import fixed
from gandl.figures.common.palette import BLUE, GREY, INK, PALE, VERMILION
from gandl.figures.comparison.setups import (
    ORDER,
    in_order,
    is_floor,
    mean_interval,
    named_together,
    read_numbers,
    seeds_in_words,
    setup_label,
)
from gandl.figures.comparison.terms import COLLAPSED, COSINE, PLAIN, SEPARATION

AT = ["setup", "seed", "cell_type"]
OF_SEPARATION = ["mean", "mean_low", "mean_high", "lines_low", "lines_high"]
OF_COSINE = [f"cosine_{name}" for name in OF_SEPARATION]
VERDICTS = ["plain", "farther", "points", "sees"]
COLUMNS = [
    "setup",
    "seed",
    "value",
    "low",
    "high",
    "cell_types",
    "collapsed",
    *OF_SEPARATION,
    "cosine",
    *OF_COSINE,
    *VERDICTS,
]
"""A row per setup and seed: the median over cell lines of the separation, in its interval; of the setup the mean over seeds with
its interval, and the interval over cell lines of each one's mean over seeds; the same of the cosine of the opposite drugs'
shifts; what plain distances say, those less the spread, and the cosine; and whether the setup sees the truth."""
ROW_MM, EDGE_MM, LABELS_MM, WORDS_MM, COSINE_MM, GAP_MM = 5.4, 22.0, 56.0, 46.0, 24.0, 4.0
AT_MEAN, AT_VERDICT = 1.06, 1.73
"""Where the columns of words begin, in widths of the panel of cosines."""


class Sees(StrEnum):
    """Whether a setup sees the planted truth."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"


class NoTruthError(look.FigureError):
    """No setup can be judged; the message says why."""


SHADES = {Sees.YES: BLUE, Sees.NO: VERMILION, Sees.UNDECIDED: GREY}
OUTCOMES = {
    "Both of the latter hold for": Sees.YES,
    "the separation is contradicted (below 0) for": Sees.NO,
    "undecided for": Sees.UNDECIDED,
}
"""How a sentence tells of each outcome."""


def draw_truth(
    numbers: Sequence[Path],
    *,
    similar: Sequence[str],
    opposite: Sequence[str],
    vehicle: str = "controls",
    confidence: float = 0.95,
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the separation of each setup, seed by seed, and what follows of it; where none can be judged, the reason.

    Parameters
    ----------
    numbers : of the task of similarity (`gandl.tables.NUMBERS`), one table per setup and seed.
    similar, opposite : names of the drugs of the pairs. vehicle : what controls are called.
    confidence : coverage of the intervals.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`.

    Raises
    ------
    FigureError : the run names no opposite pair, or a file is absent.
    """
    if not opposite:
        raise look.FigureError(
            "the run names no pair of drugs with opposite effect (comparison.opposite): no truth to see"
        )
    try:
        data = truth_table(numbers, confidence)
    except NoTruthError as error:
        files = {"svg": drawing["svg"], "png": drawing["png"], "csv": drawing["csv"]}
        say(f"Not drawn: {error}.", files, drawing["settings"], drawing.get("word", ""))
        return
    names = ["–".join(opposite), "–".join(similar)]
    look.draw(partial(truth_figure, names=names, vehicle=vehicle, confidence=confidence), data, **drawing)


def truth_table(numbers: Sequence[Path], confidence: float = 0.95) -> pd.DataFrame:
    """The table with `COLUMNS`.

    The separation of a cell line is (E of the opposite pair - E of the similar one) over the mean distance from the similar
    drugs to controls; E is the mean distance less the mean of those of tiles of one drug, of both drugs of the pair; the cosine
    is of the shifts that the opposite drugs make (`gandl.evaluation.comparison`). A setup sees the truth where the separation
    lies above 0 and the cosine below: any two different drugs lie apart, opposite ones point in opposite directions. It
    contradicts it where the separation lies below 0; else it is undecided. Each must hold of the interval of the mean over seeds
    (Student's) and of the interval over cell lines, so that one seed decides nothing; of what no seed changes (intensities), of
    the latter. A cell line in which the codes of a seed collapsed has no value of it.

    Raises
    ------
    NoTruthError : no setup has a separation, or all codes that have one collapsed.
    """
    found = read_numbers(numbers, [SEPARATION, COSINE, PLAIN, COLLAPSED])
    if not found.loc[found["metric"] == SEPARATION, "value"].notna().any():
        raise NoTruthError(
            "no cell line has a separation of opposite and similar drugs (of each of the four, tiles of two test wells are "
            "needed)"
        )
    of_collapse = found["metric"].eq(COLLAPSED)
    places = pd.MultiIndex.from_frame(found.loc[of_collapse & found["value"].eq(1), AT])
    found["value"] = found["value"].mask(~of_collapse & pd.MultiIndex.from_frame(found[AT]).isin(places))
    known = found[found["metric"] == SEPARATION]
    if not known["value"].notna().any():
        raise NoTruthError("the codes of all setups collapsed")
    rows: list[dict[str, Any]] = []
    for setup, of_setup in known.groupby("setup", sort=False):
        mine = found[found["setup"] == setup]
        by_seeds = seeded(str(setup))
        cosines = mine[mine["metric"] == COSINE]
        farther, points, plain = (
            over_both(of, by_seeds, confidence) for of in (of_setup, cosines, mine[mine["metric"] == PLAIN])
        )
        over: dict[str, Any] = dict(zip(OF_SEPARATION, farther, strict=True)) | dict(
            zip(OF_COSINE, points, strict=True)
        )
        says = verdict(farther), verdict(negative(points))
        over |= {"plain": verdict(plain), "farther": says[0], "points": says[1], "sees": both(*says)}
        collapsed = mine[mine["metric"] == COLLAPSED].pivot(index="seed", columns="cell_type", values="value")
        lost = dict(zip(collapsed.index, has_collapsed(collapsed.to_numpy(float)), strict=True))
        medians, of_cosine = (of.groupby("seed")["value"].median() for of in (of_setup, cosines))
        for seed, of_seed in of_setup.groupby("seed"):
            low, high = median_interval(of_seed["value"].to_numpy(), confidence)
            one = {"setup": setup, "seed": seed, "value": medians[seed], "low": low, "high": high}
            one |= {"cell_types": int(of_seed["value"].notna().sum()), "collapsed": float(lost.get(seed, False))}
            rows.append(one | {"cosine": of_cosine.get(seed, np.nan)} | over)
    return pd.DataFrame(rows).sort_values(["setup", "seed"], key=in_order, kind="stable", ignore_index=True)[COLUMNS]


def over_both(numbers: pd.DataFrame, by_seeds: bool, confidence: float) -> list[float]:
    """Of one metric of a setup by seed and cell line: the mean over seeds of the medians over lines, its interval, and that over
    lines of each one's mean over seeds; where no seed changes it, the latter in the place of both."""
    mean, low, high = mean_interval(numbers.groupby("seed")["value"].median(), confidence)
    lines = median_interval(numbers.groupby("cell_type")["value"].mean().to_numpy(float), confidence)
    return [mean, *((low, high) if by_seeds else lines), *lines]


def negative(numbers: Sequence[float]) -> list[float]:
    """`over_both` with the other sign."""
    mean, low, high, lines_low, lines_high = numbers
    return [-mean, -high, -low, -lines_high, -lines_low]


def verdict(numbers: Sequence[float]) -> Sees:
    """What both intervals of `over_both` say: yes above 0, no below."""
    _, low, high, lines_low, lines_high = numbers
    if low > 0 and lines_low > 0:
        return Sees.YES
    return Sees.NO if high < 0 and lines_high < 0 else Sees.UNDECIDED


def both(farther: Sees, points: Sees) -> Sees:
    """Whether a setup sees the truth: it lies farther apart and points in opposite directions."""
    if farther is Sees.NO or farther is points:
        return farther
    return Sees.UNDECIDED


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
    """Which setups see the planted truth, in two sentences; `data` has `COLUMNS`."""
    setups = data.drop_duplicates("setup")
    many = {name: int((setups[name] == Sees.YES.value).sum()) for name in VERDICTS}
    n = len(setups)
    parts = []
    for words, sees in OUTCOMES.items():
        names = list(setups.loc[setups["sees"] == sees.value, "setup"])
        if names:
            parts.append(f"{words} {len(names)} of {n} setups ({named_together(names, setups['setup'])})")
        elif sees is Sees.YES:
            parts.append(f"{words} no setup")
    alone = [setup_label(str(name)) for name in setups["setup"] if not seeded(str(name))]
    lines = f" ({', '.join(alone)}, which no seed changes: over cell lines)" if alone else ""
    return (
        f"By whole intervals over seeds and over cell lines{lines}, opposite drugs lie farther apart than similar ones by plain "
        f"distances between tiles (separation) in {many['plain']} of {n} setups; by distances less the spread within each drug "
        f"in {many['farther']} of {n}; and they point in opposite directions (cosine of their shifts from controls below 0) in "
        f"{many['points']} of {n}. {'; '.join(parts)}."
    )


def truth_figure(
    data: pd.DataFrame, names: Sequence[str], vehicle: str = "controls", confidence: float = 0.95
) -> Figure:
    """The figure of a table with `COLUMNS`; call it inside `style`. `names` : of the opposite and the similar pair. `vehicle` :
    what controls are called."""
    setups = sorted(data["setup"].unique(), key=ORDER.__getitem__)
    height = ROW_MM * len(setups) + EDGE_MM
    figure = look.new_figure(look.DOUBLE_COLUMN, height)
    figure.set_layout_engine("none")
    width = look.DOUBLE_COLUMN - LABELS_MM - WORDS_MM - COSINE_MM - GAP_MM
    axes = figure.add_axes(
        (LABELS_MM / look.DOUBLE_COLUMN, 11 / height, width / look.DOUBLE_COLUMN, ROW_MM * len(setups) / height)
    )
    left = (LABELS_MM + width + GAP_MM) / look.DOUBLE_COLUMN
    aside = figure.add_axes(
        (left, 11 / height, COSINE_MM / look.DOUBLE_COLUMN, ROW_MM * len(setups) / height), sharey=axes
    )
    aside.set_xlim(-1.08, 1.08)
    aside.set_xticks([-1, 0, 1])
    aside.set_xlabel(f"Cosine of shifts, {names[0]}", fontsize="small")
    for panel in (axes, aside):
        panel.axvline(0, color=GREY, lw=0.8, zorder=1)
    for row, setup in enumerate(setups):
        mine = data[data["setup"] == setup]
        _row(axes, row, mine, "value", OF_SEPARATION, "farther")
        _row(aside, row, mine, "cosine", OF_COSINE, "points")
        _words(aside, row, mine)
        if (
            row
            and setup.partition(".")[0] != setups[row - 1].partition(".")[0]
            and ("." in setup or "." in setups[row - 1])
        ):
            for panel in (axes, aside):
                panel.axhline(row - 0.5, color=PALE, lw=0.8, zorder=0)
    axes.set_yticks(range(len(setups)), [setup_label(setup) for setup in setups], fontsize="x-small")
    for tick, setup in zip(axes.get_yticklabels(), setups, strict=True):
        tick.set_color("#666666" if is_floor(setup) else INK)
    axes.tick_params(axis="y", length=0)
    aside.tick_params(axis="y", length=0, labelleft=False)
    axes.set_ylim(len(setups) - 0.4, -0.6)
    axes.set_xlabel(f"[E({names[0]}) − E({names[1]})] /\nmean distance of {names[1]} to {vehicle}", fontsize="small")
    for place, head in ((AT_MEAN, "Means"), (AT_VERDICT, "Seen?")):
        aside.text(place, 1, head, transform=aside.transAxes, ha="left", va="bottom", weight="bold", fontsize="small")
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


def _row(axes: Axes, row: int, mine: pd.DataFrame, of_seed: str, over: Sequence[str], says: str) -> None:
    """One setup: its seeds side by side, and their mean below."""
    offsets = np.linspace(-0.3, 0.05, len(mine)) if len(mine) > 1 else [0.0]
    for offset, seed in zip(offsets, mine.to_dict("records"), strict=True):
        if of_seed == "value" and np.isfinite(seed["low"]):
            axes.plot([seed["low"], seed["high"]], [row + offset] * 2, color=GREY, lw=0.8, zorder=2)
        axes.plot(seed[of_seed], row + offset, "o", mfc="white", mec=INK, mew=0.6, ms=2.6, zorder=4)
    first = mine.iloc[0]
    mean, low, high = (first[name] for name in over[:3])
    shade = SHADES[Sees(first[says])]
    if np.isfinite(low):
        axes.plot([low, high], [row + 0.27] * 2, color=shade, lw=2, zorder=3)
        axes.plot(mean, row + 0.27, "D", color=shade, ms=3.2, zorder=5)


def _words(axes: Axes, row: int, mine: pd.DataFrame) -> None:
    """Both means and the verdict, right of the panel of cosines."""
    first, collapsed = mine.iloc[0], int(mine["collapsed"].sum())
    sees = Sees(first["sees"])
    said = sees.value + (f", {collapsed} collapsed" if collapsed else "")
    at = axes.get_yaxis_transform()
    axes.text(AT_VERDICT, row, said, transform=at, ha="left", va="center", color=SHADES[sees], fontsize="x-small")
    both_means = [fixed(of, 2) if np.isfinite(of) else "–" for of in (first["mean"], first["cosine_mean"])]
    axes.text(AT_MEAN, row, "; ".join(both_means), transform=at, ha="left", va="center", fontsize="x-small")

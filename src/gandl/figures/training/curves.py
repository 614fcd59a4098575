"""How the GAN's training went: losses, logits, penalties, quality on held-out sites and the probe's Z' along it, for every seed.

Takes the training curves (`models/<model>/seed_<n>/curve.parquet`); makes figure_training. `gandl.figures.training.supplement`
draws more of one training, with the panels that are defined here, and `gandl.figures.training.counterparts` other networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gandl.figures.common import style as look
from gandl.figures.common.labels import nominal
from gandl.figures.common.palette import BLUE, GREEN, GREY, INK, ORANGE, PALE, PURPLE, VERMILION
from gandl.tables import CURVE, read_table

ROLL_BACK, ERROR, FLOOR = "roll_back", "quality_error", "quality_floor"
MARKS = (ROLL_BACK, "learning_rate", "r1_gamma", ERROR, FLOOR)
"""Metrics that are drawn as something else than a line of points."""
KEPT = "kept"
"""Column, if there is one, and mark: whether the weights that are used are those after so many images."""
USED = "Weights used"
"""What a ring around a point says."""
SHOWN = "images_shown"
"""Column of what is drawn: real images shown so far (`images` says whether they were simulated)."""
FEW = 20
"""Lines of at most so many points show them."""
LEGEND = 0.12
"""Share of a panel's height that is kept free for every line of its legend."""
Dashes = str | tuple[int, tuple[float, ...]]
"""A line style of matplotlib."""


@dataclass(frozen=True)
class Panel:
    """One panel: its title, its axis, and the metrics it draws with their labels and colours.

    Attributes
    ----------
    zero : draw a line at 0. logarithmic : where all values are positive.
    levels : metrics that are horizontal lines, for comparison, with their labels and line styles.
    dashed : metrics whose lines are dashed, since they may lie on others.
    kept : ring the points whose weights are used. alike : thin lines, the same for all trainings, where there are many.
    unit : images that make one unit of the horizontal axis.
    """

    title: str
    axis: str
    lines: dict[str, tuple[str, str]]
    zero: bool = False
    logarithmic: bool = False
    levels: dict[str, tuple[str, Dashes]] = field(default_factory=dict)
    dashed: tuple[str, ...] = ()
    kept: bool = False
    alike: bool = False
    unit: int = 1000


LOSSES = Panel(
    "Losses", "Loss", {"loss_generator": ("Generator", BLUE), "loss_discriminator": ("Discriminator", VERMILION)}
)
LOGITS = Panel(
    "Discriminator’s logits",
    "Mean logit",
    {"real_logit": ("Real crops", BLUE), "fake_logit": ("Generated crops", VERMILION)},
    zero=True,
)
PENALTIES = Panel(
    "Penalties",
    "Penalty",
    {"r1": ("R1 (gradient)", GREEN), "path_length_penalty": ("Path length", PURPLE)},
    logarithmic=True,
)
QUALITY = Panel("Quality on held-out sites", "Energy distance", {"quality": ("Generated", ORANGE)}, logarithmic=True)
PROBE = Panel("Probe on held-out controls", "Z′", {"probe_z_prime": ("Z′", INK)}, zero=True)
PANELS = (LOSSES, LOGITS, PENALTIES, QUALITY, PROBE)
METRICS = [metric for panel in PANELS for metric in panel.lines]
DASHES: tuple[Dashes, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
"""Line styles of the seeds."""


def draw_training(curves: Mapping[int, Path], **drawing: Unpack[look.Drawing]) -> None:
    """Draw the training curves of every seed.

    Parameters
    ----------
    curves : training curves (`tables.CURVE`) by seed.
    drawing : what every figure is given; the CSV has one row per point: seed, images_shown, metric, value.

    Raises
    ------
    FigureError : no curve, a curve that does not exist, or one that holds none of the metrics drawn.
    """
    if not curves:
        raise look.FigureError("no training curve was given")
    data = pd.concat(
        [read_curve(seed, Path(path), METRICS) for seed, path in sorted(curves.items())], ignore_index=True
    )
    look.draw(training_figure, data, **drawing)


def read_curve(seed: int, path: Path, metrics: Sequence[str]) -> pd.DataFrame:
    """Points (seed, images_shown, metric, value) of a curve: of these metrics, of roll-backs, and what stands beside quality."""
    if not path.is_file():
        raise look.FigureError(f"seed {seed} has no training curve: {path} does not exist")
    curve = read_table(path, CURVE)
    curve = curve[curve["value"].notna()]
    if not curve["metric"].isin(metrics).any():
        raise look.FigureError(f"{path}: holds none of the metrics that are drawn ({', '.join(metrics)})")
    drawn = curve[curve["metric"].isin([*metrics, *MARKS])]
    drawn = drawn.assign(seed=seed).rename(columns={"images": SHOWN})
    return drawn[["seed", SHOWN, "metric", "value"]].sort_values(["metric", SHOWN])


def training_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table (seed, images_shown, metric, value); call it inside `style`."""
    figure = look.new_figure(look.DOUBLE_COLUMN, 100)
    grid = figure.subplots(2, 3)
    seeds = sorted(data["seed"].unique())
    for axes, panel, letter in zip(grid.flat, PANELS, "abcde", strict=False):
        draw_panel(axes, panel, data, seeds, letter)
        axes.set_xlabel("Real images shown (thousands)")
    _tell(grid.flat[-1], data, seeds)
    figure.align_ylabels(grid)
    return figure


def draw_panel(
    axes: Axes, panel: Panel, data: pd.DataFrame, seeds: Sequence[int | str], letter: str, legend: float = LEGEND
) -> None:
    """Draw one panel: a line per metric and seed, and a vertical one where a training went back; or say that there is nothing.

    Parameters
    ----------
    seeds : what tells trainings apart in the column `seed`, in order.
    legend : share of the panel's height that a line of its legend takes; 0: no legend here.
    """
    axes.set_title(f"{letter}  {panel.title}")
    axes.set_ylabel(panel.axis)
    shown = data[data["metric"].isin(list(panel.lines))]
    if shown.empty:
        axes.text(0.5, 0.5, "not recorded in this run", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    if panel.zero:
        axes.axhline(0, color=PALE, lw=0.8, zorder=0)
    metrics = [metric for metric in panel.lines if (shown["metric"] == metric).any()]
    for metric in metrics:
        _draw_lines(axes, panel, metric, shown, seeds)
    _draw_levels(axes, panel, data)
    floors = data[data["metric"] == FLOOR] if "quality" in metrics else data.iloc[:0]
    if not floors.empty:
        _draw_floor(axes, data, floors, seeds)
    if panel.kept and KEPT in shown:
        points = shown[shown[KEPT]]
        axes.plot(
            points[SHOWN] / panel.unit,
            points["value"],
            ls="none",
            marker="o",
            ms=3.5 if panel.alike else 6,
            mfc="none",
            mec=INK,
            mew=0.5 if panel.alike else 0.8,
            clip_on=False,
            gid=KEPT,
            label=USED,
        )
    if panel.logarithmic:
        if (shown["value"] > 0).all() and (floors["value"] > 0).all():
            axes.set_yscale("log")
        elif "quality" in panel.lines:  # about 0 where crops cannot be distinguished, and below it by chance
            axes.set_yscale("symlog", linthresh=0.1)
    for at in data.loc[data["metric"] == ROLL_BACK, SHOWN].unique():
        axes.axvline(at / panel.unit, color=GREY, lw=0.8, ls=":", zorder=0, gid=ROLL_BACK)
    axes.set_xlim(left=0)
    entries = len(metrics) + (not floors.empty)
    if legend and entries > 1:
        _keep_free(axes, min(0.5, entries * legend))
        axes.legend(loc="upper right")


def _draw_lines(axes: Axes, panel: Panel, metric: str, shown: pd.DataFrame, seeds: Sequence[int | str]) -> None:
    """The lines of one metric, one for each seed that has it."""
    label, colour = panel.lines[metric]
    of_seed = dict(iter(shown[shown["metric"] == metric].groupby("seed", sort=False)))
    for i, seed in enumerate([seed for seed in seeds if seed in of_seed]):
        line = of_seed[seed].sort_values(SHOWN)
        axes.plot(
            line[SHOWN] / panel.unit,
            line["value"],
            color=colour,
            ls="--" if metric in panel.dashed else "-" if panel.alike else DASHES[seeds.index(seed) % len(DASHES)],
            lw=0.6 if panel.alike else 0.9,
            gid=f"{metric} {seed}",
            marker="o" if len(line) <= FEW else None,
            ms=2 if panel.alike else 3,
            label=label if i == 0 else "_",
        )


def _draw_levels(axes: Axes, panel: Panel, data: pd.DataFrame) -> None:
    """Horizontal lines to compare with, one for each value that a level has."""
    for metric, (label, dashes) in panel.levels.items():
        for i, value in enumerate(sorted(data.loc[data["metric"] == metric, "value"].unique())):
            named = label if i == 0 else "_"
            axes.axhline(value, color=GREY, lw=0.9, ls=dashes, zorder=0, gid=metric, label=named)


def _keep_free(axes: Axes, share: float) -> None:
    """Raise the upper end of the axis, so that a share of the height above all points is empty: legends cover no line there."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(axes.get_ylim())
    axes.set_ylim(top=float(scale.inverted().transform(low + (high - low) / (1 - share))))


def _draw_floor(axes: Axes, data: pd.DataFrame, floors: pd.DataFrame, seeds: Sequence[int | str]) -> None:
    """What real crops of other sites reach, and the standard error of every look."""
    axes.axhline(
        float(floors["value"].iloc[-1]), color=GREY, lw=0.9, ls="--", zorder=0, gid=FLOOR, label="Real (floor)"
    )
    for seed in seeds:
        points = data[data["seed"] == seed].pivot_table(index=SHOWN, columns="metric", values="value")
        if ERROR in points and "quality" in points:
            points = points[points[ERROR].notna() & points["quality"].notna()]
            axes.errorbar(
                points.index / 1000, points["quality"], points[ERROR], fmt="none", ecolor=ORANGE, elinewidth=0.7
            )


def _tell(axes: Axes, data: pd.DataFrame, seeds: Sequence[int]) -> None:
    """What no panel has room for: which line is which seed, and what every roll-back changed."""
    axes.set_axis_off()
    handles = []
    if len(seeds) > 1:
        handles = [
            Line2D([], [], color=GREY, ls=DASHES[i % len(DASHES)], label=f"Seed {s}") for i, s in enumerate(seeds)
        ]
    lines = roll_backs_in_words(data, seeds)
    if lines:
        handles.append(Line2D([], [], color=GREY, lw=0.8, ls=":", label="Roll-back to a checkpoint"))
    if handles:
        axes.legend(handles=handles, loc="upper left")
    below = 0.98 - 0.1 * len(handles) - 0.04 * bool(handles)
    axes.set_title("f  Roll-backs")
    axes.text(0.02, below, "\n".join(lines or ["None"]), va="top", size="small", transform=axes.transAxes)


def roll_backs_in_words(data: pd.DataFrame, seeds: Sequence[int]) -> list[str]:
    """One line per roll-back: when, and with which learning rate and R1 gamma training went on."""
    lines = []
    for seed in seeds:
        marks = data[(data["seed"] == seed) & data["metric"].isin(MARKS[:3])]
        if not (marks["metric"] == ROLL_BACK).any():
            continue
        table = marks.pivot_table(index=SHOWN, columns="metric", values="value").dropna(subset=[ROLL_BACK])
        for row in table.reset_index().to_dict("records"):
            at = f"Seed {seed}, at {row[SHOWN]:,}" if len(seeds) > 1 else f"At {row[SHOWN]:,}"
            names = {"learning_rate": "rate", "r1_gamma": "γ"}
            changes = [f"{name} {nominal(row[key])}" for key, name in names.items() if key in row]
            lines.append(f"{at}: then {', '.join(changes)}" if changes else at)
    return lines

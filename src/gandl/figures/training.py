"""How the GAN's training went: losses, logits, penalties, and the probe's Z' along it, for every seed.

Takes the training curves (`models/<model>/seed_<n>/curve.parquet`); makes figure_training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gandl.config import FiguresSettings
from gandl.figures import style as look
from gandl.figures.palette import BLUE, GREEN, GREY, INK, PALE, PURPLE, VERMILION
from gandl.tables import CURVE, read_table


@dataclass(frozen=True)
class Panel:
    """One panel: its title, its axis, and the metrics it draws with their labels and colours."""

    title: str
    axis: str
    lines: dict[str, tuple[str, str]]
    zero: bool = False
    logarithmic: bool = False


PANELS = (
    Panel(
        "a  Losses", "Loss", {"loss_generator": ("Generator", BLUE), "loss_discriminator": ("Discriminator", VERMILION)}
    ),
    Panel(
        "b  Discriminator’s logits",
        "Mean logit",
        {"real_logit": ("Real crops", BLUE), "fake_logit": ("Generated crops", VERMILION)},
        zero=True,
    ),
    Panel(
        "c  Penalties",
        "Penalty (log scale)",
        {"r1": ("R1 (gradient)", GREEN), "path_length_penalty": ("Path length", PURPLE)},
        logarithmic=True,
    ),
    Panel("d  Probe on held-out controls", "Z′", {"probe_z_prime": ("Z′", INK)}, zero=True),
)
METRICS = [metric for panel in PANELS for metric in panel.lines]
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
"""Line styles of the seeds."""


def draw_training(
    curves: Mapping[int, Path], *, settings: FiguresSettings, svg: Path, png: Path, csv: Path, word: str = ""
) -> None:
    """Draw the training curves of every seed.

    Parameters
    ----------
    curves : training curves (`tables.CURVE`) by seed.
    word : stamped on the figure, such as "simulated".
    svg, png, csv : files to write; the CSV has one row per point: seed, images, metric, value.

    Raises
    ------
    FigureError : no curve, a curve that does not exist, or one that holds none of the metrics drawn.
    """
    if not curves:
        raise look.FigureError("no training curve was given")
    data = pd.concat([_read(seed, Path(path)) for seed, path in sorted(curves.items())], ignore_index=True)
    with look.style(settings):
        look.save(training_figure(data), data, settings, svg=svg, png=png, csv=csv, word=word)


def _read(seed: int, path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise look.FigureError(f"seed {seed} has no training curve: {path} does not exist")
    curve = read_table(path, CURVE)
    drawn = curve[curve["metric"].isin(METRICS) & curve["value"].notna()]
    if drawn.empty:
        raise look.FigureError(f"{path}: holds none of the metrics that are drawn ({', '.join(METRICS)})")
    return drawn.assign(seed=seed)[["seed", "images", "metric", "value"]].sort_values(["metric", "images"])


def training_figure(data: pd.DataFrame) -> Figure:
    """The figure of a table (seed, images, metric, value); call it inside `style`."""
    figure = look.new_figure(look.DOUBLE_COLUMN, 105)
    grid = figure.subplots(2, 2, sharex=True)
    seeds = sorted(data["seed"].unique())
    for axes, panel in zip(grid.flat, PANELS, strict=True):
        _draw_panel(axes, panel, data, seeds)
    for axes in grid[-1]:
        axes.set_xlabel("Real images shown (thousands)")
    figure.align_ylabels(grid)
    if len(seeds) > 1:
        handles = [
            Line2D([], [], color=GREY, ls=DASHES[i % len(DASHES)], label=f"Seed {s}") for i, s in enumerate(seeds)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(seeds), 6))
    return figure


def _draw_panel(axes: Axes, panel: Panel, data: pd.DataFrame, seeds: list[int]) -> None:
    axes.set_title(panel.title)
    axes.set_ylabel(panel.axis)
    if panel.zero:
        axes.axhline(0, color=PALE, lw=0.8, zorder=0)
    drawn = False
    for metric, (label, colour) in panel.lines.items():
        for i, seed in enumerate(seeds):
            line = data[(data["metric"] == metric) & (data["seed"] == seed)].sort_values("images")
            if line.empty:
                continue
            few = len(line) <= 20
            axes.plot(
                line["images"] / 1000,
                line["value"],
                color=colour,
                ls=DASHES[i % len(DASHES)],
                lw=0.9,
                gid=f"{metric} {seed}",
                marker="o" if few else None,
                ms=3,
                label=label if i == 0 else "_",
            )
            drawn = True
    if not drawn:
        axes.text(0.5, 0.5, "not recorded in this run", transform=axes.transAxes, ha="center", va="center", color=GREY)
        axes.set_yticks([])
        return
    if panel.logarithmic and (data.loc[data["metric"].isin(list(panel.lines)), "value"] > 0).all():
        axes.set_yscale("log")
    axes.set_xlim(left=0)
    if len(panel.lines) > 1:
        axes.legend(loc="best")

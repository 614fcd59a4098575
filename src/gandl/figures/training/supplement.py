"""One training in full: all curves, what fixed latents became along it, and the way from style to style in the end.

Takes a training curve and the model's samples (`models/<model>/seed_<n>/curve.parquet`, `samples.npz`); makes figure_s_training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from gandl.figures.common import style as look
from gandl.figures.common.labels import channel_label
from gandl.figures.common.palette import BLUE, GREEN, INK, ORANGE, PURPLE, VERMILION
from gandl.figures.training.curves import (
    LOGITS,
    LOSSES,
    PENALTIES,
    PROBE,
    QUALITY,
    Panel,
    draw_panel,
    read_curve,
    roll_backs_in_words,
)
from gandl.figures.training.samples import HEIGHT, read_samples, scale_bar

LOGITS_ONLY = replace(LOGITS, title="Logits")
QUALITY_ONLY = replace(QUALITY, title="Quality")
PROBE_ONLY = replace(PROBE, title="Probe")
ALL_PENALTIES = replace(
    PENALTIES,
    lines={**PENALTIES.lines, "r2": ("R2 (gradient)", ORANGE), "lipschitz": ("Lipschitz", BLUE)},
)
DIVERSITY = Panel(
    "Diversity",
    "Spread in a batch",
    {"real_spread": ("Real", BLUE), "fake_spread": ("Generated", VERMILION)},
)
PATHS = Panel("Path length", "Mean length", {"path_length": ("Path length", PURPLE)})
SPEED = Panel("Speed", "Images/s", {"images_per_second": ("Speed", INK)})
STRENGTH = Panel("Augmentation", "Strength", {"augmentation_strength": ("Strength", GREEN)})
PANELS = (LOSSES, LOGITS_ONLY, ALL_PENALTIES, PATHS, QUALITY_ONLY, PROBE_ONLY, DIVERSITY, SPEED)
METRICS = [metric for panel in (*PANELS, STRENGTH) for metric in panel.lines]
CURVES_MM, TITLE_MM, COLUMNS_MM = 74.0, 7.0, 3.5
"""Height of the curves; of the title above a block of crops; of the names of its columns."""
LABELS_MM = 24.0
"""Width that the names of the channels take."""
FRAMES = 8
ROWS = 4
"""A block of few channels shows more latents, up to so many rows."""
GAP = 2
LEGEND = 0.16
"""Share of a small panel's height that a line of its legend takes."""


@dataclass(frozen=True)
class Crops:
    """A block of crops: grey levels (row, column, y, x), and the names of its rows and columns.

    Attributes
    ----------
    shrunk : pixels of the training that make the side of one.
    """

    title: str
    grey: npt.NDArray[np.uint8]
    rows: list[str]
    columns: list[str]
    shrunk: int = 1

    @property
    def header_mm(self) -> float:
        """Height of what stands above the crops."""
        return TITLE_MM + COLUMNS_MM * any(self.columns)


def draw_training_supplement(curve: Path, samples: Path, *, seed: int, **drawing: Unpack[look.Drawing]) -> None:
    """Draw one training in full.

    Parameters
    ----------
    curve : its curve (`tables.CURVE`).
    samples : the model's arrays as `gandl.models.looks.samples` writes them; `frames` and `interpolation` may be missing.
    seed : of the training.
    drawing : what every figure is given; the CSV has one row per point of the curves: seed, images_shown, metric, value.

    Raises
    ------
    FigureError : a file is absent, or the curve holds none of the metrics drawn.
    """
    data = read_curve(seed, Path(curve), METRICS)
    pixel, blocks = read_samples(Path(samples)).pixel_size_um, read_blocks(Path(samples))
    look.draw(partial(training_supplement_figure, blocks=blocks, pixel_size_um=pixel), data, **drawing)


def read_blocks(samples: Path) -> list[Crops]:
    """Blocks of crops that a model's samples hold: along training, with real ones beside, and along an interpolation."""
    with np.load(samples, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if "low" not in arrays or "high" not in arrays:
        return []
    channels = [channel_label(str(name)) for name in arrays["channels"]]
    blocks = []
    if "frames" in arrays:
        frames, images = arrays["frames"], arrays["frames_images"]
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int))
        latents = max(1, min(ROWS // len(channels), frames.shape[1], len(arrays["real"])))
        side, shrunk = frames.shape[-1], arrays["real"].shape[-1] // frames.shape[-1]
        real = arrays["real"][:latents].reshape(latents, len(channels), side, shrunk, side, shrunk).mean(axis=(3, 5))
        columns = np.concatenate([frames[chosen, :latents], _grey(real, arrays)[None]])
        # (column, latent, channel, y, x) -> rows: channel by channel, latent by latent
        rows = columns.transpose(2, 1, 0, 3, 4).reshape(-1, len(columns), side, side)
        names = [
            name if latents == 1 else f"{name}\nlatent {latent + 1}" for name in channels for latent in range(latents)
        ]
        when = [*(f"{images[k]:,}" for k in chosen), "real crops"]
        blocks.append(Crops("The same latents after so many images", rows, names, when, shrunk))
    if "interpolation" in arrays:
        strip = _grey(arrays["interpolation"], arrays)
        blocks.append(Crops("From style to style", strip.swapaxes(0, 1), channels, [""] * len(strip)))
    return blocks


def _grey(crops: npt.NDArray[np.float32], arrays: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
    """Stored values (..., c, y, x) on the grey scale of the model."""
    low, high = (arrays[name][:, None, None] for name in ("low", "high"))
    return (np.clip((crops - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def training_supplement_figure(data: pd.DataFrame, blocks: list[Crops], pixel_size_um: float | None) -> Figure:
    """The figure; call it inside `style`."""
    sides = _sides(blocks)
    heights = [block.header_mm + side * len(block.rows) for side, block in zip(sides, blocks, strict=True)]
    figure = look.new_figure(look.DOUBLE_COLUMN, CURVES_MM + sum(heights))
    parts = figure.subfigures(1 + len(blocks), 1, height_ratios=[CURVES_MM, *heights], hspace=0.0, squeeze=False)[:, 0]
    _draw_curves(parts[0], data)
    for i, (part, block, side, height) in enumerate(zip(parts[1:], blocks, sides, heights, strict=True)):
        part.text(0.005, 1 - 1.0 / height, f"{'ij'[i]}  {block.title}", ha="left", va="top", weight="bold")
        axes = _draw_block(part, block, side, height)
        if i == 0:  # crops of the other block are as large, in micrometres, and drawn smaller
            step = block.grey.shape[-1] + GAP
            pixel = None if pixel_size_um is None else pixel_size_um * block.shrunk
            scale_bar(axes, block.grey.shape[-1], pixel, left=step * (len(block.columns) - 1))
    return figure


def _draw_block(part: SubFigure, block: Crops, side: float, height: float) -> Axes:
    """One picture of all crops of a block, at the bottom of its part (`height` mm), each `side` mm wide."""
    mosaic = np.pad(block.grey, ((0, 0), (0, 0), (0, GAP), (0, GAP)), constant_values=255)
    r, c, h, w = mosaic.shape
    left, width = LABELS_MM / look.DOUBLE_COLUMN, side * c / look.DOUBLE_COLUMN
    axes = part.add_axes((left, 0.0, width, side * r / height))
    axes.imshow(mosaic.transpose(0, 2, 1, 3).reshape(r * h, c * w), cmap="gray", vmin=0, vmax=255, aspect="auto")
    axes.set_axis_off()
    for row, name in enumerate(block.rows):
        axes.text(-0.1 * w, (row + 0.5) * h, name, ha="right", va="center", size="small")
    for column, name in enumerate(block.columns):
        axes.text((column + 0.5) * w, -0.04 * h, name, ha="center", va="bottom", size="small")
    return axes


def _sides(blocks: list[Crops]) -> list[float]:
    """Side (mm) of the crops of each block: as wide as the page allows, and together no higher than what the curves leave."""
    widest = [(look.DOUBLE_COLUMN - LABELS_MM - 2) / len(block.columns) for block in blocks]
    needed = sum(side * len(block.rows) for side, block in zip(widest, blocks, strict=True))
    room = HEIGHT - CURVES_MM - sum(block.header_mm for block in blocks)
    return [side * min(1.0, room / needed) for side in widest]


def _draw_curves(part: SubFigure, data: pd.DataFrame) -> None:
    """All curves, two rows of four panels; where crops were augmented, how strongly stands in the place of path lengths."""
    augmented = data.loc[data["metric"] == "augmentation_strength", "value"].gt(0).any()
    panels = [STRENGTH if augmented and panel is PATHS else panel for panel in PANELS]
    grid = part.subplots(2, 4)
    seeds = sorted(data["seed"].unique())
    for axes, panel, letter in zip(grid.flat, panels, "abcdefgh", strict=True):
        draw_panel(axes, panel, data, seeds, letter, LEGEND)
    lines = roll_backs_in_words(data, seeds)
    label = "Real images shown (thousands)"
    part.supxlabel(f"{label}. Dotted: roll-backs. {'; '.join(lines)}" if lines else label, fontsize="small")
    part.align_ylabels(grid)

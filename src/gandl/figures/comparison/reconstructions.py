"""Held-out tiles and their reconstructions by the unsupervised and the regularised model.

Takes the models' samples; makes comparison_figure_6 (Dmitrenko et al. 2022, Fig. 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure, SubFigure

from gandl.figures.common import style as look
from gandl.figures.common.labels import fixed
from gandl.figures.comparison.setups import Run, runs_of, setup_label
from gandl.figures.training.samples import Samples, read_samples, scale_bar
from gandl.images.display import display_range

ACROSS, BANDS = 12, 2
"""Tiles in a row, and rows of pairs, of each model at most."""
TITLE_MM, GAP_MM, SIDE_MM = 6.0, 1.5, 13.4
LEFT_MM = 9.0
"""Width that the names of the rows take."""
COLUMNS = ["setup", "seed", "tile", "squared_error", "variance", "error_over_variance", "display_low", "display_high"]
"""A row per tile that is drawn: the mean squared error of its reconstruction, and the variance of its pixels (stored units²)."""


@dataclass(frozen=True)
class Block:
    """One model's tiles: whose they are, as (n, y, x), and the limits of display."""

    run: Run
    real: npt.NDArray[np.float32]
    fake: npt.NDArray[np.float32]
    pixel_size_um: float | None
    limits: tuple[float, float]


def draw_reconstructions(samples: Sequence[Path], **drawing: Unpack[look.Drawing]) -> None:
    """Draw random held-out tiles, each above its reconstruction, a block per model.

    Parameters
    ----------
    samples : the samples (`<setup>/seed_<n>/samples.npz`: arrays `real` and `fake` (n, 1, y, x)) of each model that is drawn, of
        its first channel; they were held out when it was trained.
    drawing : what every figure is given; the CSV has the columns `COLUMNS`.

    Raises
    ------
    FigureError : a file is absent, its path names no setup, or it holds no pairs.
    """
    blocks = [_block(run, read_samples(path, "reconstructed")) for run, path in runs_of(samples, "samples").items()]
    data = pd.concat([errors(block) for block in blocks], ignore_index=True)
    look.draw(partial(reconstructions_figure, blocks=blocks), data, **drawing)


def _block(run: Run, samples: Samples) -> Block:
    real, fake = (crops[: ACROSS * BANDS, 0] for crops in (samples.real, samples.fake))
    return Block(run, real, fake, samples.pixel_size_um, display_range(real))


def errors(block: Block) -> pd.DataFrame:
    """The table with `COLUMNS` of one model."""
    squared = ((block.fake - block.real).astype(np.float64) ** 2).mean((1, 2))
    variance = block.real.astype(np.float64).var((1, 2))
    about = {"setup": block.run.setup, "seed": block.run.seed, "tile": np.arange(len(block.real))}
    found = {"squared_error": squared, "variance": variance}
    found["error_over_variance"] = np.divide(squared, variance, out=np.full_like(squared, np.nan), where=variance > 0)
    return pd.DataFrame(about | found | dict(zip(COLUMNS[-2:], block.limits, strict=True)))[COLUMNS]


def reconstructions_figure(data: pd.DataFrame, blocks: Sequence[Block]) -> Figure:
    """The figure; call it inside `style`."""
    heights = [TITLE_MM + bands(block) * (2 * SIDE_MM + GAP_MM) for block in blocks]
    figure = look.new_figure(look.DOUBLE_COLUMN, sum(heights))
    parts = figure.subfigures(len(blocks), 1, height_ratios=heights, hspace=0.0, squeeze=False)[:, 0]
    for letter, part, block, height in zip("abcdefghijkl", parts, blocks, heights, strict=False):
        mine = data[(data["setup"] == block.run.setup) & (data["seed"] == block.run.seed)]
        _draw(part, block, height, f"{letter}  {_title(block, mine)}")
    return figure


def bands(block: Block) -> int:
    """Rows of pairs of a block."""
    return -(-len(block.real) // ACROSS)


def _title(block: Block, mine: pd.DataFrame) -> str:
    median = mine["error_over_variance"].median()
    return (
        f"{setup_label(block.run.setup)} (seed {block.run.seed}): error / variance "
        f"{fixed(median, 2)} (median, n = {len(mine)} tiles)"
    )


def _draw(part: SubFigure, block: Block, height: float, title: str) -> None:
    """One picture per row of tiles; the names of the rows stand left of them."""
    part.text(0.005, 1 - 1.2 / height, title, ha="left", va="top", weight="bold")
    low, high = block.limits
    for band in range(bands(block)):
        top = TITLE_MM + band * (2 * SIDE_MM + GAP_MM)
        shown = slice(band * ACROSS, (band + 1) * ACROSS)
        rows: Mapping[str, npt.NDArray[np.float32]] = {"Original": block.real[shown], "Decoded": block.fake[shown]}
        for row, (name, tiles) in enumerate(rows.items()):
            bottom = height - top - (row + 1) * SIDE_MM
            width = SIDE_MM * len(tiles)
            axes = part.add_axes(
                (LEFT_MM / look.DOUBLE_COLUMN, bottom / height, width / look.DOUBLE_COLUMN, SIDE_MM / height)
            )
            axes.imshow(strip(tiles, high), vmin=low, vmax=high, aspect="auto")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            axes.set_ylabel(name, fontsize="small")
            if band == 0 and row == 0:
                scale_bar(axes, tiles.shape[-1], block.pixel_size_um)


def strip(tiles: npt.NDArray[np.float32], white: float) -> npt.NDArray[np.float32]:
    """Tiles (n, y, x) side by side, with a white line to the right of and below each: (y + 1, n (x + 1))."""
    padded = np.pad(tiles, ((0, 0), (0, 1), (0, 1)), constant_values=white)
    n, y, x = padded.shape
    return padded.transpose(1, 0, 2).reshape(y, n * x)

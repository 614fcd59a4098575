"""Real and generated (or reconstructed) crops, side by side and channel by channel, with a scale bar.

Takes a model's samples (`models/<model>/seed_<n>/samples.npz`); makes figure_samples and figure_s_reconstructions, and as CSV
the intensities of both sets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.figures.common import style as look
from gandl.figures.common.labels import channel_label, nominal
from gandl.images.display import display_range

HEIGHT = 232.0
"""Of the page, in mm, at most."""
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
Made = Literal["generated", "reconstructed"]
"""How a model made its crops: from latents, or each of the real crop above it."""


@dataclass(frozen=True)
class Samples:
    """Crops (n, channel, y, x), scaled alike; the channels' names; the size of a pixel (um), None when unknown; how `fake` was
    made."""

    real: np.ndarray
    fake: np.ndarray
    channels: list[str]
    pixel_size_um: float | None
    made: Made = "generated"


def draw_samples(samples: Path, made: Made = "generated", **drawing: Unpack[look.Drawing]) -> None:
    """Draw real crops above those that a model made, for every channel.

    Parameters
    ----------
    samples : the model's samples: arrays `real` and `fake` (n, c, h, w), `channels` (c,), `pixel_size_um` (NaN when unknown).
    made : how the model made them.
    drawing : what every figure is given; the CSV has, per channel and set, the display limits and the moments and percentiles of
        the crops drawn.

    Raises
    ------
    FigureError : the file is absent, lacks an array, or its arrays do not fit each other.
    """
    given = read_samples(Path(samples), made)
    crops = drawing["settings"].crops
    shown = replace(given, real=given.real[:crops], fake=given.fake[:crops])
    data = intensities(shown)
    look.draw(partial(samples_figure, shown), data, **drawing)


def read_samples(path: Path, made: Made = "generated") -> Samples:
    """Read and check a model's samples; what is reconstructed belongs to the real crop of the same number."""
    if not path.is_file():
        raise look.FigureError(f"{path} does not exist: no {made} crops to draw; train the model first")
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in ("real", "fake", "channels") if name not in file.files]
        if missing:
            raise look.FigureError(f"{path}: lacks {', '.join(missing)}; it holds {', '.join(file.files)}")
        real, fake = np.asarray(file["real"], np.float32), np.asarray(file["fake"], np.float32)
        channels = [str(name) for name in file["channels"]]
        pixel = float(file["pixel_size_um"]) if "pixel_size_um" in file.files else float("nan")
    if real.ndim != 4 or real.shape[1:] != fake.shape[1:] or real.shape[1] != len(channels):
        raise look.FigureError(
            f"{path}: real {real.shape} and fake {fake.shape} must both be (n, {len(channels)}, h, w): "
            f"one channel each of {', '.join(channels)}"
        )
    if made == "reconstructed" and len(real) != len(fake):
        raise look.FigureError(
            f"{path}: {len(fake)} reconstructions cannot belong to {len(real)} real crops, one to each"
        )
    return Samples(real, fake, channels, pixel if np.isfinite(pixel) and pixel > 0 else None, made)


def intensities(samples: Samples) -> pd.DataFrame:
    """Per channel and set: number of crops, display limits, mean, standard deviation and percentiles of the pixels.

    The limits are those of the real crops, and serve the generated ones, too.
    """
    rows = []
    for index, channel in enumerate(samples.channels):
        low, high = display_range(samples.real[:, index])
        for name, crops in (("real", samples.real), (samples.made, samples.fake)):
            pixels = crops[:, index].astype(np.float64)
            row = {"channel": channel, "crops": name, "n": len(pixels), "display_low": low, "display_high": high}
            row |= {"mean": pixels.mean(), "std": pixels.std()}
            row |= {
                f"p{q:02d}": value for q, value in zip(PERCENTILES, np.percentile(pixels, PERCENTILES), strict=True)
            }
            rows.append(row)
    return pd.DataFrame(rows)


def samples_figure(samples: Samples, data: pd.DataFrame) -> Figure:
    """The figure; call it inside `style`. Two rows (real, made by the model) per channel, one column per crop."""
    columns = max(len(samples.real), len(samples.fake))
    rows = 2 * len(samples.channels)
    side = min((look.DOUBLE_COLUMN - 6) / columns, (HEIGHT - 7 * len(samples.channels)) / rows, 30.0)
    figure = look.new_figure(side * columns + 6, side * rows + 7 * len(samples.channels))
    figure.set_layout_engine("constrained", h_pad=0.02, w_pad=0.01, hspace=0.0, wspace=0.0)
    grid = figure.subplots(rows, columns, squeeze=False)
    for index, channel in enumerate(samples.channels):
        low, high = data.loc[data["channel"] == channel, ["display_low", "display_high"]].iloc[0]
        grid[2 * index, 0].set_title(channel_label(channel))
        for row, crops, name in (
            (2 * index, samples.real, "Real"),
            (2 * index + 1, samples.fake, samples.made.capitalize()),
        ):
            grid[row, 0].set_ylabel(name, size="small")  # the longest is as high as a crop, and would push rows apart
            for column, axes in enumerate(grid[row]):
                _bare(axes)
                if column < len(crops):
                    axes.imshow(crops[column, index], vmin=low, vmax=high)
    scale_bar(grid[0, 0], samples.real.shape[-1], samples.pixel_size_um)
    return figure


def _bare(axes: Axes) -> None:
    """No ticks, no frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def scale_bar(axes: Axes, side: int, pixel_size_um: float | None, left: float = 0.0) -> None:
    """A white bar of a round length of about a quarter of the crop; in pixels, and said so, when their size is unknown.

    Parameters
    ----------
    side, left : of the crop, in the pixels that the axes count; its upper end is at 0.
    """
    pixel = pixel_size_um or 1.0
    length = _round_length(side * pixel / 3)
    label = f"{nominal(length)} µm" if pixel_size_um else f"{nominal(length)} px"
    end = left + side * 0.94
    axes.plot([end - length / pixel, end], [side * 0.92] * 2, color="white", lw=1.8, solid_capstyle="butt")
    axes.text(end, side * 0.89, label, color="white", ha="right", va="bottom", size="small")


def _round_length(about: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `about`."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(max(step * power for step in (1, 2, 5) if step * power <= about * (1 + 1e-9)))

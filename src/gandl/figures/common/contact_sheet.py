"""A contact sheet: takes images of a few wells, makes one picture, a row per well and a column per channel.

It is made for looking: all wells of a channel share their contrast, so that what differs on the sheet differs in the plate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gandl.config import FiguresSettings
from gandl.figures.common import style as look
from gandl.figures.common.labels import channel_label, nominal
from gandl.images.display import PERCENTILES, display_range
from gandl.workflow.files import atomic

SHEET_DPI = 200
"""Unless the configuration says otherwise; sizes below are pixels, and text grows with this."""
PANEL = 440
"""Longer side of an image on the sheet, in pixels of the PNG: smaller images are enlarged, larger ones averaged."""
GAP = 8
MARGIN = 24
HEAD_LINES = 2.6
LABEL_LINES = 2.0
LEGEND_LINES = 2.2


@dataclass(frozen=True)
class ContactSheet:
    """What is shown.

    Attributes
    ----------
    images : (rows, channels, y, x), any size.
    labels : one for each row: which well, and what was done to it.
    channels : names of the columns.
    pixel_size_um : side of a pixel; None where unknown (then the scale bar is in pixels).
    title : above the sheet.
    word : such as `simulated`; drawn large beside the title, and on every image.
    """

    images: np.ndarray
    labels: Sequence[str]
    channels: Sequence[str]
    pixel_size_um: float | None = None
    title: str = ""
    word: str = ""

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[:2] != (len(self.labels), len(self.channels)):
            raise look.FigureError(
                f"a contact sheet of {len(self.labels)} wells and {len(self.channels)} channels needs images "
                f"({len(self.labels)}, {len(self.channels)}, y, x), not {self.images.shape}"
            )
        if not self.images.size:
            raise look.FigureError("a contact sheet needs at least one well and one channel")


def draw_contact_sheet(sheet: ContactSheet, png: Path, settings: FiguresSettings | None = None) -> pd.DataFrame:
    """Draw a sheet as PNG.

    Parameters
    ----------
    sheet : images and words. png : written. settings : font size and resolution.

    Returns
    -------
    One row per channel: `channel`, `black`, `white`: the grey values that are drawn so.
    """
    settings = settings or FiguresSettings(dpi=SHEET_DPI)
    data = limits(sheet)
    with look.style(settings):
        figure = sheet_figure(sheet, data, settings)
        with atomic(Path(png)) as partial:
            figure.savefig(partial, format="png", dpi=settings.dpi, metadata={"Software": None})
    return data


def limits(sheet: ContactSheet) -> pd.DataFrame:
    """The grey values that are black and white, channel by channel, over all rows."""
    rows = []
    for column, channel in enumerate(sheet.channels):
        black, white = display_range(sheet.images[:, column])
        rows.append({"channel": channel, "black": black, "white": white})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Layout:
    """Places on the sheet, in pixels of the PNG from its upper left corner; `panel` is (height, width), `line` a line of text."""

    rows: int
    columns: int
    panel: tuple[int, int]
    line: float

    @property
    def top(self) -> float:
        """Where the first row begins, below title and names of channels."""
        return MARGIN + (2 + HEAD_LINES) * self.line

    @property
    def step(self) -> tuple[float, float]:
        """From one panel to the next, down and across."""
        return self.panel[0] + LABEL_LINES * self.line + GAP, self.panel[1] + GAP

    @property
    def size(self) -> tuple[float, float]:
        """Height and width; wide enough for the words also where there is one channel."""
        down, across = self.step
        width = max(2 * MARGIN + self.columns * across - GAP, 2.6 * PANEL)
        return self.top + self.rows * down + (LEGEND_LINES + 0.8) * self.line + MARGIN, width

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width, height of a panel, as shares of the figure."""
        (height, width), (down, across) = self.size, self.step
        upper = self.top + row * down + LABEL_LINES * self.line
        left = MARGIN + column * across
        return left / width, 1 - (upper + self.panel[0]) / height, self.panel[1] / width, self.panel[0] / height

    def write(self, figure: Figure, across: float, down: float, text: str, **kind: Any) -> None:
        """Text whose upper left corner lies there."""
        height, width = self.size
        figure.text(across / width, 1 - down / height, text, **{"va": "top", **kind})


def sheet_figure(sheet: ContactSheet, data: pd.DataFrame, settings: FiguresSettings) -> Figure:
    """The figure; call it inside `style`. Panels fall on whole pixels at the configured resolution."""
    rows, columns, y, x = sheet.images.shape
    zoom = PANEL / max(y, x)
    layout = Layout(rows, columns, (round(y * zoom), round(x * zoom)), 1.25 * settings.font_size * settings.dpi / 72)
    height, width = layout.size
    figure = Figure(figsize=(width / settings.dpi, height / settings.dpi))
    figure.set_layout_engine("none")
    _words(figure, layout, sheet)
    for column, (channel, black, white) in enumerate(data.itertuples(index=False)):
        left = MARGIN + column * layout.step[1]
        layout.write(figure, left, MARGIN + 2 * layout.line, channel_label(channel), weight="bold")
        span = f"{black:,.0f} to {white:,.0f}"
        layout.write(figure, left, MARGIN + 3.1 * layout.line, span, size="small")
        for row in range(rows):
            axes = figure.add_axes(layout.box(row, column))
            _panel(axes, sheet.images[row, column], (black, white), zoom, sheet.word)
    _scale_bar(axes, x, y, sheet.pixel_size_um)
    return figure


def _words(figure: Figure, layout: Layout, sheet: ContactSheet) -> None:
    """Title, word, labels of the rows, and what the contrast is."""
    height, width = layout.size
    layout.write(figure, MARGIN, MARGIN, sheet.title, weight="bold", size="large")
    word = {"ha": "right", "weight": "bold", "size": "x-large", "color": look.STAMP, "gid": "word"}
    layout.write(figure, width - MARGIN, MARGIN, sheet.word.upper(), **word)
    for row, label in enumerate(sheet.labels):
        layout.write(figure, MARGIN, layout.top + row * layout.step[0] + 0.7 * layout.line, label)
    layout.write(figure, MARGIN, height - MARGIN - LEGEND_LINES * layout.line, _legend(sheet), size="small")


def _legend(sheet: ContactSheet) -> str:
    size = " x ".join(str(side) for side in sheet.images.shape[2:])
    pixel = f"{nominal(sheet.pixel_size_um)} µm a pixel" if sheet.pixel_size_um else "pixel size unknown"
    return (
        f"Each channel: black is the {PERCENTILES[0]:g}th, white the {PERCENTILES[1]:g}th percentile of all wells shown;\n"
        f"these grey values stand above its column. Images {size} px (height x width), {pixel}."
    )


def _panel(axes: Axes, image: np.ndarray, contrast: tuple[float, float], zoom: float, word: str) -> None:
    axes.imshow(
        image,
        vmin=contrast[0],
        vmax=contrast[1],
        aspect="auto",
        interpolation="nearest" if zoom >= 1 else "antialiased",
    )
    axes.set_axis_off()
    if word:
        axes.text(
            0.02, 0.98, word, transform=axes.transAxes, ha="left", va="top", color="white", size="small", gid="word",
            bbox={"facecolor": look.STAMP, "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip


def _scale_bar(axes: Axes, width: int, height: int, pixel_size_um: float | None) -> None:
    """A white bar of a round length, about a quarter of the image; in pixels, and said so, where their size is unknown."""
    pixel = pixel_size_um or 1.0
    about = width * pixel / 3
    power = 10.0 ** np.floor(np.log10(about))
    length = float(max(step * power for step in (1, 2, 5) if step * power <= about * (1 + 1e-9)))
    end, level = width * 0.95, height * 0.95
    axes.add_patch(
        Rectangle(
            (end - length / pixel - 0.02 * width, height * 0.865), length / pixel + 0.04 * width, 0.11 * height,
            facecolor="black", alpha=0.55, edgecolor="none",
        )
    )  # fmt: skip
    axes.plot([end - length / pixel, end], [level, level], color="white", lw=2, solid_capstyle="butt", gid="scale_bar")
    unit = "µm" if pixel_size_um else "px"
    place: dict[str, Any] = {"ha": "center", "va": "bottom", "size": "small", "color": "white", "gid": "scale"}
    axes.text(end - length / pixel / 2, level - height * 0.015, f"{nominal(length)} {unit}", **place)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)

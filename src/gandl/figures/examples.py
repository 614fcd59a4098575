"""Example images of every screen: a row per well, a column per channel, one grey scale per screen and channel.

Takes image stores and sites tables; makes figure_1 (as Fig. 1 of Mascolini et al. 2022). Wells are taken by rule, not by eye.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.evaluation.terms import NO_CELL_TYPE
from gandl.figures.common import style as look
from gandl.figures.common.labels import channel_label, nominal
from gandl.figures.common.palette import GREY
from gandl.images.store_reader import ImageStore, store_path
from gandl.tables import SITES, read_table

DISPLAY = (0.5, 99.7)
"""Percentiles of a channel, over all rows of a screen, that are black and white."""
KINDS = {"positive": "C+", "negative": "C−", "none": "treated"}
WITH_KINDS = ("rxrx19a", "bbbc013", "plates")
"""Screens of which a row per kind of well is shown; of the others (cell types) one row per store."""
LARGEST, PAGE = 34.0, 232.0
"""Side (mm) of an image, and height of a figure, at most."""
MARGINS = (16.0, 10.0)
"""Room (mm) for the rows' labels and the columns' titles."""
GAP = 1.5
"""Room (mm) between rows."""


@dataclass(frozen=True)
class Example:
    """One row: a site, with its image (y, x) by channel."""

    dataset: str
    site_id: str
    label: str
    pixel_size_um: float | None
    images: Mapping[str, np.ndarray]


def draw_examples(
    manifests: Sequence[Path],
    datasets: Sequence[str],
    *,
    sites: Sequence[Path],
    resolutions: Mapping[str, int],
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the first site of the first well of each kind in every store.

    Parameters
    ----------
    manifests, datasets : manifest and screen of each image store, in the order of the rows.
    sites : sites table of every screen.
    resolutions : stored size (px) to show, by screen.
    drawing : what every figure is given; the CSV has a row per image: site, channel, display limits, mean and deviation.

    Raises
    ------
    FigureError : a store holds none of its sites.
    """
    table = pd.concat([read_table(Path(path), SITES) for path in sites], ignore_index=True)
    stores = [(name, store_path(Path(path))) for name, path in zip(datasets, manifests, strict=True)]
    rows = [row for name, path in stores for row in examples_of(name, ImageStore(path), table, resolutions[name])]
    data = described(rows)
    look.draw(partial(examples_figure, rows), data, **drawing)


def examples_of(dataset: str, store: ImageStore, sites: pd.DataFrame, resolution: int) -> Iterator[Example]:
    """The rows of one store: the first positive and negative control and the first treated well of the highest dose, or one well
    of its cell type.

    Raises
    ------
    FigureError : the store holds none of the sites.
    """
    position = {site: i for i, site in enumerate(store.site_ids)}
    mine = sites[sites["site_id"].isin(list(position))]
    if mine.empty:
        raise look.FigureError(f"{store.path} holds none of the sites of its sites table")
    wanted = [mine[mine["control"] == kind] for kind in KINDS] if dataset in WITH_KINDS else [mine]
    for wells in wanted:
        treated = wells[wells["treatment"].notna()]
        if len(wells):
            chosen = treated if len(treated) else wells
            first = chosen.sort_values("concentration_um", ascending=False, kind="stable").iloc[0]
            pixels = store.sites([position[first["site_id"]]], resolution)[0]
            yield Example(
                dataset,
                str(first["site_id"]),
                _label(first, dataset),
                store.pixel_size_at(resolution),
                dict(zip(store.channels, pixels, strict=True)),
            )


def _label(site: pd.Series, dataset: str) -> str:
    """Cell type and kind of a well; of a treated one, below, with what."""
    if dataset not in WITH_KINDS:
        return str(site["cell_type"])
    label = f"{site['cell_type']} {KINDS[site['control']]}".removeprefix(f"{NO_CELL_TYPE} ")
    name = site["compound"] if isinstance(site["compound"], str) else site["treatment"]
    if site["control"] != "none" or not isinstance(name, str):
        return label
    dose = "" if pd.isna(site["concentration_um"]) else f"\n{nominal(site['concentration_um'])} µM"
    return "\n".join([label, *wrap(name, 16)]) + dose


def described(rows: Sequence[Example]) -> pd.DataFrame:
    """A row per image, with the grey values of its screen and channel that are drawn black and white."""
    limits = {}
    for dataset in dict.fromkeys(row.dataset for row in rows):
        shown = [row.images for row in rows if row.dataset == dataset]
        for channel in dict.fromkeys(name for images in shown for name in images):
            pixels = np.concatenate([images[channel].ravel() for images in shown if channel in images])
            black, white = np.percentile(pixels, DISPLAY)
            limits[dataset, channel] = black, max(white, black + 1)
    return pd.DataFrame(
        {
            "dataset": row.dataset,
            "site_id": row.site_id,
            "pixel_size_um": row.pixel_size_um,
            "label": row.label.replace("\n", " "),
            "channel": channel,
            "display_low": limits[row.dataset, channel][0],
            "display_high": limits[row.dataset, channel][1],
            "mean": image.mean(dtype=np.float64),
            "deviation": image.std(dtype=np.float64),
        }
        for row in rows
        for channel, image in row.images.items()
    )


def examples_figure(rows: Sequence[Example], data: pd.DataFrame) -> Figure:
    """The figure of some rows and the table that describes them; call it inside `style`."""
    channels = list(data["channel"].unique())
    side = min(
        (look.DOUBLE_COLUMN - MARGINS[0]) / len(channels), (PAGE - MARGINS[1]) / max(len(rows), 1) - GAP, LARGEST
    )
    figure = look.new_figure(side * len(channels) + MARGINS[0], (side + GAP) * len(rows) + MARGINS[1])
    figure.set_layout_engine("constrained", h_pad=0.012, w_pad=0.012, hspace=0.0, wspace=0.0)
    grid = figure.subplots(len(rows), len(channels), squeeze=False)
    limits = data.set_index(["site_id", "channel"])[["display_low", "display_high"]]
    for down, row in enumerate(rows):
        for across, channel in enumerate(channels):
            axes = grid[down, across]
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if down == 0:
                axes.set_title(channel_label(channel), fontsize="x-small")
            if channel in row.images:
                low, high = limits.loc[(row.site_id, channel)]
                axes.imshow(row.images[channel], vmin=low, vmax=high, cmap="gray", interpolation="nearest")
            else:
                _not_there(axes)
        grid[down, 0].set_ylabel(row.label, fontsize="x-small")
        _scale_bar(grid[down, 0], row)
    return figure


def _not_there(axes: Axes) -> None:
    text = axes.text(0.5, 0.5, "not stained", ha="center", va="center", transform=axes.transAxes)
    text.set(fontsize="xx-small", color=GREY)
    axes.set_box_aspect(1)


def _scale_bar(axes: Axes, row: Example) -> None:
    """A white bar of a round length in the first image of a row."""
    height, width = next(iter(row.images.values())).shape
    pixel, unit = (1.0, "px") if row.pixel_size_um is None else (row.pixel_size_um, "µm")
    rough = width * pixel / 3
    power = 10.0 ** np.floor(np.log10(rough))
    length = max(step * power for step in (1, 2, 5) if step * power <= rough)
    end = width * 0.95
    axes.plot([end - length / pixel, end], [height * 0.93] * 2, color="white", lw=1.6, solid_capstyle="butt")
    text = axes.text(end - length / pixel / 2, height * 0.9, f"{nominal(length)} {unit}", ha="center", va="bottom")
    text.set(color="white", fontsize="xx-small")

"""Example images of every screen: a row per well, a column per channel, one grey scale per screen and channel.

Takes image stores and sites tables; makes figure_1 (as Fig. 1 of Mascolini et al. 2022). Wells are taken by rule, not by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.config import FiguresSettings
from gandl.figures import style as look
from gandl.figures.labels import channel_label, nominal
from gandl.images.store import ImageStore
from gandl.tables import SITES, read_table

DISPLAY = (0.5, 99.7)
"""Percentiles of a channel, over all rows of a screen, that are black and white."""
KINDS = {"positive": "C+", "negative": "C−", "none": "treated"}
WITH_KINDS = ("rxrx19a", "bbbc013", "plates")
"""Screens of which a row per kind of well is shown; of the others (cell types) one row per store."""


def draw_examples(
    stores: Sequence[tuple[str, Path]],
    *,
    sites: Sequence[Path],
    resolutions: Mapping[str, int],
    settings: FiguresSettings,
    svg: Path,
    png: Path,
    csv: Path,
    word: str = "",
) -> None:
    """Draw the first site of the first well of each kind in every store.

    Parameters
    ----------
    stores : screen and path of each image store, in the order of the rows.
    sites : sites table of every screen.
    resolutions : stored size (px) to show, by screen.
    word : stamped on the figure, such as "simulated".
    svg, png, csv : files to write; the CSV has a row per image: site, channel, display limits, mean and deviation.

    Raises
    ------
    FigureError : a store holds none of its sites.
    """
    table = pd.concat([read_table(Path(path), SITES) for path in sites], ignore_index=True)
    rows = [row for dataset, path in stores for row in _rows(dataset, ImageStore(path), table, resolutions[dataset])]
    channels = list(dict.fromkeys(name for row in rows for name in row["images"]))
    data = _described(rows)
    with look.style(settings):
        figure = examples_figure(rows, channels, data)
        look.save(figure, data, settings, svg=svg, png=png, csv=csv, word=word)


def _rows(dataset: str, store: ImageStore, sites: pd.DataFrame, resolution: int) -> list[dict[str, object]]:
    position = {site: i for i, site in enumerate(store.site_ids)}
    mine = sites[sites["site_id"].isin(position)]
    if mine.empty:
        raise look.FigureError(f"{store.path} holds none of the sites of its sites table")
    found = []
    for kind, name in KINDS.items():
        wells = mine[mine["control"] == kind]
        if wells.empty or (dataset not in WITH_KINDS and found):
            continue
        first = wells.iloc[0]
        treatment = first["treatment"] if isinstance(first["treatment"], str) and kind == "none" else ""
        label = f"{first['cell_type']} {name}" if dataset in WITH_KINDS else str(first["cell_type"])
        pixels = store.sites([position[first["site_id"]]], resolution)[0]
        found.append(
            {
                "dataset": dataset,
                "site_id": first["site_id"],
                "label": f"{label}\n{treatment}".strip(),
                "pixel_size_um": store.pixel_size_at(resolution),
                "images": dict(zip(store.channels, pixels, strict=True)),
            }
        )
    return found


def _described(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """A row per image, with the grey values of its screen and channel that are drawn black and white."""
    records = []
    for row in rows:
        for channel, image in _images(row).items():
            shown = [_images(other)[channel] for other in rows if other["dataset"] == row["dataset"]]
            black, white = np.percentile(np.concatenate([one.ravel() for one in shown]), DISPLAY)
            records.append(
                {
                    **{name: row[name] for name in ("dataset", "site_id", "pixel_size_um")},
                    "label": str(row["label"]).replace("\n", " "),
                    "channel": channel,
                    "display_low": black,
                    "display_high": max(white, black + 1),
                    "mean": image.mean(dtype=np.float64),
                    "deviation": image.std(dtype=np.float64),
                }
            )
    return pd.DataFrame(records)


def _images(row: dict[str, object]) -> dict[str, np.ndarray]:
    images = row["images"]
    assert isinstance(images, dict)
    return images


def examples_figure(rows: Sequence[dict[str, object]], channels: Sequence[str], data: pd.DataFrame) -> Figure:
    """The figure; call it inside `style`."""
    side = min((look.DOUBLE_COLUMN - 16) / len(channels), 34.0)
    figure = look.new_figure(side * len(channels) + 16, (side + 1.5) * len(rows) + 10)
    figure.set_layout_engine("constrained", h_pad=0.012, w_pad=0.012, hspace=0.0, wspace=0.0)
    grid = figure.subplots(len(rows), len(channels), squeeze=False)
    limits = data.set_index(["site_id", "channel"])[["display_low", "display_high"]]
    for down, row in enumerate(rows):
        for across, channel in enumerate(channels):
            axes = grid[down, across]
            _bare(axes)
            if down == 0:
                axes.set_title(channel_label(channel), fontsize="x-small")
            if across == 0:
                axes.set_ylabel(str(row["label"]), fontsize="x-small")
            if channel in _images(row):
                low, high = limits.loc[(row["site_id"], channel)]
                axes.imshow(_images(row)[channel], vmin=low, vmax=high, cmap="gray", interpolation="nearest")
            else:
                axes.text(
                    0.5, 0.5, "not stained", ha="center", va="center", fontsize="xx-small", transform=axes.transAxes
                )
        _scale_bar(grid[down, 0], row)
    return figure


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _scale_bar(axes: Axes, row: dict[str, object]) -> None:
    """A white bar of a round length in the first image of a row."""
    height, width = next(iter(_images(row).values())).shape
    known = row["pixel_size_um"]
    pixel = float(str(known)) if known is not None else 1.0
    rough = width * pixel / 3
    power = 10.0 ** np.floor(np.log10(rough))
    length = max(step * power for step in (1, 2, 5) if step * power <= rough)
    end = width * 0.95
    axes.plot([end - length / pixel, end], [height * 0.93] * 2, color="white", lw=1.6, solid_capstyle="butt")
    unit = "µm" if known is not None else "px"
    axes.text(
        end - length / pixel / 2,
        height * 0.9,
        f"{nominal(length)} {unit}",
        color="white",
        ha="center",
        va="bottom",
        fontsize="xx-small",
    )

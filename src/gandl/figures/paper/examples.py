"""Example images of every screen above generated ones: a row per well, a column per channel, one display range per channel.

Takes image stores, sites tables and the GAN's samples; makes figure_1 (as Fig. 1 of Mascolini et al. 2022: RxRx19a, RxRx1,
generated). Wells are taken by rule, not by eye, and crops in the order in which they were generated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isqrt
from pathlib import Path
from textwrap import wrap
from typing import Unpack

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gandl.config import Dataset
from gandl.evaluation.terms import NO_CELL_TYPE
from gandl.figures.common import style as look
from gandl.figures.common.labels import channel_label, nominal, screen_label
from gandl.figures.common.palette import GREY
from gandl.figures.training.samples import Samples, read_samples
from gandl.images.display import channel_colours, composite, display_range, scaled
from gandl.images.store_reader import ImageStore, store_path
from gandl.tables import SITES, read_table

KINDS = {"positive": "C+", "negative": "C−", "none": "treated"}
OF_SCREEN = {
    Dataset.RXRX19A: ("positive", "negative"),
    Dataset.BBBC013: tuple(KINDS),
    Dataset.PLATES: tuple(KINDS),
    Dataset.CELL_LINES: ("negative", "none"),
    Dataset.CLASS_FOLDERS: ("negative", "none"),
    Dataset.BBBC021: tuple(KINDS),
}
"""Kinds of wells of which a row is shown for every store; of other screens (cell types) one row per store."""
GENERATED = "generated"
GENERATED_ROWS, MOST_TILES = 2, 4
"""Rows of generated crops at most, and crops side by side in one panel, which is then as wide as the real images beside it."""
LARGEST, PAGE = 34.0, 232.0
"""Side (mm) of an image, and height of a figure, at most."""
LEFT, TOP, HEADING, GAP = 16.0, 12.0, 5.5, 1.2
"""Room (mm) for the rows' labels, the columns' titles, the name of a screen above its rows, and between images."""
LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Example:
    """One row: a site, or `tiles` x `tiles` generated crops, as images (y, x) of stored grey values by channel."""

    dataset: str
    site_id: str
    label: str
    pixel_size_um: float | None
    images: Mapping[str, np.ndarray]
    tiles: int = 1


def draw_examples(
    manifests: Sequence[Path],
    datasets: Sequence[str],
    *,
    sites: Sequence[Path],
    samples: Path,
    resolutions: Mapping[str, int],
    **drawing: Unpack[look.Drawing],
) -> None:
    """Draw the first site of the first well of each kind in every store, and the first generated crops at the same magnification.

    Parameters
    ----------
    manifests, datasets : manifest and screen of each image store, in the order of the rows.
    sites : sites table of every screen.
    samples : of the GAN (`models/gandl/seed_<n>/samples.npz`), in stored grey values of a typical image.
    resolutions : stored size (px) to show, by screen.
    drawing : what every figure is given; the CSV has a row per image: site (or number of the first crop), channel, display
        limits, mean and deviation. Images that are larger than the generated panels are shown by their centre.

    Raises
    ------
    FigureError : a store holds none of its sites, or there are no samples.
    """
    table = pd.concat([read_table(Path(path), SITES) for path in sites], ignore_index=True)
    stores = [(name, store_path(Path(path))) for name, path in zip(datasets, manifests, strict=True)]
    real = [row for name, path in stores for row in examples_of(name, ImageStore(path), table, resolutions[name])]
    rows = beside(real, read_samples(Path(samples)))
    data = described(rows)
    look.draw(partial(examples_figure, rows), data, **drawing)


def examples_of(dataset: str, store: ImageStore, sites: pd.DataFrame, resolution: int) -> Iterator[Example]:
    """The rows of one store: the first positive and negative control and, of a lab's plates, the first treated well of the
    highest dose; or one well of its cell type.

    Raises
    ------
    FigureError : the store holds none of the sites.
    """
    position = {site: i for i, site in enumerate(store.site_ids)}
    mine = sites[sites["site_id"].isin(list(position))]
    if mine.empty:
        raise look.FigureError(f"{store.path} holds none of the sites of its sites table")
    kinds = OF_SCREEN.get(Dataset(dataset))
    for wells in [mine] if kinds is None else [mine[mine["control"] == kind] for kind in kinds]:
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
    if Dataset(dataset) not in OF_SCREEN:
        return str(site["cell_type"])
    label = f"{site['cell_type']} {KINDS[site['control']]}".removeprefix(f"{NO_CELL_TYPE} ")
    name = site["compound"] if isinstance(site["compound"], str) else site["treatment"]
    if site["control"] != "none" or not isinstance(name, str):
        return label
    dose = "" if pd.isna(site["concentration_um"]) else f"\n{nominal(site['concentration_um'])} µM"
    return "\n".join([label, *wrap(name, 16)]) + dose


def beside(real: Sequence[Example], samples: Samples) -> list[Example]:
    """The rows of real images, and below them rows of generated crops, tiled so that all show an area of as many pixels.

    Real images that are larger than the tiles are cut to their centre.
    """
    crop = samples.fake.shape[-1]
    smallest = min((min(image.shape) for row in real for image in row.images.values()), default=crop)
    tiles = max(1, min(MOST_TILES, smallest // crop, isqrt(len(samples.fake))))
    per_row = tiles * tiles
    rows = [
        replace(row, images={name: _centre(image, tiles * crop) for name, image in row.images.items()}) for row in real
    ]
    for number in range(min(GENERATED_ROWS, len(samples.fake) // per_row)):
        mosaic = _mosaic(samples.fake[number * per_row : (number + 1) * per_row], tiles)
        images = dict(zip(samples.channels, mosaic, strict=True))
        label = "generated" if per_row == 1 else f"{per_row} generated\ncrops"
        first = f"{GENERATED}_{number * per_row + 1}"
        rows.append(Example(GENERATED, first, label, samples.pixel_size_um, images, tiles))
    return rows


def _centre(image: np.ndarray, side: int) -> np.ndarray:
    """The middle `side` x `side` pixels of an image, or all of it where it has no more."""
    y, x = (max(0, (length - side) // 2) for length in image.shape)
    return image[y : y + side, x : x + side]


def _mosaic(crops: np.ndarray, tiles: int) -> np.ndarray:
    """Crops (tiles * tiles, c, y, x) side by side: (c, tiles * y, tiles * x)."""
    _, c, h, w = crops.shape
    return crops.reshape(tiles, tiles, c, h, w).transpose(2, 0, 3, 1, 4).reshape(c, tiles * h, tiles * w)


def described(rows: Sequence[Example]) -> pd.DataFrame:
    """A row per image, with the grey values of its channel that are drawn black and white in every row."""
    limits = {}
    real = [row.images for row in rows if row.dataset != GENERATED] or [row.images for row in rows]
    for channel in dict.fromkeys(name for images in real for name in images):
        pixels = np.concatenate([images[channel].ravel() for images in real if channel in images])
        limits[channel] = display_range(pixels)
    return pd.DataFrame(
        {
            "dataset": row.dataset,
            "site_id": row.site_id,
            "crops": row.tiles**2 if row.dataset == GENERATED else 0,
            "pixel_size_um": row.pixel_size_um,
            "label": row.label.replace("\n", " "),
            "channel": channel,
            "display_low": limits[channel][0],
            "display_high": limits[channel][1],
            "mean": image.mean(dtype=np.float64),
            "deviation": image.std(dtype=np.float64),
        }
        for row in rows
        for channel, image in row.images.items()
        if channel in limits
    )


@dataclass(frozen=True)
class Layout:
    """Places (mm) on a figure of some groups of rows and columns of squares."""

    rows: Sequence[int]
    columns: int

    @property
    def side(self) -> float:
        across = (look.DOUBLE_COLUMN - LEFT - GAP * self.columns) / self.columns
        down = (PAGE - TOP - HEADING * len(self.rows)) / max(sum(self.rows), 1) - GAP
        return min(across, down, LARGEST)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        step = self.side + GAP
        return LEFT + step * self.columns, TOP + HEADING * len(self.rows) + step * sum(self.rows)

    def box(self, group: int, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width, height of an image, as shares of the figure; `row` counts from the first row of all groups."""
        (width, height), step = self.size, self.side + GAP
        upper = TOP + HEADING * (group + 1) + step * row
        return (LEFT + step * column) / width, 1 - (upper + self.side) / height, self.side / width, self.side / height


def examples_figure(rows: Sequence[Example], data: pd.DataFrame) -> Figure:
    """The figure of some rows and the table that describes them; call it inside `style`."""
    channels = list(data["channel"].unique())
    groups = list(dict.fromkeys(row.dataset for row in rows))
    layout = Layout(
        [sum(row.dataset == group for row in rows) for group in groups], len(channels) + (len(channels) > 1)
    )
    figure = look.new_figure(*layout.size)
    figure.set_layout_engine("none")
    limits = data.drop_duplicates("channel").set_index("channel")[["display_low", "display_high"]]
    colours = dict(zip(channels, channel_colours(channels), strict=True))
    for down, row in enumerate(rows):
        group = groups.index(row.dataset)
        for across, channel in enumerate(channels):
            axes = _bare(figure, layout.box(group, down, across))
            if down == 0:
                _title(axes, channel_label(channel), limits.loc[channel], colours[channel] if len(channels) > 1 else "")
            if channel in row.images:
                low, high = limits.loc[channel]
                axes.imshow(
                    row.images[channel], vmin=low, vmax=high, cmap="gray", interpolation="nearest", aspect="auto"
                )
                _grid(axes, row)
            else:
                _not_there(axes, "not stained" if row.dataset != GENERATED else "not generated")
            if across == 0:
                _scale_bar(axes, row)
                axes.set_ylabel(row.label, fontsize="small", labelpad=3)
                if row.dataset != rows[down - 1].dataset or down == 0:
                    _heading(axes, LETTERS[group], row.dataset, groups[0])
        if len(channels) > 1:
            axes = _bare(figure, layout.box(group, down, len(channels)))
            if set(row.images) & set(channels):
                axes.imshow(_blended(row, limits, colours), interpolation="nearest", aspect="auto")
                _grid(axes, row)
            if down == 0:
                axes.set_title("All channels\nin these\ncolours", fontsize="small", fontweight="normal", pad=20)
    return figure


def _bare(figure: Figure, box: tuple[float, float, float, float]) -> Axes:
    axes = figure.add_axes(box)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes


def _title(axes: Axes, name: str, limits: pd.Series, colour: str) -> None:
    """A channel's name, the grey values that are black and white, and a line in its colour of the last column."""
    span = f"{limits['display_low']:,.0f}–{limits['display_high']:,.0f}"
    words = name.replace(" (", "\n(")
    axes.set_title(f"{words}\n{span}", fontsize="small", fontweight="normal", pad=20)
    if colour:
        axes.plot([0, 1], [1.03, 1.03], transform=axes.transAxes, color=colour, lw=2, clip_on=False, gid="colour")


def _heading(axes: Axes, letter: str, dataset: str, first: str) -> None:
    """The name of a screen, or whose images the crops were learned from, above its first row."""
    name = f"Generated by the GAN trained on {screen_label(first)}" if dataset == GENERATED else screen_label(dataset)
    axes.annotate(
        f"{letter}  {name}",
        (0, 1),
        (-LEFT / 25.4 * 72 + 2, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        fontweight="bold",
        va="bottom",
    )


def _grid(axes: Axes, row: Example) -> None:
    """White lines between generated crops."""
    height, width = next(iter(row.images.values())).shape
    for i in range(1, row.tiles):
        axes.axhline(height * i / row.tiles - 0.5, color="white", lw=0.8)
        axes.axvline(width * i / row.tiles - 0.5, color="white", lw=0.8)


def _blended(row: Example, limits: pd.DataFrame, colours: Mapping[str, str]) -> np.ndarray:
    """All channels of a row in their colours."""
    names = [name for name in row.images if name in colours]
    images = np.stack([row.images[name] for name in names])
    ranges = limits.loc[names, ["display_low", "display_high"]].to_numpy()
    return composite(scaled(images, ranges), [colours[name] for name in names])


def _not_there(axes: Axes, words: str) -> None:
    text = axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes)
    text.set(fontsize="small", color=GREY)


def _scale_bar(axes: Axes, row: Example) -> None:
    """A white bar of a round length in the first image of a row."""
    height, width = next(iter(row.images.values())).shape
    pixel, unit = (1.0, "px") if row.pixel_size_um is None else (row.pixel_size_um, "µm")
    rough = width * pixel / 3
    power = 10.0 ** np.floor(np.log10(rough))
    length = max(step * power for step in (1, 2, 5) if step * power <= rough)
    end = width * 0.95
    axes.plot([end - length / pixel, end], [height * 0.93] * 2, color="white", lw=1.6, solid_capstyle="butt", gid="bar")
    text = axes.text(end, height * 0.9, f"{nominal(length)} {unit}", ha="right", va="bottom")
    text.set(color="white", fontsize="small")

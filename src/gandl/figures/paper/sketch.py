"""The drawing of figure_2: takes a run's numbers, points and thumbnails, makes boxes and arrows with them between.

Places are millimetres from the upper left corner of the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from gandl.figures.common import style as look
from gandl.figures.common.empty import ABSENT, empty_panel
from gandl.figures.common.labels import featurizer_label, fixed, nominal, screen_label
from gandl.figures.common.palette import (
    BLUE,
    CONTROLS,
    FIT,
    GREY,
    INK,
    PALE,
    dose_colours,
    group_of,
    ink_on,
)
from gandl.images.display import channel_colours, composite
from gandl.workflow.words import counted

HEIGHT = 117.0
GENERATED_Y, REAL_Y, TASKS_Y = 19.5, 42.0, 61.0
"""Middle of the generated path and of the real one, and where the tasks begin."""
THUMB, MATRIX = 10.5, 31.0
NOT_ASKED = "not asked\nof this run"
FILL, ACCENT = "#f2f2f2", "#dbeaf5"


@dataclass(frozen=True)
class Pictures:
    """Thumbnails: channels (n, c, y, x), each from 0 (black) to 1, and the channels' names."""

    images: np.ndarray
    channels: list[str]
    labels: list[str] = field(default_factory=list)


def overview_figure(
    data: pd.DataFrame, *, real: Pictures, made: Pictures, cells: Pictures | None, featurizer: str
) -> Figure:
    """The figure of a table of numbers, points and cells (`overview.COLUMNS`) and of thumbnails; call it inside `style`."""
    figure = look.new_figure(look.DOUBLE_COLUMN, HEIGHT)
    figure.set_layout_engine("none")
    canvas = figure.add_axes((0, 0, 1, 1))
    canvas.set_axis_off()
    canvas.set_xlim(0, look.DOUBLE_COLUMN)
    canvas.set_ylim(HEIGHT, 0)
    sizes = data[data["panel"] == "a"].set_index("item")["value"]
    screens = _screens(data)
    _pretext(canvas, figure, sizes, screens, real, made)
    _tasks(canvas, figure, data, screens, cells, featurizer)
    return figure


def _screens(data: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Counts by screen, the one that the GAN was trained on first."""
    found: dict[str, dict[str, int]] = {}
    for item, value in data.loc[data["panel"] == "screen", ["item", "value"]].itertuples(index=False):
        screen, _, what = item.partition(": ")
        found.setdefault(screen, {})[what] = int(value)
    return found


def _pretext(
    canvas: Axes,
    figure: Figure,
    sizes: pd.Series,
    screens: dict[str, dict[str, int]],
    real: Pictures,
    made: Pictures,
) -> None:
    """The adversarial game: generated crops above, real ones below, the discriminator that is shown both."""
    _heading(canvas, 3.5, "a", "Pretext task: an adversarial game on images, without any label")
    crop, channels, style = (int(sizes[name]) for name in ("crop", "channels", "style_dim"))
    layers, feature = int(sizes["mapping_layers"]), int(sizes["feature_dim"])
    square = f"{crop} × {crop} px"
    _box(canvas, (2, GENERATED_Y - 7, 17, 14), f"z: {style}\nrandom\nnumbers")
    _arrow(canvas, (19, GENERATED_Y), (23, GENERATED_Y))
    _box(canvas, (23, GENERATED_Y - 7, 22, 14), f"Mapping\n{counted(layers, 'layer')}\nstyle w: {style}")
    _arrow(canvas, (45, GENERATED_Y), (49, GENERATED_Y))
    _box(canvas, (49, GENERATED_Y - 7, 23, 14), f"Generator\n{square},\n{counted(channels, 'channel')}")
    first, of = next(iter(screens.items()))
    lines = [
        screen_label(first),
        counted(of["images"], "image"),
        f"{counted(of['wells'], 'well')}, {counted(of['plates'], 'plate')}",
    ]
    _box(canvas, (2, REAL_Y - 7, 43, 14), "\n".join(lines))
    width = f" ({nominal(sizes['crop_um'], 2)} µm)" if np.isfinite(sizes["crop_um"]) else ""
    _arrow(canvas, (45, REAL_Y), (77, REAL_Y))
    _words(canvas, 61, REAL_Y - 1, "random crops", va="bottom")
    _words(canvas, 61, REAL_Y + 1, f"{square}{width}", va="top")
    _arrow(canvas, (72, GENERATED_Y), (77, GENERATED_Y))
    for pictures, middle, name in ((made, GENERATED_Y, "Generated"), (real, REAL_Y, "Real")):
        right = _strip(figure, pictures, 78, middle)
        _words(canvas, 78, middle - THUMB / 2 - 1, f"{name} crops, all channels", ha="left", va="bottom")
        _arrow(canvas, (right, middle), (128, middle))
    _box(
        canvas,
        (128, GENERATED_Y - 8, 22, REAL_Y - GENERATED_Y + 16),
        f"Discriminator\n\nresidual blocks,\nside {crop} to 4 px\n\nlayer of {feature}\n\nlogit",
    )
    _arrow(canvas, (150, GENERATED_Y), (155, GENERATED_Y))
    _box(canvas, (155, GENERATED_Y - 7, 17, 14), "Real or\ngenerated?")
    _arrow(canvas, (150, REAL_Y), (155, REAL_Y))
    _box(canvas, (155, REAL_Y - 7, 17, 14), f"Feature:\n{feature} numbers\nper crop", fill=ACCENT, edge=BLUE)
    shown = f"{sizes['images_shown']:,.0f} real crops shown in training"
    _words(canvas, 78, REAL_Y + THUMB / 2 + 1, shown, ha="left", va="top", colour=GREY)
    _arrow(canvas, (163.5, REAL_Y + 7), (163.5, TASKS_Y - 2.5), colour=BLUE)


def _tasks(
    canvas: Axes,
    figure: Figure,
    data: pd.DataFrame,
    screens: dict[str, dict[str, int]],
    cells: Pictures | None,
    featurizer: str,
) -> None:
    """The three questions, each by what this run found."""
    _heading(
        canvas,
        TASKS_Y,
        "b",
        f"Downstream tasks: linear models on the features of whole images and wells ({featurizer_label(featurizer)})",
    )
    starts = (2.0, 60.0, 118.0)
    first, of = next(iter(screens.items()))
    _task(
        canvas,
        starts[0],
        "1  Controls: C+ against C−",
        f"{counted(of['control wells'], 'control well')} of {screen_label(first)}",
    )
    _controls(_axes(figure, starts[0] + 11, 40), data[data["panel"] == "b1"])
    given = f"{counted(of['compounds'], 'compound')}, {counted(of['cell types'], 'cell type')}"
    _task(canvas, starts[1], "2  Dose response", given)
    _doses(_axes(figure, starts[1] + 11, 40), data[data["panel"] == "b2"])
    other = screens.get("rxrx1")
    _task(
        canvas,
        starts[2],
        "3  Cell types of RxRx1",
        f"{counted(other['images'], 'image')}, {counted(other['wells'], 'well')}" if other else "",
    )
    table = data[data["panel"] == "b3"]
    if cells is None or table.empty:
        empty_panel(_axes(figure, starts[2], 50), NOT_ASKED)
        return
    types = sorted(set(table["true"]) | set(table["predicted"]))
    side = MATRIX / len(types)
    for row, name in enumerate(types):
        if name in cells.labels:
            _thumb(figure, cells, cells.labels.index(name), starts[2], TASKS_Y + 15 + side * row, side - 0.5)
    _confusion(_axes(figure, starts[2] + 23, MATRIX, MATRIX), table, types)


def _task(canvas: Axes, left: float, title: str, counts: str) -> None:
    _words(canvas, left, TASKS_Y + 5.5, title, ha="left", weight="bold")
    _words(canvas, left, TASKS_Y + 9.5, counts, ha="left", colour=GREY)


def _controls(axes: Axes, wells: pd.DataFrame) -> None:
    if wells.empty or wells["item"].eq(ABSENT).all():
        empty_panel(axes, NOT_ASKED if wells.empty else "no control well\nwas held out and scored")
        return
    for level in (-1, 1):
        axes.axvline(level, color=PALE, lw=0.8, zorder=0)
    cell_type = str(wells["cell_type"].iloc[0])
    for control in CONTROLS:
        group, mine = group_of(cell_type, control), wells[wells["control"] == control]
        axes.scatter(
            mine["x"],
            mine["y"],
            s=8,
            marker=group.marker,
            color=group.colour,
            edgecolors="white",
            linewidths=0.3,
            label=group.label if len(mine) else f"{group.label} (n = 0)",
        )
    axes.set_xlabel(f"On score; {cell_type}, n = {counted(len(wells), 'held-out well')}", fontsize="small")
    axes.set_ylabel("Off score", fontsize="small")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.97), ncols=2, fontsize="small", borderaxespad=0.0)


def _doses(axes: Axes, series: pd.DataFrame) -> None:
    wells, curve = series[series["item"] == "well"], series[series["item"] == "curve"].sort_values("concentration_um")
    if wells.empty:
        empty_panel(axes, NOT_ASKED if series.empty else "none of the paper’s\ndrugs is on these plates")
        return
    colours = dose_colours(wells["concentration_um"])
    axes.plot(curve["concentration_um"], curve["y"], color=FIT, lw=1.1)
    axes.scatter(
        wells["concentration_um"],
        wells["y"],
        c=[colours[dose] for dose in wells["concentration_um"]],
        s=9,
        edgecolors=INK,
        linewidths=0.3,
        zorder=3,
    )
    for level in (-1, 1):
        axes.axhline(level, color=PALE, lw=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xticks(list(colours), [nominal(dose) for dose in colours])
    axes.minorticks_off()
    name, cell_type = wells[["treatment", "cell_type"]].iloc[0]
    axes.set_title(name, fontsize="small", fontweight="normal", pad=3)
    axes.set_xlabel(f"µM; {cell_type}, n = {counted(len(wells), 'well')}", fontsize="small")
    axes.set_ylabel("On score", fontsize="small")


def _confusion(axes: Axes, table: pd.DataFrame, types: list[str]) -> None:
    shares = (
        table.pivot(index="true", columns="predicted", values="value")
        .reindex(index=types, columns=types)
        .to_numpy(float)
    )
    image = axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(shares.shape):
        ink = ink_on(list(image.to_rgba(shares[i, j])))
        axes.text(j, i, fixed(100 * float(shares[i, j]), 0), ha="center", va="center", color=ink, fontsize="x-small")
    axes.set_xticks(range(len(types)), types, fontsize="x-small")
    axes.set_yticks(range(len(types)), types)
    axes.tick_params(length=0, pad=2)
    axes.set_xlabel("Predicted (rows: true)", fontsize="small")
    axes.spines[:].set_visible(False)
    axes.set_title("% of each type", fontsize="small", fontweight="normal", pad=3)


def _axes(figure: Figure, left: float, width: float, height: float = 31.0) -> Axes:
    """Axes below the heading of a task."""
    top = TASKS_Y + 15
    return figure.add_axes(
        (left / look.DOUBLE_COLUMN, 1 - (top + height) / HEIGHT, width / look.DOUBLE_COLUMN, height / HEIGHT)
    )


def _strip(figure: Figure, pictures: Pictures, left: float, middle: float) -> float:
    """Thumbnails side by side; gives where they end."""
    for number in range(len(pictures.images)):
        _thumb(figure, pictures, number, left + number * (THUMB + 0.8), middle - THUMB / 2)
    return left + len(pictures.images) * (THUMB + 0.8)


def _thumb(figure: Figure, pictures: Pictures, number: int, left: float, top: float, side: float = THUMB) -> None:
    width, height = look.DOUBLE_COLUMN, HEIGHT
    axes = figure.add_axes((left / width, 1 - (top + side) / height, side / width, side / height))
    axes.imshow(composite(pictures.images[number], channel_colours(pictures.channels)), aspect="auto")
    axes.set_axis_off()


def _heading(canvas: Axes, y: float, letter: str, text: str) -> None:
    _words(canvas, 2, y, f"{letter}  {text}", ha="left", weight="bold", size="medium")


def _words(
    canvas: Axes,
    x: float,
    y: float,
    text: str,
    *,
    ha: str = "center",
    va: str = "center",
    weight: str = "normal",
    size: str = "small",
    colour: str = INK,
) -> None:
    canvas.text(x, y, text, ha=ha, va=va, fontweight=weight, fontsize=size, color=colour)


def _box(canvas: Axes, place: Sequence[float], text: str, *, fill: str = FILL, edge: str = GREY) -> None:
    """A box (left, top, width, height) with text in its middle."""
    left, top, width, height = place
    box = FancyBboxPatch((left, top), width, height, boxstyle="round,pad=0,rounding_size=1.2", fc=fill, ec=edge, lw=0.7)
    canvas.add_patch(box)
    _words(canvas, left + width / 2, top + height / 2, text)


def _arrow(canvas: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    canvas.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 0.8, "shrinkA": 0, "shrinkB": 0}
    )

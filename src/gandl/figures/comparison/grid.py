"""The grid of the paper's figures 3 to 5: takes the setups of a run, makes a row of axes per paradigm, a column per setting.

What is beyond the paper is a last row, whose columns have titles of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gandl.figures.common import style as look
from gandl.figures.common.empty import empty_panel
from gandl.figures.common.palette import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from gandl.figures.common.style import FigureError
from gandl.figures.comparison.setups import NOT_IN_PAPER, rows_of, short_label

ROW_MM, HEAD_MM = 31.0, 14.0
"""Height of a row of panels; of the titles of columns with the legend."""
PICKED = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY)
"""Colours of picked cell lines, in their order."""
ABSENT = "not in this run"
MOST_LINES = len(PICKED)


@dataclass(frozen=True)
class Place:
    """A panel: its axes, the setup that belongs there, and whether it is the first of its row."""

    axes: Axes
    setup: str
    first: bool


def new_grid(
    names: Iterable[str], row_mm: float = ROW_MM, head_mm: float = HEAD_MM
) -> tuple[Figure, list[list[Place]]]:
    """A figure two columns wide with the grid of these setups."""
    rows = rows_of(names)
    figure = look.new_figure(look.DOUBLE_COLUMN, row_mm * len(rows) + head_mm)
    axes = figure.subplots(len(rows), across(rows), squeeze=False)
    name_rows(axes[:, 0], rows)
    return figure, fill(axes, rows)


def across(rows: Sequence[tuple[str, list[str]]]) -> int:
    """Columns of the grid of `rows_of`."""
    return max(len(columns) for _, columns in rows)


def fill(
    grid: npt.NDArray[np.object_],
    rows: Sequence[tuple[str, list[str]]],
    label: Callable[[str], str] = short_label,
    above: str = "",
) -> list[list[Place]]:
    """The places of the rows of `rows_of` in a grid of axes, with titles of columns and a heading above them."""
    places = []
    for number, (name, columns) in enumerate(rows):
        for column, axes in enumerate(grid[number]):
            if column >= len(columns):
                axes.set_visible(False)
            elif number == 0 or name == NOT_IN_PAPER:
                title = _in_two_lines(label(columns[column]))
                axes.set_title(title, fontsize="small", weight="normal", loc="center")
        if number == 0 and above:  # an empty line of the titles makes room, since a long heading would widen its column
            grid[0, 0].set_title(f"\n{grid[0, 0].get_title()}", fontsize="small", weight="normal", loc="center")
            at = {"xycoords": "axes fraction", "textcoords": "offset points"}
            heading = grid[0, 0].annotate(above, (0, 1), (-16, 25), **at, fontsize="medium", weight="bold", va="bottom")
            heading.set_in_layout(False)
        pairs = zip(grid[number], columns, strict=False)
        places.append([Place(axes, setup, column == 0) for column, (axes, setup) in enumerate(pairs)])
    return places


def name_rows(first: Iterable[Axes], rows: Sequence[tuple[str, list[str]]]) -> None:
    """The names of the rows, left of their first axes."""
    for axes, (label, _) in zip(first, rows, strict=True):
        axes.annotate(
            {"Weakly supervised": "Weakly\nsupervised", NOT_IN_PAPER: "Not in\nthe paper"}.get(label, label),
            (0, 0.5),
            (-29, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="center",
            fontsize="small",
            fontweight="bold",
        )


def _in_two_lines(label: str) -> str:
    return label.replace(", ", ",\n").replace(" (", "\n(")


def draw_places(places: Sequence[Sequence[Place]], drawn: Iterable[str], panel: Callable[[Axes, str], None]) -> None:
    """Draw every panel whose setup is among those `drawn`; another one says that this run does not have it."""
    known = set(drawn)
    for place in (place for row in places for place in row):
        if place.setup in known:
            panel(place.axes, place.setup)
        else:
            empty_panel(place.axes, ABSENT)
        place.axes.tick_params(axis="x", length=0)


def share_height(axes: Sequence[Axes], bottom: float | None = None) -> None:
    """One scale of heights for these axes; ticks are labelled at the first alone."""
    drawn = [ax for ax in axes if ax.axison and ax.has_data()]
    if not drawn:
        return
    low = min(ax.get_ylim()[0] for ax in drawn) if bottom is None else bottom
    high = max(ax.get_ylim()[1] for ax in drawn)
    for ax in axes:
        ax.set_ylim(low, high)
        if ax is not axes[0]:
            ax.tick_params(labelleft=False)


def picked_lines(asked: Sequence[str], known: Iterable[str]) -> list[str]:
    """The cell lines to draw: those asked for, or the first three; refused where one has no number or they are too many."""
    have = list(dict.fromkeys(known))
    lines = list(asked) or have[:3]
    if unknown := [line for line in lines if line not in have]:
        raise FigureError(f"no numbers of cell line {', '.join(unknown)}; there are those of {', '.join(have)}")
    if len(lines) > MOST_LINES:
        raise FigureError(f"{len(lines)} cell lines are more than fit a panel; name at most {MOST_LINES}")
    return lines


def colours_of(lines: Sequence[str]) -> dict[str, str]:
    """A colour for each cell line."""
    return dict(zip(lines, PICKED, strict=False))


def legend_of(figure: Figure, lines: Sequence[str], more: Sequence[object] = ()) -> None:
    """The legend of cell lines above all panels, with further handles."""
    handles = [Patch(color=colour, label=line) for line, colour in colours_of(lines).items()]
    figure.legend(handles=[*handles, *more], loc="outside upper center", ncols=len(handles) + len(more))

"""A sheet for diagrams: boxes, arrows and notes in millimetres on a figure."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from gandl.figures.common.palette import BLUE, INK

DATA, CONVOLUTION, OTHER, MARKED = "#ffffff", "#dbeaf5", "#eeeeee", "#ffe3b3"
"""Fills: what passes (images, maps, numbers), convolutions, other operations, and the one that matters."""
Point = tuple[float, float]


class Sheet:
    """Axes over a whole figure, in millimetres from its lower left corner.

    Parameters
    ----------
    figure : to draw on; its layout engine is taken off. width, height : of the figure (mm).
    """

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        figure.set_layout_engine("none")
        self.width = width
        self.axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(0, height)
        self.axes.axis("off")

    def title(self, y: float, text: str, x: float = 2.0) -> None:
        """A bold line from x to the right."""
        self.axes.text(x, y, text, fontweight="bold", ha="left", va="center")

    def note(self, x: float, y: float, text: str, *, left: bool = False) -> None:
        """Small text that stands on y; centred at x, or from x to the right."""
        self.axes.text(x, y, text, fontsize="x-small", ha="left" if left else "center", va="bottom", linespacing=1.1)

    def box(self, x: float, y: float, width: float, height: float, text: str, fill: str) -> None:
        """A box around its middle, with text inside."""
        style = "round,pad=0,rounding_size=0.8"
        edge = BLUE if fill == MARKED else "#555555"
        self.axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle=style,
                fc=fill,
                ec=edge,
                lw=1.4 if fill == MARKED else 0.6,
                zorder=2,
            )
        )
        self.axes.text(x, y, text, fontsize="x-small", ha="center", va="center", zorder=3, linespacing=1.1, gid="box")

    def arrow(self, start: Point, end: Point) -> None:
        """An arrow from point to point."""
        self.axes.add_patch(
            FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=5, lw=0.7, color=INK, shrinkA=0, shrinkB=0)
        )

    def line(self, points: Sequence[Point]) -> None:
        """A line through points."""
        self.axes.plot(*zip(*points, strict=True), color=INK, lw=0.7, solid_joinstyle="round", zorder=1)

    def sum(self, x: float, y: float) -> None:
        """A circle with a plus."""
        self.axes.add_patch(Circle((x, y), 1.8, fc="white", ec=INK, lw=0.7, zorder=2))
        self.axes.text(x, y, "+", ha="center", va="center", fontsize="small", zorder=3)

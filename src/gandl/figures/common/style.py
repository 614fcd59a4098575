"""What all figures share: the style sheet, journal sizes, and saving as SVG, PNG and the CSV of what was drawn.

Takes the settings `figures`; makes files that are the same bytes for the same input (fixed SVG ids, no dates).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

import matplotlib.style
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterSciNotation
from matplotlib.transforms import Bbox

from gandl.config import FiguresSettings
from gandl.workflow.files import atomic

STYLE_SHEET = Path(__file__).with_name("gandl.mplstyle")
SINGLE_COLUMN = 85.0
DOUBLE_COLUMN = 174.0
"""Widths (mm) of one and two columns of a journal's page: no figure is wider."""
SMALLEST = 6.0
"""Points: text of a figure at the size at which it is printed is at least so large."""
STAMP = "#B03060"
LINE = 1.5
"""Height of a line of text, in font sizes."""


class FigureError(ValueError):
    """A figure cannot be drawn from what it was given; the message says what is missing, and where."""


class Drawing(TypedDict):
    """What every figure is given, by keyword.

    Attributes
    ----------
    settings : font size, resolution and the like.
    svg, png, csv : files to write; the CSV holds what was drawn.
    word : stamped on the figure, such as "simulated"; nothing where it is left out or empty.
    """

    settings: FiguresSettings
    svg: Path
    png: Path
    csv: Path
    word: NotRequired[str]


def draw(figure: Callable[[pd.DataFrame], Figure], data: pd.DataFrame, **drawing: Unpack[Drawing]) -> None:
    """Draw a table by a function of it, in the common style, and save figure and table: the end of every figure's function."""
    with style(drawing["settings"]):
        save(figure(data), data, **drawing)


@contextmanager
def style(settings: FiguresSettings) -> Iterator[None]:
    """Draw inside this block: matplotlib's defaults, the style sheet, the configured font size; restored afterwards."""
    with matplotlib.style.context([STYLE_SHEET, {"font.size": settings.font_size}], after_reset=True):
        yield


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """An empty figure of that size (mm), bound to no window and to no global state."""
    return Figure(figsize=(width_mm / 25.4, height_mm / 25.4))


def stamp(figure: Figure, word: str) -> Bbox | None:
    """Write a word, such as "simulated", below the lower left corner of a figure, where nothing else is drawn.

    Returns
    -------
    What to save (inches): the figure and the line below it; None where there is no word, so that the figure is saved as it is.
    """
    if not word:
        return None
    text = figure.text(0.005, 0.0, word, ha="left", va="top", color=STAMP, fontweight="bold", gid="stamp")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for legend in figure.legends:  # laid out by now; otherwise it would move down to the end of what is saved
        legend.set_bbox_to_anchor((0.0, 0.0, 1.0, 1.0), transform=figure.transFigure)
    width, height = figure.get_size_inches()
    return Bbox([[0.0, -LINE * float(text.get_fontsize()) / 72], [width, height]])


class Decades(LogFormatterSciNotation):
    """Labels of logarithmic axes whose exponents are characters of their own (10⁻²): those of matplotlib's formulas are below
    `SMALLEST` points."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        label = str(super().__call__(x, pos)).replace(r"\times", " × ")
        label = re.sub(r"\^\{([^}]*)\}", lambda found: found[1].translate(RAISED), label)
        return re.sub(r"\\mathdefault|[${}]", "", label)


RAISED = str.maketrans("-−0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def legible(figure: Figure) -> None:
    """Enlarge the text of a figure that is below `SMALLEST` points to that; layout follows when the figure is drawn."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if type(axis.get_major_formatter()) is LogFormatterSciNotation:
            axis.set_major_formatter(Decades())
        if type(axis.get_minor_formatter()) is LogFormatterSciNotation:
            axis.set_minor_formatter(Decades())
    for text in figure.findobj(Text):
        if isinstance(text, Text) and float(text.get_fontsize()) < SMALLEST:
            text.set_fontsize(SMALLEST)


def save(
    figure: Figure, data: pd.DataFrame, settings: FiguresSettings, *, svg: Path, png: Path, csv: Path, word: str = ""
) -> None:
    """Write a figure and the data it draws, each atomically and without date or program version.

    Call it inside `style`: what SVG holds (outlines, ids) is decided while writing. A word, such as "simulated", is stamped
    on the figure and stands in a column `images` of the CSV. No text is smaller than `SMALLEST` points.
    """
    legible(figure)
    box = stamp(figure, word)
    if word:
        data = data.copy()
        data.insert(len(data.columns), "images", word)  # an error where something else bears this name
    with atomic(Path(svg)) as partial:
        figure.savefig(
            partial, format="svg", dpi=settings.dpi, bbox_inches=box, metadata={"Date": None, "Creator": None}
        )
    with atomic(Path(png)) as partial:
        figure.savefig(partial, format="png", dpi=settings.dpi, bbox_inches=box, metadata={"Software": None})
    write_csv(data, csv)


def write_csv(data: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV at full precision (shortest text that reads back as the same float), atomically."""
    with atomic(Path(path)) as partial:
        data.to_csv(partial, index=False, lineterminator="\n")


def existing(paths: Mapping[str, Path], what: str) -> dict[str, Path]:
    """The given files by featurizer, in the given order.

    Raises
    ------
    FigureError : there is none, or one does not exist; names the featurizer and the file.
    """
    if not paths:
        raise FigureError(f"no featurizer was given whose {what} could be drawn")
    for name, path in paths.items():
        if not Path(path).is_file():
            raise FigureError(f"featurizer {name} has no {what}: {path} does not exist; run its evaluation first")
    return {str(name): Path(path) for name, path in paths.items()}

"""Colours and markers of every figure, in one place: groups by hue and shape, doses from light to dark red.

The hues are Okabe and Ito's (2008, "Color Universal Design"), which stay apart for colour-blind readers; since every group also
has its own marker shape, no figure depends on hue alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.colors import LinearSegmentedColormap, to_hex

INK = "#222222"
GREY = "#8c8c8c"
PALE = "#d9d9d9"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#AA4499"
SKY = "#56B4E9"
BROWN = "#7A4A20"


@dataclass(frozen=True)
class Group:
    """How one group of wells is drawn."""

    label: str
    colour: str
    marker: str


POSITIVE = Group("C+", BLUE, "o")
NEGATIVE = Group("C−", GREEN, "s")
CONTROLS = {"positive": POSITIVE, "negative": NEGATIVE}
"""Controls of a screen with one cell type, by the sites table's `control`."""

CELL_TYPE_CONTROLS = {
    ("HRCE", "positive"): Group("HRCE C+", BLUE, "o"),
    ("VERO", "positive"): Group("VERO C+", ORANGE, "^"),
    ("HRCE", "negative"): Group("HRCE C−", GREEN, "s"),
    ("VERO", "negative"): Group("VERO C−", VERMILION, "D"),
}
"""The paper's four groups (Mascolini et al. 2022, Figs 2-4), in its hues."""


def group_of(cell_type: str, control: str) -> Group:
    """How controls of a cell type are drawn: the paper's four groups, or those of a screen with other cells."""
    return CELL_TYPE_CONTROLS.get((cell_type, control), CONTROLS[control])


def controls_of(cell_types: Iterable[str]) -> list[Group]:
    """The groups of controls of these cell types, each way of drawing once: positive ones first."""
    types = sorted(set(cell_types))
    return list(dict.fromkeys(group_of(cell_type, control) for control in CONTROLS for cell_type in types))


SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
"""Lines that are no group of wells: seeds, losses."""

FIT = "#7f0000"
"""The darkest dose: fitted dose-response curves."""

ON_SCORE = LinearSegmentedColormap.from_list("on_score", ["#8a3c00", "#e08a4f", "#f7f7f7", "#5aa6d6", "#005a8f"])
"""Diverging: red-brown below 0 (C-), blue above (C+), the hues of VERO's C- and HRCE's C+.

Green and blue ends, as HRCE's controls have them, look alike to readers who lack the cones for blue.
"""


def ink_on(colour: Sequence[float]) -> str:
    """White ink wherever its luminance contrast reaches 3:1 (WCAG 2.1), else dark ink, which is then above 5:1."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "white" if 1.05 / (luminance + 0.05) >= 3.0 else INK


def dose_colours(doses: Iterable[float]) -> dict[float, str]:
    """Sequential reds for a dose series, the lowest dose lightest.

    Parameters
    ----------
    doses : concentrations (any unit), in any order, repeats allowed.

    Returns
    -------
    One hexadecimal colour per distinct dose, ascending.
    """
    ascending = sorted(set(doses))
    ramp = matplotlib.colormaps["Reds"]
    steps = max(len(ascending) - 1, 1)
    return {dose: to_hex(ramp(0.22 + 0.78 * rank / steps)) for rank, dose in enumerate(ascending)}

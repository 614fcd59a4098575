"""A colour bar of doses: takes the colour of each dose, draws one labelled step per dose beside a panel or a grid of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from gandl.figures.common.labels import dose_unit, nominal
from gandl.figures.common.palette import GREY


def dose_bar(figure: Figure, beside: Axes | Iterable[Axes], colours: Mapping[float, str], **place: Any) -> None:
    """Draw the bar, doses (um) in the unit in which they read best.

    Parameters
    ----------
    beside : the panels whose doses these are. place : as `Figure.colorbar` takes it: `pad`, `aspect`, `shrink`.
    """
    unit, factor = dose_unit(max(colours))
    steps = np.arange(len(colours) + 1) - 0.5
    mapping = ScalarMappable(BoundaryNorm(steps, len(colours)), ListedColormap(list(colours.values())))
    panels = beside if isinstance(beside, Axes) else list(beside)
    bar = figure.colorbar(mapping, ax=panels, ticks=np.arange(len(colours)), **place)
    bar.ax.set_yticklabels([nominal(dose * factor) for dose in colours])
    bar.minorticks_off()
    bar.ax.tick_params(length=0)
    bar.ax.set_title(unit, fontweight="normal", fontsize="small", color=GREY, loc="left")
    bar.outline.set_visible(False)

"""Empty panels: a panel of what the run does not have, with the reason in its place, so that no figure leaves it out silently."""

from __future__ import annotations

from matplotlib.axes import Axes

from gandl.figures.common.palette import GREY

ABSENT = "absent"
"""`gid` of the text of an empty panel, and `kind` of the row of a CSV that stands for it."""
NOT_GIVEN = "not on these plates"
NOT_OF_THE_RUN = "not among the\nfeaturizers of this run"


def empty_panel(axes: Axes, reason: str) -> None:
    """Write why there is nothing to draw; panels that share its axes keep their ticks."""
    axes.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
    axes.spines[:].set_visible(False)
    text = axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", gid=ABSENT)
    text.set(color=GREY, fontstyle="italic")

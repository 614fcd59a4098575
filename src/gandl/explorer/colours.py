"""Colours of the page, in light and in dark: the figures' own palette, and what stands for it on a dark ground."""

from __future__ import annotations

from typing import Any

import matplotlib
from matplotlib.colors import LinearSegmentedColormap, to_hex

from gandl.figures.common.palette import BLUE, FIT, GREEN, INK, ON_SCORE

STOPS = 11
DARK_ON_SCORE = LinearSegmentedColormap.from_list(
    "on_score_dark", ["#8ff0d0", "#2f9e7e", "#2a3138", "#3f8fc4", "#b5dcf7"]
)
"""The same hues as `ON_SCORE`, its middle dark."""


def colours() -> dict[str, Any]:
    """By theme: the diverging scale of scores, the reds of doses, lines and ink."""
    reds = matplotlib.colormaps["Reds"]
    doses = [to_hex(reds(0.22 + 0.78 * step / (STOPS - 1))) for step in range(STOPS)]
    return {
        "light": {
            **{"score": _stops(ON_SCORE), "dose": doses, "fit": FIT, "ink": INK, "ground": "#ffffff"},
            **{"soft": "#5b666e", "line": "#d9dee2", "mark": "#b3005e", "positive": BLUE, "negative": GREEN},
        },
        "dark": {
            **{"score": _stops(DARK_ON_SCORE), "dose": doses, "fit": "#ff9d8a", "ink": "#e8ecef", "ground": "#161b20"},
            **{"soft": "#a3afb8", "line": "#3a444d", "mark": "#ff7ac1", "positive": "#4aa8e0", "negative": "#2fc49a"},
        },
    }


def _stops(scale: LinearSegmentedColormap) -> list[str]:
    return [to_hex(scale(step / (STOPS - 1))) for step in range(STOPS)]

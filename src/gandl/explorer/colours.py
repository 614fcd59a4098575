"""Colours of the page, in light and in dark: the figures' own palette, and what stands for it on a dark ground."""

from __future__ import annotations

from typing import Any

from matplotlib.colors import LinearSegmentedColormap, to_hex

from gandl.figures.common.palette import BLUE, FIT, GREEN, INK, ON_SCORE

STOPS = 11
DARK_ON_SCORE = LinearSegmentedColormap.from_list(
    "on_score_dark", ["#ffc79c", "#c8682a", "#2a3138", "#3f8fc4", "#b5dcf7"]
)
"""The same hues as `ON_SCORE`, its middle dark."""
DOSES = {
    "light": LinearSegmentedColormap.from_list("doses", ["#f4583c", "#b3151b", "#4d0009"]),
    "dark": LinearSegmentedColormap.from_list("doses_dark", ["#ffe3d3", "#ff9a78", "#e2403a"]),
}
"""From a light to a dark red, as in the figures; wells are dots without an outline, so each has a contrast of 3 to its ground."""


def colours() -> dict[str, Any]:
    """By theme: the diverging scale of scores, the reds of doses, lines and ink."""
    doses = {theme: _stops(scale) for theme, scale in DOSES.items()}
    return {
        "light": {
            **{"score": _stops(ON_SCORE), "dose": doses["light"], "fit": FIT, "ink": INK, "ground": "#ffffff"},
            **{"soft": "#5b666e", "line": "#d9dee2", "mark": "#b3005e", "positive": BLUE, "negative": GREEN},
        },
        "dark": {
            **{"score": _stops(DARK_ON_SCORE), "dose": doses["dark"], "fit": "#ff9d8a"},
            **{"ink": "#e8ecef", "ground": "#161b20"},
            **{"soft": "#a3afb8", "line": "#3a444d", "mark": "#ff7ac1", "positive": "#4aa8e0", "negative": "#2fc49a"},
        },
    }


def _stops(scale: LinearSegmentedColormap) -> list[str]:
    return [to_hex(scale(step / (STOPS - 1))) for step in range(STOPS)]

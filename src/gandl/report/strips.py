"""A strip: values with their intervals on one short axis, as inline SVG, for a cell of the audit's table."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from gandl.figures.common.palette import BLUE, GREY, ORANGE, PALE
from gandl.report.numbers import Value

LOW, HIGH = -1.0, 1.0
"""Ends of the axis; what lies beyond is drawn at the end, its line open."""
WIDTH, HEIGHT, MARGIN = 170.0, 26.0, 6.0
MARKS = ((BLUE, 8.5), (ORANGE, 17.5))
"""Colour and height of the first value and of the second."""


def strip(values: Sequence[Value]) -> Markup:
    """Draw up to two values with intervals from -1 to 1, with ticks at 0 and 0.5.

    Parameters
    ----------
    values : known values; the first is a blue disc, the second an orange diamond.
    """
    parts = [
        f'<svg class="strip" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" height="{HEIGHT:g}" role="img">',
        f"<title>{'; '.join(value.full for value in values)}</title>",
        _line(LOW, HIGH, HEIGHT - 2, PALE, 1),
        *(
            f'<path d="M{_x(tick):.1f} 2V{HEIGHT - 2:g}" stroke="{GREY if tick == 0.5 else PALE}" stroke-dasharray="2 2"/>'
            for tick in (0.0, 0.5)
        ),
    ]
    for position, (value, (colour, y)) in enumerate(zip(values, MARKS, strict=False)):
        if value.interval:
            parts.append(_line(value.low, value.high, y, colour, 2))
        parts.append(_mark(_x(value.value), y, colour, diamond=position == 1))
    return Markup("".join([*parts, "</svg>"]))


def _x(value: float) -> float:
    inside = min(max(value, LOW), HIGH)
    return MARGIN + (WIDTH - 2 * MARGIN) * (inside - LOW) / (HIGH - LOW)


def _line(low: float, high: float, y: float, colour: str, width: float) -> str:
    return f'<path d="M{_x(low):.1f} {y:g}H{_x(high):.1f}" stroke="{colour}" stroke-width="{width:g}" fill="none"/>'


def _mark(x: float, y: float, colour: str, diamond: bool) -> str:
    if diamond:
        return f'<path d="M{x:.1f} {y - 4:g}l4 4l-4 4l-4 -4z" fill="{colour}" stroke="white" stroke-width="0.8"/>'
    return f'<circle cx="{x:.1f}" cy="{y:g}" r="3.6" fill="{colour}" stroke="white" stroke-width="0.8"/>'

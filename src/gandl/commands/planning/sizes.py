"""Bytes in words: takes a number, makes it with a decimal unit."""

from __future__ import annotations

UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size_in_words(value: float) -> str:
    """Bytes with a decimal unit."""
    for factor, unit in UNITS:
        if value >= factor:
            return f"{value / factor:,.3g} {unit}" if value / factor < 1000 else f"{value / factor:,.0f} {unit}"
    return f"{value:.0f} bytes"

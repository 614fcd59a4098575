"""Sizes: takes a number of bytes, makes it with a decimal unit; takes a screen, gives how many of its channels networks see."""

from __future__ import annotations

from gandl.config import Config, Dataset
from gandl.source.screens.published import CHANNELS

UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size_in_words(value: float) -> str:
    """Bytes with a decimal unit."""
    for factor, unit in UNITS:
        if value >= factor:
            return f"{value / factor:,.3g} {unit}" if value / factor < 1000 else f"{value / factor:,.0f} {unit}"
    return f"{value:.0f} bytes"


def channels_of(config: Config, screen: Dataset) -> int:
    """How many channels of a screen networks see; 0 where they are not known beforehand."""
    return len([one for one in CHANNELS.get(screen, ()) if one not in config.embeddings.drop_channels])

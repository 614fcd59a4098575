"""Colours of channels: takes the names of channels, gives each the colour in which viewers show it, as six hexadecimal digits."""

from __future__ import annotations

from collections.abc import Sequence

GREY = "FFFFFF"
OF_STAINS = {
    "hoechst": "0000FF", "dapi": "0000FF", "dna": "0000FF",
    "con_a": "00FF00", "er": "00FF00",
    "phalloidin": "FF0000", "actin": "FF0000",
    "syto14": "FFFF00", "rna": "FFFF00",
    "wga": "FF00FF", "golgi": "FF00FF",
    "mitotracker": "00FFFF", "mito": "00FFFF",
}  # fmt: skip
"""Stains of Cell Painting: nuclei blue, endoplasmic reticulum green, actin red, as they are mostly shown; none twice."""
OTHERS = ("00FF00", "FF00FF", "FFFF00", "00FFFF", "FF0000", "FF8000")
"""What channels of other names get, in this order, as far as it is free."""


def colours_of(channels: Sequence[str]) -> list[str]:
    """The colour of each channel (RRGGBB): of a known stain its own, of others one that is free; one channel alone is grey.

    No two channels share a colour unless there are more channels than colours.
    """
    if len(channels) == 1:
        return [GREY]
    colours: list[str] = []
    known = [OF_STAINS.get(channel.casefold(), "") for channel in channels]
    for i, colour in enumerate(known):
        taken = {*known, *colours}
        free = [other for other in OTHERS if other not in taken]
        twice = colour in known[:i]
        colours.append(colour if colour and not twice else next(iter(free), OTHERS[i % len(OTHERS)]))
    return colours

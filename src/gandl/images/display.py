"""How images of several channels are shown, everywhere alike: takes pixels and names of channels, gives the grey values that are
black and white, a colour for each channel, and one picture of all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

PERCENTILES = (0.5, 99.7)
"""Percentiles of a channel's pixels that are shown black and white."""
WHITE = "#FFFFFF"
BLUE, GREEN, ORANGE, VERMILION, PURPLE, SKY = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#AA4499", "#56B4E9"
"""Hues that stay apart for colour-blind readers (Okabe and Ito 2008, as in the figures)."""
OF_STAINS = {
    **dict.fromkeys(("hoechst", "dapi", "dna"), BLUE),
    **dict.fromkeys(("con_a", "er", "fkhr_gfp"), GREEN),
    **dict.fromkeys(("phalloidin", "actin"), ORANGE),
    **dict.fromkeys(("syto14", "rna"), VERMILION),
    **dict.fromkeys(("mitotracker", "mito"), PURPLE),
    **dict.fromkeys(("wga", "golgi"), SKY),
}
"""Colours of stains and of what they show, by name in small letters."""
OTHERS = (GREEN, PURPLE, ORANGE, SKY, BLUE, VERMILION)
"""What channels of other names get, in this order, as far as it is free; of two, green and purple."""


def display_range(pixels: npt.NDArray[np.number]) -> tuple[float, float]:
    """The grey values of a channel that are black and white: `PERCENTILES` of these pixels (any shape), at least 1 apart."""
    low, high = np.percentile(pixels, PERCENTILES)
    return float(low), float(max(high, low + 1))


def scaled(images: npt.NDArray[np.number], ranges: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Images (..., channel, y, x) from 0 (black) to 1 (white). `ranges` : (channel, 2), what is black and white."""
    low, high = np.asarray(ranges, np.float64).T[:, :, None, None]
    return np.clip((images - low) / (high - low), 0.0, 1.0)


def channel_colours(names: Sequence[str]) -> list[str]:
    """The colour of each channel (#RRGGBB): of a known stain its own, of others one that is free; one channel alone is white.

    No two channels share a colour unless there are more channels than colours.
    """
    if len(names) == 1:
        return [WHITE]
    known = [OF_STAINS.get(name.casefold(), "") for name in names]
    colours: list[str] = []
    for place, colour in enumerate(known):
        taken = {*known, *colours}
        free = next((other for other in OTHERS if other not in taken), OTHERS[place % len(OTHERS)])
        colours.append(colour if colour and colour not in known[:place] else free)
    return colours


def composite(channels: npt.ArrayLike, colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """Channels (y, x), each from 0 (black) to 1, in their colours (#RRGGBB) and added up: (y, x, 3), from 0 to 1.

    The more channels, the darker each, so that only where most of them are bright the sum is white.
    """
    tints = np.array([list(bytes.fromhex(colour[1:])) for colour in colours]) / 255 / max(1.0, len(colours) / 3)
    return np.clip(np.tensordot(np.moveaxis(np.asarray(channels), 0, -1), tints, axes=1), 0.0, 1.0)

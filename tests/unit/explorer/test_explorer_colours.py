"""Colours of the page and of maps of scores: readers with any sight tell them apart, on a light and on a dark ground."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from gandl.explorer.colours import colours

SIGHT = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What readers see who lack one kind of cones: linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)."""
APART = 30.0
"""Difference of two ends (CIEDE2000): 1 is just seen side by side, black and white are 100 apart."""
THEMES = ("light", "dark")


def linear(colour: str) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def seen(colour: str, sight: str) -> np.ndarray:
    """Lab of a colour as such a reader sees it."""
    value = np.clip(np.array(SIGHT[sight]) @ linear(colour), 0, 1)
    return np.asarray(rgb2lab(np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)))


def contrast(one: str, other: str) -> float:
    """Of luminance, from 1 to 21 (WCAG 2.1)."""
    light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", THEMES)
def test_the_ends_of_the_scale_of_scores_differ_for_every_reader(theme: str, sight: str) -> None:
    score = colours()[theme]["score"]
    low, middle, high = (seen(score[at], sight) for at in (0, len(score) // 2, -1))
    for one, other in ((low, high), (low, middle), (high, middle)):
        assert deltaE_ciede2000(one, other) > APART


@pytest.mark.parametrize("theme", THEMES)
def test_every_dose_stands_out_from_the_ground_and_becomes_darker(theme: str) -> None:
    found = colours()[theme]
    assert min(contrast(colour, found["ground"]) for colour in found["dose"]) >= 3
    light = [rgb2lab(np.array(to_rgb(colour)))[0] for colour in found["dose"]]
    assert all(after < before - 1 for before, after in pairwise(light))

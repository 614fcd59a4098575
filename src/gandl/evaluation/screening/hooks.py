"""Hooks: takes dose series, says which rise and then fall again, as those of compounds do that kill at high doses.

A Hill curve goes one way. Beside it stands a bell, y = base + height exp(-(log dose - peak)^2 / (2 width^2)), with as many
parameters, so that the smaller sum of squares has the smaller AICc.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import t

from gandl.statistics.curves.projection import explained
from gandl.statistics.hill import HillFit

SIGNIFICANCE = 0.05
PEAKS, WIDTHS = 41, 9
"""Of the grid of bells: peaks from the lowest to the highest dose, widths from half the largest step of doses to their range."""
FEWEST_FREEDOM = 3

Floats = npt.NDArray[np.float64]


def hooks(dose: Floats, responses: Floats, fits: Sequence[HillFit]) -> npt.NDArray[np.bool_]:
    """Which of (m, n) responses at (n,) doses, with m Hill fits, are biphasic: they rise to an inner dose and fall after it.

    Both must hold. The mean at the highest inner dose is above that at the lowest and above that at the highest dose, each by a
    one-sided Student's t with the spread of wells within doses, at 5 % over the number of inner doses (Bonferroni, since the
    highest is chosen); and a bell has a smaller sum of squares than the Hill curve.

    Series with fewer than three wells beyond one per dose are never called so.
    """
    doses, position, counts = np.unique(dose, return_inverse=True, return_counts=True)
    freedom = len(dose) - len(doses)
    if freedom < FEWEST_FREEDOM:
        return np.zeros(len(responses), bool)
    means = np.stack([responses[:, position == i].mean(axis=1) for i in range(len(doses))], axis=1)
    spread = np.sqrt(np.square(responses - means[:, position]).sum(axis=1) / freedom)
    inner = 1 + means[:, 1:-1].argmax(axis=1)
    every = np.arange(len(means))
    passing = t.isf(SIGNIFICANCE / (len(doses) - 2), freedom)
    found = np.ones(len(means), bool)
    for end in (0, len(doses) - 1):
        error = spread * np.sqrt(1 / counts[inner] + 1 / counts[end])
        found &= means[every, inner] - means[:, end] > passing * error
    if found.any():
        weights = counts.astype(float)
        chosen = means[found]
        around = np.square(chosen - (chosen @ weights / weights.sum())[:, None]) @ weights
        bell = around - explained(_bells(doses), weights, chosen).max(axis=1)
        curves = np.stack([fit.curve(doses) for fit, is_hook in zip(fits, found, strict=True) if is_hook])
        found[found] = bell < np.square(chosen - curves) @ weights
    return found


def _bells(doses: Floats) -> Floats:
    """Bells of the grid at the doses: (pairs, d)."""
    logs = np.log(doses)
    step = np.diff(logs).max()
    peaks = np.linspace(logs[0], logs[-1], PEAKS)
    widths = np.geomspace(step / 2, np.ptp(logs), WIDTHS)
    peak, width = (each.reshape(-1, 1) for each in np.meshgrid(peaks, widths, indexing="ij"))
    return np.asarray(np.exp(-np.square(logs - peak) / (2 * width**2)))

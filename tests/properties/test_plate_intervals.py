"""Intervals of a plate's Z' and SSMD hold the truth as often as they say, also with three and four controls."""

from __future__ import annotations

import numpy as np
import pytest

from gandl.config import EvaluationSettings
from gandl.evaluation.screening.plates import normal_intervals

SETTINGS = EvaluationSettings(bootstrap=400)
SCREENS = 1000


@pytest.mark.parametrize("n", [(3, 4), (8, 16)])
@pytest.mark.parametrize("distance", [2.0, 8.0])
def test_nominal_95_percent_hold_the_truth(n: tuple[int, int], distance: float) -> None:
    rng = np.random.default_rng(0)
    spreads = (0.7, 1.0)
    truth = {"z_prime": 1 - 3 * sum(spreads) / distance, "ssmd": distance / np.hypot(*spreads)}
    held = dict.fromkeys(truth, 0)
    for seed in range(SCREENS):
        positive = distance + spreads[0] * rng.standard_normal(n[0])
        negative = spreads[1] * rng.standard_normal(n[1])
        for metric, (low, high) in normal_intervals(positive, negative, SETTINGS, seed).items():
            assert low < high < 1e3
            held[metric] += low <= truth[metric] <= high
    for metric, count in held.items():
        assert 0.93 <= count / SCREENS <= 0.985, metric

"""Intervals hold the true value about as often as they say: screens drawn from known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from gandl import statistics
from gandl.statistics import Hill, bootstrap_hill, bootstrap_interval, mean_of_proportions_interval

SCREENS = 200


@pytest.mark.parametrize(
    ("statistic", "truth"),
    [
        (statistics.z_prime, 0.4),
        (statistics.robust_z_prime, 0.4),
        (statistics.ssmd, 10 / np.sqrt(2)),
        (statistics.robust_ssmd, 10 / np.sqrt(2)),
    ],
)
def test_coverage_for_8_positive_and_16_negative_wells(statistic, truth: float) -> None:
    rng = np.random.default_rng(0)
    held = []
    for screen in range(SCREENS):
        positive, negative = 10 + rng.standard_normal(8), rng.standard_normal(16)
        low, high = bootstrap_interval(statistic, positive, negative, draws=300, confidence=0.95, seed=screen)
        held.append(low <= truth <= high)
    # the plain percentile interval of Z' reaches 0.80 here
    assert np.mean(held) >= 0.88


def test_the_interval_is_about_as_wide_as_other_screens_differ() -> None:
    rng = np.random.default_rng(1)
    values, widths = [], []
    for screen in range(SCREENS):
        positive, negative = 10 + rng.standard_normal(8), rng.standard_normal(16)
        values.append(float(statistics.z_prime(positive, negative)))
        widths.append(
            np.ptp(bootstrap_interval(statistics.z_prime, positive, negative, draws=300, confidence=0.95, seed=screen))
        )
    assert 0.7 < np.median(widths) / np.ptp(np.quantile(values, [0.025, 0.975])) < 1.5


def test_coverage_of_balanced_accuracy() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(500):
        right = rng.binomial(8, 0.8), rng.binomial(16, 0.9)
        low, high = mean_of_proportions_interval(right, (8, 16), 0.95)
        held.append(low <= 0.85 <= high)
    assert np.mean(held) >= 0.92


def test_coverage_of_the_ec50_with_four_replicates_of_nine_doses() -> None:
    curve = Hill(ec50=0.02, slope=1.4, bottom=-1, top=1)
    doses = np.repeat(0.25 / 2.0 ** np.arange(9), 4)
    rng = np.random.default_rng(3)
    held = []
    for screen in range(150):
        draws = bootstrap_hill(doses, curve(doses) + 0.3 * rng.standard_normal(36), draws=200, seed=screen)
        assert draws is not None
        low, high = np.quantile(draws.ec50, [0.025, 0.975])
        held.append(low <= curve.ec50 <= high)
    assert np.mean(held) >= 0.88

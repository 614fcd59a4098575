"""Intervals hold the true value about as often as they say: screens drawn from known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from gandl.statistics.bootstrap import Statistic, bootstrap_interval, mean_of_proportions_interval
from gandl.statistics.hill import Hill, bootstrap_hill
from gandl.statistics.separation import robust_ssmd, robust_z_prime, ssmd, z_prime

SCREENS = 200


@pytest.mark.parametrize(
    ("statistic", "truth"),
    [
        (z_prime, 0.4),
        (robust_z_prime, 0.4),
        (ssmd, 10 / np.sqrt(2)),
        (robust_ssmd, 10 / np.sqrt(2)),
    ],
)
def test_coverage_for_8_positive_and_16_negative_wells(statistic: Statistic, truth: float) -> None:
    """A "95 %" interval of normal wells holds the truth in 90 (Z'), 91 (SSMD) and 96 % (robust ones) of 1,000 screens.

    The plain percentile interval of Z' reaches 80 %. These 200 screens are drawn the same every time, so that chance moves
    nothing; 0.88 is 0.90 less one standard deviation (0.02) of another choice of screens.
    """
    assert coverage(statistic, truth, 8, 16) >= 0.88


def test_coverage_for_4_positive_and_8_negative_wells() -> None:
    """Half a plate's controls: a "95 %" interval of Z' holds the truth in about 84-86 % of screens only.

    Four wells hardly determine their own spread, and no draw from them can. 0.80 is 0.85 less two standard deviations (0.025) of
    another choice of screens.
    """
    assert coverage(z_prime, 0.4, 4, 8) >= 0.80


def coverage(statistic: Statistic, truth: float, positives: int, negatives: int) -> float:
    """Share of screens of normal wells, 10 standard deviations apart, whose interval holds the truth."""
    rng = np.random.default_rng(0)
    held = []
    for screen in range(SCREENS):
        positive, negative = 10 + rng.standard_normal(positives), rng.standard_normal(negatives)
        low, high = bootstrap_interval(statistic, positive, negative, draws=300, confidence=0.95, seed=screen)
        held.append(low <= truth <= high)
    return float(np.mean(held))


def test_the_interval_is_about_as_wide_as_other_screens_differ() -> None:
    rng = np.random.default_rng(1)
    values, widths = [], []
    for screen in range(SCREENS):
        positive, negative = 10 + rng.standard_normal(8), rng.standard_normal(16)
        values.append(float(z_prime(positive, negative)))
        widths.append(np.ptp(bootstrap_interval(z_prime, positive, negative, draws=300, confidence=0.95, seed=screen)))
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

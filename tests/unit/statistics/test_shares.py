"""Shares of right answers: intervals over wells, since images of a well are right or wrong together."""

from __future__ import annotations

import numpy as np
import pytest

from gandl.statistics.bootstrap import wilson_interval
from gandl.statistics.shares import accuracies

DRAWS = {"draws": 500, "confidence": 0.95, "seed": 0}


def test_values_are_the_shares_of_right_answers() -> None:
    found = accuracies([3, 4, 0, 1], [4, 4, 2, 2], ["a", "a", "b", "b"], **DRAWS)
    assert found.accuracy.value == 8 / 12
    assert found.balanced.value == (7 / 8 + 1 / 4) / 2
    assert found.n == 12


def test_wells_themselves_have_wilsons_interval() -> None:
    found = accuracies([1] * 18 + [0] * 2, [1] * 20, ["a"] * 10 + ["b"] * 10, **DRAWS)
    assert (found.accuracy.low, found.accuracy.high) == wilson_interval(18, 20, 0.95)
    assert found.balanced.low < found.balanced.value == 0.9 < found.balanced.high


def test_perfect_answers_have_an_interval_of_as_many_wells() -> None:
    found = accuracies([4] * 20, [4] * 20, ["a"] * 10 + ["b"] * 10, **DRAWS)
    assert (found.accuracy.low, found.accuracy.high) == wilson_interval(20, 20, 0.95)


def test_images_that_are_right_together_have_an_interval_as_wide_as_their_wells() -> None:
    rng = np.random.default_rng(0)
    alike = 8.0 * (rng.random(100) < 0.7)
    apart = rng.binomial(8, 0.7, 100)
    widths = []
    for right in (alike, apart):
        found = accuracies(right, np.full(100, 8), ["a"] * 100, **DRAWS).accuracy
        widths.append(found.high - found.low)
    low, high = wilson_interval(int(alike.sum() / 8), 100, 0.95)
    assert widths[0] == pytest.approx(high - low, rel=0.15)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("classes", [1, 4])
def test_an_interval_covers_the_truth(classes: int) -> None:
    """400 screens of 60 wells of 4 images; wells differ in how easy they are."""
    rng = np.random.default_rng(1)
    names = np.repeat(np.arange(classes), 60 // classes)
    held = 0
    for seed in range(400):
        right = rng.binomial(4, rng.beta(4, 2, 60))
        found = accuracies(right, np.full(60, 4), names, draws=200, confidence=0.95, seed=seed).balanced
        held += found.low <= 4 / 6 <= found.high
    assert 0.90 <= held / 400 <= 0.98


def test_nothing_classified_is_undefined() -> None:
    found = accuracies([], [], [], **DRAWS)
    assert np.isnan(found.accuracy.value)
    assert found.n == 0

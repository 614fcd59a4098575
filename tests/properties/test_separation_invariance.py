"""Separation of controls for any scores: no unit, no order, and the mirror image of a screen is as good as the screen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from gandl.statistics import separation

SCORES = arrays(float, st.integers(2, 12), elements=st.integers(-1000, 1000).map(float))
UNITLESS = [separation.z_prime, separation.robust_z_prime, separation.ssmd, separation.robust_ssmd, separation.auc]


@pytest.mark.parametrize("statistic", UNITLESS)
@settings(deadline=None)
@given(positive=SCORES, negative=SCORES, scale=st.sampled_from([0.125, 2.0, 64.0]), shift=st.integers(-50, 50))
def test_unit_and_origin_of_a_score_do_not_matter(statistic, positive, negative, scale, shift) -> None:
    moved = statistic(scale * positive + shift, scale * negative + shift)
    np.testing.assert_allclose(statistic(positive, negative), moved, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("statistic", [*UNITLESS, separation.accuracy, separation.balanced_accuracy])
@settings(deadline=None)
@given(positive=SCORES, negative=SCORES, seed=st.integers(0, 99))
def test_the_order_of_wells_does_not_matter(statistic, positive, negative, seed) -> None:
    rng = np.random.default_rng(seed)
    shuffled = statistic(rng.permutation(positive), rng.permutation(negative))
    np.testing.assert_allclose(statistic(positive, negative), shuffled, rtol=1e-6, atol=1e-9)


@settings(deadline=None)
@given(positive=SCORES, negative=SCORES)
def test_swapping_the_kinds_keeps_z_prime_and_mirrors_ssmd_and_auc(positive, negative) -> None:
    np.testing.assert_allclose(separation.z_prime(positive, negative), separation.z_prime(negative, positive))
    np.testing.assert_allclose(separation.ssmd(positive, negative), -separation.ssmd(negative, positive))
    np.testing.assert_allclose(separation.auc(positive, negative), 1 - separation.auc(negative, positive))


@settings(deadline=None)
@given(positive=SCORES, negative=SCORES)
def test_bounds(positive, negative) -> None:
    for statistic in (separation.z_prime, separation.robust_z_prime):
        value = statistic(positive, negative)
        assert np.isnan(value) or value <= 1
    for statistic in (separation.accuracy, separation.balanced_accuracy, separation.auc):
        assert 0 <= statistic(positive, negative) <= 1

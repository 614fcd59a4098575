"""Separation of controls: closed forms on numbers that can be checked by hand, and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, median_abs_deviation
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from gandl.statistics import separation

POSITIVE = np.array([0.9, 1.1, 1.3, 0.7, -0.2])
NEGATIVE = np.array([-1.0, -0.8, -1.3, 0.1, -0.9, -1.1, -1.0])
EVERY = [
    separation.z_prime,
    separation.robust_z_prime,
    separation.ssmd,
    separation.robust_ssmd,
    separation.accuracy,
    separation.balanced_accuracy,
    separation.auc,
]


def test_z_prime_of_numbers_by_hand() -> None:
    # means 10 and 0; sample standard deviations 1 and 2: 1 - 3 * 3 / 10
    assert separation.z_prime(np.array([9.0, 10.0, 11.0]), np.array([-2.0, 0.0, 2.0])) == pytest.approx(0.1)


def test_ssmd_of_numbers_by_hand() -> None:
    assert separation.ssmd(np.array([9.0, 10.0, 11.0]), np.array([-2.0, 0.0, 2.0])) == pytest.approx(10 / np.sqrt(5))


def test_robust_versions_use_median_and_scaled_mad() -> None:
    spread = [median_abs_deviation(values, scale="normal") for values in (POSITIVE, NEGATIVE)]
    gap = np.median(POSITIVE) - np.median(NEGATIVE)
    assert separation.robust_z_prime(POSITIVE, NEGATIVE) == pytest.approx(1 - 3 * sum(spread) / gap, rel=1e-4)
    assert separation.robust_ssmd(POSITIVE, NEGATIVE) == pytest.approx(gap / np.hypot(*spread), rel=1e-4)


def test_robust_versions_ignore_one_wild_well_and_plain_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    positive, negative = 1 + 0.05 * rng.standard_normal(8), -1 + 0.05 * rng.standard_normal(16)
    wild = np.append(positive[:-1], -40.0)
    assert separation.z_prime(positive, negative) - separation.z_prime(wild, negative) > 5
    assert abs(separation.robust_z_prime(positive, negative) - separation.robust_z_prime(wild, negative)) < 0.15


def test_classification_agrees_with_scikit_learn() -> None:
    truth = np.repeat([1, 0], [len(POSITIVE), len(NEGATIVE)])
    scores = np.concatenate([POSITIVE, NEGATIVE])
    called = scores > 0
    assert separation.accuracy(POSITIVE, NEGATIVE) == pytest.approx(accuracy_score(truth, called))
    assert separation.balanced_accuracy(POSITIVE, NEGATIVE) == pytest.approx(balanced_accuracy_score(truth, called))
    assert separation.auc(POSITIVE, NEGATIVE) == pytest.approx(roc_auc_score(truth, scores))


def test_auc_counts_ties_half() -> None:
    positive, negative = np.array([1.0, 2.0, 2.0]), np.array([1.0, 2.0, 0.0, 0.0])
    u = mannwhitneyu(positive, negative).statistic
    assert separation.auc(positive, negative) == pytest.approx(u / 12)


def test_a_score_of_exactly_zero_counts_half() -> None:
    assert separation.accuracy(np.array([0.0, 1.0]), np.array([0.0, -1.0])) == 0.75


@pytest.mark.parametrize("statistic", EVERY)
def test_every_statistic_of_many_draws_equals_that_of_each(statistic) -> None:
    rng = np.random.default_rng(1)
    positive, negative = rng.standard_normal((6, 8)) + 1, rng.standard_normal((6, 16)) - 1
    each = [float(statistic(p, n)) for p, n in zip(positive, negative, strict=True)]
    np.testing.assert_allclose(statistic(positive, negative), each)


@pytest.mark.parametrize("statistic", EVERY)
def test_no_wells_of_a_kind_is_undefined_and_no_warning(statistic, recwarn) -> None:
    assert np.isnan(statistic(np.array([]), np.array([])))
    assert not recwarn.list


@pytest.mark.parametrize("statistic", EVERY[:4])
def test_one_well_of_a_kind_has_no_spread(statistic) -> None:
    assert np.isnan(statistic(np.array([1.0]), NEGATIVE))


def test_equal_means_have_no_z_prime() -> None:
    assert np.isnan(separation.z_prime(np.array([-1.0, 1.0]), np.array([-2.0, 2.0])))


def test_auc_of_many_draws_is_the_share_of_pairs_won(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 6, (5, 7, 9)).astype(float), rng.integers(0, 6, 11).astype(float)
    difference = positive[..., None] - negative
    pairs = ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(-1, -2))
    np.testing.assert_allclose(separation.auc(positive, negative), pairs, rtol=1e-14)
    monkeypatch.setattr(separation, "VALUES_AT_ONCE", 64)
    np.testing.assert_allclose(separation.auc(positive, negative), pairs, rtol=1e-14)

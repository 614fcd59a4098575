"""Intervals: what they hold, when there is none, and that a seed decides every draw."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap, norm, ttest_ind

from gandl.statistics import bootstrap as bootstrap_module
from gandl.statistics.bootstrap import (
    bootstrap_interval,
    drawn_positions,
    grouped_auc_interval,
    mean_interval,
    mean_of_proportions_interval,
    resample_within,
    wilson_interval,
)
from gandl.statistics.separation import auc, ssmd, z_prime

RNG = np.random.default_rng(0)
POSITIVE, NEGATIVE = 6 + RNG.standard_normal(8), RNG.standard_normal(16)
SETTINGS = {"draws": 500, "confidence": 0.95, "seed": 3}


def test_the_interval_holds_the_value() -> None:
    low, high = bootstrap_interval(z_prime, POSITIVE, NEGATIVE, **SETTINGS)
    assert low < float(z_prime(POSITIVE, NEGATIVE)) < high


def test_the_seed_decides_every_draw() -> None:
    first = bootstrap_interval(z_prime, POSITIVE, NEGATIVE, **SETTINGS)
    np.random.seed(17)  # noqa: NPY002 - the global generator must not matter
    assert bootstrap_interval(z_prime, POSITIVE, NEGATIVE, **SETTINGS) == first
    assert bootstrap_interval(z_prime, POSITIVE, NEGATIVE, **SETTINGS | {"seed": 4}) != first


@pytest.mark.parametrize("statistic", [ssmd, z_prime])
def test_bias_and_skewness_are_corrected_as_scipy_does_it(statistic) -> None:
    # So many skewed wells that widening and t tails hardly matter. The uncorrected ends lie 9 to 20 % of a width away.
    rng = np.random.default_rng(0)
    positive, negative = 5 + rng.exponential(size=60), rng.exponential(size=80)
    low, high = bootstrap_interval(statistic, positive, negative, draws=20_000, confidence=0.95, seed=1)

    def along(positive: np.ndarray, negative: np.ndarray, axis: int) -> np.ndarray:
        return statistic(np.moveaxis(positive, axis, -1), np.moveaxis(negative, axis, -1))

    expected = bootstrap(
        (positive, negative), along, n_resamples=20_000, axis=-1, vectorized=True, rng=rng
    ).confidence_interval
    np.testing.assert_allclose((low, high), expected, atol=0.05 * (high - low))


def test_the_interval_of_a_difference_of_means_is_about_welchs() -> None:
    # A little wider: its t has the smaller group's degrees of freedom. Moved by each sample's skewness, on average by nothing.
    widths, moved = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        wells = 1 + rng.standard_normal(8), rng.standard_normal(16)
        low, high = bootstrap_interval(difference_of_means, *wells, draws=2_000, confidence=0.95, seed=seed)
        welch = ttest_ind(*wells, equal_var=False).confidence_interval(0.95)
        widths.append((high - low) / (welch.high - welch.low))
        moved.append(((low + high) - (welch.low + welch.high)) / (welch.high - welch.low) / 2)
    assert 0.95 < min(widths) < max(widths) < 1.25
    assert np.mean(moved) == pytest.approx(0, abs=0.05)


def difference_of_means(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    return np.asarray(positive.mean(-1) - negative.mean(-1))


def test_more_confidence_is_a_wider_interval() -> None:
    narrow = bootstrap_interval(z_prime, POSITIVE, NEGATIVE, **SETTINGS | {"confidence": 0.5})
    wide = bootstrap_interval(z_prime, POSITIVE, NEGATIVE, **SETTINGS)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize("positive", [np.array([]), np.array([1.0])])
def test_fewer_than_two_wells_of_a_kind_have_no_interval(positive: np.ndarray) -> None:
    assert np.isnan(bootstrap_interval(z_prime, positive, NEGATIVE, **SETTINGS)).all()


def test_draws_that_all_agree_say_nothing_of_the_spread() -> None:
    assert float(auc(POSITIVE, NEGATIVE)) == 1.0
    assert np.isnan(bootstrap_interval(auc, POSITIVE, NEGATIVE, **SETTINGS)).all()


def test_a_statistic_that_most_draws_leave_undefined_has_no_interval() -> None:
    def mostly_undefined(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        value = np.asarray(positive.mean(-1) - negative.mean(-1))
        return np.where(positive[..., 0] == POSITIVE[0], value, np.nan)

    assert np.isfinite(mostly_undefined(POSITIVE, NEGATIVE))
    assert np.isnan(bootstrap_interval(mostly_undefined, POSITIVE, NEGATIVE, **SETTINGS)).all()


@pytest.mark.parametrize(("right", "n"), [(24, 24), (0, 5), (7, 12)])
def test_wilson_agrees_with_scipy(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson_interval(right, n, 0.95), expected, atol=1e-12)


def test_no_rounding_takes_a_proportion_below_0_or_above_1() -> None:
    for n in range(1, 200):
        for right in (0, n):
            for low, high in (
                wilson_interval(right, n, 0.95),
                mean_of_proportions_interval([right, right], [n, n], 0.95),
            ):
                assert 0 <= low <= high <= 1


def test_wilson_of_no_wells_is_undefined() -> None:
    assert np.isnan(wilson_interval(0, 0, 0.95)).all()


def test_mean_of_proportions_holds_the_mean_and_shrinks_with_n() -> None:
    few, many = (mean_of_proportions_interval((7 * k, 15 * k), (8 * k, 16 * k), 0.95) for k in (1, 25))
    share = (7 / 8 + 15 / 16) / 2
    assert few[0] < many[0] < share < many[1] < few[1] <= 1


def test_a_mean_of_proportions_without_wells_of_a_kind_is_undefined() -> None:
    assert np.isnan(mean_of_proportions_interval((0, 3), (0, 4), 0.95)).all()


def test_resampling_stays_within_the_dose() -> None:
    doses = np.array([3.0, 1.0, 1.0, 3.0, 2.0, 1.0])
    chosen = resample_within(doses, 200, seed=0)
    assert chosen.shape == (200, 6)
    np.testing.assert_array_equal(doses[chosen], np.tile(doses, (200, 1)))
    assert {*chosen[:, 0]} == {0, 3}
    assert {*chosen[:, 4]} == {4}


def test_draws_some_at_a_time_are_the_draws_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = np.random.default_rng(3).integers(0, 17, (50, 17))
    monkeypatch.setattr(bootstrap_module, "DRAWN_AT_ONCE", 100)
    parts = list(drawn_positions(17, 50, np.random.default_rng(3)))
    assert len(parts) == 10
    np.testing.assert_array_equal(np.concatenate(parts), at_once)


def test_interval_of_a_mean_is_that_of_drawn_means() -> None:
    values = np.random.default_rng(0).normal(5, 2, 200)
    low, high = mean_interval(values, draws=2000, confidence=0.95, seed=0)
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
    assert np.isnan(mean_interval(values[:1], draws=10, confidence=0.95, seed=0)).all()


def test_interval_of_a_mean_of_many_proportions_holds_it() -> None:
    low, high = mean_of_proportions_interval([9, 8, 7, 4], [10, 10, 10, 10], 0.95)
    assert low < 0.7 < high
    one = wilson_interval(28, 40, 0.95)
    assert high - low == pytest.approx(one[1] - one[0], rel=0.15)


def test_the_jackknife_leaves_wells_out_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap_interval(ssmd, POSITIVE, NEGATIVE, **SETTINGS)
    monkeypatch.setattr(bootstrap_module, "DRAWN_AT_ONCE", 40)
    assert bootstrap_interval(ssmd, POSITIVE, NEGATIVE, **SETTINGS) == pytest.approx(whole)
    parts = list(bootstrap_module._without_one(np.arange(5.0)))
    expected = [np.delete(np.arange(5.0), i) for i in range(5)]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def shifted_plates(
    seed: int, plates: int = 8, wells: int = 30
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Wells of two kinds, a plate holds one; shifts of whole plates as large as the spread within."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(plates), wells)
    positive, negative = (
        gap + rng.standard_normal(plates)[groups] + rng.standard_normal(len(groups)) for gap in (1.0, 0.0)
    )
    return positive, negative, groups, groups


def test_draws_of_plates_cover_an_auc_that_draws_of_their_wells_miss() -> None:
    truth = norm.cdf(0.5)  # of the difference of two wells: mean 1, variance 4
    held = {"plates": 0, "wells": 0}
    for seed in range(60):
        positive, negative, *groups = shifted_plates(seed)
        settings = {"draws": 300, "confidence": 0.95, "seed": seed}
        intervals = {
            "plates": grouped_auc_interval(positive, negative, *groups, **settings),
            "wells": bootstrap_interval(auc, positive, negative, **settings),
        }
        for name, (low, high) in intervals.items():
            held[name] += low <= truth <= high
    assert held["plates"] >= 0.8 * 60
    assert held["wells"] <= 0.6 * 60


def test_the_auc_of_drawn_plates_is_that_of_their_wells() -> None:
    positive, negative, groups, _ = shifted_plates(0, plates=2, wells=6)
    low, high = grouped_auc_interval(positive, negative, groups, groups, draws=500, confidence=0.999, seed=0)
    every = [auc(positive[groups == i], negative[groups == j]) for i in (0, 1) for j in (0, 1)]
    assert (low, high) == (pytest.approx(min(every)), pytest.approx(max(every)))


def test_one_plate_of_a_kind_or_draws_that_agree_have_no_interval() -> None:
    values = np.arange(4.0)
    settings = {"draws": 100, "confidence": 0.95, "seed": 0}
    assert np.isnan(grouped_auc_interval(values, values, list("aaaa"), list("bbcc"), **settings)).all()
    assert np.isnan(grouped_auc_interval(values + 9, values, list("aabb"), list("ccdd"), **settings)).all()

"""Hill fits: exact recovery, agreement with an independent fit, what is constant, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit, least_squares
from scipy.stats import f as f_distribution

from gandl.statistics.hill import DoseError, Hill, bootstrap_hill, ec50_interval, fit_hill, resampled_responses

DOSES = np.repeat(0.25 / 2.0 ** np.arange(9), 4)
RISING = Hill(ec50=0.02, slope=1.4, bottom=-1.0, top=1.0)
FALLING = Hill(ec50=0.006, slope=-2.5, bottom=0.2, top=7.0)


def noisy(curve: Hill, noise: float = 0.2, seed: int = 0) -> np.ndarray:
    return curve(DOSES) + noise * np.random.default_rng(seed).standard_normal(len(DOSES))


def test_the_curve_is_halfway_at_its_ec50() -> None:
    for curve in (RISING, FALLING):
        assert curve(curve.ec50) == pytest.approx((curve.bottom + curve.top) / 2)


def test_a_rising_curve_starts_at_its_bottom_and_a_falling_one_at_its_top() -> None:
    np.testing.assert_allclose(RISING([1e-12, 1e9]), [-1, 1], atol=1e-6)
    np.testing.assert_allclose(FALLING([1e-12, 1e9]), [7, 0.2], atol=1e-6)


@pytest.mark.parametrize("curve", [RISING, FALLING, Hill(0.2, 0.8, 3, 4), Hill(0.0012, 1.0, -5, 5)])
def test_a_curve_without_noise_is_recovered(curve: Hill) -> None:
    found = fit_hill(DOSES, curve(DOSES)).curve
    assert (found.ec50, found.slope) == pytest.approx((curve.ec50, curve.slope), rel=1e-5)
    assert (found.bottom, found.top) == pytest.approx((curve.bottom, curve.top), abs=1e-4)


@pytest.mark.parametrize("curve", [RISING, FALLING])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_fit_agrees_with_scipys_curve_fit(curve: Hill, seed: int) -> None:
    y = noisy(curve, seed=seed)
    sign = np.sign(curve.slope)

    def model(dose: np.ndarray, log_ec50: float, slope: float, bottom: float, top: float) -> np.ndarray:
        return bottom + (top - bottom) / (1 + (np.exp(log_ec50) / dose) ** (sign * slope))

    expected, _ = curve_fit(model, DOSES, y, p0=[np.log(curve.ec50), abs(curve.slope), curve.bottom, curve.top])
    found = fit_hill(DOSES, y)
    assert found.curve.ec50 == pytest.approx(np.exp(expected[0]), rel=1e-3)
    assert found.curve.slope == pytest.approx(sign * expected[1], rel=1e-3)
    assert (found.curve.bottom, found.curve.top) == pytest.approx(tuple(expected[2:]), rel=1e-3)

    residual, constant = np.square(y - model(DOSES, *expected)).sum(), np.square(y - y.mean()).sum()
    ratio = (constant - residual) / 3 / (residual / 32)
    aicc = [36 * np.log(rss / 36) + 2 * k + 2 * k * (k + 1) / (36 - k - 1) for rss, k in ((constant, 2), (residual, 5))]
    assert found.delta_aicc == pytest.approx(aicc[0] - aicc[1], rel=1e-6)
    assert found.p_constant == pytest.approx(f_distribution.sf(ratio, 3, 32), rel=1e-3, abs=0)


def test_the_fit_does_not_depend_on_the_order_of_wells() -> None:
    y, order = noisy(RISING), np.random.default_rng(1).permutation(len(DOSES))
    first, second = fit_hill(DOSES, y).curve, fit_hill(DOSES[order], y[order]).curve
    assert first.ec50 == pytest.approx(second.ec50, rel=1e-6)


@pytest.mark.parametrize("level", [0.0, 3.7, -1e6])
def test_a_constant_series_is_called_constant(level: float) -> None:
    fit = fit_hill(DOSES, np.full(len(DOSES), level))
    assert fit.delta_aicc < 0
    assert fit.p_constant == pytest.approx(1)


def test_draws_of_wells_without_spread_are_the_fit() -> None:
    y = FALLING(DOSES)
    draws = bootstrap_hill(DOSES, y, draws=5, seed=0)
    assert draws is not None
    np.testing.assert_allclose(draws.ec50, FALLING.ec50, rtol=1e-3)
    np.testing.assert_allclose(draws.slope, FALLING.slope, rtol=2e-3)
    np.testing.assert_allclose(draws.responses(DOSES), np.tile(y, (5, 1)), atol=1e-3)


def test_each_draw_is_fitted_as_well_as_the_search_of_a_single_series_would() -> None:
    y = noisy(RISING, noise=0.4)
    drawn = resampled_responses(DOSES, y, draws=8, seed=5)
    draws = bootstrap_hill(DOSES, y, draws=8, seed=5)
    assert drawn is not None
    assert draws is not None
    together = np.square(drawn - draws.responses(DOSES)).sum(axis=1)
    alone = [np.square(response - fit_hill(DOSES, response).curve(DOSES)).sum() for response in drawn]
    np.testing.assert_allclose(together, alone, rtol=1e-4)


def test_resampled_responses_have_the_unbiased_variance_of_the_replicates() -> None:
    y = np.random.default_rng(0).standard_normal(len(DOSES))
    drawn = resampled_responses(DOSES, y, draws=20_000, seed=0)
    assert drawn is not None
    at = DOSES[0] == DOSES
    assert drawn[:, at].var() == pytest.approx(y[at].var(ddof=1), rel=0.05)
    assert drawn[:, at].mean() == pytest.approx(y[at].mean(), abs=0.03)


def test_one_well_of_a_dose_leaves_no_draws() -> None:
    assert bootstrap_hill(DOSES[3:], noisy(RISING)[3:], draws=10, seed=0) is None


def test_an_ec50_far_beyond_the_doses_stops_half_a_decade_out() -> None:
    far = Hill(ec50=50.0, slope=1.0, bottom=0.0, top=1000.0)
    assert fit_hill(DOSES, far(DOSES)).curve.ec50 == pytest.approx(0.25 * 10**0.5, rel=1e-3)


@pytest.mark.parametrize(("curve", "seed"), [(RISING, 0), (FALLING, 1)])
def test_at_the_ends_of_the_interval_of_the_ec50_the_best_curve_is_just_worse_by_an_f_test(
    curve: Hill, seed: int
) -> None:
    y = noisy(curve, noise=0.3, seed=seed)
    fit = fit_hill(DOSES, y)
    best = np.square(y - fit.curve(DOSES)).sum()
    for end in ec50_interval(DOSES, y, fit, 0.9):

        def residuals(log_slope: float, bottom: float, top: float, end: float = end) -> np.ndarray:
            return y - Hill(end, np.sign(curve.slope) * np.exp(log_slope), bottom, top)(DOSES)

        start = [np.log(abs(curve.slope)), curve.bottom, curve.top]
        worse = 2 * least_squares(lambda p, of=residuals: of(*p), start).cost
        assert f_distribution.sf((worse - best) / (best / 32), 1, 32) == pytest.approx(0.1, rel=0.06)


def test_the_interval_of_the_ec50_holds_the_fit_and_grows_with_the_confidence() -> None:
    y = noisy(RISING, noise=0.4)
    fit = fit_hill(DOSES, y)
    wide, narrow = ec50_interval(DOSES, y, fit, 0.99), ec50_interval(DOSES, y, fit, 0.5)
    assert wide[0] < narrow[0] < fit.curve.ec50 < narrow[1] < wide[1]


def test_the_interval_of_an_exact_series_is_its_ec50() -> None:
    fit = fit_hill(DOSES, FALLING(DOSES))
    np.testing.assert_allclose(ec50_interval(DOSES, FALLING(DOSES), fit, 0.95), FALLING.ec50, rtol=1e-3)


def test_the_interval_of_noise_alone_is_open_on_both_sides() -> None:
    y = np.random.default_rng(3).standard_normal(len(DOSES))
    low, high = ec50_interval(DOSES, y, fit_hill(DOSES, y), 0.95)
    assert (low, high) == pytest.approx((DOSES.min() / 10**0.5, DOSES.max() * 10**0.5))


def test_one_well_per_dose_has_an_interval_of_the_ec50_where_it_has_no_draws() -> None:
    dose = np.unique(DOSES)
    y = RISING(dose) + 0.05 * np.random.default_rng(0).standard_normal(len(dose))
    low, high = ec50_interval(dose, y, fit_hill(dose, y), 0.95)
    assert low < RISING.ec50 < high


def test_too_few_doses_or_wells_say_what_is_needed() -> None:
    with pytest.raises(DoseError, match="at least 4 different doses and 5 wells; there are 3 and 6"):
        fit_hill(np.repeat([1.0, 2.0, 4.0], 2), np.arange(6.0))
    with pytest.raises(DoseError, match="there are 4 and 4"):
        fit_hill(np.array([1.0, 2.0, 4.0, 8.0]), np.arange(4.0))


@pytest.mark.parametrize(("dose", "response"), [(0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_a_dose_of_zero_or_a_value_that_is_none_is_refused(dose: float, response: float) -> None:
    doses, responses = np.geomspace(1, 100, 8), np.arange(8.0)
    doses[3], responses[3] = dose, response
    with pytest.raises(DoseError, match="must be above 0"):
        fit_hill(doses, responses)


def test_aicc_needs_two_wells_more_than_the_curve_has_parameters() -> None:
    assert np.isnan(fit_hill(np.geomspace(1, 100, 6), np.array([0.0, 0.1, 0.5, 0.8, 1.0, 0.9])).delta_aicc)

"""Hill fits of many series at once: exact without noise, as those of each by itself, and as good as another optimiser's."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from scipy.optimize import least_squares

from gandl.statistics.hill import DoseError, Hill, ec50_interval, ec50_intervals, fit_hill, fit_hills

DOSES = np.repeat([0.01, 0.03, 0.1, 0.3, 1.0, 3.0], 2)


def curves(count: int, seed: int = 0) -> list[Hill]:
    """Rising and falling ones, EC50s anywhere within the doses."""
    rng = np.random.default_rng(seed)
    ec50 = np.exp(rng.uniform(np.log(0.01), np.log(3.0), count))
    slope = np.exp(rng.uniform(np.log(0.5), np.log(5.0), count)) * rng.choice([-1, 1], count)
    return [Hill(*each, -1.0, top) for *each, top in zip(ec50, slope, rng.uniform(-0.5, 1.5, count), strict=True)]


def test_series_without_noise_have_their_ec50_within_a_thousandth() -> None:
    true = curves(300)
    found = fit_hills(DOSES, np.stack([curve(DOSES) for curve in true]))
    ratio = np.array([fit.curve.ec50 / curve.ec50 for fit, curve in zip(found, true, strict=True)])
    np.testing.assert_allclose(ratio, 1, rtol=1e-3)
    np.testing.assert_allclose([fit.curve.slope for fit in found], [curve.slope for curve in true], rtol=1e-2)


def test_many_series_are_fitted_as_each_is_alone() -> None:
    rng = np.random.default_rng(1)
    responses = np.stack([curve(DOSES) + 0.3 * rng.standard_normal(len(DOSES)) for curve in curves(20, seed=1)])
    together = fit_hills(DOSES, responses)
    for fit, response in zip(together, responses, strict=True):
        by_itself = fit_hill(DOSES, response)
        np.testing.assert_allclose(astuple(fit.curve), astuple(by_itself.curve), rtol=1e-4)  # where both stop
        left, left_alone = (np.square(response - found.curve(DOSES)).sum() for found in (fit, by_itself))
        assert left == pytest.approx(left_alone, rel=1e-9), "neither stops before it has arrived"
        assert (fit.delta_aicc, fit.p_constant) == pytest.approx((by_itself.delta_aicc, by_itself.p_constant))
    alone = [ec50_interval(DOSES, *each, 0.95) for each in zip(responses, together, strict=True)]
    np.testing.assert_allclose(ec50_intervals(DOSES, responses, together, 0.95), alone, rtol=1e-12)


def test_no_start_of_another_optimiser_ends_lower() -> None:
    rng = np.random.default_rng(2)
    responses = np.stack([curve(DOSES) + 0.4 * rng.standard_normal(len(DOSES)) for curve in curves(12, seed=2)])
    for response, fit in zip(responses, fit_hills(DOSES, responses), strict=True):
        ours = np.square(response - fit.curve(DOSES)).sum()

        def residuals(p: np.ndarray, response: np.ndarray = response) -> np.ndarray:
            return response - Hill(np.exp(p[0]), np.exp(p[1]), p[2], p[3])(DOSES)

        beyond = np.log(10) / 2
        low, high = [np.log(0.01) - beyond, np.log(0.3), -50, -50], [np.log(3) + beyond, np.log(8), 50, 50]
        for start in ([-2.0, 0.0, -1, 1], [-2.0, 0.0, 1, -1], [-4.0, 1.0, -1, 1], [0.5, 1.0, -1, 1]):
            assert ours <= 2 * least_squares(residuals, start, bounds=(low, high)).cost * (1 + 1e-6) + 1e-9


def test_series_of_too_few_doses_are_refused_together() -> None:
    with pytest.raises(DoseError, match="at least 4 different doses"):
        fit_hills(np.repeat([1.0, 2.0, 3.0], 3), np.zeros((5, 9)))

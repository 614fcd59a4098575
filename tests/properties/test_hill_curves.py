"""Hill fits for any curve and noise: units pass through, mirror images mirror, and noise alone is rarely called a response."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gandl.statistics.hill import Hill, fit_hill

DOSES = np.repeat(np.geomspace(0.01, 10, 10), 3)
CURVES = st.builds(
    Hill,
    ec50=st.floats(0.03, 3),
    slope=st.floats(0.7, 4).flatmap(lambda slope: st.sampled_from([slope, -slope])),
    bottom=st.floats(-5, 0, allow_subnormal=False),  # networks of other tests may have switched them off
    top=st.floats(1, 5),
)


def noisy(curve: Hill, seed: int) -> np.ndarray:
    return curve(DOSES) + 0.05 * np.random.default_rng(seed).standard_normal(len(DOSES))


@settings(max_examples=15, deadline=None)
@given(curve=CURVES)
def test_any_curve_within_the_doses_is_recovered(curve: Hill) -> None:
    found = fit_hill(DOSES, curve(DOSES)).curve
    assert found.ec50 == pytest.approx(curve.ec50, rel=1e-3)
    assert found.slope == pytest.approx(curve.slope, rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(curve=CURVES, seed=st.integers(0, 99), factor=st.sampled_from([1e-6, 1e-3, 1e3]))
def test_the_ec50_carries_the_unit_of_the_dose_and_nothing_else_does(curve: Hill, seed: int, factor: float) -> None:
    y = noisy(curve, seed)
    here, there = fit_hill(DOSES, y), fit_hill(factor * DOSES, y)
    assert there.curve.ec50 == pytest.approx(factor * here.curve.ec50, rel=1e-3)
    assert there.curve.slope == pytest.approx(here.curve.slope, rel=1e-3)
    assert there.delta_aicc == pytest.approx(here.delta_aicc, rel=1e-4, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(curve=CURVES, seed=st.integers(0, 99))
def test_a_mirrored_response_has_the_mirrored_curve(curve: Hill, seed: int) -> None:
    y = noisy(curve, seed)
    here, there = fit_hill(DOSES, y).curve, fit_hill(DOSES, -y).curve
    assert there.ec50 == pytest.approx(here.ec50, rel=1e-3)
    assert (there.slope, there.bottom, there.top) == pytest.approx((-here.slope, -here.top, -here.bottom), rel=1e-3)


@settings(max_examples=10, deadline=None)
@given(curve=CURVES, seed=st.integers(0, 99))
def test_no_curve_fits_better_than_the_one_found(curve: Hill, seed: int) -> None:
    y = noisy(curve, seed)
    found = fit_hill(DOSES, y).curve
    best = np.square(y - found(DOSES)).sum()
    rng = np.random.default_rng(seed)
    for _ in range(50):
        ec50, slope, bottom, top = rng.normal(1, 0.05, 4)
        other = Hill(found.ec50 * ec50, found.slope * slope, found.bottom * bottom, found.top * top)
        assert best <= np.square(y - other(DOSES)).sum()


def test_noise_alone_is_called_a_response_in_few_series() -> None:
    rng = np.random.default_rng(0)
    fits = [fit_hill(DOSES, rng.standard_normal(len(DOSES))) for _ in range(60)]
    assert np.mean([fit.p_constant < 0.05 and fit.delta_aicc > 0 for fit in fits]) <= 0.12

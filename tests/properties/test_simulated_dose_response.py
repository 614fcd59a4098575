"""The simulator's compounds can be measured: their EC50s come back from severities, exact without noise, near it with noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest

from gandl.source.simulator.chemistry import DOSES_UM, WELL_NOISE, Compound, Kind, draw_compound, well_noise
from gandl.statistics.hill import bootstrap_hill, ec50_interval, fit_hill

COMPOUNDS = 200
WELLS = 6
"""Wells per dose: two on each of three plates, as most compounds of the real screen have."""


@dataclass(frozen=True)
class Series:
    compound: Compound
    dose: np.ndarray
    expected: np.ndarray
    noisy: np.ndarray

    @property
    def ec50(self) -> float:
        assert self.compound.ec50_um is not None
        return self.compound.ec50_um


@lru_cache
def drawn(wells: int = WELLS) -> list[Series]:
    rng = np.random.default_rng(0)
    dose = np.repeat(DOSES_UM, wells)
    series = []
    for i in range(COMPOUNDS):
        compound = draw_compound(f"Simulated compound {i:03d}", Kind.ACTIVE, rng)
        expected = np.array([compound.severity(value) for value in dose])
        series.append(Series(compound, dose, expected, expected + well_noise(len(dose), rng)))
    return series


def test_every_ec50_lies_within_the_doses() -> None:
    assert all(min(DOSES_UM) < one.ec50 < max(DOSES_UM) for one in drawn())


def test_severities_without_noise_give_the_ec50_within_a_hundredth() -> None:
    found = [fit_hill(one.dose, one.expected).curve for one in drawn()]
    np.testing.assert_allclose([curve.ec50 for curve in found], [one.ec50 for one in drawn()], rtol=0.01)
    np.testing.assert_allclose([-curve.slope for curve in found], [one.compound.slope for one in drawn()], rtol=0.01)
    np.testing.assert_allclose([1 - curve.bottom for curve in found], [one.compound.top for one in drawn()], rtol=0.01)


def test_the_noise_of_wells_is_at_least_a_tenth_of_the_range_and_does_not_shift_it() -> None:
    noise = well_noise(200_000, np.random.default_rng(1))
    assert noise.std() == pytest.approx(WELL_NOISE, rel=0.01)
    assert noise.std() >= 0.1
    assert abs(noise.mean()) < 0.001
    assert np.abs(noise).max() < 0.3


def test_noisy_severities_give_the_ec50_within_0_15_decades_for_half_of_the_compounds() -> None:
    error = [np.log10(fit_hill(one.dose, one.noisy).curve.ec50 / one.ec50) for one in drawn()]
    assert np.median(np.abs(error)) <= 0.15


@pytest.mark.parametrize("wells", [2, 4, 6])
def test_intervals_of_noisy_fits_cover_the_truth_in_nine_of_ten_compounds(wells: int) -> None:
    covered = []
    for one in drawn(wells):
        low, high = ec50_interval(one.dose, one.noisy, fit_hill(one.dose, one.noisy), 0.95)
        covered.append(low <= one.ec50 <= high)
    assert np.mean(covered) >= 0.9


def test_so_do_the_percentiles_of_the_bootstrap_with_six_wells_per_dose() -> None:
    covered = []
    for i, one in enumerate(drawn()):
        draws = bootstrap_hill(one.dose, one.noisy, draws=300, seed=i)
        assert draws is not None
        low, high = np.quantile(draws.ec50, [0.025, 0.975])
        covered.append(low <= one.ec50 <= high)
    assert np.mean(covered) >= 0.9

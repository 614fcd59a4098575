"""Standardisation: in units of each plate's reference wells; every user gets the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gandl.statistics.standardisation import StandardisationError, check_reference, standardise

WELLS = np.array([f"{plate}_{i // 2}" for plate in ("one", "two") for i in range(12)])
"""Two plates of six wells of two sites each."""
SITE_PLATES = np.repeat(["one", "two"], 12)
REFERENCE = np.tile(np.repeat([True, False], 6), 2)


def values() -> np.ndarray:
    return np.random.default_rng(0).normal(5, 2, (24, 3))


def test_reference_wells_not_sites_have_mean_zero_and_sample_deviation_one() -> None:
    out = standardise(values(), SITE_PLATES, WELLS, REFERENCE)
    for plate in ("one", "two"):
        wells = out[REFERENCE & (plate == SITE_PLATES)].reshape(3, 2, 3).mean(axis=1)
        np.testing.assert_allclose(wells.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(wells.std(axis=0, ddof=1), 1)


def test_the_order_of_rows_does_not_matter() -> None:
    order = np.random.default_rng(1).permutation(24)
    shuffled = standardise(values()[order], SITE_PLATES[order], WELLS[order], REFERENCE[order])
    np.testing.assert_allclose(shuffled, standardise(values(), SITE_PLATES, WELLS, REFERENCE)[order])


def test_a_plate_with_too_few_reference_wells_is_named_and_what_for() -> None:
    few = REFERENCE & ~((SITE_PLATES == "two") & (np.arange(24) % 12 > 3))
    with pytest.raises(StandardisationError, match=r"plate two has 2 reference wells for the probe; at least 3"):
        check_reference(SITE_PLATES, WELLS, few, "the probe")
    with pytest.raises(StandardisationError, match="plate two has 2"):
        standardise(values(), SITE_PLATES, WELLS, few)

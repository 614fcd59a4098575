"""What is packed for the page comes back as it was."""

from __future__ import annotations

import json

import numpy as np
import pytest

from explorer_blocks import from_fixed_point, from_planes
from gandl.explorer import packing


def test_scores_come_back_to_three_decimals_and_missing_ones_stay_missing() -> None:
    values = np.array([0.0, -0.0004, -1.2345, 3.9999, 1234567.891, -1e12, 1e12, np.nan, np.inf])
    found = from_fixed_point(packing.fixed_point(values))
    assert found[:5] == pytest.approx(values[:5], abs=5.1e-4)
    assert list(found[5:7]) == [-(2**31 - 1) / 1000, (2**31 - 1) / 1000]
    assert np.isnan(found[7:]).all()


def test_every_score_of_a_screen_keeps_its_sign_and_place() -> None:
    values = np.random.default_rng(0).standard_normal((3, 500))
    assert np.abs(from_fixed_point(packing.fixed_point(values)).reshape(3, 500) - values).max() <= 5.1e-4


def test_codes_come_back_and_none_is_the_largest() -> None:
    assert list(from_planes(packing.codes([0, 1, 300, -1, 65_534]), 2)) == [0, 1, 300, 65_535, 65_534]


def test_too_many_different_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 65,535 different values"):
        packing.codes([65_535])


def test_no_name_can_end_the_element_that_holds_it() -> None:
    value = {"name": "</script><script>alert(1)</script>"}
    assert "<" not in packing.plain(value)
    assert json.loads(packing.plain(value)) == value


def test_packed_scores_are_smaller_than_their_floats() -> None:
    values = np.random.default_rng(0).standard_normal(20_000)
    assert len(packing.fixed_point(values)) < 0.75 * 4 * len(values)

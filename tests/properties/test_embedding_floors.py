"""What must not change the features of the floors, and what must."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import ndimage

from gandl.config import CellMeasurementsSettings, MeasurementGroup, SegmentationSettings
from gandl.embeddings.cells.finding import CellFinder
from gandl.embeddings.cells.measurements import CellMeasurementsFeaturizer
from gandl.embeddings.cells.segmentation import SegmentationFeaturizer
from gandl.embeddings.intensity import IntensityFeaturizer

CHANNELS = ["gfp", "dna"]
INTENSITY = IntensityFeaturizer(CHANNELS)
FINDER = CellFinder(CHANNELS, SegmentationSettings())
SEGMENTATION = SegmentationFeaturizer(FINDER)
MEASUREMENTS = CellMeasurementsFeaturizer(FINDER, CellMeasurementsSettings(groups=list(MeasurementGroup)))


def cells(seed: int, size: int = 128, count: int = 12) -> np.ndarray:
    """(2, size, size) uint8: blurred blobs, some touching, in both channels, with noise."""
    rng = np.random.default_rng(seed)
    spots = np.zeros((size, size))
    spots[rng.integers(0, size, count), rng.integers(0, size, count)] = 1
    nuclei, bodies = (ndimage.gaussian_filter(spots, sigma) * 2 * np.pi * sigma**2 for sigma in (5, 11))
    site = np.stack([20 + 70 * np.minimum(bodies, 1.5) + 30 * nuclei, 10 + 110 * np.minimum(nuclei, 1.2)])
    return np.clip(site + rng.normal(0, 2, site.shape), 0, 255).astype(np.uint8)


@given(seed=st.integers(0, 2**32 - 1), turns=st.integers(0, 3), flip=st.booleans())
@settings(max_examples=25, deadline=None)
def test_cells_have_no_up(seed: int, turns: int, flip: bool) -> None:
    site = cells(seed)
    turned = np.rot90(site[..., ::-1] if flip else site, turns, axes=(1, 2))
    for featurizer, tolerance in ((INTENSITY, 1e-6), (SEGMENTATION, 0.02)):
        before, after = featurizer.embed(np.stack([site, turned]))
        # where two rings meet, ties go to the lower label
        allowed = np.array([max(tolerance, 0.05) if "ring" in name else tolerance for name in featurizer.feature_names])
        assert (np.abs(after - before) <= allowed * (1 + np.abs(before))).all()


@given(seed=st.integers(0, 2**32 - 1), turns=st.integers(0, 3), flip=st.booleans())
@settings(max_examples=10, deadline=None)
def test_measurements_of_cells_have_no_up(seed: int, turns: int, flip: bool) -> None:
    """Of the default groups; where bodies of two cells meet, a tie may go to the other one."""
    measurements = CellMeasurementsFeaturizer(FINDER, CellMeasurementsSettings())
    site = cells(seed)
    turned = np.rot90(site[..., ::-1] if flip else site, turns, axes=(1, 2))
    before, after = measurements.embed(np.stack([site, turned]))
    close = np.isclose(after, before, rtol=0.02, atol=0.02)
    assert close[[name.startswith("Nuclei") for name in measurements.feature_names]].all()
    assert close.mean() > 0.9


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 30), size=st.integers(6, 90))
@settings(max_examples=25, deadline=None)
def test_measurements_are_finite_whatever_the_site_shows(seed: int, count: int, size: int) -> None:
    site = cells(seed, size, count)
    noise = np.random.default_rng(seed).integers(0, 2**16, site.shape).astype(np.uint16)
    assert np.isfinite(MEASUREMENTS.embed(site[None])).all()
    assert np.isfinite(MEASUREMENTS.embed(noise[None])).all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_brighter_other_channel_keeps_nuclei_and_ratio(seed: int) -> None:
    site = cells(seed).astype(np.uint16)
    brighter = site * np.array([7, 1], np.uint16)[:, None, None]
    before, after = (
        dict(zip(SEGMENTATION.feature_names, vector, strict=True))
        for vector in SEGMENTATION.embed(np.stack([site, brighter]))
    )
    assert after["nucleus_count"] == before["nucleus_count"] > 0
    assert after["nuclear_area"] == before["nuclear_area"]
    assert after["nuclear_over_ring"] == pytest.approx(before["nuclear_over_ring"], rel=1e-5)
    assert after["nuclear_intensity"] == pytest.approx(7 * before["nuclear_intensity"], rel=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_protein_that_moves_into_the_nucleus_raises_the_ratio(seed: int) -> None:
    site = cells(seed)
    nuclear = site[1] > 60
    moved = site.copy()
    moved[0] = np.where(nuclear, np.minimum(site[0].astype(int) + 40, 255), site[0] // 2)
    ratio = SEGMENTATION.embed(np.stack([site, moved]))[:, SEGMENTATION.feature_names.index("nuclear_over_ring")]
    assert ratio[1] > ratio[0]

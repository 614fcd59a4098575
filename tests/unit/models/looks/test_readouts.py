"""Read-outs: real crops are one unit from real crops, and each fault is seen by the read-out that is named after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from gandl.images.store_reader import ImageStore
from gandl.models.crops.crop_sampler import hold_out
from gandl.models.crops.intensity import measure_scale
from gandl.models.looks.quality import QualityError
from gandl.models.looks.readouts import Readouts, build_readouts, nuclei_of
from gandl.models.networks.gan import new_networks
from model_inputs import TRAINING, write_store

CHANNELS = ("actin", "dna")
RADIUS = 4.0


def cells(n: int, seed: int, *, per_crop: int = 4, radius: float = RADIUS, side: int = 64) -> np.ndarray:
    """(n, 2, y, x) about [-1, 1]: bright discs in `dna` on a grid with some play, wide dim ones around them in `actin`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    images = rng.normal(-0.8, 0.03, (n, 2, side, side))
    corners = [(16, 16), (16, 48), (48, 16), (48, 48), (32, 32)][:per_crop]
    for image in images:
        for top, left in corners:
            distance = np.hypot(y - top - rng.uniform(-3, 3), x - left - rng.uniform(-3, 3))
            image[1] += 1.2 * (distance < radius * rng.uniform(0.95, 1.05))
            image[0] += 0.6 * np.exp(-((distance / 9) ** 2))
    return images.astype(np.float32)


@pytest.fixture(scope="module")
def readouts() -> Readouts:
    return Readouts(cells(60, 1), cells(60, 2), CHANNELS, ["hoechst", "dna"])


def test_nuclei_are_counted_and_measured_as_they_were_drawn(readouts: Readouts) -> None:
    found = readouts.compare(cells(40, 3, per_crop=3, radius=6.0))
    assert found["nuclei_per_crop"] == pytest.approx(3, abs=0.05)
    assert found["nuclear_area"] == pytest.approx(np.pi * 6**2, rel=0.15)
    assert found["nuclei_per_crop_real"] == pytest.approx(4, abs=0.05)
    assert found["nuclear_area_real"] == pytest.approx(np.pi * RADIUS**2, rel=0.2)


def test_real_crops_are_one_unit_from_real_crops(readouts: Readouts) -> None:
    found = np.array([[*_distances(readouts.compare(cells(60, seed))).values()] for seed in range(10, 20)])
    assert (np.median(found, axis=0) > 0.4).all()
    assert (np.median(found, axis=0) < 2.5).all()


def test_each_fault_is_seen_by_its_read_out(readouts: Readouts) -> None:
    real = cells(60, 3)
    sound = _distances(readouts.compare(real))
    torn = np.stack([real[:, 0], np.roll(real[:, 1], 1, axis=0)[:, ::-1]], axis=1)
    faults = {
        "histogram_distance": real + 0.2,
        "spectrum_distance": ndimage.gaussian_filter(real, (0, 0, 1.5, 1.5)),
        "correlation_distance": torn * [[[1]], [[-1]]],
    }
    for name, crops in faults.items():
        assert _distances(readouts.compare(crops.astype(np.float32)))[name] > 5 * sound[name], name


def test_noise_and_blur_hold_no_nuclei_although_each_crop_has_its_brightest_spots(readouts: Readouts) -> None:
    noise = np.random.default_rng(0).normal(-0.7, 0.25, (20, 2, 64, 64)).astype(np.float32)
    assert readouts.compare(noise)["nuclei_per_crop"] == 0
    blurred = ndimage.gaussian_filter(cells(20, 3), (0, 0, 12, 12)).astype(np.float32)
    found = readouts.compare(blurred)
    assert found["nuclei_per_crop"] == 0
    assert np.isnan(found["nuclear_area"])


def test_debris_counts_as_no_nucleus() -> None:
    nuclei = nuclei_of(cells(20, 1), 1)
    assert nuclei is not None
    crops = np.full((1, 2, 64, 64), -0.8, np.float32)
    crops[0, 1, 10:12, 10:12] = 1.0
    assert [len(areas) for areas in nuclei.areas(crops)] == [0]


def test_without_a_nuclear_channel_the_other_read_outs_remain() -> None:
    found = Readouts(cells(20, 1), cells(20, 2), ("gfp", "actin"), ["dna"]).compare(cells(20, 3))
    assert set(found) == {"histogram_distance", "spectrum_distance", "correlation_distance"}


def test_one_channel_has_no_correlation_and_a_constant_one_no_nuclei() -> None:
    alone = Readouts(cells(20, 1)[:, 1:], cells(20, 2)[:, 1:], ("dna",), ["dna"]).compare(cells(20, 3)[:, 1:])
    assert "correlation_distance" not in alone
    flat = np.zeros((4, 1, 64, 64), np.float32)
    found = Readouts(flat, flat, ("dna",), ["dna"]).compare(flat)
    assert set(found) == {"histogram_distance", "spectrum_distance"}
    assert np.isfinite(list(found.values())).all()


def test_images_that_are_no_numbers_have_no_read_outs(readouts: Readouts) -> None:
    broken = cells(4, 3)
    broken[0, 0, 0, 0] = np.nan
    found = readouts.compare(broken)
    assert set(found) == {k for k in readouts.compare(cells(4, 3)) if not k.endswith("_real")}
    assert np.isnan(list(found.values())).all()


def test_a_store_gives_the_same_read_outs_each_time_and_an_untrained_generator_draws_no_cells(tmp_path: Path) -> None:
    images = ((cells(12, 1, side=32, per_crop=1) + 1) * 60).clip(0, 255).astype(np.uint8)
    store = ImageStore(write_store(tmp_path, channels=CHANNELS, pixels=images))
    settings = TRAINING.model_copy(update={"quality_crops": 16})
    scale = measure_scale([store], 32, settings.intensity)
    _, held_out = hold_out(len(store), 0.5)
    generator, _ = new_networks(settings, 2, 0)
    found = [build_readouts([store], held_out, scale, settings).measure(generator.eval()) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0]["spectrum_distance"] > 2
    with pytest.raises(QualityError, match=r"training\.held_out"):
        build_readouts([store], np.arange(12), scale, settings)


def _distances(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if name.endswith("_distance")}

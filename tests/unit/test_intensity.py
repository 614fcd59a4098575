"""The intensity scale: percentiles of the stored pixels, a line per channel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gandl.images.store import ImageStore
from gandl.models.intensity import CEILING, IntensityError, IntensityScale, measure_scale
from model_inputs import write_store

SCALE = IntensityScale(("gfp", "dna"), (10.0, 0.0), (110.0, 40.0))


def test_low_becomes_minus_one_and_high_becomes_one() -> None:
    images = np.array([[[[10, 110]], [[0, 40]]]], dtype=np.uint8)
    torch.testing.assert_close(SCALE.apply(images), torch.tensor([[[[-1.0, 1.0]], [[-1.0, 1.0]]]]))


def test_brighter_stays_brighter_up_to_the_ceiling() -> None:
    pixels = np.array([[[[110, 150, 210, 255]], [[40, 50, 60, 255]]]], dtype=np.uint8)
    scaled = SCALE.apply(pixels)[0]
    assert scaled[0, 0].tolist() == pytest.approx([1.0, 1.8, CEILING, CEILING])
    assert scaled.max().item() == CEILING


def test_inverting_gives_the_pixels_back() -> None:
    images = np.random.default_rng(0).integers(0, 80, (3, 2, 4, 4)).astype(np.uint16)
    images[:, 0] += 10
    np.testing.assert_allclose(SCALE.invert(SCALE.apply(images)), images, atol=1e-3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_measured_scale_is_the_percentiles_of_all_pixels(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(0)
    limits = rng.gamma(2, np.iinfo(dtype).max / 20, (5, 2, 32, 32)).clip(0, np.iinfo(dtype).max).astype(dtype)
    parts = [write_store(tmp_path, name=f"S_{i}", pixels=part) for i, part in enumerate((limits[:2], limits[2:]))]
    scale = measure_scale([ImageStore(path) for path in parts], 32)
    for channel in range(2):
        low, high = np.percentile(limits[:, channel], (0.1, 99.9), method="inverted_cdf")
        assert (scale.low[channel], scale.high[channel]) == (low, high)
    assert scale.channels == ("gfp", "dna")


def test_a_constant_channel_is_refused_by_name(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 2, 32, 32)).astype(np.uint8)
    pixels[:, 1] = 7
    store = ImageStore(write_store(tmp_path, pixels=pixels))
    with pytest.raises(IntensityError, match=r"channel dna of .*S_1\.zarr is constant \(value 7\)"):
        measure_scale([store], 32)


def test_images_of_other_channels_are_refused() -> None:
    with pytest.raises(IntensityError, match="3 channels do not fit a scale of 2: gfp, dna"):
        SCALE.apply(np.zeros((1, 3, 4, 4), np.uint8))

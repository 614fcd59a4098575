"""The intensity featurizer: means and deviations that anyone can compute again."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from gandl.embeddings.intensity import IntensityFeaturizer


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_features_are_the_mean_and_deviation_of_each_channel(dtype: type) -> None:
    top = np.iinfo(dtype).max
    images = np.random.default_rng(0).integers(0, top, (3, 2, 9, 11), dtype, endpoint=True)
    vectors = IntensityFeaturizer(["gfp", "dna"]).embed(images)
    for vector, site in zip(vectors, images, strict=True):
        for number, channel in enumerate(site):
            pixels = [int(value) for value in channel.ravel()]
            assert vector[2 * number] == pytest.approx(statistics.fmean(pixels), rel=1e-6)
            assert vector[2 * number + 1] == pytest.approx(statistics.pstdev(pixels), rel=1e-6)


def test_bright_16_bit_images_do_not_overflow() -> None:
    images = np.full((1, 1, 512, 512), 65535, np.uint16)
    assert IntensityFeaturizer(["dna"]).embed(images).tolist() == [[65535.0, 0.0]]


def test_each_feature_is_named_after_its_channel() -> None:
    featurizer = IntensityFeaturizer(["gfp", "dna"])
    assert featurizer.feature_names == ["mean_gfp", "deviation_gfp", "mean_dna", "deviation_dna"]
    assert featurizer.dim == 4


def test_no_sites_give_no_rows() -> None:
    assert IntensityFeaturizer(["gfp", "dna"]).embed(np.empty((0, 2, 8, 8), np.uint8)).shape == (0, 4)

"""Features of sites: a grid of crops to the border, and vectors that never depend on their company."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gandl.models.discriminator import Discriminator
from gandl.models.intensity import IntensityScale
from gandl.models.sites import SiteError, block_features, crop_corners, site_features
from gandl.models.weights import untrained
from model_inputs import NETWORK, TRAINING, network

SCALE = IntensityScale(("gfp", "dna"), (0.0, 0.0), (200.0, 255.0))
CROP = NETWORK.crop


@pytest.fixture(scope="module")
def discriminator() -> Discriminator:
    discriminator = untrained(TRAINING, SCALE, seed=0).discriminator_ema
    discriminator.deviation.mean.fill_(0.4)
    return discriminator


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (3, 2, 40, 32)).astype(np.uint8)


@pytest.mark.parametrize(
    ("side", "stride", "corners"), [(32, 16, [0, 16]), (40, 16, [0, 16, 24]), (16, 99, [0]), (20, 8, [0, 4])]
)
def test_the_grid_starts_and_ends_at_the_border(side: int, stride: int, corners: list[int]) -> None:
    assert crop_corners(side, CROP, stride) == corners


def test_a_site_is_the_mean_of_its_crops(discriminator: Discriminator, images: np.ndarray) -> None:
    ours = site_features(discriminator, SCALE, images, CROP, 8, 5)
    for i, image in enumerate(images):
        crops = [
            discriminator.describe(SCALE.apply(image[None, :, top : top + CROP, left : left + CROP]))
            for top in (0, 8, 16, 24)
            for left in (0, 8, 16)
        ]
        np.testing.assert_allclose(
            ours.post[i], np.mean([c.post[0].numpy() for c in crops], axis=0), rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            ours.pre[i], np.mean([c.pre[0].numpy() for c in crops], axis=0), rtol=1e-4, atol=1e-6
        )
        pooled = [
            np.concatenate([s for b in c.blocks for s in (b[0].numpy().mean((1, 2)), b[0].numpy().std((1, 2)))])
            for c in crops
        ]
        np.testing.assert_allclose(ours.blocks[i], np.mean(pooled, axis=0), rtol=1e-4, atol=1e-6)


def test_a_site_does_not_depend_on_the_other_sites(discriminator: Discriminator, images: np.ndarray) -> None:
    together = site_features(discriminator, SCALE, images, CROP, 8, 5)
    alone = site_features(discriminator, SCALE, images[1:2], CROP, 8, 5)
    np.testing.assert_array_equal(alone.blocks[0], together.blocks[1])
    np.testing.assert_array_equal(alone.post[0], together.post[1])


def test_the_batch_changes_the_speed_only(discriminator: Discriminator, images: np.ndarray) -> None:
    one = site_features(discriminator, SCALE, images, CROP, 8, 1)
    many = site_features(discriminator, SCALE, images, CROP, 8, 100)
    np.testing.assert_allclose(one.blocks, many.blocks, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(one.post, many.post, rtol=1e-4, atol=1e-6)


def test_every_column_of_the_blocks_has_a_name_that_says_what_it_is(
    discriminator: Discriminator, images: np.ndarray
) -> None:
    features = site_features(discriminator, SCALE, images[:1], CROP, 16, 8)
    assert features.block_features == block_features(discriminator)
    assert len(set(features.block_features)) == features.blocks.shape[1]
    column = features.block_features.index("block_4_std_3")
    crops = SCALE.apply(np.stack([images[0][:, t : t + CROP, x : x + CROP] for t in (0, 16, 24) for x in (0, 16)]))
    expected = discriminator.describe(crops).blocks[2][:, 3].flatten(1).std(dim=1, correction=0).mean()
    assert features.blocks[0, column] == pytest.approx(expected.item(), rel=1e-4)


def test_no_sites_give_no_rows(discriminator: Discriminator, images: np.ndarray) -> None:
    features = site_features(discriminator, SCALE, images[:0], CROP, 16, 8)
    assert features.post.shape == (0, NETWORK.feature_dim)


def test_a_crop_larger_than_the_images_is_refused(discriminator: Discriminator, images: np.ndarray) -> None:
    with pytest.raises(SiteError, match="a crop of 16 px does not fit in images of 8 px"):
        site_features(discriminator, SCALE, images[..., :8, :8], CROP, 8, 8)
    other = Discriminator(network(crop=8), 2)
    with pytest.raises(SiteError, match="takes crops of 8 px, not 16"):
        site_features(other, SCALE, images, CROP, 8, 8)
    assert torch.is_grad_enabled()

"""Features of sites: a grid of crops to the border, and vectors that never depend on their company."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from gandl.config import Intensity, Precision
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.gan import untrained
from gandl.models.networks.site_features import (
    SiteError,
    SiteFeatures,
    block_features,
    crop_corners,
    crops_per_pass,
    site_features,
    sites_at_once,
)
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


def table(features: SiteFeatures) -> np.ndarray:
    return np.concatenate([features.pre, features.post, features.blocks], axis=1)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [5, 16, 32])
def test_a_site_does_not_depend_on_the_other_sites(images: np.ndarray, batch: int, threads: int) -> None:
    """Bit for bit, alone or in company, first or last: its twelve crops lie at other places of a pass, or in two."""
    wide = TRAINING.model_copy(update={"network": network(feature_dim=64)})  # so wide that threads share its products
    discriminator = untrained(wide, SCALE, seed=0).discriminator_ema
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = table(site_features(discriminator, SCALE, images, CROP, 8, batch))
        for order in ([2, 0, 1], [1], [1, 1, 2]):
            found = table(site_features(discriminator, SCALE, images[order], CROP, 8, batch))
            np.testing.assert_array_equal(found, together[order])
    finally:
        torch.set_num_threads(before)


def test_every_pass_holds_equally_many_crops(
    discriminator: Discriminator, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that kernels chosen by the size of a batch are the same ones: 36 crops are three passes of 16."""
    passes = []
    describe = discriminator.describe
    monkeypatch.setattr(discriminator, "describe", lambda crops: passes.append(len(crops)) or describe(crops))
    site_features(discriminator, SCALE, images, CROP, 8, 10)
    assert passes == [16, 16, 16]


@pytest.mark.parametrize(("crops", "batch", "limit"), [(4, 32, 99), (9, 64, 50), (25, 32, 8), (1, 1, 1), (4, 256, 51)])
def test_sites_are_handed_over_in_numbers_that_fill_passes(crops: int, batch: int, limit: int) -> None:
    """No number within the limit leaves a larger share of its passes filled, but for none larger than a few passes."""
    sites, size = sites_at_once(crops, batch, limit), crops_per_pass(batch)

    def filled(n: int) -> float:
        return n * crops / (size * -(-n * crops // size))

    assert 1 <= sites <= limit
    assert filled(sites) == max(filled(n) for n in range(1, min(limit, -(-4 * size // crops)) + 1))


@pytest.mark.parametrize("kind", Intensity)
def test_sixteen_bits_are_seen_as_they_are_stored(
    discriminator: Discriminator, images: np.ndarray, kind: Intensity
) -> None:
    """Also grey levels beyond 32767; the same numbers as float32 give the same vectors."""
    stored = images.astype(np.uint16) * 257
    scale = IntensityScale(SCALE.channels, (0.0, 0.0), (50000.0, 60000.0), kind)
    if kind is Intensity.SITE:
        scale = IntensityScale(SCALE.channels, (-2.0, -2.0), (2.0, 2.0), kind, (1.0, 1.0), (1.0, 1.0))
    found, expected = (
        table(site_features(discriminator, scale, pixels, CROP, 8, 16))
        for pixels in (stored, stored.astype(np.float32))
    )
    np.testing.assert_array_equal(found, expected)


def test_a_scale_by_site_takes_the_moments_of_the_whole_site(discriminator: Discriminator, images: np.ndarray) -> None:
    """Staining and exposure of a site (a gain and an offset) do not reach its vector; a constant channel is no trouble."""
    scale = IntensityScale(SCALE.channels, (-2.0, -2.0), (2.0, 2.0), Intensity.SITE, (1.0, 1.0), (1.0, 1.0))
    dim = images.astype(np.float32)
    bright = dim * np.float32(3.0) + np.float32(20.0)
    ours, theirs = (table(site_features(discriminator, scale, pixels, CROP, 8, 16)) for pixels in (dim, bright))
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-4)
    dim[:, 0] = 7
    assert np.isfinite(table(site_features(discriminator, scale, dim, CROP, 8, 16))).all()


def draw_class(n: int, sigma: float, seed: int) -> np.ndarray:
    """(n, 2, 32, 32) uint8: spots of one width at random places, under noise."""
    rng = np.random.default_rng(seed)
    spots = (rng.random((n, 2, 32, 32)) < 0.02).astype(float)
    blurred = ndimage.gaussian_filter(spots, (0, 0, sigma, sigma)) * 2 * np.pi * sigma**2
    return np.clip(20 + 100 * blurred + rng.normal(0, 3, spots.shape), 0, 255).astype(np.uint8)


def separation(vectors: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """AUC and Z' of two classes' sites along the line between the means of every other site, tested on the rest."""
    train = np.arange(len(vectors)) % 2 == 0
    standard = (vectors - vectors[train].mean(0)) / (vectors[train].std(0) + 1e-9)
    axis = standard[train & second].mean(0) - standard[train & ~second].mean(0)
    positive, negative = (standard[~train & of_class] @ axis for of_class in (second, ~second))
    auc = (positive[:, None] > negative[None]).mean()
    return float(auc), float(1 - 3 * (positive.std() + negative.std()) / abs(positive.mean() - negative.mean()))


@pytest.mark.parametrize("layer", ["pre", "post", "blocks"])
def test_bfloat16_gives_the_same_vectors_and_the_same_answers(discriminator: Discriminator, layer: str) -> None:
    """Stated: it moves a feature by 5 % of its deviation over sites (median over features; none by as much as half of it),
    and what matters of the vectors, how well two planted classes separate, by 0.02 (AUC) and 0.05 (Z')."""
    images = np.concatenate([draw_class(24, 1.0, 0), draw_class(24, 1.4, 1)])
    second = np.arange(48) >= 24
    exact, rough = (
        getattr(site_features(discriminator, SCALE, images, CROP, 8, 16, precision), layer).astype(float)
        for precision in (Precision.FLOAT32, Precision.BFLOAT16)
    )
    spread = exact.std(axis=0)
    moved = np.sqrt(((rough - exact) ** 2).mean(axis=0))[spread > 1e-6] / spread[spread > 1e-6]
    assert 0 < np.median(moved) < 0.05
    assert moved.max() < 0.5
    (auc, z_prime), (rough_auc, rough_z_prime) = separation(exact, second), separation(rough, second)
    assert 0.8 < auc <= 1.0
    assert rough_auc == pytest.approx(auc, abs=0.02)
    assert rough_z_prime == pytest.approx(z_prime, abs=0.05)


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

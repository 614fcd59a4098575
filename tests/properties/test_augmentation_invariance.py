"""What holds for adaptive augmentation whatever the images, the number of channels and the draws."""

from __future__ import annotations

import torch
from hypothesis import given, settings, strategies as st

from gandl.config.training import AugmentationSettings
from gandl.models.objectives.augmentation import CHANCES, AugmentationDraws, augment, draw, next_strength
from model_inputs import draw_images

SEEDS = st.integers(0, 2**31 - 1)
CHANNELS = st.sampled_from([1, 2, 5, 7])
STRENGTHS = st.floats(0, 1)
FEW = settings(max_examples=20, deadline=None)


def drawn(n: int, channels: int, seed: int) -> AugmentationDraws:
    return draw(n, channels, torch.Generator().manual_seed(seed))


@FEW
@given(SEEDS, CHANNELS, st.sampled_from([torch.contiguous_format, torch.channels_last]))
def test_at_strength_0_not_one_bit_changes(seed: int, channels: int, layout: torch.memory_format) -> None:
    images = draw_images(3, channels=channels, seed=seed, size=8).float().contiguous(memory_format=layout)
    images[:, :, 0] = -0.0
    draws = drawn(3, channels, seed)
    same = augment(images, 0.0, draws)
    assert torch.equal(same.view(torch.int32), images.view(torch.int32))
    assert same.is_contiguous(memory_format=layout)
    draws.chance.fill_(0.5)  # no chance picks these
    assert torch.equal(augment(images, 0.5, draws).view(torch.int32), images.view(torch.int32))


@FEW
@given(SEEDS, CHANNELS, STRENGTHS)
def test_augmented_images_stay_finite_and_as_they_are_laid_out(seed: int, channels: int, strength: float) -> None:
    images = draw_images(4, channels=channels, seed=seed, size=8).float().to(memory_format=torch.channels_last)
    augmented = augment(images, strength, drawn(4, channels, seed))
    assert augmented.shape == images.shape
    assert augmented.is_contiguous(memory_format=torch.channels_last)
    assert torch.isfinite(augmented).all()


@FEW
@given(SEEDS, CHANNELS, STRENGTHS, st.permutations(range(12)), st.integers(1, 12))
def test_an_image_changes_alike_in_whatever_part_of_a_batch(
    seed: int, channels: int, strength: float, order: list[int], size: int
) -> None:
    images, draws = draw_images(12, channels=channels, seed=seed, size=8).float(), drawn(12, channels, seed)
    together = augment(images, strength, draws)
    for part in torch.tensor(order).split(size):
        assert torch.equal(augment(images[part], strength, draws.take(part)), together[part])


@FEW
@given(SEEDS, CHANNELS)
def test_all_channels_move_together(seed: int, channels: int) -> None:
    """Movements alone: copies of one channel remain copies."""
    images = draw_images(2, channels=1, seed=seed, size=8).expand(2, channels, 8, 8)
    draws = drawn(2, channels, seed)
    draws.chance[:, -2:] = 1
    moved = augment(images, 0.9, draws)
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved))


@FEW
@given(SEEDS, st.floats(-5, 5))
def test_a_movement_leaves_a_constant_image_alone(seed: int, value: float) -> None:
    draws = drawn(4, 1, seed)
    draws.chance[:] = torch.tensor([0.0] * (CHANCES - 2) + [1.0] * 2)
    images = torch.full((4, 1, 8, 8), value, dtype=torch.float64)
    torch.testing.assert_close(augment(images, 0.5, draws), images)


@FEW
@given(STRENGTHS, st.floats(-1, 1), st.integers(1, 10_000), st.integers(1, 10_000), st.floats(0, 1))
def test_the_strength_rises_with_overfitting_falls_without_and_stays_in_bounds(
    strength: float, sign: float, images: int, ramp: int, maximum: float
) -> None:
    rules = AugmentationSettings(ramp_images=ramp, maximum=maximum)
    before = min(strength, maximum)
    after = next_strength(before, sign, images, rules)
    assert 0 <= after <= maximum
    assert abs(after - before) <= images / ramp + 1e-12
    if sign > rules.target:
        assert after > before or after == maximum
    elif sign < rules.target:
        assert after < before or after == 0

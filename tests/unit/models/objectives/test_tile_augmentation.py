"""Crops and augmentation of tiles: what they show, how large it is, and that every tile has draws of its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter1d

from gandl.config.representations import TileAugmentationSettings
from gandl.models.objectives.comparison.augmentation import (
    ASPECTS,
    MULTI_CROP,
    ONE_CROP,
    CropDraws,
    cut,
    draw_crops,
)

SIDE, MANY = 64, 4000
AUGMENTATION = TileAugmentationSettings()


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draws(n: int = 1, **changes: object) -> CropDraws:
    """The whole tile as it is, but for some changes."""
    whole = {"top": 0.0, "left": 0.0, "height": SIDE, "width": SIDE, "flip": False, "blur": 0.0, **changes}
    return CropDraws(**{name: torch.tensor([value] * n) for name, value in whole.items()})


def tiles(n: int = 2) -> torch.Tensor:
    return torch.rand(n, 1, SIDE, SIDE, generator=rng(9), dtype=torch.float64)


def test_one_crop_without_augmentation_is_the_tile_itself() -> None:
    (scales,) = ONE_CROP
    drawn = draw_crops(50, SIDE, scales, None, rng())
    images = tiles(50)
    torch.testing.assert_close(cut(images, drawn), images, rtol=0, atol=1e-12)


def test_multi_crop_is_one_whole_tile_two_of_half_and_two_of_a_quarter() -> None:
    assert MULTI_CROP == ((1.0, 1.0), (0.5, 0.75), (0.5, 0.75), (0.25, 0.5), (0.25, 0.5))


@pytest.mark.parametrize("scales", MULTI_CROP[1:])
def test_crops_have_the_share_of_the_area_and_the_aspect_that_is_asked_for(scales: tuple[float, float]) -> None:
    drawn = draw_crops(MANY, SIDE, scales, AUGMENTATION, rng())
    share = (drawn.height * drawn.width / SIDE**2).numpy()
    aspect = (drawn.width / drawn.height).numpy()
    rounding = 0.03  # of sides to whole px
    assert share.min() > scales[0] * (1 - rounding)
    assert share.max() < scales[1] * (1 + rounding)
    assert share.mean() == pytest.approx(sum(scales) / 2, rel=0.02)
    assert aspect.min() > ASPECTS[0] * (1 - rounding)
    assert aspect.max() < ASPECTS[1] * (1 + rounding)
    assert np.log(aspect).mean() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("scales", [*MULTI_CROP, (0.08, 1.0)])
def test_crops_lie_within_the_tile_and_anywhere_in_it(scales: tuple[float, float]) -> None:
    drawn = draw_crops(MANY, SIDE, scales, AUGMENTATION, rng(1))
    for start, length in ((drawn.top, drawn.height), (drawn.left, drawn.width)):
        assert start.min() >= 0
        assert (start + length).max() <= SIDE
        assert length.min() >= 1
        room = SIDE - length
        if scales != (1.0, 1.0):
            assert (start == 0).any()
            assert (start == room)[room > 0].any()


def test_chances_are_those_of_the_settings() -> None:
    drawn = draw_crops(MANY, SIDE, (0.5, 0.75), AUGMENTATION, rng())
    blurred = drawn.blur[drawn.blur > 0]
    assert float(drawn.flip.float().mean()) == pytest.approx(0.5, abs=0.03)
    assert len(blurred) / MANY == pytest.approx(0.2, abs=0.03)
    assert 0.1 <= float(blurred.min()) < 0.15
    assert 1.9 < float(blurred.max()) <= 2.0
    plain = draw_crops(MANY, SIDE, (0.5, 0.75), None, rng())
    assert not plain.flip.any()
    assert not plain.blur.any()


def test_every_tile_has_draws_of_its_own_and_with_the_defect_all_have_the_same() -> None:
    own, shared = (draw_crops(64, SIDE, (0.25, 0.5), AUGMENTATION, rng(), whole) for whole in (False, True))
    for name in ("top", "left", "height", "width"):
        assert getattr(own, name).unique().numel() > 5
        assert getattr(shared, name).unique().numel() == 1
    assert shared.flip.unique().numel() == shared.blur.unique().numel() == 1


@pytest.mark.parametrize(("top", "left", "height", "width"), [(5, 11, 40, 33), (0, 0, 1, 64), (31, 0, 33, 7)])
def test_a_crop_is_enlarged_as_pytorch_does(top: int, left: int, height: int, width: int) -> None:
    images = tiles()
    drawn = draws(2, top=float(top), left=float(left), height=float(height), width=float(width))
    window = images[:, :, top : top + height, left : left + width]
    expected = F.interpolate(window, (SIDE, SIDE), mode="bilinear", align_corners=False)
    torch.testing.assert_close(cut(images, drawn), expected)


def test_a_flip_mirrors_left_and_right() -> None:
    images = tiles()
    torch.testing.assert_close(cut(images, draws(2, flip=True)), images.flip(3))


@pytest.mark.parametrize("sigma", [0.5, 1.3, 2.0])
def test_a_blur_is_a_gaussian_of_three_taps_with_mirrored_borders(sigma: float) -> None:
    images = tiles()
    expected = images.numpy()
    for axis in (2, 3):
        expected = gaussian_filter1d(expected, sigma, axis=axis, radius=1, mode="mirror")
    np.testing.assert_allclose(cut(images, draws(2, blur=sigma)).numpy(), expected)


def test_a_crop_of_a_crop_keeps_what_is_between_0_and_1_there() -> None:
    images, seen = tiles(40).float(), rng(3)
    for scales in ((0.08, 1.0), (0.25, 0.5)):
        images = cut(images, draw_crops(40, SIDE, scales, AUGMENTATION, seen))
    assert images.min() >= -1e-6
    assert images.max() <= 1 + 1e-6


def test_the_same_generator_gives_the_same_crops_and_another_one_others() -> None:
    first, again, other = (draw_crops(20, SIDE, (0.25, 0.5), AUGMENTATION, rng(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.top, again.top)
    assert not torch.equal(first.top, other.top)


def test_how_much_is_drawn_does_not_depend_on_what_comes_out() -> None:
    """So that the crops that follow are the same, whatever the ones before were like."""
    after = []
    for scales in ((0.25, 0.5), (1.0, 1.0)):
        seen = rng(5)
        draw_crops(20, SIDE, scales, AUGMENTATION, seen)
        after.append(torch.rand(3, generator=seen))
    assert torch.equal(*after)


def test_parts_of_a_batch_get_the_draws_of_the_whole() -> None:
    drawn, images = draw_crops(6, SIDE, (0.25, 0.5), AUGMENTATION, rng()), tiles(6)
    whole = cut(images, drawn)
    for start, stop in pairwise((0, 2, 6)):
        part = torch.arange(start, stop)
        torch.testing.assert_close(cut(images[part], drawn.take(part)), whole[part])

"""Adaptive augmentation: what each transformation does, by hand-made draws; and how its strength follows the discriminator."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from gandl.config.training import AugmentationSettings
from gandl.models.objectives.augmentation import CHANCES, AugmentationDraws, augment, draw, next_strength
from model_inputs import draw_images

ORDER = ("jump", "zoom", "turn", "stretch", "second_turn", "shift", "gain", "offset")
BILINEAR = 1 / 16
"""Largest error of bilinear interpolation in a blob of width 2: an eighth of its curvature, 1 / 2^2, along either axis."""


def nothing(n: int, channels: int) -> AugmentationDraws:
    """Draws by which nothing ever happens."""
    return AugmentationDraws(
        chance=torch.ones(n, CHANCES),
        jump=torch.zeros(n, 2),
        zoom=torch.ones(n),
        turn=torch.tensor([1.0, 0.0]).repeat(n, 2, 1),
        stretch=torch.ones(n),
        shift=torch.zeros(n, 2),
        gain=torch.ones(n, channels),
        offset=torch.zeros(n, channels),
    )


def only(kind: str, n: int = 1, channels: int = 1, **values: Tensor) -> AugmentationDraws:
    """Draws by which one transformation happens at any strength above 0."""
    draws = replace(nothing(n, channels), **values)
    draws.chance[:, ORDER.index(kind)] = 0
    return draws


def blob(side: int, x: float, y: float, width_x: float = 2.0, width_y: float = 2.0) -> Tensor:
    """A Gaussian (1, 1, side, side) around a point given in pixels from the centre, of two standard deviations (px)."""
    along = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    profile_x, profile_y = (
        torch.exp(-((along - x) ** 2) / 2 / width_x**2),
        torch.exp(-((along - y) ** 2) / 2 / width_y**2),
    )
    return torch.outer(profile_y, profile_x)[None, None]


def turn(degrees: float, *, second: bool = False) -> Tensor:
    """Cosine and sine (1, 2, 2) of an angle, as the first or second turn."""
    angles = torch.zeros(2)
    angles[int(second)] = math.radians(degrees)
    return torch.stack([angles.cos(), angles.sin()], dim=1)[None]


def test_a_jump_moves_a_pixel_by_the_rounded_share_of_the_side() -> None:
    images = torch.zeros(1, 2, 32, 32)
    images[:, :, 10, 12] = torch.tensor([1.0, 2.0])
    moved = augment(images, 0.5, only("jump", channels=2, jump=torch.tensor([[0.12, -0.05]])))
    expected = torch.zeros_like(images)
    expected[:, :, 10 - 2, 12 + 4] = torch.tensor(
        [1.0, 2.0]
    )  # 0.12 * 32 = 3.84 px along x, -0.05 * 32 = -1.6 px along y
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)


def test_a_shift_shares_a_pixel_between_its_neighbours() -> None:
    images = torch.zeros(1, 1, 16, 16)
    images[..., 8, 8] = 1
    moved = augment(images, 0.5, only("shift", shift=torch.tensor([[1.25 / 16, 0.0]])))
    expected = torch.zeros_like(images)
    expected[..., 8, 9], expected[..., 8, 10] = 0.75, 0.25
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["turn", "second_turn"])
def test_a_turn_turns_about_the_centre(kind: str) -> None:
    quarter = augment(blob(32, 8, 0), 0.5, only(kind, turn=turn(90, second=kind == "second_turn")))
    torch.testing.assert_close(quarter, blob(32, 0, 8), rtol=0, atol=1e-5)  # y points down
    some = augment(blob(32, 8, 0), 0.5, only(kind, turn=turn(30, second=kind == "second_turn")))
    expected = blob(32, 8 * math.cos(math.pi / 6), 8 * math.sin(math.pi / 6))
    torch.testing.assert_close(some, expected, rtol=0, atol=BILINEAR)


def test_a_zoom_enlarges_and_a_stretch_narrows_y_as_much_as_it_widens_x() -> None:
    start = blob(48, 4, 6, 2, 2)
    zoomed = augment(start, 0.5, only("zoom", zoom=torch.tensor([1.5])))
    torch.testing.assert_close(zoomed, blob(48, 6, 9, 3, 3), rtol=0, atol=BILINEAR)
    stretched = augment(start, 0.5, only("stretch", stretch=torch.tensor([1.25])))
    torch.testing.assert_close(stretched, blob(48, 5, 4.8, 2.5, 1.6), rtol=0, atol=BILINEAR)


def test_transformations_follow_one_another_in_the_papers_order() -> None:
    """A point goes by hand through jump, zoom, turn, stretch, turn and shift; a blob there must arrive where it does."""
    draws = replace(
        nothing(1, 1),
        chance=torch.zeros(1, CHANCES),
        jump=torch.tensor([[3 / 64, -2 / 64]]),
        zoom=torch.tensor([1.2]),
        turn=turn(35) + turn(-70, second=True) - turn(0),
        stretch=torch.tensor([0.8]),
        shift=torch.tensor([[-2.5 / 64, 4.25 / 64]]),
    )
    point = 1.2 * np.array([7.0 + 3, 4.0 - 2])
    for degrees, factors in ((35, [0.8, 1.25]), (-70, [1, 1])):
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        point = np.array([c * point[0] - s * point[1], s * point[0] + c * point[1]]) * factors
    point += [-2.5, 4.25]
    result = augment(blob(64, 7, 4), 0.5, draws)[0, 0]
    along = torch.arange(64, dtype=torch.float64) - 31.5
    arrived = [(result.sum(dim=0) * along).sum() / result.sum(), (result.sum(dim=1) * along).sum() / result.sum()]
    assert [float(a) for a in arrived] == pytest.approx(list(point), abs=0.01)


def test_what_lies_beyond_the_border_is_the_mirror_image() -> None:
    images = draw_images(1, channels=1, size=8)
    moved = augment(images, 0.5, only("jump", jump=torch.tensor([[3 / 8, 0.0]])))
    expected = torch.cat([images[..., :3].flip(3), images[..., :5]], dim=3)
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)


def test_gain_and_offset_are_exactly_those_of_each_image_and_channel() -> None:
    images = draw_images(2, channels=3)
    gain, offset = torch.tensor([[2.0, 0.5, 1.0], [1.0, 4.0, 0.25]]), torch.tensor([[0.0, 1.0, -2.0], [0.5, 0.0, 0.25]])
    draws = replace(only("gain", 2, 3, gain=gain), offset=offset)
    assert torch.equal(augment(images, 0.5, draws), images * gain[:, :, None, None])
    draws.chance[0, ORDER.index("offset")] = 0
    expected = images * gain[:, :, None, None]
    expected[0] += offset[0, :, None, None]
    assert torch.equal(augment(images, 0.5, draws), expected)


@pytest.mark.parametrize("kinds", [*((kind,) for kind in ORDER if "turn" not in kind), ("turn", "second_turn")])
def test_each_transformation_happens_as_often_as_the_strength_says(kinds: tuple[str, ...]) -> None:
    """Turns count as one."""
    n, which = 2000, [ORDER.index(kind) for kind in kinds]
    draws = replace(draw(n, 1, torch.Generator().manual_seed(0)), jump=torch.full((n, 2), 0.125))
    others = replace(draws, chance=torch.ones(n, CHANCES))
    others.chance[:, which] = draws.chance[:, which]
    images = draw_images(1, channels=1, size=8).float().expand(n, 1, 8, 8)
    changed = (augment(images, 0.3, others) != images).flatten(1).any(dim=1)
    assert changed.double().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / n))


def test_draws_have_the_papers_spreads() -> None:
    draws = draw(20_000, 3, torch.Generator().manual_seed(1))
    assert draws.zoom.log2().std().item() == pytest.approx(0.2, rel=0.03)
    assert draws.stretch.log2().std().item() == pytest.approx(0.2, rel=0.03)
    assert draws.gain.log2().std().item() == pytest.approx(0.5, rel=0.03)
    assert draws.offset.std().item() == pytest.approx(0.2, rel=0.03)
    assert draws.shift.std().item() == pytest.approx(0.125, rel=0.03)
    assert draws.jump.abs().max().item() == pytest.approx(0.125, rel=0.01)
    torch.testing.assert_close(draws.turn.square().sum(dim=2), torch.ones(20_000, 2))
    assert draws.turn.mean(dim=0).abs().max().item() < 0.03  # every direction alike
    assert draws.gain.log2().T.corrcoef()[0, 1].abs().item() < 0.03  # each channel its own


def test_the_gradient_through_an_augmentation_agrees_with_finite_differences() -> None:
    images = draw_images(3, channels=2, size=6).requires_grad_()
    draws = draw(3, 2, torch.Generator().manual_seed(2))
    assert torch.autograd.gradcheck(lambda x: augment(x, 0.9, draws), (images,), eps=1e-6, atol=1e-7)


def test_an_augmentation_compiles_as_one_graph_with_a_strength_that_changes() -> None:
    compiled = torch.compile(augment, fullgraph=True, backend="eager")
    images, draws = draw_images(2, size=8).float(), draw(2, 2, torch.Generator().manual_seed(3))
    for strength in (0.0, 0.3, 0.8):
        assert torch.equal(compiled(images, torch.tensor(strength), draws), augment(images, strength, draws))


def test_half_precision_is_widened_so_that_no_grid_is_rounded() -> None:
    images = draw_images(2, size=8).bfloat16()
    draws = draw(2, 2, torch.Generator().manual_seed(4))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augment(images, 0.8, draws), augment(images.float(), 0.8, draws))


def test_the_strength_goes_from_0_to_1_within_the_ramp_and_no_further_than_its_maximum() -> None:
    settings = AugmentationSettings(ramp_images=1000, maximum=0.5, target=0.6)
    strength = 0.0
    for _ in range(4):
        strength = next_strength(strength, 0.9, 100, settings)
    assert strength == pytest.approx(0.4)
    for _ in range(4):
        strength = next_strength(strength, 0.9, 100, settings)
    assert strength == 0.5
    assert next_strength(0.3, 0.6, 100, settings) == 0.3
    assert next_strength(0.3, 0.1, 100, settings) == pytest.approx(0.2)
    assert next_strength(0.05, 0.1, 100, settings) == 0.0
    assert next_strength(0.3, math.nan, 100, settings) == 0.3

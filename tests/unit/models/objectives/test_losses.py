"""Losses and penalties against closed forms, finite differences and explicit Jacobians in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gandl.config import GeneratorKind
from gandl.config.training import Loss
from gandl.models.objectives.losses import (
    DIFFERENCE_STEP,
    contrastive_loss,
    discriminator_loss,
    finite_difference_penalty,
    generator_loss,
    gradient_penalty,
    interpolate,
    lipschitz_penalty,
    path_length_penalty,
    path_lengths,
)
from model_inputs import draw, draw_images, network, networks


def logits_of(discriminator: nn.Module, images: Tensor) -> Tensor:
    """Logits (n,) alone."""
    made = discriminator(images)
    return made[0] if isinstance(made, tuple) else made


def slope(function: Callable[[], float], values: Tensor, index: tuple[int, ...], step: float = 1e-5) -> float:
    """Central difference of a function along one entry of a tensor that it reads."""
    with torch.no_grad():
        start = values[index].item()
        values[index] = start + step
        above = function()
        values[index] = start - step
        below = function()
        values[index] = start
    return (above - below) / (2 * step)


def check_gradients(network: nn.Module, penalty: Callable[[], Tensor], names: list[str] | None = None) -> None:
    """The gradient of a penalty in the first entry of every parameter (or of those named) is its slope there."""

    def value() -> float:
        with torch.enable_grad():
            return penalty().item()

    penalty().backward()
    for name, parameter in network.named_parameters():
        if names is not None and name not in names:
            continue
        expected = slope(value, parameter.data, tuple(0 for _ in parameter.shape))
        found = 0.0 if parameter.grad is None else parameter.grad.flatten()[0].item()
        assert found == pytest.approx(expected, rel=2e-4, abs=1e-8), name
        if name.endswith("weight"):  # a bias may act through kinks only, which have no slope
            assert found != 0, f"{name} is not tested"


def jacobian(discriminator: nn.Module, images: Tensor) -> Tensor:
    """d logit_j / d x_i, logit by logit: (n, n, pixels)."""
    rows = [torch.autograd.grad(logits_of(discriminator, images)[j], images)[0] for j in range(len(images))]
    return torch.stack(rows).flatten(2)


def probability(logits: Tensor) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.numpy()))


def test_logistic_losses_are_minus_the_log_of_the_probabilities() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    assert generator_loss(Loss.LOGISTIC, fake).item() == pytest.approx(-np.log(probability(fake)).mean(), rel=1e-6)
    expected = -np.log(probability(real)).mean() - np.log(1 - probability(fake)).mean()
    assert discriminator_loss(Loss.LOGISTIC, real, fake).item() == pytest.approx(expected, rel=1e-6)


def test_wgan_losses_are_differences_of_means() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    assert discriminator_loss(Loss.WGAN, real, fake).item() == pytest.approx(-1.25 - 0.5)
    assert generator_loss(Loss.WGAN, fake).item() == pytest.approx(1.25)


def test_relativistic_losses_are_those_of_the_paired_difference_mirrored() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    assert discriminator_loss(Loss.RELATIVISTIC, real, fake).item() == pytest.approx(
        -np.log(probability(real - fake)).mean(), rel=1e-6
    )
    swapped = discriminator_loss(Loss.RELATIVISTIC, fake, real)
    assert torch.equal(generator_loss(Loss.RELATIVISTIC, fake, real), swapped)
    other_pairs = discriminator_loss(Loss.RELATIVISTIC, real, fake.flip(0))
    assert other_pairs.item() != pytest.approx(discriminator_loss(Loss.RELATIVISTIC, real, fake).item(), rel=1e-3)


def test_relativistic_losses_do_not_see_what_all_logits_share() -> None:
    real, fake = torch.tensor([2.0, -1.0]).double(), torch.tensor([0.5, -3.0]).double()
    for loss in (generator_loss, discriminator_loss):
        torch.testing.assert_close(loss(Loss.RELATIVISTIC, real + 7, fake + 7), loss(Loss.RELATIVISTIC, real, fake))


@pytest.mark.parametrize("real", [None, torch.zeros(1)])
def test_the_relativistic_loss_refuses_logits_that_make_no_pairs(real: Tensor | None) -> None:
    with pytest.raises(ValueError, match="as many real as generated"):
        generator_loss(Loss.RELATIVISTIC, torch.zeros(2), real)


@pytest.mark.parametrize("kind", list(Loss))
def test_losses_stay_finite_and_wide_for_logits_of_any_size_and_precision(kind: Loss) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        large = torch.tensor([1e4, -1e4], dtype=dtype)
        for value in (generator_loss(kind, large, -large), discriminator_loss(kind, large, -large)):
            assert torch.isfinite(value)
            assert value.dtype is torch.float32


def test_the_gradient_penalty_is_the_squared_gradient_by_finite_differences() -> None:
    _, discriminator = networks(network(crop=8))
    images = draw_images(4, size=8)
    penalty = gradient_penalty(logits_of(discriminator, images.requires_grad_()), images).item()
    pixels = images.detach()
    slopes = [
        slope(lambda: logits_of(discriminator, pixels).sum().item(), pixels, index)
        for index in np.ndindex(tuple(pixels.shape))
    ]
    assert penalty == pytest.approx(np.square(slopes).sum() / 4, rel=1e-6)


def test_the_gradient_of_the_gradient_penalty_is_right_for_every_kind_of_parameter() -> None:
    _, discriminator = networks()
    images = draw_images(4).requires_grad_()
    check_gradients(discriminator, lambda: gradient_penalty(logits_of(discriminator, images), images))


def test_a_finite_difference_of_a_linear_discriminator_is_its_exact_slope() -> None:
    weight, images, direction = draw_images(6, size=4), draw_images(6, seed=1, size=4), draw_images(6, seed=2, size=4)
    along = (weight * direction).sum(dim=(1, 2, 3))

    def linear(x: Tensor) -> Tensor:
        return (x * weight).sum(dim=(1, 2, 3))

    for group, expected in ((1, along.square().mean()), (2, (along[:3] + along[3:]).square().mean() / 2)):
        torch.testing.assert_close(finite_difference_penalty(linear, images, direction, group, 0.5), expected)
    whole_batch = along.sum().square() / 6
    torch.testing.assert_close(finite_difference_penalty(linear, images, direction, 8), whole_batch)


def estimates(discriminator: nn.Module, images: Tensor, group: int, n: int, copies: int) -> Tensor:
    """n finite-difference penalties (n,), each the mean of so many along directions of their own."""
    rng = torch.Generator().manual_seed(0)
    many = images.repeat_interleave(copies, dim=0)  # keeps i and i + n / 2 together
    directions = (torch.randn(many.shape, generator=rng, dtype=images.dtype) for _ in range(n))
    with torch.no_grad():
        return torch.stack(
            [finite_difference_penalty(lambda x: logits_of(discriminator, x), many, e, group) for e in directions]
        )


def test_finite_differences_by_group_are_unbiased_for_the_gradient_penalty() -> None:
    """Even where the minibatch deviation couples images as strongly as here, which single logits do not notice."""
    _, discriminator = networks(network(crop=8, minibatch_std_group=2))
    with torch.no_grad():
        discriminator.last.weight[:, -1] *= 20  # what reads the deviation
    images = draw_images(4, size=8).requires_grad_()
    slopes = jacobian(discriminator, images)
    exact = slopes.sum(dim=0).square().sum().item() / 4
    alone = slopes.square().sum().item() / 4
    assert gradient_penalty(logits_of(discriminator, images), images).item() == pytest.approx(exact, rel=1e-9)
    assert abs(alone / exact - 1) > 0.2
    for group, expected in ((2, exact), (1, alone)):
        drawn = estimates(discriminator, images.detach(), group, n=20, copies=100)
        error = drawn.std().item() / math.sqrt(len(drawn))
        assert error < 0.03 * expected
        assert drawn.mean().item() == pytest.approx(expected, abs=4 * error)


def test_the_step_of_the_finite_difference_is_between_rounding_and_curvature() -> None:
    """Over many directions: float32 at the step agrees with squared slopes in float64."""
    _, discriminator = networks(network(minibatch_std_group=2))
    images, rng = draw_images(4).repeat_interleave(50, dim=0).requires_grad_(), torch.Generator().manual_seed(0)
    direction = torch.randn(images.shape, generator=rng, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(logits_of(discriminator, images).sum(), images)
    exact = (gradient * direction).sum(dim=(1, 2, 3)).reshape(2, -1).sum(dim=0).square().mean().item() / 2
    discriminator.float()
    with torch.no_grad():
        estimate = finite_difference_penalty(
            lambda x: logits_of(discriminator, x), images.float(), direction.float(), group=2
        )
    assert DIFFERENCE_STEP == 0.01
    assert estimate.item() == pytest.approx(exact, rel=0.02)


def test_the_gradient_of_the_finite_difference_penalty_is_right_for_every_kind_of_parameter() -> None:
    _, discriminator = networks()
    images, direction = draw_images(4), draw_images(4, seed=1)
    check_gradients(
        discriminator,
        lambda: finite_difference_penalty(lambda x: logits_of(discriminator, x), images, direction, group=2),
    )


def test_interpolates_lie_on_the_line_and_forget_where_they_come_from() -> None:
    reals, fakes = draw_images(3).requires_grad_(), draw_images(3, seed=1).requires_grad_()
    between = interpolate(reals, fakes, torch.tensor([0.0, 1.0, 0.25]))
    assert between.is_leaf
    assert between.requires_grad
    expected = torch.stack([reals[0], fakes[1], 0.75 * reals[2] + 0.25 * fakes[2]])
    torch.testing.assert_close(between.detach(), expected.detach())


def test_the_lipschitz_penalty_is_the_mean_excess_of_each_images_own_gradient() -> None:
    weight = draw_images(3, size=4)
    weight *= torch.tensor([0.5, 1.0, 3.0])[:, None, None, None] / weight.flatten(1).norm(dim=1)[:, None, None, None]
    images = draw_images(3, seed=1, size=4).requires_grad_()
    penalty = lipschitz_penalty((images * weight).sum(dim=(1, 2, 3)), images)
    assert penalty.item() == pytest.approx((0 + 0 + 2) / 3)


def test_the_gradient_of_the_lipschitz_penalty_is_right_for_every_kind_of_parameter() -> None:
    """Two of the images above the limit, the others below."""
    _, discriminator = networks()
    images = draw_images(4).requires_grad_()
    norms = jacobian(discriminator, images).sum(dim=0).norm(dim=1)
    scale = 1 / norms.sort().values[1:3].mean().item()

    def penalty() -> Tensor:
        return lipschitz_penalty(scale * logits_of(discriminator, images), images)

    assert penalty().item() == pytest.approx((scale * norms - 1).clamp_min(0).mean().item(), rel=1e-9)
    assert (scale * norms > 1).sum() == 2
    check_gradients(discriminator, penalty)


def test_penalties_of_a_flat_network_are_zero_with_a_gradient_of_zero() -> None:
    """A gradient of zero has a norm without a slope: nothing may become NaN there."""
    weight = torch.zeros(2, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    images = draw_images(2, size=4).requires_grad_()
    for penalty in (gradient_penalty, lipschitz_penalty):
        value = penalty((images * weight).sum(dim=(1, 2, 3)), images)
        (gradient,) = torch.autograd.grad(value, weight)
        assert value.item() == 0
        assert not gradient.any()


@pytest.mark.parametrize("kind", list(GeneratorKind))
def test_path_lengths_are_those_of_the_explicit_jacobian(kind: GeneratorKind) -> None:
    generator, _ = networks(network(kind, crop=8))
    latents = draw(generator, 2)
    styles = generator.styles(latents).detach().requires_grad_()
    images = generator.synthesize(styles, latents.noise)
    direction = draw_images(2, seed=5, size=8)
    ours = path_lengths(images, styles, direction).detach().numpy()
    for i in range(2):
        alone = [noise[i : i + 1] for noise in latents.noise]
        jacobian = torch.autograd.functional.jacobian(
            lambda w, alone=alone: generator.synthesize(w, alone), styles[i : i + 1].detach()
        ).numpy()  # (1, c, y, x, 1, layers, style_dim)
        product = np.einsum("cyx,cyxls->ls", direction[i].numpy(), jacobian[0, :, :, :, 0]) / math.sqrt(8 * 8)
        assert ours[i] == pytest.approx(np.sqrt(np.mean((product**2).sum(axis=1))), rel=1e-9)


@pytest.mark.parametrize("kind", list(GeneratorKind))
def test_the_gradient_of_the_path_length_penalty_agrees_with_finite_differences(kind: GeneratorKind) -> None:
    generator, _ = networks(network(kind, crop=8))
    latents = draw(generator, 2)
    direction = draw_images(2, seed=5, size=8)
    mean = torch.tensor(0.1, dtype=torch.float64)

    def penalty() -> Tensor:
        styles = generator.styles(latents)
        lengths = path_lengths(generator.synthesize(styles, latents.noise), styles, direction)
        return path_length_penalty(lengths, mean)

    checked = [
        "mapping.layers.0.weight",
        "blocks.0.second.convolution.weight",
        "blocks.0.first.convolution.affine.bias",
    ]
    check_gradients(generator, penalty, checked)


def test_an_image_that_does_not_follow_its_styles_has_length_zero_and_breaks_nothing() -> None:
    styles = torch.ones(2, 3, 4, dtype=torch.float64, requires_grad=True)
    factor = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    images = (styles.sum(dim=(1, 2)).square() * factor)[:, None, None, None].expand(2, 1, 4, 4)
    lengths = path_lengths(images, styles, torch.ones_like(images))
    assert lengths[0] == 0
    assert lengths[1] > 0
    (gradient,) = torch.autograd.grad(path_length_penalty(lengths, torch.tensor(0.5).double()), factor)
    assert gradient[0] == 0
    assert torch.isfinite(gradient[1])


def test_the_path_length_penalty_is_the_squared_distance_from_a_fixed_mean() -> None:
    lengths, mean = torch.tensor([1.0, 3.0], requires_grad=True), torch.tensor(8.0, requires_grad=True)
    penalty = path_length_penalty(lengths, mean)
    assert penalty.item() == pytest.approx(((1 - 8) ** 2 + (3 - 8) ** 2) / 2)
    penalty.backward()
    assert mean.grad is None


def test_the_contrastive_loss_is_the_cross_entropy_of_finding_the_partner() -> None:
    """Against a sum written out image by image, in NumPy."""
    z = np.random.default_rng(0).normal(size=(6, 4))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    expected = []
    for i in range(6):
        partner = i + 1 if i % 2 == 0 else i - 1
        others = [np.exp(unit[i] @ unit[j] / 0.3) for j in range(6) if j != i]
        expected.append(-np.log(np.exp(unit[i] @ unit[partner] / 0.3) / sum(others)))
    found = contrastive_loss(torch.from_numpy(z), 0.3)
    assert found.item() == pytest.approx(np.mean(expected))


def test_the_contrastive_loss_is_low_where_partners_agree_and_chance_where_all_are_alike() -> None:
    pairs = torch.eye(4, dtype=torch.float64).repeat_interleave(2, dim=0)
    assert contrastive_loss(pairs, 0.05).item() < 1e-6
    assert contrastive_loss(torch.ones(8, 4), 0.2).item() == pytest.approx(np.log(7))
    mixed = pairs[[0, 2, 1, 4, 3, 6, 5, 7]]
    assert contrastive_loss(mixed, 0.05).item() > 1

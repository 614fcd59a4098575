"""Losses and penalties against closed forms and finite differences in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from gandl.config import GeneratorKind
from gandl.models.losses import discriminator_loss, generator_loss, path_length_penalty, path_lengths, r1_penalty
from model_inputs import draw, draw_images, network, networks


def slope(function: Callable[[], float], values: torch.Tensor, index: tuple[int, ...], step: float = 1e-5) -> float:
    """Central difference of a function along one entry of a tensor that it reads."""
    with torch.no_grad():
        start = values[index].item()
        values[index] = start + step
        above = function()
        values[index] = start - step
        below = function()
        values[index] = start
    return (above - below) / (2 * step)


def test_logistic_losses_are_minus_the_log_of_the_probabilities() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    p = lambda logits: 1 / (1 + np.exp(-logits.numpy()))  # noqa: E731
    assert generator_loss(fake).item() == pytest.approx(-np.log(p(fake)).mean(), rel=1e-6)
    expected = -np.log(p(real)).mean() - np.log(1 - p(fake)).mean()
    assert discriminator_loss(real, fake).item() == pytest.approx(expected, rel=1e-6)


def test_losses_stay_finite_for_logits_of_any_size() -> None:
    large = torch.tensor([1e4, -1e4])
    assert torch.isfinite(generator_loss(large))
    assert torch.isfinite(discriminator_loss(large, large))


def test_r1_is_the_squared_gradient_by_finite_differences() -> None:
    _, discriminator = networks()
    reals = draw_images(4)
    penalty = r1_penalty(discriminator(reals.requires_grad_()), reals).item()
    pixels = reals.detach()
    slopes = [
        slope(lambda: discriminator(pixels).sum().item(), pixels, index) for index in np.ndindex(tuple(pixels.shape))
    ]
    assert penalty == pytest.approx(np.square(slopes).sum() / 4, rel=1e-6)


def test_the_gradient_of_r1_is_right_for_every_kind_of_parameter() -> None:
    _, discriminator = networks()
    reals = draw_images(4).requires_grad_()

    def penalty() -> torch.Tensor:
        with torch.enable_grad():
            return r1_penalty(discriminator(reals), reals)

    penalty().backward()
    for name, parameter in discriminator.named_parameters():
        if name == "logit.bias":  # moves every logit alike: no gradient in the image depends on it
            assert parameter.grad is None or not parameter.grad.any()
            continue
        index = tuple(0 for _ in parameter.shape)
        expected = slope(lambda: penalty().item(), parameter.data, index)
        assert parameter.grad is not None
        assert parameter.grad[index].item() == pytest.approx(expected, rel=2e-4, abs=1e-8), name


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

    def penalty() -> torch.Tensor:
        with torch.enable_grad():
            styles = generator.styles(latents)
            lengths = path_lengths(generator.synthesize(styles, latents.noise), styles, direction)
            return (lengths - mean).square().mean()

    penalty().backward()
    checked = [
        "mapping.layers.0.weight",
        "blocks.0.second.convolution.weight",
        "blocks.0.first.convolution.affine.bias",
    ]
    parameters = dict(generator.named_parameters())
    for name in checked:
        parameter = parameters[name]
        index = tuple(0 for _ in parameter.shape)
        expected = slope(lambda: penalty().item(), parameter.data, index)
        assert expected != 0
        assert parameter.grad is not None
        assert parameter.grad[index].item() == pytest.approx(expected, rel=2e-4), name


def test_the_mean_path_length_moves_by_its_decay_and_carries_no_gradient() -> None:
    lengths = torch.tensor([1.0, 3.0], requires_grad=True)
    penalty, mean = path_length_penalty(lengths, torch.tensor(10.0), 0.25)
    assert mean.item() == pytest.approx(8.0)
    assert not mean.requires_grad
    assert penalty.item() == pytest.approx(((1 - 8) ** 2 + (3 - 8) ** 2) / 2)

"""Our convolutions and all their derivatives are PyTorch's, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gandl.models.networks import convolution
from gandl.models.networks.convolution import convolve, convolve_transposed, halve, quick_second_derivatives


@pytest.fixture(autouse=True)
def _written_out() -> Iterator[None]:
    with quick_second_derivatives():
        yield


def normal(*shape: int, seed: int = 0) -> Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.requires_grad_()


KINDS: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "3x3": (
        lambda x, w, b: convolve(x, w, b, padding=1),
        lambda x, w, b: F.conv2d(x, w, b, padding=1),
        (normal(2, 3, 5, 6), normal(4, 3, 3, 3, seed=1), normal(4, seed=2)),
    ),
    "1x1": (convolve, F.conv2d, (normal(2, 3, 4, 4), normal(2, 3, 1, 1, seed=1), normal(2, seed=2))),
    "strided": (
        lambda x, w: convolve(x, w, stride=2),
        lambda x, w: F.conv2d(x, w, stride=2),
        (normal(2, 2, 7, 8), normal(3, 2, 3, 3, seed=1)),
    ),
    "depthwise": (
        lambda x, w: convolve(x, w, padding=2, groups=3),
        lambda x, w: F.conv2d(x, w, padding=2, groups=3),
        (normal(2, 3, 4, 5), normal(3, 1, 4, 4, seed=1)),
    ),
    "depthwise strided": (
        lambda x, w: convolve(x, w, padding=1, stride=2, groups=3),
        lambda x, w: F.conv2d(x, w, padding=1, stride=2, groups=3),
        (normal(2, 3, 6, 6), normal(3, 1, 4, 4, seed=1)),
    ),
    "transposed": (
        lambda x, w: convolve_transposed(x, w, stride=2),
        lambda x, w: F.conv_transpose2d(x, w, stride=2),
        (normal(2, 3, 3, 4), normal(3, 2, 3, 3, seed=1)),
    ),
    "depthwise transposed": (
        lambda x, w: convolve_transposed(x, w, stride=2, padding=1, groups=3),
        lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, groups=3),
        (normal(2, 3, 3, 4), normal(3, 1, 4, 4, seed=1)),
    ),
}


def derivatives(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Value, first derivatives along a direction, and the gradient of their sum of squares: what R1 and path length need."""
    value = function(*inputs)
    first = torch.autograd.grad((value * normal(*value.shape, seed=7)).sum(), inputs, create_graph=True)
    second = torch.autograd.grad(sum(gradient.square().sum() for gradient in first), inputs, allow_unused=True)
    third = [torch.zeros(()) if gradient is None else gradient for gradient in second]
    return [value, *first, *third]


@pytest.mark.parametrize("kind", KINDS)
def test_values_first_and_second_derivatives_are_pytorchs(kind: str) -> None:
    ours, theirs, inputs = KINDS[kind]
    for one, other in zip(derivatives(ours, inputs), derivatives(theirs, inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_finite_differences(kind: str) -> None:
    ours, _, inputs = KINDS[kind]
    small = tuple(x.detach()[tuple(slice(0, 4) for _ in x.shape)].requires_grad_() for x in inputs)
    assert torch.autograd.gradcheck(ours, small, fast_mode=True)
    assert torch.autograd.gradgradcheck(ours, small, fast_mode=True)


def test_first_derivatives_alone_compute_no_gradient_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """R1's inner gradient needs that of images only; computing the others would cost a third more."""
    monkeypatch.setattr(
        convolution._WeightGradient, "apply", lambda *_: pytest.fail("the weight's gradient was computed")
    )
    x, w = normal(1, 2, 5, 5), normal(2, 2, 3, 3, seed=1)
    (gradient,) = torch.autograd.grad(convolve(x, w * 2, padding=1).sum(), x, create_graph=True)
    assert gradient.shape == x.shape


@pytest.mark.parametrize("sides", [(2, 2), (4, 8), (16, 6)])
def test_halving_is_a_strided_blur_and_so_is_its_derivative(sides: tuple[int, int]) -> None:
    x = normal(2, 3, *sides)
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 8
    kernel = torch.outer(taps, taps).expand(3, 1, 4, 4).contiguous()
    expected = F.conv2d(x, kernel, stride=2, padding=1, groups=3)
    made = halve(x, kernel)
    torch.testing.assert_close(made, expected)
    g = normal(*expected.shape, seed=1).detach()
    torch.testing.assert_close(torch.autograd.grad(made, x, g), torch.autograd.grad(expected, x, g))


def test_halving_refuses_a_second_derivative() -> None:
    x = normal(1, 1, 4, 4)
    (gradient,) = torch.autograd.grad(halve(x, normal(1, 1, 4, 4).detach()).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()

"""Our convolutions and all their derivatives are PyTorch's, in float64; those with fewer multiplications, too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gandl.models import winograd
from gandl.models.convolution import convolve, convolve_transposed


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


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer multiplications wherever it can be done, so that small maps show it."""
    monkeypatch.setattr(winograd, "CHANNELS", 1)
    monkeypatch.setattr(winograd, "ROWS", 4)


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("rows", [4, 8, 12])
def test_fewer_multiplications_make_the_same_convolution_and_derivatives(rows: int) -> None:
    inputs = normal(2, 3, rows, 5), normal(4, 3, 3, 3, seed=1), normal(4, seed=2)
    assert winograd.pays(*inputs[:2])
    ours = derivatives(lambda x, w, b: convolve(x, w, b, padding=1), inputs)
    for one, other in zip(ours, derivatives(lambda x, w, b: F.conv2d(x, w, b, padding=1), inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_fewer_multiplications_cost_few_digits_of_float32() -> None:
    x, w = normal(2, 64, 16, 16).detach(), normal(64, 64, 3, 3, seed=1).detach()
    assert winograd.pays(x, w)
    exact = F.conv2d(x, w, padding=1)
    plain = (F.conv2d(x.float(), w.float(), padding=1) - exact).abs().max()
    y, _ = winograd.convolve(x.float(), w.float())
    ours = (y - exact).abs().max()
    assert ours < 10 * plain
    assert ours < 1e-5 * exact.abs().max()


def test_first_derivatives_alone_compute_no_gradient_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """R1's inner gradient asks for that of images only; computing the others would cost a third more."""
    from gandl.models import convolution

    monkeypatch.setattr(
        convolution._WeightGradient, "apply", lambda *_: pytest.fail("the weight's gradient was computed")
    )
    x, w = normal(1, 2, 5, 5), normal(2, 2, 3, 3, seed=1)
    (gradient,) = torch.autograd.grad(convolve(x, w * 2, padding=1).sum(), x, create_graph=True)
    assert gradient.shape == x.shape

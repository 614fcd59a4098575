"""Heads on frozen codes: takes codes and labels, trains one head of two layers per grid point, all of them at once.

The paper's head (Dmitrenko et al. 2022, section 4.3.2): Linear, LeakyReLU, Linear to two classes; SGD with momentum and weight
decay. All grid points see the same batches in the same order and start from the same weights, so that they differ in nothing but
their settings, and their first layers are one product of matrices, which makes a grid of 27 affordable on a CPU. The result is
that of training them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from gandl.config.comparison import HeadSettings

SLOPE = 0.01
"""Of the leaky ReLU below 0 (PyTorch's default)."""
LINEAR = 1.0
"""The slope that the published code gives it by mistake (`LeakyReLU(True)`): the head is then linear."""
CLASSES = 2


@dataclass(frozen=True)
class Point:
    """One point of the grid."""

    learning_rate: float
    momentum: float
    weight_decay: float


@dataclass(frozen=True)
class Heads:
    """g heads: (g, hidden, d) and (g, hidden) of the first layer, (g, 2, hidden) and (g, 2) of the second one; the slope."""

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor
    slope: float

    @classmethod
    def of(cls, weights: Sequence[Tensor], slope: float) -> Heads:
        """From its four weights, in the order of `weights`."""
        first, first_bias, second, second_bias = weights
        return cls(first, first_bias, second, second_bias, slope)

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.first, self.first_bias, self.second, self.second_bias

    def hidden(self, codes: Tensor) -> Tensor:
        """(n, d) -> (g, hidden, n) after the leaky ReLU; tiles last, so that no product has to turn it round."""
        g, units, d = self.first.shape
        flat = torch.addmm(self.first_bias.reshape(-1, 1), self.first.reshape(-1, d), codes.T)
        return F.leaky_relu_(flat, self.slope).view(g, units, len(codes))

    def answers(self, hidden: Tensor) -> Tensor:
        """(g, hidden, n) -> (g, 2, n): logits of control and of drug."""
        return torch.baddbmm(self.second_bias[:, :, None], self.second, hidden)

    def logits(self, codes: Tensor) -> Tensor:
        """(n, d) -> (g, 2, n)."""
        return self.answers(self.hidden(codes))

    def repeated(self, times: int) -> Heads:
        """The first head, so many times."""
        return Heads.of([part[:1].repeat(times, *[1] * (part.ndim - 1)) for part in self.weights], self.slope)

    def one(self, at: int) -> Heads:
        """One head alone."""
        return Heads.of([part[at : at + 1] for part in self.weights], self.slope)


def grid_of(settings: HeadSettings) -> list[Point]:
    """All points of the grid, learning rates outermost."""
    return [Point(*each) for each in product(settings.learning_rates, settings.momenta, settings.weight_decays)]


def fresh(features: int, hidden: int, seed: int, *, fan_in: int | None = None, slope: float = SLOPE) -> Heads:
    """One head with PyTorch's initial weights, uniform within 1 / sqrt(fan-in).

    Parameters
    ----------
    features : of the codes. fan_in : of the first layer, where the codes are components of so many features: weights on rotated
        features start as large as on the features themselves.
    """
    random = torch.Generator().manual_seed(seed)

    def uniform(*shape: int, bound: float) -> Tensor:
        return (torch.rand(1, *shape, generator=random) * 2 - 1) * bound

    first, second = (fan_in or features) ** -0.5, hidden**-0.5
    return Heads(
        uniform(hidden, features, bound=first),
        uniform(hidden, bound=first),
        uniform(CLASSES, hidden, bound=second),
        uniform(CLASSES, bound=second),
        slope,
    )


def train(
    heads: Heads,
    points: list[Point],
    codes: Tensor,
    labels: Tensor,
    weights: Tensor,
    *,
    epochs: int,
    batch: int,
    seed: int,
    double_softmax: bool = False,
) -> Heads:
    """Train heads, each by its own point, from the weights that they have.

    Parameters
    ----------
    heads : as many as points. codes : (n, d) float32. labels : (n,) 0 of controls, 1 of drugs.
    weights : (n,) of each tile's loss.
    batch : tiles per step; the last step of an epoch has what is left. seed : of the order of the tiles.
    double_softmax : cross-entropy of probabilities taken for logits, as the published code has it.

    Returns
    -------
    The trained heads. One whose training diverges has weights that are not finite; it harms no other.
    """
    parts = [part.clone() for part in heads.weights]
    trained = Heads.of(parts, heads.slope)
    velocities = [torch.zeros_like(part) for part in parts]
    random = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for here in torch.randperm(len(codes), generator=random).split(batch):
            gradients = _gradients(trained, codes[here], labels[here], weights[here], double_softmax)
            for part, velocity, gradient in zip(parts, velocities, gradients, strict=True):
                rate, momentum, decay = (_by_point(points, name, part) for name in Point.__annotations__)
                velocity.mul_(momentum).add_(gradient).addcmul_(decay, part)
                part.addcmul_(rate, velocity, value=-1)
    return trained


def balanced(labels: Tensor) -> Tensor:
    """(n,) labels -> (n,) weights whose mean is 1, with which the classes that are there weigh alike."""
    counts = torch.bincount(labels, minlength=CLASSES)
    return (len(labels) / (counts > 0).sum() / counts.clamp(min=1))[labels].float()


def losses(logits: Tensor, labels: Tensor, weights: Tensor, double_softmax: bool = False) -> Tensor:
    """(g, 2, n), (n,), (n,) -> (g,) mean cross-entropy of each head, tiles weighted."""
    given = logits.softmax(dim=1) if double_softmax else logits
    return (F.cross_entropy(given, labels.expand(len(logits), -1), reduction="none") * weights).mean(dim=1)


def _gradients(heads: Heads, codes: Tensor, labels: Tensor, weights: Tensor, double_softmax: bool) -> list[Tensor]:
    """Of each head's own loss. The large products are written out: autograd would keep several copies of the hidden layer."""
    hidden = heads.hidden(codes)
    logits = heads.answers(hidden).requires_grad_()
    (of_logits,) = torch.autograd.grad(losses(logits, labels, weights, double_softmax).sum(), logits)
    of_second = of_logits @ hidden.transpose(1, 2)
    of_hidden = heads.second.transpose(1, 2) @ of_logits
    of_hidden = torch.ops.aten.leaky_relu_backward(of_hidden, hidden, heads.slope, True)
    of_first = (of_hidden.flatten(0, 1) @ codes).view_as(heads.first)
    return [of_first, of_hidden.sum(dim=2), of_second, of_logits.sum(dim=2)]


def _by_point(points: list[Point], name: str, like: Tensor) -> Tensor:
    """A setting of every point, shaped so that it multiplies their weights."""
    return torch.tensor([getattr(point, name) for point in points]).view(-1, *[1] * (like.ndim - 1))

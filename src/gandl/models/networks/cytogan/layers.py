"""What the networks of CytoGAN's families share: widths, enlargement, initial weights, and what disturbs them in training.

Widths are those of Goldsborough et al. (2017) (`facts/profiling.md`, section 2.2), times `network.width`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
"""Of leaky ReLUs."""


def scaled(published: Sequence[int], width: float) -> list[int]:
    """Numbers of maps or units at a share of the published ones, at least one each."""
    return [max(1, round(width * number)) for number in published]


def bounded(images: Tensor) -> Tensor:
    """Images on the networks' scale, cut off at -1 and 1, which generators that end in a tanh can reach."""
    return images.clamp(-1, 1)


def doubled(x: Tensor) -> Tensor:
    """(n, c, y, x) -> (n, c, 2 y, 2 x), every pixel four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def initialise(network: nn.Module) -> None:
    """Draw weights as the published code's library does: uniform by Glorot & Bengio (2010, equation 16), biases zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@dataclass(frozen=True)
class Disturbance:
    """What a training pass adds to a network: noise, dropout, labels. Drawn for the whole batch, of which it takes its part.

    So that every crop has its own numbers, whatever part of the batch it is computed in. The order of the calls decides what is
    drawn; every part begins with a generator in the same state.

    Attributes
    ----------
    batch : crops of the whole batch. part : (m,) positions of those that are computed.
    rng : on the device of what is disturbed.
    """

    batch: int
    part: Tensor
    rng: torch.Generator

    def noisy(self, images: Tensor, deviation: float) -> Tensor:
        """Images (m, ...) with independent normal noise."""
        return images + deviation * self.normal(images) if deviation else images

    def normal(self, like: Tensor) -> Tensor:
        """Independent N(0, 1) of the shape (m, ...) of a tensor."""
        shape = self.batch, *like.shape[1:]
        return torch.randn(shape, generator=self.rng, device=like.device)[self.part].to(like.dtype)

    def dropped(self, x: Tensor, share: float) -> Tensor:
        """(m, ...) with a share of its numbers set to zero, the others enlarged to keep the mean (Srivastava et al. 2014)."""
        if not share:
            return x
        kept = self.uniform(x) >= share
        return x * kept / (1 - share)

    def uniform(self, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Independent numbers between two, of the shape (m, ...) of a tensor."""
        shape = self.batch, *like.shape[1:]
        drawn = torch.rand(shape, generator=self.rng, device=like.device)[self.part].to(like.dtype)
        return low + (high - low) * drawn

"""Exponential moving average of a network: takes a network that trains, keeps a smoothed copy of its weights and buffers."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class MovingAverage(Generic[Network]):
    """The average of a network along its training.

    Parameters
    ----------
    network : what to follow; `average` starts as its copy.
    half_life : in images: a weight's influence halves over so many.
    rampup : the half-life is at most this share of the images seen, so that the random start is soon forgotten; 0: no ramp.
    """

    def __init__(self, network: Network, half_life: float, rampup: float) -> None:
        self.average: Network = copy.deepcopy(network).requires_grad_(False).eval()
        self.half_life = half_life
        self.rampup = rampup

    def decay(self, images_seen: int, batch: int) -> float:
        """What the average keeps of itself over a step of `batch` images: 0.5^(batch / half-life)."""
        half_life = min(self.half_life, self.rampup * images_seen) if self.rampup else self.half_life
        return 0.5 ** (batch / half_life) if half_life > 0 else 0.0

    @torch.no_grad()
    def update(self, network: Network, images_seen: int, batch: int) -> None:
        """Move the average after a step of `batch` images; `images_seen` counts those before the step."""
        ours = [*self.average.parameters(), *self.average.buffers()]
        theirs = [*network.parameters(), *network.buffers()]
        torch._foreach_lerp_(ours, theirs, 1 - self.decay(images_seen, batch))

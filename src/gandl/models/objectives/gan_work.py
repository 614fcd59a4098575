"""Work: how many floating-point operations an image of a training costs. Takes settings, makes numbers, by arithmetic on shapes.

Counted are convolutions and matrix products, two operations per multiplication with addition, as by PyTorch's own counter
(torch.utils.flop_counter), without the fixed low-pass filters. It is the work that the mathematics requires: what an
implementation computes beyond it (or spares) is not counted, so that shares of a device's peak can be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from gandl.config import GeneratorKind, Loss, NetworkSettings, TrainingSettings
from gandl.models.networks.layers import feature_maps
from gandl.models.objectives.adversaries import PATH_BATCH_SHRINK

FORWARD = 1
"""Passes are counted in forward passes of a network. One backward pass costs two: towards the input, and towards the weights."""
TO_INPUT, TO_WEIGHTS = 1, 1
TWICE_DIFFERENTIATED = FORWARD + TO_INPUT + 2 * (TO_INPUT + TO_WEIGHTS)
"""A penalty of a gradient: forward, to the input, and back through both."""


@dataclass(frozen=True)
class ForwardWork:
    """Floating-point operations of one image's forward pass."""

    generator: float
    discriminator: float


def forward_work(network: NetworkSettings, channels: int) -> ForwardWork:
    """Forward passes of both networks on images of `channels`."""
    sides = [2**power for power in range(2, int(math.log2(network.crop)) + 1)]
    maps = [feature_maps(side, network.channel_base, network.channel_max) for side in sides]
    return ForwardWork(_generator(network, channels, sides, maps), _discriminator(network, channels, sides, maps))


def work_per_image(settings: TrainingSettings, channels: int) -> float:
    """Floating-point operations of a training per real image shown: every pass of its schedule, lazy ones by their share.

    The reference schedule (Karras et al. 2020, appendix B) is 4 G + 8 D, and 6 G / 2 / interval for the path length and 6 D /
    interval for R1, with G and D one forward pass each.
    """
    forward = forward_work(settings.network, channels)
    learning = FORWARD + TO_INPUT + TO_WEIGHTS
    of_generator: float = learning if settings.engine.shared_forward else learning + FORWARD
    of_discriminator: float = (FORWARD + TO_INPUT) + 2 * learning  # judged for the generator; real and generated images
    if settings.loss is Loss.RELATIVISTIC:
        of_discriminator += FORWARD  # the generator's loss compares with real images
    if settings.path_length_weight:
        of_generator += TWICE_DIFFERENTIATED / PATH_BATCH_SHRINK / settings.path_length_interval
    penalties = sum(map(bool, (settings.r1_gamma, settings.r2_gamma, settings.lipschitz_weight)))
    # A finite difference takes two passes with their gradients of the weights: as many as differentiating twice.
    of_discriminator += penalties * TWICE_DIFFERENTIATED / settings.r1_interval
    return of_generator * forward.generator + of_discriminator * forward.discriminator


def _generator(network: NetworkSettings, channels: int, sides: list[int], maps: list[int]) -> float:
    style = network.style_dim
    residual = network.generator is GeneratorKind.RESIDUAL
    work = 2 * network.mapping_layers * _product(style, style)  # two styles per image
    work += _styled(maps[0], maps[0], 3, sides[0], style)
    for (below, here), (small, side) in zip(pairwise(maps), pairwise(sides), strict=True):
        work += _styled(
            below, here, 3, small, style
        )  # upsampling: every pixel of the smaller map meets the whole kernel
        work += _styled(here, here, 3, side, style)
        work += _convolution(below, here, 1, small) if residual else 0
    images = list(zip(maps, sides, strict=True))
    for count, side in images[-1:] if residual else images:
        work += _convolution(count, channels, 1, side) + _product(style, count)
    return work


def _discriminator(network: NetworkSettings, channels: int, sides: list[int], maps: list[int]) -> float:
    work = _convolution(channels, maps[-1], 1, sides[-1])
    for (below, here), (small, side) in zip(pairwise(maps), pairwise(sides), strict=True):
        work += (
            _convolution(here, here, 3, side)
            + _convolution(here, below, 3, small)
            + _convolution(here, below, 1, small)
        )
    last = maps[0]
    work += _convolution(last + 1, last, 3, sides[0])
    return work + _product(last * sides[0] ** 2, network.feature_dim) + _product(network.feature_dim, 1)


def _styled(inputs: int, outputs: int, kernel: int, side: int, style: int) -> float:
    """A modulated convolution: itself, its style, and its demodulation."""
    return _convolution(inputs, outputs, kernel, side) + _product(style, inputs) + _product(inputs, outputs)


def _convolution(inputs: int, outputs: int, kernel: int, side: int) -> float:
    return 2.0 * inputs * outputs * kernel**2 * side**2


def _product(inputs: int, outputs: int) -> float:
    return 2.0 * inputs * outputs

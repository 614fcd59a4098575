"""Perceptual distance: takes two sets of images of any channels, makes how differently a frozen ImageNet network sees them.

The distance is that of Zhang et al. (2018, arXiv:1801.03924, equation 1) with all weights 1: feature maps are scaled to unit
length over their channels at every place, and squared differences are summed over channels and averaged over places, so that the
range of a map does not decide. The network was trained on photographs of three channels: each channel of an image is seen alone,
replicated to three, and the distances are averaged over channels and maps.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gandl.config import ImageNetNetwork, PerceptualSettings
from gandl.models.compute.device import wide
from gandl.models.networks.imagenet.backbones import BACKBONES
from gandl.models.networks.imagenet.pretrained import FrozenNetwork, load_pretrained

EPSILON = 1e-10
"""Added to a length before it divides: where nothing is seen, the distance is 0."""
SIDE_COUNTED = 32
"""Operations are counted for images of this side, and grow with the area."""


class Perceptual(nn.Module):
    """How differently a network sees two sets of images.

    Parameters
    ----------
    network : frozen; gradients reach the images alone.
    maps : how many of its feature maps count, from the largest on.
    """

    def __init__(self, network: FrozenNetwork, maps: int) -> None:
        super().__init__()
        self.network, self.maps = network, maps

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean distance () of images (n, c, y, x) from others, on the networks' scale; gradients reach `made` alone.

        -1 to 1 of that scale are 0 to 1 of the network's. What is darker or brighter is not cut off: there no gradient would be
        left.
        """
        with torch.no_grad():
            expected = self._seen(real)
        differences = [
            (one - other).square().sum(dim=1).mean() for one, other in zip(self._seen(made), expected, strict=True)
        ]
        return torch.stack(differences).mean()

    def _seen(self, images: Tensor) -> list[Tensor]:
        """Maps (n c, k, v, u) of every channel alone, of unit length over k."""
        planes = ((images + 1) / 2).flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
        return [_unit(wide(seen)) for seen in self.network.maps(planes, self.maps)]


def _unit(maps: Tensor) -> Tensor:
    """Maps (n, k, y, x) of length 1 over k; 0 where there is nothing."""
    return maps / torch.sqrt(maps.square().sum(dim=1, keepdim=True) + EPSILON)


def load_perceptual(settings: PerceptualSettings, weights: Path | None = None) -> Perceptual:
    """The distance that settings name.

    Parameters
    ----------
    weights : the network's weights as they were published; None: those that come with a package.

    Raises
    ------
    gandl.models.networks.imagenet.weights.PretrainedError : the file, or the package, is missing, damaged or another one.
    """
    return Perceptual(load_pretrained(settings.network, weights), settings.maps)


@lru_cache
def operations(network: ImageNetNetwork, maps: int) -> float:
    """Floating-point operations per pixel of one channel, forwards: two per multiplication with addition."""
    counter = FlopCounterMode(display=False)
    with torch.device("meta"):
        untrained, image = BACKBONES[network].build().eval(), torch.empty(1, 3, SIDE_COUNTED, SIDE_COUNTED)
    with counter, torch.no_grad():
        BACKBONES[network].maps(untrained, image, maps)
    return counter.get_total_flops() / SIDE_COUNTED**2

"""ImageNet-collapsed (Mascolini et al. 2022, "Counterpart embeddings"): takes images of any channels, makes three of them for a
network that was trained on ImageNet.

Only what is trained is here, a convolution with a kernel of 1 and a linear head; the network between them never changes
(`gandl.models.networks.imagenet.pretrained`), and weights files do not hold it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from gandl.config import CollapsedSettings
from gandl.models.compute.device import wide
from gandl.models.networks.imagenet.pretrained import FrozenNetwork, dim_of
from gandl.models.networks.trained import BETWEEN, STOPS, TrainedOnLabels, points_between, seeded

COLOURS = 3


class Collapsed(nn.Module):
    """The convolution before, and the head behind.

    Parameters
    ----------
    channels : of the images. dim : of the frozen network's features. classes : number of labels.
    """

    def __init__(self, channels: int, dim: int, classes: int) -> None:
        super().__init__()
        self.collapse = nn.Conv2d(channels, COLOURS, 1)
        nn.init.normal_(self.collapse.weight, std=1 / math.sqrt(channels))
        nn.init.normal_(self.collapse.bias, std=0.1)  # type: ignore[arg-type]
        self.head = nn.Linear(dim, classes)

    def colours(self, images: Tensor) -> Tensor:
        """Images (n, c, y, x) on the networks' scale -> (n, 3, y, x) in [0, 1].

        The convolution's output z becomes 1 / (1 + exp(-2 z)): near 0 that is (z + 1) / 2, as -1 to 1 become 0 to 1 for the other
        ImageNet networks; beyond, it stays within what they were trained on, and every pixel keeps a gradient.
        """
        return torch.sigmoid(2 * self.collapse(images))

    def features(self, images: Tensor, backbone: FrozenNetwork) -> Tensor:
        """Features (n, dim) of the frozen network of images (n, c, y, x)."""
        return wide(backbone.maps(self.colours(images))[-1]).mean(dim=(2, 3))

    def logits(self, images: Tensor, backbone: FrozenNetwork) -> Tensor:
        """(n, classes)."""
        scores: Tensor = self.head(self.features(images, backbone))
        return scores


@dataclass(frozen=True, kw_only=True)
class TrainedCollapsed(TrainedOnLabels[CollapsedSettings]):
    """What was trained and its moving average, which embeds."""

    objective: ClassVar[str] = "collapsed"
    settings_type = CollapsedSettings

    collapsed_ema: Collapsed
    collapsed_raw: Collapsed

    @classmethod
    def untrained(cls, settings: CollapsedSettings, channels: int, classes: int, seed: int) -> Collapsed:
        return new_collapsed(settings, channels, classes, seed)

    @torch.no_grad()
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """What is left of each channel behind three: the least-squares estimate from the convolution's outputs."""
        convolution = self.collapsed_ema.collapse
        weight = convolution.weight[:, :, 0, 0]
        kept = torch.linalg.pinv(weight.double()) @ weight.double()
        return torch.einsum("dc,ncyx->ndyx", kept.to(weight), real.to(weight))

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """The same of mixtures of the first real crops, on the straight lines between them."""
        return self.beside(points_between(real[:STOPS].to(self.collapsed_ema.head.weight), BETWEEN), seed)


def new_collapsed(settings: CollapsedSettings, channels: int, classes: int, seed: int) -> Collapsed:
    """Untrained; the seed decides every weight."""
    with seeded(seed):
        return Collapsed(channels, dim_of(settings.imagenet), classes)

"""The discriminator: takes images (n, channels, y, x) of about [-1, 1], makes a logit each, and describes images for embedding.

Residual blocks from the crop's side down to 4 x 4 (Karras et al. 2020, Fig. 7c), minibatch deviation, a convolution, and two
fully connected layers; GAN-DL's embedding is the layer before the logit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from gandl.config import NetworkSettings
from gandl.models.networks.layers import (
    GAIN,
    EqualConv2d,
    EqualLinear,
    MinibatchDeviation,
    exactly,
    feature_maps,
    leaky_relu,
    wide,
)


class Judgement(NamedTuple):
    """The discriminator's output for a batch of n images.

    Attributes
    ----------
    logits : (n,), larger for real; they depend on the batch by the minibatch deviation.
    deviation : (), mean of the minibatch deviation.
    features : (n, feature_dim), the layer before the logit, as it is with the batch's own minibatch deviation.
    """

    logits: Tensor
    deviation: Tensor
    features: Tensor


@dataclass(frozen=True)
class Description:
    """What the discriminator sees in n images, each on its own.

    Attributes
    ----------
    blocks : output of every block, (n, c, y, x), in the order of `Discriminator.block_names`.
    pre, post : (n, feature_dim), the layer before the logit, before and after its leaky ReLU.
    """

    blocks: list[Tensor]
    pre: Tensor
    post: Tensor


class Block(nn.Module):
    """Residual block: two 3x3 convolutions, the second halves the sides, and a 1x1 path around them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualConv2d(inputs, inputs, 3)
        self.second = EqualConv2d(inputs, outputs, 3, down=True)
        self.around = EqualConv2d(inputs, outputs, 1, down=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, y, x) -> (n, outputs, y / 2, x / 2); both branches carry sqrt(1/2), so the sum keeps the variance."""
        y = leaky_relu(self.first(x, GAIN))
        y = leaky_relu(self.second(y, GAIN * math.sqrt(0.5)))
        return y + self.around(x, math.sqrt(0.5))


class Discriminator(nn.Module):
    """StyleGAN2's discriminator.

    Parameters
    ----------
    settings : shape of the networks; `crop` is the side of the images it takes.
    channels : image channels, any number.
    contrast_dim : width of the contrastive task's head; 0: there is none. Its weights are drawn last, so that all others are
        those of a discriminator without it.

    Attributes
    ----------
    contrast : (n, feature_dim) -> (n, contrast_dim), the head; only training needs it.
    """

    def __init__(self, settings: NetworkSettings, channels: int, contrast_dim: int = 0) -> None:
        super().__init__()
        self.channels = channels
        self.crop = settings.crop
        self.feature_dim = settings.feature_dim
        self.resolutions = [2**power for power in range(int(math.log2(settings.crop)), 1, -1)]
        maps = [feature_maps(r, settings.channel_base, settings.channel_max) for r in self.resolutions]
        self.from_image = EqualConv2d(channels, maps[0], 1)
        self.blocks = nn.ModuleList(Block(here, below) for here, below in pairwise(maps))
        self.deviation = MinibatchDeviation(settings.minibatch_std_group)
        self.last = EqualConv2d(maps[-1] + 1, maps[-1], 3)
        self.feature = EqualLinear(maps[-1] * 16, settings.feature_dim)
        self.logit = EqualLinear(settings.feature_dim, 1)
        self.contrast = EqualLinear(settings.feature_dim, contrast_dim) if contrast_dim else None
        self.block_channels = [*maps, maps[-1]]

    @property
    def block_names(self) -> list[str]:
        """Names of a description's blocks: `image` (1x1 on the image), `block_<side of its output>` ..., `last`."""
        return ["image", *(f"block_{side}" for side in self.resolutions[1:]), "last"]

    def forward(self, images: Tensor) -> Judgement:
        """Judge a batch (n, channels, y, x)."""
        x = self._outputs(images)[-1]
        with exactly(x):
            x, deviation = self.deviation(wide(x))
            x = leaky_relu(self.last(x, GAIN))
            features = leaky_relu(self.feature(x.flatten(1), GAIN))
            return Judgement(self.logit(features).squeeze(1), deviation, features)

    def describe(self, images: Tensor) -> Description:
        """Describe images one by one: the minibatch deviation is replaced by its mean over training, a constant."""
        outputs = self._outputs(images)
        with exactly(images):
            last = leaky_relu(self.last(self.deviation.constant(wide(outputs[-1])), GAIN))
            pre = self.feature(last.flatten(1))
        return Description([*outputs, last], pre, leaky_relu(pre * GAIN))

    def _outputs(self, images: Tensor) -> list[Tensor]:
        outputs = [leaky_relu(self.from_image(images, GAIN))]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        return outputs

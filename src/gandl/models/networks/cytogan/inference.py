"""Networks of BiGAN (Donahue et al. 2017): an encoder, which embeds, and a discriminator of pairs of a crop and a latent vector.

The generator is `ConvolutionalGenerator` with the maps of this family.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config.cytogan import FamilyNetworkSettings
from gandl.models.networks.cytogan.layers import SLOPE, Disturbance, bounded, initialise, scaled

MAPS = (128, 64, 32, 16)
"""Of the convolutions of encoder and discriminator, all but the first of which halve the sides; and of the generator."""
UNITS = (1024, 1024, 256)
"""Of the discriminator's layers behind crop and latent vector."""
KERNEL = 5
HALVINGS = len(MAPS) - 1


class Encoder(nn.Module):
    """Four convolutions and a fully connected layer; nothing is normalised, so that a code is of its crop alone."""

    def __init__(self, settings: FamilyNetworkSettings, channels: int) -> None:
        super().__init__()
        maps = scaled(MAPS, settings.width)
        self.code_dim = settings.code_dim
        self.convolutions = _halving(channels, maps)
        self.to_code = nn.Linear(maps[-1] * (settings.crop >> HALVINGS) ** 2, settings.code_dim)
        initialise(self)

    def encode(self, images: Tensor) -> Tensor:
        """Images (n, channels, y, x) on the networks' scale -> codes (n, code_dim)."""
        x = bounded(images)
        for convolution in self.convolutions:
            x = F.leaky_relu(convolution(x), SLOPE)
        code: Tensor = self.to_code(x.flatten(1))
        return code

    def forward(self, images: Tensor) -> Tensor:
        """As `encode`."""
        return self.encode(images)


class PairDiscriminator(nn.Module):
    """Convolutions of the crop, then layers that see them and the latent vector."""

    def __init__(self, settings: FamilyNetworkSettings, channels: int) -> None:
        super().__init__()
        maps, units = scaled(MAPS, settings.width), scaled(UNITS, settings.width)
        self.convolutions = _halving(channels, maps)
        seen = maps[-1] * (settings.crop >> HALVINGS) ** 2 + settings.code_dim
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise([seen, *units]))
        self.to_logit = nn.Linear(units[-1], 1)
        initialise(self)

    def forward(
        self, images: Tensor, latents: Tensor, disturbance: Disturbance | None = None, dropout: float = 0.0
    ) -> Tensor:
        """Crops (n, channels, y, x) and their latent vectors (n, code_dim) -> logits (n,).

        Parameters
        ----------
        disturbance : draws what is dropped behind every layer; None: nothing is.
        """

        def dropped(x: Tensor) -> Tensor:
            return x if disturbance is None else disturbance.dropped(x, dropout)

        x = images
        for convolution in self.convolutions:
            x = dropped(F.leaky_relu(convolution(x), SLOPE))
        x = torch.cat([x.flatten(1), latents], dim=1)
        for layer in self.layers:
            x = dropped(F.leaky_relu(layer(x), SLOPE))
        logit: Tensor = self.to_logit(x).squeeze(1)
        return logit


def _halving(channels: int, maps: list[int]) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Conv2d(before, after, KERNEL, stride=1 + (number > 0), padding=KERNEL // 2)
        for number, (before, after) in enumerate(pairwise([channels, *maps]))
    )

"""Networks of BEGAN (Berthelot et al. 2017): takes latent vectors, makes crops; takes crops, makes codes and reconstructions.

The discriminator is an autoencoder, whose bottleneck is the representation. Its decoder has the shape of the generator.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config.cytogan import FamilyNetworkSettings
from gandl.models.networks.cytogan.layers import bounded, doubled, initialise, scaled

MAPS = (64, 128, 256, 384)
"""Of the stages of the encoder: three convolutions each, of which the first halves the sides."""
MAPS_BACK = 128
"""Of every stage of decoder and generator: two convolutions each, the sides doubled between stages."""
STAGES_BACK = 4
PER_STAGE, PER_STAGE_BACK = 3, 2


class EquilibriumGenerator(nn.Module):
    """A fully connected layer, and four stages of two convolutions with ELUs; the image is linear."""

    def __init__(self, settings: FamilyNetworkSettings, channels: int) -> None:
        super().__init__()
        (maps,) = scaled([MAPS_BACK], settings.width)
        self.side, self.code_dim = settings.crop >> (STAGES_BACK - 1), settings.code_dim
        self.from_code = nn.Linear(settings.code_dim, maps * self.side**2)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(maps, maps, 3, padding=1) for _ in range(STAGES_BACK * PER_STAGE_BACK)
        )
        self.to_image = nn.Conv2d(maps, channels, 3, padding=1)
        initialise(self)

    def forward(self, latents: Tensor) -> Tensor:
        """(n, code_dim) -> crops (n, channels, y, x)."""
        x = self.from_code(latents).reshape(len(latents), -1, self.side, self.side)
        for number, convolution in enumerate(self.convolutions):
            begins = number and not number % PER_STAGE_BACK
            x = F.elu(convolution(doubled(x) if begins else x))
        image: Tensor = self.to_image(x)
        return image


class EquilibriumAutoencoder(nn.Module):
    """Encoder of four stages of three convolutions with ELUs, a bottleneck, and a decoder."""

    def __init__(self, settings: FamilyNetworkSettings, channels: int) -> None:
        super().__init__()
        maps = scaled(MAPS, settings.width)
        self.code_dim = settings.code_dim
        layers = []
        for before, after in pairwise([channels, *maps]):
            layers.append(nn.Conv2d(before, after, 3, stride=2, padding=1))
            layers += [nn.Conv2d(after, after, 3, padding=1) for _ in range(PER_STAGE - 1)]
        self.convolutions = nn.ModuleList(layers)
        self.to_code = nn.Linear(maps[-1] * (settings.crop >> len(maps)) ** 2, settings.code_dim)
        initialise(self)
        self.decoder = EquilibriumGenerator(settings, channels)

    def encode(self, images: Tensor) -> Tensor:
        """Images (n, channels, y, x) on the networks' scale -> codes (n, code_dim), each of its image alone."""
        return self._codes(bounded(images))

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, y, x), noisy or not -> their reconstructions."""
        made: Tensor = self.decoder(self._codes(images))
        return made

    def _codes(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            x = F.elu(convolution(x))
        code: Tensor = self.to_code(x.flatten(1))
        return code

"""Autoencoders of CytoGAN: takes crops, makes codes and reconstructions.

They see and make crops of [0, 1]: -1 on the networks' scale is 0, 1 is 1, what is beyond is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config.cytogan import FamilyNetworkSettings
from gandl.models.networks.cytogan.layers import bounded, doubled, initialise, scaled

VARIATIONAL_MAPS, PLAIN_MAPS = (128, 64, 32), (8, 8)
"""Of the convolutions, each of which is followed by a maximum over 2 x 2 pixels."""


def unit(images: Tensor) -> Tensor:
    """Images on the networks' scale -> [0, 1]."""
    return (bounded(images) + 1) / 2


def from_unit(images: Tensor) -> Tensor:
    """Images of [0, 1] -> the networks' scale."""
    return 2 * images - 1


class PoolingEncoder(nn.Module):
    """3 x 3 convolutions with ReLUs and maxima over 2 x 2 pixels."""

    def __init__(self, channels: int, maps: Sequence[int], crop: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise([channels, *maps]))
        self.side = crop >> len(maps)
        self.dim = maps[-1] * self.side**2

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, y, x) -> (n, dim)."""
        x = images
        for convolution in self.convolutions:
            x = F.relu(F.max_pool2d(convolution(x), 2))  # a maximum commutes with ReLU
        return x.flatten(1)


class DoublingDecoder(nn.Module):
    """The encoder's mirror image: a fully connected layer, 3 x 3 convolutions with ReLUs, the sides doubled behind each."""

    def __init__(self, code_dim: int, channels: int, maps: Sequence[int], crop: int) -> None:
        super().__init__()
        self.side = crop >> len(maps)
        back = list(reversed(maps))
        self.from_code = nn.Linear(code_dim, back[0] * self.side**2)
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise([back[0], *back]))
        self.to_image = nn.Conv2d(back[-1], channels, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        """(n, code_dim) -> images (n, channels, y, x) of [0, 1]."""
        x = F.relu(self.from_code(codes)).reshape(len(codes), -1, self.side, self.side)
        for convolution in self.convolutions:
            x = doubled(F.relu(convolution(x)))
        return torch.sigmoid(self.to_image(x))


class PlainAutoencoder(nn.Module):
    """Encoder, code and decoder."""

    def __init__(self, settings: FamilyNetworkSettings, channels: int) -> None:
        super().__init__()
        maps = scaled(PLAIN_MAPS, settings.width)
        self.code_dim = settings.code_dim
        self.encoder = PoolingEncoder(channels, maps, settings.crop)
        self.to_code = nn.Linear(self.encoder.dim, settings.code_dim)
        self.decoder = DoublingDecoder(settings.code_dim, channels, maps, settings.crop)
        initialise(self)

    def encode(self, images: Tensor) -> Tensor:
        """Images (n, channels, y, x) on the networks' scale -> codes (n, code_dim), each of its image alone."""
        code: Tensor = self.to_code(self.encoder(unit(images)))
        return code

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (n, code_dim) -> images (n, channels, y, x) of [0, 1]."""
        made: Tensor = self.decoder(codes)
        return made


class VariationalAutoencoder(nn.Module):
    """Encoder of a mean and a variance for each number of the latent vector, and a decoder of latent vectors."""

    def __init__(self, settings: FamilyNetworkSettings, channels: int) -> None:
        super().__init__()
        maps = scaled(VARIATIONAL_MAPS, settings.width)
        self.code_dim = settings.code_dim
        self.encoder = PoolingEncoder(channels, maps, settings.crop)
        self.to_mean = nn.Linear(self.encoder.dim, settings.code_dim)
        self.to_log_variance = nn.Linear(self.encoder.dim, settings.code_dim)
        self.decoder = DoublingDecoder(settings.code_dim, channels, maps, settings.crop)
        initialise(self)

    def encode(self, images: Tensor) -> Tensor:
        """Images (n, channels, y, x) on the networks' scale -> means (n, code_dim), each of its image alone."""
        mean: Tensor = self.to_mean(self.encoder(unit(images)))
        return mean

    def describe(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (n, channels, y, x) on the networks' scale -> means and logarithms of variances, (n, code_dim) each."""
        seen = self.encoder(unit(images))
        return self.to_mean(seen), self.to_log_variance(seen)

    def decode(self, codes: Tensor) -> Tensor:
        """Latent vectors (n, code_dim) -> images (n, channels, y, x) of [0, 1]."""
        made: Tensor = self.decoder(codes)
        return made

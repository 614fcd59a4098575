"""Generator and discriminator of DCGAN, LSGAN and WGAN: takes latent vectors, makes crops; takes crops, makes scores and codes.

The representation is the discriminator's last but one layer, linear as the last one (Goldsborough et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config.cytogan import NormedNetworkSettings
from gandl.models.networks.batch_norm import GroupedBatchNorm
from gandl.models.networks.convolution import convolve
from gandl.models.networks.cytogan.layers import SLOPE, bounded, doubled, initialise, scaled

MAPS = (32, 64, 128, 256)
"""Of the discriminator's convolutions; all but the first halve the sides. The generator has them the other way round."""
KERNEL = 5
HALVINGS = len(MAPS) - 1


class ConvolutionalGenerator(nn.Module):
    """A fully connected layer, then enlargement and convolution in turn, batches normalised, and a tanh.

    Layers before a normalisation have no bias, which it would take away.

    Parameters
    ----------
    maps : published numbers of maps, from the smallest side to the largest.
    """

    def __init__(self, settings: NormedNetworkSettings, channels: int, maps: Sequence[int] = MAPS[::-1]) -> None:
        super().__init__()
        maps = scaled(maps, settings.width)
        self.side, self.code_dim = settings.crop >> (len(maps) - 1), settings.code_dim
        self.from_code = nn.Linear(settings.code_dim, maps[0] * self.side**2, bias=False)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, KERNEL, padding=KERNEL // 2, bias=False) for before, after in pairwise(maps)
        )
        self.norms = nn.ModuleList(
            GroupedBatchNorm(count, settings.norm_group, settings.norm_momentum) for count in maps
        )
        self.to_image = nn.Conv2d(maps[-1], channels, KERNEL, padding=KERNEL // 2)
        initialise(self)

    def forward(self, latents: Tensor) -> Tensor:
        """(n, code_dim) -> crops (n, channels, y, x) between -1 and 1."""
        x = self.from_code(latents).reshape(len(latents), -1, self.side, self.side)
        x = F.leaky_relu(self.norms[0](x), SLOPE)
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            x = F.leaky_relu(norm(convolution(doubled(x))), SLOPE)
        return torch.tanh(self.to_image(x))


class ConvolutionalDiscriminator(nn.Module):
    """Four convolutions, the code, and a score.

    Parameters
    ----------
    biased : whether code and score have a bias; that of a critic, whose scores count by their differences alone, never learns.
    """

    def __init__(self, settings: NormedNetworkSettings, channels: int, biased: bool = True) -> None:
        super().__init__()
        maps = scaled(MAPS, settings.width)
        self.code_dim = settings.code_dim
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, KERNEL, stride=1 + (number > 0), padding=KERNEL // 2)
            for number, (before, after) in enumerate(pairwise([channels, *maps]))
        )
        self.to_code = nn.Linear(maps[-1] * (settings.crop >> HALVINGS) ** 2, settings.code_dim, bias=biased)
        self.to_score = nn.Linear(settings.code_dim, 1, bias=biased)
        initialise(self)

    def encode(self, images: Tensor) -> Tensor:
        """Images (n, channels, y, x) on the networks' scale -> codes (n, code_dim), each of its image alone."""
        return self._codes(bounded(images))

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, y, x), noisy or not -> scores (n,)."""
        score: Tensor = self.to_score(self._codes(images)).squeeze(1)
        return score

    def _codes(self, x: Tensor) -> Tensor:
        for layer in self.convolutions:
            assert isinstance(layer, nn.Conv2d)
            x = convolve(x, layer.weight, layer.bias, stride=layer.stride[0], padding=KERNEL // 2)
            x = F.leaky_relu(x, SLOPE)
        code: Tensor = self.to_code(x.flatten(1))
        return code

"""A convolutional autoencoder: takes images (n, channels, y, x) of about [-1, 1], makes a code each, and images of codes.

The paper's ConvAE: encoder and decoder of Wallace & Hariharan (2020) with the residual connections of the GAN's generator. The
encoder halves the sides by residual blocks, those of the discriminator, down to 4 x 4 and ends in one fully connected layer, the
code; the decoder is its mirror, of the blocks of the residual generator without styles and noise. There is no batch
normalisation (a code depends on its image alone): weights are equalised as those of the GAN (Karras et al. 2018, section 4.1), so
one learning rate serves both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from gandl.config import AutoencoderNetworkSettings, AutoencoderSettings
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.discriminator import Block as HalvingBlock
from gandl.models.networks.layers import GAIN, EqualConv2d, EqualLinear, Upsample, feature_maps, leaky_relu
from gandl.models.networks.trained import BETWEEN, PER_PASS, STOPS, TrainedModel, points_between, seeded

SMALLEST = 4
"""Side of the maps between convolutions and code."""


class DoublingBlock(nn.Module):
    """Residual block: enlargement, two 3x3 convolutions, and a 1x1 path around them (Karras et al. 2020, Fig. 7c)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualConv2d(inputs, outputs, 3)
        self.second = EqualConv2d(outputs, outputs, 3)
        self.around = EqualConv2d(inputs, outputs, 1, bias=False)
        self.upsample_within, self.upsample = Upsample(inputs), Upsample(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, y, x) -> (n, outputs, 2 y, 2 x); both branches carry sqrt(1/2), so the sum keeps the variance."""
        y = leaky_relu(self.first(self.upsample_within(x), GAIN))
        y = leaky_relu(self.second(y, GAIN * math.sqrt(0.5)))
        # A 1x1 convolution commutes with enlargement.
        return y + self.upsample(self.around(x, math.sqrt(0.5)))


class Autoencoder(nn.Module):
    """Encoder and decoder.

    Parameters
    ----------
    settings : shape of the networks; `crop` is the side of the images, `code_dim` the length of the code.
    channels : image channels, any number.
    """

    def __init__(self, settings: AutoencoderNetworkSettings, channels: int) -> None:
        super().__init__()
        sides = [2**power for power in range(int(math.log2(settings.crop)), 1, -1)]
        maps = [feature_maps(side, settings.channel_base, settings.channel_max) for side in sides]
        self.maps, self.code_dim = maps[-1], settings.code_dim
        self.from_image = EqualConv2d(channels, maps[0], 1)
        self.down = nn.ModuleList(HalvingBlock(here, below) for here, below in pairwise(maps))
        self.to_code = EqualLinear(maps[-1] * SMALLEST**2, settings.code_dim)
        self.from_code = EqualLinear(settings.code_dim, maps[-1] * SMALLEST**2)
        self.up = nn.ModuleList(DoublingBlock(below, here) for here, below in pairwise(maps))
        self.to_image = EqualConv2d(maps[0], channels, 1)

    def encode(self, images: Tensor) -> Tensor:
        """(n, channels, y, x) -> codes (n, code_dim), each of its image alone."""
        x = leaky_relu(self.from_image(images, GAIN))
        for block in self.down:
            x = block(x)
        code: Tensor = self.to_code(x.flatten(1))
        return code

    def decode(self, codes: Tensor) -> Tensor:
        """(n, code_dim) -> images (n, channels, y, x)."""
        x = leaky_relu(self.from_code(codes, GAIN)).reshape(-1, self.maps, SMALLEST, SMALLEST)
        for block in reversed(self.up):
            x = block(x)
        image: Tensor = self.to_image(x)
        return image

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, y, x) -> their reconstructions."""
        return self.decode(self.encode(images))


@dataclass(frozen=True, kw_only=True)
class TrainedAutoencoder(TrainedModel[AutoencoderSettings]):
    """An autoencoder and its moving average."""

    objective: ClassVar[str] = "autoencoder"
    settings_type = AutoencoderSettings

    autoencoder_ema: Autoencoder
    autoencoder_raw: Autoencoder

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {"autoencoder_ema": self.autoencoder_ema, "autoencoder_raw": self.autoencoder_raw}

    @classmethod
    def new(
        cls,
        settings: AutoencoderSettings,
        scale: IntensityScale,
        seed: int,
        pixel_size_um: float | None = None,
        classes: Sequence[str] = (),
    ) -> Self:
        averaged, raw = (new_autoencoder(settings, len(scale.channels), seed) for _ in range(2))
        return cls(
            autoencoder_ema=averaged,
            autoencoder_raw=raw,
            scale=scale,
            settings=settings,
            seed=seed,
            pixel_size_um=pixel_size_um,
        )

    @torch.no_grad()
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """Reconstructions of the real crops; nothing is drawn."""
        return torch.cat([self.autoencoder_ema(part) for part in self._here(real).split(PER_PASS)])

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """Images of codes on the straight lines between those of the first real crops."""
        codes = points_between(self.autoencoder_ema.encode(self._here(real[:STOPS])), BETWEEN)
        return self.autoencoder_ema.decode(codes)

    def _here(self, images: Tensor) -> Tensor:
        return images.to(self.autoencoder_ema.to_code.weight)


def new_autoencoder(settings: AutoencoderSettings, channels: int, seed: int) -> Autoencoder:
    """An untrained autoencoder, in channels-last memory; the seed decides every weight."""
    with seeded(seed):
        network = Autoencoder(settings.network, channels)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

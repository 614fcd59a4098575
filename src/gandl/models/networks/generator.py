"""The generator: takes latents drawn from a seeded generator, makes images (n, channels, y, x) of about [-1, 1].

Mapping network (z -> w), then a synthesis network of modulated convolutions from 4 x 4 upwards. Two kinds: `skip` sums an
image from every resolution (Karras et al. 2020, Fig. 7b); `residual` sums feature maps and makes the image once, at the top.
All randomness is in `Latents`; a forward pass is a pure function of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from gandl.config import GeneratorKind, NetworkSettings
from gandl.models.networks.layers import (
    EPSILON,
    GAIN,
    EqualConv2d,
    EqualLinear,
    ModulatedConv2d,
    StyledConv,
    Upsample,
    feature_maps,
    leaky_relu,
)


@dataclass(frozen=True)
class Latents:
    """What n generated images are made from.

    Attributes
    ----------
    z : (n, 2, style_dim) normal; layers below `cut` follow the first, the others the second.
    cut : (n,) first layer of the second style; the number of layers where an image has one style.
    noise : per styled convolution, (n, 1, r, r) normal.
    """

    z: Tensor
    cut: Tensor
    noise: list[Tensor]

    def take(self, index: Tensor) -> Latents:
        """The latents of some of the images, by their numbers (m,)."""
        return Latents(self.z[index], self.cut[index], [noise[index] for noise in self.noise])

    def to(self, dtype: torch.dtype) -> Latents:
        """The same latents as floats of another type."""
        return Latents(self.z.to(dtype), self.cut, [noise.to(dtype) for noise in self.noise])


class Mapping(nn.Module):
    """Fully connected layers from z, scaled to unit second moment, to w; they learn 100 times slower than the rest."""

    def __init__(self, style_dim: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EqualLinear(style_dim, style_dim, rate=0.01) for _ in range(layers))

    def forward(self, z: Tensor) -> Tensor:
        """(..., style_dim) -> (..., style_dim)."""
        w = z * torch.rsqrt(z.square().mean(dim=-1, keepdim=True) + EPSILON)
        for layer in self.layers:
            w = leaky_relu(layer(w, GAIN))
        return w


class ToImage(nn.Module):
    """Modulated 1x1 convolution, without demodulation, from feature maps to image channels."""

    def __init__(self, inputs: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(inputs, channels, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(n, inputs, y, x), (n, style_dim) -> (n, channels, y, x)."""
        image, _ = self.convolution(x, w)
        return image + self.bias[:, None, None]


class Block(nn.Module):
    """One resolution above 4: an upsampling and a plain styled convolution, and, if residual, a 1x1 path around both."""

    def __init__(self, inputs: int, outputs: int, style_dim: int, *, residual: bool) -> None:
        super().__init__()
        self.first = StyledConv(inputs, outputs, style_dim, up=True)
        self.second = StyledConv(outputs, outputs, style_dim)
        self.around = EqualConv2d(inputs, outputs, 1, bias=False) if residual else None
        self.upsample = Upsample(outputs) if residual else None

    def forward(self, x: Tensor, w: tuple[Tensor, Tensor], noise: tuple[Tensor, Tensor]) -> Tensor:
        """(n, inputs, y, x) -> (n, outputs, 2 y, 2 x)."""
        y = self.first(x, w[0], noise[0])
        if self.around is None or self.upsample is None:
            return self.second(y, w[1], noise[1])
        # Both branches carry sqrt(1/2), so that the sum keeps the variance; a 1x1 convolution commutes with upsampling.
        y = self.second(y, w[1], noise[1], gain=1.0)
        return y + self.upsample(self.around(x, math.sqrt(0.5)))


class Generator(nn.Module):
    """StyleGAN2's generator.

    Parameters
    ----------
    settings : shape of the networks; `crop` is the side of the images.
    channels : image channels, any number.
    """

    def __init__(self, settings: NetworkSettings, channels: int) -> None:
        super().__init__()
        self.style_dim = settings.style_dim
        self.resolutions = [2**power for power in range(2, int(math.log2(settings.crop)) + 1)]
        maps = [feature_maps(r, settings.channel_base, settings.channel_max) for r in self.resolutions]
        skip = settings.generator is GeneratorKind.SKIP
        self.mapping = Mapping(settings.style_dim, settings.mapping_layers)
        self.constant = nn.Parameter(torch.randn(1, maps[0], 4, 4))
        self.start = StyledConv(maps[0], maps[0], settings.style_dim)
        self.blocks = nn.ModuleList(
            Block(below, here, settings.style_dim, residual=not skip) for below, here in pairwise(maps)
        )
        self.to_images = nn.ModuleList(
            ToImage(count, channels, settings.style_dim) for count in (maps if skip else maps[-1:])
        )
        self.upsample = Upsample(channels) if skip else None

    @property
    def layers(self) -> int:
        """Styled layers: the convolutions, and the last image layer."""
        return 2 * len(self.resolutions)

    def draw(self, n: int, rng: torch.Generator, mixing: float = 0.0) -> Latents:
        """Draw the latents of n images; a share `mixing` of them changes style at a random layer."""
        z = torch.randn(n, 2, self.style_dim, generator=rng, device=rng.device)
        cut = torch.randint(1, self.layers, (n,), generator=rng, device=rng.device)
        mixed = torch.rand(n, generator=rng, device=rng.device) < mixing
        sides = [4, *(side for side in self.resolutions[1:] for _ in range(2))]
        noise = [torch.randn(n, 1, side, side, generator=rng, device=rng.device) for side in sides]
        return Latents(z, torch.where(mixed, cut, self.layers), noise)

    def forward(self, latents: Latents) -> Tensor:
        """Images (n, channels, crop, crop)."""
        return self.synthesize(self.styles(latents), latents.noise)

    def styles(self, latents: Latents) -> Tensor:
        """Style of every layer: (n, layers, style_dim)."""
        w = self.mapping(latents.z)
        layer = torch.arange(self.layers, device=w.device)
        return torch.where((layer < latents.cut[:, None])[:, :, None], w[:, None, 0], w[:, None, 1])

    def synthesize(self, styles: Tensor, noise: list[Tensor]) -> Tensor:
        """Images of styles (n, layers, style_dim) and noise; an image layer shares the style of the convolution after it."""
        w = styles.unbind(dim=1)
        x = self.start(self.constant.expand(len(styles), -1, -1, -1), w[0], noise[0])
        image = self.to_images[0](x, w[1]) if self.upsample is not None else None
        for i, block in enumerate(self.blocks):
            x = block(x, (w[2 * i + 1], w[2 * i + 2]), (noise[2 * i + 1], noise[2 * i + 2]))
            if self.upsample is not None and image is not None:
                image = self.upsample(image) + self.to_images[i + 1](x, w[2 * i + 3])
        return self.to_images[-1](x, w[-1]) if image is None else image

"""The plain variant that training is measured against: StyleGAN2 as one writes it first, in NCHW and eager mode, in float32.

The same networks (its parameters bear the names of ours, so a state fits both), schedule, optimisers and averages as
`gandl.models`. Modulation scales activations around one ordinary convolution, as published training code does; resampling is
a depthwise convolution; biases, noise, gains and leaky ReLUs are a line each; Adam and the averages are PyTorch's defaults.
Nothing is slowed down on purpose.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config import NetworkSettings, TrainingSettings


def lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


class Linear(nn.Module):
    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale, self.rate = rate / math.sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias * self.rate)


class Fir(nn.Module):
    """[1, 3, 3, 1] along both sides, as a depthwise convolution."""

    kernel: Tensor

    def __init__(self, channels: int, gain: float = 1.0) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("kernel", (torch.outer(taps, taps) * gain).repeat(channels, 1, 1, 1), persistent=False)
        self.channels = channels

    def forward(self, x: Tensor, padding: int, stride: int = 1) -> Tensor:
        return F.conv2d(x, self.kernel, padding=padding, stride=stride, groups=self.channels)


class Conv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, down: bool = False, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale, self.kernel = 1 / math.sqrt(inputs * kernel**2), kernel
        self.blur = Fir(inputs) if down else None

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale
        if self.blur is None:
            return F.conv2d(x, weight, self.bias, padding=self.kernel // 2)
        if self.kernel == 1:
            return F.conv2d(self.blur(x, padding=1, stride=2), weight, self.bias)
        return F.conv2d(self.blur(x, padding=2), weight, self.bias, stride=2)


class Modulated(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, style: int, up: bool = False, demodulate: bool = True):
        super().__init__()
        self.affine = Linear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale, self.padding, self.demodulate = 1 / math.sqrt(inputs * kernel**2), kernel // 2, demodulate
        self.blur = Fir(outputs, gain=4.0) if up else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style, weight = self.affine(w), self.weight * self.scale
        x = x * style[:, :, None, None]
        if self.blur is None:
            x = F.conv2d(x, weight, padding=self.padding)
        else:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1)
        if self.demodulate:
            energy = (style.square() @ weight.square().sum(dim=(2, 3)).T) + 1e-8
            x = x * energy.rsqrt()[:, :, None, None]
        return x


class Styled(nn.Module):
    def __init__(self, inputs: int, outputs: int, style: int, up: bool = False) -> None:
        super().__init__()
        self.convolution = Modulated(inputs, outputs, 3, style, up)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
        x = self.convolution(x, w) + noise * self.strength
        return lrelu(x + self.bias[:, None, None])


class Mapping(nn.Module):
    def __init__(self, style: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(style, style, rate=0.01) for _ in range(layers))

    def forward(self, z: Tensor) -> Tensor:
        w = z * torch.rsqrt(z.square().mean(dim=-1, keepdim=True) + 1e-8)
        for layer in self.layers:
            w = lrelu(layer(w))
        return w


class ToImage(nn.Module):
    def __init__(self, inputs: int, channels: int, style: int) -> None:
        super().__init__()
        self.convolution = Modulated(inputs, channels, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.convolution(x, w) + self.bias[:, None, None]


class GeneratorBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, style: int) -> None:
        super().__init__()
        self.first, self.second = Styled(inputs, outputs, style, up=True), Styled(outputs, outputs, style)


class PlainGenerator(nn.Module):
    """The skip generator; `noise` and the two styles of an image are given, as to ours."""

    def __init__(self, settings: NetworkSettings, channels: int) -> None:
        super().__init__()
        self.resolutions = [2**power for power in range(2, int(math.log2(settings.crop)) + 1)]
        maps = [max(1, min(settings.channel_base // side, settings.channel_max)) for side in self.resolutions]
        style = self.style_dim = settings.style_dim
        self.mapping = Mapping(style, settings.mapping_layers)
        self.constant = nn.Parameter(torch.randn(1, maps[0], 4, 4))
        self.start = Styled(maps[0], maps[0], style)
        self.blocks = nn.ModuleList(GeneratorBlock(below, here, style) for below, here in pairwise(maps))
        self.to_images = nn.ModuleList(ToImage(count, channels, style) for count in maps)
        self.upsample = Fir(channels, gain=4.0)
        self.layers = 2 * len(self.resolutions)

    def draw(self, n: int, rng: torch.Generator, mixing: float) -> tuple[Tensor, Tensor, list[Tensor]]:
        device = rng.device
        z = torch.randn(n, 2, self.style_dim, generator=rng, device=device)
        cut = torch.randint(1, self.layers, (n,), generator=rng, device=device)
        cut = torch.where(torch.rand(n, generator=rng, device=device) < mixing, cut, self.layers)
        sides = [4, *(side for side in self.resolutions[1:] for _ in range(2))]
        return z, cut, [torch.randn(n, 1, side, side, generator=rng, device=device) for side in sides]

    def styles(self, z: Tensor, cut: Tensor) -> Tensor:
        w = self.mapping(z)
        first = (torch.arange(self.layers, device=w.device) < cut[:, None])[:, :, None]
        return torch.where(first, w[:, None, 0], w[:, None, 1])

    def synthesize(self, styles: Tensor, noise: list[Tensor]) -> Tensor:
        w = styles.unbind(dim=1)
        x = self.start(self.constant.repeat(len(styles), 1, 1, 1), w[0], noise[0])
        image = self.to_images[0](x, w[1])
        for i, block in enumerate(self.blocks):
            x = block.first(x, w[2 * i + 1], noise[2 * i + 1])
            x = block.second(x, w[2 * i + 2], noise[2 * i + 2])
            n, c, height, width = image.shape
            apart = image.new_zeros(n, c, height, 2, width, 2)
            apart[:, :, :, 0, :, 0] = image
            image = self.upsample(F.pad(apart.reshape(n, c, 2 * height, 2 * width), (2, 1, 2, 1)), padding=0)
            image = image + self.to_images[i + 1](x, w[2 * i + 3])
        return image


class DiscriminatorBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = Conv(inputs, inputs, 3)
        self.second = Conv(inputs, outputs, 3, down=True)
        self.around = Conv(inputs, outputs, 1, down=True, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return (lrelu(self.second(lrelu(self.first(x)))) + self.around(x)) * math.sqrt(0.5)


class Deviation(nn.Module):
    mean: Tensor

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        groups = x.reshape(self.group, n // self.group, c, height, width)
        deviation = (groups.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        return torch.cat([x, deviation.repeat(self.group)[:, None, None, None].expand(n, 1, height, width)], dim=1)


class PlainDiscriminator(nn.Module):
    def __init__(self, settings: NetworkSettings, channels: int) -> None:
        super().__init__()
        sides = [2**power for power in range(int(math.log2(settings.crop)), 1, -1)]
        maps = [max(1, min(settings.channel_base // side, settings.channel_max)) for side in sides]
        self.from_image = Conv(channels, maps[0], 1)
        self.blocks = nn.ModuleList(DiscriminatorBlock(here, below) for here, below in pairwise(maps))
        self.deviation = Deviation(settings.minibatch_std_group)
        self.last = Conv(maps[-1] + 1, maps[-1], 3)
        self.feature = Linear(maps[-1] * 16, settings.feature_dim)
        self.logit = Linear(settings.feature_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = lrelu(self.from_image(images))
        for block in self.blocks:
            x = block(x)
        x = lrelu(self.last(self.deviation(x)))
        return self.logit(lrelu(self.feature(x.flatten(1)))).squeeze(1)


class PlainTraining:
    """Steps of StyleGAN2's schedule on images that are given; no loader, no curve, no check."""

    def __init__(self, settings: TrainingSettings, channels: int, seed: int, device: torch.device) -> None:
        torch.manual_seed(seed)
        self.settings, self.step_number = settings, 0
        self.generator = PlainGenerator(settings.network, channels).to(device)
        self.discriminator = PlainDiscriminator(settings.network, channels).to(device)
        self.averages = [copy.deepcopy(network) for network in (self.generator, self.discriminator)]
        self.rng = torch.Generator(device).manual_seed(seed)
        self.mean_path_length = torch.zeros((), device=device)
        self.optimizers = [
            self._adam(self.generator, settings.path_length_interval),
            self._adam(self.discriminator, settings.r1_interval),
        ]

    def _adam(self, network: nn.Module, interval: int) -> torch.optim.Adam:
        c = interval / (interval + 1)
        rate, betas = self.settings.learning_rate * c, (0.0, self.settings.beta2**c)
        return torch.optim.Adam(network.parameters(), lr=rate, betas=betas)

    def _fakes(self, n: int) -> Tensor:
        z, cut, noise = self.generator.draw(n, self.rng, self.settings.style_mixing)
        return self.generator.synthesize(self.generator.styles(z, cut), noise)

    def step(self, reals: Tensor) -> None:
        settings, n = self.settings, len(reals)
        generator, discriminator = self.generator, self.discriminator
        optimizer_g, optimizer_d = self.optimizers

        discriminator.requires_grad_(False)
        self._descend(optimizer_g, F.softplus(-discriminator(self._fakes(n))).mean())
        if self.step_number % settings.path_length_interval == 0:
            z, cut, noise = generator.draw(n // 2, self.rng, settings.style_mixing)
            styles = generator.styles(z, cut)
            images = generator.synthesize(styles, noise)
            direction = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
            (gradient,) = torch.autograd.grad((images * direction).sum(), styles, create_graph=True)
            lengths = gradient.square().sum(dim=2).mean(dim=1).sqrt()
            mean = lengths.detach().mean().to(self.mean_path_length.dtype)
            self.mean_path_length = self.mean_path_length.lerp(mean, settings.path_length_decay)
            penalty = (lengths - self.mean_path_length).square().mean()
            weight = settings.path_length_weight * settings.path_length_interval
            self._descend(optimizer_g, penalty * weight)
        discriminator.requires_grad_(True)

        with torch.no_grad():
            fakes = self._fakes(n)
        self._descend(optimizer_d, F.softplus(-discriminator(reals)).mean() + F.softplus(discriminator(fakes)).mean())
        if self.step_number % settings.r1_interval == 0:
            inputs = reals.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(discriminator(inputs).sum(), inputs, create_graph=True)
            penalty = gradient.square().sum(dim=(1, 2, 3)).mean()
            self._descend(optimizer_d, penalty * (settings.r1_gamma / 2 * settings.r1_interval))
        decay = 0.5 ** (n / settings.ema_half_life)
        with torch.no_grad():
            for network, average in zip((generator, discriminator), self.averages, strict=True):
                for theirs, ours in zip(network.parameters(), average.parameters(), strict=True):
                    ours.lerp_(theirs, 1 - decay)
        self.step_number += 1

    @staticmethod
    def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

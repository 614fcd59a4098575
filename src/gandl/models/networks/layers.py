"""Layers of StyleGAN2 (Karras et al. 2020): equalised, modulated and resampling convolutions.

Takes activations (n, channels, y, x) and styles (n, style_dim); every layer is made of ordinary PyTorch operations.
Gains are folded into the small tensors (weights, biases, styles), never spent as a pass over the activations: this is exact,
since leaky ReLU is positively homogeneous (gain * lrelu(a) = lrelu(gain * a) for gain > 0).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.models.compute.device import wide
from gandl.models.networks.convolution import convolve, convolve_transposed, halve

SLOPE = 0.2
"""Slope of the leaky ReLU below zero."""
GAIN = math.sqrt(2)
"""What a leaky ReLU is multiplied by, so that it keeps the variance of its input (about)."""
EPSILON = 1e-8
TAPS = (1.0, 3.0, 3.0, 1.0)
"""The low-pass filter of every resampling, along y and along x; outside its image, a map counts as zero."""


def leaky_relu(x: Tensor) -> Tensor:
    """max(x, 0.2 x) in the place of x, without StyleGAN2's gain: callers fold it into what makes x."""
    return F.leaky_relu_(x, SLOPE)


def exactly(x: Tensor) -> torch.autocast:
    """No mixed precision in the block, on the device of x: for what rounding to bfloat16 would spoil."""
    return torch.autocast(x.device.type, enabled=False)


class EqualLinear(nn.Module):
    """Fully connected layer with equalised learning rate (Karras et al. 2018, section 4.1).

    The weight is stored as N(0, 1) / rate and multiplied by rate / sqrt(fan_in) at run time, so Adam moves every layer at one
    relative speed, times `rate`. Never in mixed precision: styles and logits depend on it, and it costs little.

    Parameters
    ----------
    rate : learning-rate multiplier (0.01 in the mapping network).
    bias : initial value of the bias.
    """

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.weight_scale = rate / math.sqrt(inputs)
        self.bias_scale = rate

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """(n, inputs) -> gain * (n, outputs)."""
        with exactly(x):
            return F.linear(wide(x), self.weight * (self.weight_scale * gain), self.bias * (self.bias_scale * gain))


class EqualConv2d(nn.Module):
    """Square convolution with equalised learning rate; `down` first blurs, then takes every second pixel."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, down: bool = False, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.kernel = kernel
        self.blur = Blur(inputs) if down else None

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """(n, inputs, y, x) -> gain * (n, outputs, y, x), or half the sides with `down`."""
        weight = self.weight * (self.scale * gain)
        bias = None if self.bias is None else self.bias * gain
        if self.blur is None:
            return convolve(x, weight, bias, padding=self.kernel // 2)
        if self.kernel == 1:  # blurring only where a pixel is kept
            return convolve(self.blur(x, padding=1, stride=2), weight, bias)
        return convolve(self.blur(x, padding=2), weight, bias, stride=2)


class ModulatedConv2d(nn.Module):
    """Convolution whose input channels each image's style scales (Karras et al. 2020, section 2.2, equations 1 and 3).

    The paper scales the weights per image: w'_oi = s_i w_oi, w''_oi = w'_oi / sqrt(sum_i w'_oi^2 + 1e-8). Scaling the input by
    s_i and the output by the same root is equal and needs one ordinary convolution for the whole batch.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, style_dim: int, *, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.affine = EqualLinear(style_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.scale = 1 / math.sqrt(inputs * kernel**2)
        self.padding = kernel // 2
        self.blur = Blur(outputs) if up else None
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor | None]:
        """Convolve.

        Returns
        -------
        (n, outputs, y, x), or twice the sides with `up`; and the demodulation (n, outputs), which the caller multiplies in
        together with what else it does to the output (None without demodulation).
        """
        style = self.affine(w)
        weight = self.weight * self.scale
        x = x * style.to(x.dtype)[:, :, None, None]
        if self.blur is None:
            y = convolve(x, weight, padding=self.padding)
        else:
            y = self.blur(convolve_transposed(x, weight.transpose(0, 1), stride=2), padding=1, gain=4.0)
        if not self.demodulate:
            return y, None
        with exactly(x):
            energy = style.square() @ weight.square().sum(dim=(2, 3)).T
        return y, torch.rsqrt(energy + EPSILON)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, then per-pixel noise of a learned strength, bias and leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, style_dim: int, *, up: bool = False) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(inputs, outputs, 3, style_dim, up=up)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor, w: Tensor, noise: Tensor, gain: float = GAIN) -> Tensor:
        """(n, inputs, y, x), (n, style_dim), (n, 1, y', x') -> (n, outputs, y', x')."""
        y, demodulation = self.convolution(x, w)
        assert demodulation is not None
        y = y * (demodulation * gain).to(y.dtype)[:, :, None, None]
        # Noise and bias are added up first, in the maps' own layout: adding a broadcast in bfloat16 costs ten times a plain sum.
        grain = (noise * (self.strength * gain)).to(y.dtype).movedim(1, 3) + (self.bias * gain).to(y.dtype)
        return leaky_relu(y.add_(grain.movedim(3, 1)))


class Blur(nn.Module):
    """Low-pass filter [1, 3, 3, 1] along y and x, as one depthwise convolution; the kernel sums to 1.

    With a stride, in bfloat16 on a CPU, its derivative is written out (`halve`): oneDNN's takes 40 times as long.
    """

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = torch.tensor(TAPS) / sum(TAPS)
        kernel = torch.outer(taps, taps).expand(channels, 1, 4, 4).contiguous()
        self.register_buffer("kernel", kernel, persistent=False)
        self.channels = channels

    def forward(self, x: Tensor, *, padding: int, stride: int = 1, gain: float = 1.0) -> Tensor:
        """(n, c, y, x) -> (n, c, (y + 2 padding - 4) // stride + 1, ...); zeros lie around the image."""
        if torch.compiler.is_compiling():
            return _shifted_sums(x, padding, stride, gain)
        kernel = self.kernel if gain == 1.0 else self.kernel * gain
        if stride == 2 and padding == 1 and x.device.type == "cpu" and x.dtype is torch.bfloat16:
            with exactly(x):
                return halve(x, kernel.to(x.dtype))
        return convolve(x, kernel, padding=padding, stride=stride, groups=self.channels)


class Upsample(nn.Module):
    """Twice the sides: zeros between the pixels, then `Blur` of gain 4 (that is bilinear, away from the border)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blur = Blur(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, y, x) -> (n, c, 2 y, 2 x), in the precision of x: an image that is summed up keeps its digits."""
        if torch.compiler.is_compiling():
            return _between(_between(x, 2), 3)
        kernel = (self.blur.kernel * 4.0).to(x.dtype)
        with exactly(x):
            return convolve_transposed(x, kernel, stride=2, padding=1, groups=self.blur.channels)


def _shifted_sums(x: Tensor, padding: int, stride: int, gain: float) -> Tensor:
    """`Blur` as sums of shifted maps, which a compiler fuses with neighbouring operations (a convolution it cannot)."""
    x = F.pad(x, (padding,) * 4)
    for dim in (2, 3):
        length = stride * ((x.shape[dim] - len(TAPS)) // stride) + 1
        terms = []
        for k, tap in enumerate(TAPS):
            window = slice(k, k + length, stride)
            shifted = x[:, :, window] if dim == 2 else x[..., window]
            terms.append(shifted * (tap * math.sqrt(gain) / sum(TAPS)))
        x = terms[0] + terms[1] + terms[2] + terms[3]
    return x


def _between(x: Tensor, dim: int) -> Tensor:
    """`Upsample` along one side (2 or 3), also as sums: every pixel becomes two, each a quarter of the way to a neighbour."""
    ends = (0, 0, 1, 1) if dim == 2 else (1, 1)
    before, after = (F.pad(x, ends).narrow(dim, start, x.shape[dim]) for start in (0, 2))
    pairs = torch.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], dim=dim + 1)
    return pairs.flatten(dim, dim + 1)


class MinibatchDeviation(nn.Module):
    """Appends one channel: how much the images of a group differ (Karras et al. 2018, section 3).

    Image i is grouped with i + n/g, i + 2 n/g ... for groups of g. `mean` is the channel's mean value on real images, moved by
    the trainer: it stands in where an image is described on its own (`constant`), so that a description never depends on the
    batch.
    """

    mean: Tensor

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, c, y, x) -> (n, c + 1, y, x), and the mean over groups of what was appended.

        Raises
        ------
        ValueError : the images cannot be split into groups.
        """
        n, _, height, width = x.shape
        size = min(self.group, n)
        if n % size:
            raise ValueError(f"a batch of {n} images cannot be split into groups of {size} (minibatch_std_group)")
        variance = x.reshape(size, n // size, -1).var(dim=0, correction=0)
        deviation = torch.sqrt(variance + EPSILON).mean(dim=1)
        channel = deviation.repeat(size)[:, None, None, None].expand(n, 1, height, width)
        return torch.cat([x, channel], dim=1), deviation.mean()

    def constant(self, x: Tensor) -> Tensor:
        """(n, c, y, x) -> (n, c + 1, y, x) with `mean` as the last channel of every image."""
        return torch.cat([x, self.mean.expand(x.shape[0], 1, *x.shape[2:])], dim=1)


def feature_maps(resolution: int, channel_base: int, channel_max: int) -> int:
    """Number of feature maps at a resolution: channel_base / resolution, at most channel_max, at least 1."""
    return max(1, min(channel_base // resolution, channel_max))

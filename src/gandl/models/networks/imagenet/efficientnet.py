"""EfficientNet-Lite0 (Tan and Le 2019, arXiv:1905.11946, Table 1; without squeeze-and-excitation, with ReLU6, for small devices).

Takes images as the network was trained on them, makes feature maps. Parameters bear the names of the published weights file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Stage(NamedTuple):
    """A row of the paper's table: `blocks` blocks of a kernel, the first one with a stride; width times `expansion` within."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STEM, HEAD, CLASSES = 32, 1280, 1000
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
EPSILON = 1e-3
"""Of the batch normalisations, as in TensorFlow, where the weights were trained."""


class EfficientNetLite0(nn.Module):
    """The network, in evaluation or in training mode like any other.

    Images (n, 3, h, w) with values (255 x - 127) / 128 of x in [0, 1]: with them the first batch normalisation finds about the
    variance that it remembers, with ImageNet's usual mean and deviation four times as much.
    """

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, STEM, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(STEM, EPSILON)
        self._blocks = nn.ModuleList(_blocks())
        self._conv_head = nn.Conv2d(STAGES[-1].width, HEAD, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(HEAD, EPSILON)
        self._fc = nn.Linear(HEAD, CLASSES)
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d):
                linear = name.endswith("_project_conv")
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear" if linear else "relu")

    def maps(self, images: Tensor, count: int = 5) -> list[Tensor]:
        """The last map of each size: at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side, with 16, 24, 40, 112 and 1280 channels; the
        first `count` of them, and nothing behind these is computed."""
        maps: list[Tensor] = []
        current = F.relu6(self._bn0(self._conv_stem(padded(images, 3, 2))))
        for block in self._blocks:
            if isinstance(block, _Block) and block.stride > 1:
                maps.append(current)
                if len(maps) == count:
                    return maps
            current = block(current)
        return [*maps, F.relu6(self._bn1(self._conv_head(current)))]

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 1000) of ImageNet's classes."""
        logits: Tensor = self._fc(self.maps(images)[-1].mean(dim=(2, 3)))
        return logits

    def fold(self) -> None:
        """Put every batch normalisation, as it is in evaluation mode, into the convolution before it: the same network but for
        rounding, in fewer passes over its maps. It cannot be trained, nor take published weights, any more."""
        self.eval()
        _fold(self, "_conv_stem", "_bn0")
        _fold(self, "_conv_head", "_bn1")
        for block in self._blocks:
            assert isinstance(block, _Block)
            for conv, norm in (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")):
                if hasattr(block, conv):
                    _fold(block, conv, norm)


class _Block(nn.Module):
    """Expansion, depthwise convolution, linear projection; added to its input where both have one shape."""

    def __init__(self, before: int, stage: Stage, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride, self.expands = stage.kernel, stride, stage.expansion > 1
        self.adds = stride == 1 and before == stage.width
        inside = before * stage.expansion
        if self.expands:
            self._expand_conv = nn.Conv2d(before, inside, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inside, EPSILON)
        self._depthwise_conv = nn.Conv2d(inside, inside, stage.kernel, stride, groups=inside, bias=False)
        self._bn1 = nn.BatchNorm2d(inside, EPSILON)
        self._project_conv = nn.Conv2d(inside, stage.width, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(stage.width, EPSILON)

    def forward(self, before: Tensor) -> Tensor:
        inside = F.relu6(self._bn0(self._expand_conv(before)), inplace=True) if self.expands else before
        inside = F.relu6(self._bn1(self._depthwise(inside)), inplace=True)
        after: Tensor = self._bn2(self._project_conv(inside))
        return after + before if self.adds else after

    def _depthwise(self, inside: Tensor) -> Tensor:
        """The convolution; a symmetric padding is its own affair, which spares a copy of the maps."""
        conv = self._depthwise_conv
        if self.stride > 1:
            return conv(padded(inside, self.kernel, self.stride))
        return F.conv2d(inside, conv.weight, conv.bias, padding=self.kernel // 2, groups=conv.groups)


def _fold(module: nn.Module, conv: str, norm: str) -> None:
    setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
    setattr(module, norm, nn.Identity())


def _blocks() -> Iterator[_Block]:
    before = STEM
    for stage in STAGES:
        for i in range(stage.blocks):
            yield _Block(before, stage, stage.stride if i == 0 else 1)
            before = stage.width


def padded(images: Tensor, kernel: int, stride: int) -> Tensor:
    """Zeros around images so that a convolution makes ceil(side / stride) of each side; an odd one goes to the right and below.

    That is TensorFlow's `SAME`, with which the weights were trained; for a stride of 2 it is not symmetric.
    """
    needed = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in images.shape[2:]]
    top, left = (total // 2 for total in needed)
    return F.pad(images, (left, needed[1] - left, top, needed[0] - top))

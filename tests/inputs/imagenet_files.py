"""Weights files as they are published, with random numbers, and the networks they are for, written once more from their papers.

Everything is in terms of the files' own names, so that neither our networks nor MONAI's nor the translation of names is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from gandl.config import ImageNetNetwork
from gandl.models.networks.imagenet.weights import packaged

Tensors = Mapping[str, Tensor]
DENSE_BLOCKS, GROWTH, BOTTLENECK, DENSE_STEM = (6, 12, 24, 16), 32, 128, 64
RESIDUAL_GROUPS = ((3, 64), (4, 128), (6, 256), (3, 512))


class _Drawn:
    """A file in the making; batch normalisations remember means and variances near 0 and 1, convolutions keep the variance."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.tensors: dict[str, Tensor] = {}

    def convolution(self, name: str, out: int, into: int, kernel: int) -> None:
        spread = (2 / (into * kernel**2)) ** 0.5
        self.tensors[f"{name}.weight"] = torch.randn(out, into, kernel, kernel, generator=self.generator) * spread

    def normalisation(self, name: str, width: int) -> None:
        for part, middle, spread in (
            ("weight", 0.8, 0.2),
            ("bias", 0.0, 0.2),
            ("running_mean", 0.0, 0.2),
            ("running_var", 0.8, 0.4),
        ):
            drawn = torch.rand(width, generator=self.generator)
            self.tensors[f"{name}.{part}"] = middle + spread * (drawn - (0.5 if middle == 0 else 0))

    def linear(self, name: str, out: int, into: int) -> None:
        self.tensors[f"{name}.weight"] = torch.randn(out, into, generator=self.generator) / into**0.5
        self.tensors[f"{name}.bias"] = torch.randn(out, generator=self.generator)


def other_lite0_file(path: Path) -> Path:
    """Weights of EfficientNet-Lite0 that are not the published ones: its first convolution is weaker."""
    tensors = torch.load(packaged(ImageNetNetwork.EFFICIENTNET_LITE0), weights_only=True)
    torch.save({**tensors, "_conv_stem.weight": tensors["_conv_stem.weight"] * 0.9}, path)
    return path


def densenet121_file(seed: int = 0, dot: str = ".") -> dict[str, Tensor]:
    """As `densenet121-a639ec97.pth` names its tensors: `denselayer1.norm.1.weight`; with `dot=""` as torchvision does today."""
    drawn = _Drawn(seed)
    drawn.convolution("features.conv0", DENSE_STEM, 3, 7)
    drawn.normalisation("features.norm0", DENSE_STEM)
    width = DENSE_STEM
    for block, layers in enumerate(DENSE_BLOCKS, 1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            drawn.normalisation(f"{name}.norm{dot}1", width)
            drawn.convolution(f"{name}.conv{dot}1", BOTTLENECK, width, 1)
            drawn.normalisation(f"{name}.norm{dot}2", BOTTLENECK)
            drawn.convolution(f"{name}.conv{dot}2", GROWTH, BOTTLENECK, 3)
            width += GROWTH
        if block < len(DENSE_BLOCKS):
            drawn.normalisation(f"features.transition{block}.norm", width)
            drawn.convolution(f"features.transition{block}.conv", width // 2, width, 1)
            width //= 2
    drawn.normalisation("features.norm5", width)
    drawn.linear("classifier", 1000, width)
    return drawn.tensors


def densenet121(file: Tensors, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """Maps after the stem and after every block, and logits, of normalised images (Huang et al. 2017, section 3, table 1)."""
    file = {name: tensor.double() for name, tensor in file.items()}

    def activated(x: Tensor, name: str) -> Tensor:
        return _normalised(file, x, name).relu()

    x = activated(_convolved(file, images.double(), "features.conv0", 2, 3), "features.norm0")
    maps = [x]
    x = F.max_pool2d(x, 3, 2, 1)
    for block, layers in enumerate(DENSE_BLOCKS, 1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            inside = _convolved(file, activated(x, f"{name}.norm.1"), f"{name}.conv.1")
            grown = _convolved(file, activated(inside, f"{name}.norm.2"), f"{name}.conv.2", 1, 1)
            x = torch.cat([x, grown], dim=1)
        maps.append(x)
        if block < len(DENSE_BLOCKS):
            name = f"features.transition{block}"
            x = F.avg_pool2d(_convolved(file, activated(x, f"{name}.norm"), f"{name}.conv"), 2)
    maps[-1] = activated(x, "features.norm5")
    return maps, _classified(file, maps[-1], "classifier")


def resnet50_file(seed: int = 0) -> dict[str, Tensor]:
    """As `resnet50-0676ba61.pth` names its tensors."""
    drawn = _Drawn(seed)
    drawn.convolution("conv1", 64, 3, 7)
    drawn.normalisation("bn1", 64)
    for name, before, inside, first in _bottlenecks():
        shapes = ((inside, before, 1), (inside, inside, 3), (4 * inside, inside, 1))
        for i, (out, into, kernel) in enumerate(shapes, 1):
            drawn.convolution(f"{name}.conv{i}", out, into, kernel)
            drawn.normalisation(f"{name}.bn{i}", out)
        if first:
            drawn.convolution(f"{name}.downsample.0", 4 * inside, before, 1)
            drawn.normalisation(f"{name}.downsample.1", 4 * inside)
    drawn.linear("fc", 1000, 2048)
    return drawn.tensors


def resnet50(file: Tensors, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """Maps after stem and groups of blocks, and logits, of normalised images (He et al. 2016; strides are the 3x3's)."""
    file = {name: tensor.double() for name, tensor in file.items()}
    x = _normalised(file, _convolved(file, images.double(), "conv1", 2, 3), "bn1").relu()
    maps = [x]
    x = F.max_pool2d(x, 3, 2, 1)
    last = ""
    for name, _, _, first in _bottlenecks():
        stride = 2 if first and not name.startswith("layer1") else 1
        if first and last:
            maps.append(x)
        inside = _normalised(file, _convolved(file, x, f"{name}.conv1"), f"{name}.bn1").relu()
        inside = _normalised(file, _convolved(file, inside, f"{name}.conv2", stride, 1), f"{name}.bn2").relu()
        inside = _normalised(file, _convolved(file, inside, f"{name}.conv3"), f"{name}.bn3")
        past = x
        if first:
            past = _normalised(file, _convolved(file, x, f"{name}.downsample.0", stride), f"{name}.downsample.1")
        x, last = (inside + past).relu(), name
    return [*maps, x], _classified(file, x, "fc")


def _bottlenecks() -> Iterator[tuple[str, int, int, bool]]:
    """Name, channels before and inside, and whether it is the first of its group, of every block."""
    before = 64
    for group, (blocks, inside) in enumerate(RESIDUAL_GROUPS, 1):
        for block in range(blocks):
            yield f"layer{group}.{block}", before, inside, block == 0
            before = 4 * inside


def _convolved(file: Tensors, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
    return F.conv2d(x, file[f"{name}.weight"], stride=stride, padding=padding)


def _normalised(file: Tensors, x: Tensor, name: str) -> Tensor:
    """Batch normalisation by remembered statistics, epsilon 1e-5, written out."""
    gain = file[f"{name}.weight"] / (file[f"{name}.running_var"] + 1e-5).sqrt()
    return (x - file[f"{name}.running_mean"][:, None, None]) * gain[:, None, None] + file[f"{name}.bias"][:, None, None]


def _classified(file: Tensors, x: Tensor, name: str) -> Tensor:
    return x.mean(dim=(2, 3)) @ file[f"{name}.weight"].T + file[f"{name}.bias"]


NETWORKS: dict[
    str, tuple[Callable[[], dict[str, Tensor]], Callable[[Tensors, Tensor], tuple[list[Tensor], Tensor]]]
] = {
    "densenet121": (densenet121_file, densenet121),
    "resnet50": (resnet50_file, resnet50),
}
"""By name: what makes a file, and the network once more."""

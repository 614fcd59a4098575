"""Frozen ImageNet networks: takes a name and a weights file (or a seed), makes what gives features and maps of images in [0, 1].

One way for all that need such a network: featurizers, a trainable layer before it, a perceptual loss.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gandl.config import ImageNetNetwork
from gandl.models.networks.imagenet.backbones import ALL, BACKBONES
from gandl.models.networks.imagenet.efficientnet import EfficientNetLite0
from gandl.models.networks.imagenet.weights import existing, fill, packaged


class FrozenNetwork(nn.Module):
    """An ImageNet network that never changes: always in evaluation mode, no parameter takes a gradient; images may.

    Images (n, 3, h, w) have values in [0, 1], at least `smallest` px a side; they are normalised here, as the network expects.

    Attributes
    ----------
    name : which network. dim : length of a feature vector. smallest : least side (px) of an image.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: ImageNetNetwork, network: nn.Module) -> None:
        super().__init__()
        backbone = BACKBONES[name]
        self.name, self.dim, self.smallest = name, backbone.dim, name.smallest
        self.network = network
        self._maps = backbone.maps
        for statistic, values in (("mean", backbone.mean), ("deviation", backbone.deviation)):
            self.register_buffer(statistic, torch.tensor(values)[:, None, None], persistent=False)
        if isinstance(network, EfficientNetLite0):
            network.fold()
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval()

    def train(self, mode: bool = True) -> FrozenNetwork:
        """Stay in evaluation mode, also as a part of a network that is trained: statistics of a batch must never count."""
        super().train(False)
        return self

    def maps(self, images: Tensor, count: int = ALL) -> list[Tensor]:
        """Feature maps (n, c_i, h_i, w_i) at 1/2, 1/4, 1/8, 1/16 and 1/32 of the sides, differentiable by the images.

        EfficientNet-Lite0: 16, 24, 40, 112, 1280 channels; DenseNet-121: 64, 256, 512, 1024, 1024; ResNet-50: 64, 256, 512, 1024,
        2048. The last one is what `features` averages over space.

        Parameters
        ----------
        count : how many, from the largest on (1 to 5); what lies behind them is not computed.
        """
        return self._maps(self.network, (images - self.mean) / self.deviation, count)

    def features(self, images: Tensor) -> Tensor:
        """Features (n, dim) of images (n, 3, h, w): the last map's mean over space, float32 whatever the precision."""
        return self.maps(images)[-1].float().mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """The same as `features`."""
        return self.features(images)

    def logits(self, images: Tensor) -> Tensor:
        """Logits (n, 1000) of ImageNet's classes."""
        logits: Tensor = self.network((images - self.mean) / self.deviation)
        return logits


def load_pretrained(name: ImageNetNetwork, weights: Path | None = None) -> FrozenNetwork:
    """The network with its ImageNet weights.

    Parameters
    ----------
    weights : a file as it was published; None: the one that comes with a package.

    Raises
    ------
    gandl.models.networks.imagenet.weights.PretrainedError : the file, or the package, is missing, damaged
        or another one.
    """
    network = BACKBONES[name].build()
    fill(network, name, packaged(name) if weights is None else Path(weights))
    return FrozenNetwork(name, network)


def content_of(network: ImageNetNetwork, weights: Path | None = None) -> str:
    """SHA-256 of the weights file: what such a network makes depends on it besides settings and code.

    Raises
    ------
    gandl.models.networks.imagenet.weights.PretrainedError : there is no such file, or no such package.
    """
    path = packaged(network) if weights is None else existing(Path(weights), network)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def untrained(name: ImageNetNetwork, seed: int) -> FrozenNetwork:
    """The same network with random weights (He et al. 2015), decided by the seed alone: what its shape alone can see."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FrozenNetwork(name, BACKBONES[name].build())


def dim_of(name: ImageNetNetwork) -> int:
    """Length of its feature vector."""
    return BACKBONES[name].dim


def work_of(name: ImageNetNetwork, side: int) -> float:
    """Floating-point operations of its features of one image of this side (px), two per multiplication with addition."""
    with torch.device("meta"):
        network = FrozenNetwork(name, BACKBONES[name].build())
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            network.maps(torch.empty(1, 3, side, side))
    return float(counter.get_total_flops())

"""Backbones: takes the name of an ImageNet network, makes it untrained, with the statistics of the images that it expects.

DenseNet-121 and ResNet-50 are MONAI's (Huang et al. 2017, arXiv:1608.06993; He et al. 2016, arXiv:1512.03385), in the variants of
torchvision's published weights, whose names of parameters are translated here. MONAI is imported where it is needed: it is slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from gandl.config import ImageNetNetwork
from gandl.models.networks.imagenet.efficientnet import CLASSES, EfficientNetLite0

ALL = 5
"""Feature maps of different sizes that every network has."""
Maps = Callable[[nn.Module, Tensor, int], list[Tensor]]


@dataclass(frozen=True)
class Backbone:
    """How one network is built, fed and read.

    Attributes
    ----------
    build : the network, its weights drawn from the global random state.
    maps : network, normalised images and how many -> that many feature maps, from large to small, and nothing behind them is
        computed; features are the mean of the last of all over space.
    name_of : published name of a parameter -> the network's own.
    dim : channels of the last map.
    mean, deviation : of the channels in [0, 1], by which images are normalised.
    """

    build: Callable[[], nn.Module]
    maps: Maps
    name_of: Callable[[str], str]
    dim: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


def _densenet121() -> nn.Module:
    from monai.networks.nets.densenet import DenseNet121

    return DenseNet121(spatial_dims=2, in_channels=3, out_channels=CLASSES)


def _maps_of_densenet(network: nn.Module, images: Tensor, count: int) -> list[Tensor]:
    """After the stem's ReLU and after every dense block (1/2, 1/4, 1/8, 1/16, 1/32), the last one normalised and rectified."""
    maps: list[Tensor] = []
    current = images
    for name, layer in network.features.named_children():  # type: ignore[union-attr]
        current = layer(current)
        if name == "relu0" or name.startswith("denseblock"):
            maps.append(current)
        if len(maps) == count < ALL:
            return maps
    return [*maps[:-1], current.relu()]


def _name_in_densenet(name: str) -> str:
    """`denselayer1.norm.1.weight` (published), `denselayer1.norm1.weight` (torchvision) -> `denselayer1.layers.norm1.weight`."""
    name = re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", name)
    return re.sub(r"^classifier\.", "class_layers.out.", name)


def _resnet50() -> nn.Module:
    from monai.networks.nets.resnet import resnet50

    network: nn.Module = resnet50(
        spatial_dims=2, n_input_channels=3, num_classes=CLASSES, conv1_t_stride=2, bias_downsample=False
    )
    return network


def _maps_of_resnet(network: nn.Module, images: Tensor, count: int) -> list[Tensor]:
    """After the stem's ReLU and after each of the four groups of blocks: 1/2, 1/4, 1/8, 1/16, 1/32."""
    layers = dict(network.named_children())
    maps = [layers["act"](layers["bn1"](layers["conv1"](images)))]
    for group in ("layer1", "layer2", "layer3", "layer4")[: count - 1]:
        current = layers[group](layers["maxpool"](maps[0]) if len(maps) == 1 else maps[-1])
        maps.append(current)
    return maps


def _same_name(name: str) -> str:
    return name


def _maps_of_efficientnet(network: nn.Module, images: Tensor, count: int) -> list[Tensor]:
    assert isinstance(network, EfficientNetLite0)
    return network.maps(images, count)


IMAGENET = {"mean": (0.485, 0.456, 0.406), "deviation": (0.229, 0.224, 0.225)}
"""Of ImageNet's training images, as torchvision's networks expect."""
BACKBONES: Mapping[ImageNetNetwork, Backbone] = {
    ImageNetNetwork.EFFICIENTNET_LITE0: Backbone(
        EfficientNetLite0, _maps_of_efficientnet, _same_name, 1280, (127 / 255,) * 3, (128 / 255,) * 3
    ),
    ImageNetNetwork.DENSENET121: Backbone(_densenet121, _maps_of_densenet, _name_in_densenet, 1024, **IMAGENET),
    ImageNetNetwork.RESNET50: Backbone(_resnet50, _maps_of_resnet, _same_name, 2048, **IMAGENET),
}

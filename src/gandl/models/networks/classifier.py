"""A network that tells labels apart: takes images (n, channels, y, x) of about [-1, 1], makes embeddings and two heads' scores.

A DenseNet (Huang et al. 2017; MONAI's, for any number of channels), global average pooling, batch normalisation, one fully
connected layer, batch normalisation: the embedding. Two heads read it, a linear one (softmax) and one of cosines (ArcFace), as
Cuccarese et al. (2020) describe their network; the normalisations around the layer are those of the winning entry of the RxRx1
competition. Everything behind the last feature map is affine in evaluation mode, so that each place of the map has scores of its
own, whose mean is that of the image (class activation maps, Zhou et al. 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config import ClassifierNetworkSettings, ClassifierSettings
from gandl.models.networks.batch_norm import GroupedBatchNorm
from gandl.models.networks.trained import BETWEEN, PER_PASS, STOPS, TrainedOnLabels, points_between, seeded

DARK = -1.0
"""What a pixel that does not count is drawn as."""


@dataclass(frozen=True)
class Judgement:
    """What a classifier says of n images.

    Attributes
    ----------
    embedding : (n, embedding_dim).
    logits : (n, classes) of the softmax head.
    cosines : (n, classes) between the embedding and the direction of each class, for ArcFace.
    """

    embedding: Tensor
    logits: Tensor
    cosines: Tensor


class Classifier(nn.Module):
    """DenseNet, embedding and two heads.

    Parameters
    ----------
    settings : width and depth. channels : of the images. classes : number of labels.

    Attributes
    ----------
    pooled_dim : feature maps that are pooled (DenseNet-161: 2208).
    """

    def __init__(self, settings: ClassifierNetworkSettings, channels: int, classes: int) -> None:
        super().__init__()
        group, momentum = settings.norm_group, settings.norm_momentum
        self.trunk, self.pooled_dim = _dense_net(settings, channels)
        self.pooled_norm = GroupedBatchNorm(self.pooled_dim, group, momentum)
        self.to_embedding = nn.Linear(self.pooled_dim, settings.embedding_dim, bias=False)
        self.embedding_norm = GroupedBatchNorm(settings.embedding_dim, group, momentum)
        self.softmax = nn.Linear(settings.embedding_dim, classes)
        self.directions = nn.Linear(settings.embedding_dim, classes, bias=False)
        nn.init.xavier_normal_(self.directions.weight)

    def embed(self, images: Tensor) -> Tensor:
        """(n, channels, y, x), of any size that the network's strides allow -> (n, embedding_dim)."""
        return self._embedding(self._maps(images).mean(dim=(2, 3)))

    def forward(self, images: Tensor) -> Judgement:
        """(n, channels, y, x) -> embedding and scores; while training n is a multiple of `norm_group`."""
        return self._judge(self.embed(images))

    def places(self, images: Tensor) -> Tensor:
        """Logits (n, classes, v, u) at each place of the last feature maps; in evaluation mode their mean is the image's."""
        maps = self._maps(images)
        n, features, height, width = maps.shape
        at = maps.permute(0, 2, 3, 1).reshape(-1, features)
        return self._judge(self._embedding(at)).logits.reshape(n, height, width, -1).permute(0, 3, 1, 2)

    def _maps(self, images: Tensor) -> Tensor:
        return F.relu(self.trunk(images))

    def _embedding(self, pooled: Tensor) -> Tensor:
        embedding: Tensor = self.embedding_norm(self.to_embedding(self.pooled_norm(pooled)))
        return embedding

    def _judge(self, embedding: Tensor) -> Judgement:
        # Cosines are taken in full precision: near 1 half of it has few digits.
        with torch.autocast(embedding.device.type, enabled=False):
            wide = embedding if embedding.dtype is torch.float64 else embedding.float()
            cosines = F.linear(F.normalize(wide), F.normalize(self.directions.weight))
        return Judgement(embedding, self.softmax(embedding), cosines)


def _dense_net(settings: ClassifierNetworkSettings, channels: int) -> tuple[nn.Module, int]:
    """MONAI's DenseNet without its own head, with batch statistics of groups; and the number of its last feature maps."""
    from monai.networks.nets.densenet import DenseNet  # takes seconds, which only a classifier needs

    whole = DenseNet(
        spatial_dims=2,
        in_channels=channels,
        out_channels=1,
        init_features=settings.init_features,
        growth_rate=settings.growth,
        block_config=tuple(settings.blocks),
    )
    trunk: nn.Module = whole.features
    maps = int(whole.class_layers.out.in_features)
    for parent in list(trunk.modules()):
        for name, layer in parent.named_children():
            if isinstance(layer, nn.BatchNorm2d):
                grouped = GroupedBatchNorm(layer.num_features, settings.norm_group, settings.norm_momentum)
                setattr(parent, name, grouped)
    return trunk, maps


@dataclass(frozen=True, kw_only=True)
class TrainedClassifier(TrainedOnLabels[ClassifierSettings]):
    """A classifier and its moving average, which embeds."""

    objective: ClassVar[str] = "classifier"
    settings_type = ClassifierSettings

    classifier_ema: Classifier
    classifier_raw: Classifier

    @classmethod
    def untrained(cls, settings: ClassifierSettings, channels: int, classes: int, seed: int) -> Classifier:
        return new_classifier(settings, channels, classes, seed)

    @torch.no_grad()
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """What counts in each crop for the label that it is given: other places are darkened; nothing is drawn at random."""
        return torch.cat([self._lit(part) for part in self._here(real).split(PER_PASS)])

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """The same of mixtures of the first real crops, on the straight lines between them."""
        return self._lit(points_between(self._here(real[:STOPS]), BETWEEN))

    def _lit(self, crops: Tensor) -> Tensor:
        places = self.classifier_ema.places(crops)
        label = places.mean(dim=(2, 3)).argmax(dim=1)
        found = places[torch.arange(len(places)), label][:, None]
        low, high = found.amin(dim=(2, 3), keepdim=True), found.amax(dim=(2, 3), keepdim=True)
        light = (found - low) / (high - low).clamp(min=1e-12)
        light = F.interpolate(light, crops.shape[2:], mode="bilinear", align_corners=False)
        return DARK + light * (crops - DARK)

    def _here(self, images: Tensor) -> Tensor:
        return images.to(self.classifier_ema.softmax.weight)


def new_classifier(settings: ClassifierSettings, channels: int, classes: int, seed: int) -> Classifier:
    """An untrained classifier, in channels-last memory; the seed decides every weight."""
    with seeded(seed):
        network = Classifier(settings.network, channels, classes)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

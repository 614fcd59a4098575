"""The classifier: takes a loader of real crops and labels of their sites, makes steps that tell the labels apart.

Softmax and ArcFace heads are trained together (Cuccarese et al. 2020) with the weights, the optimiser and the schedule of the
winning entry of the RxRx1 competition (`ClassifierSettings` names them).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config import ClassifierSettings, Schedule
from gandl.models.compute.device import wide
from gandl.models.compute.ema import MovingAverage
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.batch_norm import settle
from gandl.models.networks.classifier import Classifier, TrainedClassifier, new_classifier
from gandl.models.objectives.arcface import arcface_loss
from gandl.models.objectives.objective import Objective, descend
from gandl.models.objectives.troubles import QUICK, Check, Numbers, TroubleKind

MOST_LOSS = 100.0
"""Of 1,139 classes a guess costs 7."""
PASSES = 3
"""A step takes one forward pass and a backward pass to the input and to the weights, each about as much."""
BOTTLENECK, STEM = 4, 7
"""Of DenseNet: feature maps of a layer's first convolution over its growth, and side of the first kernel."""


class Classifying(Objective[ClassifierSettings]):
    """A network that learns which label a site has."""

    settings_type = ClassifierSettings
    supervised = True
    name = "classifier"
    metrics = ("loss_softmax", "loss_arcface", "train_accuracy")
    shown: ClassVar[Mapping[str, str]] = {
        "loss_softmax": "softmax",
        "loss_arcface": "ArcFace",
        "train_accuracy": "accuracy",
    }
    measured_by = "gandl.models.looks.classification"

    def _build(self) -> None:
        settings = self.settings
        assert self.labels is not None
        classes = len(self.labels.classes)
        classifier = new_classifier(settings, len(self.scale.channels), classes, self.seed)
        self.classifier = classifier.to(self.device, self.dtype)
        self._average = MovingAverage(self.classifier, settings.ema_half_life, settings.ema_rampup)
        self._of_site = torch.from_numpy(self.labels.of_site).to(self.device)
        self._optimizer = torch.optim.Adam(
            self.classifier.parameters(),
            lr=self.learning_rate,
            betas=(settings.beta1, settings.beta2),
            eps=1e-8,
            weight_decay=settings.weight_decay,
        )

    @property
    def classifier_ema(self) -> Classifier:
        return self._average.average

    @property
    def trained(self) -> Sequence[nn.Module]:
        return (self.classifier,)

    def _learn(self) -> None:
        settings = self.settings
        parts = self.loader.batch(self.step_number, self.course)
        sites = self.loader.sites(self.step_number, self.course)
        gains = self._draw_gains()
        for real, of, gain in zip(parts, sites, gains, strict=True):
            labels = self._of_site[of]
            with self._autocast():
                judged = self.classifier(_recoloured(real.to(self.dtype), gain))
            softmax = F.cross_entropy(wide(judged.logits), labels)
            arcface = arcface_loss(wide(judged.cosines), labels, settings.arcface_scale, settings.arcface_margin)
            loss = settings.softmax_weight * softmax + settings.arcface_weight * arcface
            (loss / len(parts)).backward()
            right = (judged.logits.detach().argmax(dim=1) == labels).float().mean()
            self._notes.add(loss_softmax=softmax, loss_arcface=arcface, train_accuracy=right)
        self._optimizer.param_groups[0]["lr"] = self.learning_rate * self._share_of_rate()
        descend(self._optimizer, self.ranks)
        settle(self.classifier, self.ranks)
        self._average.update(self.classifier, self.images, settings.batch)

    def _draw_gains(self) -> Sequence[Tensor | None]:
        """Gain and offset (m, 2, c) of every channel of every image, for each part of the batch."""
        noise = self.settings.channel_noise
        if not noise:
            return [None] * len(self._parts)
        shape = self.settings.batch, 2, len(self.scale.channels)
        rng = self._rng(Purpose.AUGMENTATION_OF_REALS)
        drawn = noise * torch.randn(shape, generator=rng, device=self.device)
        drawn = drawn.to(self.dtype)
        drawn[:, 0] += 1
        return [drawn[part] for part in self._parts]

    def _share_of_rate(self) -> float:
        """What the schedule takes of the learning rate in this step."""
        settings = self.settings
        warm = min(1.0, (self.images + settings.batch) / settings.warmup_images) if settings.warmup_images else 1.0
        if settings.schedule is Schedule.CONSTANT:
            return warm
        return warm * (1 + math.cos(math.pi * min(self.images / settings.images, 1.0))) / 2

    def _follow_course(self) -> None:
        """Every step takes the learning rate anew."""

    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "classifier": self.classifier,
            "classifier_ema": self.classifier_ema,
            "optimizer": self._optimizer,
        }

    def model(self) -> TrainedClassifier:
        assert self.labels is not None
        return TrainedClassifier(
            classifier_ema=self.classifier_ema,
            classifier_raw=self.classifier,
            classes=self.labels.classes,
            **self._described(),
        )

    @classmethod
    def work(cls, settings: ClassifierSettings, channels: int) -> float:
        """Convolutions and the layer to the embedding, two operations per multiplication with addition; heads are left out."""
        network = settings.network
        side, maps = -(-network.crop // 2), network.init_features
        total = 2.0 * STEM**2 * channels * maps * side**2
        side = -(-side // 2)
        for number, layers in enumerate(network.blocks):
            if number:
                total += 2.0 * maps * (maps // 2) * side**2
                side, maps = side // 2, maps // 2
            narrow = BOTTLENECK * network.growth
            for _ in range(layers):
                total += 2.0 * (maps * narrow + 9 * narrow * network.growth) * side**2
                maps += network.growth
        return PASSES * (total + 2.0 * maps * network.embedding_dim)

    @classmethod
    def checks(cls, settings: ClassifierSettings) -> dict[str, Check]:
        return {"loss": Check(TroubleKind.EXPLODING, _exploding, QUICK)}

    @classmethod
    def by_class(cls, settings: ClassifierSettings) -> bool:
        return settings.balanced


def _recoloured(images: Tensor, gain: Tensor | None) -> Tensor:
    """Images (m, c, y, x) with each channel's gain and offset (m, 2, c) applied."""
    if gain is None:
        return images
    return torch.addcmul(gain[:, 1, :, None, None], images, gain[:, 0, :, None, None])


def _exploding(numbers: Numbers) -> str:
    loss = numbers["loss_softmax"]
    return f"the softmax loss is {loss:.3g} (at most {MOST_LOSS:g} is normal)" if loss > MOST_LOSS else ""

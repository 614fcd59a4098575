"""The paper's objectives with a decoder or with labels: takes tiles (and whether they show a drug), makes steps.

Unsupervised is an autoencoder, weakly supervised a classifier, regularized both on one encoder, with a gradient from either.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config.comparison_terms import Paradigm, Switch
from gandl.config.representations import (
    RegularizedSettings,
    SupervisedRecipe,
    UnsupervisedSettings,
    WeaklySupervisedSettings,
)
from gandl.models.compute.device import wide
from gandl.models.networks.comparison.trained import (
    TrainedRegularized,
    TrainedTileAutoencoder,
    TrainedTileClassifier,
    as_trained,
    new_tile_networks,
)
from gandl.models.objectives.comparison.representation import (
    PASSES,
    Representation,
    Tiles,
    decoder_work,
    encoder_work,
    head_work,
)

OF_ANSWERS = ("train_accuracy", "train_precision", "train_recall")
"""What a classifier's answers on training tiles say, means over the steps since the last look."""


class CropByCrop(Representation[Tiles]):
    """What learns of every crop by itself: the loss is the mean over crops."""

    @abstractmethod
    def _loss(self, crop: Tensor, labels: Tensor | None) -> Tensor:
        """The loss () of one crop (m, c, s, s) of [0, 1]; notes what it measures."""

    def _learn_part(self, crops: Sequence[Tensor], labels: Tensor | None, part: int, parts: int) -> None:
        for crop in crops:  # one after the other, so that memory holds the maps of one
            loss = self._loss(crop, labels)
            (loss / (parts * len(crops))).backward()
            self._notes.add(loss=loss)


class Unsupervised(CropByCrop[UnsupervisedSettings]):
    """An autoencoder by the binary cross-entropy of pixels, on a sigmoid (the paper says softmax; its code has a sigmoid)."""

    settings_type = UnsupervisedSettings
    name = Paradigm.UNSUPERVISED.value
    model_type = TrainedTileAutoencoder

    def _new_networks(self) -> dict[str, nn.Module]:
        made = new_tile_networks(self.settings, len(self.scale.channels), self.seed)
        return {"encoder": made["encoder"], "decoder": made["decoder"]}

    def _loss(self, crop: Tensor, labels: Tensor | None) -> Tensor:
        with self._autocast():
            maps = self.networks["encoder"](as_trained(crop, self.settings, self.scale))
            made = self.networks["decoder"](maps)
        self._note_spread(maps)
        return reconstruction_loss(made, crop)

    @classmethod
    def work(cls, settings: UnsupervisedSettings, channels: int) -> float:
        once = encoder_work(settings, channels) + decoder_work(settings, channels)
        return PASSES * len(cls._scales(settings)) * once


class _Supervised:
    """What both objectives with labels share.

    With the switch `recall_as_precision` the curve's `train_precision` is the recall, as in the histories of the paper's code.
    """

    supervised: ClassVar[bool] = True
    shown: ClassVar[Mapping[str, str]] = {
        "loss": "loss",
        "train_accuracy": "accuracy",
        "feature_spread": "spread of codes",
    }


class WeaklySupervised(_Supervised, CropByCrop[WeaklySupervisedSettings]):
    """A classifier of drugs and controls by cross-entropy."""

    settings_type = WeaklySupervisedSettings
    name = Paradigm.WEAKLY_SUPERVISED.value
    metrics = ("loss", *OF_ANSWERS, "feature_spread")
    model_type = TrainedTileClassifier

    def _new_networks(self) -> dict[str, nn.Module]:
        assert self.labels is not None
        made = new_tile_networks(self.settings, len(self.scale.channels), self.seed, len(self.labels.classes))
        return {"encoder": made["encoder"], "head": made["head"]}

    def _loss(self, crop: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        with self._autocast():
            maps = self.networks["encoder"](as_trained(crop, self.settings, self.scale))
            scores = self.networks["head"](maps)
        self._note_spread(maps)
        self._notes.add(**noted(scores, labels, self.settings))
        return F.cross_entropy(wide(scores), labels)

    @classmethod
    def work(cls, settings: WeaklySupervisedSettings, channels: int) -> float:
        return PASSES * len(cls._scales(settings)) * (encoder_work(settings, channels) + head_work(settings))


class Regularized(_Supervised, CropByCrop[RegularizedSettings]):
    """An autoencoder whose code also tells drugs from controls: reconstruction plus a weight times classification.

    With the switch `detached_regularizer` it is what the paper's code did: the classifier's loss entered the autoencoder's as a
    number, and the gradient that it left in the encoder was zeroed, so that encoder and decoder are those of the unsupervised
    objective and the head alone learns of labels. The code alternated steps of two Adams, the classifier's first; since Adam
    moves every weight by its own gradients, one of all weights on a loss without a path to the encoder makes the same steps.
    """

    settings_type = RegularizedSettings
    name = Paradigm.REGULARIZED.value
    metrics = ("loss", "loss_reconstruction", "loss_classification", *OF_ANSWERS, "feature_spread")
    model_type = TrainedRegularized

    def _new_networks(self) -> dict[str, nn.Module]:
        assert self.labels is not None
        return new_tile_networks(self.settings, len(self.scale.channels), self.seed, len(self.labels.classes))

    def _loss(self, crop: Tensor, labels: Tensor | None) -> Tensor:
        assert labels is not None
        detached = self.settings.has(Switch.DETACHED_REGULARIZER)
        with self._autocast():
            maps = self.networks["encoder"](as_trained(crop, self.settings, self.scale))
            made = self.networks["decoder"](maps)
            scores = self.networks["head"](maps.detach() if detached else maps)
        reconstruction, classification = reconstruction_loss(made, crop), F.cross_entropy(wide(scores), labels)
        self._note_spread(maps)
        self._notes.add(**noted(scores, labels, self.settings))
        self._notes.add(loss_reconstruction=reconstruction, loss_classification=classification)
        return reconstruction + (1.0 if detached else self.settings.regularizer_weight) * classification

    @classmethod
    def work(cls, settings: RegularizedSettings, channels: int) -> float:
        once = encoder_work(settings, channels) + decoder_work(settings, channels) + head_work(settings)
        return PASSES * len(cls._scales(settings)) * once


def reconstruction_loss(logits: Tensor, images: Tensor) -> Tensor:
    """Mean binary cross-entropy () of the sigmoid of logits (n, c, y, x) with images of [0, 1]."""
    return F.binary_cross_entropy_with_logits(logits.to(images.dtype), images)


def noted(scores: Tensor, labels: Tensor, settings: SupervisedRecipe) -> dict[str, Tensor]:
    """What the curve says of answers."""
    found = dict(zip(OF_ANSWERS, answers(scores, labels), strict=True))
    return {**found, "train_precision": found["train_recall"]} if settings.has(Switch.RECALL_AS_PRECISION) else found


def answers(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Accuracy, precision and recall () of scores (n, classes) with labels (n,).

    The positive class is the last one by name, drugs. Where nothing is answered so, or nothing is so, the share is 0.
    """
    answered, positive = scores.detach().argmax(dim=1), scores.shape[1] - 1
    says, wanted = answered == positive, labels == positive
    hits = (says & wanted).sum()
    return (answered == labels).float().mean(), hits / says.sum().clamp(min=1), hits / wanted.sum().clamp(min=1)


KINDS = (Unsupervised, WeaklySupervised, Regularized)
"""What `gandl.models.objectives.kinds` lists."""

"""How well ImageNet-collapsed tells labels apart on validation sites: takes its model, makes accuracy and loss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import torch

from gandl.config import CollapsedSettings
from gandl.models.looks.measures import Given, no_discriminator
from gandl.models.looks.validation import ValidationSites, loss_of
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.imagenet.pretrained import load_pretrained

logger = logging.getLogger(__name__)


def measures(given: Given[CollapsedSettings]) -> list[Callable[[TrainedCollapsed], Mapping[str, float]]]:
    """Accuracy and loss on the validation sites, if there are any."""
    if given.probe is not None:
        raise no_discriminator(TrainedCollapsed.objective)
    if not len(given.held_out):
        return []
    return [Validation(given).measure]


class Validation:
    """Recognises the labels of validation sites, by the square in the middle of each.

    Parameters
    ----------
    given : stores, labels, scale and settings of the training.
    """

    def __init__(self, given: Given[CollapsedSettings]) -> None:
        assert given.labels is not None
        settings = given.settings
        self._sites = ValidationSites(given, settings.validation_images)
        self._backbone = load_pretrained(settings.imagenet, settings.pretrained).to(given.device)
        logger.info("validation: %d sites of %d labels", len(self._sites), len(given.labels.classes))

    @torch.inference_mode()
    def measure(self, model: TrainedCollapsed) -> dict[str, float]:
        """Measure a model.

        Returns
        -------
        `quality` : share of sites whose label is not recognised, so that the best weights are those of the best accuracy.
        `accuracy` : the others. `validation_loss` : mean cross-entropy.
        """
        network = model.collapsed_ema
        (logits,) = self._sites.each(lambda crops: (network.logits(crops.to(network.head.weight), self._backbone),))
        accuracy = float((logits.argmax(axis=1) == self._sites.right).mean())
        return {
            "quality": 1 - accuracy,
            "accuracy": accuracy,
            "validation_loss": loss_of(logits, self._sites.right),
        }

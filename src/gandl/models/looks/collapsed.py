"""How well ImageNet-collapsed tells labels apart on validation sites: takes its model, makes accuracy and loss."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
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
    given : stores, labels, scale, settings and published weights of the training.
    """

    def __init__(self, given: Given[CollapsedSettings]) -> None:
        assert given.labels is not None
        settings = given.settings
        self._sites = ValidationSites(given, settings.validation_images)
        self._backbone = load_pretrained(settings.imagenet, given.pretrained).to(given.device)
        logger.info("validation: %d sites of %d labels", len(self._sites), len(given.labels.classes))

    @torch.inference_mode()
    def measure(self, model: TrainedCollapsed) -> dict[str, float]:
        """Measure a model.

        Returns
        -------
        as `values_of`.
        """
        network = model.collapsed_ema
        (logits,) = self._sites.each(lambda crops: (network.logits(crops.to(network.head.weight), self._backbone),))
        return values_of(logits, self._sites.right)


def values_of(logits: npt.NDArray[np.float64], right: npt.NDArray[np.int64]) -> dict[str, float]:
    """What logits (n, classes) are worth, given the right classes (n,).

    Returns
    -------
    `quality` : share of sites whose label is not recognised, with the loss L counted as L / (1 + L) of one more site: the best
        weights are those of the best accuracy, and of equal ones those of the lowest loss.
    `accuracy` : share of sites whose label is recognised. `validation_loss` : mean cross-entropy.
    """
    recognised, loss = int((logits.argmax(axis=1) == right).sum()), loss_of(logits, right)
    return {
        "quality": (len(right) - recognised + loss / (1 + loss)) / len(right),
        "accuracy": recognised / len(right),
        "validation_loss": loss,
    }

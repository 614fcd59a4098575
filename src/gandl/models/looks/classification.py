"""How well a classifier recognises labels on held-out sites: takes its model and these sites, makes loss and accuracies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch

from gandl.config import ClassifierSettings
from gandl.models.looks.measures import Given, no_discriminator
from gandl.models.looks.plate_groups import plate_groups
from gandl.models.looks.validation import ValidationSites, loss_of
from gandl.models.networks.classifier import TrainedClassifier

logger = logging.getLogger(__name__)


def measures(given: Given[ClassifierSettings]) -> list[Callable[[TrainedClassifier], Mapping[str, float]]]:
    """Loss and accuracies on the validation sites, if there are any."""
    if given.probe is not None:
        raise no_discriminator(TrainedClassifier.objective)
    if not len(given.held_out):
        return []
    return [Recognition(given).measure]


class Recognition:
    """Recognises the labels of validation sites, by the square in the middle of each.

    Parameters
    ----------
    given : stores, labels, scale and settings of the training.
    """

    def __init__(self, given: Given[ClassifierSettings]) -> None:
        assert given.labels is not None
        self._labels = given.labels
        self._sites = ValidationSites(given, given.settings.validation_images)
        self._groups = plate_groups(given.labels)
        on_some = int((self._groups.of_class >= 0).sum())
        logger.info(
            "validation: %d held-out sites of %d labels; chance is %.3g; %s",
            *(len(self._sites), len(given.labels.classes), 1 / len(given.labels.classes)),
            f"{on_some} labels are in {self._groups.count} groups that share plates"
            if self._groups.count > 1
            else "no groups of labels that share plates",
        )

    def measure(self, model: TrainedClassifier) -> dict[str, float]:
        """Measure a model.

        Returns
        -------
        `quality` : mean cross-entropy of the softmax head; lower is better.
        `accuracy`, `accuracy_arcface` : share of sites recognised by either head.
        `accuracy_in_groups` : by the softmax head, among the labels of the plate's group alone, where there are such groups.
        `accuracy_of_groups`, `accuracy_of_groups_in_groups` : of the sites of labels in groups alone (siRNAs without controls),
            without and with knowledge of the groups.
        """
        logits, cosines = self._scores(model)
        right = self._sites.right
        found = {
            "quality": loss_of(logits, right),
            "accuracy": float((logits.argmax(axis=1) == right).mean()),
            "accuracy_arcface": float((cosines.argmax(axis=1) == right).mean()),
        }
        grouped = self._groups.of_class[right] >= 0
        if self._groups.count > 1 and grouped.any():
            within = self._groups.restricted(logits, self._labels.plates[self._sites.sites]).argmax(axis=1) == right
            found["accuracy_in_groups"] = float(within.mean())
            found["accuracy_of_groups"] = float((logits.argmax(axis=1) == right)[grouped].mean())
            found["accuracy_of_groups_in_groups"] = float(within[grouped].mean())
        return found

    @torch.inference_mode()
    def _scores(self, model: TrainedClassifier) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Logits and cosines (n, classes) of the validation sites."""
        network = model.classifier_ema

        def judge(crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            judged = network(crops.to(network.softmax.weight))
            return judged.logits, judged.cosines

        logits, cosines = self._sites.each(judge)
        return logits, cosines

"""How well a classifier recognises labels on held-out sites: takes its model and these sites, makes loss and accuracies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch

from gandl.config import ClassifierSettings
from gandl.models.crops.intensity import moments_of
from gandl.models.looks.measures import Given, no_discriminator
from gandl.models.looks.plate_groups import plate_groups
from gandl.models.networks.classifier import TrainedClassifier

PER_PASS = 32
SEED = 0
"""Of the choice of validation sites."""

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

    Images are read again at every look, a few at a time, since they need not fit in memory.

    Parameters
    ----------
    given : stores, labels, scale and settings of the training.
    """

    def __init__(self, given: Given[ClassifierSettings]) -> None:
        assert given.labels is not None
        self._given, self._labels = given, given.labels
        n, most = len(given.held_out), given.settings.validation_images
        chosen = np.random.default_rng(SEED).permutation(n)[:most]
        self._sites = given.held_out[np.sort(chosen)]
        self._first = np.cumsum([0, *(len(store) for store in given.stores)])
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
        right = self._labels.of_site[self._sites]
        rows = np.arange(len(right))
        shifted = logits - logits.max(axis=1, keepdims=True)
        loss = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, right]
        found = {
            "quality": float(loss.mean()),
            "accuracy": float((logits.argmax(axis=1) == right).mean()),
            "accuracy_arcface": float((cosines.argmax(axis=1) == right).mean()),
        }
        grouped = self._groups.of_class[right] >= 0
        if self._groups.count > 1 and grouped.any():
            within = self._groups.restricted(logits, self._labels.plates[self._sites]).argmax(axis=1) == right
            found["accuracy_in_groups"] = float(within.mean())
            found["accuracy_of_groups"] = float((logits.argmax(axis=1) == right)[grouped].mean())
            found["accuracy_of_groups_in_groups"] = float(within[grouped].mean())
        return found

    @torch.inference_mode()
    def _scores(self, model: TrainedClassifier) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Logits and cosines (n, classes) of the validation sites."""
        network = model.classifier_ema
        like = network.softmax.weight
        logits, cosines = [], []
        for start in range(0, len(self._sites), PER_PASS):
            judged = network(self._crops(self._sites[start : start + PER_PASS]).to(like))
            logits.append(judged.logits.double().cpu().numpy())
            cosines.append(judged.cosines.double().cpu().numpy())
        return np.concatenate(logits), np.concatenate(cosines)

    def _crops(self, positions: npt.NDArray[np.int64]) -> torch.Tensor:
        """The middle of some sites on the networks' scale, (m, c, s, s)."""
        given = self._given
        side, resolution = given.settings.crop, given.settings.resolution
        store = np.searchsorted(self._first, positions, side="right") - 1
        images = np.concatenate(
            [
                given.stores[number].sites([int(position - self._first[number])], resolution)
                for number, position in zip(store.tolist(), positions.tolist(), strict=True)
            ]
        )
        top, left = ((whole - side) // 2 for whole in images.shape[2:])
        return given.scale.apply(images[:, :, top : top + side, left : left + side], moments_of(images))

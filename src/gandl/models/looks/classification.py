"""How well a classifier recognises siRNAs on held-out sites: takes its model and these sites, makes loss, accuracies and answers.

siRNAs and controls are never mixed (as in the RxRx1 competition): which wells are controls is known, so that siRNAs are told
apart from siRNAs, and controls from controls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from gandl.config import ClassifierSettings
from gandl.models.crops.crop_sampler import open_stores
from gandl.models.crops.supervision import Supervision
from gandl.models.looks.measures import Given, no_discriminator
from gandl.models.looks.plate_groups import plate_groups
from gandl.models.looks.validation import ValidationSites, loss_of
from gandl.models.networks.classifier import TrainedClassifier
from gandl.models.networks.weights import load
from gandl.tables import RECOGNITION, SITES, read_table, write_table

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def measures(given: Given[ClassifierSettings]) -> list[Callable[[TrainedClassifier], Mapping[str, float]]]:
    """Loss and accuracies on the validation sites, if there are any."""
    if given.probe is not None:
        raise no_discriminator(TrainedClassifier.objective)
    if not len(given.held_out):
        return []
    return [Recognition(given, given.settings.validation_images).measure]


def write_recognition(
    stores: Sequence[Path], weights: Path, labels: Path, sites: Path, output: Path, *, device: torch.device
) -> None:
    """Write what a trained classifier takes every held-out site and well for.

    Parameters
    ----------
    stores, labels : as it was trained on. weights : of the training. sites : sites table that the labels were made of.
    output : parquet, schema `gandl.tables.RECOGNITION`; no row where nothing is held out.

    Raises
    ------
    gandl.models.networks.weights.WeightsError : the weights are no classifier's.
    gandl.models.crops.supervision.SupervisionError, gandl.models.crops.crop_sampler.CropError : labels or stores do not fit.
    """
    model = load(Path(weights), TrainedClassifier)
    settings = model.settings
    model.classifier_ema.to(device)
    opened = open_stores(stores, settings.resolution, settings.crop, settings.section, model.channels)
    of = Supervision.read(Path(labels)).of(opened)
    given = Given(opened, of.validation, model.scale, settings, device, None, of)
    found = read_table(Path(sites), SITES).set_index("site_id")
    ids = np.concatenate([np.asarray(store.site_ids, object) for store in opened])[of.validation]
    about = found.loc[ids, ["well_id", "plate_id", "experiment"]].reset_index()
    table = Recognition(given, len(of.validation)).answers(model, about) if len(ids) else _no_answers()
    write_table(table, Path(output), RECOGNITION)


class Recognition:
    """Recognises the labels of validation sites, by the square in the middle of each.

    Parameters
    ----------
    given : stores, labels, scale and settings of the training.
    most : at most so many sites are looked at.
    """

    def __init__(self, given: Given[ClassifierSettings], most: int) -> None:
        assert given.labels is not None
        self._labels = labels = given.labels
        self._sites = ValidationSites(given, most)
        self._controls = labels.controls if len(labels.controls) else np.zeros(len(labels.classes), bool)
        if self._controls.all():
            self._controls = np.zeros(len(labels.classes), bool)  # controls alone: they are what is told apart
        self._groups = plate_groups(labels)
        on_some, sirnas = int((self._groups.of_class >= 0).sum()), int((~self._controls).sum())
        logger.info(
            "validation: %d held-out sites, %d of them of siRNAs; %d siRNAs, chance is %.3g; %s",
            *(len(self._sites), int((~self._controls[self._sites.right]).sum()), sirnas, 1 / sirnas),
            f"{on_some} labels are in {self._groups.count} groups that share plates"
            if self._groups.count > 1
            else "no groups of labels that share plates",
        )

    def measure(self, model: TrainedClassifier) -> dict[str, float]:
        """Measure a model.

        Returns
        -------
        `quality` : mean cross-entropy of the softmax head on sites of siRNAs; lower is better.
        `accuracy`, `accuracy_arcface` : share of these sites that either head recognises among all siRNAs.
        `accuracy_in_groups` : by the softmax head, among the siRNAs of the plate's group, where there are such groups.
        `accuracy_of_controls` : share of the sites of controls that the softmax head recognises among controls.
        """
        logits, cosines = self._scores(model)
        right = self._sites.right
        sirnas = ~self._controls[right]
        of_kind = self._of_kind(right)
        told = _best(logits, of_kind) == right
        found = {}
        if sirnas.any():
            found["quality"] = loss_of(logits[sirnas], right[sirnas])
            found["accuracy"] = float(told[sirnas].mean())
            found["accuracy_arcface"] = float((_best(cosines, of_kind) == right)[sirnas].mean())
            if self._groups.count > 1:
                within = of_kind & self._groups.on_plates(right, self._labels.plates[self._sites.sites])
                found["accuracy_in_groups"] = float((_best(logits, within) == right)[sirnas].mean())
        else:
            found["quality"] = loss_of(logits, right)
        if not sirnas.all():
            found["accuracy_of_controls"] = float(told[~sirnas].mean())
        return found

    def answers(self, model: TrainedClassifier, about: pd.DataFrame) -> pd.DataFrame:
        """What a model takes each site, and each well, for.

        Parameters
        ----------
        about : (n, ...) `site_id`, `well_id`, `plate_id`, `experiment` of the validation sites, in the order of their positions.

        Returns
        -------
        a table of `gandl.tables.RECOGNITION`; a well has the mean logarithm of its sites' probabilities.
        """
        logits, _ = self._scores(model)
        logits = np.where(self._of_kind(self._sites.right), logits, -np.inf)
        most = logits.max(axis=1, keepdims=True)
        chances = logits - most - np.log(np.exp(logits - most).sum(axis=1, keepdims=True))
        wells = about["well_id"].to_numpy(object)
        _, first, of_well = np.unique(wells, return_index=True, return_inverse=True)
        of_wells = np.stack([chances[of_well == well].mean(axis=0) for well in range(len(first))])
        by_site = self._answered(chances, self._sites.right, about.assign(unit="site"))
        by_well = self._answered(
            of_wells, self._sites.right[first], about.iloc[first].assign(unit="well", site_id=None)
        )
        return pd.concat([by_site, by_well.astype({"site_id": object})], ignore_index=True)[RECOGNITION.names]

    def _answered(self, scores: Floats, right: Positions, about: pd.DataFrame) -> pd.DataFrame:
        """Rows of the table, of scores (n, classes) that are minus infinity for labels of the other kind."""
        names, controls = np.asarray(self._labels.classes, object), self._controls[right]
        of_kind = self._of_kind(right)
        found = {
            "control": controls,
            "label": names[right],
            "predicted": names[_best(scores, of_kind)],
            "chance": 1 / of_kind.sum(axis=1),
            "predicted_in_groups": None,
            "chance_in_groups": np.nan,
            "predicted_in_guessed_groups": None,
        }
        table = about.reset_index(drop=True).assign(**found)
        if self._groups.count > 1 and not controls.all():
            rows = np.flatnonzero(~controls)
            plates = pd.factorize(about["plate_id"].iloc[rows])[0]
            known = of_kind[rows] & self._groups.on_plates(right[rows], plates)
            guess = self._groups.guessed(scores[rows], plates, about["experiment"].iloc[rows].to_numpy(object))
            table.loc[rows, "predicted_in_groups"] = names[_best(scores[rows], known)]
            table.loc[rows, "chance_in_groups"] = 1 / known.sum(axis=1)
            table.loc[rows, "predicted_in_guessed_groups"] = names[_best(scores[rows], of_kind[rows] & guess)]
        return table

    def _of_kind(self, right: Positions) -> Flags:
        """Which classes (n, classes) are of the kind, siRNA or control, of each image."""
        return self._controls[right][:, None] == self._controls

    @torch.inference_mode()
    def _scores(self, model: TrainedClassifier) -> tuple[Floats, Floats]:
        """Logits and cosines (n, classes) of the validation sites."""
        network = model.classifier_ema

        def judge(crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            judged = network(crops.to(network.softmax.weight))
            return judged.logits, judged.cosines

        logits, cosines = self._sites.each(judge)
        return logits, cosines


def _best(scores: Floats, allowed: Flags) -> Positions:
    """The class (n,) with the highest score (n, classes) among those allowed."""
    return np.where(allowed, scores, -np.inf).argmax(axis=1)


def _no_answers() -> pd.DataFrame:
    kinds: dict[str, type[object]] = {"string": object, "float": float, "boolean": bool}
    return pd.DataFrame({column.name: pd.Series(dtype=kinds[column.kind]) for column in RECOGNITION.columns})

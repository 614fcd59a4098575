"""Measures: takes held-out sites and what is learned, makes what an evaluation measures of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from gandl.config import TrainingSettings
from gandl.images.store import ImageStore
from gandl.models.crops.intensity import IntensityScale
from gandl.models.looks.probe import Probe
from gandl.models.looks.quality import build_quality, real_crops
from gandl.models.looks.readouts import build_readouts
from gandl.models.looks.reconstruction import Reconstruction
from gandl.models.networks.autoencoder import TrainedAutoencoder
from gandl.models.networks.gan import TrainedGan
from gandl.models.networks.generator import Generator
from gandl.models.networks.trained import TrainedModel

Model = TypeVar("Model", bound=TrainedModel)
Measure = Callable[[TrainedModel], Mapping[str, float]]
"""Evaluates a model while it trains; must not change it, nor any random generator."""


def measures_of(
    objective: str,
    stores: Sequence[ImageStore],
    held_out: npt.NDArray[np.int64],
    scale: IntensityScale,
    settings: TrainingSettings,
    device: torch.device,
    probe: Probe | None,
) -> list[Measure]:
    """What is measured of the models of an objective.

    Parameters
    ----------
    objective : its name.
    stores : as `gandl.models.crops.sampling.open_stores` gives them. held_out : positions of sites, counted through all stores;
        empty: nothing is compared with them.
    probe : scores discriminators by controls; None: no probe.

    Raises
    ------
    ValueError : the probe is for discriminators, which this objective has none of.
    """
    if objective == TrainedGan.objective:
        return _of_gan(stores, held_out, scale, settings, device, probe)
    if probe is not None:
        raise ValueError(f"the probe scores discriminators, and {objective} has none: leave its tables out")
    if objective == TrainedAutoencoder.objective and len(held_out):
        crops = torch.cat(list(real_crops(stores, held_out, scale, settings, settings.quality_crops)))
        return [_of(TrainedAutoencoder, Reconstruction(crops).measure)]
    return []


def _of_gan(
    stores: Sequence[ImageStore],
    held_out: npt.NDArray[np.int64],
    scale: IntensityScale,
    settings: TrainingSettings,
    device: torch.device,
    probe: Probe | None,
) -> list[Measure]:
    measures: list[Callable[[TrainedGan], Mapping[str, float]]] = []
    if len(held_out):
        quality = build_quality(stores, held_out, scale, settings, device)
        readouts = build_readouts(stores, held_out, scale, settings)
        measures += [_generator(quality.measure), _generator(readouts.measure)]
    if probe is not None:
        measures.append(_probed(probe))
    return [_of(TrainedGan, measure) for measure in measures]


def _generator(measure: Callable[[Generator], dict[str, float]]) -> Callable[[TrainedGan], dict[str, float]]:
    def measured(model: TrainedGan) -> dict[str, float]:
        return measure(model.generator_ema)

    return measured


def _probed(probe: Probe) -> Callable[[TrainedGan], dict[str, float]]:
    def measured(model: TrainedGan) -> dict[str, float]:
        return {"probe_z_prime": probe(model.discriminator_ema, model.scale)}

    return measured


def _of(kind: type[Model], measure: Callable[[Model], Mapping[str, float]]) -> Measure:
    """A measure of one kind of model, as a measure of any."""

    def measured(model: TrainedModel) -> Mapping[str, float]:
        assert isinstance(model, kind), f"{model.objective} is not a {kind.__name__}"
        return measure(model)

    return measured

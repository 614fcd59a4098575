"""What a look measures of a GAN: takes held-out sites and the probe, makes measures of its generator and its discriminator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

from gandl.config import TrainingSettings
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import IntensityScale
from gandl.models.looks.probe import Probe
from gandl.models.looks.quality import build_quality
from gandl.models.looks.readouts import build_readouts
from gandl.models.networks.gan import TrainedGan
from gandl.models.networks.generator import Generator

GanMeasure = Callable[[TrainedGan], Mapping[str, float]]


def measures(
    stores: Sequence[ImageStore],
    held_out: npt.NDArray[np.int64],
    scale: IntensityScale,
    settings: TrainingSettings,
    device: torch.device,
    probe: Probe | None,
) -> list[GanMeasure]:
    """Quality and read-outs of the generator, if sites were held out; the discriminator's score by the probe, if there is one."""
    found: list[GanMeasure] = []
    if len(held_out):
        quality = build_quality(stores, held_out, scale, settings, device)
        readouts = build_readouts(stores, held_out, scale, settings)
        found += [_generator(quality.measure), _generator(readouts.measure)]
    if probe is not None:
        found.append(_probed(probe))
    return found


def _generator(measure: Callable[[Generator], dict[str, float]]) -> GanMeasure:
    def measured(model: TrainedGan) -> dict[str, float]:
        return measure(model.generator_ema)

    return measured


def _probed(probe: Probe) -> GanMeasure:
    def measured(model: TrainedGan) -> dict[str, float]:
        return {"probe_z_prime": probe(model.discriminator_ema, model.scale)}

    return measured

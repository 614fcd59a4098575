"""What a look measures of a GAN: takes held-out sites and the probe, makes measures of its generator and its discriminator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gandl.config import TrainingSettings
from gandl.models.looks.measures import Given
from gandl.models.looks.probe import Probe
from gandl.models.looks.quality import build_quality
from gandl.models.looks.readouts import build_readouts
from gandl.models.networks.gan import TrainedGan
from gandl.models.networks.generator import Generator

GanMeasure = Callable[[TrainedGan], Mapping[str, float]]


def measures(given: Given[TrainingSettings]) -> list[GanMeasure]:
    """Quality and read-outs of the generator, if sites were held out; the discriminator's score by the probe, if there is one."""
    found: list[GanMeasure] = []
    if len(given.held_out):
        quality = build_quality(given.stores, given.held_out, given.scale, given.settings, given.device)
        readouts = build_readouts(given.stores, given.held_out, given.scale, given.settings)
        found += [_generator(quality.measure), _generator(readouts.measure)]
    if given.probe is not None:
        found.append(_probed(given.probe))
    return found


def _generator(measure: Callable[[Generator], dict[str, float]]) -> GanMeasure:
    def measured(model: TrainedGan) -> dict[str, float]:
        return measure(model.generator_ema)

    return measured


def _probed(probe: Probe) -> GanMeasure:
    def measured(model: TrainedGan) -> dict[str, float]:
        return {"probe_z_prime": probe(model.discriminator_ema, model.scale)}

    return measured

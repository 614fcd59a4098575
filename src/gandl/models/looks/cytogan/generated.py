"""How like held-out crops generated ones are: takes a family with a generator and held-out sites, makes their distance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gandl.config.cytogan import FamilyRecipe
from gandl.models.looks.measures import Given, no_discriminator
from gandl.models.looks.quality import SEED, build_quality
from gandl.models.networks.cytogan.trained import TrainedGenerating


def measures(given: Given[FamilyRecipe]) -> list[Callable[[TrainedGenerating], Mapping[str, float]]]:
    """The quality of generated crops, as of GAN-DL's, if sites were held out."""
    if given.probe is not None:
        raise no_discriminator("a family of CytoGAN")
    if not len(given.held_out):
        return []
    quality = build_quality(given.stores, given.held_out, given.scale, given.settings, given.device)

    def measured(model: TrainedGenerating) -> dict[str, float]:
        return quality.measure_crops([model.generate(model.latents(quality.count, SEED))])

    return [measured]

"""How well held-out crops are reconstructed: takes an autoencoder and crops that it never trained on, makes their error."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gandl.config import AutoencoderSettings
from gandl.models.looks.measures import Given, no_discriminator
from gandl.models.looks.quality import real_crops
from gandl.models.networks.autoencoder import TrainedAutoencoder


def measures(given: Given[AutoencoderSettings]) -> list[Callable[[TrainedAutoencoder], Mapping[str, float]]]:
    """The error of held-out crops, if sites were held out."""
    if given.probe is not None:
        raise no_discriminator(TrainedAutoencoder.objective)
    if not len(given.held_out):
        return []
    crops = torch.cat(
        list(real_crops(given.stores, given.held_out, given.scale, given.settings, given.settings.quality_crops))
    )
    return [Reconstruction(crops).measure]


class Reconstruction:
    """The error of reconstructions of crops that training never sees.

    Parameters
    ----------
    held_out : real crops (n, c, y, x) on the networks' scale.
    """

    def __init__(self, held_out: Tensor) -> None:
        self._held_out = held_out
        self._spread = float((held_out - held_out.mean(dim=(0, 2, 3), keepdim=True)).square().mean())

    def measure(self, model: TrainedAutoencoder) -> dict[str, float]:
        """Measure a model.

        Returns
        -------
        `quality` : mean squared error over the variance of held-out crops around each channel's mean: 0 where reconstructions
            are exact, 1 where they say no more than that mean. Lower is better.
        """
        made = model.beside(self._held_out, 0).to(self._held_out)
        return {"quality": float((made - self._held_out).square().mean()) / self._spread}

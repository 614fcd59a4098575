"""How well held-out crops are reconstructed: takes an autoencoder and crops that it never trained on, makes their error."""

from __future__ import annotations

from torch import Tensor

from gandl.models.networks.autoencoder import TrainedAutoencoder


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

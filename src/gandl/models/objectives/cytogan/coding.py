"""The autoencoders of CytoGAN: takes crops, makes steps that reconstruct them; one holds its codes near N(0, 1), too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from torch import Tensor

from gandl.config.cytogan import FamilyRecipe, PlainAutoencoderSettings, VaeSettings
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.cytogan.coders import (
    PLAIN_MAPS,
    VARIATIONAL_MAPS,
    PlainAutoencoder,
    VariationalAutoencoder,
    from_unit,
    unit,
)
from gandl.models.networks.cytogan.trained import TrainedPlain, TrainedVae
from gandl.models.objectives.cytogan.family import Family
from gandl.models.objectives.cytogan.formulas import divergence_from_normal, squared_error
from gandl.models.objectives.cytogan.work import coder_work
from gandl.models.objectives.objective import spread

AnyCoder = TypeVar("AnyCoder", bound=FamilyRecipe)


class Coding(Family[AnyCoder]):
    """An autoencoder of crops of [0, 1], by squared errors summed over pixels."""

    metrics: ClassVar[tuple[str, ...]] = ("loss_reconstruction", "real_spread", "reconstruction_spread")
    shown: ClassVar[Mapping[str, str]] = {"loss_reconstruction": "reconstruction error"}
    measured_by = "gandl.models.looks.reconstruction"
    shows_held_out = True
    descending: ClassVar[Mapping[str, tuple[str, ...]]] = {"autoencoder": ("autoencoder",)}

    def _learn_from(self, parts: Sequence[Tensor]) -> None:
        for real, part in zip(parts, self._parts, strict=True):
            with self._autocast():
                made, regularizer = self._reconstruct(real, part)
            error = squared_error(made, unit(real))
            ((error + regularizer) / len(parts)).backward()
            self._notes.add(
                loss_reconstruction=error, real_spread=spread(real), reconstruction_spread=spread(from_unit(made))
            )
        self._descend("autoencoder")

    def _reconstruct(self, real: Tensor, part: Tensor) -> tuple[Tensor, Tensor | float]:
        """Reconstructions (m, c, y, x) of [0, 1], and what else is minimised."""
        autoencoder = self.networks["autoencoder"]
        assert isinstance(autoencoder, PlainAutoencoder)
        return autoencoder.decode(autoencoder.encode(real)), 0.0


class PlainCoding(Coding[PlainAutoencoderSettings]):
    """Reconstruction alone."""

    settings_type = PlainAutoencoderSettings
    name = "cytogan_autoencoder"
    model_type = TrainedPlain

    @classmethod
    def work(cls, settings: PlainAutoencoderSettings, channels: int) -> float:
        """A pass forwards, and one backwards to what lies between layers and to the weights."""
        return coder_work(settings.network, channels, PLAIN_MAPS, heads=1)


class Vae(Coding[VaeSettings]):
    """Reconstruction of latent vectors that are drawn around their means, and the divergence of these from N(0, 1)."""

    settings_type = VaeSettings
    name = "vae"
    metrics: ClassVar[tuple[str, ...]] = (*Coding.metrics, "loss_divergence")
    shown: ClassVar[Mapping[str, str]] = {**Coding.shown, "loss_divergence": "divergence"}
    model_type = TrainedVae

    def _reconstruct(self, real: Tensor, part: Tensor) -> tuple[Tensor, Tensor | float]:
        autoencoder = self.networks["autoencoder"]
        assert isinstance(autoencoder, VariationalAutoencoder)
        mean, log_variance = autoencoder.describe(real)
        noise = self._disturbance(Purpose.GENERATOR, part).normal(mean)
        latents = mean + self.settings.noise_deviation * (log_variance / 2).exp() * noise
        divergence = divergence_from_normal(mean, log_variance)
        self._notes.add(loss_divergence=divergence)
        return autoencoder.decode(latents), divergence

    @classmethod
    def work(cls, settings: VaeSettings, channels: int) -> float:
        """A pass forwards, and one backwards to what lies between layers and to the weights."""
        return coder_work(settings.network, channels, VARIATIONAL_MAPS, heads=2)


KINDS = (Vae, PlainCoding)
"""What `gandl.models.objectives.kinds` lists."""

"""BiGAN (Donahue et al. 2017): takes crops, makes steps of a generator and an encoder whose pairs cannot be told apart.

The discriminator sees a real crop with its code, or a generated crop with its latent vector; generator and encoder descend
together on the same labels the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from gandl.config.cytogan import BiganSettings
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.cytogan.trained import TrainedBigan
from gandl.models.objectives.cytogan.family import Adversarial
from gandl.models.objectives.cytogan.formulas import cross_entropy
from gandl.models.objectives.cytogan.work import inference_work


class Bigan(Adversarial[BiganSettings]):
    """Pairs of a crop and a latent vector are judged."""

    settings_type = BiganSettings
    name = "bigan"
    model_type = TrainedBigan
    descending: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminator": ("discriminator",),
        "generator": ("generator", "encoder"),
    }

    @property
    def encoder(self) -> nn.Module:
        return self.networks["encoder"]

    def _latents(self, purpose: Purpose) -> Tensor:
        """Uniform between -1 and 1."""
        shape = self.settings.batch, self.settings.network.code_dim
        return 2 * torch.rand(shape, generator=self._rng(purpose), device=self.device).to(self.dtype) - 1

    def _judge(self, pairs: tuple[tuple[Tensor, Tensor], ...], purpose: Purpose, part: Tensor) -> list[Tensor]:
        """Logits (m,) of pairs of crops and latent vectors, each with its own dropout."""
        disturbance = self._disturbance(purpose, part)
        with self._autocast():
            return [self.discriminator(crops, of, disturbance, self.settings.dropout) for crops, of in pairs]

    def _discriminator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        with torch.no_grad(), self._autocast():
            codes = self.encoder(real).to(self.dtype)
        of_real, of_fake = self._judge(((real, codes), (fake, latents)), Purpose.AUGMENTATION_OF_REALS, part)
        self._notes.add(real_logit=of_real.mean(), fake_logit=of_fake.mean())
        return cross_entropy(of_real, 1.0) + cross_entropy(of_fake, 0.0)

    def _generator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        with self._autocast():
            codes = self.encoder(real)
        of_real, of_fake = self._judge(((real, codes), (fake, latents)), Purpose.AUGMENTATION_FOR_GENERATOR, part)
        return cross_entropy(of_real, 0.0) + cross_entropy(of_fake, 1.0)

    @classmethod
    def work(cls, settings: BiganSettings, channels: int) -> float:
        """As of the other families; generator and encoder pass twice, once backwards, the discriminator four times."""
        return inference_work(settings.network, channels)


KINDS = (Bigan,)
"""What `gandl.models.objectives.kinds` lists."""

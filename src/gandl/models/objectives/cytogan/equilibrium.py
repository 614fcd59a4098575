"""BEGAN (Berthelot et al. 2017): takes crops, makes steps of an autoencoder that reconstructs real ones better than others.

A balance k says how much generated crops count for the autoencoder: it holds their error at a share gamma of that of real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from gandl.config.cytogan import BeganSettings
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.cytogan.trained import TrainedBegan
from gandl.models.objectives.cytogan.family import Adversarial
from gandl.models.objectives.cytogan.formulas import absolute_error, balanced, convergence
from gandl.models.objectives.cytogan.work import equilibrium_work


class Began(Adversarial[BeganSettings]):
    """The discriminator is a denoising autoencoder, and its error is its judgement.

    Attributes
    ----------
    balance : () k, between 0 and 1; 0 at first.
    """

    settings_type = BeganSettings
    name = "began"
    metrics: ClassVar[tuple[str, ...]] = (
        "loss_discriminator", "loss_generator", "real_error", "balance", "convergence", "real_spread", "fake_spread",
    )  # fmt: skip
    model_type = TrainedBegan

    def _build(self) -> None:
        super()._build()
        self.balance = torch.zeros((), device=self.device, dtype=self.dtype)
        self._errors: dict[str, list[Tensor]] = {"real": [], "fake": []}

    def _learn_from(self, parts: Sequence[Tensor]) -> None:
        self._errors = {"real": [], "fake": []}
        super()._learn_from(parts)
        of_parts = torch.stack([torch.stack(errors).mean() for errors in self._errors.values()])
        real, fake = self.ranks.mean(of_parts)
        settings = self.settings
        self._notes.add(balance=self.balance, convergence=convergence(real, fake, settings.gamma))
        self.balance = balanced(self.balance, real, fake, settings.gamma, settings.balance_rate)

    def _error(self, crops: Tensor, purpose: Purpose, part: Tensor) -> Tensor:
        """How far crops are from what the autoencoder makes of them with noise: the mean over pixels and crops."""
        noisy = self._disturbance(purpose, part).noisy(crops, self.settings.input_noise)
        with self._autocast():
            made = self.discriminator(noisy)
        return absolute_error(made, crops)

    def _discriminator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        of_real = self._error(real, Purpose.AUGMENTATION_OF_REALS, part)
        of_fake = self._error(fake, Purpose.AUGMENTATION_OF_FAKES, part)
        self._errors["real"].append(of_real.detach())
        self._notes.add(real_error=of_real)
        return of_real - self.balance * of_fake

    def _generator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        of_fake = self._error(fake, Purpose.AUGMENTATION_FOR_GENERATOR, part)
        self._errors["fake"].append(of_fake.detach())
        return of_fake

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "balance": self.balance}

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        self.balance = state["balance"].to(self.balance)

    @classmethod
    def work(cls, settings: BeganSettings, channels: int) -> float:
        """Two passes of the generator, one of them also backwards, and three of the autoencoder, two of them on its weights."""
        generator, first_layer, autoencoder, first_convolution = equilibrium_work(settings.network, channels)
        of_discriminator = generator + 2 * (3 * autoencoder - first_convolution)
        return of_discriminator + 3 * generator - first_layer + 2 * autoencoder


KINDS = (Began,)
"""What `gandl.models.objectives.kinds` lists."""

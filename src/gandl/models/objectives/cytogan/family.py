"""What all families of CytoGAN share: takes a loader of crops, makes steps of several optimisers whose rates decay.

A collapse of the generator is what the paper saw of DCGAN, "frequently and very early on": a result, which `fake_spread` shows,
not a trouble to be rolled back.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from gandl.config.cytogan import AdversarialRecipe, FamilyRecipe
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.batch_norm import settle
from gandl.models.networks.cytogan.layers import Disturbance, bounded
from gandl.models.networks.cytogan.trained import TrainedFamily
from gandl.models.objectives.adversaries import frozen
from gandl.models.objectives.objective import Objective, descend, spread
from gandl.models.objectives.troubles import QUICK, Check, Numbers, TroubleKind

AnyFamily = TypeVar("AnyFamily", bound=FamilyRecipe)
AnyAdversaries = TypeVar("AnyAdversaries", bound=AdversarialRecipe)

MOST_LOSS = 1e6
"""The largest that is usual are squared errors summed over an image: at most the number of its pixels."""


class Family(Objective[AnyFamily]):
    """Networks of a family that learn from crops.

    Attributes
    ----------
    networks : by name, as the family's model has them.
    """

    model_type: ClassVar[type[TrainedFamily]]
    descending: ClassVar[Mapping[str, tuple[str, ...]]]
    """Optimisers, and the networks that each moves."""

    def _build(self) -> None:
        settings = self.settings
        made = self.model_type.start(settings, len(self.scale.channels), self.seed)
        self.networks = {name: network.to(self.device, self.dtype).train() for name, network in made.items()}
        self._optimizers = {
            name: torch.optim.Adam(
                [weight for part in parts for weight in self.networks[part].parameters()],
                lr=self._rate_of(name),
                betas=(settings.beta1, settings.beta2),
                eps=1e-8,
            )
            for name, parts in self.descending.items()
        }

    @property
    def trained(self) -> Sequence[nn.Module]:
        return tuple(self.networks.values())

    @abstractmethod
    def _learn_from(self, parts: Sequence[Tensor]) -> None:
        """Descend on a batch of real crops, (m, c, s, s) each, between -1 and 1."""

    def _learn(self) -> None:
        self._learn_from([bounded(real.to(self.dtype)) for real in self.loader.batch(self.step_number, self.course)])
        for network in self.trained:
            settle(network, self.ranks)

    def _rate_of(self, optimizer: str) -> float:
        """The learning rate of an optimiser in this step: that of the course, decayed."""
        settings = self.settings
        decay: float = settings.rate_decay ** (self.step_number // settings.rate_decay_steps)
        return self.learning_rate * decay

    def _descend(self, name: str) -> None:
        optimizer = self._optimizers[name]
        optimizer.param_groups[0]["lr"] = self._rate_of(name)
        descend(optimizer, self.ranks)

    def _disturbance(self, purpose: Purpose, part: Tensor) -> Disturbance:
        """What is drawn for a purpose in this step, for one part of the batch."""
        return Disturbance(self.settings.batch, part, self._rng(purpose))

    def _follow_course(self) -> None:
        """Every step takes the learning rate anew."""

    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {**self.networks, **{f"{name}_optimizer": made for name, made in self._optimizers.items()}}

    def model(self) -> TrainedFamily:
        """Copies of the networks, since a generator normalises by its batch as long as it trains."""
        networks: dict[str, Any] = {
            name: copy.deepcopy(network).eval().requires_grad_(False) for name, network in self.networks.items()
        }
        return self.model_type(**networks, **self._described())

    @classmethod
    def checks(cls, settings: AnyFamily) -> dict[str, Check]:
        return {"loss": Check(TroubleKind.EXPLODING, cls._exploding, QUICK)}

    @classmethod
    def _exploding(cls, numbers: Numbers) -> str:
        loss = numbers[cls.metrics[0]]
        return f"the loss is {loss:.3g} (at most {MOST_LOSS:g} is normal)" if abs(loss) > MOST_LOSS else ""


class Adversarial(Family[AnyAdversaries]):
    """Generator and discriminator: a step of the discriminator, then one of the generator, each on latent vectors of its own."""

    metrics: ClassVar[tuple[str, ...]] = (
        "loss_discriminator", "loss_generator", "real_logit", "fake_logit", "real_spread", "fake_spread",
    )  # fmt: skip
    shown: ClassVar[Mapping[str, str]] = {"loss_generator": "loss of G", "loss_discriminator": "of D"}
    measured_by = "gandl.models.looks.cytogan.generated"
    descending: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminator": ("discriminator",),
        "generator": ("generator",),
    }

    @abstractmethod
    def _discriminator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        """What the discriminator minimises of a part of the batch; notes what it measures.

        Parameters
        ----------
        real : (m, c, s, s). fake : as many generated ones, without history, of `latents` (m, d). part : (m,) their positions.
        """

    @abstractmethod
    def _generator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        """What the generator minimises; as `_discriminator_loss`, with the history of generated crops."""

    @property
    def generator(self) -> nn.Module:
        return self.networks["generator"]

    @property
    def discriminator(self) -> nn.Module:
        return self.networks["discriminator"]

    def _learn_from(self, parts: Sequence[Tensor]) -> None:
        latents = self._latents(Purpose.DISCRIMINATOR)
        for real, part in zip(parts, self._parts, strict=True):
            with torch.no_grad(), self._autocast():
                fake = self.generator(latents[part]).to(self.dtype)
            loss = self._discriminator_loss(real, latents[part], fake, part)
            (loss / len(parts)).backward()
            self._notes.add(loss_discriminator=loss, real_spread=spread(real), fake_spread=spread(fake))
        self._descend("discriminator")
        latents = self._latents(Purpose.GENERATOR)
        with frozen(self.discriminator):
            for real, part in zip(parts, self._parts, strict=True):
                with self._autocast():
                    fake = self.generator(latents[part])
                loss = self._generator_loss(real, latents[part], fake, part)
                (loss / len(parts)).backward()
                self._notes.add(loss_generator=loss)
        self._descend("generator")

    def _latents(self, purpose: Purpose) -> Tensor:
        """Latent vectors of the whole batch, (batch, d)."""
        shape = self.settings.batch, self.settings.network.code_dim
        return torch.randn(shape, generator=self._rng(purpose), device=self.device).to(self.dtype)

    def _rate_of(self, optimizer: str) -> float:
        rate = super()._rate_of(optimizer)
        settings = self.settings
        return rate * settings.generator_learning_rate / settings.learning_rate if optimizer == "generator" else rate

"""DCGAN, LSGAN and WGAN: takes crops, makes steps of the same two networks by three losses (Goldsborough et al. 2017).

Noise is added to what the discriminator sees, real and generated, in every pass of training; it embeds without.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from gandl.config import Loss
from gandl.config.cytogan import ConvolutionalRecipe, DcganSettings, LabelledRecipe, LsganSettings, WganSettings
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.convolution import quick_second_derivatives
from gandl.models.networks.cytogan.trained import TrainedDcgan, TrainedLsgan, TrainedWgan
from gandl.models.objectives import losses
from gandl.models.objectives.cytogan.family import Adversarial
from gandl.models.objectives.cytogan.formulas import cross_entropy, least_squares
from gandl.models.objectives.cytogan.work import discriminator_work, generator_work

AnyConvolutional = TypeVar("AnyConvolutional", bound=ConvolutionalRecipe)
AnyLabelled = TypeVar("AnyLabelled", bound=LabelledRecipe)


class Convolutional(Adversarial[AnyConvolutional]):
    """The discriminator scores single crops."""

    def _judge(self, purpose: Purpose, part: Tensor, *crops: Tensor) -> list[Tensor]:
        """Scores (m,) of crops, each with its own noise."""
        disturbance = self._disturbance(purpose, part)
        with self._autocast():
            return [self.discriminator(disturbance.noisy(of, self.settings.input_noise)) for of in crops]

    @classmethod
    def work(cls, settings: AnyConvolutional, channels: int) -> float:
        """Two passes of the generator, one of them also backwards, and three of the discriminator, two of them on its weights."""
        generator, first_layer = generator_work(settings.network, channels)
        discriminator, first_convolution = discriminator_work(settings.network, channels)
        of_discriminator = generator + 2 * (3 * discriminator - first_convolution)
        of_generator = 3 * generator - first_layer + 2 * discriminator
        return of_discriminator + of_generator + cls._penalty_work(discriminator, first_convolution)

    @classmethod
    def _penalty_work(cls, discriminator: float, first: float) -> float:
        return 0.0


class Labelled(Convolutional[AnyLabelled]):
    """Real crops are labelled nearly one, generated ones zero; the generator wants its own to be taken for one."""

    @staticmethod
    @abstractmethod
    def _distance(scores: Tensor, labels: Tensor | float, /) -> Tensor:
        """How far scores (m,) are from labels; the mean."""

    def _discriminator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        of_real, of_fake = self._judge(Purpose.AUGMENTATION_OF_REALS, part, real, fake)
        labels = self._disturbance(Purpose.PENALTY, part).uniform(of_real, self.settings.real_label)
        self._notes.add(real_logit=of_real.mean(), fake_logit=of_fake.mean())
        return self._distance(of_real, labels) + self._distance(of_fake, 0.0)

    def _generator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        (of_fake,) = self._judge(Purpose.AUGMENTATION_FOR_GENERATOR, part, fake)
        return self._distance(of_fake, 1.0)


class Dcgan(Labelled[DcganSettings]):
    """Cross-entropy; the generator's is the non-saturating one (Goodfellow et al. 2014, section 3)."""

    settings_type = DcganSettings
    name = "dcgan"
    model_type = TrainedDcgan
    _distance = staticmethod(cross_entropy)


class Lsgan(Labelled[LsganSettings]):
    """Squared distance from the labels."""

    settings_type = LsganSettings
    name = "lsgan"
    model_type = TrainedLsgan
    _distance = staticmethod(least_squares)


class Wgan(Convolutional[WganSettings]):
    """Difference of mean scores, and a penalty that holds the critic's slope at one between real and generated crops."""

    settings_type = WganSettings
    name = "wgan"
    metrics: ClassVar[tuple[str, ...]] = (*Convolutional.metrics, "gradient_penalty")
    model_type = TrainedWgan

    def _discriminator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        of_real, of_fake = self._judge(Purpose.AUGMENTATION_OF_REALS, part, real, fake)
        self._notes.add(real_logit=of_real.mean(), fake_logit=of_fake.mean())
        loss = losses.discriminator_loss(Loss.WGAN, of_real, of_fake)
        weight = self.settings.penalty_weight
        return loss + weight * self._penalty(real, fake, part) if weight else loss

    def _penalty(self, real: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        """Never in mixed precision."""
        disturbance = self._disturbance(Purpose.PENALTY, part)
        share = disturbance.uniform(real if self.settings.per_pixel_epsilon else real.new_empty(len(real)))
        between = losses.interpolate(real, fake, share)
        with torch.autocast(self.device.type, enabled=False), quick_second_derivatives():
            scores = self.discriminator(disturbance.noisy(between, self.settings.input_noise))
            penalty = losses.slope_penalty(scores, between)
        self._notes.add(gradient_penalty=penalty)
        return penalty

    def _generator_loss(self, real: Tensor, latents: Tensor, fake: Tensor, part: Tensor) -> Tensor:
        (of_fake,) = self._judge(Purpose.AUGMENTATION_FOR_GENERATOR, part, fake)
        return losses.generator_loss(Loss.WGAN, of_fake)

    @classmethod
    def _penalty_work(cls, discriminator: float, first: float) -> float:
        """A pass, its derivative by the crops, and the derivatives of both by the weights and by what lies between layers."""
        return 6 * discriminator - first


KINDS = (Dcgan, Lsgan, Wgan)
"""What `gandl.models.objectives.kinds` lists."""

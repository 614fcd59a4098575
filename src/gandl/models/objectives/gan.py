"""The GAN: takes a loader of real crops and settings, makes steps of StyleGAN2's schedule (Karras et al. 2020, appendix B).

A step is: generator, its path-length penalty every few steps, discriminator, its penalties every few steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gandl.config import GradientEstimate, Loss, Pairs, TrainingSettings
from gandl.models.compute.compilation import FirstOrder
from gandl.models.compute.randomness import Purpose
from gandl.models.compute.ranks import PartsError, largest_part
from gandl.models.networks.convolution import quick_second_derivatives
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.gan import TrainedGan
from gandl.models.networks.generator import Generator, Latents
from gandl.models.objectives import losses
from gandl.models.objectives.adversaries import (
    PATH_BATCH_SHRINK,
    Adversaries,
    frozen,
    path_length_interval,
    penalty_interval,
)
from gandl.models.objectives.augmentation import AugmentationDraws
from gandl.models.objectives.augmenter import Augmenter
from gandl.models.objectives.gan_troubles import gan_checks, gan_remedy
from gandl.models.objectives.gan_work import work_per_image
from gandl.models.objectives.objective import Objective, descend, spread
from gandl.models.objectives.troubles import Check, Trouble

DEVIATION_DECAY = 0.01
"""Step of the running mean of the minibatch deviation of real images."""


class Gan(Objective[TrainingSettings]):
    """StyleGAN2's adversarial training of generator and discriminator, with or without an additional contrastive task.

    Attributes
    ----------
    augmentation_strength : of the adaptive augmentation, 0 to 1.
    """

    settings_type = TrainingSettings
    name = "gan"
    metrics = (
        "loss_generator", "loss_discriminator", "real_logit", "fake_logit", "real_sign", "real_spread", "fake_spread",
        "r1", "r2", "lipschitz", "path_length", "path_length_penalty", "augmentation_strength",
    )  # fmt: skip
    shown: ClassVar[Mapping[str, str]] = {
        "loss_generator": "loss of G",
        "loss_discriminator": "of D",
        "r1": "R1",
        "path_length": "path length",
        "augmentation_strength": "augmentation",
    }
    measured_by = "gandl.models.looks.gan_measures"
    factors_at_first: ClassVar[Mapping[str, float]] = {"learning_rate": 1.0, "r1_gamma": 1.0}

    def _build(self) -> None:
        settings, ranks = self.settings, self.ranks
        micro = settings.engine.microbatch
        self._path_interval, self._penalty_interval = path_length_interval(settings), penalty_interval(settings)
        self._path_images = max(1, settings.batch // PATH_BATCH_SHRINK) if self._path_interval else 0
        path_micro = largest_part(self._path_images // ranks.size, micro // PATH_BATCH_SHRINK) if micro else 0
        if self._path_images % ranks.size:
            raise PartsError(
                f"the path-length penalty uses {self._path_images} images, half a batch, which cannot be split among "
                f"{ranks.size} processes: training.batch must be a multiple of {PATH_BATCH_SHRINK * ranks.size}"
            )
        if ranks.size > 1 and settings.contrast.pairs is not Pairs.NONE:
            raise PartsError(
                f"the contrastive task compares all images of a batch, which {ranks.size} processes do not share: set "
                "compute.gpus to 1, or training.contrast.pairs to none"
            )
        path_parts = ranks.deal(self._path_images, 1, path_micro) if self._path_interval else []
        self._path_parts = [part.to(self.device) for part in path_parts]
        self.adversaries = Adversaries(settings, len(self.scale.channels), self.seed, self.device, self.dtype)
        self.generator, self.discriminator = self.adversaries.generator, self.adversaries.discriminator
        self._augmenter = Augmenter(settings.augmentation, settings.batch)
        self._follow_course()
        self._synthesize = FirstOrder(self.generator.synthesize, settings.engine)
        self._judge = FirstOrder(self.discriminator, settings.engine)
        if settings.engine.compile:
            self._try_compilation()

    # What it is

    @property
    def generator_ema(self) -> Generator:
        return self.adversaries.generator_average.average

    @property
    def discriminator_ema(self) -> Discriminator:
        return self.adversaries.discriminator_average.average

    @property
    def compiled(self) -> bool:
        """Whether first-order passes are compiled: requested, and no compiler has failed so far."""
        return self._synthesize.compiled and self._judge.compiled

    @property
    def trained(self) -> Sequence[nn.Module]:
        return self.generator, self.discriminator

    @property
    def augmentation_strength(self) -> float:
        return self._augmenter.strength

    def _follow_course(self) -> None:
        self.adversaries.set_learning_rate(self.learning_rate)

    # A step

    def _learn(self) -> None:
        """One batch for both networks, then their averages."""
        step = self.step_number
        reals = self._augmented(self.loader.batch(step, self.course), Purpose.AUGMENTATION_OF_REALS)
        fakes = self._train_generator(reals)
        if self._path_interval and step % self._path_interval == 0:
            self._penalise_path_length()
        if not self.settings.engine.shared_forward:
            fakes = self._fakes()
        fakes = self._augmented(fakes, Purpose.AUGMENTATION_OF_FAKES)
        self._train_discriminator(reals, fakes)
        if self._penalty_interval and step % self._penalty_interval == 0:
            self._penalise_gradients(reals, fakes)
        self.adversaries.average(self.images, self.settings.batch)

    def _train_generator(self, reals: Sequence[Tensor]) -> list[Tensor]:
        """Descend on the discriminator's judgement of new images; gives these images, where they are used again."""
        latents, made = self._latents(Purpose.GENERATOR), []
        augmentations = self._augmentations(Purpose.AUGMENTATION_FOR_GENERATOR)
        with frozen(self.discriminator):
            for part, real, draws in zip(self._parts, reals, augmentations, strict=True):
                with self._autocast():
                    fakes = self._generate(latents.take(part))
                    logits = self._judge(self._augment(fakes, draws)).logits
                    loss = losses.generator_loss(self.settings.loss, logits, self._rivals(real))
                (loss / len(self._parts)).backward()
                if self.settings.engine.shared_forward:  # else they would only take room
                    made.append(fakes.detach())
                self._notes.add(loss_generator=loss)
        descend(self.adversaries.generator_optimizer, self.ranks)
        return made

    @torch.no_grad()
    def _rivals(self, real: Tensor) -> Tensor | None:
        """Logits of real images, where the generator's loss compares with them."""
        return self._judge(real).logits if self.settings.loss is Loss.RELATIVISTIC else None

    def _penalise_path_length(self) -> None:
        """Pull the lengths of J^T y towards their running mean (Karras et al. 2020, section 3.2); never in mixed precision."""
        settings, rng = self.settings, self._rng(Purpose.PATH_LENGTH)
        latents = self.generator.draw(self._path_images, rng, settings.style_mixing).to(self.dtype)
        shape = self._path_images, len(self.scale.channels), settings.network.crop, settings.network.crop
        directions = torch.randn(shape, generator=rng, device=self.device).to(self.dtype)

        def lengths_of(part: Tensor) -> Tensor:
            mine = latents.take(part)
            styles = self.generator.styles(mine)
            with quick_second_derivatives():
                images = self.generator.synthesize(styles, mine.noise)
            return losses.path_lengths(images, styles, directions[part])

        once = len(self._path_parts) == 1  # of several parts, the graphs of the first pass are not kept: memory
        lengths = [lengths_of(part) if once else lengths_of(part).detach() for part in self._path_parts]
        batch_mean = self.ranks.mean(torch.cat(lengths).mean())
        mean = self.adversaries.mean_path_length.lerp(batch_mean, settings.path_length_decay)
        self.adversaries.mean_path_length = mean
        for part, first in zip(self._path_parts, lengths, strict=True):
            kept = first if once else lengths_of(part)
            penalty = losses.path_length_penalty(kept, mean)
            weight = settings.path_length_weight * settings.path_length_interval
            (penalty * (weight / len(self._path_parts))).backward()
            self._notes.add(path_length_penalty=penalty, path_length=kept.mean())
        descend(self.adversaries.generator_optimizer, self.ranks)

    def _train_discriminator(self, reals: Sequence[Tensor], fakes: Sequence[Tensor]) -> None:
        """Descend on separating real from generated images."""
        seen = []
        for real, fake in zip(reals, fakes, strict=True):
            with self._autocast():
                fake_logits = self._judge(fake).logits
                real_logits, deviation, features = self._judge(real)
                loss = losses.discriminator_loss(self.settings.loss, real_logits, fake_logits)
            ((loss + self._contrast(features)) / len(self._parts)).backward()
            sign = real_logits.detach().sign().mean()
            seen.append(torch.stack([deviation.detach(), sign.to(deviation.dtype)]))
            self._notes.add(loss_discriminator=loss, real_logit=real_logits.mean(), fake_logit=fake_logits.mean())
            self._notes.add(real_sign=sign, real_spread=spread(real), fake_spread=spread(fake))
        descend(self.adversaries.discriminator_optimizer, self.ranks)
        deviation, sign = self.ranks.mean(torch.stack(seen).mean(dim=0))
        self.discriminator.deviation.mean.lerp_(deviation.to(self.dtype), DEVIATION_DECAY)
        strength = self._augmenter.follow(sign)
        if strength is not None:
            self._notes.add(augmentation_strength=torch.tensor(strength, device=self.device))

    def _contrast(self, features: Tensor) -> Tensor | float:
        """The contrastive task's weighted loss of real images that come in pairs; 0 where it is off."""
        contrast, head = self.settings.contrast, self.discriminator.contrast
        if head is None:
            return 0.0
        loss = losses.contrastive_loss(head(features), contrast.temperature)
        self._notes.add(loss_contrast=loss)
        return contrast.weight * loss

    def _penalise_gradients(self, reals: Sequence[Tensor], fakes: Sequence[Tensor]) -> None:
        """Descend on the penalties of the discriminator's gradient with respect to its images; never in mixed precision."""
        settings, rng = self.settings, self._rng(Purpose.PENALTY)
        shares = torch.rand(settings.batch, generator=rng, device=self.device).to(self.dtype)
        seeds = torch.randint(2**62, (2,), generator=rng, device=self.device).tolist()
        for part, real, fake in zip(self._parts, reals, fakes, strict=True):
            terms: dict[str, tuple[float, Tensor]] = {}
            for name, gamma, images, seed in (
                ("r1", settings.r1_gamma, real, seeds[0]),
                ("r2", settings.r2_gamma, fake, seeds[1]),
            ):
                if gamma:
                    terms[name] = gamma * self.factors["r1_gamma"] / 2, self._gradient_penalty(images, part, seed)
            if settings.lipschitz_weight:
                between = losses.interpolate(real, fake, shares[part])
                penalty = losses.lipschitz_penalty(self._judge_for_penalty(between), between)
                terms["lipschitz"] = settings.lipschitz_weight, penalty
            loss = torch.stack([weight * penalty for weight, penalty in terms.values()]).sum()
            (loss * (settings.r1_interval / len(self._parts))).backward()
            self._notes.add(**{name: penalty for name, (_, penalty) in terms.items()})
        descend(self.adversaries.discriminator_optimizer, self.ranks)

    def _gradient_penalty(self, images: Tensor, part: Tensor, seed: int) -> Tensor:
        """Mean squared gradient of D at images, exactly or along one random direction of the whole batch's."""
        if self.settings.r1_estimate is GradientEstimate.EXACT:
            images = images.detach().requires_grad_()
            return losses.gradient_penalty(self._judge_for_penalty(images), images)
        rng = torch.Generator(self.device).manual_seed(seed)
        directions = torch.randn(self.settings.batch, *images.shape[1:], generator=rng, device=self.device)
        direction = directions[part].to(self.dtype)
        group = self.settings.network.minibatch_std_group
        return losses.finite_difference_penalty(lambda x: self._judge(x).logits, images, direction, group)

    def _judge_for_penalty(self, images: Tensor) -> Tensor:
        """Logits (n,) that are to be differentiated twice: never compiled."""
        with quick_second_derivatives():
            logits: Tensor = self.discriminator(images).logits
        return logits

    # What is drawn

    def _latents(self, purpose: Purpose) -> Latents:
        """Latents of a whole batch."""
        settings, rng = self.settings, self._rng(purpose)
        return self.generator.draw(settings.batch, rng, settings.style_mixing).to(self.dtype)

    def _generate(self, latents: Latents) -> Tensor:
        return self._synthesize(self.generator.styles(latents), latents.noise)

    @torch.no_grad()
    def _fakes(self) -> list[Tensor]:
        """New images for the discriminator, part by part."""
        latents = self._latents(Purpose.DISCRIMINATOR)
        with self._autocast():
            return [self._generate(latents.take(part)) for part in self._parts]

    def _augmentations(self, purpose: Purpose) -> Sequence[AugmentationDraws | None]:
        """What augmentation draws for every part; nothing where it is off."""
        return self._augmenter.draw(len(self.scale.channels), self._rng(purpose), self._parts)

    @torch.no_grad()
    def _augmented(self, images: Sequence[Tensor], purpose: Purpose) -> list[Tensor]:
        return [self._augment(part, draws) for part, draws in zip(images, self._augmentations(purpose), strict=True)]

    def _augment(self, images: Tensor, draws: AugmentationDraws | None) -> Tensor:
        return self._augmenter.apply(images.to(self.dtype), draws)

    # How it is computed

    def _try_compilation(self) -> None:
        """Compile every pass of a step now, so that a compiler that fails is found out before anything is lost."""
        try:
            part = self._latents(Purpose.GENERATOR).take(self._parts[0])
            with self._autocast():
                with frozen(self.discriminator):
                    self._judge(self._generate(part)).logits.sum().backward()
                with torch.no_grad():
                    images = self._generate(part)
                self._judge(images).logits.sum().backward()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a compiler may raise: the networks themselves need none
            self._synthesize.fall_back(error)
            self._judge.fall_back(error)
        for network in (self.generator, self.discriminator):
            network.zero_grad(set_to_none=True)

    # What the engine uses

    def _state(self) -> dict[str, Any]:
        return {"augmentation": self._augmenter.state(), **self.adversaries.state()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._augmenter.restore(state["augmentation"], self.device, self.dtype)
        self.adversaries.restore(state)

    def model(self) -> TrainedGan:
        return TrainedGan(
            generator_ema=self.generator_ema,
            discriminator_ema=self.discriminator_ema,
            discriminator_raw=self.discriminator,
            **self._described(),
        )

    @classmethod
    def work(cls, settings: TrainingSettings, channels: int) -> float:
        return work_per_image(settings, channels)

    @classmethod
    def by_class(cls, settings: TrainingSettings) -> bool:
        return True  # where there are labels to draw by: tiles have some, sites have none

    @classmethod
    def checks(cls, settings: TrainingSettings) -> dict[str, Check]:
        return gan_checks(settings)

    def remedy(self, trouble: Trouble) -> Mapping[str, float]:
        return gan_remedy(trouble, self.settings, self.factors)

    @property
    def course_numbers(self) -> dict[str, float]:
        return {"learning_rate": self.learning_rate, "r1_gamma": self.settings.r1_gamma * self.factors["r1_gamma"]}

    def advice(self) -> str:
        settings = self.settings
        return (
            f"Lower training.learning_rate (now {settings.learning_rate:g}) or raise training.r1_gamma (now "
            f"{settings.r1_gamma:g})"
        )

"""Trainer: takes a loader of real crops and settings, makes steps of StyleGAN2's schedule (Karras et al. 2020, appendix B).

`Trainer.step` is one: generator, its path-length penalty every few steps, discriminator, its penalties every few steps. A
batch is computed in parts (`Ranks.deal`): gradients add up over this process's parts and are averaged over processes before
each descent, so that the step is that of the whole batch. `state` is all that decides the future.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor

from gandl.code_version import code_version
from gandl.config import Augmentation, GradientEstimate, Loss, Pairs, TrainingSettings
from gandl.models import augmentation, losses
from gandl.models.adversaries import Adversaries, descend, frozen, path_length_interval, penalty_interval
from gandl.models.compilation import FirstOrder
from gandl.models.convolution import quick_second_derivatives
from gandl.models.device import CPU, autocast
from gandl.models.discriminator import Discriminator
from gandl.models.generator import Generator, Latents
from gandl.models.intensity import IntensityScale
from gandl.models.notes import Notes, StepNumbers
from gandl.models.parallel import ALONE, PartsError, Ranks, largest_part
from gandl.models.randomness import Purpose, torch_rng
from gandl.models.weights import TrainedModel

PATH_BATCH_SHRINK = 2
"""The path-length penalty looks at this fraction of a batch (Karras et al. 2020, appendix B)."""
DEVIATION_DECAY = 0.01
"""Step of the running mean of the minibatch deviation of real images."""

Probe = Callable[[Discriminator, IntensityScale], float]
"""Scores a discriminator while it trains; must leave it, and every random generator, as they were."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step, why, and what to change."""


class Batches(Protocol):
    """Where real crops come from: `gandl.models.loader.Loader`, or whatever stands in for it."""

    scale: IntensityScale

    def batch(self, step: int, course: int) -> list[Tensor]:
        """This rank's parts of a step's batch, (m, c, s, s) each, on the device and on the networks' scale."""
        ...


class Trainer:
    """Networks, optimisers and averages of one training, on one device.

    Parameters
    ----------
    loader : gives real crops on the device, on the networks' scale.
    seed : of initial weights, latents and crops.
    ranks : this process among those that train together.
    dtype : of the networks; float64 is for comparisons.

    Attributes
    ----------
    step_number : steps made so far.
    course : how often this training has rolled back; each course draws other latents and crops.
    learning_rate_factor, gamma_factor : what roll-backs have done to the settings' learning rate and gammas.
    augmentation_strength : of the adaptive augmentation, 0 to 1.

    Raises
    ------
    gandl.models.parallel.PartsError : the batch cannot be dealt to these ranks in these microbatches.
    """

    def __init__(
        self,
        loader: Batches,
        settings: TrainingSettings,
        seed: int,
        *,
        ranks: Ranks = ALONE,
        device: torch.device = CPU,
        pixel_size_um: float | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.settings, self.seed, self.ranks, self.device, self.dtype = settings, seed, ranks, device, dtype
        self.loader, self.scale, self.pixel_size_um = loader, loader.scale, pixel_size_um
        micro, group = settings.engine.microbatch, settings.network.minibatch_std_group
        self._parts = [part.to(device) for part in ranks.deal(settings.batch, group, micro)]
        self._path_interval, self._penalty_interval = path_length_interval(settings), penalty_interval(settings)
        self._path_images = max(1, settings.batch // PATH_BATCH_SHRINK) if self._path_interval else 0
        path_micro = largest_part(self._path_images // ranks.size, micro // PATH_BATCH_SHRINK) if micro else 0
        if self._path_images % ranks.size:
            raise PartsError(
                f"the path-length penalty looks at {self._path_images} images, half a batch, which cannot be dealt to "
                f"{ranks.size} processes: training.batch must be a multiple of {PATH_BATCH_SHRINK * ranks.size}"
            )
        if ranks.size > 1 and settings.contrast.pairs is not Pairs.NONE:
            raise PartsError(
                f"the contrastive task compares all images of a batch, which {ranks.size} processes do not see: set "
                "compute.gpus to 1, or training.contrast.pairs to none"
            )
        path_parts = ranks.deal(self._path_images, 1, path_micro) if self._path_interval else []
        self._path_parts = [part.to(device) for part in path_parts]
        self.adversaries = Adversaries(settings, len(self.scale.channels), seed, device, dtype)
        self.generator, self.discriminator = self.adversaries.generator, self.adversaries.discriminator
        self.step_number = 0
        self.augmentation_strength = 0.0
        self._signs: list[Tensor] = []
        self.set_course(0, 1.0, 1.0)
        self._synthesize = FirstOrder(self.generator.synthesize, settings.engine)
        self._judge = FirstOrder(self.discriminator, settings.engine)
        self._notes = Notes()
        self.code = code_version("gandl.models.training")
        if settings.engine.compile:
            self._try_compilation()

    # What it is

    @property
    def images(self) -> int:
        """Real images shown so far, over all ranks."""
        return self.step_number * self.settings.batch

    @property
    def generator_ema(self) -> Generator:
        return self.adversaries.generator_average.average

    @property
    def discriminator_ema(self) -> Discriminator:
        return self.adversaries.discriminator_average.average

    @property
    def learning_rate(self) -> float:
        return self.settings.learning_rate * self.learning_rate_factor

    @property
    def compiled(self) -> bool:
        """Whether first-order passes are compiled: asked for, and no compiler has failed so far."""
        return self._synthesize.compiled and self._judge.compiled

    def set_course(self, course: int, learning_rate_factor: float, gamma_factor: float) -> None:
        """Go on with other draws, learning rate and gammas (after a roll-back)."""
        self.course, self.learning_rate_factor, self.gamma_factor = course, learning_rate_factor, gamma_factor
        self.adversaries.set_learning_rate(self.learning_rate)

    # A step

    def step(self) -> None:
        """One batch for both networks, then their averages. What was measured in it waits for `drain`."""
        step, seen = self.step_number, self.images
        self._notes.begin(step)
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
        self.adversaries.average(seen, self.settings.batch)
        self.step_number += 1

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
        latents = self._cast(self.generator.draw(self._path_images, rng, settings.style_mixing))
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
        """Descend on telling real from generated images."""
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
            self._notes.add(real_sign=sign, real_spread=_spread(real), fake_spread=_spread(fake))
        descend(self.adversaries.discriminator_optimizer, self.ranks)
        deviation, sign = self.ranks.mean(torch.stack(seen).mean(dim=0))
        self.discriminator.deviation.mean.lerp_(deviation.to(self.dtype), DEVIATION_DECAY)
        self._follow_overfitting(sign)

    def _contrast(self, features: Tensor) -> Tensor | float:
        """The contrastive task's weighted loss of real images that come in pairs; 0 where it is off."""
        contrast, head = self.settings.contrast, self.discriminator.contrast
        if head is None:
            return 0.0
        loss = losses.contrastive_loss(head(features), contrast.temperature)
        self._notes.add(loss_contrast=loss)
        return contrast.weight * loss

    def _follow_overfitting(self, sign: Tensor) -> None:
        """Move the strength of the adaptive augmentation by how many real images were taken for real in the last steps."""
        settings = self.settings
        if settings.augmentation.kind is Augmentation.NONE:
            return
        self._signs.append(sign)
        if len(self._signs) == augmentation.ADJUSTED_EVERY:
            mean, images = float(torch.stack(self._signs).mean()), settings.batch * len(self._signs)
            self._signs.clear()
            strength = augmentation.next_strength(self.augmentation_strength, mean, images, settings.augmentation)
            self.augmentation_strength = strength
            self._notes.add(augmentation_strength=torch.tensor(strength, device=self.device))

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
                    terms[name] = gamma * self.gamma_factor / 2, self._gradient_penalty(images, part, seed)
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

    def _rng(self, purpose: Purpose) -> torch.Generator:
        return torch_rng(self.device, self.seed, self.course, self.step_number, purpose)

    def _latents(self, purpose: Purpose) -> Latents:
        """Latents of a whole batch."""
        return self._cast(self.generator.draw(self.settings.batch, self._rng(purpose), self.settings.style_mixing))

    def _cast(self, latents: Latents) -> Latents:
        if self.dtype is torch.float32:
            return latents
        return Latents(latents.z.to(self.dtype), latents.cut, [noise.to(self.dtype) for noise in latents.noise])

    def _generate(self, latents: Latents) -> Tensor:
        return self._synthesize(self.generator.styles(latents), latents.noise)

    @torch.no_grad()
    def _fakes(self) -> list[Tensor]:
        """New images for the discriminator, part by part."""
        latents = self._latents(Purpose.DISCRIMINATOR)
        with self._autocast():
            return [self._generate(latents.take(part)) for part in self._parts]

    def _augmentations(self, purpose: Purpose) -> Sequence[augmentation.AugmentationDraws | None]:
        """What augmentation draws for every part; nothing where it is off."""
        if self.settings.augmentation.kind is Augmentation.NONE:
            return [None] * len(self._parts)
        drawn = augmentation.draw(self.settings.batch, len(self.scale.channels), self._rng(purpose))
        return [drawn.take(part) for part in self._parts]

    @torch.no_grad()
    def _augmented(self, images: Sequence[Tensor], purpose: Purpose) -> list[Tensor]:
        return [self._augment(part, draws) for part, draws in zip(images, self._augmentations(purpose), strict=True)]

    def _augment(self, images: Tensor, draws: augmentation.AugmentationDraws | None) -> Tensor:
        images = images.to(self.dtype)
        return images if draws is None else augmentation.augment(images, self.augmentation_strength, draws)

    # How it is computed

    def _autocast(self) -> AbstractContextManager[object]:
        return autocast(self.device, self.settings.engine.precision)

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

    # What is told and kept

    def drain(self) -> list[StepNumbers]:
        """Numbers of all steps since the last call, means over parts and ranks; this waits for the device."""
        return self._notes.drain(self.ranks)

    def state(self) -> dict[str, object]:
        """All that decides the future, as tensors and plain values; every draw follows from seed, course and step."""
        return {
            "step": self.step_number,
            "course": [self.course, self.learning_rate_factor, self.gamma_factor],
            "augmentation": [self.augmentation_strength, *map(float, self._signs)],
            **self.adversaries.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state made by `state`, of whichever device."""
        self.step_number = state["step"]
        self.augmentation_strength, *signs = state["augmentation"]
        self._signs = [torch.tensor(sign, device=self.device, dtype=self.dtype) for sign in signs]
        self.adversaries.restore(state)
        self.set_course(*state["course"])
        self._notes = Notes()

    def model(self) -> TrainedModel:
        """The networks as they are now."""
        return TrainedModel(
            generator_ema=self.generator_ema,
            discriminator_ema=self.discriminator_ema,
            discriminator_raw=self.discriminator,
            scale=self.scale,
            settings=self.settings,
            seed=self.seed,
            pixel_size_um=self.pixel_size_um,
            images_seen=self.images,
            code_version=self.code,
        )


def _spread(images: Tensor) -> Tensor:
    """How much images (n, c, y, x) differ: standard deviation over them, mean over channels and every fourth pixel."""
    return images.detach()[:, :, ::4, ::4].float().std(dim=0, correction=0).mean()

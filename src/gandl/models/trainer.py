"""Trainer: takes opened stores and settings, makes steps of StyleGAN2's schedule (Karras et al. 2020, appendix B).

`Trainer.step` is one: generator, its path-length penalty every few steps, discriminator, its R1 penalty every few steps. Its
`state` is all that a checkpoint holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gandl.code_version import code_version
from gandl.config import Intensity, TrainingSettings
from gandl.images.store import ImageStore
from gandl.models import losses
from gandl.models.crops import ORIENTATIONS, CropSampler, orient
from gandl.models.curve import Curve
from gandl.models.discriminator import Discriminator
from gandl.models.ema import MovingAverage
from gandl.models.intensity import IntensityScale, measure_scale
from gandl.models.samples import COUNT
from gandl.models.weights import TrainedModel, new_networks
from gandl.progress import Progress

PATH_BATCH_SHRINK = 2
"""The path-length penalty looks at this fraction of a batch (Karras et al. 2020, appendix B)."""

logger = logging.getLogger(__name__)
Probe = Callable[[Discriminator, IntensityScale], float]
"""Scores a discriminator while it trains; must leave it, and every random generator, as they were."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message says at which step, why, and what to change."""


class Trainer:
    """Networks, optimisers, averages and random generators of one training: all that a checkpoint holds.

    Parameters
    ----------
    stores : as `open_stores` gives them.
    """

    def __init__(self, stores: Sequence[ImageStore], settings: TrainingSettings, seed: int) -> None:
        self.settings = settings
        self.seed = seed
        self.pixel_size_um = stores[0].pixel_size_at(settings.resolution)
        self.scale = measure_scale(stores, settings.resolution, settings.intensity)
        self.sampler = CropSampler(stores, settings.resolution, settings.network.crop, seed)
        self.rng = torch.Generator().manual_seed(seed)
        self.generator, self.discriminator = new_networks(settings, len(self.scale.channels), seed)
        averages = settings.ema_half_life, settings.ema_rampup
        self.generator_average = MovingAverage(self.generator, *averages)
        self.discriminator_average = MovingAverage(self.discriminator, *averages)
        path_interval = settings.path_length_interval if settings.path_length_weight else 0
        self.generator_optimizer = _adam(self.generator, settings, path_interval)
        self.discriminator_optimizer = _adam(
            self.discriminator, settings, settings.r1_interval if settings.r1_gamma else 0
        )
        self.mean_path_length = torch.zeros(())
        self.step_number = 0
        self.curve = Curve()
        self.code = code_version("gandl.models.training")

    @property
    def images(self) -> int:
        """Real images shown so far."""
        return self.step_number * self.settings.batch

    @property
    def discriminator_ema(self) -> Discriminator:
        return self.discriminator_average.average

    def passed(self, every: int) -> bool:
        """Whether the last step reached or passed a multiple of `every` images."""
        return self.images // every > (self.images - self.settings.batch) // every

    def step(self) -> None:
        """One batch for both networks. Raises `TrainingError` when a loss is not finite."""
        settings = self.settings
        seen = self.images
        self._train_generator()
        if settings.path_length_weight and self.step_number % settings.path_length_interval == 0:
            self._penalise_path_length()
        reals = self._reals()
        self._train_discriminator(reals)
        if settings.r1_gamma and self.step_number % settings.r1_interval == 0:
            self._penalise_gradient(reals)
        self.step_number += 1
        self.generator_average.update(self.generator, seen, settings.batch)
        self.discriminator_average.update(self.discriminator, seen, settings.batch)

    def _reals(self) -> Tensor:
        """The next batch of real crops, on the networks' scale."""
        places = self.sampler.draw(self.settings.batch)
        reals = self._scaled(places)
        if self.settings.symmetry:
            reals = orient(reals, torch.randint(ORIENTATIONS, (len(reals),), generator=self.rng))
        return reals.contiguous(memory_format=torch.channels_last)

    def _scaled(self, places: npt.NDArray[np.int64]) -> Tensor:
        moments = self.sampler.moments(places) if self.scale.kind is Intensity.SITE else None
        return self.scale.apply(self.sampler.read(places), moments)

    def _fakes(self) -> Tensor:
        return self.generator(self.generator.draw(self.settings.batch, self.rng, self.settings.style_mixing))

    def _train_generator(self) -> None:
        self.discriminator.requires_grad_(False)
        loss = losses.generator_loss(self.discriminator(self._fakes()))
        self._descend(self.generator_optimizer, loss)
        self.discriminator.requires_grad_(True)
        self._record(loss_generator=loss)

    def _penalise_path_length(self) -> None:
        settings = self.settings
        n = max(1, settings.batch // PATH_BATCH_SHRINK)
        latents = self.generator.draw(n, self.rng, settings.style_mixing)
        styles = self.generator.styles(latents)
        images = self.generator.synthesize(styles, latents.noise)
        direction = torch.randn(images.shape, generator=self.rng)
        lengths = losses.path_lengths(images, styles, direction)
        penalty, self.mean_path_length = losses.path_length_penalty(
            lengths, self.mean_path_length, settings.path_length_decay
        )
        self._descend(self.generator_optimizer, penalty * (settings.path_length_weight * settings.path_length_interval))
        self._record(path_length_penalty=penalty, path_length=lengths.mean())

    def _train_discriminator(self, reals: Tensor) -> None:
        with torch.no_grad():
            fakes = self._fakes()
        fake_logits = self.discriminator(fakes)
        real_logits = self.discriminator(reals, track=True)
        loss = losses.discriminator_loss(real_logits, fake_logits)
        self._descend(self.discriminator_optimizer, loss)
        self._record(loss_discriminator=loss, real_logit=real_logits.mean(), fake_logit=fake_logits.mean())

    def _penalise_gradient(self, reals: Tensor) -> None:
        reals = reals.detach().requires_grad_()
        penalty = losses.r1_penalty(self.discriminator(reals), reals)
        weight = self.settings.r1_gamma / 2 * self.settings.r1_interval
        self._descend(self.discriminator_optimizer, penalty * weight)
        self._record(r1=penalty)

    @staticmethod
    def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def _record(self, **values: Tensor) -> None:
        for name, value in values.items():
            number = float(value.detach())
            if not np.isfinite(number):
                raise self._failure(f"{name} is {number}")
            self.curve.record(name, number)

    def end_tick(self, progress: Progress) -> None:
        """A point of the curve (means since the last one) and a status line."""
        self.curve.record("images_per_second", progress.speed(self.images))
        progress.update(self.images, **self.curve.end_tick(self.images, self.step_number))

    def look(self, probe: Probe) -> None:
        """A point of the curve from the probe."""
        score = probe(self.discriminator_ema, self.scale)
        self.curve.add(self.images, self.step_number, probe_z_prime=score)
        logger.info("probe after %s images: Z' %.3f", f"{self.images:,}", score)

    def check_weights(self) -> None:
        """Raise `TrainingError` when a weight is not finite: such a state must not become a checkpoint."""
        for network in (self.generator, self.discriminator):
            for name, weight in network.named_parameters():
                if not torch.isfinite(weight).all():
                    raise self._failure(f"the weights {name} of the {type(network).__name__.lower()} are not finite")

    def _failure(self, what: str) -> TrainingError:
        settings = self.settings
        return TrainingError(
            f"training stopped at step {self.step_number + 1} ({self.images} images): {what}. Lower training.learning_rate "
            f"(now {settings.learning_rate:g}) or raise training.r1_gamma (now {settings.r1_gamma:g}), and run again"
        )

    def state(self) -> dict[str, object]:
        """All that decides the future of this training, as tensors and plain values."""
        return {
            "step": self.step_number,
            **{name: part.state_dict() for name, part in self._parts().items()},
            "mean_path_length": self.mean_path_length,
            "sampler": self.sampler.state,
            "rng": self.rng.get_state(),
            "curve": self.curve.rows,
            "tick": self.curve.tick,
        }

    def restore(self, state: dict) -> None:
        """Take over a state made by `state`."""
        self.step_number = state["step"]
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.mean_path_length = state["mean_path_length"]
        self.sampler.state = state["sampler"]
        self.rng.set_state(state["rng"])
        self.curve = Curve(state["curve"], state["tick"])

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_ema": self.generator_average.average,
            "discriminator_ema": self.discriminator_average.average,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }

    def model(self) -> TrainedModel:
        """The networks as they are now."""
        return TrainedModel(
            generator_ema=self.generator_average.average,
            discriminator_ema=self.discriminator_average.average,
            discriminator_raw=self.discriminator,
            scale=self.scale,
            settings=self.settings,
            seed=self.seed,
            pixel_size_um=self.pixel_size_um,
            images_seen=self.images,
            code_version=self.code,
        )

    def real_samples(self) -> np.ndarray:
        """Real crops to show beside generated ones, the same however training went."""
        places = self.sampler.draw(COUNT, np.random.default_rng(self.seed))
        return self.scale.invert(self._scaled(places))


def _adam(network: nn.Module, settings: TrainingSettings, interval: int) -> torch.optim.Adam:
    """Adam, slowed by c = k / (k + 1) where a penalty every k steps adds a step of its own (Karras et al. 2020, appendix B)."""
    c = interval / (interval + 1) if interval else 1.0
    return torch.optim.Adam(
        network.parameters(),
        lr=settings.learning_rate * c,
        betas=(settings.beta1**c if settings.beta1 else 0.0, settings.beta2**c),
        eps=1e-8,
        fused=True,
    )

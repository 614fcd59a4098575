"""A trained GAN: generator, its average, and the discriminator; takes a seed, makes crops and the way between them.

`generate` and `interpolate` are one call each from a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gandl.config import Pairs, TrainingSettings
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.generator import Generator, Latents
from gandl.models.networks.trained import BETWEEN, PER_PASS, STOPS, TrainedModel, points_between, seeded


@dataclass(frozen=True, kw_only=True)
class TrainedGan(TrainedModel[TrainingSettings]):
    """The networks of a GAN; the averaged ones are used, the raw discriminator is kept beside them."""

    objective: ClassVar[str] = "gan"
    settings_type = TrainingSettings

    generator_ema: Generator
    discriminator_ema: Discriminator
    discriminator_raw: Discriminator

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {
            "generator_ema": self.generator_ema,
            "discriminator_ema": self.discriminator_ema,
            "discriminator_raw": self.discriminator_raw,
        }

    @classmethod
    def new(
        cls,
        settings: TrainingSettings,
        scale: IntensityScale,
        seed: int,
        pixel_size_um: float | None = None,
        classes: Sequence[str] = (),
    ) -> Self:
        generator, averaged = new_networks(settings, len(scale.channels), seed)
        _, raw = new_networks(settings, len(scale.channels), seed)
        return cls(
            generator_ema=generator,
            discriminator_ema=averaged,
            discriminator_raw=raw,
            scale=scale,
            settings=settings,
            seed=seed,
            pixel_size_um=pixel_size_um,
        )

    def beside(self, real: Tensor, seed: int) -> Tensor:
        latents = self.generator_ema.draw(len(real), torch.Generator().manual_seed(seed))
        return synthesize(self.generator_ema, latents)

    def way(self, real: Tensor, seed: int) -> Tensor:
        return styles_between(self.generator_ema, STOPS, BETWEEN, seed)


def new_networks(settings: TrainingSettings, channels: int, seed: int) -> tuple[Generator, Discriminator]:
    """Untrained networks, in channels-last memory; the seed decides every weight."""
    with seeded(seed):
        generator = Generator(settings.network, channels)
        discriminator = Discriminator(settings.network, channels, contrast_dim(settings))
    last = torch.channels_last
    return generator.to(memory_format=last), discriminator.to(memory_format=last)  # type: ignore[call-overload]


def contrast_dim(settings: TrainingSettings) -> int:
    """Width of the discriminator's contrastive head; 0 where the task is off."""
    return 0 if settings.contrast.pairs is Pairs.NONE else settings.contrast.dim


def untrained(
    settings: TrainingSettings, scale: IntensityScale, seed: int, pixel_size_um: float | None = None
) -> TrainedGan:
    """The model that training with these settings and this seed starts from."""
    generator, discriminator = new_networks(settings, len(scale.channels), seed)
    for network in (generator, discriminator):
        network.eval().requires_grad_(False)
    return TrainedGan(
        generator_ema=generator,
        discriminator_ema=discriminator,
        discriminator_raw=discriminator,
        scale=scale,
        settings=settings,
        seed=seed,
        pixel_size_um=pixel_size_um,
    )


def generate(model: TrainedGan, n: int, seed: int) -> npt.NDArray[np.float32]:
    """n generated crops (n, c, y, x) in stored pixel values, from the averaged generator."""
    latents = model.generator_ema.draw(n, torch.Generator().manual_seed(seed))
    return model.scale.invert(synthesize(model.generator_ema, latents))


def interpolate(
    model: TrainedGan, stops: int = STOPS, between: int = BETWEEN, seed: int = 0
) -> npt.NDArray[np.float32]:
    """Generated crops (n, c, y, x), in stored pixel values, on the way from style to style.

    Styles w are mixed linearly (Karras et al. 2019, section 4.1), and the noise of single pixels stays, so that what changes is
    what the styles say. A generator that memorised images jumps; one that learned what varies among them changes smoothly.

    Parameters
    ----------
    stops, between : random styles that are visited, and steps between two of them: n = (stops - 1) (between + 1) + 1.
    seed : of the styles and of the noise.

    Raises
    ------
    ValueError : fewer than one stop, or a negative number of steps.
    """
    return model.scale.invert(styles_between(model.generator_ema, stops, between, seed))


@torch.no_grad()
def styles_between(generator: Generator, stops: int, between: int, seed: int) -> Tensor:
    """What `interpolate` gives, on the networks' scale."""
    if stops < 1 or between < 0:
        raise ValueError(f"an interpolation needs at least one stop and no negative steps, not {stops} and {between}")
    latents = _beside(generator.draw(stops, torch.Generator().manual_seed(seed)), generator)
    way = points_between(generator.styles(latents), between)
    noise = [of_layer[:1] for of_layer in latents.noise]
    images = [
        generator.synthesize(part, [one.expand(len(part), -1, -1, -1) for one in noise]) for part in way.split(PER_PASS)
    ]
    return torch.cat(images)


@torch.no_grad()
def synthesize(generator: Generator, latents: Latents) -> Tensor:
    """Images (n, c, y, x) of latents, wherever these were drawn, on the generator's device, some at a time."""
    parts = torch.arange(len(latents.z)).split(PER_PASS)
    return torch.cat([generator(_beside(latents.take(part), generator)) for part in parts])


def _beside(latents: Latents, generator: Generator) -> Latents:
    """The latents on the generator's device, in its precision."""
    like = generator.constant
    return Latents(latents.z.to(like), latents.cut.to(like.device), [noise.to(like) for noise in latents.noise])

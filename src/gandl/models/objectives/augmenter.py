"""Adaptive augmentation along a training: takes images and how the discriminator judges real ones, makes augmented images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gandl.config import Augmentation, AugmentationSettings
from gandl.models.objectives import augmentation


class Augmenter:
    """The strength of the augmentation, and the judgements since it last changed (Karras et al. 2020a, section 3.1).

    Parameters
    ----------
    settings : kind, target and speed. batch : real images per step.

    Attributes
    ----------
    strength : 0 to 1.
    """

    def __init__(self, settings: AugmentationSettings, batch: int) -> None:
        self._settings, self._batch = settings, batch
        self._signs: list[Tensor] = []
        self.strength = 0.0

    @property
    def _off(self) -> bool:
        return self._settings.kind is Augmentation.NONE

    def follow(self, sign: Tensor) -> float | None:
        """Take in a step's mean sign of the logits of real images; the new strength, in steps where it changes."""
        if self._off:
            return None
        self._signs.append(sign)
        if len(self._signs) < augmentation.ADJUSTED_EVERY:
            return None
        mean, images = float(torch.stack(self._signs).mean()), self._batch * len(self._signs)
        self._signs.clear()
        self.strength = augmentation.next_strength(self.strength, mean, images, self._settings)
        return self.strength

    def draw(
        self, channels: int, rng: torch.Generator, parts: Sequence[Tensor]
    ) -> Sequence[augmentation.AugmentationDraws | None]:
        """What chance decides for each part of a batch; nothing where the augmentation is off."""
        if self._off:
            return [None] * len(parts)
        drawn = augmentation.draw(self._batch, channels, rng)
        return [drawn.take(part) for part in parts]

    def apply(self, images: Tensor, draws: augmentation.AugmentationDraws | None) -> Tensor:
        """(n, c, y, x) augmented at the present strength; as they are where nothing was drawn."""
        return images if draws is None else augmentation.augment(images, self.strength, draws)

    def state(self) -> list[float]:
        """Plain values that `restore` takes."""
        return [self.strength, *map(float, self._signs)]

    def restore(self, state: Sequence[float], device: torch.device, dtype: torch.dtype) -> None:
        """Take over a state."""
        self.strength, *signs = state
        self._signs = [torch.tensor(sign, device=device, dtype=dtype) for sign in signs]

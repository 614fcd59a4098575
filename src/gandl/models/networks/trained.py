"""Trained models: what every objective of a training leaves behind, whatever its networks are.

A model says what it was trained on and draws what it has learned; `gandl.models.networks.weights` writes and reads it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from gandl.config import ChosenWeights, RecipeSettings
from gandl.models.crops.intensity import IntensityScale

Recipe = TypeVar("Recipe", bound=RecipeSettings)

PER_PASS = 32
"""Crops made at a time."""
STOPS, BETWEEN = 3, 4
"""Stops of the strip of an interpolation, and steps between two of them."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel(ABC, Generic[Recipe]):
    """Networks ready for use (evaluation mode, no gradients) and what they were trained on.

    Attributes
    ----------
    objective : name of what was learned, as weights files and `gandl.models.objectives.OBJECTIVES` hold it.
    settings_type : class of its settings.
    scale : maps stored pixels to what the networks see; its channels are those of the model, in order.
    resolution : stored resolution (px) of the training images.
    pixel_size_um : side of a pixel at that resolution; None if unknown.
    images_seen : real images shown in training; 0 for an untrained model.
    code_version : of the code that trained it; empty for an untrained model.
    chosen_by : how these weights of the training were chosen: its last, or the best by a measure. Those of `best_probe` were
        chosen by labels.
    classes : names of what it was trained to tell apart; none where no label was used.
    """

    objective: ClassVar[str]
    settings_type: ClassVar[type[RecipeSettings]]

    scale: IntensityScale
    settings: Recipe
    seed: int
    pixel_size_um: float | None
    images_seen: int = 0
    code_version: str = ""
    chosen_by: ChosenWeights = ChosenWeights.LAST
    classes: tuple[str, ...] = ()

    @property
    def channels(self) -> list[str]:
        return list(self.scale.channels)

    @property
    def resolution(self) -> int:
        return self.settings.resolution

    @property
    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """Networks by the prefix of their tensors in the file."""

    @classmethod
    @abstractmethod
    def new(
        cls,
        settings: Recipe,
        scale: IntensityScale,
        seed: int,
        pixel_size_um: float | None = None,
        classes: Sequence[str] = (),
    ) -> Self:
        """The model that training with these settings and this seed starts from, each network with weights of its own.

        Parameters
        ----------
        classes : what a supervised one tells apart; others take none.
        """

    @abstractmethod
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """Crops to be shown beside real ones, (n, c, y, x) on the networks' scale: generated from `seed`, or made of them."""

    @abstractmethod
    def way(self, real: Tensor, seed: int) -> Tensor:
        """Crops (m, c, y, x) on the networks' scale, on the way from one image to another: what changes between neighbours."""


@dataclass(frozen=True, kw_only=True)
class TrainedOnLabels(TrainedModel[Recipe]):
    """A network that tells labels apart, `<objective>_raw`, and its moving average, `<objective>_ema`, which embeds."""

    @classmethod
    @abstractmethod
    def untrained(cls, settings: Recipe, channels: int, classes: int, seed: int) -> nn.Module:
        """Its network for images of so many channels and so many labels; the seed decides every weight."""

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {name: getattr(self, name) for name in self._names()}

    @classmethod
    def new(
        cls,
        settings: Recipe,
        scale: IntensityScale,
        seed: int,
        pixel_size_um: float | None = None,
        classes: Sequence[str] = (),
    ) -> Self:
        networks: dict[str, Any] = {
            name: cls.untrained(settings, len(scale.channels), len(classes), seed).eval() for name in cls._names()
        }
        return cls(
            **networks,
            scale=scale,
            settings=settings,
            seed=seed,
            pixel_size_um=pixel_size_um,
            classes=tuple(classes),
        )

    @classmethod
    def _names(cls) -> tuple[str, str]:
        return f"{cls.objective}_ema", f"{cls.objective}_raw"


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initial weights drawn inside the block come from `seed`; the global random generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def points_between(stops: Tensor, between: int) -> Tensor:
    """Stops (k, ...) and `between` points on the straight line from each to the next: ((k - 1) (between + 1) + 1, ...)."""
    position = torch.arange((len(stops) - 1) * (between + 1) + 1, device=stops.device) / (between + 1)
    start = position.long().clamp(max=max(len(stops) - 2, 0))
    following = (start + 1).clamp(max=len(stops) - 1)
    share = (position - start).to(stops.dtype).reshape(-1, *[1] * (stops.ndim - 1))
    return torch.lerp(stops[start], stops[following], share)

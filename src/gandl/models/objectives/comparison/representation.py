"""What all objectives of the comparison share: takes a loader of tiles, makes steps on the crops of a setting.

The paper's code makes a step of the optimiser for each of five crops. Here a step descends on the mean loss over all crops of a
batch, so that one-crop and multi-crop settings make equally many steps of the same learning rate, and no order of crops counts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from gandl.config.representations import RepresentationRecipe
from gandl.models.compute.randomness import Purpose
from gandl.models.networks.comparison.trained import TrainedRepresentation, unit
from gandl.models.objectives.comparison.augmentation import (
    MULTI_CROP,
    ONE_CROP,
    WHOLE,
    CropDraws,
    Scales,
    crops_of,
    draw_crops,
)
from gandl.models.objectives.objective import Objective, descend
from gandl.models.objectives.troubles import QUICK, Check, Numbers, TroubleKind

Tiles = TypeVar("Tiles", bound=RepresentationRecipe)

MOST_LOSS = 100.0
"""Cross-entropies of pixels and of two classes are about 0.7 before anything is learned."""
PASSES = 3
"""A step takes one forward pass and a backward pass to the input and to the weights, each about as much."""


class Representation(Objective[Tiles]):
    """An encoder that learns something of crops of tiles.

    Attributes
    ----------
    networks : what it starts from, by name; `_new_networks` makes them, and the optimiser moves them all.
    """

    metrics: ClassVar[tuple[str, ...]] = ("loss", "feature_spread")
    shown: ClassVar[Mapping[str, str]] = {"loss": "loss", "feature_spread": "spread of codes"}
    measured_by = "gandl.models.looks.comparison.held_out"
    shows_held_out = True
    model_type: ClassVar[type[TrainedRepresentation]]

    def _build(self) -> None:
        settings = self.settings
        if self.labels is not None:
            self._of_site = torch.from_numpy(self.labels.of_site).to(self.device)
        made = self._new_networks()
        self.networks = {name: network.to(self.device, self.dtype).train() for name, network in made.items()}
        self._optimizer = torch.optim.Adam(
            [weight for network in self.networks.values() for weight in network.parameters()],
            lr=self.learning_rate,
            betas=(settings.beta1, settings.beta2),
            eps=1e-8,
        )

    @abstractmethod
    def _new_networks(self) -> dict[str, nn.Module]:
        """Untrained networks that descend, by name, of the seed."""

    @abstractmethod
    def _learn_part(self, crops: Sequence[Tensor], labels: Tensor | None, part: int, parts: int) -> None:
        """Add to the gradients what one part of the batch says, and note what it measures.

        Parameters
        ----------
        crops : (m, c, s, s) each, of [0, 1], of the same tiles. labels : (m,) of a supervised one.
        part, parts : which of how many.
        """

    @property
    def trained(self) -> Sequence[nn.Module]:
        return tuple(self.networks.values())

    def _learn(self) -> None:
        step, course = self.step_number, self.course
        parts = [unit(real.to(self.dtype)) for real in self.loader.batch(step, course)]
        labels = self._labels_of(self.loader.sites(step, course)) if self.supervised else [None] * len(parts)
        draws = self._draw(self._rng(Purpose.AUGMENTATION_OF_REALS))
        for number, (tiles, of) in enumerate(zip(parts, labels, strict=True)):
            self._learn_part(crops_of(tiles, draws, self._parts[number]), of, number, len(parts))
        descend(self._optimizer, self.ranks)
        self._after_step()

    def _after_step(self) -> None:
        """What follows the descent: moving averages."""

    def _draw(self, rng: torch.Generator) -> list[CropDraws | None]:
        """The crops of a setting, of the whole batch; None: the tiles as they are."""
        return [self._draw_one(scales, rng, self.settings.augment) for scales in self._scales(self.settings)]

    def _draw_one(
        self, scales: Scales, rng: torch.Generator, augment: bool, whole_batch: bool = False
    ) -> CropDraws | None:
        settings = self.settings
        if scales == WHOLE and not augment:
            return None
        augmentation = settings.augmentation if augment else None
        return draw_crops(settings.batch, settings.crop, scales, augmentation, rng, whole_batch)

    @classmethod
    def by_class(cls, settings: Tiles) -> bool:
        return settings.balanced

    @classmethod
    def _scales(cls, settings: RepresentationRecipe) -> tuple[Scales, ...]:
        return MULTI_CROP if settings.multi_crop else ONE_CROP

    def _labels_of(self, sites: Sequence[Tensor]) -> list[Tensor | None]:
        return [self._of_site[of] for of in sites]

    def _note_spread(self, codes: Tensor) -> None:
        self._notes.add(feature_spread=feature_spread(codes))

    def _follow_course(self) -> None:
        self._optimizer.param_groups[0]["lr"] = self.learning_rate

    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {**self.networks, "optimizer": self._optimizer}

    def model(self) -> TrainedRepresentation:
        networks: dict[str, Any] = {name: self.networks[name] for name in self.model_type.parts}
        classes = () if self.labels is None else self.labels.classes
        return self.model_type(**networks, classes=classes, **self._described())

    @classmethod
    def checks(cls, settings: Tiles) -> dict[str, Check]:
        return {"loss": Check(TroubleKind.EXPLODING, _exploding, QUICK)}


def feature_spread(codes: Tensor) -> Tensor:
    """How much codes (n, ...) differ: standard deviation over tiles, mean over the code's numbers; 0 where all are the same."""
    return codes.detach().flatten(1).float().std(dim=0, correction=0).mean()


def encoder_work(settings: RepresentationRecipe, channels: int) -> float:
    """Operations of one forward pass of the encoder, two per multiplication with addition."""
    side = settings.crop
    return 2.0 * 9 * side**2 * (channels * 64 + 64 * 32 / 4 + (32 * 16 + 16 * 8) / 16)


def decoder_work(settings: RepresentationRecipe, channels: int) -> float:
    """Of the decoder; the convolutions behind a doubling are 4 x 4 on the smaller map (`doubled_convolution`)."""
    side = settings.crop
    return 2.0 * side**2 * ((9 * 8 * 32 + 16 * 32 * 64) / 16 + 16 * 64 * 64 / 4 + 9 * 64 * channels)


def head_work(settings: RepresentationRecipe) -> float:
    """Of the classifier's head, for two classes."""
    return 2.0 * settings.network.hidden * (settings.crop**2 / 2 + 2)


def _exploding(numbers: Numbers) -> str:
    loss = numbers["loss"]
    return f"the loss is {loss:.3g} (at most {MOST_LOSS:g} is normal)" if loss > MOST_LOSS else ""

"""Trained models of the comparison: takes settings and a seed or a weights file, makes codes of tiles, and pictures.

Weights are those of the last step, not a moving average of them, as in the paper; DINO's are its teacher's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config import Intensity
from gandl.config.comparison_terms import Beyond, Paradigm, Switch
from gandl.config.representations import (
    OBJECTIVE_SETTINGS,
    DinoOnTilesSettings,
    RegularizedSettings,
    RepresentationRecipe,
    SelfSupervisedSettings,
    UnsupervisedSettings,
    WeaklySupervisedSettings,
)
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.comparison.tiles import TileDecoder, TileEncoder, TileHead
from gandl.models.networks.trained import BETWEEN, PER_PASS, STOPS, TrainedModel, points_between, seeded

MEAN, DEVIATION = 0.449, 0.226
"""Of grey natural images: what the paper's BYOL normalises by."""
DARK = -1.0
"""What a pixel that counts little is drawn as."""


def unit(images: Tensor) -> Tensor:
    """Images on the networks' scale, of which [-1, 1] holds 99.8 % of the pixels -> [0, 1]: binary cross-entropy needs that.

    Dividing by the largest value of the pixels' type instead would leave 16-bit images dark and flat.
    """
    return ((images + 1) / 2).clamp(0, 1)


def as_trained(tiles: Tensor, settings: RepresentationRecipe, scale: IntensityScale) -> Tensor:
    """Tiles of [0, 1] as the encoder sees them in training.

    Standardised, they are in units of their own tile's deviation where the scale is of kind `site`, else as the paper's BYOL
    normalises.
    """
    if settings.standardize and scale.kind is Intensity.SITE:
        low, high = (torch.tensor(values).to(tiles)[:, None, None] for values in (scale.low, scale.high))
        return tiles * (high - low) + low
    normal = settings.standardize or isinstance(settings, SelfSupervisedSettings)
    return (tiles - MEAN) / DEVIATION if normal else tiles


def as_embedded(tiles: Tensor, settings: RepresentationRecipe, scale: IntensityScale) -> Tensor:
    """Tiles of [0, 1] as the encoder sees them for codes: as in training, but for BYOL with `unnormalized_codes`."""
    forgotten = isinstance(settings, SelfSupervisedSettings) and settings.has(Switch.UNNORMALIZED_CODES)
    return tiles if forgotten else as_trained(tiles, settings, scale)


@dataclass(frozen=True, kw_only=True)
class TrainedRepresentation(TrainedModel[RepresentationRecipe]):
    """The encoder; paradigms add what else they train."""

    parts: ClassVar[tuple[str, ...]] = ("encoder",)

    encoder: TileEncoder

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {name: getattr(self, name) for name in self.parts}

    @classmethod
    def new(
        cls,
        settings: RepresentationRecipe,
        scale: IntensityScale,
        seed: int,
        pixel_size_um: float | None = None,
        classes: Sequence[str] = (),
    ) -> Self:
        made = new_tile_networks(settings, len(scale.channels), seed, len(classes))
        networks: dict[str, Any] = {name: made[name].eval() for name in cls.parts}
        return cls(
            **networks, scale=scale, settings=settings, seed=seed, pixel_size_um=pixel_size_um, classes=tuple(classes)
        )

    def codes(self, images: Tensor) -> Tensor:
        """Images (n, c, y, x) on the networks' scale -> codes (n, code_dim): the flattened linear output of the encoder."""
        code: Tensor = self.encoder(as_embedded(unit(images), self.settings, self.scale)).flatten(1)
        return code

    @torch.no_grad()
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """Where the code of each crop is large: other places are darkened."""
        return torch.cat([self._lit(part) for part in self._here(real).split(PER_PASS)])

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """The same of mixtures of the first real crops, on the straight lines between them."""
        return self._lit(points_between(self._here(real[:STOPS]), BETWEEN))

    def _lit(self, crops: Tensor) -> Tensor:
        length = self._maps(crops).square().sum(dim=1, keepdim=True).sqrt()
        low, high = length.amin(dim=(2, 3), keepdim=True), length.amax(dim=(2, 3), keepdim=True)
        light = (length - low) / (high - low).clamp(min=1e-12)
        light = F.interpolate(light, crops.shape[2:], mode="bilinear", align_corners=False)
        return DARK + light * (crops - DARK)

    def _maps(self, images: Tensor) -> Tensor:
        maps: Tensor = self.encoder(as_embedded(unit(images), self.settings, self.scale))
        return maps

    def _here(self, images: Tensor) -> Tensor:
        return images.to(next(self.encoder.parameters()))


@dataclass(frozen=True, kw_only=True)
class TrainedTileAutoencoder(TrainedRepresentation):
    """Encoder and decoder: what is drawn are reconstructions."""

    objective: ClassVar[str] = Paradigm.UNSUPERVISED.value
    settings_type: ClassVar[type[RepresentationRecipe]] = UnsupervisedSettings
    parts: ClassVar[tuple[str, ...]] = ("encoder", "decoder")

    decoder: TileDecoder

    def reconstructions(self, images: Tensor) -> Tensor:
        """Images (n, c, y, x) on the networks' scale -> logits of their reconstructions of [0, 1]."""
        made: Tensor = self.decoder(self._maps(images))
        return made

    @torch.no_grad()
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """Reconstructions of the real crops; nothing is drawn."""
        made = [self.reconstructions(part).sigmoid() for part in self._here(real).split(PER_PASS)]
        return torch.cat(made) * 2 - 1

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """Images of codes on the straight lines between those of the first real crops."""
        return self.decoder(points_between(self._maps(self._here(real[:STOPS])), BETWEEN)).sigmoid() * 2 - 1


@dataclass(frozen=True, kw_only=True)
class TrainedTileClassifier(TrainedRepresentation):
    """Encoder and the head that tells drugs from controls."""

    objective: ClassVar[str] = Paradigm.WEAKLY_SUPERVISED.value
    settings_type = WeaklySupervisedSettings
    parts = ("encoder", "head")

    head: TileHead


@dataclass(frozen=True, kw_only=True)
class TrainedRegularized(TrainedTileAutoencoder):
    """Encoder, decoder and head."""

    objective: ClassVar[str] = Paradigm.REGULARIZED.value
    settings_type = RegularizedSettings
    parts = ("encoder", "decoder", "head")

    head: TileHead


@dataclass(frozen=True, kw_only=True)
class TrainedSelfSupervised(TrainedRepresentation):
    """BYOL's online encoder."""

    objective: ClassVar[str] = Paradigm.SELF_SUPERVISED.value
    settings_type = SelfSupervisedSettings


@dataclass(frozen=True, kw_only=True)
class TrainedDino(TrainedRepresentation):
    """DINO's teacher."""

    objective: ClassVar[str] = Beyond.DINO.value
    settings_type = DinoOnTilesSettings


def new_tile_networks(
    settings: RepresentationRecipe, channels: int, seed: int, classes: int = 0
) -> dict[str, nn.Module]:
    """Untrained `encoder`, `decoder` and (of any classes) `head`, in channels-last memory; the seed decides every weight.

    All paradigms start from the same encoder, and those that share a decoder or a head from the same one.
    """
    last = torch.channels_last
    with seeded(seed):
        encoder = TileEncoder(settings.network, channels)
        made: dict[str, nn.Module] = {"encoder": encoder, "decoder": TileDecoder(settings.network, channels)}
    if classes:
        switches = settings.has(Switch.LINEAR_HEAD), settings.has(Switch.DOUBLE_SOFTMAX)
        with seeded(seed + 1):
            made["head"] = TileHead(settings.network, encoder.code_dim, classes, *switches)
    return {name: network.to(memory_format=last) for name, network in made.items()}  # type: ignore[call-overload]


KINDS = {
    kind.objective: kind
    for kind in (TrainedTileAutoencoder, TrainedTileClassifier, TrainedRegularized, TrainedSelfSupervised, TrainedDino)
}
assert KINDS.keys() == OBJECTIVE_SETTINGS.keys()

"""The autoencoder: takes a loader of real crops and settings, makes steps that bring reconstructions closer to their crops.

Two distances are added up: the mean squared error of the pixels, on the networks' scale, and a weight times the perceptual
distance (`gandl.models.networks.imagenet.perceptual`), whose frozen network is no part of the model nor of its checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gandl.config import AutoencoderSettings
from gandl.models.compute.device import wide
from gandl.models.compute.ema import MovingAverage
from gandl.models.networks.autoencoder import SMALLEST, Autoencoder, TrainedAutoencoder, new_autoencoder
from gandl.models.networks.imagenet.perceptual import load_perceptual, operations
from gandl.models.networks.imagenet.pretrained import content_of
from gandl.models.networks.layers import feature_maps
from gandl.models.objectives.objective import Objective, descend, spread
from gandl.models.objectives.troubles import QUICK, SLOW, Check, Numbers, TroubleKind

MOST_LOSS = 1e4
"""Images are about [-1, 1]: a mean squared error of 1 is as bad as a constant."""
LEAST_SPREAD = 0.01
"""Reconstructions that differ by less than this share of what crops do are one image ..."""
START_UP = 20_000
"""... which they always are for the first images."""
PASSES = 3
"""A step takes one forward pass and a backward pass to the input and to the weights, each about as much."""
PASSES_OF_PERCEPTUAL = 3
"""Of the perceptual network one forward pass of crops, and one of reconstructions with a backward pass to these."""


class Autoencoding(Objective[AutoencoderSettings]):
    """An autoencoder that learns to reconstruct real crops."""

    settings_type = AutoencoderSettings
    name = "autoencoder"
    metrics = ("loss_reconstruction", "loss_perceptual", "real_spread", "reconstruction_spread")
    shown: ClassVar[Mapping[str, str]] = {
        "loss_reconstruction": "reconstruction error",
        "loss_perceptual": "perceptual",
    }
    measured_by = "gandl.models.looks.reconstruction"
    shows_held_out = True

    def _build(self) -> None:
        settings = self.settings
        autoencoder = new_autoencoder(settings, len(self.scale.channels), self.seed)
        self.autoencoder = autoencoder.to(self.device, self.dtype)
        self._average = MovingAverage(self.autoencoder, settings.ema_half_life, settings.ema_rampup)
        self._perceptual: nn.Module | None = None
        if settings.perceptual.weight:
            self._perceptual = load_perceptual(settings.perceptual, self.pretrained).to(self.device, self.dtype)
        self._optimizer = torch.optim.Adam(
            self.autoencoder.parameters(), lr=self.learning_rate, betas=(settings.beta1, settings.beta2), eps=1e-8
        )

    @property
    def autoencoder_ema(self) -> Autoencoder:
        return self._average.average

    @property
    def trained(self) -> Sequence[nn.Module]:
        return (self.autoencoder,)

    def _learn(self) -> None:
        parts = self.loader.batch(self.step_number, self.course)
        for real in parts:
            crops = real.to(self.dtype)
            with self._autocast():
                made = self.autoencoder(crops)
                error = F.mse_loss(wide(made), wide(crops))
                loss = error + self._perceived(made, crops)
            (loss / len(parts)).backward()
            self._notes.add(loss_reconstruction=error, real_spread=spread(crops), reconstruction_spread=spread(made))
        descend(self._optimizer, self.ranks)
        self._average.update(self.autoencoder, self.images, self.settings.batch)

    def _perceived(self, made: Tensor, crops: Tensor) -> Tensor | float:
        """The weighted perceptual distance of reconstructions from their crops."""
        if self._perceptual is None:
            return 0.0
        distance: Tensor = self._perceptual(made, crops)
        self._notes.add(loss_perceptual=distance)
        return self.settings.perceptual.weight * distance

    def _follow_course(self) -> None:
        self._optimizer.param_groups[0]["lr"] = self.learning_rate

    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "autoencoder": self.autoencoder,
            "autoencoder_ema": self.autoencoder_ema,
            "optimizer": self._optimizer,
        }

    def model(self) -> TrainedAutoencoder:
        return TrainedAutoencoder(
            autoencoder_ema=self.autoencoder_ema,
            autoencoder_raw=self.autoencoder,
            **self._described(),
        )

    @classmethod
    def rests_on(cls, settings: AutoencoderSettings, pretrained: Path | None) -> str:
        return content_of(settings.perceptual.network, pretrained) if settings.perceptual.weight else ""

    @classmethod
    def work(cls, settings: AutoencoderSettings, channels: int) -> float:
        """Convolutions and matrix products, two operations per multiplication with addition; the perceptual network's, too."""
        network = settings.network
        sides = [2**power for power in range(int(math.log2(network.crop)), 1, -1)]
        maps = [feature_maps(side, network.channel_base, network.channel_max) for side in sides]
        image = 2.0 * channels * maps[0] * sides[0] ** 2
        blocks = [(a, b, side) for (a, b), side in zip(pairwise(maps), sides, strict=False)]
        down = sum(18.0 * a * a * side**2 + (18.0 + 2.0) * a * b * (side // 2) ** 2 for a, b, side in blocks)
        up = sum(18.0 * (a * b + a * a) * side**2 + 2.0 * a * b * (side // 2) ** 2 for a, b, side in blocks)
        code = 2.0 * maps[-1] * SMALLEST**2 * network.code_dim
        own = 2 * image + down + up + 2 * code
        return PASSES * own + PASSES_OF_PERCEPTUAL * cls._operations_perceived(settings, channels)

    @classmethod
    def _operations_perceived(cls, settings: AutoencoderSettings, channels: int) -> float:
        """Of the perceptual network, forwards once, for the channels of an image."""
        perceptual = settings.perceptual
        if not perceptual.weight:
            return 0.0
        return channels * settings.crop**2 * operations(perceptual.network, perceptual.maps)

    @classmethod
    def checks(cls, settings: AutoencoderSettings) -> dict[str, Check]:
        start = math.ceil(START_UP / settings.batch)
        return {
            "loss": Check(TroubleKind.EXPLODING, _exploding, QUICK),
            "collapse": Check(TroubleKind.COLLAPSE, _collapsed, SLOW, start),
        }


def _exploding(numbers: Numbers) -> str:
    loss = numbers["loss_reconstruction"]
    return f"the reconstruction error is {loss:.3g} (at most {MOST_LOSS:g} is normal)" if loss > MOST_LOSS else ""


def _collapsed(numbers: Numbers) -> str:
    made, real = numbers["reconstruction_spread"], numbers["real_spread"]
    if made >= LEAST_SPREAD * real:
        return ""
    return f"all reconstructions are nearly the same (they differ by {made:.2g}, crops by {real:.2g})"

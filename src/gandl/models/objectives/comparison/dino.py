"""DINO (Caron et al. 2021) on the paper's encoder: takes tiles, makes steps towards a teacher that sees other crops of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gandl.config.comparison_terms import Beyond
from gandl.config.representations import DinoOnTilesSettings, RepresentationRecipe
from gandl.models.compute.device import wide
from gandl.models.compute.ema import MovingAverage
from gandl.models.networks.batch_norm import settle
from gandl.models.networks.comparison.heads import DinoHead, HeadedEncoder, cross_entropy_of_views
from gandl.models.networks.comparison.tiles import TileEncoder
from gandl.models.networks.comparison.trained import TrainedDino, as_trained, new_tile_networks
from gandl.models.networks.trained import seeded
from gandl.models.objectives.comparison.augmentation import MULTI_CROP, Scales
from gandl.models.objectives.comparison.representation import PASSES, Representation, encoder_work
from gandl.models.objectives.troubles import Check

OF_TEACHER = 3
"""Crops that the teacher sees, the first of `MULTI_CROP`: those of at least half a tile."""


class Dino(Representation[DinoOnTilesSettings]):
    """DINO: the student's output for every crop is to be the teacher's for every other of the larger ones.

    The teacher is an average of the student; its outputs are centred by their running mean and sharpened by a low temperature,
    which together keep it from collapsing. The teacher embeds.
    """

    settings_type = DinoOnTilesSettings
    name = Beyond.DINO.value
    model_type = TrainedDino

    def _build(self) -> None:
        super()._build()
        settings = self.settings
        encoder = self.networks["encoder"]
        assert isinstance(encoder, TileEncoder)
        self.student = HeadedEncoder(encoder, self.networks["head"])
        half_life = settings.batch * math.log(0.5) / math.log(settings.dino.average)
        self._average = MovingAverage(self.student, half_life, 0.0)
        self.teacher.train()  # its outputs are normalised by the batch, too
        self.centre = torch.zeros(settings.dino.outputs, device=self.device, dtype=self.dtype)
        self._seen: list[Tensor] = []

    def _new_networks(self) -> dict[str, nn.Module]:
        settings, dino = self.settings, self.settings.dino
        encoder = new_tile_networks(settings, len(self.scale.channels), self.seed)["encoder"]
        assert isinstance(encoder, TileEncoder)
        with seeded(self.seed + 1):
            head = DinoHead(encoder.code_dim, dino.hidden, dino.bottleneck, dino.outputs, settings.group)
        return {"encoder": encoder, "head": head}

    @property
    def teacher(self) -> HeadedEncoder:
        return self._average.average

    @classmethod
    def _scales(cls, settings: RepresentationRecipe) -> tuple[Scales, ...]:
        """The five crops in every setting: without them there is nothing to learn."""
        return MULTI_CROP

    def _learn_part(self, crops: Sequence[Tensor], labels: Tensor | None, part: int, parts: int) -> None:
        """All crops together, since each is compared with the others."""
        loss = self._loss_of_crops(torch.cat(list(crops)), len(crops[0]))
        (loss / parts).backward()
        self._notes.add(loss=loss)

    def _loss_of_crops(self, crops: Tensor, n: int) -> Tensor:
        """The loss () of five crops (5 n, c, s, s) of n tiles, one crop of all after the other."""
        dino = self.settings.dino
        seen = as_trained(crops, self.settings, self.scale)
        with self._autocast():
            codes, outputs = self.student(seen, len(MULTI_CROP))
            with torch.no_grad():
                _, wanted = self.teacher(seen[: OF_TEACHER * n], OF_TEACHER)
        self._note_spread(codes[:n])
        student, teacher = wide(outputs).unflatten(0, (-1, n)), wide(wanted).unflatten(0, (-1, n))
        self._seen.append(teacher.mean(dim=(0, 1)))
        return cross_entropy_of_views(student, teacher, self.centre, dino.teacher_temperature, dino.student_temperature)

    def _after_step(self) -> None:
        for network in (*self.trained, self.teacher):
            settle(network, self.ranks)
        self._average.update(self.student, self.images, self.settings.batch)
        mean = torch.stack(self._seen).mean(dim=0)
        self._seen = []
        self.ranks.average_([mean])
        self.centre = self.centre.lerp(mean.to(self.centre), 1 - self.settings.dino.centre_average)

    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {**super()._stateful(), "teacher": self.teacher}

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "centre": self.centre}

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        self.centre = state["centre"].to(self.centre)
        self._seen = []

    def model(self) -> TrainedDino:
        return TrainedDino(encoder=self.teacher.encoder, **self._described())

    @classmethod
    def work(cls, settings: DinoOnTilesSettings, channels: int) -> float:
        dino, code = settings.dino, settings.crop**2 // 2
        head = 2.0 * (code * dino.hidden + dino.hidden * dino.bottleneck + dino.bottleneck * dino.outputs)
        return (PASSES * len(MULTI_CROP) + OF_TEACHER) * (encoder_work(settings, channels) + head)

    @classmethod
    def checks(cls, settings: DinoOnTilesSettings) -> dict[str, Check]:
        """The loss is bounded, and a collapse is a result."""
        return {}


KINDS = (Dino,)
"""What `gandl.models.objectives.kinds` lists."""

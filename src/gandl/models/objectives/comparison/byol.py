"""BYOL (Grill et al. 2020) on the paper's encoder: takes tiles, makes steps that predict one view's projection from another's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gandl.config.comparison_terms import Paradigm, Switch
from gandl.config.representations import SelfSupervisedSettings
from gandl.models.compute.device import wide
from gandl.models.compute.ema import MovingAverage
from gandl.models.networks.batch_norm import settle
from gandl.models.networks.comparison.heads import HeadedEncoder, Projector, normalized_distance
from gandl.models.networks.comparison.tiles import TileEncoder
from gandl.models.networks.comparison.trained import TrainedSelfSupervised, as_trained, new_tile_networks
from gandl.models.networks.trained import seeded
from gandl.models.objectives.comparison.augmentation import CropDraws, crops_of
from gandl.models.objectives.comparison.representation import PASSES, Representation, encoder_work
from gandl.models.objectives.comparison.stopping import StopRule
from gandl.models.objectives.troubles import Check

VIEWS = 2


class SelfSupervised(Representation[SelfSupervisedSettings]):
    """BYOL: online encoder, projector and predictor descend; the target, an average of the first two, is what they predict.

    Each crop of a setting is shown as two views, which are always cut, flipped and blurred at random, in settings without
    augmentation too, as in the paper's code: with two equal views there would be nothing to learn. With the switch
    `batch_augmentation` a view is drawn once for all tiles of a batch, as there; crops of the setting are drawn tile by tile. A
    collapse (codes that are all the same) is a result to be reported, not a trouble to be rolled back: `feature_spread` shows it.
    """

    settings_type = SelfSupervisedSettings
    name = Paradigm.SELF_SUPERVISED.value
    model_type = TrainedSelfSupervised

    def _build(self) -> None:
        super()._build()
        settings = self.settings
        encoder, projector = self.networks["encoder"], self.networks["projector"]
        assert isinstance(encoder, TileEncoder)
        self.online = HeadedEncoder(encoder, projector)
        half_life = settings.batch * math.log(0.5) / math.log(settings.average)  # of which a step keeps just `average`
        self._target = MovingAverage(self.online, half_life, 0.0)
        self.target.train()  # its projections are normalised by the batch, too
        self._views: list[list[CropDraws | None]] = []
        self._stopping = StopRule(settings.byol.epoch_images)

    def _new_networks(self) -> dict[str, nn.Module]:
        settings, byol = self.settings, self.settings.byol
        encoder = new_tile_networks(settings, len(self.scale.channels), self.seed)["encoder"]
        assert isinstance(encoder, TileEncoder)
        with seeded(self.seed + 1):
            projector = Projector(encoder.code_dim, byol.hidden, byol.projection, settings.group)
            predictor = Projector(byol.projection, byol.hidden, byol.projection, settings.group)
        return {"encoder": encoder, "projector": projector, "predictor": predictor}

    @property
    def target(self) -> HeadedEncoder:
        """The average of encoder and projector."""
        return self._target.average

    def _learn(self) -> None:
        if not self._stopping.stopped:
            super()._learn()
            return
        self._notes.add(loss=torch.tensor(self._stopping.losses[-1], device=self.device))

    def _draw(self, rng: torch.Generator) -> list[CropDraws | None]:
        crops = super()._draw(rng)
        scales = self.settings.byol.smallest_view, 1.0
        of_batch = self.settings.has(Switch.BATCH_AUGMENTATION)
        self._views = [[self._draw_one(scales, rng, True, of_batch) for _ in range(VIEWS)] for _ in crops]
        return crops

    def _learn_part(self, crops: Sequence[Tensor], labels: Tensor | None, part: int, parts: int) -> None:
        for crop, views in zip(crops, self._views, strict=True):
            loss = self._loss_of_views(*crops_of(crop, views, self._parts[part]))
            (loss / (parts * len(crops))).backward()
            self._notes.add(loss=loss)
            self._stopping.add(loss.detach() / (parts * len(crops)))

    def _loss_of_views(self, first: Tensor, second: Tensor) -> Tensor:
        """2 - 2 cos of each view's prediction with the target's projection of the other, added up: 0 to 8."""
        views = [as_trained(view, self.settings, self.scale) for view in (first, second)]
        with self._autocast():
            codes, projected = zip(*(self.online(view) for view in views), strict=True)
            predicted = [self.networks["predictor"](of_view) for of_view in projected]
            with torch.no_grad():
                wanted = [self.target(view)[1] for view in views]
        self._note_spread(codes[0])
        distances = [
            normalized_distance(wide(ours), wide(theirs))
            for ours, theirs in zip(predicted, reversed(wanted), strict=True)
        ]
        return torch.stack(distances).sum(dim=0).mean()

    def _after_step(self) -> None:
        for network in (*self.trained, self.target):
            settle(network, self.ranks)
        self._target.update(self.online, self.images, self.settings.batch)
        self._stopping.end_step(self.settings.batch, self.ranks)

    def _stateful(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {**super()._stateful(), "target": self.target}

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "stopping": self._stopping.state()}

    def _restore(self, state: Mapping[str, Any]) -> None:
        super()._restore(state)
        self._stopping.restore(state["stopping"])

    @classmethod
    def work(cls, settings: SelfSupervisedSettings, channels: int) -> float:
        """Encoder and projections of both views, and the target's, forwards alone."""
        byol, code = settings.byol, settings.crop**2 // 2
        projector, predictor = (2.0 * byol.hidden * (inputs + byol.projection) for inputs in (code, byol.projection))
        once = (PASSES + 1) * (encoder_work(settings, channels) + projector) + PASSES * predictor
        return VIEWS * len(cls._scales(settings)) * once

    @classmethod
    def checks(cls, settings: SelfSupervisedSettings) -> dict[str, Check]:
        """The loss is bounded, and a collapse is a result."""
        return {}


KINDS = (SelfSupervised,)
"""What `gandl.models.objectives.kinds` lists."""

"""ImageNet-collapsed: takes a loader of real crops and labels of their sites, makes steps of a convolution and a head.

The network between them keeps the weights that ImageNet gave it; gradients pass through it (Mascolini et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from gandl.config import CollapsedSettings
from gandl.models.compute.device import wide
from gandl.models.compute.ema import MovingAverage
from gandl.models.networks.collapsed import COLOURS, Collapsed, TrainedCollapsed, new_collapsed
from gandl.models.networks.imagenet.pretrained import content_of, load_pretrained, work_of
from gandl.models.objectives.objective import Objective, descend
from gandl.models.objectives.troubles import QUICK, Check, Numbers, TroubleKind

MOST_LOSS = 100.0
"""Of two classes a guess costs 0.7."""


class Collapsing(Objective[CollapsedSettings]):
    """A convolution to three channels and a linear head that learn which label a site has."""

    settings_type = CollapsedSettings
    supervised = True
    name = "collapsed"
    metrics = ("loss_softmax", "train_accuracy")
    shown: ClassVar[Mapping[str, str]] = {"loss_softmax": "loss", "train_accuracy": "accuracy"}
    measured_by = "gandl.models.looks.collapsed"

    def _build(self) -> None:
        settings = self.settings
        assert self.labels is not None
        self._of_site = torch.from_numpy(self.labels.of_site).to(self.device)
        collapsed = new_collapsed(settings, len(self.scale.channels), len(self.labels.classes), self.seed)
        self.collapsed = collapsed.to(self.device, self.dtype)
        self.backbone = load_pretrained(settings.imagenet, self.pretrained).to(self.device, self.dtype)
        self._average = MovingAverage(self.collapsed, settings.ema_half_life, settings.ema_rampup)
        self._optimizer = torch.optim.Adam(
            self.collapsed.parameters(), lr=self.learning_rate, betas=(settings.beta1, settings.beta2), eps=1e-8
        )

    @property
    def trained(self) -> Sequence[nn.Module]:
        return (self.collapsed,)

    def _learn(self) -> None:
        parts = self.loader.batch(self.step_number, self.course)
        sites = self.loader.sites(self.step_number, self.course)
        for real, of in zip(parts, sites, strict=True):
            labels = self._of_site[of]
            with self._autocast():
                logits = self.collapsed.logits(real.to(self.dtype), self.backbone)
            loss = F.cross_entropy(wide(logits), labels)
            (loss / len(parts)).backward()
            right = (logits.detach().argmax(dim=1) == labels).float().mean()
            self._notes.add(loss_softmax=loss, train_accuracy=right)
        descend(self._optimizer, self.ranks)
        self._average.update(self.collapsed, self.images, self.settings.batch)

    def _follow_course(self) -> None:
        self._optimizer.param_groups[0]["lr"] = self.learning_rate

    def _stateful(self) -> dict[str, Collapsed | torch.optim.Optimizer]:
        return {
            "collapsed": self.collapsed,
            "collapsed_ema": self._average.average,
            "optimizer": self._optimizer,
        }

    def model(self) -> TrainedCollapsed:
        assert self.labels is not None
        return TrainedCollapsed(
            collapsed_ema=self._average.average,
            collapsed_raw=self.collapsed,
            classes=self.labels.classes,
            **self._described(),
        )

    @classmethod
    def rests_on(cls, settings: CollapsedSettings, pretrained: Path | None) -> str:
        return content_of(settings.imagenet, pretrained)

    @classmethod
    def work(cls, settings: CollapsedSettings, channels: int) -> float:
        """Forward and, to the images or to the weights, backward passes; the head is left out."""
        side = settings.network.crop
        return 2 * (work_of(settings.imagenet, side) + 2.0 * channels * COLOURS * side**2)

    @classmethod
    def checks(cls, settings: CollapsedSettings) -> dict[str, Check]:
        return {"loss": Check(TroubleKind.EXPLODING, _exploding, QUICK)}

    @classmethod
    def by_class(cls, settings: CollapsedSettings) -> bool:
        return settings.balanced


def _exploding(numbers: Numbers) -> str:
    loss = numbers["loss_softmax"]
    return f"the loss is {loss:.3g} (at most {MOST_LOSS:g} is normal)" if loss > MOST_LOSS else ""

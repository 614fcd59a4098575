"""The stop rule of the paper's BYOL: takes the losses of steps, says from which epoch on nothing is learned any more.

The engine shows all tiles in any case: after a stop the steps are empty, and the weights stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from gandl.models.compute.ranks import Ranks

SPARED = 3
"""Epochs that are not judged."""
DECIMALS = 4


def ends(losses: list[float]) -> bool:
    """Whether mean losses of epochs end a training: the last two rose, or the last is above the first or like the one before.

    The first three epochs end none (`facts/profiling.md`, section 1.3).
    """
    if len(losses) <= SPARED:
        return False
    before, previous, last = losses[-3:]
    rose = before < previous < last
    return rose or last > losses[0] or round(last, DECIMALS) == round(previous, DECIMALS)


class StopRule:
    """Epochs of so many images and their mean losses.

    Parameters
    ----------
    epoch_images : 0: it never stops.

    Attributes
    ----------
    losses : of the epochs that are over. stopped : whether nothing is to be learned any more.
    """

    def __init__(self, epoch_images: int) -> None:
        self._epoch = epoch_images
        self.losses: list[float] = []
        self.stopped = False
        self._images, self._steps, self._total, self._step = 0, 0, 0.0, torch.zeros(())

    def add(self, loss: Tensor) -> None:
        """Note a share () of this step's loss."""
        if self._epoch:
            self._step = self._step.to(loss) + loss

    def end_step(self, images: int, ranks: Ranks) -> None:
        """A step of so many images is over."""
        if not self._epoch:
            return
        self._total += float(ranks.mean(self._step))
        self._step = torch.zeros(())
        self._images, self._steps = self._images + images, self._steps + 1
        if self._images >= self._epoch:
            self.losses.append(self._total / self._steps)
            self._images, self._steps, self._total = 0, 0, 0.0
            self.stopped = ends(self.losses)

    def state(self) -> dict[str, Any]:
        """Plain values that `restore` takes."""
        return {"losses": list(self.losses), "stopped": self.stopped, "epoch": [self._images, self._steps, self._total]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.losses, self.stopped = list(state["losses"]), bool(state["stopped"])
        images, steps, total = state["epoch"]
        self._images, self._steps, self._total, self._step = int(images), int(steps), float(total), torch.zeros(())

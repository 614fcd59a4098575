"""Looks: takes a training at some moments, measures its model, keeps its best weights and a frame of what it makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gandl.config import RecipeSettings
from gandl.models.engine.best import Best
from gandl.models.looks.frames import CROPS, Frames
from gandl.models.looks.measures import Measure
from gandl.models.objectives.objective import Objective

EARLIEST = 1 / 32
"""The first look, as a share of the training."""


class Looks:
    """Everything that evaluates one training without influencing it.

    Parameters
    ----------
    folder : of its checkpoints; the best weights lie there, too.
    seed : of the latents whose frames are kept.
    real : crops (n, c, s, s) on the networks' scale, the same along the training: some are reconstructed where no latents are.
    measures : what measures its model; their numbers are put together.
    """

    def __init__(self, folder: Path, seed: int, real: Tensor, measures: Sequence[Measure] = ()) -> None:
        self._folder, self._seed, self._real, self._measures = folder, seed, real, tuple(measures)
        self.forget()

    def forget(self) -> None:
        """Start from scratch."""
        self.best, self.frames = Best(self._folder), Frames()

    def measure(self, objective: Objective) -> dict[str, float]:
        """Measure now. Takes time, and may be interrupted at any moment."""
        values: dict[str, float] = {}
        for measure in self._measures:
            values |= measure(objective.model())
        return values

    def keep(self, objective: Objective, values: Mapping[str, float]) -> None:
        """Keep a frame, and the weights if they are the best so far by what was measured."""
        model = objective.model()
        self.frames.add(model.beside(self._real[:CROPS], self._seed), objective.images)
        self.best.offer(model, values)

    def state(self, course: int, step: int) -> dict[str, Any]:
        """Tensors and plain values, for the checkpoint of this moment."""
        return {"best": self.best.state((course, step)), "frames": self.frames.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.best.restore(state["best"])
        self.frames.restore(state["frames"])

    def sweep(self, moments: Collection[tuple[int, int]]) -> None:
        """Remove the files that no checkpoint of these moments needs."""
        self.best.sweep(moments)


def look_images(settings: RecipeSettings) -> list[float]:
    """Numbers of images at which training is looked at: evenly spaced on a logarithmic scale, the last at the end."""
    last = -(-settings.images // settings.batch) * settings.batch
    return np.geomspace(last, last * EARLIEST, settings.looks)[::-1].tolist()

"""Looks: takes a training at some moments, measures quality and probe, keeps its best weights and a frame of its samples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gandl.config import TrainingSettings
from gandl.models.best import Best
from gandl.models.frames import Frames
from gandl.models.quality import Quality
from gandl.models.readouts import Readouts
from gandl.models.trainer import Probe, Trainer
from gandl.models.weights import TrainedModel

Observer = Callable[[TrainedModel], Mapping[str, float]]
"""Looks at a model while it trains, for a benchmark; must leave it, and every random generator, as they were."""
EARLIEST = 1 / 32
"""The first look, as a share of the training."""


class Looks:
    """Everything that looks at one training, and decides nothing of it.

    Parameters
    ----------
    folder : of its checkpoints; the best weights lie there, too.
    seed : of the latents whose frames are kept.
    quality, probe, readouts : what measures it; None: that is not measured.
    observer : called with the model of every look; what it gives is measured, too.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        quality: Quality | None,
        probe: Probe | None,
        readouts: Readouts | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._folder, self._seed, self._quality, self._probe = folder, seed, quality, probe
        self._readouts, self._observer = readouts, observer
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        self.best, self.frames = Best(self._folder), Frames(self._seed)

    def measure(self, trainer: Trainer) -> dict[str, float]:
        """What there is to measure now. Takes its time, and may be left at any moment."""
        values = {} if self._quality is None else dict(self._quality.measure(trainer.generator_ema))
        if self._readouts is not None:
            values |= self._readouts.measure(trainer.generator_ema)
        if self._probe is not None:
            values["probe_z_prime"] = self._probe(trainer.discriminator_ema, trainer.scale)
        if self._observer is not None:
            values |= self._observer(trainer.model())
        return values

    def keep(self, trainer: Trainer, values: Mapping[str, float]) -> None:
        """Keep a frame, and the weights if they are the best so far by what was measured."""
        self.frames.add(trainer.generator_ema, trainer.images)
        self.best.offer(trainer.model(), values)

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


def look_images(settings: TrainingSettings) -> list[float]:
    """Numbers of images at which training is looked at: evenly spaced on a logarithmic scale, the last at the end."""
    last = -(-settings.images // settings.batch) * settings.batch
    return np.geomspace(last, last * EARLIEST, settings.looks)[::-1].tolist()

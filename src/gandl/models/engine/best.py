"""The best weights of a training: takes the model and what was measured at each evaluation, keeps the best, chooses at the end.

A best model's file lies beside the checkpoints, and they refer to it by name; it is removed only when no checkpoint that is still
there refers to it. So a killed training finds what was best when its checkpoint was written, and ends with the same as an
unbroken one.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gandl.config import ChosenWeights
from gandl.models.engine.checkpoint import CheckpointError
from gandl.models.networks.trained import TrainedModel
from gandl.models.networks.weights import WeightsError, load, save
from gandl.workflow.files import atomic, sha256_of

MEASURES = {ChosenWeights.BEST_QUALITY: ("quality", -1.0), ChosenWeights.BEST_PROBE: ("probe_z_prime", 1.0)}
"""The measure of each choice, and whether higher (1) or lower (-1) is better."""
PATTERNS = ("best-*.safetensors", ".best-*.safetensors")
"""Patterns of its files, and of what a killed process left of one."""
Moment = tuple[int, int]
"""Course and step of a checkpoint."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """A best model so far: what was measured of it, after how many images, and the file that holds it."""

    value: float
    images: int
    file: str


class Best:
    """The best models of one training, by every measure there is: which one is used may be decided later.

    Parameters
    ----------
    folder : of the training's checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._kept: dict[str, Kept] = {}
        self._references: dict[Moment, list[str]] = {}

    def offer(self, model: TrainedModel, values: Mapping[str, float]) -> None:
        """Keep the model if it is better, by some measure, than all before it; of equals the first stays.

        Parameters
        ----------
        values : what was measured of it: `quality`, `probe_z_prime`, or neither.
        """
        better = {
            choice.value: float(values[measure])
            for choice, (measure, sign) in MEASURES.items()
            if math.isfinite(values.get(measure, math.nan)) and self._is_better(choice, sign * values[measure], sign)
        }
        if better:
            file = self._write(model)
            self._kept |= {choice: Kept(value, model.images_seen, file) for choice, value in better.items()}

    def state(self, moment: Moment) -> dict[str, Any]:
        """Plain values, for the checkpoint of this moment; it refers to the files that are best now.

        Parameters
        ----------
        moment : course and step of that checkpoint.
        """
        self._references[moment] = self._files()
        return {
            "kept": {choice: (kept.value, kept.images, kept.file) for choice, kept in self._kept.items()},
            "references": [(*at, files) for at, files in self._references.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave: the best of then."""
        self._kept = {choice: Kept(*values) for choice, values in state["kept"].items()}
        self._references = {(course, step): list(files) for course, step, files in state["references"]}
        for choice, kept in list(self._kept.items()):
            if not _is_whole(self._folder / kept.file):
                logger.warning(
                    "%s, the best weights by %s so far, is missing or damaged: the best from here on is kept instead",
                    self._folder / kept.file,
                    MEASURES[ChosenWeights(choice)][0],
                )
                del self._kept[choice]

    def sweep(self, moments: Collection[Moment]) -> None:
        """Remove files that no checkpoint refers to any more.

        Parameters
        ----------
        moments : course and step of all checkpoints that are still there; to be called when one has been saved.
        """
        self._references = {at: files for at, files in self._references.items() if at in moments}
        needed = {*self._files(), *(file for files in self._references.values() for file in files)}
        for path in (path for pattern in PATTERNS for path in self._folder.glob(pattern)):
            if path.name not in needed:
                path.unlink(missing_ok=True)

    def finish(self, last: TrainedModel, weights: Path) -> ChosenWeights:
        """Write `last.safetensors` and `best.safetensors` beside `weights`, and then `weights`: the one that the settings choose.

        The best one is that of the measure that the settings choose by; where they choose the last: by quality, else by probe.
        Where nothing was measured, the best one is the last, and says so in its metadata (`chosen_by`), as every file does.

        Returns
        -------
        how `weights` was chosen.
        """
        last = replace(last, chosen_by=ChosenWeights.LAST)
        best, wanted = self._chosen(last) or last, last.settings.weights
        last_file, best_file = (weights.with_name(f"{name}.safetensors") for name in ("last", "best"))
        save(last, last_file)
        save(best, best_file)
        chosen, file = (last, last_file) if wanted is ChosenWeights.LAST else (best, best_file)
        if chosen.chosen_by is not wanted:
            logger.warning(
                "nothing was measured to choose weights by (%s.weights: %s): the last ones are used",
                *(last.settings.section, wanted),
            )
        with atomic(weights) as partial:
            shutil.copyfile(file, partial)
        return chosen.chosen_by

    def _chosen(self, last: TrainedModel) -> TrainedModel | None:
        """The best model by the measure that counts; None if there is none."""
        wanted = last.settings.weights
        order = MEASURES if wanted is ChosenWeights.LAST else [wanted]
        choice = next((choice for choice in order if choice.value in self._kept), None)
        if choice is None:
            return None
        kept = self._kept[choice.value]
        try:
            model: TrainedModel = load(self._folder / kept.file)
        except WeightsError as error:
            logger.warning("the best weights are lost (%s): the last ones are used instead", error)
            return None
        return replace(model, settings=last.settings, chosen_by=choice)

    def _is_better(self, choice: ChosenWeights, signed: float, sign: float) -> bool:
        kept = self._kept.get(choice.value)
        return kept is None or signed > sign * kept.value

    def _files(self) -> list[str]:
        return sorted({kept.file for kept in self._kept.values()})

    def _write(self, model: TrainedModel) -> str:
        """Write a model under a name that contains the start of its SHA-256; returns the name."""
        aside = self._folder / f".best-{model.images_seen:012d}.safetensors"
        try:
            save(model, aside)
        except WeightsError as error:
            raise CheckpointError(
                f"the best weights so far (after {model.images_seen:,} images) cannot be saved: {error}; training resumes "
                "from its "
                "last checkpoint"
            ) from error
        path = self._folder / f"best-{model.images_seen:012d}-{sha256_of(aside)[:16]}.safetensors"
        aside.replace(path)
        return path.name


def _is_whole(path: Path) -> bool:
    return path.is_file() and sha256_of(path).startswith(path.stem.rpartition("-")[2])

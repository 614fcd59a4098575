"""How training went, for the audit: takes training curves, makes what was really used where a training had to go back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.tables import CURVE, read_table

ROLL_BACK, USED = "roll_back", ("learning_rate", "r1_gamma")
"""Metrics of the training curve: where training went back, and what it went on with (`gandl.models.curve`)."""


@dataclass(frozen=True)
class RollBack:
    """One return to an earlier checkpoint: the how many-th, at how many images, and what training went on with."""

    seed: str
    number: int
    images: int
    learning_rate: float
    r1_gamma: float


@dataclass(frozen=True)
class TrainingStory:
    """What a reader must know of how training went: sentences, one per seed, and every roll-back."""

    sentences: list[str]
    roll_backs: list[RollBack]

    @property
    def findings(self) -> list[str]:
        """What belongs at the top of the page: nothing where training went as it was set."""
        return self.sentences if self.roll_backs else []


def training_story(curves: Sequence[Path], settings: Mapping[str, Any]) -> TrainingStory | None:
    """Read how training went; None where nothing was trained.

    Parameters
    ----------
    curves : training curves (`tables.CURVE`), each in a folder named after its seed (`seed_0/curve.parquet`).
    settings : of the training, as the provenance holds them.

    Raises
    ------
    gandl.tables.TableError : a curve breaks its schema.
    """
    if not curves:
        return None
    rate, gamma = float(settings["learning_rate"]), float(settings["r1_gamma"])
    sentences, found = [], []
    for path in sorted(map(Path, curves)):
        seed = path.parent.name.removeprefix("seed_")
        mine = _roll_backs(read_table(path, CURVE), seed)
        found += mine
        who = f"Training of seed {seed}" if len(curves) > 1 else "Training"
        if not mine:
            used = f"learning rate {rate:g} and R1 gamma {gamma:g}"
            sentences.append(f"{who} never had to go back: {used} from the first image to the last, as set.")
            continue
        last, times = mine[-1], "once" if len(mine) == 1 else f"{len(mine)} times"
        sentences.append(
            f"{who} failed and went back to an earlier checkpoint {times} (of at most {settings['roll_backs']}): it ended with "
            f"learning rate {last.learning_rate:g} (set: {rate:g}) and R1 gamma {last.r1_gamma:g} (set: {gamma:g})."
        )
    return TrainingStory(sentences, found)


def _roll_backs(curve: pd.DataFrame, seed: str) -> list[RollBack]:
    """The roll-backs of a curve, in order; what each went on with stands at the same number of images."""
    values = curve.set_index(["images", "metric"])["value"]
    backs = curve[curve["metric"] == ROLL_BACK].sort_values("value")
    return [
        RollBack(seed, round(number), int(images), *(float(values[images, name]) for name in USED))
        for images, number in zip(backs["images"], backs["value"], strict=True)
    ]

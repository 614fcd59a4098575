"""The course of training, for the audit: takes training curves, makes the settings really used, and the quality of the
networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import Augmentation, ChosenWeights
from gandl.tables import CURVE, SITES, read_table
from gandl.workflow.words import counted

ROLL_BACK, USED = "roll_back", ("learning_rate", "r1_gamma")
"""Metrics of the training curve: where training rolled back, and what it continued with (`gandl.models.looks.curve`)."""


BATCHES = 10
"""Fewer images than so many batches are few."""
QUALITY, FLOOR = "quality", "quality_floor"
COUNTED = {"nuclei_per_crop": "nuclei per crop", "nuclear_area": "px of median nuclear area"}
DISTANCES = {
    "histogram_distance": "intensities",
    "spectrum_distance": "spatial spectra",
    "correlation_distance": "correlations between channels",
}
"""Read-outs of generated crops (`gandl.models.looks.readouts`) and what they are called in a sentence."""
CHOSEN = {
    ChosenWeights.LAST: "The last weights are used for embedding; nothing measured during training chose them.",
    ChosenWeights.BEST_QUALITY: "The weights used for embedding are the best by quality, which uses no label.",
    ChosenWeights.BEST_PROBE: "The weights used for embedding were chosen by the probe (by labels): this run is not label-free.",
}


@dataclass(frozen=True)
class RollBack:
    """One return to an earlier checkpoint: its number, at how many images, and what training continued with."""

    seed: str
    number: int
    images: int
    learning_rate: float
    r1_gamma: float


@dataclass(frozen=True)
class TrainingStory:
    """What a reader must know about the training: sentences, one per seed, further notes, and every roll-back."""

    sentences: list[str]
    notes: list[str]
    roll_backs: list[RollBack]

    @property
    def findings(self) -> list[str]:
        """What belongs at the top of the page: nothing if training used its settings throughout."""
        return self.sentences if self.roll_backs else []


def training_story(curves: Sequence[Path], settings: Mapping[str, Any]) -> TrainingStory | None:
    """Read the course of training; None if nothing was trained.

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
    sentences, notes, found = [], [CHOSEN[settings["weights"]]], []
    for path in sorted(map(Path, curves)):
        seed = path.parent.name.removeprefix("seed_")
        curve = read_table(path, CURVE)
        mine = _roll_backs(curve, seed)
        found += mine
        who = f"Training of seed {seed}" if len(curves) > 1 else "Training"
        notes += _quality(curve, f"{who}: q" if len(curves) > 1 else "Q")
        notes += _readouts(curve, who)
        if not mine:
            used = f"learning rate {rate:g} and R1 gamma {gamma:g}"
            sentences.append(f"{who} was never rolled back: {used} from the first image to the last, as set.")
            continue
        last = mine[-1]
        times = "once" if last.number == 1 else f"{last.number} times"  # two from one place leave one row
        sentences.append(
            f"{who} failed and was rolled back to an earlier checkpoint {times} (of at most {settings['roll_backs']}): it "
            "ended with "
            f"learning rate {last.learning_rate:g} (set: {rate:g}) and R1 gamma {last.r1_gamma:g} (set: {gamma:g})."
        )
    return TrainingStory(sentences, notes, found)


def few_images(sites: Path, settings: Mapping[str, Any]) -> list[str]:
    """A warning where a network learned from fewer images than `BATCHES` batches; nothing where they are enough.

    Parameters
    ----------
    sites : sites table of the screen that was trained on. settings : of the training, as the provenance holds them.
    """
    count, share = len(read_table(sites, SITES, columns=["site_id"])), float(settings["held_out"])
    if share and count:
        count -= min(max(round(share * count), 1), count - 1)  # as gandl.models.crops.crop_sampler.hold_out
    batch = int(settings["batch"])
    if count >= BATCHES * batch:
        return []
    adaptive = settings["augmentation"]["kind"] == Augmentation.ADAPTIVE
    advice = "more images help" if adaptive else "more images, or training.augmentation.kind: adaptive, help"
    return [
        f"The network learned from {counted(count, 'image')}, fewer than {BATCHES} batches of {batch} (training.batch), and may "
        f"memorise them: {advice}."
    ]


def _quality(curve: pd.DataFrame, start: str) -> list[str]:
    """What quality was last, beside the best and what real crops reach; nothing if it was not measured."""
    looks = curve[curve["metric"] == QUALITY].dropna(subset=["value"]).sort_values("images")
    if looks.empty:
        return []
    last, best = looks.iloc[-1], looks.sort_values("value", kind="stable").iloc[0]
    floors = curve[curve["metric"] == FLOOR]
    floor = "" if floors.empty else f"; real crops of the other sites: {floors['value'].iloc[-1]:.3g}"
    where = "the best" if best["images"] == last["images"] else f"best: {best['value']:.3g} after {best['images']:,}"
    return [
        f"{start}uality of generated crops against real ones of held-out sites (energy distance, lower is better): "
        f"{last['value']:.3g} after {last['images']:,} images ({where}{floor})."
    ]


def _readouts(curve: pd.DataFrame, who: str) -> list[str]:
    """What generated crops were like at the last look, beside real ones; nothing if it was not measured."""
    last = curve.sort_values("images", kind="stable").groupby("metric")["value"].last()
    parts = [
        f"{last[name]:.3g} {words} (real: {last[f'{name}_real']:.3g})"
        for name, words in COUNTED.items()
        if name in last
    ]
    parts += [f"{words} {last[name]:.2g} times" for name, words in DISTANCES.items() if name in last]
    if not parts:
        return []
    return [
        f"{who}: generated crops showed, at the last evaluation, {', '.join(parts)}; distances are in units of those between two "
        "sets of real crops."
    ]


def _roll_backs(curve: pd.DataFrame, seed: str) -> list[RollBack]:
    """The roll-backs of a curve, in order; what each continued with stands at the same number of images."""
    values = curve.set_index(["images", "metric"])["value"]
    backs = curve[curve["metric"] == ROLL_BACK].sort_values("value")
    return [
        RollBack(seed, round(number), int(images), *(float(values[images, name]) for name in USED))
        for images, number in zip(backs["images"], backs["value"], strict=True)
    ]

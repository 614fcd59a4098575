"""Trainings at toy size: started into a folder, compared bit by bit, and looked up in their curves and checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from gandl.config import ChosenWeights, RecipeSettings
from gandl.images.store_reader import ImageStore
from gandl.models.crops.supervision import Supervision
from gandl.models.engine import training
from gandl.models.engine.training import train
from gandl.models.looks.probe import Probe
from gandl.models.looks.status import Machine
from gandl.models.networks.trained import TrainedModel
from gandl.models.networks.weights import load
from gandl.models.objectives.kinds import OBJECTIVES
from gandl.tables import CURVE, read_table
from model_inputs import AUTOENCODER, CLASSIFIER, COLLAPSED, FAMILIES, REPRESENTATIONS, TRAINING as DEFAULTS

RECIPES: dict[str, RecipeSettings] = {
    "gan": DEFAULTS.model_copy(update={"quality_crops": 8, "looks": 5}),
    "autoencoder": AUTOENCODER.model_copy(update={"quality_crops": 8, "looks": 5}),
    "classifier": CLASSIFIER.model_copy(update={"looks": 5, "weights": ChosenWeights.LAST}),
    "collapsed": COLLAPSED.model_copy(update={"looks": 5, "weights": ChosenWeights.LAST}),
    **{name: recipe.model_copy(update={"looks": 5}) for name, recipe in REPRESENTATIONS.items()},
    **{name: recipe.model_copy(update={"looks": 5, "quality_crops": 8}) for name, recipe in FAMILIES.items()},
}
"""The recipe of every objective at toy size."""
TRAINING = RECIPES["gan"]
SEED = 1
UNTIMED = ("images_per_second",)
"""What of a curve depends on the clock."""


def train_into(
    store: Path,
    folder: Path,
    settings: RecipeSettings | None = None,
    probe: Probe | None = None,
    probe_id: str = "",
    objective: str = "gan",
    seed: int = SEED,
) -> Path:
    """Train into a folder; gives the weights' path."""
    weights = folder / "weights.safetensors"
    train(
        [store],
        settings or RECIPES.get(objective, TRAINING),
        seed,
        weights,
        folder / "curve.parquet",
        folder / "samples.png",
        folder / "checkpoints",
        probe,
        probe_id,
        objective=objective,
        supervision=labels_of(store) if objective in OBJECTIVES and OBJECTIVES[objective].supervised else None,
    )
    return weights


def labels_of(store: Path) -> Supervision:
    """Three labels in turn; the last third of the sites validates."""
    sites = ImageStore(store).site_ids
    parts = ["validation" if 3 * i >= 2 * len(sites) else "train" for i in range(len(sites))]
    labels = ["abc"[i % 3] for i in range(len(sites))]
    return Supervision(pd.DataFrame({"site_id": sites, "label": labels, "part": parts}))


def tensors(weights: Path) -> dict[str, torch.Tensor]:
    model = load(weights, TrainedModel)  # type: ignore[type-abstract]
    return {f"{name}.{key}": t for name, part in model.networks.items() for key, t in part.state_dict().items()}


def assert_same(one: Path, two: Path) -> None:
    first, second = tensors(one), tensors(two)
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert different == []


def losses(folder: Path) -> list[tuple]:
    curve = read_table(folder / "curve.parquet", CURVE)
    return list(curve[~curve["metric"].isin(UNTIMED)].itertuples(index=False, name=None))


def steps_kept(folder: Path) -> list[tuple[int, int]]:
    """(course, step) of all checkpoints in all folders."""
    names = sorted(path.name for path in folder.glob("checkpoints/*/*.pt"))
    return [(int(course), int(step)) for course, step, _ in (name.split("-") for name in names)]


def rows_of(folder: Path, metric: str) -> list[tuple[int, float]]:
    """(step, value) of a metric."""
    return [(step, value) for _, step, name, value in losses(folder) if name == metric]


@pytest.fixture(scope="module")
def no_peak() -> Iterator[None]:
    """Measuring the device's peak takes a while, and changes nothing here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "machine_of", lambda *_: Machine())
        yield

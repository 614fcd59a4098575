"""Measures: takes an objective and held-out sites, makes what a look measures of its models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Generic

import numpy as np
import numpy.typing as npt
import torch

from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.supervision import Labels
from gandl.models.looks.probe import Probe
from gandl.models.objectives.objective import Objective, Recipe

Measure = Callable[[Any], Mapping[str, float]]
"""Evaluates a model while it trains; must not change it, nor any random generator."""


@dataclass(frozen=True)
class Given(Generic[Recipe]):
    """What measures are made from.

    Attributes
    ----------
    stores : as `gandl.models.crops.crop_sampler.open_stores` gives them.
    held_out : positions of sites, counted through all stores; empty: nothing is compared with them.
    scale, settings, device : of the training.
    probe : scores discriminators by controls; None: no probe.
    labels : of the sites, in a supervised training.
    pretrained : published weights of the frozen network that the objective rests on; None: those that come with a package.
    """

    stores: Sequence[ImageStore]
    held_out: npt.NDArray[np.int64]
    scale: IntensityScale
    settings: Recipe
    device: torch.device
    probe: Probe | None
    labels: Labels | None = None
    pretrained: Path | None = None


def measures_of(objective: type[Objective], given: Given) -> list[Measure]:
    """What is measured of the models of an objective, by the function `measures` of its module `measured_by`.

    Raises
    ------
    ValueError : the probe is for discriminators, which this objective has none of.
    """
    if not objective.measured_by:
        if given.probe is not None:
            raise no_discriminator(objective.name)
        return []
    found: list[Measure] = import_module(objective.measured_by).measures(given)
    return found


def no_discriminator(objective: str) -> ValueError:
    """The error of a probe that has nothing to score."""
    return ValueError(f"the probe scores discriminators, and {objective} has none: leave its tables out")

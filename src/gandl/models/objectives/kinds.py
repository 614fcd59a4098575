"""The available objectives: takes a name, gives its class."""

from __future__ import annotations

from importlib import import_module

from gandl.models.objectives.autoencoder import Autoencoding
from gandl.models.objectives.classifier import Classifying
from gandl.models.objectives.collapsed import Collapsing
from gandl.models.objectives.gan import Gan
from gandl.models.objectives.objective import Objective

OBJECTIVES: dict[str, type[Objective]] = {kind.name: kind for kind in (Gan, Autoencoding, Classifying, Collapsing)}
for module in (  # by name: packages within this one, which build on it
    *("comparison.paper", "comparison.byol", "comparison.dino"),
    *("cytogan.convolutional", "cytogan.equilibrium", "cytogan.inference", "cytogan.coding"),
):
    kinds = import_module(f"gandl.models.objectives.{module}").KINDS
    OBJECTIVES |= {kind.name: kind for kind in kinds}
"""By name, as weights files and training jobs hold it."""
DEFAULT = Gan.name
"""What is trained where no objective is named: the paper's."""


def objective_of(name: str) -> type[Objective]:
    """The objective of a name.

    Raises
    ------
    ValueError : the name is unknown.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"unknown objective {name!r}; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]

"""The kinds of trained models: the name of an objective, as a weights file's metadata hold it, and the class that reads it."""

from __future__ import annotations

from importlib import import_module

from gandl.models.networks.autoencoder import TrainedAutoencoder
from gandl.models.networks.classifier import TrainedClassifier
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.gan import TrainedGan
from gandl.models.networks.trained import TrainedModel

KINDS: dict[str, type[TrainedModel]] = {
    kind.objective: kind for kind in (TrainedGan, TrainedAutoencoder, TrainedClassifier, TrainedCollapsed)
}
for module in ("gandl.models.networks.comparison.trained",):  # by name: a package within this one, which builds on it
    KINDS |= import_module(module).KINDS

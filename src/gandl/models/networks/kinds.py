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
for package in ("comparison", "cytogan"):  # by name: packages within this one, which build on it
    KINDS |= import_module(f"gandl.models.networks.{package}.trained").KINDS

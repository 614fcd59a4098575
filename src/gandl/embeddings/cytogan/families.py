"""Featurizers by the families of CytoGAN (Goldsborough et al. 2017): takes weights of a family, makes codes of sites.

Of DCGAN, LSGAN and WGAN the discriminator's layer before its score, of BEGAN the bottleneck of its discriminator, of BiGAN the
encoder, of the variational autoencoder the mean, of the autoencoder the code; none of them with noise.
"""

from __future__ import annotations

from typing import Any

import torch

from gandl.config import EmbeddingsSettings, FeaturizerName
from gandl.embeddings.conv_ae import CropEncoder
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.models.compute.device import CPU
from gandl.models.networks.cytogan.trained import TrainedFamily
from gandl.models.networks.weights import load


class FamilyFeaturizer(CropEncoder[TrainedFamily]):
    """The representation of a family, by the weights of the last step."""

    def __init__(self, model: TrainedFamily, settings: EmbeddingsSettings, device: torch.device = CPU) -> None:
        super().__init__(FeaturizerName(model.objective), model, model.settings.network.code_dim, settings, device)

    @property
    def own_network(self) -> Any:
        return self.model.embedder


def build(name: FeaturizerName, basis: Basis) -> FamilyFeaturizer:
    """The featurizer of a weights file.

    Raises
    ------
    EmbeddingError : there are no weights, or they are those of another family.
    gandl.models.networks.weights.WeightsError : they are not those of a family, or damaged.
    """
    if basis.weights is None:
        raise EmbeddingError(f"the {name} featurizer needs the weights of its training, and none were given")
    model = load(basis.weights, TrainedFamily)  # type: ignore[type-abstract]
    if model.objective != name:
        raise EmbeddingError(f"{basis.weights} holds a model of {model.objective}, but {name} needs its own")
    return FamilyFeaturizer(model, basis.settings)

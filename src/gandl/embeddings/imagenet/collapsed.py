"""ImageNet-collapsed (Mascolini et al. 2022, "Counterpart embeddings"): takes the model of a fold and the network behind it,
makes vectors of whole sites, whose channels a trained convolution has made three.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from gandl.config import EmbeddingsSettings, FeaturizerName
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.embeddings.imagenet.concatenated import ConcatenatedFeaturizer
from gandl.models.crops.intensity import Pixels
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.imagenet.pretrained import FrozenNetwork
from gandl.models.networks.passes import device_of, digest_of


class CollapsedFeaturizer(ConcatenatedFeaturizer):
    """Features of the network of all channels together, as one fold's model shows them to it.

    Parameters
    ----------
    model : of a fold; its moving average embeds.
    network : the one that it was trained with.
    settings : `batch` and `precision` are used.
    """

    name = FeaturizerName.IMAGENET_COLLAPSED

    def __init__(self, model: TrainedCollapsed, network: FrozenNetwork, settings: EmbeddingsSettings) -> None:
        super().__init__(self.name, network, model.scale, settings, model.pixel_size_um)
        self.model = model
        self.feature_names = [f"feature_{i}" for i in range(network.dim)]
        self.dim = network.dim
        own = model.collapsed_ema.eval()
        self._collapsed = own if self.device.type == "cpu" else copy.deepcopy(own).to(self.device)

    def on(self, device: str) -> CollapsedFeaturizer:
        """The same featurizer on a device ("cpu", "cuda", "cuda:1").

        Raises
        ------
        gandl.models.compute.device.DeviceError : a GPU that does not exist.
        """
        place = device_of(device)
        network = self.network if place == self.device else copy.deepcopy(self.network).to(place)
        return CollapsedFeaturizer(self.model, network, self.settings)

    @property
    def content(self) -> str:
        """Digest of network, model, scale and device (`gandl.models.networks.passes.digest_of`)."""
        return f"{super().content} {digest_of(self._collapsed, self.scale, self.device, self.network.name)}"

    def _planes(self, images: Pixels) -> Tensor:
        """The three colours of every site, (n, 3, h, w) in [0, 1]."""
        colours = [self._collapsed.colours(site) for site in self._scaled(images)]
        return torch.cat(colours) if colours else torch.empty(0, 3, *images.shape[2:])


def build(name: FeaturizerName, basis: Basis) -> CollapsedFeaturizer:
    """Not one featurizer: a model of every fold embeds what that fold needs (`gandl.embeddings.imagenet.folds`).

    Raises
    ------
    EmbeddingError : always.
    """
    raise EmbeddingError(f"{name} is trained anew for every fold of a question, and embeds fold by fold")

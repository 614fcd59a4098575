"""Featurizers that are an encoder of crops (the paper's ConvAE is one): takes their weights, makes codes of sites.

A site is embedded as by GAN-DL: the mean over a grid of crops of the side that the encoder was trained on, since its last layer,
the code, takes maps of one size only.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gandl.config import EmbeddingsSettings, FeaturizerName
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.models.compute.device import CPU, autocast
from gandl.models.crops.intensity import Pixels
from gandl.models.networks.autoencoder import Autoencoder, TrainedAutoencoder
from gandl.models.networks.passes import crops_per_pass, device_of, digest_of, fitting_batch, pinned
from gandl.models.networks.site_features import crop_corners, site_vectors, sites_at_once
from gandl.models.networks.trained import TrainedModel
from gandl.models.networks.weights import load

Model = TypeVar("Model", bound=TrainedModel)


class CropEncoder(ABC, Generic[Model]):
    """What a network makes of crops, averaged over the crops of a site's grid.

    Parameters
    ----------
    name : of the featurizer.
    model : the trained networks.
    dim : length of a code.
    settings : the grid of crops, crops per pass and precision.
    """

    full_size = False

    def __init__(
        self, name: FeaturizerName, model: Model, dim: int, settings: EmbeddingsSettings, device: torch.device = CPU
    ) -> None:
        self.name, self.model, self.dim, self.settings, self.device = name, model, dim, settings, device
        self.channels = model.channels
        self.pixel_size_um = model.pixel_size_um
        self.feature_names = [f"code_{i}" for i in range(self.dim)]

    @property
    @abstractmethod
    def own_network(self) -> nn.Module:
        """The network of the model that embeds, by its function `encode`: crops (m, c, y, x) -> codes (m, dim)."""

    def on(self, device: str) -> Self:
        """The same featurizer on a device ("cpu", "cuda", "cuda:1").

        Raises
        ------
        gandl.models.compute.device.DeviceError : a GPU that does not exist.
        """
        moved = copy.copy(self)
        moved.device = device_of(device)
        for made in ("network", "content"):
            moved.__dict__.pop(made, None)
        return moved

    @cached_property
    def network(self) -> Any:
        """The one that embeds; the model's own on the CPU, a copy of it elsewhere."""
        own = self.own_network
        return own if self.device == CPU else copy.deepcopy(own).to(self.device)

    @cached_property
    def content(self) -> str:
        """Digest of what decides its vectors beside settings and code: weights, scale, device, threads and PyTorch."""
        shape = self.model.settings.network.model_dump(mode="json")
        return digest_of(self.network, self.model.scale, self.device, shape)

    def sites_at_once(self, height: int, width: int, limit: int) -> int:
        """How many sites of this size, at most `limit`, to embed in one call, so that little of a pass is filling."""
        crop, stride = self.model.settings.crop, self.settings.stride
        crops = len(crop_corners(height, crop, stride)) * len(crop_corners(width, crop, stride))
        return sites_at_once(crops, self.settings.batch, limit)

    def stage(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same pixels, in pinned memory for a GPU."""
        return pinned(images, self.device)

    def embed(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Codes (n, dim) of images (n, c, h, w) at the scale of training, in stored pixel values; each site by itself.

        Raises
        ------
        gandl.models.networks.site_features.SiteError : the images are smaller than the crops of training.
        EmbeddingError : so many crops at a time do not fit on the GPU.
        """
        try:
            return self._codes(images, self.settings.batch)
        except torch.OutOfMemoryError:
            pass  # outside this block the error, and with it what it holds of the GPU's memory, is gone
        fits = fitting_batch(self._try, self.settings.batch)
        side = self.model.settings.crop
        advice = "set compute.gpus to 0 to embed on the CPU" if fits is None else f"set embeddings.batch to {fits}"
        raise EmbeddingError(
            f"{crops_per_pass(self.settings.batch)} crops of {side} px at a time do not fit in the memory of {self.device}: "
            f"{advice} (now {self.settings.batch})"
        )

    def _codes(self, images: Pixels, batch: int) -> npt.NDArray[np.float32]:
        return site_vectors(
            self._encode,
            self.dim,
            self.model.scale,
            images,
            crop=self.model.settings.crop,
            stride=self.settings.stride,
            batch=batch,
            device=self.device,
            precision=self.settings.precision,
        )

    def _encode(self, crops: Tensor) -> Tensor:
        with autocast(crops.device, self.settings.precision):
            codes: Tensor = self.network.encode(crops).float()
        return codes

    def _try(self, batch: int) -> None:
        """One pass over blank crops; raises `torch.OutOfMemoryError` where it does not fit."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        side = self.model.settings.crop
        self._codes(np.zeros((1, len(self.channels), side, side), np.uint8), batch)


class AutoencoderFeaturizer(CropEncoder[TrainedAutoencoder]):
    """The code of an autoencoder; the averaged network embeds."""

    def __init__(self, model: TrainedAutoencoder, settings: EmbeddingsSettings, device: torch.device = CPU) -> None:
        super().__init__(FeaturizerName.CONV_AE, model, model.settings.network.code_dim, settings, device)

    @property
    def own_network(self) -> Autoencoder:
        return self.model.autoencoder_ema


def build(name: FeaturizerName, basis: Basis) -> AutoencoderFeaturizer:
    """The featurizer of a weights file.

    Raises
    ------
    EmbeddingError : there are no weights.
    gandl.models.networks.weights.WeightsError : they are not those of an autoencoder, or damaged.
    """
    if basis.weights is None:
        raise EmbeddingError(f"the {name} featurizer needs the weights of a trained autoencoder, and none were given")
    return AutoencoderFeaturizer(load(basis.weights, TrainedAutoencoder), basis.settings)

"""The featurizer that is a classifier trained on RxRx1 (the paper's baseline): takes its weights, makes its embedding of sites.

A site is embedded whole, as the paper's network took it (512 x 512 px): global average pooling takes images of any size, and at
the pixel size of training they show cells as large. The network is in evaluation mode, with the running statistics of its
training, and every pass holds equally many images, so that a site's vector depends on no other site.
"""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gandl.config import EmbeddingsSettings, FeaturizerName, Intensity
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.models.compute.device import CPU, autocast
from gandl.models.crops.intensity import Pixels
from gandl.models.networks.classifier import Classifier, TrainedClassifier
from gandl.models.networks.passes import (
    crops_per_pass,
    device_of,
    digest_of,
    filled,
    fitting_batch,
    moments_on_device,
    on_device,
    pinned,
    steady,
    unsigned,
)
from gandl.models.networks.site_features import sites_at_once
from gandl.models.networks.weights import load


class ClassifierFeaturizer:
    """The layer behind the pooling of a classifier, as it embeds whole sites.

    Parameters
    ----------
    model : the trained networks; the averaged one embeds.
    settings : images per pass and precision.
    """

    name = FeaturizerName.DENSENET161_ARCFACE
    full_size = False

    def __init__(self, model: TrainedClassifier, settings: EmbeddingsSettings, device: torch.device = CPU) -> None:
        self.model, self.settings, self.device = model, settings, device
        self.channels = model.channels
        self.pixel_size_um = model.pixel_size_um
        self.dim = model.settings.network.embedding_dim
        self.feature_names = [f"embedding_{i}" for i in range(self.dim)]

    def on(self, device: str) -> ClassifierFeaturizer:
        """The same featurizer on a device ("cpu", "cuda", "cuda:1").

        Raises
        ------
        gandl.models.compute.device.DeviceError : a GPU that does not exist.
        """
        return ClassifierFeaturizer(self.model, self.settings, device_of(device))

    @cached_property
    def network(self) -> Classifier:
        """The one that embeds; the model's own on the CPU, a copy of it elsewhere."""
        own = self.model.classifier_ema.eval()
        return own if self.device == CPU else copy.deepcopy(own).to(self.device)

    @cached_property
    def content(self) -> str:
        """Digest of what decides its vectors beside settings and code: weights, scale, device, threads and PyTorch."""
        return digest_of(self.network, self.model.scale, self.device, None)

    def sites_at_once(self, height: int, width: int, limit: int) -> int:
        """How many sites, at most `limit`, to embed in one call, so that little of a pass is filling."""
        return sites_at_once(1, self.settings.batch, limit)

    def stage(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same pixels, in pinned memory for a GPU."""
        return pinned(images, self.device)

    def embed(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Embeddings (n, dim) of images (n, c, h, w) at the scale of training, in stored pixel values.

        Raises
        ------
        EmbeddingError : images too small for the network; or so many at a time do not fit on the GPU.
        """
        least = self.model.settings.network.smallest_crop
        if min(images.shape[2:]) < least:
            raise EmbeddingError(
                f"images of {images.shape[2]} x {images.shape[3]} px are too small for {self.name}, which needs {least} px: "
                "embed at a larger resolution (embeddings.resolutions)"
            )
        try:
            return self._embed(images, self.settings.batch)
        except torch.OutOfMemoryError:
            pass  # outside this block the error, and with it what it holds of the GPU's memory, is gone
        blank = np.zeros((1, *images.shape[1:]), np.uint8)
        fits = fitting_batch(lambda batch: self._try(blank, batch), self.settings.batch)
        advice = "set compute.gpus to 0 to embed on the CPU" if fits is None else f"set embeddings.batch to {fits}"
        raise EmbeddingError(
            f"{crops_per_pass(self.settings.batch)} images of {images.shape[2]} x {images.shape[3]} px at a time do not fit in "
            f"the memory of {self.device}: {advice} (now {self.settings.batch})"
        )

    def _try(self, blank: Pixels, batch: int) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._embed(blank, batch)

    @torch.inference_mode()
    def _embed(self, images: Pixels, batch: int) -> npt.NDArray[np.float32]:
        scale, size = self.model.scale, crops_per_pass(batch)
        found = []
        with steady(self.device, self.settings.precision):
            for start in range(0, len(images), size):
                part = images[start : start + size]
                sites = on_device(part, self.device)
                moments = moments_on_device(sites) if scale.kind is Intensity.SITE else None
                seen = filled(scale.apply(unsigned(sites, part), moments), size)
                with autocast(self.device, self.settings.precision):
                    vectors = self.network.embed(seen)
                found.append(vectors[: len(part)].float().cpu().numpy())
        return np.concatenate(found) if found else np.empty((0, self.dim), np.float32)


def build(name: FeaturizerName, basis: Basis) -> ClassifierFeaturizer:
    """The featurizer of a weights file.

    Raises
    ------
    EmbeddingError : there are no weights.
    gandl.models.networks.weights.WeightsError : they are not those of a classifier, or damaged.
    """
    if basis.weights is None:
        raise EmbeddingError(f"the {name} featurizer needs the weights of a trained classifier, and none were given")
    return ClassifierFeaturizer(load(basis.weights, TrainedClassifier), basis.settings)

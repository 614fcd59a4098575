"""Featurizers that are a discriminator: GAN-DL's 512-d layer, the statistics of all its blocks, and the same network untrained.

Takes weights (or, for the untrained one, settings and stores); makes featurizers that average a grid of crops of each site.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gandl.config import Activation, EmbeddingsSettings, FeaturizerName, TrainingSettings, Weights
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.images.store_reader import ImageStore
from gandl.models.compute.device import CPU
from gandl.models.crops.intensity import Pixels, measure_scale
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.gan import TrainedGan, untrained as untrained_model
from gandl.models.networks.passes import crops_per_pass, device_of, digest_of, fitting_batch, pinned
from gandl.models.networks.site_features import (
    SiteFeatures,
    block_features,
    crop_corners,
    site_features,
    sites_at_once,
)
from gandl.models.networks.weights import load


@dataclass(frozen=True, eq=False)
class Look:
    """One pass of a discriminator over the crops of sites: all its layers at once. Two looks are equal if they are the same one.

    Attributes
    ----------
    model : the networks, their intensity scale and what they were trained on.
    settings : which discriminator, the grid of crops, crops per pass and precision.
    device : where it computes.
    """

    model: TrainedGan
    settings: EmbeddingsSettings
    device: torch.device = CPU
    _elsewhere: dict[torch.device, Look] = field(default_factory=dict, repr=False)

    def on(self, device: torch.device) -> Look:
        """The same look on a device, always the same one, so that featurizers still share it."""
        if device == self.device:
            return self
        if device not in self._elsewhere:
            self._elsewhere[device] = Look(self.model, self.settings, device)
        return self._elsewhere[device]

    @cached_property
    def discriminator(self) -> Discriminator:
        """The one that looks; the model's own on the CPU, a copy of it elsewhere."""
        raw = self.settings.weights == Weights.RAW
        chosen = self.model.discriminator_raw if raw else self.model.discriminator_ema
        return chosen if self.device == CPU else copy.deepcopy(chosen).to(self.device)

    def __call__(self, images: Pixels) -> SiteFeatures:
        """Features of all layers of images (n, c, h, w), in stored pixel values; each site by itself.

        Raises
        ------
        EmbeddingError : so many crops at a time do not fit on the GPU.
        """
        try:
            return self._features(images, self.settings.batch)
        except torch.OutOfMemoryError:
            pass  # outside this block the error, and with it what it holds of the GPU's memory, is gone
        raise EmbeddingError(self._advice(fitting_batch(self._try, self.settings.batch)))

    def sites_at_once(self, height: int, width: int, limit: int) -> int:
        """How many sites of this size, at most `limit`, to look at in one call, so that little of it is filling."""
        crop, stride = self.model.settings.network.crop, self.settings.stride
        crops = len(crop_corners(height, crop, stride)) * len(crop_corners(width, crop, stride))
        return sites_at_once(crops, self.settings.batch, limit)

    @cached_property
    def content(self) -> str:
        """Digest of what decides its vectors beside settings and code: weights, scale, device, threads and PyTorch."""
        shape = self.model.settings.network.model_dump(mode="json")
        return digest_of(self.discriminator, self.model.scale, self.device, shape)

    def _features(self, images: Pixels, batch: int) -> SiteFeatures:
        return site_features(
            self.discriminator,
            self.model.scale,
            images,
            crop=self.model.settings.network.crop,
            stride=self.settings.stride,
            batch=batch,
            precision=self.settings.precision,
        )

    def _try(self, batch: int) -> None:
        """One pass over blank crops; raises `torch.OutOfMemoryError` where it does not fit."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        side = self.model.settings.network.crop
        self._features(np.zeros((1, len(self.channels), side, side), np.uint8), batch)

    @property
    def channels(self) -> list[str]:
        return self.model.channels

    def _advice(self, fits: int | None) -> str:
        side = self.model.settings.network.crop
        found = f"{crops_per_pass(self.settings.batch)} crops of {side} px at a time do not fit in the memory of {self.device}"
        if fits is None:
            return f"{found}, and neither do {crops_per_pass(1)}: set compute.gpus to 0 to embed on the CPU"
        return f"{found}: set embeddings.batch to {fits} (now {self.settings.batch})"


class NetworkFeaturizer:
    """A discriminator that looks at every crop of a site's grid; the site's vector is their mean.

    `gandl` is the layer before the logit (Mascolini et al. 2022); `gandl_blocks` and `gandl_untrained` are the mean and the
    deviation over space of every feature map, block by block (or of the blocks that the settings name). A vector does not depend
    on the other sites that are embedded (`gandl.models.networks.site_features`).

    Parameters
    ----------
    name : `gandl`, `gandl_blocks` or `gandl_untrained`.
    look : the network; featurizers of one network share one.
    settings : which activation, and which blocks and statistics.

    Raises
    ------
    EmbeddingError : the name is not that of a network.
    """

    full_size = False

    def __init__(self, name: FeaturizerName, look: Look, settings: EmbeddingsSettings) -> None:
        if name not in (FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS, FeaturizerName.GANDL_UNTRAINED):
            raise EmbeddingError(f"the {name} featurizer is not a network")
        self.name: FeaturizerName = name
        self.look = look
        self.settings = settings
        self.channels = look.channels
        self.pixel_size_um = look.model.pixel_size_um
        self.scale = look.model.scale
        discriminator = look.discriminator
        if name == FeaturizerName.GANDL:
            self.feature_names = [f"{settings.activation}_{i}" for i in range(discriminator.feature_dim)]
        else:
            names = block_features(discriminator)
            self._columns = _chosen(names, discriminator.block_names, settings)
            self.feature_names = [names[i] for i in self._columns]
        self.dim = len(self.feature_names)

    def on(self, device: str) -> NetworkFeaturizer:
        """The same featurizer on a device ("cpu", "cuda", "cuda:1").

        Raises
        ------
        gandl.models.compute.device.DeviceError : a GPU that does not exist.
        """
        return NetworkFeaturizer(self.name, self.look.on(device_of(device)), self.settings)

    @property
    def content(self) -> str:
        """Digest of the network (`Look.content`)."""
        return self.look.content

    def sites_at_once(self, height: int, width: int, limit: int) -> int:
        """How many sites of this size, at most `limit`, to embed in one call (`Look.sites_at_once`)."""
        return self.look.sites_at_once(height, width, limit)

    def stage(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same pixels where the device reads them best: pinned memory for a GPU, which then copies while it computes."""
        return pinned(images, self.look.device)

    def embed(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Features (n, dim) of images (n, c, h, w) at the scale of training, in stored pixel values."""
        return self.choose(self.look(images))

    def choose(self, seen: SiteFeatures) -> npt.NDArray[np.float32]:
        """Features (n, dim) out of all that the network saw."""
        if self.name != FeaturizerName.GANDL:
            return seen.blocks[:, self._columns]
        return seen.post if self.settings.activation == Activation.POST else seen.pre


def _chosen(names: Sequence[str], blocks: Sequence[str], settings: EmbeddingsSettings) -> list[int]:
    """Positions of the block features `<block>_<statistic>_<map>` that the settings request."""
    unknown = [block for block in settings.blocks if block not in blocks]
    if unknown:
        raise EmbeddingError(
            f"embeddings.blocks names {', '.join(unknown)}, which this discriminator does not have; it has {', '.join(blocks)}"
        )
    wanted = {f"{block}_{statistic}" for block in settings.blocks or blocks for statistic in settings.block_statistics}
    return [i for i, name in enumerate(names) if name.rpartition("_")[0] in wanted]


def build(name: FeaturizerName, basis: Basis) -> NetworkFeaturizer:
    """A featurizer that is a network; trained ones of one basis share it.

    Raises
    ------
    EmbeddingError : there are no weights of a trained one, or no shape of an untrained one.
    """
    if name != FeaturizerName.GANDL_UNTRAINED:
        if basis.weights is None:
            raise EmbeddingError(f"the {name} featurizer needs the weights of a trained network, and none were given")
        return NetworkFeaturizer(name, basis.once(_trained), basis.settings)
    if basis.training is None:
        raise EmbeddingError(f"the {name} featurizer needs the training settings, to know the network's shape")
    return untrained(basis.stores, basis.training, basis.settings)


def _trained(basis: Basis) -> Look:
    """The network of a weights file."""
    assert basis.weights is not None
    return Look(load(basis.weights, TrainedGan), basis.settings)


def untrained(
    screen: Sequence[ImageStore], training: TrainingSettings, settings: EmbeddingsSettings
) -> NetworkFeaturizer:
    """The network that training on a screen starts from, on the intensity scale that it measures: what its shape alone can see.

    It needs no weights. Its features are those of all blocks, the stronger of the two choices, as a floor should be.
    """
    scale = measure_scale(screen, training.resolution, training.intensity)
    model = untrained_model(training, scale, training.seed, screen[0].pixel_size_at(training.resolution))
    return NetworkFeaturizer(FeaturizerName.GANDL_UNTRAINED, Look(model, settings), settings)

"""Featurizers that are a discriminator: GAN-DL's 512-d layer, the statistics of all its blocks, and the same network untrained.

Takes weights (or, for the untrained one, settings and stores); makes featurizers that average a grid of crops of each site.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gandl.config import Activation, EmbeddingsSettings, FeaturizerName, TrainingSettings, Weights
from gandl.embeddings.errors import EmbeddingError
from gandl.images.store import ImageStore
from gandl.models.intensity import measure_scale
from gandl.models.sites import block_features, site_features
from gandl.models.weights import TrainedModel, load
from gandl.models.weights import untrained as untrained_model


class NetworkFeaturizer:
    """A discriminator that looks at every crop of a site's grid; the site's vector is their mean.

    `gandl` is the layer before the logit (Mascolini et al. 2022); `gandl_blocks` and `gandl_untrained` are the mean and the
    deviation over space of every feature map, block by block (or of the blocks that the settings name). Sites are computed one by
    one, so a batch changes nothing.

    Parameters
    ----------
    name : `gandl`, `gandl_blocks` or `gandl_untrained`.
    model : the networks, their intensity scale and what they were trained on.
    settings : which discriminator and activation, and the grid of crops.

    Raises
    ------
    EmbeddingError : the name is not that of a network.
    """

    def __init__(self, name: FeaturizerName, model: TrainedModel, settings: EmbeddingsSettings) -> None:
        if name not in (FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS, FeaturizerName.GANDL_UNTRAINED):
            raise EmbeddingError(f"the {name} featurizer is not a network")
        self.name: FeaturizerName = name
        self.model = model
        self.settings = settings
        self.channels = model.channels
        self.resolution: int | None = model.resolution
        self.pixel_size_um = model.pixel_size_um
        self._discriminator = model.discriminator_raw if settings.weights == Weights.RAW else model.discriminator_ema
        if name == FeaturizerName.GANDL:
            self.feature_names = [f"{settings.activation}_{i}" for i in range(self._discriminator.feature_dim)]
        else:
            names = block_features(self._discriminator)
            self._columns = _chosen(names, self._discriminator.block_names, settings)
            self.feature_names = [names[i] for i in self._columns]
        self.dim = len(self.feature_names)

    def embed(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.float32]:
        """Features (n, dim) of images (n, c, h, w) at the model's resolution, in stored pixel values."""
        features = site_features(
            self._discriminator,
            self.model.scale,
            images,
            crop=self.model.settings.network.crop,
            stride=self.settings.stride,
            batch=self.settings.batch,
        )
        if self.name != FeaturizerName.GANDL:
            return features.blocks[:, self._columns]
        return features.post if self.settings.activation == Activation.POST else features.pre


def _chosen(names: Sequence[str], blocks: Sequence[str], settings: EmbeddingsSettings) -> list[int]:
    """Positions of the block features `<block>_<statistic>_<map>` that the settings ask for."""
    unknown = [block for block in settings.blocks if block not in blocks]
    if unknown:
        raise EmbeddingError(
            f"embeddings.blocks names {', '.join(unknown)}, which this discriminator does not have; it has {', '.join(blocks)}"
        )
    wanted = {f"{block}_{statistic}" for block in settings.blocks or blocks for statistic in settings.block_statistics}
    return [i for i, name in enumerate(names) if name.rpartition("_")[0] in wanted]


def trained(name: FeaturizerName, weights: Path, settings: EmbeddingsSettings) -> NetworkFeaturizer:
    """The featurizer of a weights file."""
    return NetworkFeaturizer(name, load(weights), settings)


def untrained(stores: Sequence[Path], training: TrainingSettings, settings: EmbeddingsSettings) -> NetworkFeaturizer:
    """The network that training starts from, on the intensity scale that training measures: what its shape alone can see.

    It needs no weights. Its features are those of all blocks, the stronger of the two choices, as a floor should be.
    """
    opened = [ImageStore(path) for path in stores]
    scale = measure_scale(opened, training.resolution, training.intensity)
    model = untrained_model(training, scale, training.seed, opened[0].pixel_size_at(training.resolution))
    return NetworkFeaturizer(FeaturizerName.GANDL_UNTRAINED, model, settings)

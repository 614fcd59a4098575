"""Featurizers that are a discriminator: GAN-DL's 512-d layer, the statistics of all its blocks, and the same network untrained.

Takes weights (or, for the untrained one, settings and stores); makes featurizers that average a grid of crops of each site.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gandl.config import Activation, EmbeddingsSettings, FeaturizerName, TrainingSettings, Weights
from gandl.embeddings.errors import EmbeddingError
from gandl.images.store import ImageStore
from gandl.models.discriminator import Discriminator
from gandl.models.intensity import Pixels, measure_scale
from gandl.models.sites import SiteFeatures, block_features, site_features
from gandl.models.weights import TrainedModel, load
from gandl.models.weights import untrained as untrained_model


@dataclass(frozen=True, eq=False)
class Look:
    """One pass of a discriminator over the crops of sites: all its layers at once. Two looks are equal if they are the same one.

    Attributes
    ----------
    model : the networks, their intensity scale and what they were trained on.
    settings : which discriminator, and the grid of crops.
    """

    model: TrainedModel
    settings: EmbeddingsSettings

    @property
    def discriminator(self) -> Discriminator:
        return self.model.discriminator_raw if self.settings.weights == Weights.RAW else self.model.discriminator_ema

    def __call__(self, images: Pixels) -> SiteFeatures:
        """Features of all layers of images (n, c, h, w), in stored pixel values; each site by itself."""
        return site_features(
            self.discriminator,
            self.model.scale,
            images,
            crop=self.model.settings.network.crop,
            stride=self.settings.stride,
            batch=self.settings.batch,
        )


class NetworkFeaturizer:
    """A discriminator that looks at every crop of a site's grid; the site's vector is their mean.

    `gandl` is the layer before the logit (Mascolini et al. 2022); `gandl_blocks` and `gandl_untrained` are the mean and the
    deviation over space of every feature map, block by block (or of the blocks that the settings name). Sites are computed one by
    one, so a batch changes nothing.

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
        self.channels = look.model.channels
        self.pixel_size_um = look.model.pixel_size_um
        discriminator = look.discriminator
        if name == FeaturizerName.GANDL:
            self.feature_names = [f"{settings.activation}_{i}" for i in range(discriminator.feature_dim)]
        else:
            names = block_features(discriminator)
            self._columns = _chosen(names, discriminator.block_names, settings)
            self.feature_names = [names[i] for i in self._columns]
        self.dim = len(self.feature_names)

    def embed(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Features (n, dim) of images (n, c, h, w) at the scale of training, in stored pixel values."""
        return self.choose(self.look(images))

    def choose(self, seen: SiteFeatures) -> npt.NDArray[np.float32]:
        """Features (n, dim) out of all that the network saw."""
        if self.name != FeaturizerName.GANDL:
            return seen.blocks[:, self._columns]
        return seen.post if self.settings.activation == Activation.POST else seen.pre


def _chosen(names: Sequence[str], blocks: Sequence[str], settings: EmbeddingsSettings) -> list[int]:
    """Positions of the block features `<block>_<statistic>_<map>` that the settings ask for."""
    unknown = [block for block in settings.blocks if block not in blocks]
    if unknown:
        raise EmbeddingError(
            f"embeddings.blocks names {', '.join(unknown)}, which this discriminator does not have; it has {', '.join(blocks)}"
        )
    wanted = {f"{block}_{statistic}" for block in settings.blocks or blocks for statistic in settings.block_statistics}
    return [i for i, name in enumerate(names) if name.rpartition("_")[0] in wanted]


def trained_look(weights: Path, settings: EmbeddingsSettings) -> Look:
    """The network of a weights file."""
    return Look(load(weights), settings)


def untrained(
    screen: Sequence[ImageStore], training: TrainingSettings, settings: EmbeddingsSettings
) -> NetworkFeaturizer:
    """The network that training on a screen starts from, on the intensity scale that it measures: what its shape alone can see.

    It needs no weights. Its features are those of all blocks, the stronger of the two choices, as a floor should be.
    """
    scale = measure_scale(screen, training.resolution, training.intensity)
    model = untrained_model(training, scale, training.seed, screen[0].pixel_size_at(training.resolution))
    return NetworkFeaturizer(FeaturizerName.GANDL_UNTRAINED, Look(model, settings), settings)

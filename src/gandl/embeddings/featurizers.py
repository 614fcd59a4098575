"""Featurizers: what turns the images of a site into one vector, all behind one interface.

Takes a featurizer's name, the settings, the stores and (for a trained network) its weights; makes the featurizer. To add one, see
`docs/add-a-featurizer.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gandl.config import EmbeddingsSettings, FeaturizerName, TrainingSettings
from gandl.embeddings.errors import EmbeddingError
from gandl.images.store import ImageStore


class Featurizer(Protocol):
    """What embeds: pixels of n sites in, n vectors out, and a vector never depends on the other sites of its batch.

    Attributes
    ----------
    name : its name in the configuration.
    channels : names of the channels it wants, in their order.
    dim : length of a vector.
    feature_names : what each of the `dim` numbers is.
    resolution : the stored resolution (px) it wants; None is the full image.
    pixel_size_um : side of a pixel it was made for; None where that is unknown or does not matter.
    """

    name: FeaturizerName
    channels: list[str]
    dim: int
    feature_names: list[str]
    resolution: int | None
    pixel_size_um: float | None

    def embed(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.float32]:
        """Features (n, dim) float32 of images (n, c, h, w), uint8 or uint16."""
        ...


def build_featurizer(
    name: FeaturizerName,
    *,
    settings: EmbeddingsSettings,
    stores: Sequence[Path],
    weights: Path | None = None,
    training: TrainingSettings | None = None,
) -> Featurizer:
    """Make a featurizer.

    Parameters
    ----------
    name : which one.
    settings : layer, averaging, crops and sizes.
    stores : the image stores of the dataset: they name the channels, and set the untrained network's intensity scale as they
        set the trained one's.
    weights : `weights.safetensors` of the trained network; `gandl` and `gandl_blocks` need it, the others take none.
    training : `gandl_untrained` takes `network`, `resolution` and `seed` from it, those of the trained one; the others nothing.

    Raises
    ------
    EmbeddingError : no store, stores of different channels, weights or training settings missing, or no nuclear channel.
    """
    channels = _common_channels(stores)
    match name:
        case FeaturizerName.INTENSITY:
            from gandl.embeddings.intensity import IntensityFeaturizer

            return IntensityFeaturizer(channels)
        case FeaturizerName.SEGMENTATION:
            from gandl.embeddings.segmentation import SegmentationFeaturizer

            return SegmentationFeaturizer(channels, settings.segmentation)
        case FeaturizerName.GANDL | FeaturizerName.GANDL_BLOCKS:
            from gandl.embeddings.network import trained

            if weights is None:
                raise EmbeddingError(
                    f"the {name} featurizer needs the weights of a trained network, and none were given"
                )
            return trained(name, weights, settings)
        case FeaturizerName.GANDL_UNTRAINED:
            from gandl.embeddings.network import untrained

            if training is None:
                raise EmbeddingError(f"the {name} featurizer needs the training settings, to know the network's shape")
            return untrained(stores, training, settings)


def _common_channels(stores: Sequence[Path]) -> list[str]:
    """Channels of the stores, refused where two differ."""
    if not stores:
        raise EmbeddingError("a featurizer needs at least one image store, to know its channels")
    first = ImageStore(stores[0])
    for path in stores[1:]:
        other = ImageStore(path)
        if other.channels != first.channels:
            raise EmbeddingError(
                f"{path} holds the channels {', '.join(other.channels)}, but {stores[0]} holds {', '.join(first.channels)}"
            )
    return first.channels

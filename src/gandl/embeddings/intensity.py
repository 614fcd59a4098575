"""The simplest floor: how bright each channel is. Takes images, makes the mean and the deviation of every channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gandl.config import FeaturizerName
from gandl.embeddings.featurizers import Basis


class IntensityFeaturizer:
    """Mean and (population) standard deviation of each channel over a site's pixels, in grey levels.

    Parameters
    ----------
    channels : names of the images' channels, in their order.
    """

    name = FeaturizerName.INTENSITY
    full_size = True
    pixel_size_um: float | None = None

    def __init__(self, channels: Sequence[str]) -> None:
        self.channels = list(channels)
        self.feature_names = [f"{statistic}_{channel}" for channel in channels for statistic in ("mean", "deviation")]
        self.dim = len(self.feature_names)

    def embed(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.float32]:
        """Features (n, 2 c) of images (n, c, h, w); each site is computed alone, so a batch changes nothing."""
        vectors = np.empty((len(images), self.dim), np.float32)
        for vector, site in zip(vectors, images, strict=True):
            vector[0::2] = [channel.mean(dtype=np.float64) for channel in site]
            vector[1::2] = [channel.std(dtype=np.float64) for channel in site]
        return vectors


def build(name: FeaturizerName, basis: Basis) -> IntensityFeaturizer:
    """The featurizer of a screen's channels."""
    return IntensityFeaturizer(basis.channels)

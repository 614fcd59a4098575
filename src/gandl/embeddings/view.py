"""Views: takes an image store and a featurizer, makes what the featurizer sees of it: a stored size, channels by name, a scale.

A network sees all screens at the scale that it was trained at; the other floors see the largest images that are stored.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gandl.config import Dataset, EmbeddingsSettings
from gandl.embeddings.channels import ChannelSelection, select_channels
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Featurizer
from gandl.images.store_reader import ImageStore

PIXEL_SIZE_TOLERANCE = 0.01
"""Pixel sizes within 1 % are the same: what microscopes report is rounded."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """What a featurizer sees of a store; two equal views of one store show the same pixels.

    Attributes
    ----------
    resolution : stored size (px) that is read.
    channels : which of them, in which order.
    factor : by which both sides are enlarged (below 1: made smaller).
    """

    resolution: int
    channels: ChannelSelection
    factor: float = 1.0

    def of(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[Any]:
        """What is seen of whole images (n, channel, y, x), as they are stored at `resolution`."""
        chosen = self.channels.of(images)
        return chosen if self.factor == 1 else resized(chosen, self.factor)

    def sides(self, images: ImageStore) -> tuple[int, int]:
        """(height, width) in px of what is seen."""
        height, width = images.shape_at(self.resolution)
        return (height, width) if self.factor == 1 else (_enlarged(height, self.factor), _enlarged(width, self.factor))

    def bytes_per_site(self, images: ImageStore) -> int:
        """Memory of what is seen of one site."""
        height, width = self.sides(images)
        item = images.dtype.itemsize if self.factor == 1 else np.dtype(np.float32).itemsize
        return len(self.channels.positions) * height * width * item


def view_of(images: ImageStore, featurizer: Featurizer, settings: EmbeddingsSettings, dataset: Dataset) -> View:
    """What a featurizer sees of a store.

    Parameters
    ----------
    settings : `resolutions`, `rescale` and `drop_channels` are used.
    dataset : of the store.

    Raises
    ------
    EmbeddingError : a channel too few or too many, no images of the size that the settings name, or pixels of another width.
    """
    channels = select_channels(
        images.channels, featurizer.channels, settings.drop_channels, store=images.path, featurizer=featurizer.name
    )
    if featurizer.full_size:
        return View(max(images.resolutions), channels)
    resolution = settings.resolutions.get(dataset)
    if resolution not in images.resolutions:
        stored = ", ".join(str(size) for size in images.resolutions)
        raise EmbeddingError(
            f"{images.path} holds images of {stored} px, but embeddings.resolutions requests {dataset} at {resolution} px: "
            "name a stored size, or add this one to images.resolutions and pack the store again"
        )
    return View(resolution, channels, _factor(images, resolution, featurizer, settings, dataset))


def _factor(
    images: ImageStore, resolution: int, featurizer: Featurizer, settings: EmbeddingsSettings, dataset: Dataset
) -> float:
    """The factor that the settings name (1 where they name none), refused where pixels are known to end at another width."""
    factor = settings.rescale.get(dataset, 1.0)
    given, wanted = images.pixel_size_at(resolution), featurizer.pixel_size_um
    if given is None or wanted is None:
        unknown = f"of {images.path}" if given is None else f"that {featurizer.name} was made for"
        log.info("the pixel size %s is not known, so no scale is checked (embeddings.rescale: %g)", unknown, factor)
        return factor
    if abs(given / factor - wanted) <= PIXEL_SIZE_TOLERANCE * wanted:
        return factor
    found = f"a pixel of {images.path} at {resolution} px is {given:.4g} um wide"
    made_for = f"the featurizer {featurizer.name} was made for {wanted:.4g} um"
    if dataset in settings.rescale:
        raise EmbeddingError(
            f"{found}, and {given / factor:.4g} um after resizing by {factor:g} (embeddings.rescale), but {made_for}: "
            f"the factor that makes them agree is {given / wanted:.4g}"
        )
    raise EmbeddingError(
        f"{found}, but {made_for}: embed {dataset} at another stored resolution (embeddings.resolutions; "
        f"{resolution * given / wanted:.0f} px would fit), or have it resized (embeddings.rescale: "
        f"{{{dataset}: {given / wanted:.4g}}})"
    )


def resized(images: npt.NDArray[np.unsignedinteger], factor: float) -> npt.NDArray[np.float32]:
    """Images (n, c, y, x) with both sides times `factor` (rounded): bilinear, with antialiasing where they get smaller.

    Each is resized by itself, so that its pixels do not depend on the others.
    """
    from torch import from_numpy
    from torch.nn.functional import interpolate

    size = [_enlarged(side, factor) for side in images.shape[2:]]
    return np.concatenate(
        [
            interpolate(from_numpy(image[None].astype(np.float32)), size, mode="bilinear", antialias=True).numpy()
            for image in images
        ]
    )


def _enlarged(side: int, factor: float) -> int:
    return max(1, round(side * factor))

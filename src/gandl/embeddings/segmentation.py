"""The hand-made floor: nuclei, and a ring of cytoplasm around each. Takes images with a nuclear channel, makes features.

A classical assay in a page: Otsu's threshold finds nuclei, and each other channel is compared inside and around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import expand_labels

from gandl.config import FeaturizerName, SegmentationSettings
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.images.nuclei import Labels, bright_objects, label_nuclei, smoothed

Image = npt.NDArray[np.unsignedinteger]
Numbers = npt.NDArray[np.float64] | npt.NDArray[np.intp]

NO_RATIO = 1.0
"""Nuclear over ring where a site shows no nucleus: neither side is brighter. Its `nucleus_count` of 0 identifies it."""


@dataclass(frozen=True)
class Cells:
    """Nuclei and rings of one site: label images (h, w), 0 is background, nucleus i has ring i, labels are 1 ... count."""

    nuclei: Labels
    rings: Labels
    count: int


def find_cells(nuclear: Image, settings: SegmentationSettings) -> Cells:
    """Find nuclei and the ring around each.

    Smooth, threshold (Otsu 1979), fill holes, label, drop debris. A ring is what lies within `gap + ring` pixels of a nucleus,
    nearer to it than to any other, and neither in the `gap` nor bright in the nuclear channel. Touching nuclei stay one
    object: their ratio is then about the mean of theirs, which moves a median over cells less than a wrong cut would.

    Parameters
    ----------
    nuclear : (h, w) image of the nuclear channel.
    settings : sizes in pixels.
    """
    bright = bright_objects(smoothed(nuclear, settings.smoothing))
    nuclei, count = label_nuclei(bright, settings.minimum_area)
    rings = expand_labels(nuclei, settings.gap + settings.ring)
    rings[bright | (expand_labels(nuclei, settings.gap) > 0)] = 0
    return Cells(nuclei, rings, count)


def nuclear_over_ring(image: Image, cells: Cells) -> tuple[npt.NDArray[np.float64], ...]:
    """Mean intensity in each nucleus, in its ring, and their ratio, above the background.

    The background is the site's darkest pixel: it takes away a camera's offset, and never more than that, so that no ring falls
    below zero. A ring counts as at least one grey level, so that an empty one gives a large ratio, not an infinite one.

    Parameters
    ----------
    image : (h, w) channel to measure.
    cells : its nuclei and rings.

    Returns
    -------
    nuclear, ring, ratio : (m,) each, for the m cells whose ring holds a pixel.
    """
    index = np.arange(1, cells.count + 1)
    area = np.bincount(cells.rings.ravel(), minlength=cells.count + 1)[1:]
    index = index[area > 0]
    if not index.size:
        return np.empty(0), np.empty(0), np.empty(0)
    above = image.astype(np.float64) - float(image.min())
    nuclear = np.asarray(ndimage.mean(above, cells.nuclei, index))
    ring = np.asarray(ndimage.mean(above, cells.rings, index))
    return nuclear, ring, nuclear / np.maximum(ring, 1.0)


class SegmentationFeaturizer:
    """Features of a site's cells: count, area and DNA of nuclei; each other channel in nuclei, in rings, and their ratio.

    With a single other channel the ratio (median over cells) is `nuclear_over_ring`; with more, `nuclear_over_ring_<channel>`.

    Parameters
    ----------
    channels : names of the images' channels, in their order; one of them must show nuclei.
    settings : names of nuclear channels, and sizes in pixels.

    Raises
    ------
    EmbeddingError : none of the channels shows nuclei.
    """

    name = FeaturizerName.SEGMENTATION
    full_size = True
    pixel_size_um: float | None = None

    def __init__(self, channels: Sequence[str], settings: SegmentationSettings) -> None:
        nuclear = [channel for channel in channels if channel in settings.nuclear_channels]
        if not nuclear:
            raise EmbeddingError(
                f"the segmentation featurizer needs a channel that shows nuclei ({', '.join(settings.nuclear_channels)}), "
                f"but the images have {', '.join(channels)}; name theirs in embeddings.segmentation.nuclear_channels"
            )
        self.channels = list(channels)
        self.settings = settings
        self._nuclear = self.channels.index(nuclear[0])
        self._others = [i for i in range(len(self.channels)) if i != self._nuclear]
        suffixes = [""] if len(self._others) == 1 else [f"_{self.channels[i]}" for i in self._others]
        self.feature_names = [
            "nucleus_count",
            "nuclear_area",
            "nuclear_area_deviation",
            "dna_intensity",
            "dna_deviation",
        ]
        self.feature_names += [f"{feature}{suffix}" for suffix in suffixes for feature in _RATIO_FEATURES]
        self.dim = len(self.feature_names)

    def embed(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.float32]:
        """Features (n, dim) of full-size images (n, c, h, w); each site is computed alone, so a batch changes nothing."""
        vectors = [self._embed_site(site) for site in images]
        return np.array(vectors, np.float32).reshape(len(images), self.dim)

    def _embed_site(self, site: Image) -> list[float]:
        cells = find_cells(site[self._nuclear], self.settings)
        area = np.bincount(cells.nuclei.ravel(), minlength=1)[1:]
        dna = _nuclear_means(site[self._nuclear], cells)
        features = [float(cells.count), _median(area), _deviation(area), _median(dna), _deviation(dna)]
        for channel in self._others:
            nuclear, ring, ratio = nuclear_over_ring(site[channel], cells)
            log_ratio = np.log2(np.maximum(nuclear, 1.0) / np.maximum(ring, 1.0))
            features += [
                _median(ratio, NO_RATIO),
                float(log_ratio.mean()) if log_ratio.size else 0.0,
                _deviation(log_ratio),
                _median(nuclear),
                _median(ring),
            ]
        return features


def build(name: FeaturizerName, basis: Basis) -> SegmentationFeaturizer:
    """The featurizer of a screen's channels.

    Raises
    ------
    EmbeddingError : none of them shows nuclei.
    """
    return SegmentationFeaturizer(basis.channels, basis.settings.segmentation)


_RATIO_FEATURES = (
    "nuclear_over_ring",
    "log2_nuclear_over_ring_mean",
    "log2_nuclear_over_ring_deviation",
    "nuclear_intensity",
    "ring_intensity",
)


def _nuclear_means(image: Image, cells: Cells) -> npt.NDArray[np.float64]:
    if not cells.count:
        return np.empty(0)
    above = image.astype(np.float64) - float(image.min())
    return np.asarray(ndimage.mean(above, cells.nuclei, np.arange(1, cells.count + 1)))


def _median(values: Numbers, empty: float = 0.0) -> float:
    return float(np.median(values)) if values.size else empty


def _deviation(values: Numbers) -> float:
    return float(np.std(values)) if values.size else 0.0

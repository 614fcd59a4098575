"""Cells of a site: takes images with a nuclear channel, makes label images of nuclei, rings of cytoplasm and whole cells.

All floors that need cells share one `CellFinder`, so that they are found once and are the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.segmentation import expand_labels

from gandl.config import SegmentationSettings
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Basis
from gandl.images.nuclei import Labels, bright_objects, label_nuclei, smoothed

Image = npt.NDArray[Any]


@dataclass(frozen=True)
class Cells:
    """Cells of one site: label images (h, w), 0 is background, labels are 1 ... count, and one cell has one label in all of them.

    Attributes
    ----------
    nuclei : every one holds a pixel.
    rings : of cytoplasm around each; one that is walled in by others holds none.
    bodies : whole cells, estimated: each nucleus grown by the ring's outer radius, touching but never overlapping the others.
    """

    nuclei: Labels
    rings: Labels
    bodies: Labels
    count: int


@dataclass(frozen=True)
class SeenSite:
    """Pixels (c, h, w) of a site as they are stored, and its cells."""

    pixels: Image
    cells: Cells


def find_cells(nuclear: Image, settings: SegmentationSettings) -> Cells:
    """Find nuclei and the ring around each.

    Smooth, threshold (Otsu 1979), fill holes, label, drop debris. A cell's body is what lies within `gap + ring` pixels of its
    nucleus, nearer to it than to any other; its ring is the part that lies neither in the `gap` nor is bright in the nuclear
    channel. Touching nuclei stay one object: their ratio is then about the mean of theirs, which moves a median over cells
    less than a wrong cut would.

    Parameters
    ----------
    nuclear : (h, w) image of the nuclear channel.
    settings : sizes in pixels.
    """
    bright = bright_objects(smoothed(nuclear, settings.smoothing))
    nuclei, count = label_nuclei(bright, settings.minimum_area)
    bodies = expand_labels(nuclei, settings.gap + settings.ring)
    rings = np.where(bright | (expand_labels(nuclei, settings.gap) > 0), 0, bodies)
    return Cells(nuclei, rings, bodies, count)


class CellFinder:
    """Looks at sites and finds their cells. Two of them are equal if they are the same one.

    Parameters
    ----------
    channels : names of the images' channels, in their order; one of them must show nuclei.
    settings : names of nuclear channels, and sizes in pixels.

    Raises
    ------
    EmbeddingError : none of the channels shows nuclei.
    """

    def __init__(self, channels: Sequence[str], settings: SegmentationSettings) -> None:
        nuclear = [channel for channel in channels if channel in settings.nuclear_channels]
        if not nuclear:
            raise EmbeddingError(
                f"cell_count, segmentation and cell_measurements need a channel that shows nuclei "
                f"({', '.join(settings.nuclear_channels)}), but the images have {', '.join(channels)}; name theirs in "
                "embeddings.segmentation.nuclear_channels, or leave these featurizers out"
            )
        self.channels = list(channels)
        self.settings = settings
        self.nuclear = self.channels.index(nuclear[0])

    def __call__(self, images: npt.NDArray[np.unsignedinteger]) -> list[SeenSite]:
        """Full-size images (n, c, h, w) and their cells; each site is computed alone, so a batch changes nothing."""
        return [SeenSite(site, find_cells(site[self.nuclear], self.settings)) for site in images]


def cell_finder(basis: Basis) -> CellFinder:
    """The finder of a screen's channels; with `Basis.once`, the one that all floors of cells share.

    Raises
    ------
    EmbeddingError : none of the channels shows nuclei.
    """
    return CellFinder(basis.channels, basis.settings.segmentation)

"""Nuclei of a lab's own plates: takes the wells of the contact sheet, measures their nuclei, so that debris can be left out.

Found as the featurizer `segmentation` finds them, in the pixels that it sees: Otsu's threshold, image by image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.filters import threshold_otsu

from gandl.check.plates import CONNECTIONS, CheckReport
from gandl.check.sheet import ROWS, choose_sites
from gandl.images.nuclei import filled, label_nuclei, smoothed, typical_area
from gandl.images.plate_headers import images_of
from gandl.images.plate_reader import PlateReader
from gandl.source.remote.addresses import Addresses

FEWEST = 20
"""Nuclei below which their median decides nothing."""
DEBRIS = 0.25
"""Objects of less than this share of a typical object's area are not nuclei."""

Areas = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Nuclei:
    """The nuclei of a few wells: how many there are, and the median of their areas (px; NaN where there is none)."""

    channel: str
    wells: int
    count: int
    median: float

    @property
    def enough(self) -> bool:
        return self.count >= FEWEST

    @property
    def half(self) -> int:
        """Half a nucleus (px): what is smaller is debris."""
        return max(1, round(self.median / 2))


def nuclei_of(report: CheckReport, channel: str, smoothing: float) -> Nuclei:
    """Measure the nuclei of the wells that the contact sheet shows.

    Parameters
    ----------
    report : of plates that passed the check. channel : a nuclear one. smoothing : sigma (px) before the threshold.

    Raises
    ------
    gandl.images.plate_reader.PlateImagesError : an image cannot be decoded.
    """
    assert report.sites is not None
    chosen = choose_sites(report.sites, ROWS)
    with Addresses(report.mirror, CONNECTIONS) as addresses:
        reader = PlateReader(images_of(chosen, [channel]), 1, report.source, report.reading, addresses)
        reader.prefetch(range(len(chosen)))
        per_image = [objects_of(reader.decode(i)[0], smoothing) for i in range(len(chosen))]
    found = [areas for areas in per_image if len(areas)]
    if not found:
        return Nuclei(channel, len(chosen), 0, float("nan"))
    typical = np.median(
        [typical_area(areas) for areas in found]
    )  # an image of noise has one vote, however large its blobs
    areas = np.concatenate(found)
    kept = areas[areas >= DEBRIS * typical]
    return Nuclei(channel, len(chosen), len(kept), float(np.median(kept)))


def objects_of(image: npt.NDArray[np.unsignedinteger], smoothing: float) -> Areas:
    """Areas (px) of all bright objects of an image (h, w), debris among them; none in an image of one value."""
    smooth = smoothed(image, smoothing)
    if smooth.min() == smooth.max():
        return np.empty(0, np.int64)
    labels, count = label_nuclei(filled(smooth, threshold_otsu(smooth)), 1)
    return np.bincount(labels.ravel(), minlength=count + 1)[1:]

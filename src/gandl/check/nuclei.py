"""Nuclei of a lab's own plates: takes the wells of the contact sheet, measures their nuclei, so that debris can be left out.

Found as the featurizer `segmentation` finds them, in the pixels that it sees: Otsu's threshold, image by image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gandl.check.plates import CONNECTIONS, CheckReport
from gandl.check.sheet import ROWS, choose_sites
from gandl.images.nuclei import bright_objects, label_nuclei, smoothed, typical_area
from gandl.images.plate_headers import images_of
from gandl.images.plate_reader import PlateReader
from gandl.source.remote.addresses import Addresses

FEWEST = 20
"""Nuclei below which their areas decide nothing."""
FEWEST_IN_A_WELL = 5
"""Nuclei below which the median of a well decides nothing."""
DEBRIS = 0.25
"""Objects of less than this share of the area of a typical one are not nuclei."""

Areas = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Nuclei:
    """The nuclei of a few wells: how many there are, and the median of their areas (px) in each well that holds some."""

    channel: str
    wells: int
    count: int
    medians: tuple[float, ...]

    @property
    def enough(self) -> bool:
        return self.count >= FEWEST and bool(self.medians)

    @property
    def half(self) -> int:
        """Half a nucleus (px) of the well with the smallest ones: what is smaller is debris. Some treatments enlarge nuclei, and
        half of those could be a whole normal one."""
        return max(1, round(min(self.medians) / 2))


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
    return measured(channel, per_image, (chosen["control"] == "negative").tolist())


def measured(channel: str, per_well: Sequence[Areas], negative: Sequence[bool]) -> Nuclei:
    """The nuclei among the objects of some wells.

    Each well has its own typical object, so that enlarged nuclei of others do not make debris of its own. Wells whose typical
    object is a fraction of that of the negative controls (without these, of the middle well) hold debris alone.

    Parameters
    ----------
    per_well : areas (px) of the objects of each well. negative : which wells are negative controls.
    """
    typical = np.array([typical_area(areas) if len(areas) else np.nan for areas in per_well])
    found = np.isfinite(typical)
    usual = typical[found & np.array(negative, bool)]
    if not found.any():
        return Nuclei(channel, len(per_well), 0, ())
    least = DEBRIS * np.median(usual if len(usual) else typical[found])
    nuclei = [areas[areas >= DEBRIS * of] for areas, of in zip(per_well, typical, strict=True) if of >= least]
    medians = tuple(float(np.median(areas)) for areas in nuclei if len(areas) >= FEWEST_IN_A_WELL)
    return Nuclei(channel, len(per_well), sum(map(len, nuclei)), medians)


def objects_of(image: npt.NDArray[np.unsignedinteger], smoothing: float) -> Areas:
    """Areas (px) of all bright objects of an image (h, w), debris among them; none in an image of one value."""
    labels, count = label_nuclei(bright_objects(smoothed(image, smoothing)), 1)
    return np.bincount(labels.ravel(), minlength=count + 1)[1:]

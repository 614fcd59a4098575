"""The field's own floor: CellProfiler's measurements. Takes the cells of a site, makes means and deviations over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gandl.config import CellMeasurementsSettings, FeaturizerName, MeasurementGroup
from gandl.embeddings.cells.finding import CellFinder, SeenSite, cell_finder
from gandl.embeddings.cells.groups import CELLS, GROUPS, NUCLEI, Values
from gandl.embeddings.featurizers import Basis

COUNT = "Nuclei_Count"


class CellMeasurementsFeaturizer:
    """Number of nuclei; of every measurement (`gandl.embeddings.cells.groups`) mean and population deviation over a site's cells.

    A cell for which a measurement is undefined (a correlation with a constant channel, a texture of fewer pixels than its
    distance) is left out of that measurement. Where it is undefined for all cells, or the site shows none, mean and deviation
    are 0; the `Nuclei_Count` of 0 identifies such a site. Nuclei and cells at the border of the image are measured as they are
    cut off. Intensities are in grey levels, sizes in pixels.

    Parameters
    ----------
    finder : finds the cells; featurizers with the same one share its work.
    settings : groups of measurements.
    """

    name = FeaturizerName.CELL_MEASUREMENTS
    full_size = True
    pixel_size_um: float | None = None

    def __init__(self, finder: CellFinder, settings: CellMeasurementsSettings) -> None:
        self.look = finder
        self.channels = list(finder.channels)
        self._groups = [GROUPS[group] for group in MeasurementGroup if group in settings.groups]
        measured = [name for group in self._groups for name in group.names(self.channels)]
        self.feature_names = [COUNT, *(f"{name}_{of}" for name in measured for of in ("mean", "std"))]
        self.dim = len(self.feature_names)

    def embed(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.float32]:
        """Features (n, dim) of full-size images (n, c, h, w)."""
        return self.choose(self.look(images))

    def choose(self, seen: Sequence[SeenSite]) -> npt.NDArray[np.float32]:
        """Features (n, dim) of n sites; each is computed alone, so a batch changes nothing."""
        vectors = np.zeros((len(seen), self.dim), np.float32)
        for vector, site in zip(vectors, seen, strict=True):
            vector[0] = site.cells.count
            if site.cells.count and self.dim > 1:
                labels = {NUCLEI: site.cells.nuclei, CELLS: site.cells.bodies}
                pixels = site.pixels.astype(np.float64)
                measured = np.stack([values for group in self._groups for values in group.of(labels, pixels)])
                vector[1::2], vector[2::2] = mean_and_deviation(measured)
        return vectors


def mean_and_deviation(measured: Values) -> tuple[Values, Values]:
    """Mean and population deviation (m,) of measurements (m, n), each over those of n cells for which it is finite; else 0."""
    finite = np.isfinite(measured)
    count = np.maximum(finite.sum(1), 1)
    mean = np.where(finite, measured, 0).sum(1) / count
    squares = np.where(finite, (np.where(finite, measured, 0) - mean[:, None]) ** 2, 0).sum(1)
    return mean, np.sqrt(squares / count)


def build(name: FeaturizerName, basis: Basis) -> CellMeasurementsFeaturizer:
    """The featurizer of a screen's channels.

    Raises
    ------
    EmbeddingError : none of them shows nuclei.
    """
    return CellMeasurementsFeaturizer(basis.once(cell_finder), basis.settings.cell_measurements)

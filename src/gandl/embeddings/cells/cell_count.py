"""The floor of one number: how many cells a site shows. Takes the cells that are found in it, makes their count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gandl.config import FeaturizerName
from gandl.embeddings.cells.finding import CellFinder, SeenSite, cell_finder
from gandl.embeddings.featurizers import Basis


class CellCountFeaturizer:
    """The number of nuclei of a site, as the segmentation finds them; 0 where it shows none.

    Parameters
    ----------
    finder : finds the cells; featurizers with the same one share its work.
    """

    name = FeaturizerName.CELL_COUNT
    full_size = True
    pixel_size_um: float | None = None
    dim = 1

    def __init__(self, finder: CellFinder) -> None:
        self.look = finder
        self.channels = list(finder.channels)
        self.feature_names = ["nucleus_count"]

    def embed(self, images: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.float32]:
        """Features (n, 1) of full-size images (n, c, h, w)."""
        return self.choose(self.look(images))

    def choose(self, seen: Sequence[SeenSite]) -> npt.NDArray[np.float32]:
        """Features (n, 1) of n sites."""
        return np.array([[site.cells.count] for site in seen], np.float32).reshape(len(seen), self.dim)


def build(name: FeaturizerName, basis: Basis) -> CellCountFeaturizer:
    """The featurizer of a screen's channels.

    Raises
    ------
    EmbeddingError : none of them shows nuclei.
    """
    return CellCountFeaturizer(basis.once(cell_finder))

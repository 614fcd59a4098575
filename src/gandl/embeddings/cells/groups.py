"""CellProfiler's measurements, group by group. Takes the labels of cells and their channels, makes a number per cell and feature.

They are computed by `cp_measure` (Muñoz et al. 2025, arXiv:2507.01163), CellProfiler's own code as a library; names are
CellProfiler's. Left out of every group is what depends on where a cell lies or how it is turned (centres, boxes, orientation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from cp_measure.core.measurecolocalization import get_correlation_pearson
from cp_measure.core.measuregranularity import get_granularity
from cp_measure.core.measureobjectintensity import get_intensity
from cp_measure.core.measureobjectintensitydistribution import get_radial_distribution
from cp_measure.core.measureobjectsizeshape import get_feret, get_sizeshape, get_zernike
from cp_measure.core.measuretexture import F_HARALICK, get_texture

from gandl.config import MeasurementGroup
from gandl.images.nuclei import Labels

Pixels = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]
Measured = Mapping[str, npt.ArrayLike]

NUCLEI, CELLS = "Nuclei", "Cells"
TEXTURE_DISTANCE = 3
"""Pixels between the two that are compared: CellProfiler's default."""
TEXTURE_LEVELS = 32
"""Grey levels of the texture; the lowest is what lies outside of cells."""
TEXTURE_PERCENTILES = 0.1, 99.9
"""Of a channel's pixels, stretched over these levels: a hot pixel moves none of them."""
GRANULARITY_STEPS = 8
"""Sizes of grains, each two pixels of the image larger in radius than the one before."""
RADIAL_RINGS = 4


@dataclass(frozen=True)
class Group:
    """Features that are measured together.

    Attributes
    ----------
    features : what a feature is called, `{}` being the channels, joined by `_`; and its key in what `measure` gives.
    measure : labels (h, w) of n >= 1 objects and `channels` images (h, w) -> numbers (n,) by key.
    objects : of which it is measured.
    channels : how many it takes at a time: 0 is for shapes, 2 for pairs.
    """

    features: Mapping[str, str]
    measure: Callable[..., Measured]
    objects: tuple[str, ...] = (NUCLEI, CELLS)
    channels: int = 1

    def names(self, channels: Sequence[str]) -> list[str]:
        """What is measured of images with these channels, in the order of `of`."""
        return [
            f"{kind}_{feature.format('_'.join(chosen))}"
            for kind in self.objects
            for chosen in combinations(channels, self.channels)
            for feature in self.features
        ]

    def of(self, labels: Mapping[str, Labels], pixels: Pixels) -> list[Values]:
        """Numbers (n,) of n >= 1 cells, one array per name; what is undefined for a cell is NaN or infinite.

        labels : (h, w) by kind of object. pixels : (c, h, w) in grey levels.
        """
        found = []
        with np.errstate(all="ignore"):
            for kind in self.objects:
                for chosen in combinations(pixels, self.channels):
                    measured = self.measure(labels[kind], *chosen)
                    found += [np.asarray(measured[key], np.float64) for key in self.features.values()]
        return found


def area_shape(labels: Labels) -> Measured:
    """Sizes (px, px²) and shapes of objects, from their pixels alone."""
    return {**get_sizeshape(labels, None, calculate_advanced=False, new_features=False), **get_feret(labels, None)}


def zernike(labels: Labels) -> Measured:
    """Magnitudes of the Zernike moments of objects' shapes up to order 9."""
    return get_zernike(labels, None)


def intensity(labels: Labels, image: Pixels) -> Measured:
    """Brightness of objects in grey levels, how it is distributed over their pixels, and how far its centre lies from theirs."""
    return get_intensity(labels, image, edge_measurements=False)


def texture(labels: Labels, image: Pixels) -> Measured:
    """Haralick's features (Haralick et al. 1973), the mean over the four directions, since cells have no up.

    The image is stretched over the grey levels first, so that 8 and 16 bits, an offset or a gain give the same texture.
    """
    low, high = np.percentile(image, TEXTURE_PERCENTILES)
    stretched = np.clip((image - low) / (high - low), 0, 1) if high > low else np.zeros_like(image)
    step = 1 / (TEXTURE_LEVELS - 1)
    shifted = 1.1 * step + (1 - 1.1 * step) * stretched  # from level 1 up: the library ignores pixels of level 0
    measured = get_texture(labels, shifted, TEXTURE_DISTANCE, TEXTURE_LEVELS)
    return {
        name: np.mean(
            [measured[f"{name}_{TEXTURE_DISTANCE}_{direction:02d}_{TEXTURE_LEVELS}"] for direction in range(4)], 0
        )
        for name in F_HARALICK
    }


def granularity(labels: Labels, image: Pixels) -> Measured:
    """Share (%) of an object's brightness that openings of growing size take away, step by step, on images of half size."""
    return get_granularity(
        labels,
        image,
        subsample_size=0.5,
        image_sample_size=0.25,
        element_size=5,
        granular_spectrum_length=GRANULARITY_STEPS,
    )


def radial_distribution(labels: Labels, image: Pixels) -> Measured:
    """How an object's brightness is distributed from its centre to its edge, in rings of equal relative width."""
    return get_radial_distribution(labels, image, scaled=True, bin_count=RADIAL_RINGS)


def correlation(labels: Labels, image: Pixels, other: Pixels) -> Measured:
    """Pearson's correlation of two channels over an object's pixels; undefined where one of them is constant."""
    return get_correlation_pearson(image, other, labels)


_SHAPES = [
    "Area",
    "Perimeter",
    "FormFactor",
    "Compactness",
    "Eccentricity",
    "Extent",
    "Solidity",
    "MajorAxisLength",
    "MinorAxisLength",
    "EquivalentDiameter",
    "ConvexArea",
    "MaximumRadius",
    "MeanRadius",
    "MedianRadius",
    "MinFeretDiameter",
    "MaxFeretDiameter",
]
_INTENSITIES = [
    "IntegratedIntensity",
    "MeanIntensity",
    "StdIntensity",
    "MinIntensity",
    "MaxIntensity",
    "LowerQuartileIntensity",
    "MedianIntensity",
    "UpperQuartileIntensity",
    "MADIntensity",
    "MassDisplacement",
]
_ZERNIKES = [f"Zernike_{n}_{m}" for n in range(10) for m in range(n % 2, n + 1, 2)]
_RADIAL = "FracAtD", "MeanFrac", "RadialCV"

GROUPS: dict[MeasurementGroup, Group] = {
    MeasurementGroup.AREA_SHAPE: Group({f"AreaShape_{name}": name for name in _SHAPES}, area_shape, channels=0),
    MeasurementGroup.ZERNIKE: Group({f"AreaShape_{name}": name for name in _ZERNIKES}, zernike, channels=0),
    MeasurementGroup.INTENSITY: Group(
        {f"Intensity_{name}_{{}}": f"Intensity_{name}" for name in _INTENSITIES}, intensity
    ),
    MeasurementGroup.TEXTURE: Group(
        {f"Texture_{name}_{{}}_{TEXTURE_DISTANCE}_{TEXTURE_LEVELS}": name for name in F_HARALICK},
        texture,
        objects=(CELLS,),
    ),
    MeasurementGroup.GRANULARITY: Group(
        {f"Granularity_{step}_{{}}": f"Granularity_{step}" for step in range(1, GRANULARITY_STEPS + 1)},
        granularity,
        objects=(CELLS,),
    ),
    MeasurementGroup.RADIAL_DISTRIBUTION: Group(
        {
            f"RadialDistribution_{kind}_{{}}_{ring}of{RADIAL_RINGS}": f"RadialDistribution_{kind}_{ring}of{RADIAL_RINGS}"
            for ring in range(1, RADIAL_RINGS + 1)
            for kind in _RADIAL
        },
        radial_distribution,
    ),
    MeasurementGroup.CORRELATION: Group(
        {"Correlation_Correlation_{}": "Correlation_Pearson"}, correlation, objects=(CELLS,), channels=2
    ),
}
"""By name; what is measured of whole cells alone includes their nuclei."""

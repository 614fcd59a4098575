"""Where cells lie and how each differs from the others: takes a `Field`, makes its `Population` (arrays, one entry per cell)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from gandl.source.simulator.cells.morphology import CHANNELS, CellLine
from gandl.source.simulator.cells.nuisance import Field

Array = npt.NDArray[np.float32]

CANDIDATES = 8
SUSCEPTIBILITY = (0.52, 0.24)
"""Mean and standard deviation, between cells, of the severity at which a cell changes."""
GIVING_IN = 0.13
"""How far the severity has to rise for a cell to go from hardly to wholly changed (scale of a logistic curve)."""
NUCLEAR_SHRINKAGE = 0.09
"""Loss of a wholly changed cell's nuclear radius."""
SPREAD = 0.14
"""Standard deviation of the logarithm of a cell's size within its type."""


@dataclass(frozen=True)
class Population:
    """The cells of one site; every array has one entry (first axis) per cell; lengths in um, angles in radians.

    Attributes
    ----------
    y, x : position from the top left corner of the image, of cell and nucleus alike. degree : 0 healthy to 1 changed.
    lobes, nucleus_lobes : (n, 3) amplitudes of the waves that make the outline irregular.
    pole : direction of the Golgi, seen from the nucleus. brightness : (n, channels) factors.
    dna : amount of DNA, factor.
    """

    y: Array
    x: Array
    degree: Array
    angle: Array
    size: Array
    elongation: Array
    lobes: Array
    nucleus: Array
    nucleus_angle: Array
    nucleus_elongation: Array
    nucleus_lobes: Array
    pole: Array
    brightness: Array
    dna: Array

    @property
    def n(self) -> int:
        return len(self.y)

    def counted(self, side_um: float, height_um: float | None = None) -> int:
        """Cells whose nucleus is centred in the image, which is square unless its height is given."""
        height_um = side_um if height_um is None else height_um
        return int(np.sum((self.y >= 0) & (self.y < height_um) & (self.x >= 0) & (self.x < side_um)))


def draw_population(field: Field, line: CellLine, side_um: float, rng: np.random.Generator) -> Population:
    """Cells in the image and around it, as far as they reach into it."""
    y, x = _positions(field, line, side_um, rng)
    n = len(y)
    degree = expit((field.severity - rng.normal(*SUSCEPTIBILITY, n)) / GIVING_IN).astype(np.float32)
    # neighbours share a direction where the type aligns: the angle of a slow wave over the field
    wave = rng.uniform(0, np.pi) + 1.2 * np.sin((y + rng.uniform(0, 300)) / 70) * np.cos((x + rng.uniform(0, 300)) / 90)
    angle = wave + (1 - line.alignment) * rng.uniform(-np.pi / 2, np.pi / 2, n) + rng.normal(0, 0.25, n)
    grown = np.exp(np.clip(rng.normal(0, SPREAD, n), -0.35, 0.3))
    mitotic = rng.random(n) < 0.02
    nucleus = line.nucleus * grown**0.6 * np.exp(rng.normal(0, 0.10, n)) * (1 - NUCLEAR_SHRINKAGE * degree)
    elongated = np.where(mitotic, 2.6, 1 + (line.nucleus_elongation - 1) * np.exp(rng.normal(0, 0.35, n)))
    common = rng.normal(0, 0.27, (n, 1))
    return Population(
        y=y,
        x=x,
        degree=degree,
        angle=_single(angle),
        size=_single(line.size * grown),
        elongation=_single(1 + (line.elongation - 1) * np.exp(rng.normal(0, 0.3, n))),
        lobes=_single(np.clip(rng.normal(0, 0.08 * line.ruggedness, (n, 3)), -0.15, 0.15)),
        nucleus=_single(np.where(mitotic, 0.62 * nucleus, nucleus)),
        nucleus_angle=_single(angle + rng.normal(0, 0.3, n)),
        nucleus_elongation=_single(elongated),
        nucleus_lobes=_single(rng.normal(0, (1, 1, 0.5), (n, 3)) * (0.022 + 0.028 * degree[:, None])),
        pole=_single(rng.uniform(-np.pi, np.pi, n)),
        brightness=_single(np.exp(common + rng.normal(0, 0.17, (n, len(CHANNELS))))),
        dna=_single(np.exp(rng.normal(0, 0.15, n)) * np.where(rng.random(n) < 0.12, 1.6, 1.0)),
    )


def _single(values: npt.NDArray[np.float64]) -> Array:
    return values.astype(np.float32)


def _positions(field: Field, line: CellLine, side_um: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Each cell takes the freest of a few random places; clustered types prefer places near hills of a slow landscape."""
    margin = line.size
    extent = side_um + 2 * margin
    n = int(rng.poisson(line.density * field.density * (extent / 1000) ** 2))
    hills = rng.uniform(0, extent, (max(1, round((extent / 110) ** 2)), 2))
    places = rng.uniform(0, extent, (n, CANDIDATES, 2))
    appeal = np.zeros((n, CANDIDATES))
    if line.clustering > 0:
        away = ((places[:, :, None] - hills) ** 2).sum(-1).min(-1)
        appeal = line.clustering * 1.5 * np.exp(-away / (2 * 45.0**2))
    taken = np.empty((n, 2))
    for i in range(n):
        free = np.full(CANDIDATES, 1.0)
        if i:
            free = ((places[i][:, None] - taken[:i]) ** 2).sum(-1).min(-1)
        # beyond three nuclear radii a place is free enough: appeal decides
        room = np.minimum(free, (3.2 * line.nucleus) ** 2) / line.nucleus**2
        taken[i] = places[i, np.argmax(room * np.exp(appeal[i]))]
    taken -= margin
    return _single(taken[:, 0]), _single(taken[:, 1])

"""What sets cell types, and perturbed cells, apart: shapes, sizes, textures and brightness, as tables of numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

CHANNELS = ("hoechst", "con_a", "phalloidin", "syto14", "mitotracker", "wga")
"""Order of the images of a drawn site."""


@dataclass(frozen=True)
class CellLine:
    """How the healthy cells of a type look. Lengths in um; strengths are factors around 1 unless stated.

    Attributes
    ----------
    density : cells per mm2.
    clustering : 0 evenly spread, 1 in islands with gaps between them.
    nucleus : radius of the nucleus (geometric mean of its semi-axes). nucleus_elongation : its long over its short axis.
    size : radius to which a cell spreads where it has room. elongation : long over short axis. alignment : 0 every cell has
        its own direction, 1 neighbours lie parallel.
    ruggedness : irregularity of outlines. nucleoli : mean number per nucleus. nucleolus : radius.
    fibres, rim, reticulum, granules, chromatin, mitochondria : contrast of actin fibres, of cell borders, of the ER, of the
        cytoplasm's RNA, of DNA, of mitochondria. perinuclear : how much brighter the middle of a cell is than its rim.
    golgi : share of the WGA signal in the Golgi. golgi_spread : radius of the compact Golgi.
    brightness : per channel, the mean grey level of a site as densely and evenly grown as HRCE, without nuisance; chosen so
        that means are those of the real screens (RxRx19a: a mean of 3 to 20 of 255; RxRx1: of 3 to 23).
    """

    density: float
    clustering: float
    nucleus: float
    nucleus_elongation: float
    size: float
    elongation: float
    alignment: float
    ruggedness: float
    nucleoli: float
    nucleolus: float
    fibres: float
    rim: float
    reticulum: float
    granules: float
    chromatin: float
    mitochondria: float
    perinuclear: float
    golgi: float
    golgi_spread: float
    brightness: tuple[float, float, float, float, float, float]


CELL_LINES = {
    "HRCE": CellLine(
        density=720, clustering=0.25, nucleus=7.3, nucleus_elongation=1.3, size=23, elongation=1.45, alignment=0.35,
        ruggedness=1.0, nucleoli=3.0, nucleolus=1.35, fibres=1.1, rim=0.8, reticulum=1.0, granules=1.0, chromatin=1.0,
        mitochondria=1.0, perinuclear=1.1, golgi=0.16, golgi_spread=2.6, brightness=(3.3, 20.4, 20.4, 12.8, 20.0, 17.9),
    ),
    "VERO": CellLine(
        density=980, clustering=0.1, nucleus=6.6, nucleus_elongation=1.15, size=20, elongation=1.15, alignment=0.0,
        ruggedness=0.6, nucleoli=2.2, nucleolus=1.6, fibres=0.7, rim=1.6, reticulum=0.9, granules=0.9, chromatin=0.8,
        mitochondria=0.9, perinuclear=0.8, golgi=0.12, golgi_spread=2.2, brightness=(3.1, 21.5, 19.9, 12.8, 19.7, 16.4),
    ),
    "HEPG2": CellLine(
        density=1150, clustering=1.0, nucleus=6.6, nucleus_elongation=1.25, size=17, elongation=1.3, alignment=0.1,
        ruggedness=1.3, nucleoli=2.5, nucleolus=1.4, fibres=0.55, rim=0.9, reticulum=1.2, granules=1.2, chromatin=1.0,
        mitochondria=0.8, perinuclear=0.9, golgi=0.08, golgi_spread=2.2, brightness=(2.8, 21.1, 10.5, 10.7, 30.6, 15.2),
    ),
    "HUVEC": CellLine(
        density=620, clustering=0.15, nucleus=7.0, nucleus_elongation=1.55, size=25, elongation=2.1, alignment=0.7,
        ruggedness=0.8, nucleoli=3.5, nucleolus=1.1, fibres=1.3, rim=1.0, reticulum=1.0, granules=0.8, chromatin=0.7,
        mitochondria=1.2, perinuclear=1.5, golgi=0.18, golgi_spread=3.0, brightness=(4.2, 11.9, 10.4, 7.1, 21.7, 14.4),
    ),
    "RPE": CellLine(
        density=560, clustering=0.2, nucleus=7.6, nucleus_elongation=1.35, size=27, elongation=1.9, alignment=0.2,
        ruggedness=1.6, nucleoli=2.0, nucleolus=1.7, fibres=1.0, rim=0.6, reticulum=0.9, granules=1.1, chromatin=0.9,
        mitochondria=1.3, perinuclear=1.6, golgi=0.14, golgi_spread=3.4, brightness=(3.8, 15.0, 8.1, 9.0, 15.7, 11.3),
    ),
    "U2OS": CellLine(
        density=520, clustering=0.1, nucleus=8.6, nucleus_elongation=1.3, size=26, elongation=1.3, alignment=0.0,
        ruggedness=1.2, nucleoli=4.5, nucleolus=1.5, fibres=1.5, rim=0.5, reticulum=0.8, granules=0.8, chromatin=0.7,
        mitochondria=1.1, perinuclear=0.9, golgi=0.2, golgi_spread=2.8, brightness=(4.2, 17.4, 13.9, 12.9, 20.7, 12.2),
    ),
}  # fmt: skip
"""The simulated cell types: two of RxRx19a, four of RxRx1."""


@dataclass(frozen=True)
class Perturbation:
    """What an siRNA does to a cell type: natural logarithms of factors on traits of `CellLine` of the same name; 0: nothing."""

    density: float = 0.0
    nucleus: float = 0.0
    nucleus_elongation: float = 0.0
    size: float = 0.0
    elongation: float = 0.0
    ruggedness: float = 0.0
    nucleoli: float = 0.0
    nucleolus: float = 0.0
    fibres: float = 0.0
    rim: float = 0.0
    reticulum: float = 0.0
    granules: float = 0.0
    chromatin: float = 0.0
    mitochondria: float = 0.0
    perinuclear: float = 0.0
    golgi: float = 0.0
    golgi_spread: float = 0.0

    def scaled(self, strength: float) -> Perturbation:
        """The same direction, so many times as strong."""
        return Perturbation(**{field.name: strength * getattr(self, field.name) for field in fields(self)})

    def applied(self, line: CellLine) -> CellLine:
        """The cell type as this perturbation leaves it."""
        changed = {field.name: getattr(line, field.name) * np.exp(getattr(self, field.name)) for field in fields(self)}
        for elongation in ("nucleus_elongation", "elongation"):
            changed[elongation] = max(1.0, changed[elongation])
        return replace(line, **changed)


UNPERTURBED = Perturbation()
TRAIT_SPREAD = {"density": 0.12, "nucleus": 0.06, "nucleus_elongation": 0.08, "size": 0.08, "elongation": 0.15}
"""Standard deviations of the effects of an siRNA of strength 1; 0.3 for the other traits."""


def draw_perturbation(rng: np.random.Generator, strength: float = 1.0) -> Perturbation:
    """A random siRNA: a few traits change clearly, the others hardly (strength 0: none at all)."""
    effects = {}
    for field in fields(Perturbation):
        spread = TRAIT_SPREAD.get(field.name, 0.3)
        effects[field.name] = strength * spread * float(rng.standard_normal()) * (1.5 if rng.random() < 0.3 else 0.3)
    return Perturbation(**effects)

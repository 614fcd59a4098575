"""Drugs of the grey screen with a known effect: takes a drug and a cell line's sensitivity, makes the traits that it changes.

An effect is a vector of traits of cells (natural logarithms of factors), the same direction in every cell line and as long as the
line is sensitive to its mechanism. Names are those of real drugs; what they do here is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gandl.source.simulator.cells.morphology import Perturbation

VEHICLE = "DMSO"
SENSITIVITY = (0.75, 1.25)
"""Range, between cell lines, of the strength of a mechanism's effect."""
STRENGTH_NOISE = 0.1
"""Standard deviation of the logarithm of the strength between wells of a treatment."""


class Mechanism(StrEnum):
    """Cell lines differ in their sensitivity to a mechanism; drugs of one share it."""

    ANTIFOLATE = "antifolate"
    TUBULIN = "tubulin"
    MTOR = "mtor"
    NUCLEOSIDE = "nucleoside"
    CYTOTOXIC = "cytotoxic"
    NONE = "none"


@dataclass(frozen=True)
class Drug:
    """A drug at its one dose.

    Attributes
    ----------
    dose_um : uM. effect : traits that it changes, at sensitivity 1. debris : so many times as many dead cells lie about then.
    """

    name: str
    mechanism: Mechanism
    dose_um: float
    effect: Perturbation
    debris: float = 1.0


FLAT = Perturbation(
    density=-0.3, nucleus=0.28, size=0.4, nucleoli=0.6, nucleolus=0.45, granules=0.6, reticulum=0.3, rim=-0.3
)
"""Methotrexate's cells: fewer, wide and granular, with large nuclei and nucleoli."""
ASIDE = Perturbation(fibres=0.17, perinuclear=0.1)
"""Traits that `FLAT` does not change: what sets pemetrexed apart, at an angle of about 9 degrees."""
ROUNDED = Perturbation(nucleus=-0.15, size=-0.2, perinuclear=0.4, granules=0.15, fibres=-0.2, rim=0.15)
"""Paclitaxel's cells: small, granular and thick in the middle. What grows and what shrinks of these changes images opposite ways;
of other traits (ruggedness, chromatin, strong changes of borders) more and less look alike, however opposite they are."""
SPINDLY = Perturbation(nucleus_elongation=0.35, elongation=0.55, fibres=0.6, granules=-0.6, nucleoli=-0.5)
"""Gemcitabine's cells: long and smooth."""
DYING = Perturbation(density=-1.0, nucleus=-0.25, size=-0.3, chromatin=0.5, granules=0.5)
"""Doxorubicin's cells: those that are left are small and dense."""

DRUGS = (
    Drug("MTX", Mechanism.ANTIFOLATE, 10.0, FLAT),
    Drug(
        "PEM",
        Mechanism.ANTIFOLATE,
        10.0,
        Perturbation(
            **{name: getattr(FLAT, name) + getattr(ASIDE, name) for name in Perturbation.__dataclass_fields__}
        ),
    ),
    Drug("PAC", Mechanism.TUBULIN, 1.0, ROUNDED),
    Drug("RAP", Mechanism.MTOR, 1.0, ROUNDED.scaled(-1.0)),
    Drug("GEM", Mechanism.NUCLEOSIDE, 3.0, SPINDLY),
    Drug("DOX", Mechanism.CYTOTOXIC, 3.0, DYING, debris=7.0),
    Drug("ASP", Mechanism.NONE, 30.0, Perturbation()),
)
"""MTX and PEM (methotrexate, pemetrexed) point nearly one way, PAC and RAP (paclitaxel, rapamycin) opposite ways, ASP nowhere."""


def draw_sensitivity(rng: np.random.Generator) -> dict[Mechanism, float]:
    """Of one cell line, how strong each mechanism's effect is in it; 1 on average."""
    return {mechanism: float(rng.uniform(*SENSITIVITY)) for mechanism in Mechanism}


def strength_noise(n: int, rng: np.random.Generator) -> list[float]:
    """(n,) factors around 1 on the strength in single wells, log-normal."""
    return np.exp(rng.normal(0, STRENGTH_NOISE, n)).tolist()

"""Compounds with a known truth: takes the names on the plates and a seed, makes each compound's dose response per cell type.

Severity is 0 in a healthy well and 1 in an infected one. An active compound lowers it along a Hill curve of the dose; a toxic
one kills cells at high doses and rescues none; an inactive one does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.stats import truncnorm

from gandl.statistics.bootstrap import Floats
from gandl.statistics.hill import Hill

DOSES_UM = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""The six half-log doses of RxRx19a's main library."""
REMDESIVIR = "Remdesivir (simulated)"
GS_441524 = "GS-441524 (simulated)"
POLYDATIN = "Polydatin (simulated)"
NAMED = (REMDESIVIR, GS_441524, POLYDATIN)
"""On every plate of every experiment, as the reference compounds of the real screen."""
ACTIVE_EC50_UM = (0.03, 1.0)
ACTIVE_SLOPE = (0.9, 2.0)
ACTIVE_TOP = (0.75, 1.0)
TOXIC_EC50_UM = (0.3, 1.5)
TOXIC_SLOPE = 2.5
WELL_NOISE = 0.11
"""Standard deviation of the severity between wells of one treatment, in units of its range (Mock to infected)."""
NOISE_ENDS = 2.5
"""The noise is a normal cut off symmetrically at so many standard deviations: no wild well, and the mean stays."""


class Kind(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    TOXIC = "toxic"


KINDS = (Kind.ACTIVE, Kind.INACTIVE, Kind.TOXIC, Kind.INACTIVE)
"""Kinds among every four compounds without a fixed name, in an order drawn for every four."""


@dataclass(frozen=True)
class Compound:
    """Truth of a compound in one cell type.

    Attributes
    ----------
    ec50_um, slope, top : dose of half the rescue, Hill slope (above 0), share of the severity taken away at endless dose;
        None unless active.
    toxic_um : dose that kills half of what it can kill; None unless toxic.
    """

    name: str
    kind: Kind
    ec50_um: float | None = None
    slope: float | None = None
    top: float | None = None
    toxic_um: float | None = None

    def severity(self, dose_um: float) -> float:
        """Expected severity of an infected well at a dose (uM), 1 without the compound."""
        if self.ec50_um is None or self.slope is None or self.top is None:
            return 1.0
        return float(Hill(self.ec50_um, -self.slope, 1 - self.top, 1.0)(dose_um))

    def toxicity(self, dose_um: float) -> float:
        """Toxicity at a dose (uM): 0 harmless, 1 the worst that it does."""
        if self.toxic_um is None:
            return 0.0
        return float(Hill(self.toxic_um, TOXIC_SLOPE, 0.0, 1.0)(dose_um))


FIXED = {
    ("HRCE", REMDESIVIR): Compound(REMDESIVIR, Kind.ACTIVE, ec50_um=0.06, slope=1.4, top=0.95),
    ("HRCE", GS_441524): Compound(GS_441524, Kind.ACTIVE, ec50_um=0.5, slope=1.2, top=0.9),
    ("VERO", REMDESIVIR): Compound(REMDESIVIR, Kind.ACTIVE, ec50_um=0.35, slope=1.4, top=0.9),
    ("VERO", GS_441524): Compound(GS_441524, Kind.ACTIVE, ec50_um=0.15, slope=1.2, top=0.95),
    ("HRCE", POLYDATIN): Compound(POLYDATIN, Kind.INACTIVE),
    ("VERO", POLYDATIN): Compound(POLYDATIN, Kind.INACTIVE),
}
"""Potencies are ours. The order of the two drugs differs between the cell types, so that mixing these up is noticed."""


def names_of_batch(compounds: int, batch: int) -> list[str]:
    """Compounds on the plates of an experiment: the named three, and others that no other batch (1, 2, ...) holds."""
    others = compounds - len(NAMED)
    return [*NAMED, *(f"Simulated compound {(batch - 1) * others + i + 1:02d}" for i in range(others))]


def draw_library(
    names: list[str], cell_types: tuple[str, ...], rng: np.random.Generator
) -> dict[tuple[str, str], Compound]:
    """Truth of every compound in every cell type, by (cell type, name).

    A compound is of one kind in all cell types, with an EC50, slope and top of its own in each.
    """
    library = dict(FIXED)
    others = [name for name in names if name not in NAMED]
    for first in range(0, len(others), len(KINDS)):
        order = rng.permutation(len(KINDS))
        for name, i in zip(others[first : first + len(KINDS)], order, strict=False):
            for cell_type in cell_types:
                library[cell_type, name] = draw_compound(name, KINDS[i], rng)
    return library


def draw_compound(name: str, kind: Kind, rng: np.random.Generator) -> Compound:
    """A compound of a kind; EC50s are log-uniform within the doses."""
    if kind is Kind.ACTIVE:
        return Compound(
            name,
            kind,
            ec50_um=float(np.exp(rng.uniform(*np.log(ACTIVE_EC50_UM)))),
            slope=float(rng.uniform(*ACTIVE_SLOPE)),
            top=float(rng.uniform(*ACTIVE_TOP)),
        )
    if kind is Kind.TOXIC:
        return Compound(name, kind, toxic_um=float(np.exp(rng.uniform(*np.log(TOXIC_EC50_UM)))))
    return Compound(name, kind)


def well_noise(n: int, rng: np.random.Generator) -> Floats:
    """(n,) deviations of wells from their expected severity, mean 0 and standard deviation `WELL_NOISE`.

    They are the same for treated, infected and healthy wells, and are not clipped at 0 or 1: clipping would lift the mean of Mock
    wells and make them more alike than others. So a severity may lie up to 0.29 below 0 or above 1.
    """
    cut = truncnorm(-NOISE_ENDS, NOISE_ENDS)
    return np.asarray(WELL_NOISE / cut.std() * cut.rvs(size=n, random_state=rng))

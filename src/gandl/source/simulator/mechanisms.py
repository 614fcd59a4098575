"""Compounds of four mechanisms with a known effect: takes a compound and a concentration, makes what it changes in cells.

A mechanism is a direction: traits of cells (`Perturbation`), and what is changed inside them (`Skeleton`). Its compounds share
it, each with a potency and a small direction of its own. Phenotypes are those that textbooks describe; every number is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum

import numpy as np

from gandl.source.simulator.cells.cytoskeleton import Skeleton
from gandl.source.simulator.cells.morphology import CellLine, Perturbation
from gandl.statistics.hill import Hill

SERIES_UM = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Concentrations, in half-log steps; a compound has some that adjoin."""
HIGHEST_UM = SERIES_UM[-4:]
"""Highest concentrations, one of them for each compound."""
SLOPE = 2.0
REACHED = (0.88, 0.97)
"""Strength of a compound's effect at its highest concentration, between compounds."""
ANNOTATED = 0.35
"""Concentrations of at least this strength have a mechanism in the table, as only active ones have in the real one."""
OWN = 0.05
"""Standard deviation of a compound's own direction, in each trait."""
TRAITS = ("nucleus_elongation", "elongation", "ruggedness", "nucleoli", "fibres", "rim", "chromatin")
"""Traits in which compounds of one mechanism differ."""

MCF7 = CellLine(
    density=1250, clustering=0.6, nucleus=6.6, nucleus_elongation=1.2, size=16, elongation=1.25, alignment=0.0,
    ruggedness=0.9, nucleoli=3.0, nucleolus=1.4, fibres=0.9, rim=1.3, reticulum=1.0, granules=1.0, chromatin=1.0,
    mitochondria=1.0, perinuclear=1.0, golgi=0.1, golgi_spread=2.4, brightness=(9.0, 24.0, 20.0, 0.0, 0.0, 0.0),
)  # fmt: skip
"""Epithelial cells in islands, with actin along their borders; in the place of ConA stands tubulin."""


class Mechanism(StrEnum):
    """As BBBC021 names them."""

    DAMAGE = "DNA damage"
    DESTABILIZED = "Microtubule destabilizers"
    STABILIZED = "Microtubule stabilizers"
    ACTIN = "Actin disruptors"


@dataclass(frozen=True)
class Effect:
    """What a compound does at strength 1."""

    traits: Perturbation
    skeleton: Skeleton

    def scaled(self, strength: float) -> Effect:
        """The same direction, so many times as strong."""
        return Effect(self.traits.scaled(strength), self.skeleton.scaled(strength))


EFFECTS = {
    Mechanism.DAMAGE: Effect(
        Perturbation(density=-0.9, nucleus=0.4, size=0.45, fibres=0.5, rim=-0.4, nucleoli=0.3), Skeleton()
    ),
    Mechanism.DESTABILIZED: Effect(
        Perturbation(density=-0.35, size=-0.1, fibres=0.2),
        Skeleton(diffuse=1.0, fragmented=0.2, arrested=0.35, tubulin=-0.2),
    ),
    Mechanism.STABILIZED: Effect(
        Perturbation(density=-0.3, size=-0.05, rim=-0.3),
        Skeleton(bundled=1.0, fragmented=0.7, arrested=0.08, tubulin=0.5),
    ),
    Mechanism.ACTIN: Effect(
        Perturbation(density=-0.3, nucleus=-0.08, size=-0.4, ruggedness=0.4), Skeleton(clumped=1.0)
    ),
}
WORDS = {
    Mechanism.DAMAGE: "DNA damager",
    Mechanism.DESTABILIZED: "destabilizer",
    Mechanism.STABILIZED: "stabilizer",
    Mechanism.ACTIN: "actin disruptor",
}
"""Compounds are called by what they do; that they are simulated is part of their names."""
POSITIVE_STRENGTH = 0.9
"""Of the positive control, a stabilizer."""


@dataclass(frozen=True)
class Compound:
    """A compound and its truth. highest_um : highest of its concentrations. reached : strength there. effect : at strength 1."""

    name: str
    mechanism: Mechanism
    highest_um: float
    reached: float
    effect: Effect

    def strength(self, concentration_um: float) -> float:
        """Expected strength at a concentration: a Hill curve, so steep that the third concentration from above hardly acts."""
        half = self.highest_um * (1 / self.reached - 1) ** (1 / SLOPE)
        return float(Hill(half, SLOPE, 0.0, 1.0)(concentration_um))

    def concentrations(self, n: int) -> list[float]:
        """The n highest concentrations (uM), rising."""
        last = SERIES_UM.index(self.highest_um) + 1
        return list(SERIES_UM[max(0, last - n) : last])


def compounds_of_week(week: int, of_each: int, rng: np.random.Generator) -> list[Compound]:
    """The compounds of a week, numbered from those of the weeks before, `of_each` of every mechanism.

    Parameters
    ----------
    week : from 1. rng : the week's own, so that more weeks do not change it.
    """
    found = []
    for number in range(1, of_each + 1):
        for mechanism in Mechanism:
            own = Perturbation(**{name: float(rng.normal(0, OWN)) for name in TRAITS})
            shared = EFFECTS[mechanism]
            found.append(
                Compound(
                    name=f"simulated {WORDS[mechanism]} {(week - 1) * of_each + number}",
                    mechanism=mechanism,
                    highest_um=float(rng.choice(HIGHEST_UM)),
                    reached=float(rng.uniform(*REACHED)),
                    effect=replace(shared, traits=_sum(shared.traits, own)),
                )
            )
    return found


def _sum(first: Perturbation, second: Perturbation) -> Perturbation:
    return Perturbation(
        **{field.name: getattr(first, field.name) + getattr(second, field.name) for field in fields(Perturbation)}
    )

"""Plate layouts: takes what belongs on a plate and a random generator, makes one plate's wells in shuffled positions.

RxRx19a-like plates keep the proportions of the real ones (1,340 wells of 1,536: 1,176 treated, 54 infected and untreated, 40
Mock, 40 UV, 30 without a condition); RxRx1-like ones hold one fixed set of siRNAs, the positive controls and an empty well B02;
plates of the grey screen hold every drug at one dose, and vehicle; those of BBBC021 have its 60 wells, controls in its places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, sqrt

import numpy as np

from gandl.config import Dataset, SimulationSettings
from gandl.source.screens.bbbc021.terms import POSITIVE_WELLS, VEHICLE_WELLS
from gandl.source.simulator.chemistry import DOSES_UM
from gandl.source.simulator.drugs import DRUGS
from gandl.source.simulator.mechanisms import Mechanism
from gandl.source.simulator.plan import plates_of_simulation, sizes_of_bbbc021, sizes_of_cell_lines
from gandl.tables.row_letters import row_name

WELLS_PER_GROUP = 2
"""Wells of one compound and dose on a plate; further replicates are on other plates."""
REAL_TREATED = 1_176
POSITIVE_CONTROLS = 3
"""Positive controls of RxRx1 on every plate (the real screen: 30)."""
RXRX1_SITES = 2


class Role(StrEnum):
    """What a well is, in the words of the two metadata files."""

    TREATED = "treated"
    INFECTED = "infected"
    MOCK = "mock"
    UV = "uv"
    EMPTY = "empty"
    TREATMENT = "treatment"
    POSITIVE_CONTROL = "positive_control"
    NEGATIVE_CONTROL = "negative_control"


CONTROLS = {Role.INFECTED: (54, 3), Role.MOCK: (40, 2), Role.UV: (40, 2), Role.EMPTY: (30, 2)}
"""Untreated wells of a real plate, and how many there are at least on a small one: a spread needs two."""


@dataclass(frozen=True)
class Grid:
    """Wells that may be used: rows and columns counted from 0, as the real plates leave out the rim."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int


RXRX19A_GRID = Grid(1, 30, 1, 46)
"""B02 to AE47 of 1,536 wells."""
RXRX1_GRID = Grid(1, 14, 1, 22)
"""B02 to O23 of 384 wells: its 308 wells, of the grey screen, too."""


BBBC021_GRID = Grid(1, 6, 1, 10)
"""B02 to G11 of 96 wells."""


class LayoutError(ValueError):
    """More wells are requested than a plate has."""


@dataclass(frozen=True)
class Position:
    """A well's place. edge_distance : wells between it and the rim of the block in use; 0 on the rim."""

    name: str
    edge_distance: int


@dataclass(frozen=True)
class Well:
    """One well. compound : of RxRx19a and the grey screen; sirna : of RxRx1. concentration_um : None if untreated."""

    position: Position
    role: Role
    compound: str | None = None
    concentration_um: float | None = None
    sirna: str | None = None


def rxrx19a_plate(compounds: Sequence[str], rng: np.random.Generator) -> list[Well]:
    """One plate of compounds x six doses x two wells, and controls in the real proportions, in the order of the wells' names.

    Raises
    ------
    LayoutError : more compounds than a plate has wells for.
    """
    contents: list[tuple[Role, str | None, float | None]] = [
        (Role.TREATED, compound, dose) for compound in compounds for dose in DOSES_UM for _ in range(WELLS_PER_GROUP)
    ]
    for role, count in untreated_wells(len(contents)).items():
        contents += [(role, None, None)] * count
    places = positions(len(contents), RXRX19A_GRID)
    order = rng.permutation(len(places))
    wells = [Well(places[i], role, compound, dose) for i, (role, compound, dose) in zip(order, contents, strict=True)]
    return sorted(wells, key=_place)


def untreated_wells(treated: int) -> dict[Role, int]:
    """Number of untreated wells of each kind on an RxRx19a-like plate, for so many treated ones."""
    return {role: max(fewest, round(real * treated / REAL_TREATED)) for role, (real, fewest) in CONTROLS.items()}


def sites_of_simulation(settings: SimulationSettings, dataset: Dataset) -> int:
    """Number of sites of a simulated screen, before anything is drawn.

    Raises
    ------
    ValueError : the screen is not simulated.
    """
    plates = len(plates_of_simulation(settings, dataset))
    if dataset is Dataset.CELL_LINES:
        sizes = sizes_of_cell_lines(settings)
        return plates * (sizes.vehicle_wells + len(DRUGS) * sizes.drug_wells)
    if dataset is Dataset.BBBC021:
        sizes_of = sizes_of_bbbc021(settings)
        treated = len(Mechanism) * sizes_of.compounds * sizes_of.concentrations
        return plates * (len(VEHICLE_WELLS) + len(POSITIVE_WELLS) + treated) * sizes_of.sites
    if dataset is Dataset.RXRX1:
        return plates * (settings.rxrx1_sirnas + POSITIVE_CONTROLS + 1) * RXRX1_SITES
    treated = settings.compounds * len(DOSES_UM) * WELLS_PER_GROUP
    return plates * (treated + sum(untreated_wells(treated).values())) * settings.sites


def rxrx1_plate(treatments: Sequence[str], positive: Sequence[str], empty: str, rng: np.random.Generator) -> list[Well]:
    """One plate: a set of siRNAs and the positive controls, one well each, and the untreated well B02.

    Raises
    ------
    LayoutError : more siRNAs than a plate has wells for.
    """
    contents = [(Role.TREATMENT, name) for name in treatments] + [(Role.POSITIVE_CONTROL, name) for name in positive]
    first, *places = positions(len(contents) + 1, RXRX1_GRID)
    order = rng.permutation(len(places))
    wells = [Well(places[i], role, sirna=name) for i, (role, name) in zip(order, contents, strict=True)]
    return sorted([Well(first, Role.NEGATIVE_CONTROL, sirna=empty), *wells], key=_place)


def cell_line_plate(vehicle: int, of_each: int, rng: np.random.Generator) -> list[Well]:
    """One plate of the grey screen: wells with vehicle, and so many of each drug at its dose.

    Raises
    ------
    LayoutError : more wells than a plate has.
    """
    contents: list[tuple[Role, str | None, float | None]] = [(Role.NEGATIVE_CONTROL, None, None)] * vehicle
    contents += [(Role.TREATED, drug.name, drug.dose_um) for drug in DRUGS for _ in range(of_each)]
    places = positions(len(contents), RXRX1_GRID)
    order = rng.permutation(len(places))
    wells = [Well(places[i], role, drug, dose) for i, (role, drug, dose) in zip(order, contents, strict=True)]
    return sorted(wells, key=_place)


def bbbc021_positions(treatments: int) -> tuple[list[Position], list[Position]]:
    """Wells of a plate of BBBC021: those for treatments, and those of both controls, row by row.

    Raises
    ------
    LayoutError : more treatments than wells.
    """
    grid = BBBC021_GRID
    height, width = grid.last_row - grid.first_row + 1, grid.last_column - grid.first_column + 1
    wells = [
        Position(
            f"{row_name(grid.first_row + row + 1)}{grid.first_column + column + 1:02d}",
            min(row, height - 1 - row, column, width - 1 - column),
        )
        for row in range(height)
        for column in range(width)
    ]
    fixed = [place for place in wells if place.name in (*VEHICLE_WELLS, *POSITIVE_WELLS)]
    free = [place for place in wells if place not in fixed]
    if treatments > len(free):
        raise LayoutError(
            f"{treatments:,} treatments do not fit the {len(free)} wells that a plate of BBBC021 has for them; request fewer "
            "compounds or concentrations"
        )
    return free, fixed


def positions(n: int, grid: Grid) -> list[Position]:
    """The first n wells, row by row, of a block of the grid whose sides are about 2 to 3, as a plate's.

    Raises
    ------
    LayoutError : the grid has fewer wells.
    """
    height, width = grid.last_row - grid.first_row + 1, grid.last_column - grid.first_column + 1
    if n > height * width:
        raise LayoutError(f"{n:,} wells do not fit a plate of {height * width:,}; request fewer compounds or siRNAs")
    rows = min(height, max(ceil(sqrt(n * 2 / 3)), ceil(n / width)))
    columns = ceil(n / rows)
    found = []
    for i in range(n):
        row, column = divmod(i, columns)
        name = f"{row_name(grid.first_row + row + 1)}{grid.first_column + column + 1:02d}"
        found.append(Position(name, min(row, rows - 1 - row, column, columns - 1 - column)))
    return found


def _place(well: Well) -> tuple[int, str]:
    """Rows of one letter come before those of two."""
    return len(well.position.name), well.position.name

"""The simulated RxRx19a: takes the settings of the simulation, writes metadata zip, image zip and truth of a drug screen.

HRCE-like and VERO-like cells, two experiments each. Expected severity is 1 in infected wells, less with an active compound, and
0 in Mock and UV wells, between which there is no difference. The nature of the wells without a condition is unpublished; here
they are uninfected wells that were seeded more thinly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.config import Dataset, SimulationSettings
from gandl.source.simulator.archive import SimulatedWell, write_images, write_metadata
from gandl.source.simulator.cells.morphology import Perturbation
from gandl.source.simulator.chemistry import Compound, draw_library, names_of_batch, well_noise
from gandl.source.simulator.layout import Role, Well, rxrx19a_plate
from gandl.source.simulator.plan import EXPERIMENTS_PER_CELL_TYPE, SimulatedPlate, plates_of_simulation
from gandl.source.simulator.screen import Look, Screen, Stream, write_truth

COLUMNS = (
    "site_id", "well_id", "cell_type", "experiment", "plate", "well", "site", "disease_condition", "treatment",
    "treatment_conc", "SMILES",
)  # fmt: skip
TRUTH = (
    "well_id", "cell_type", "condition", "compound", "concentration_um", "severity", "severity_expected", "cell_count",
    "ec50_um", "hill_slope", "top", "kind",
)  # fmt: skip
LITERALS = {
    Role.TREATED: "Active SARS-CoV-2",
    Role.INFECTED: "Active SARS-CoV-2",
    Role.MOCK: "Mock",
    Role.UV: "UV Inactivated SARS-CoV-2",
    Role.EMPTY: "",
}
"""Values of `disease_condition`."""
CONDITIONS = {
    Role.TREATED: "infected",
    Role.INFECTED: "infected",
    Role.MOCK: "mock",
    Role.UV: "uv_inactivated",
    Role.EMPTY: "unknown",
}
"""The same in the words of the sites table."""
INFECTED = (Role.TREATED, Role.INFECTED)
THIN = 0.85
"""Density of wells without a condition, relative to others."""
TOXIC_LOSS = 0.6
TOXIC_DEBRIS = 5.0
CONDENSED = Perturbation(nucleus=-0.25, chromatin=0.5, size=-0.2)
"""What full toxicity does: so large a share of cells lost, so many times the debris, and condensed nuclei in small cells."""


@dataclass(frozen=True)
class TrueWell:
    """A well and its truth. truth : of its compound in its cell type, None if untreated."""

    plate: SimulatedPlate
    well: Well
    truth: Compound | None
    severity: float
    severity_expected: float
    toxicity: float

    @property
    def well_id(self) -> str:
        return f"{self.plate.plate_id}_{self.well.position.name}"


def write_rxrx19a(settings: SimulationSettings, mirror: Path, truth: Path, threads: int = 1) -> None:
    """Write the simulated screen.

    Parameters
    ----------
    mirror : folder; the archives are written at `<mirror>/<host>/<path>`, where the official ones lie in a mirror.
    truth : parquet, one row per well, columns `TRUTH`. severity and severity_expected (without the well's noise): 0 healthy, 1
        infected, times `settings.severity`; the noise takes some a little beyond. cell_count : mean per site. ec50_um,
        hill_slope, top : of an active compound in this cell type, null otherwise. kind : active, inactive, toxic; null untreated.
    threads : processes that draw; any number writes the same bytes.

    Raises
    ------
    gandl.source.simulator.layout.LayoutError : more compounds than a plate has wells for, or sites than a well has.
    """
    screen = screen_of(settings)
    wells = true_wells(screen)
    counts = write_images(
        list(drawings(screen, wells)), screen.images_path(mirror), threads=threads, title="simulated RxRx19a"
    )
    rows = [row for well in wells for row in _rows(well, settings.sites)]
    write_metadata(COLUMNS, rows, screen.metadata_path(mirror), screen.metadata_member)
    write_truth(truth_table(wells, counts), truth)


def screen_of(settings: SimulationSettings) -> Screen:
    """The screen of these settings."""
    return Screen(Dataset.RXRX19A, settings, settings.sites, settings.image_px)


def true_wells(screen: Screen) -> list[TrueWell]:
    """Every well of the screen with its severity, plate by plate; no image is drawn."""
    settings = screen.settings
    plates = plates_of_simulation(settings, Dataset.RXRX19A)
    batches = range(1, EXPERIMENTS_PER_CELL_TYPE + 1)
    names = list(dict.fromkeys(name for batch in batches for name in names_of_batch(settings.compounds, batch)))
    cell_types = tuple(dict.fromkeys(plate.cell_type for plate in plates))
    library = draw_library(names, cell_types, screen.generator(Stream.LIBRARY))
    found = []
    for plate in plates:
        numbers = screen.plate_numbers(plate)
        wells = rxrx19a_plate(
            names_of_batch(settings.compounds, plate.batch), screen.generator(Stream.LAYOUT, *numbers)
        )
        noise = well_noise(len(wells), screen.generator(Stream.SEVERITY, *numbers))
        for well, deviation in zip(wells, noise, strict=True):
            compound = None if well.compound is None else library[plate.cell_type, well.compound]
            found.append(_true_well(plate, well, compound, float(deviation), settings.severity))
    return found


def _true_well(plate: SimulatedPlate, well: Well, compound: Compound | None, noise: float, factor: float) -> TrueWell:
    expected, toxicity = float(well.role in INFECTED), 0.0
    if compound is not None and well.concentration_um is not None:
        expected, toxicity = compound.severity(well.concentration_um), compound.toxicity(well.concentration_um)
    return TrueWell(plate, well, compound, factor * (expected + noise), factor * expected, min(factor, 1.0) * toxicity)


def drawings(screen: Screen, wells: list[TrueWell]) -> Iterator[SimulatedWell]:
    """The wells, ready to be drawn."""
    shared = {well.plate: screen.plate_nuisance(well.plate) for well in wells}
    numbers = dict.fromkeys(shared, 0)
    for well in wells:
        look = Look(
            severity=well.severity,
            perturbation=CONDENSED.scaled(well.toxicity),
            density=(1 - TOXIC_LOSS * well.toxicity) * (THIN if well.well.role is Role.EMPTY else 1.0),
            debris=1 + (TOXIC_DEBRIS - 1) * well.toxicity,
        )
        yield screen.well(well.plate, shared[well.plate], well.well.position, numbers[well.plate], look)
        numbers[well.plate] += 1


def _rows(well: TrueWell, sites: int) -> Iterator[list[str]]:
    """Rows of the metadata, one per site."""
    compound, dose = well.well.compound or "", well.well.concentration_um
    for site in range(1, sites + 1):
        yield [
            f"{well.well_id}_{site}",
            well.well_id,
            well.plate.cell_type,
            well.plate.experiment,
            str(well.plate.number),
            well.well.position.name,
            str(site),
            LITERALS[well.well.role],
            compound,
            "" if dose is None else str(dose),
            f"* |{compound}, no structure|"
            if compound
            else "",  # an extended SMILES of any atom, with a comma as real ones have
        ]


def truth_table(wells: list[TrueWell], counts: list[float]) -> pd.DataFrame:
    """The truth of wells that show so many cells per site: columns `TRUTH`."""
    rows = []
    for well, count in zip(wells, counts, strict=True):
        compound = well.truth
        rows.append(
            (
                well.well_id,
                well.plate.cell_type,
                CONDITIONS[well.well.role],
                well.well.compound,
                well.well.concentration_um,
                well.severity,
                well.severity_expected,
                count,
                None if compound is None else compound.ec50_um,
                None if compound is None else compound.slope,
                None if compound is None else compound.top,
                None if compound is None else compound.kind.value,
            )
        )
    numbers = ["concentration_um", "ec50_um", "hill_slope", "top"]
    return pd.DataFrame(rows, columns=list(TRUTH)).astype(dict.fromkeys(numbers, "float64"))

"""The simulated screen of cell lines: takes the settings of the simulation, writes metadata zip, image zip and truth.

Seven lines of tumour cells, seen without a stain; seven drugs at one dose each and vehicle (DMSO), on a few plates of each line
that all hold all of them. There is no such published screen: the one of Dmitrenko et al. (2022) is not to be had. Its format is
that of RxRx1, with columns of its own in the metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from gandl.config import Dataset, SimulationSettings
from gandl.source.simulator.archive import SimulatedWell, write_images, write_metadata
from gandl.source.simulator.cells.morphology import Perturbation
from gandl.source.simulator.drugs import DRUGS, VEHICLE, Drug, draw_sensitivity, strength_noise
from gandl.source.simulator.layout import Well, cell_line_plate
from gandl.source.simulator.plan import SimulatedPlate, plates_of_simulation, sizes_of_cell_lines
from gandl.source.simulator.screen import Look, Screen, Stream, write_truth

COLUMNS = (
    "site_id", "well_id", "cell_line", "experiment", "plate", "well", "site", "drug", "concentration_um",
)  # fmt: skip
SITES = 1
"""Sites of a well."""
TRAITS = tuple(f"trait_{field.name}" for field in fields(Perturbation))
TRUTH = (
    "well_id", "cell_type", "drug", "concentration_um", "strength", "strength_expected", "cell_count", "debris", *TRAITS,
)  # fmt: skip
"""Columns of the truth."""


@dataclass(frozen=True)
class TrueWell:
    """A well and its truth. drug : None if it holds vehicle. strength : of the drug's effect, with the well's noise."""

    plate: SimulatedPlate
    well: Well
    drug: Drug | None
    strength: float
    strength_expected: float

    @property
    def well_id(self) -> str:
        return f"{self.plate.plate_id}_{self.well.position.name}"

    @property
    def effect(self) -> Perturbation:
        """What is changed in the cells of this well."""
        return Perturbation() if self.drug is None else self.drug.effect.scaled(self.strength)

    @property
    def debris(self) -> float:
        """Dead cells, in units of what a healthy well has."""
        return 1.0 if self.drug is None else 1 + (self.drug.debris - 1) * min(self.strength, 1.0)


def write_cell_lines(settings: SimulationSettings, mirror: Path, truth: Path, threads: int = 1) -> None:
    """Write the simulated screen.

    Parameters
    ----------
    settings : whose `cell_lines` are the sizes.
    mirror : folder; the archives are written at `<mirror>/<host>/<path>`.
    truth : parquet, one row per well, columns `TRUTH`. strength, strength_expected (without the well's noise) : of the drug's
        effect, 1 on average over cell lines, times `effect`; 0 in wells with vehicle. trait_<name> : natural logarithm of the
        factor on that trait of the cells. cell_count : in the site. debris : dead cells, 1 in a healthy well.
    threads : processes that draw; any number writes the same bytes.

    Raises
    ------
    gandl.source.simulator.layout.LayoutError : more wells than a plate has.
    ValueError : the settings have no sizes of this screen.
    """
    screen = screen_of(settings)
    wells = true_wells(screen)
    counts = write_images(
        list(drawings(screen, wells)), screen.images_path(mirror), threads=threads, title="simulated cell lines"
    )
    write_metadata(COLUMNS, [_row(well) for well in wells], screen.metadata_path(mirror), screen.metadata_member)
    write_truth(truth_table(wells, counts), truth)


def screen_of(settings: SimulationSettings) -> Screen:
    """The screen of these settings."""
    return Screen(Dataset.CELL_LINES, settings, SITES, sizes_of_cell_lines(settings).image_px)


def true_wells(screen: Screen) -> list[TrueWell]:
    """Every well of the screen with its drug's strength, plate by plate; no image is drawn."""
    sizes, drugs = sizes_of_cell_lines(screen.settings), {drug.name: drug for drug in DRUGS}
    found = []
    for plate in plates_of_simulation(screen.settings, Dataset.CELL_LINES):
        numbers = screen.plate_numbers(plate)
        sensitivity = draw_sensitivity(screen.generator(Stream.LIBRARY, numbers[0]))
        wells = cell_line_plate(sizes.vehicle_wells, sizes.drug_wells, screen.generator(Stream.LAYOUT, *numbers))
        noise = strength_noise(len(wells), screen.generator(Stream.SEVERITY, *numbers))
        for well, factor in zip(wells, noise, strict=True):
            drug = None if well.compound is None else drugs[well.compound]
            expected = 0.0 if drug is None else sizes.effect * sensitivity[drug.mechanism]
            found.append(TrueWell(plate, well, drug, factor * expected, expected))
    return found


def drawings(screen: Screen, wells: list[TrueWell]) -> Iterator[SimulatedWell]:
    """The wells, ready to be drawn."""
    shared = {well.plate: screen.plate_nuisance(well.plate) for well in wells}
    numbers = dict.fromkeys(shared, 0)
    for well in wells:
        look = Look(perturbation=well.effect, debris=well.debris)
        yield screen.well(well.plate, shared[well.plate], well.well.position, numbers[well.plate], look)
        numbers[well.plate] += 1


def truth_table(wells: list[TrueWell], counts: list[float]) -> pd.DataFrame:
    """The truth of wells that show so many cells: columns `TRUTH`."""
    rows = [
        (
            well.well_id,
            well.plate.cell_type,
            VEHICLE if well.drug is None else well.drug.name,
            None if well.drug is None else well.drug.dose_um,
            well.strength,
            well.strength_expected,
            count,
            well.debris,
            *asdict(well.effect).values(),
        )
        for well, count in zip(wells, counts, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(TRUTH)).astype({"concentration_um": "float64"})


def _row(well: TrueWell) -> list[str]:
    """The row of the metadata, of the only site."""
    drug = well.drug
    return [
        f"{well.well_id}_{SITES}",
        well.well_id,
        well.plate.cell_type,
        well.plate.experiment,
        str(well.plate.number),
        well.well.position.name,
        str(SITES),
        VEHICLE if drug is None else drug.name,
        "" if drug is None else str(drug.dose_um),
    ]

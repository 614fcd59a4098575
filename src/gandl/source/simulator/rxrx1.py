"""The simulated RxRx1: takes the settings of the simulation, writes metadata zip, image zip and truth of a screen of siRNAs.

Four cell types, experiments of four plates. Each plate holds one of four fixed sets of siRNAs, and the order of the sets is
turned from experiment to experiment, as in the real screen: the plate determines the set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.config import Dataset, SimulationSettings
from gandl.source.simulator.archive import SimulatedWell, write_images, write_metadata
from gandl.source.simulator.cells.morphology import Perturbation, draw_perturbation
from gandl.source.simulator.layout import POSITIVE_CONTROLS, RXRX1_SITES, LayoutError, Well, rxrx1_plate
from gandl.source.simulator.plan import RXRX1_CELL_TYPES, RXRX1_PLATES, SimulatedPlate, plates_of_simulation
from gandl.source.simulator.screen import Look, Screen, Stream, write_truth

COLUMNS = (
    "site_id", "well_id", "cell_type", "dataset", "experiment", "plate", "well", "site", "well_type", "sirna", "sirna_id",
)  # fmt: skip
EMPTY = "EMPTY"
SET_SIZE = 277
FIRST_POSITIVE_ID = 1108
NEGATIVE_ID = 1138
"""Ids and sizes of the real screen: treatments from 0, positive controls from 1108, the empty well 1138."""
TRUTH = ("well_id", "cell_type", "sirna", "strength", "cell_count")
ROTATIONS = 3
"""Of the four turns of the sets, the real experiments show three."""
STRENGTHS = (0.2, 1.4)
POSITIVE_STRENGTH = 1.6


@dataclass(frozen=True)
class Sirna:
    """An siRNA. number : its `sirna_id`. strength : of its effect, 0 none; the same in every cell type."""

    name: str
    number: int
    strength: float
    perturbation: Perturbation


@dataclass(frozen=True)
class TrueWell:
    """A well and its siRNA."""

    plate: SimulatedPlate
    well: Well
    sirna: Sirna

    @property
    def well_id(self) -> str:
        return f"{self.plate.plate_id}_{self.well.position.name}"


def write_rxrx1(settings: SimulationSettings, mirror: Path, truth: Path, threads: int = 1) -> None:
    """Write the simulated screen.

    Parameters
    ----------
    mirror : folder; the archives are written at `<mirror>/<host>/<path>`, where the official ones lie in a mirror.
    truth : parquet, one row per well, columns `TRUTH`. strength : of the siRNA's effect, times `settings.severity` (1 at most);
        cell_count : mean per site.
    threads : processes that draw; any number writes the same bytes.

    Raises
    ------
    gandl.source.simulator.layout.LayoutError : more siRNAs than a set of the real screen.
    """
    screen = screen_of(settings)
    wells = true_wells(screen)
    counts = write_images(
        list(drawings(screen, wells)), screen.images_path(mirror), threads=threads, title="simulated RxRx1"
    )
    rows = [row for well in wells for row in _rows(well, settings.rxrx1_experiments)]
    write_metadata(COLUMNS, rows, screen.metadata_path(mirror), screen.metadata_member)
    values = [
        (well.well_id, well.plate.cell_type, well.sirna.name, well.sirna.strength, count)
        for well, count in zip(wells, counts, strict=True)
    ]
    write_truth(pd.DataFrame(values, columns=list(TRUTH)), truth)


def screen_of(settings: SimulationSettings) -> Screen:
    """The screen of these settings: two sites a well, half as many pixels a side as RxRx19a, each twice as wide."""
    return Screen(Dataset.RXRX1, settings, RXRX1_SITES, settings.image_px // 2)


def true_wells(screen: Screen) -> list[TrueWell]:
    """Every well of the screen with its siRNA, plate by plate; no image is drawn."""
    size = screen.settings.rxrx1_sirnas
    if size > SET_SIZE:
        raise LayoutError(
            f"simulation.rxrx1_sirnas is {size}; a set of the real screen has {SET_SIZE}, more would have no id"
        )
    treatments = [_sirna(screen, number) for number in range(size * RXRX1_PLATES)]
    positive = [_sirna(screen, FIRST_POSITIVE_ID + i) for i in range(POSITIVE_CONTROLS)]
    empty = Sirna(EMPTY, NEGATIVE_ID, 0.0, Perturbation())
    known = {sirna.name: sirna for sirna in (*treatments, *positive, empty)}
    found = []
    for plate in plates_of_simulation(screen.settings, Dataset.RXRX1):
        turn = (plate.batch - 1 + RXRX1_CELL_TYPES.index(plate.cell_type)) % ROTATIONS
        held = (plate.number - 1 + turn) % RXRX1_PLATES
        wells = rxrx1_plate(
            [sirna.name for sirna in treatments[held * size : (held + 1) * size]],
            [sirna.name for sirna in positive],
            EMPTY,
            screen.generator(Stream.LAYOUT, *screen.plate_numbers(plate)),
        )
        found += [TrueWell(plate, well, known[str(well.sirna)]) for well in wells]
    return found


def _sirna(screen: Screen, number: int) -> Sirna:
    """The siRNA of an id: a direction of its own, and a strength; positive controls are strong."""
    rng = screen.generator(Stream.LIBRARY, number)
    drawn = float(rng.uniform(*STRENGTHS))
    strength = min(screen.settings.severity, 1.0) * (POSITIVE_STRENGTH if number >= FIRST_POSITIVE_ID else drawn)
    return Sirna(f"s{number + 1:05d}", number, strength, draw_perturbation(rng, strength))


def drawings(screen: Screen, wells: list[TrueWell]) -> Iterator[SimulatedWell]:
    """The wells, ready to be drawn."""
    shared = {well.plate: screen.plate_nuisance(well.plate) for well in wells}
    numbers = dict.fromkeys(shared, 0)
    for well in wells:
        look = Look(perturbation=well.sirna.perturbation)
        yield screen.well(well.plate, shared[well.plate], well.well.position, numbers[well.plate], look)
        numbers[well.plate] += 1


def _rows(well: TrueWell, experiments: int) -> Iterator[list[str]]:
    """Rows of the metadata, one per site; the last experiment of each cell type is the test half, where there are several."""
    part = "test" if 1 < experiments == well.plate.batch else "train"
    for site in range(1, RXRX1_SITES + 1):
        yield [
            f"{well.well_id}_{site}",
            well.well_id,
            well.plate.cell_type,
            part,
            well.plate.experiment,
            str(well.plate.number),
            well.well.position.name,
            str(site),
            well.well.role.value,
            well.sirna.name,
            str(well.sirna.number),
        ]

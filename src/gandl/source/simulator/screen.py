"""What the simulated screens share: the seeds of everything random, batch effects, and a well as the archive draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import Dataset, SimulationSettings
from gandl.source.screens.published import CHANNELS, MEMBERS, ScreenFile, member_keys
from gandl.source.simulator.archive import SimulatedWell
from gandl.source.simulator.cells.cytoskeleton import Skeleton
from gandl.source.simulator.cells.morphology import CELL_LINES, CHANNELS as DRAWN_CHANNELS, Perturbation
from gandl.source.simulator.cells.nuisance import PlateNuisance, draw_field, draw_nuisance_plate, draw_nuisance_well
from gandl.source.simulator.cells.tumour_lines import TUMOUR_LINES
from gandl.source.simulator.layout import LayoutError, Position
from gandl.source.simulator.mechanisms import MCF7
from gandl.source.simulator.plan import SimulatedPlate, files_of_simulation
from gandl.workflow.files import atomic

PIXEL_UM = {Dataset.RXRX19A: 0.65, Dataset.RXRX1: 1.3, Dataset.CELL_LINES: 1.0, Dataset.BBBC021: 0.8}
"""RxRx19a halved has RxRx1's scale. In the grey screen a tile of 64 px holds a few cells."""
LINES = {**CELL_LINES, **TUMOUR_LINES, "MCF7": MCF7}
MOST_SITES = 4
EXPERIMENT_GAIN = 0.15
EXPERIMENT_DENSITY = 0.08


class Stream(IntEnum):
    """Purposes of random generators; each has its own, so that more plates or sites do not change the others."""

    LIBRARY = 0
    LAYOUT = 1
    EXPERIMENT = 2
    PLATE = 3
    WELL = 4
    SITE = 5
    PIXELS = 6
    SEVERITY = 7


@dataclass(frozen=True)
class Look:
    """What a well's treatment does to its cells. severity : 0 healthy to 1; density, debris : factors; skeleton : of BBBC021."""

    severity: float = 0.0
    perturbation: Perturbation = Perturbation()  # noqa: RUF009
    density: float = 1.0
    debris: float = 1.0
    skeleton: Skeleton | None = None


@dataclass(frozen=True)
class Screen:
    """A simulated screen: its name, the settings, the number of sites in a well and the side of its images (px)."""

    dataset: Dataset
    settings: SimulationSettings
    sites: int
    side: int

    def __post_init__(self) -> None:
        if not 1 <= self.sites <= MOST_SITES:
            raise LayoutError(f"simulation.sites is {self.sites}; a well of {self.dataset} has at most {MOST_SITES}")

    def seed(self, stream: Stream, *numbers: int) -> tuple[int, ...]:
        """Seed of one stream; the numbers say of which plate, well and site."""
        return (self.settings.seed, list(PIXEL_UM).index(self.dataset), int(stream), *numbers)

    def generator(self, stream: Stream, *numbers: int) -> np.random.Generator:
        return np.random.default_rng(self.seed(stream, *numbers))

    def plate_numbers(self, plate: SimulatedPlate) -> tuple[int, int, int]:
        """Numbers that identify a plate in seeds, independent of the rest of the screen."""
        return list(LINES).index(plate.cell_type), plate.batch, plate.number

    def plate_nuisance(self, plate: SimulatedPlate) -> PlateNuisance:
        """What the wells of a plate share: its own nuisance, and its experiment's gain and density."""
        numbers = self.plate_numbers(plate)
        own = draw_nuisance_plate(self.generator(Stream.PLATE, *numbers))
        rng = self.generator(Stream.EXPERIMENT, *numbers[:2])
        gains = np.exp(rng.normal(0, EXPERIMENT_GAIN, len(own.gain)))
        return replace(
            own,
            gain=tuple(float(gain) for gain in np.array(own.gain) * gains),
            density=own.density * float(np.exp(rng.normal(0, EXPERIMENT_DENSITY))),
        )

    def well(
        self,
        plate: SimulatedPlate,
        shared: PlateNuisance,
        position: Position,
        number: int,
        look: Look,
        members: Sequence[str] = (),
    ) -> SimulatedWell:
        """The number-th well of a plate, ready to be drawn. members : names of its images; (): as RxRx19a names them."""
        numbers = (*self.plate_numbers(plate), number)
        well = draw_nuisance_well(self.generator(Stream.WELL, *numbers), shared, position.edge_distance)
        sites = range(1, self.sites + 1)
        fields = tuple(
            draw_field(
                self.generator(Stream.SITE, *numbers, site),
                LINES[plate.cell_type],
                well,
                look.severity,
                perturbation=look.perturbation,
                density=look.density,
                debris=look.debris,
            )
            for site in sites
        )
        return SimulatedWell(
            fields=fields,
            seeds=tuple(self.seed(Stream.PIXELS, *numbers, site) for site in sites),
            members=tuple(
                members
                or (
                    f"{MEMBERS[self.dataset][ScreenFile.IMAGES]}/{key}"
                    for site in sites
                    for key in member_keys(self.dataset, plate.experiment, plate.number, position.name, site)
                )
            ),
            channels=tuple(DRAWN_CHANNELS.index(name) for name in CHANNELS[self.dataset] if name in DRAWN_CHANNELS),
            side=self.side,
            pixel_um=PIXEL_UM[self.dataset],
            skeleton=look.skeleton,
        )

    def images_path(self, mirror: Path) -> Path:
        return Path(mirror) / files_of_simulation(self.dataset).images

    def metadata_path(self, mirror: Path) -> Path:
        return Path(mirror) / files_of_simulation(self.dataset).metadata

    @property
    def metadata_member(self) -> str:
        return MEMBERS[self.dataset][ScreenFile.METADATA]


def write_truth(frame: pd.DataFrame, path: Path) -> None:
    """Write the truth beside the screen, atomically; only the calibration of the evaluation may read it."""
    with atomic(path) as partial:
        frame.to_parquet(partial, index=False, compression="zstd")

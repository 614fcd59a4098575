"""What a simulated screen consists of: takes the settings of the simulation, names plates, stores and official files.

The Snakefile imports it at every start, so this module imports nothing heavier than the standard library and `gandl.config`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gandl.config import CellLinesSimulation, Dataset, SimulationSettings

BUCKET = PurePosixPath("storage.googleapis.com/rxrx")
EXPERIMENTS_PER_CELL_TYPE = 2
"""RxRx19a ran every cell type twice: HRCE-1 and HRCE-2, VERO-1 and VERO-2."""
RXRX1_CELL_TYPES = ("HEPG2", "HUVEC", "RPE", "U2OS")
RXRX1_PLATES = 4
TUMOUR_CELLS = ("M14", "SF539", "SW620", "OVCAR4", "BT549", "COLO205", "HCT15")
"""Cell lines of the grey screen, in the order in which a smaller one takes them."""
NOWHERE = PurePosixPath("simulated.invalid/cell-lines")
"""The grey screen has no host: this one cannot exist (RFC 2606)."""


@dataclass(frozen=True)
class SimulatedFiles:
    """`<host>/<path>` of a screen's two archives, where the real ones lie below a mirror."""

    metadata: PurePosixPath
    images: PurePosixPath


@dataclass(frozen=True)
class SimulatedPlate:
    """One plate. number : from 1, within its experiment. batch : the experiment's number, from 1, within its cell type."""

    cell_type: str
    experiment: str
    number: int
    batch: int

    @property
    def plate_id(self) -> str:
        return f"{self.experiment}_{self.number}"


FILES = {
    Dataset.RXRX19A: SimulatedFiles(BUCKET / "RxRx19a/RxRx19a-metadata.zip", BUCKET / "RxRx19a/RxRx19a-images.zip"),
    Dataset.RXRX1: SimulatedFiles(BUCKET / "rxrx1/rxrx1-metadata.zip", BUCKET / "rxrx1/rxrx1-images.zip"),
    Dataset.CELL_LINES: SimulatedFiles(NOWHERE / "cell-lines-metadata.zip", NOWHERE / "cell-lines-images.zip"),
}


def files_of_simulation(dataset: Dataset) -> SimulatedFiles:
    """Where the simulator writes a screen's archives, below its mirror.

    Raises
    ------
    ValueError : the screen is not simulated.
    """
    if dataset not in FILES:
        raise ValueError(f"{dataset} is not simulated; there are {', '.join(FILES)}")
    return FILES[dataset]


def mirror_of(file: str | Path) -> str:
    """The folder that serves as a mirror: `<mirror>/<host>/<path>` of a simulated archive without its `<host>/<path>`.

    A relative one stays relative.

    Raises
    ------
    ValueError : the file lies where the simulator writes no archive.
    """
    path = Path(file)
    locations = [location for files in FILES.values() for location in (files.metadata, files.images)]
    for location in locations:
        if path.parts[-len(location.parts) :] == location.parts:
            return str(path.parents[len(location.parts) - 1])
    raise ValueError(f"{path} does not lie at <mirror>/{' or <mirror>/'.join(map(str, locations))}")


def mirror_in_use(configured: str | None, simulated: str | Path | None) -> str | None:
    """The mirror of a run: that of its simulated archive; where it has none (None or empty), the configured one."""
    return mirror_of(simulated) if simulated else configured


def sizes_of_cell_lines(settings: SimulationSettings) -> CellLinesSimulation:
    """The sizes of the grey screen.

    Raises
    ------
    ValueError : the simulation has none.
    """
    if settings.cell_lines is None:
        raise ValueError("source.simulation.cell_lines is empty, so that there is no screen of cell lines")
    return settings.cell_lines


def plates_of_simulation(settings: SimulationSettings, dataset: Dataset) -> list[SimulatedPlate]:
    """Every plate of a simulated screen, in the order of its archive.

    Raises
    ------
    ValueError : the screen is not simulated.
    """
    files_of_simulation(dataset)
    if dataset is Dataset.CELL_LINES:
        sizes = sizes_of_cell_lines(settings)
        return [
            SimulatedPlate(line, line, number, 1)
            for line in TUMOUR_CELLS[: sizes.lines]
            for number in range(1, sizes.plates + 1)
        ]
    if dataset is Dataset.RXRX19A:
        return [
            SimulatedPlate(cell_type, f"{cell_type}-{batch}", number, batch)
            for cell_type, plates in (("HRCE", settings.hrce_plates), ("VERO", settings.vero_plates))
            for batch in range(1, EXPERIMENTS_PER_CELL_TYPE + 1)
            for number in range(1, plates + 1)
        ]
    return [
        SimulatedPlate(cell_type, f"{cell_type}-{batch:02d}", number, batch)
        for cell_type in RXRX1_CELL_TYPES
        for batch in range(1, settings.rxrx1_experiments + 1)
        for number in range(1, RXRX1_PLATES + 1)
    ]


def stores_of_simulation(settings: SimulationSettings, dataset: Dataset) -> list[str]:
    """Names of a simulated screen's stores: one per plate (RxRx19a), per experiment (RxRx1) or per cell line (cell_lines).

    Raises
    ------
    ValueError : the screen is not simulated.
    """
    plates = plates_of_simulation(settings, dataset)
    names = [plate.plate_id if dataset is Dataset.RXRX19A else plate.experiment for plate in plates]
    return list(dict.fromkeys(names))

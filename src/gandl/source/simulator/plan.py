"""What a simulated screen consists of: takes the settings of the simulation, names plates, stores and official files.

The Snakefile imports it at every start, so this module imports nothing heavier than the standard library and `gandl.config`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gandl.config import Bbbc021Simulation, CellLinesSimulation, Dataset, SimulationSettings

BUCKET = PurePosixPath("storage.googleapis.com/rxrx")
COLLECTION = PurePosixPath("data.broadinstitute.org/bbbc/BBBC021")
EXPERIMENTS_PER_CELL_TYPE = 2
"""RxRx19a ran every cell type twice: HRCE-1 and HRCE-2, VERO-1 and VERO-2."""
RXRX1_CELL_TYPES = ("HEPG2", "HUVEC", "RPE", "U2OS")
RXRX1_PLATES = 4
TUMOUR_CELLS = ("M14", "SF539", "SW620", "OVCAR4", "BT549", "COLO205", "HCT15")
"""Cell lines of the grey screen, in the order in which a smaller one takes them."""
FIRST_PLATES = (
    (22123, 22141, 22161), (24121, 24141, 24161), (25421, 25441, 25461), (27481, 27521, 27542), (28901, 28921, 28961),
    (31641, 31661, 31681), (34341, 34381, 34641), (38203, 38221, 38241), (39206, 39221, 39222), (40111, 40115, 40119),
)  # fmt: skip
"""Numbers of the first three plates of each week of BBBC021: simulated plates bear the names of real ones."""
NOWHERE = PurePosixPath("simulated.invalid/cell-lines")
"""The grey screen has no host: this one cannot exist (RFC 2606)."""


@dataclass(frozen=True)
class SimulatedFiles:
    """`<host>/<path>` of a screen's files, where the real ones lie below a mirror.

    images : its archive; `{store}` stands for the store, where each has its own. tables : what it has beside its metadata.
    """

    metadata: PurePosixPath
    images: PurePosixPath
    tables: tuple[PurePosixPath, ...] = ()

    @property
    def patterns(self) -> list[str]:
        """All of them, with * for any store."""
        return [str(path).format(store="*") for path in (self.metadata, self.images, *self.tables)]

    def images_of(self, store: str) -> PurePosixPath:
        """The archive of a store."""
        return PurePosixPath(str(self.images).format(store=store))


@dataclass(frozen=True)
class SimulatedPlate:
    """One plate. number : from 1, within its experiment (BBBC021: of its own). batch : the experiment's number, from 1, within
    its cell type."""

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
    Dataset.BBBC021: SimulatedFiles(
        COLLECTION / "BBBC021_v1_image.csv",
        COLLECTION / "BBBC021_v1_images_{store}.zip",
        (COLLECTION / "BBBC021_v1_moa.csv", COLLECTION / "BBBC021_v1_compound.csv"),
    ),
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
    patterns = [pattern for files in FILES.values() for pattern in files.patterns]
    for pattern in patterns:
        if path.match(pattern):
            return str(path.parents[pattern.count("/")])
    raise ValueError(f"{path} does not lie at <mirror>/{' or <mirror>/'.join(patterns)}")


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


def sizes_of_bbbc021(settings: SimulationSettings) -> Bbbc021Simulation:
    """The sizes of the simulated BBBC021.

    Raises
    ------
    ValueError : the simulation has none.
    """
    if settings.bbbc021 is None:
        raise ValueError("source.simulation.bbbc021 is empty, so that there is no simulated BBBC021")
    return settings.bbbc021


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
    if dataset is Dataset.BBBC021:
        return _plates_of_weeks(sizes_of_bbbc021(settings))
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


def _plates_of_weeks(sizes: Bbbc021Simulation) -> list[SimulatedPlate]:
    return [
        SimulatedPlate("MCF7", f"Week{week}", number, week)
        for week in range(1, sizes.weeks + 1)
        for number in FIRST_PLATES[week - 1][: sizes.plates]
    ]


def stores_of_simulation(settings: SimulationSettings, dataset: Dataset) -> list[str]:
    """Names of a simulated screen's stores: one per plate (RxRx19a, BBBC021), experiment (RxRx1) or cell line (cell_lines).

    Raises
    ------
    ValueError : the screen is not simulated.
    """
    plates = plates_of_simulation(settings, dataset)
    of_plates = dataset in (Dataset.RXRX19A, Dataset.BBBC021)
    names = [plate.plate_id if of_plates else plate.experiment for plate in plates]
    return list(dict.fromkeys(names))

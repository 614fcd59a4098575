"""The simulated BBBC021: takes the settings of the simulation, writes its tables, a zip of 16-bit TIFFs per plate, and the truth.

MCF7-like cells under compounds of four mechanisms, in several weeks. As in the real screen a compound is in one week only, the
plates of a week are replicates of one layout, and six wells with DMSO and six with taxol lie in the same places of every plate.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from gandl.config import Dataset, SimulationSettings
from gandl.source.screens.bbbc021.terms import (
    CHANNEL_FILES,
    IMAGE_COLUMNS,
    MECHANISM_COLUMNS,
    POSITIVE,
    POSITIVE_UM,
    POSITIVE_WELLS,
    STRUCTURE_COLUMNS,
    VEHICLE,
    VEHICLE_WELLS,
    folder_of,
)
from gandl.source.simulator.archive import SimulatedWell, write_archives
from gandl.source.simulator.cells.cytoskeleton import Skeleton
from gandl.source.simulator.cells.morphology import Perturbation
from gandl.source.simulator.drugs import strength_noise
from gandl.source.simulator.layout import Position, bbbc021_positions
from gandl.source.simulator.mechanisms import (
    ANNOTATED,
    EFFECTS,
    POSITIVE_STRENGTH,
    Compound,
    Effect,
    Mechanism,
    compounds_of_week,
)
from gandl.source.simulator.plan import SimulatedPlate, files_of_simulation, plates_of_simulation, sizes_of_bbbc021
from gandl.source.simulator.screen import Look, Screen, Stream, write_truth
from gandl.workflow.files import atomic

AXES = {mechanism: f"axis_{mechanism.name.lower()}" for mechanism in Mechanism}
"""Columns of the truth: severity along each mechanism; 0 along the others."""
TRAITS = (
    *(f"trait_{field.name}" for field in fields(Perturbation)),
    *(f"skeleton_{field.name}" for field in fields(Skeleton)),
)
"""Columns of the truth: what is changed in the cells."""
TRUTH = (
    "well_id", "experiment", "compound", "concentration_um", "mechanism", "severity", "severity_expected", "cell_count",
    *AXES.values(), *TRAITS,
)  # fmt: skip


@dataclass(frozen=True)
class TrueWell:
    """A well and its truth. compound : None in wells with DMSO. severity : strength of the effect, with the well's noise."""

    plate: SimulatedPlate
    position: Position
    compound: Compound | None
    concentration_um: float | None
    severity: float
    severity_expected: float

    @property
    def well_id(self) -> str:
        return f"{self.plate.plate_id}_{self.position.name}"

    @property
    def effect(self) -> Effect:
        """What is changed in the cells of this well."""
        none = Effect(Perturbation(), Skeleton())
        return none if self.compound is None else self.compound.effect.scaled(self.severity)


def write_bbbc021(settings: SimulationSettings, mirror: Path, truth: Path, threads: int = 1) -> None:
    """Write the simulated screen.

    Parameters
    ----------
    settings : whose `bbbc021` are the sizes.
    mirror : folder; the three tables and the archives are written at `<mirror>/<host>/<path>`.
    truth : parquet, one row per well, columns `TRUTH`. severity, severity_expected (without the well's noise) : strength of the
        effect, times `effect`; 0 in wells with DMSO. axis_<mechanism> : the severity along it. trait_<name> : natural logarithm
        of the factor on that trait of the cells; skeleton_<name> : as of `cells.cytoskeleton.Skeleton`. cell_count : mean of the
        sites.
    threads : processes that draw; any number writes the same bytes.

    Raises
    ------
    gandl.source.simulator.layout.LayoutError : more wells than a plate has.
    ValueError : the settings have no sizes of this screen.
    """
    screen, files = screen_of(settings), files_of_simulation(Dataset.BBBC021)
    wells = true_wells(screen)
    archives: dict[Path, list[SimulatedWell]] = {}
    for well, drawing in zip(wells, drawings(screen, wells), strict=True):
        archives.setdefault(Path(mirror) / files.images_of(well.plate.plate_id), []).append(drawing)
    counts = write_archives(archives, threads=threads, title="simulated BBBC021")
    compounds = list({well.compound.name: well.compound for well in wells if well.compound}.values())
    mechanisms, structures = (Path(mirror) / path for path in files.tables)
    _write_csv(IMAGE_COLUMNS, _image_rows(screen, wells), screen.metadata_path(mirror))
    _write_csv(MECHANISM_COLUMNS, _mechanism_rows(screen, compounds), mechanisms)
    _write_csv(STRUCTURE_COLUMNS, [(name, "") for name in [VEHICLE, *(each.name for each in compounds)]], structures)
    write_truth(truth_table(wells, counts), truth)


def screen_of(settings: SimulationSettings) -> Screen:
    """The screen of these settings."""
    sizes = sizes_of_bbbc021(settings)
    return Screen(Dataset.BBBC021, settings, sizes.sites, sizes.image_px)


def positive_control() -> Compound:
    """Taxol, as it is on every plate, at one concentration; its effect is that of stabilizers."""
    return Compound(POSITIVE, Mechanism.STABILIZED, POSITIVE_UM, POSITIVE_STRENGTH, EFFECTS[Mechanism.STABILIZED])


def true_wells(screen: Screen) -> list[TrueWell]:
    """Every well of the screen with its severity, plate by plate; no image is drawn.

    Raises
    ------
    gandl.source.simulator.layout.LayoutError : more treatments than a plate has wells for.
    """
    sizes, control, found = sizes_of_bbbc021(screen.settings), positive_control(), list[TrueWell]()
    for plate in plates_of_simulation(screen.settings, Dataset.BBBC021):
        week = screen.plate_numbers(plate)[:2]
        compounds = compounds_of_week(plate.batch, sizes.compounds, screen.generator(Stream.LIBRARY, *week))
        treatments = [(each, dose) for each in compounds for dose in each.concentrations(sizes.concentrations)]
        free, fixed = bbbc021_positions(len(treatments))
        order = screen.generator(Stream.LAYOUT, *week).permutation(len(free))
        given: dict[Position, tuple[Compound, float]] = {
            free[i]: treatment for i, treatment in zip(order, treatments, strict=False)
        }
        given |= {place: (control, POSITIVE_UM) for place in fixed if place.name in POSITIVE_WELLS}
        vehicle = [place for place in fixed if place.name in VEHICLE_WELLS]
        places = sorted([*given, *vehicle], key=lambda place: place.name)
        noise = strength_noise(len(places), screen.generator(Stream.SEVERITY, *screen.plate_numbers(plate)))
        for place, factor in zip(places, noise, strict=True):
            compound, dose = given.get(place, (None, None))
            expected = 0.0 if compound is None or dose is None else sizes.effect * compound.strength(dose)
            found.append(TrueWell(plate, place, compound, dose, factor * expected, expected))
    return found


def drawings(screen: Screen, wells: Sequence[TrueWell]) -> Iterator[SimulatedWell]:
    """The wells, ready to be drawn."""
    shared = {well.plate: screen.plate_nuisance(well.plate) for well in wells}
    numbers = dict.fromkeys(shared, 0)
    for well in wells:
        look = Look(perturbation=well.effect.traits, skeleton=well.effect.skeleton)
        members = [
            f"{well.plate.plate_id}/{file_name(well, site, number)}"
            for site in range(1, screen.sites + 1)
            for _, number in CHANNEL_FILES.values()
        ]
        yield screen.well(well.plate, shared[well.plate], well.position, numbers[well.plate], look, members)
        numbers[well.plate] += 1


def file_name(well: TrueWell, site: int, number: int) -> str:
    """Name of an image: week, well, field, the channel's number and, as real ones have it, an identifier."""
    own = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{well.well_id}/{site}/{number}")).upper()
    return f"{well.plate.experiment}_simulated_{well.position.name}_s{site}_w{number}{own}.tif"


def truth_table(wells: Sequence[TrueWell], counts: Sequence[float]) -> pd.DataFrame:
    """The truth of wells that show so many cells: columns `TRUTH`."""
    rows = []
    for well, count in zip(wells, counts, strict=True):
        mechanism = None if well.compound is None else well.compound.mechanism
        rows.append(
            (
                well.well_id,
                well.plate.experiment,
                VEHICLE if well.compound is None else well.compound.name,
                well.concentration_um,
                None if mechanism is None else mechanism.value,
                well.severity,
                well.severity_expected,
                count,
                *(well.severity if each is mechanism else 0.0 for each in Mechanism),
                *asdict(well.effect.traits).values(),
                *asdict(well.effect.skeleton).values(),
            )
        )
    return pd.DataFrame(rows, columns=list(TRUTH)).astype({"concentration_um": "float64"})


def _image_rows(screen: Screen, wells: Sequence[TrueWell]) -> Iterator[tuple[object, ...]]:
    """Rows of the image table, one for every site."""
    plates = list(dict.fromkeys(well.plate for well in wells))
    of_week = {plate: [each for each in plates if each.experiment == plate.experiment] for plate in plates}
    number = 0
    for well in wells:
        for site in range(1, screen.sites + 1):
            number += 1
            files = [
                name
                for _, channel in CHANNEL_FILES.values()
                for name in (file_name(well, site, channel), folder_of(well.plate.plate_id))
            ]
            yield (
                plates.index(well.plate) + 1,
                number,
                *files,
                well.plate.plate_id,
                well.position.name,
                of_week[well.plate].index(well.plate) + 1,
                VEHICLE if well.compound is None else well.compound.name,
                f"{well.concentration_um or 0:g}",
            )


def _mechanism_rows(screen: Screen, compounds: Sequence[Compound]) -> Iterator[tuple[object, ...]]:
    """Rows of the table of mechanisms: concentrations that act, the positive control, and DMSO."""
    for compound in compounds:
        doses = compound.concentrations(sizes_of_bbbc021(screen.settings).concentrations)
        for dose in [POSITIVE_UM] if compound.name == POSITIVE else doses:
            if compound.strength(dose) >= ANNOTATED:
                yield compound.name, f"{dose:f}", compound.mechanism.value
    yield VEHICLE, f"{0:f}", VEHICLE


def _write_csv(columns: Sequence[str], rows: Iterator[tuple[object, ...]] | list[tuple[str, str]], path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with atomic(path) as partial:
        partial.write_text(text.getvalue(), encoding="utf-8")

"""The `source` section of the configuration: which screens, simulated or real, and where their images come from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from gandl.config.types import (
    ChannelName,
    ImagesFrom,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Projection,
    Section,
    Wells,
)


class Dataset(StrEnum):
    RXRX19A = "rxrx19a"
    RXRX1 = "rxrx1"
    BBBC013 = "bbbc013"
    PLATES = "plates"
    CELL_LINES = "cell_lines"
    CLASS_FOLDERS = "class_folders"
    BBBC021 = "bbbc021"


SIMULATED = (Dataset.RXRX19A, Dataset.RXRX1, Dataset.CELL_LINES, Dataset.BBBC021)
"""Screens that the simulator makes; cell_lines exists nowhere else."""
FILE_NAME = (
    r"^(?P<cell_line>[^_]+)_(?:[^_]+_)*(?P<plate>[^_]+)_(?P<well>[A-Za-z]{1,2}\d{1,2})_"
    r"(?P<drug>[^_]+?)(?:_?c=(?P<concentration>[^_]*))?(?:_.*)?\.[^.]+$"
)
"""Names of the images of Dmitrenko et al. (2022): cell line, anything, plate, well, drug with or without `c=`, date."""


class RxRx19aSettings(Section):
    """RxRx19a, the COVID-19 screen: 57 plates of HRCE and VERO cells, five channels."""

    stores: list[str] = Field(
        [], description="Plates to take (`HRCE-1_25`), one store each; empty: every plate of `resources/stores.csv`."
    )
    wells: Wells = Field(
        Wells.ALL,
        description="`all`; or `pilot`: controls, the three drugs of the paper and two dose series per plate, by fixed rules.",
    )
    complete: bool = Field(
        True, description="The metadata must be the whole published screen: its counts are checked, too."
    )
    images_from: ImagesFrom = Field(
        ImagesFrom.ARCHIVE,
        description="`archive`: the members needed are read out of the zip, by byte range where it is remote; `objects`: single "
        "PNGs at their own address (or, with a folder as `mirror`, an unpacked archive).",
    )
    image_px: PositiveInt = Field(1024, description="Side (px) of its square images; another size is refused.")
    pixel_size_um: PositiveFloat | None = Field(
        0.65, description="Side of a pixel (um); empty where unknown: then no scale is checked."
    )
    released_width: PositiveInt = Field(
        1024,
        description="Features of the embeddings published with the screen (featurizer `released`); others are refused.",
    )


class RxRx1Settings(Section):
    """RxRx1, the screen of 1,108 siRNAs: 51 experiments of four plates and four cell types, six channels."""

    stores: list[str] = Field(
        [], description="Experiments to take (`HUVEC-01`), one store each; empty: every one of `resources/stores.csv`."
    )
    complete: bool = Field(
        True, description="The metadata must be the whole published screen: counts and checksum are checked, too."
    )
    images_from: ImagesFrom = Field(
        ImagesFrom.ARCHIVE,
        description="`archive` or `objects`, as for RxRx19a; single objects are not offered officially.",
    )
    image_px: PositiveInt = Field(512, description="Side (px) of its square images; another size is refused.")
    pixel_size_um: PositiveFloat | None = Field(
        None, description="Side of a pixel (um); empty where unknown (the release does not state it)."
    )
    released_width: PositiveInt = Field(
        128,
        description="Features of the embeddings published with the screen (featurizer `released`); others are refused.",
    )


class Bbbc013Settings(Section):
    """BBBC013: one real 96-well plate."""

    platemap: str = Field(
        "resources/bbbc013_platemap.csv",
        description="Table of wells: control, treatment, dose. Change it when a plate was laid out differently.",
    )
    development_rows: list[str] = Field(
        ["A", "B", "C", "D"],
        min_length=2,
        description="Plate rows on which settings may be chosen (and the probe is computed); the other rows are not used "
        "for choices.",
    )


class Bbbc021Settings(Section):
    """BBBC021: 113 compounds on MCF7 cells, 55 plates in ten weeks, three channels; of 38 compounds the mechanism is known."""

    stores: list[str] = Field(
        [], description="Plates to take (`Week1_22123`), one store each; empty: every plate of `resources/stores.csv`."
    )
    complete: bool = Field(
        True, description="The tables must be the whole published screen: their counts are checked, too."
    )
    smiles: bool = Field(False, description="Also read the structures (`BBBC021_v1_compound.csv`), column `smiles`.")
    images_from: ImagesFrom = Field(
        ImagesFrom.ARCHIVE, description="`archive` (a zip per plate) or `objects`, as for RxRx19a."
    )
    image_px: Annotated[int, Field(gt=0, multiple_of=4)] = Field(
        1024, description="Height (px) of its images, which are a quarter wider than high; another size is refused."
    )
    pixel_size_um: PositiveFloat | None = Field(
        None, description="Side of a pixel (um); empty where unknown (the release does not state it)."
    )


class PlatesSettings(Section):
    """A lab's own plates: a table of sites, or a folder whose file names give well, site and channel."""

    table: str | None = Field(
        None,
        description="`sites.csv` (or `.xlsx`, `sites.xlsx#Plate 1`): one row per site, a column `file_<channel>` per channel; "
        "docs/your-plates.md is the guide.",
    )
    folder: str | None = Field(None, description="Folder of images, where there is no table.")
    pattern: str | None = Field(
        None,
        description="Regular expression for the paths below `folder`, with the named groups `well`, `channel` and, where they "
        "vary, `plate`, `site`, `experiment`, `plane`, `time`.",
    )
    channel: str | None = Field(
        None, description="With `folder`: name of the only channel, where the file names (and the pattern) state none."
    )
    wells: str | None = Field(
        None,
        description="With `folder`: a table of wells, CSV or Excel (plate, well, control, treatment, concentration_um).",
    )
    pixel_size_um: PositiveFloat | None = Field(None, description="Side of a pixel (um); empty where unknown.")
    z: Projection | PositiveInt | None = Field(
        None,
        description="What is taken of several z planes where a cell of the table does not say it: `max` (the maximum over them), "
        "`middle`, or the number of a plane, from 1. Empty: files with several planes are refused.",
    )
    time: PositiveInt | None = Field(
        None, description="Number of the time point, from 1, where files have several; empty: such files are refused."
    )
    scale: PositiveFloat | None = Field(
        None,
        description="Every pixel is multiplied by it and rounded (half to even): 65535 for floats from 0 to 1. Empty: values are "
        " stored as they are, and must be whole numbers from 0 to 65,535.",
    )
    illumination: bool = Field(
        False, description="Divide images by the illumination functions that the columns `illum_<channel>` name."
    )
    leave_out: tuple[ChannelName, ...] = Field((), description="Channels of the table or folder that are not used.")


class CellLinesSettings(Section):
    """cell_lines, a simulated screen of one grey channel: drugs and a vehicle on several lines of tumour cells."""

    stores: list[str] = Field([], description="Cell lines to take (`M14`), one store each; empty: every one.")
    images_from: ImagesFrom = Field(ImagesFrom.ARCHIVE, description="`archive` or `objects`, as for RxRx19a.")
    image_px: PositiveInt = Field(256, description="Side (px) of its square images; another size is refused.")
    pixel_size_um: PositiveFloat | None = Field(1.0, description="Side of a pixel (um).")


class ClassFoldersSettings(Section):
    """A screen in folders of classes: data/train/{drugs,controls}, data/test/{drugs,controls}, with labels in file names."""

    folder: str = Field(
        "data",
        description="Folder whose images lie in folders of classes, with or without a folder of a part above (train, test); "
        "docs/class-folders.md is the guide.",
    )
    pattern: str = Field(
        FILE_NAME,
        description="Regular expression for a file's name, with the named groups `cell_line`, `plate`, `well` and, where "
        "they are stated, `drug`, `concentration` (uM), `experiment`.",
    )
    controls: str = Field("controls", description="Name of the class whose wells are negative controls.")
    channel: ChannelName = Field("grey", description="Name of the images' only channel.")
    pixel_size_um: PositiveFloat | None = Field(None, description="Side of a pixel (um); empty where unknown.")


class CellLinesSimulation(Section):
    """Sizes of the simulated screen of cell lines: one grey channel, one site in a well."""

    lines: Annotated[int, Field(ge=1, le=7)] = Field(
        7, description="Cell lines, each with drugs and vehicle; at most 7."
    )
    plates: PositiveInt = Field(2, description="Plates of each cell line.")
    vehicle_wells: PositiveInt = Field(42, description="Wells with vehicle (negative controls) on a plate.")
    drug_wells: PositiveInt = Field(14, description="Wells of each of the seven drugs on a plate, at one dose.")
    image_px: PositiveInt = Field(256, description="Side (px) of its images, of 1 um a pixel.")
    effect: NonNegativeFloat = Field(
        1.0, description="Factor on what drugs do in every well; 0 gives a screen without effects."
    )


class Bbbc021Simulation(Section):
    """Sizes of the simulated BBBC021: three channels of 16 bit, compounds of four mechanisms, weeks that differ."""

    weeks: Annotated[int, Field(ge=1, le=10)] = Field(
        2, description="Weeks (batches); the mechanisms are the same in each, the compounds are not."
    )
    plates: Annotated[int, Field(ge=1, le=3)] = Field(3, description="Plates of a week, replicates of one layout.")
    compounds: PositiveInt = Field(1, description="Compounds of each of the four mechanisms in a week.")
    concentrations: Annotated[int, Field(ge=2, le=5)] = Field(
        3, description="Concentrations of each compound; the lowest hardly acts, and has no mechanism in the table."
    )
    sites: Annotated[int, Field(ge=1, le=4)] = Field(4, description="Sites (fields) of a well.")
    image_px: Annotated[int, Field(gt=0, multiple_of=4)] = Field(
        128, description="Height (px) of its images, of 0.8 um a pixel; they are a quarter wider than high."
    )
    effect: NonNegativeFloat = Field(
        1.0, description="Factor on what compounds do in every well; 0 gives a screen without effects."
    )


class SimulationSettings(Section):
    """Simulated screens with a known truth, written in the distributed formats of the real ones."""

    seed: NonNegativeInt = Field(0, description="Same seed, same bytes.")
    image_px: PositiveInt = Field(
        256, description="Side (px) of RxRx19a-like images; RxRx1-like ones have half, at twice the pixel size."
    )
    hrce_plates: PositiveInt = Field(3, description="Plates in each of HRCE-1 and HRCE-2.")
    vero_plates: PositiveInt = Field(2, description="Plates in each of VERO-1 and VERO-2.")
    compounds: Annotated[int, Field(ge=3)] = Field(
        7, description="Compounds per plate, each in six half-log doses and two wells a plate; three have fixed names."
    )
    sites: PositiveInt = Field(4, description="Sites (fields) per RxRx19a-like well.")
    severity: NonNegativeFloat = Field(
        1.0, description="Factor on the severity of infection in every well; 0 gives screens without any effect."
    )
    rxrx1_experiments: PositiveInt = Field(2, description="RxRx1-like experiments (of four plates) per cell type.")
    rxrx1_sirnas: PositiveInt = Field(10, description="siRNAs in each of the four fixed sets: treated wells per plate.")
    cell_lines: CellLinesSimulation | None = Field(
        None, description="Sizes of the screen cell_lines, where `datasets` names it, else empty."
    )
    bbbc021: Bbbc021Simulation | None = Field(
        None, description="Sizes of the simulated BBBC021, where `datasets` names it, else empty."
    )


class SourceSettings(Section):
    """Which screens, and where their images come from."""

    datasets: list[Dataset] = Field(
        [Dataset.RXRX19A, Dataset.RXRX1],
        min_length=1,
        description="Screens of the run. The network is trained on the first; the others are embedded by it as they are "
        "(zero-shot).",
    )
    unseen: list[str] = Field(
        default_factory=list,
        description="Stores of the first screen (RxRx19a: plates) that train no network without labels (GAN-DL, ConvAE); "
        "their controls are also reported by themselves. Empty: all are trained on, as in the paper.",
    )
    simulation: SimulationSettings | None = Field(
        default_factory=SimulationSettings,
        description="RxRx19a, RxRx1, cell_lines and bbbc021 are simulated with these sizes; empty: the real ones.",
    )
    rxrx19a: RxRx19aSettings | None = Field(
        RxRx19aSettings(complete=False, image_px=256), description="Where `datasets` names it, else empty."
    )
    rxrx1: RxRx1Settings | None = Field(
        RxRx1Settings(complete=False, image_px=128, pixel_size_um=1.3),
        description="Where `datasets` names it, else empty.",
    )
    bbbc013: Bbbc013Settings | None = Field(None, description="Where `datasets` names it, else empty.")
    plates: PlatesSettings | None = Field(None, description="Where `datasets` names it, else empty.")
    cell_lines: CellLinesSettings | None = Field(None, description="Where `datasets` names it, else empty.")
    class_folders: ClassFoldersSettings | None = Field(None, description="Where `datasets` names it, else empty.")
    bbbc021: Bbbc021Settings | None = Field(None, description="Where `datasets` names it, else empty.")

    @model_validator(mode="after")
    def _sections_fit(self) -> SourceSettings:
        if len(set(self.datasets)) != len(self.datasets):
            raise ValueError(f"datasets names a screen twice: {', '.join(self.datasets)}")
        for dataset in Dataset:
            wanted, given = dataset in self.datasets, getattr(self, dataset.value) is not None
            if wanted != given:
                raise ValueError(
                    f"datasets names {dataset}, but its section source.{dataset} is empty"
                    if wanted
                    else f"the section source.{dataset} is filled, but datasets does not name it; leave it empty"
                )
        self._fits_simulation()
        return self

    def _fits_simulation(self) -> None:
        """What is simulated has the sizes that the simulation makes, and nothing else is in a simulated run."""
        if self.simulation is None:
            if self.cell_lines is not None:
                raise ValueError("cell_lines is a simulated screen alone, but the section source.simulation is empty")
            return
        real = [dataset for dataset in self.datasets if dataset not in SIMULATED]
        if real:
            raise ValueError(f"simulation makes {', '.join(SIMULATED)} only; datasets names {', '.join(real)}")
        of_bbbc021 = self.simulation.bbbc021
        for section, side in (
            (self.rxrx19a, self.simulation.image_px),
            (self.rxrx1, self.simulation.image_px // 2),
            (self.bbbc021, of_bbbc021.image_px if of_bbbc021 else 0),
        ):
            if side and section is not None and (section.image_px != side or section.complete):
                raise ValueError(
                    f"a simulated {section.__class__.__name__.removesuffix('Settings')} has images of {side} px and is "
                    f"not complete; set its image_px to {side} and its complete to false"
                )
        for name in (Dataset.CELL_LINES, Dataset.BBBC021):
            sizes, section = getattr(self.simulation, name), getattr(self, name)
            if (sizes is None) != (section is None):
                raise ValueError(
                    f"datasets names {name}, but its sizes source.simulation.{name} are empty"
                    if sizes is None
                    else f"source.simulation.{name} is filled, but datasets does not name {name}; leave it empty"
                )
            if sizes is not None and section.image_px != sizes.image_px:
                raise ValueError(
                    f"simulated {name} have images of {sizes.image_px} px; set source.{name}.image_px to it"
                )

    @property
    def screen(self) -> Dataset:
        """The screen that is trained on and judged."""
        return self.datasets[0]

    @property
    def simulated(self) -> bool:
        return self.simulation is not None

    @property
    def development_rows(self) -> list[str]:
        """Plate rows on which settings may be chosen, where the screen has such; else none."""
        return self.bbbc013.development_rows if self.bbbc013 is not None else []

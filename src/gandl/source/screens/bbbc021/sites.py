"""The screen BBBC021: takes its tables of images, mechanisms and structures, makes the sites table, one store per plate.

113 compounds in several concentrations on MCF7 cells, 55 plates in ten weeks, four fields a well. A week is an experiment (a
batch). Every row of every table is checked, and all mistakes are reported at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import Bbbc021Settings, Dataset
from gandl.source.screens.bbbc021.counts import published_counts
from gandl.source.screens.bbbc021.rows import check_images, check_mechanisms, check_structures
from gandl.source.screens.bbbc021.terms import (
    CELL_TYPE,
    CHANNEL_FILES,
    COMPOUND,
    CONCENTRATION,
    IMAGE_COLUMNS,
    MECHANISM_COLUMNS,
    PLATE,
    POSITIVE,
    POSITIVE_UM,
    POSITIVE_WELLS,
    REPLICATE,
    STRUCTURE_COLUMNS,
    VEHICLE,
    WELL,
    file_column,
)
from gandl.source.screens.metadata_zip import MetadataError, read_text_table
from gandl.source.screens.mistakes import Mistakes
from gandl.source.screens.screen_sites import in_plate_order, requested_stores
from gandl.tables import SITES
from gandl.tables.notes import WARNINGS, write_noted_sites
from gandl.workflow.words import counted

ADDED = ("moa", "replicate", *(file_column(channel) for channel in CHANNEL_FILES))
"""Columns beside those of every screen: mechanism of action, replicate (from 1), and the names of a site's three files."""


class Bbbc021Error(MetadataError):
    """The tables of BBBC021 have mistakes; the message lists them, one line each, with the file and its rows."""


@dataclass(frozen=True)
class Table:
    """One table as text, its rows indexed by the lines of the file, and where it is."""

    path: Path
    frame: pd.DataFrame


def write_sites(
    images: Path, mechanisms: Path, settings: Bbbc021Settings, output: Path, structures: Path | None = None
) -> None:
    """Write the sites table, in plate order.

    Beside the columns of every screen it has those of `ADDED`. Wells with DMSO are negative controls: `untreated`, treatment,
    concentration and mechanism null. Taxol at 0.3 uM in its six positions on a plate is the positive control; there and in all
    other wells `treatment` is the compound as it is spelled in the table, and `moa` is null where no mechanism was published.

    Parameters
    ----------
    images : `BBBC021_v1_image.csv`, a row per field. mechanisms : `BBBC021_v1_moa.csv`, a row per compound and concentration.
        Lines may end with LF or CRLF.
    settings : which plates to take, and whether the tables must be the whole screen.
    output : parquet (`gandl.tables.SITES`).
    structures : `BBBC021_v1_compound.csv`; None: `smiles` stays null.

    Raises
    ------
    MetadataError : a file cannot be read as such a table.
    Bbbc021Error : mistakes in rows, other counts than those that were published, or a plate that there is not.
    """
    of_images, of_mechanisms = _read(images, IMAGE_COLUMNS), _read(mechanisms, MECHANISM_COLUMNS)
    of_structures = None if structures is None else _read(structures, STRUCTURE_COLUMNS)
    _refuse(of_images, of_mechanisms, of_structures, complete=settings.complete)
    sites = make_sites(of_images.frame, of_mechanisms.frame, None if of_structures is None else of_structures.frame)
    taken = requested_stores(sites["store_id"], settings.stores, Dataset.BBBC021, Bbbc021Error)
    chosen = sites[sites["store_id"].isin(taken)].reset_index(drop=True)
    write_noted_sites(chosen, output, {WARNINGS: _warnings(chosen, of_structures)})


def make_sites(images: pd.DataFrame, mechanisms: pd.DataFrame, structures: pd.DataFrame | None = None) -> pd.DataFrame:
    """Checked tables as a sites table in plate order."""
    vehicle = images[COMPOUND] == VEHICLE
    dose = images[CONCENTRATION].astype(float).where(~vehicle)
    treatment = images[COMPOUND].where(~vehicle, None)
    known = mechanisms[mechanisms["compound"] != VEHICLE]
    keys = zip(known["compound"], known["concentration"].astype(float), strict=True)
    moa = dict(zip(keys, known["moa"], strict=True))
    smiles = {} if structures is None else dict(zip(structures["compound"], structures["smiles"], strict=True))
    place = images[PLATE].str.extract(r"(\w+)_(\d+)")
    positive = (treatment == POSITIVE) & (dose == POSITIVE_UM) & images[WELL].isin(POSITIVE_WELLS)
    well_id = images[PLATE] + "_" + images[WELL]
    number = images["Image_FileName_DAPI"].str.extract(r"_s(\d)_w", expand=False)
    return in_plate_order(
        pd.DataFrame(
            {
                "site_id": well_id + "_" + number,
                "well_id": well_id,
                "experiment": place[0],
                "plate": place[1].astype("int64"),
                "plate_id": images[PLATE],
                "store_id": images[PLATE],
                "well": images[WELL],
                "row": images[WELL].str[0],
                "column": images[WELL].str[1:].astype("int64"),
                "site": number.astype("int64"),
                "cell_type": CELL_TYPE,
                "condition": np.where(vehicle, "untreated", "treated"),
                "control": np.select([vehicle, positive], ["negative", "positive"], "none"),
                "treatment": treatment,
                "compound": treatment,
                "concentration_um": dose,
                "smiles": [smiles.get(name) or None for name in treatment],
                "moa": [moa.get(key) for key in zip(images[COMPOUND], dose, strict=True)],
                "replicate": images[REPLICATE].astype("int64"),
                **{
                    file_column(channel): images[f"Image_FileName_{name}"]
                    for channel, (name, _) in CHANNEL_FILES.items()
                },
            }
        )
    )[[*SITES.names, *ADDED]]


def _read(path: Path, columns: Sequence[str]) -> Table:
    path = Path(path)
    try:
        with path.open("rb") as file:
            return Table(path, read_text_table(file, str(path), columns))
    except OSError as error:
        raise MetadataError(f"{path} cannot be read: {error.strerror}") from error


def _refuse(images: Table, mechanisms: Table, structures: Table | None, *, complete: bool) -> None:
    """Raise every mistake of all tables at once."""
    found = {table.path: Mistakes(table.frame) for table in (images, mechanisms, structures) if table is not None}
    check_images(images.frame, found[images.path])
    check_mechanisms(mechanisms.frame, images.frame, found[mechanisms.path])
    if structures is not None:
        check_structures(structures.frame, found[structures.path])
    if complete and not any(mistakes.lines() for mistakes in found.values()):
        for sentence in published_counts(images.frame, mechanisms.frame):
            found[images.path].table(sentence)
    wrong = [
        "\n".join([f"{path} has mistakes:", *(f"  {line}" for line in lines)])
        for path, mistakes in found.items()
        if (lines := mistakes.lines())
    ]
    if wrong:
        raise Bbbc021Error("\n".join(wrong))


def _warnings(sites: pd.DataFrame, structures: Table | None) -> list[str]:
    """What a reader should know of the tables, a sentence each."""
    treatments = sites[sites["treatment"].notna()].drop_duplicates(["treatment", "concentration_um"])
    unknown = treatments[treatments["moa"].isna()]
    found = []
    if len(unknown):
        found.append(
            f"No mechanism was published of {len(unknown):,} of {counted(len(treatments), 'treatment')} (compound and "
            f"concentration), among them {unknown['treatment'].iloc[0]} at {unknown['concentration_um'].iloc[0]:g} uM."
        )
    lacking = treatments.loc[treatments["smiles"].isna(), "treatment"].unique()
    if structures is not None and len(lacking):
        found.append(
            f"{structures.path.name} has no structure of {counted(len(lacking), 'compound')}, such as {lacking[0]}."
        )
    return found

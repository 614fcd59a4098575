"""The screen of cell lines: takes its metadata zip, makes the sites table, one store per cell line.

Wells hold vehicle (DMSO, the negative controls) or a drug at one dose; there is no positive control. Every row is checked, and
all mistakes are reported at once. The screen is simulated (`gandl.source.simulator.cell_lines`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import CellLinesSettings, Dataset
from gandl.source.screens.metadata_zip import MetadataError, read_metadata
from gandl.source.screens.mistakes import Mistakes, first_of
from gandl.source.screens.screen_sites import in_plate_order, requested_stores
from gandl.tables import SITES
from gandl.tables.notes import WARNINGS, write_noted_sites

COLUMNS = (
    "site_id", "well_id", "cell_line", "experiment", "plate", "well", "site", "drug", "concentration_um",
)  # fmt: skip
VEHICLE = "DMSO"
OF_A_WELL = ("cell_line", "drug", "concentration_um")


class CellLinesError(MetadataError):
    """The metadata of the cell lines have mistakes; the message lists them, one line each, with the file and its rows."""


def write_sites(metadata_zip: Path, settings: CellLinesSettings, output: Path) -> None:
    """Write the sites table, in plate order.

    Beside the columns of every screen it has `drug`, which is `DMSO` in wells with vehicle; there `control` is negative,
    `condition` untreated, and treatment and concentration are null. Other wells are `treated`, and no control.

    Parameters
    ----------
    metadata_zip : `cell-lines-metadata.zip`. settings : which cell lines to take. output : parquet (`gandl.tables.SITES`).

    Raises
    ------
    MetadataError : the archive cannot be read as metadata.
    CellLinesError : mistakes in rows, a cell line without vehicle or without a drug, or a cell line that there is not.
    """
    metadata = read_metadata(metadata_zip, COLUMNS)
    check_cell_lines(metadata.frame, metadata.where)
    sites = make_sites(metadata.frame)
    taken = requested_stores(sites["store_id"], settings.stores, Dataset.CELL_LINES, CellLinesError)
    write_noted_sites(sites[sites["store_id"].isin(taken)].reset_index(drop=True), output, {WARNINGS: []})


def check_cell_lines(frame: pd.DataFrame, where: str = "the metadata of the cell lines") -> None:
    """Check every row.

    Parameters
    ----------
    frame : the columns of `COLUMNS` as text, indexed by the lines of the file.

    Raises
    ------
    CellLinesError : everything that is wrong, in one message.
    """
    mistakes = Mistakes(frame)
    for column in ("cell_line", "experiment", "drug"):
        mistakes.rows(frame[column] == "", f"the {column} is empty")
    mistakes.rows(~frame["plate"].str.fullmatch(r"[1-9]\d*"), "plate is {plate!r}; it must be a whole number from 1")
    mistakes.rows(~frame["site"].str.fullmatch(r"[1-9]\d*"), "site is {site!r}; it must be a whole number from 1")
    mistakes.rows(~frame["well"].str.fullmatch(r"[A-Z]{1,2}\d\d"), "well is {well!r}; it must be like B02")
    well_id = frame["experiment"] + "_" + frame["plate"] + "_" + frame["well"]
    mistakes.rows(frame["well_id"] != well_id, "well_id is {well_id!r}, but its columns say {right!r}", right=well_id)
    site_id = well_id + "_" + frame["site"]
    mistakes.rows(frame["site_id"] != site_id, "site_id is {site_id!r}, but its columns say {right!r}", right=site_id)
    first = first_of(frame["site_id"])
    lines = frame.index.to_numpy()
    repeated = first != np.arange(len(frame))
    mistakes.rows(repeated, "site_id {site_id!r} is already in row {first}", first=lines[first])
    of_well = first_of(frame["well_id"])
    for column in OF_A_WELL:
        values = frame[column].to_numpy(object)
        mistakes.rows(
            values != values[of_well],
            f"{column} is {{{column}!r}}, but {{other!r}} in row {{first}} of the same well {{well_id}}",
            other=values[of_well],
            first=lines[of_well],
        )
    _check_doses(frame, mistakes)
    for line in filter(None, frame["cell_line"].unique()):
        drugs = frame.loc[frame["cell_line"] == line, "drug"]
        if not (drugs == VEHICLE).any():
            mistakes.table(f"the cell line {line} has no well with {VEHICLE}, so nothing to compare its drugs with")
        if (drugs == VEHICLE).all():
            mistakes.table(f"the cell line {line} has no well with a drug")
    mistakes.refuse(where, CellLinesError)


def _check_doses(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    vehicle, dose = frame["drug"] == VEHICLE, frame["concentration_um"]
    mistakes.rows(vehicle & (dose != ""), f"{VEHICLE} has the concentration_um {{concentration_um}}; it must be empty")
    mistakes.rows(~vehicle & (dose == ""), "{drug} has no concentration_um")
    number = pd.to_numeric(dose, errors="coerce")
    wrong = ~vehicle & (dose != "") & ~(np.isfinite(number) & (number > 0))
    mistakes.rows(wrong, "concentration_um of {drug} is {concentration_um!r}; it must be a number above 0 (uM)")


def make_sites(frame: pd.DataFrame) -> pd.DataFrame:
    """Checked metadata as a sites table in plate order."""
    vehicle = frame["drug"] == VEHICLE
    drug = frame["drug"].where(~vehicle, None)
    place = frame["well"].str.extract(r"([A-Z]+)(\d+)")
    sites = frame[["site_id", "well_id", "experiment", "well", "drug"]].assign(
        plate=frame["plate"].astype("int64"),
        plate_id=frame["experiment"] + "_" + frame["plate"],
        store_id=frame["experiment"],
        row=place[0],
        column=place[1].astype("int64"),
        site=frame["site"].astype("int64"),
        cell_type=frame["cell_line"],
        condition=np.where(vehicle, "untreated", "treated"),
        control=np.where(vehicle, "negative", "none"),
        treatment=drug,
        compound=drug,
        concentration_um=pd.to_numeric(frame["concentration_um"], errors="coerce"),
        smiles=None,
    )
    return in_plate_order(sites)[[*SITES.names, "drug"]]

"""The screen RxRx1: takes its metadata zip, makes the sites table, one store per experiment of four plates.

Every row is checked, and all mistakes are reported at once; the whole published screen is also counted
(`gandl.source.screens.rxrx1_counts`). A table that was rebuilt from other publications may lack siRNA names, the ids of the test
half and the checksum; these checks are then reported as absent.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import Dataset, RxRx1Settings
from gandl.source.screens.metadata_zip import MetadataError, read_metadata
from gandl.source.screens.mistakes import Mistakes, first_of
from gandl.source.screens.published import CELL_TYPE_EXPERIMENTS
from gandl.source.screens.rxrx1_counts import IDS, METADATA_SHA256, NEGATIVE_ID, check_sets, published_counts
from gandl.source.screens.screen_sites import in_plate_order, requested_stores
from gandl.tables import SITES
from gandl.tables.notes import WARNINGS, write_noted_sites

log = logging.getLogger(__name__)

COLUMNS = (
    "site_id", "well_id", "cell_type", "dataset", "experiment", "plate", "well", "site", "well_type", "sirna", "sirna_id",
)  # fmt: skip
CELL_TYPES = tuple(CELL_TYPE_EXPERIMENTS)
WELLS = frozenset(f"{row}{column:02d}" for row in "BCDEFGHIJKLMNO" for column in range(2, 24))
CONTROL = {"positive_control": "positive", "negative_control": "negative", "treatment": "none"}
NEGATIVE_WELL = "B02"
EMPTY = "EMPTY"
"""siRNA of a negative control: none."""
OF_A_WELL = ("cell_type", "dataset", "well_type", "sirna", "sirna_id")


class RxRx1Error(MetadataError):
    """RxRx1's metadata have mistakes; the message lists them, one line each, with the file and its rows."""


def write_sites(metadata_zip: Path, settings: RxRx1Settings, output: Path) -> list[str]:
    """Write the sites table of RxRx1, in plate order; return what was odd (also in the file: `gandl.tables.notes`).

    Beside the columns of every screen it has `sirna` (null if the metadata do not state it), `sirna_id` (nullable integer),
    `well_type` and `dataset` (`train | test`); `treatment` is the siRNA, null if none was given.

    Parameters
    ----------
    metadata_zip : `rxrx1-metadata.zip`, or one of the same form.
    settings : which experiments to take, and whether the metadata must be the whole published file.
    output : parquet (schema `gandl.tables.SITES`).

    Raises
    ------
    MetadataError : the archive cannot be read as metadata.
    RxRx1Error : mistakes in rows, wrong counts or checksum of the whole screen, or experiments that it does not have.
    """
    metadata = read_metadata(metadata_zip, COLUMNS)
    warnings = check_rxrx1(metadata.frame, settings.complete, metadata.sha256, metadata.where)
    sites = make_sites(metadata.frame)
    sites = sites[
        sites["store_id"].isin(requested_stores(sites["store_id"], settings.stores, Dataset.RXRX1, RxRx1Error))
    ]
    for warning in warnings:
        log.warning(warning)
    write_noted_sites(sites.reset_index(drop=True), output, {WARNINGS: warnings})
    return warnings


def check_rxrx1(
    frame: pd.DataFrame, complete: bool, sha256: str | None = None, where: str = "the metadata of RxRx1"
) -> list[str]:
    """Check every row, and the published counts and checksum where the table must be the whole screen.

    Parameters
    ----------
    frame : the columns of `COLUMNS` as text, indexed by the lines of the file.
    complete : the table must be the whole screen.
    sha256 : of the CSV's bytes; None for a table that was rebuilt from other publications.

    Returns
    -------
    Warnings: what is odd, and the checks that are absent because the table lacks what they need.

    Raises
    ------
    RxRx1Error : everything that is wrong, in one message.
    """
    mistakes = Mistakes(frame)
    _check_names(frame, mistakes)
    _check_wells(frame, mistakes)
    warnings = _check_sirnas(frame, mistakes)
    check_sets(frame, complete, mistakes)
    if complete:
        for error in published_counts(frame):
            mistakes.table(error)
        if sha256 is None:
            warnings.append("absent: the checksum of metadata.csv (the table was rebuilt, not downloaded)")
        elif sha256 != METADATA_SHA256:
            mistakes.table(f"the SHA-256 of the file is {sha256}, the published one is {METADATA_SHA256}")
    mistakes.refuse(where, RxRx1Error)
    return warnings


def _check_names(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    experiment = frame["experiment"]
    cells = frame["cell_type"].isin(CELL_TYPES)
    mistakes.rows(~cells, "unknown cell type {cell_type!r}; RxRx1 has " + ", ".join(CELL_TYPES))
    unpadded = experiment.str.fullmatch(r"[A-Z0-9]+-[1-9]")
    padded = experiment.str.replace(r"-([1-9])$", r"-0\1", regex=True)
    mistakes.rows(unpadded, "the number of experiment {experiment} has one digit; it must be {padded}", padded=padded)
    known = experiment.str.fullmatch(rf"({'|'.join(CELL_TYPES)})-\d\d")
    mistakes.rows(~known & ~unpadded, "unknown experiment {experiment!r}; the names are like HUVEC-01")
    misfit = known & cells & (experiment.str.split("-").str[0] != frame["cell_type"])
    mistakes.rows(misfit, "cell type {cell_type} does not fit experiment {experiment}")
    mistakes.rows(~frame["plate"].isin(list("1234")), "plate is {plate!r}; an experiment has the plates 1 to 4")
    mistakes.rows(~frame["well"].isin(WELLS), "well {well!r} is not among the wells in use, B02 to O23")
    mistakes.rows(~frame["site"].isin(["1", "2"]), "site is {site!r}; a well has the sites 1 and 2")
    well_id = experiment + "_" + frame["plate"] + "_" + frame["well"]
    mistakes.rows(frame["well_id"] != well_id, "well_id is {well_id!r}, but its columns say {right!r}", right=well_id)
    site_id = well_id + "_" + frame["site"]
    mistakes.rows(frame["site_id"] != site_id, "site_id is {site_id!r}, but its columns say {right!r}", right=site_id)
    first = first_of(frame["site_id"])
    repeated = first != np.arange(len(frame))
    mistakes.rows(repeated, "site_id {site_id!r} is already in row {first}", first=frame.index.to_numpy()[first])


def _check_wells(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    mistakes.rows(~frame["dataset"].isin(["train", "test"]), "dataset is {dataset!r}; it must be train or test")
    mistakes.rows(~frame["well_type"].isin(CONTROL), "unknown well_type {well_type!r}; allowed: " + ", ".join(CONTROL))
    wrong = (frame["well"] == NEGATIVE_WELL) & (frame["well_type"] != "negative_control")
    mistakes.rows(wrong, f"well {NEGATIVE_WELL} of every plate is a negative control, not {{well_type!r}}")
    _agree(frame, "experiment", ("dataset",), mistakes)
    _agree(frame, "well_id", OF_A_WELL, mistakes)


def _agree(frame: pd.DataFrame, unit: str, columns: tuple[str, ...], mistakes: Mistakes) -> None:
    """The rows of one well or experiment say the same."""
    first = first_of(frame[unit])
    for column in columns:
        values = frame[column].to_numpy(object)
        mistakes.rows(
            values != values[first],
            f"{column} is {{{column}!r}}, but {{other!r}} in row {{first}} of the same {unit} {{{unit}}}",
            other=values[first],
            first=frame.index.to_numpy()[first],
        )


def _check_sirnas(frame: pd.DataFrame, mistakes: Mistakes) -> list[str]:
    """Check names and ids of siRNAs; give what is odd, and the checks that are absent."""
    warnings = []
    negative = frame["well_type"] == "negative_control"
    named = frame["sirna"] != ""
    if named.any():
        mistakes.rows(~named, "the sirna is empty; it must be a name, or EMPTY for a negative control")
        mistakes.rows(
            named & negative & (frame["sirna"] != EMPTY), "a negative control has the sirna EMPTY, not {sirna!r}"
        )
        mistakes.rows(~negative & (frame["sirna"] == EMPTY), "the sirna of a well of type {well_type} is EMPTY")
    else:
        warnings.append("absent: the names of siRNAs (column sirna is empty)")
    pairs = frame.loc[named & (frame["sirna_id"] != ""), ["sirna", "sirna_id"]].drop_duplicates()
    for one, other in (("sirna", "sirna_id"), ("sirna_id", "sirna")):
        several = pairs.loc[pairs.duplicated(one, keep=False), one].unique()
        if len(several):
            warnings.append(
                f"{len(several):,} values of {one} occur with more than one {other}, for example {several[0]!r}"
            )
    given = frame["sirna_id"] != ""
    unknown = (frame["dataset"] == "test") & (frame["well_type"] == "treatment")
    hidden = bool(unknown.any() and not given[unknown].any())
    unknown &= hidden
    if hidden:
        warnings.append("absent: the siRNAs of the test half's treated wells (their sirna_id is empty)")
    mistakes.rows(~given & ~unknown, "the sirna_id is empty")
    number = frame["sirna_id"].str.fullmatch(r"\d{1,4}")
    mistakes.rows(given & ~number, "sirna_id is {sirna_id!r}; it must be a whole number from 0 to " + str(NEGATIVE_ID))
    ids = pd.to_numeric(frame["sirna_id"].where(number), errors="coerce")
    for well_type, (low, high) in IDS.items():
        wrong = number & (frame["well_type"] == well_type) & ~ids.between(low, high)
        mistakes.rows(wrong, f"sirna_id of a {well_type} well is {{sirna_id}}; it must be within {low} to {high}")
    of_plate = frame["experiment"] + " plate " + frame["plate"]
    place = of_plate + " " + frame["sirna_id"] + " " + frame["site"]
    first = first_of(place)
    twice = given & ~negative & (first != np.arange(len(frame)))
    mistakes.rows(
        twice & (frame["well_id"].to_numpy() != frame["well_id"].to_numpy()[first]),
        "siRNA {sirna_id} is twice on {plate_name}: in {well}, and in row {first}",
        plate_name=of_plate,
        first=frame.index.to_numpy()[first],
    )
    return warnings


def make_sites(frame: pd.DataFrame) -> pd.DataFrame:
    """Checked metadata as a sites table in plate order."""
    sirna = frame["sirna"].where(frame["sirna"] != "", None)
    sites = frame[["site_id", "well_id", "experiment", "well", "cell_type", "well_type", "dataset"]].assign(
        plate=frame["plate"].astype("int64"),
        plate_id=frame["experiment"] + "_" + frame["plate"],
        store_id=frame["experiment"],
        row=frame["well"].str[0],
        column=frame["well"].str[1:].astype("int64"),
        site=frame["site"].astype("int64"),
        condition=frame["well_type"],
        control=frame["well_type"].map(CONTROL),
        treatment=sirna.where(sirna != EMPTY, None),
        compound=None,
        concentration_um=np.nan,
        smiles=None,
        sirna=sirna,
        sirna_id=pd.to_numeric(frame["sirna_id"].where(frame["sirna_id"] != "", None)).astype("Int64"),
    )
    return in_plate_order(sites)[[*SITES.names, "sirna", "sirna_id", "well_type", "dataset"]]

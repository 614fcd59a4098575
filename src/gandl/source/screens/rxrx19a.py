"""The screen RxRx19a: takes its metadata zip, makes the sites table, one store per plate.

Every row is checked, and all mistakes are reported at once; the whole published screen is also counted
(`gandl.source.screens.rxrx19a_counts`). Four conditions stay four: an empty one is `unknown`, never Mock.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import Dataset, RxRx19aSettings, Wells
from gandl.source.screens.compounds import VARIANTS_TABLE, Variant, canonical_names, read_variants, shared_structures
from gandl.source.screens.metadata_zip import MetadataError, read_metadata
from gandl.source.screens.mistakes import Mistakes, first_of
from gandl.source.screens.pilot import choose_wells
from gandl.source.screens.published import PUBLISHED
from gandl.source.screens.rxrx19a_counts import published_counts
from gandl.source.screens.screen_sites import in_plate_order, requested_stores
from gandl.tables import SITES
from gandl.tables.notes import VARIANTS, WARNINGS, write_noted_sites
from gandl.tables.row_letters import row_name

log = logging.getLogger(__name__)

COLUMNS = (
    "site_id", "well_id", "cell_type", "experiment", "plate", "well", "site", "disease_condition", "treatment",
    "treatment_conc", "SMILES",
)  # fmt: skip
NO_SMILES = (
    "releases before August 2020 have no SMILES, and wrong names for some compounds; "
    "download the metadata of the corrected release"
)
CONDITIONS = {
    "Mock": "mock",
    "UV Inactivated SARS-CoV-2": "uv_inactivated",
    "Active SARS-CoV-2": "infected",
    "": "unknown",
}
CELL_TYPES = ("HRCE", "VERO")
EXPERIMENTS = tuple(PUBLISHED[Dataset.RXRX19A].plates_of)
SITES_OF_A_WELL = ("1", "2", "3", "4")
ROWS = tuple(row_name(number) for number in range(1, 33))
WELLS = frozenset(f"{row}{column:02d}" for row in ROWS for column in range(1, 49))
OF_A_WELL = ("cell_type", "disease_condition", "treatment", "treatment_conc", "SMILES")


class RxRx19aError(MetadataError):
    """RxRx19a's metadata have mistakes; the message lists them, one line each, with the file and its rows."""


def write_sites(
    metadata_zip: Path, settings: RxRx19aSettings, output: Path, variants: Path = VARIANTS_TABLE
) -> list[str]:
    """Write the sites table of RxRx19a, in plate order; return what was odd (also in the file: `gandl.tables.notes`).

    Parameters
    ----------
    metadata_zip : `RxRx19a-metadata.zip`, or one of the same form.
    settings : which plates and wells to take, and whether the metadata must be the whole screen.
    output : parquet (schema `gandl.tables.SITES`).
    variants : names of compounds that stand for others.

    Raises
    ------
    MetadataError : the archive cannot be read as metadata.
    RxRx19aError : mistakes in rows, wrong counts of the whole screen, or plates that it does not have.
    gandl.source.screens.compounds.VariantsError : the table of variants has mistakes.
    """
    metadata = read_metadata(metadata_zip, COLUMNS, {"SMILES": NO_SMILES})
    warnings = check_rxrx19a(metadata.frame, settings.complete, metadata.where)
    sites, met = make_sites(metadata.frame, read_variants(variants))
    treated = sites[sites["compound"].notna() & sites["smiles"].notna()]
    warnings += shared_structures(treated)
    sites = sites[
        sites["store_id"].isin(requested_stores(sites["store_id"], settings.stores, Dataset.RXRX19A, RxRx19aError))
    ]
    if settings.wells is Wells.PILOT:
        sites, missing = choose_wells(sites)
        warnings += missing
    for warning in warnings:
        log.warning(warning)
    notes = {WARNINGS: warnings, VARIANTS: [variant.as_json() for variant in met]}
    write_noted_sites(sites.reset_index(drop=True), output, notes)
    return warnings


def check_rxrx19a(frame: pd.DataFrame, complete: bool, where: str = "the metadata of RxRx19a") -> list[str]:
    """Check every row, and the published counts where the table must be the whole screen.

    Parameters
    ----------
    frame : the columns of `COLUMNS` as text, indexed by the lines of the file.

    Returns
    -------
    Warnings: what is unusual, but may be so.

    Raises
    ------
    RxRx19aError : everything that is wrong, in one message.
    """
    mistakes = Mistakes(frame)
    _check_names(frame, mistakes)
    _check_conditions(frame, mistakes)
    _check_doses(frame, mistakes)
    _check_wells(frame, mistakes)
    warnings = _unusual(frame)
    if complete:
        errors, unexpected = published_counts(frame)
        for error in errors:
            mistakes.table(error)
        warnings += unexpected
    mistakes.refuse(where, RxRx19aError)
    return warnings


def _check_names(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    mistakes.rows(
        ~frame["well"].isin(WELLS),
        "well {well!r} is not on a plate of 1,536 wells (A01 to AF48, two digits for the column)",
    )
    mistakes.rows(~frame["site"].isin(SITES_OF_A_WELL), "site is {site!r}; a well has the sites 1 to 4")
    mistakes.rows(
        ~frame["plate"].str.fullmatch(r"[1-9]\d{0,5}"), "plate is {plate!r}; it must be a whole number from 1"
    )
    known = frame["experiment"].isin(EXPERIMENTS)
    mistakes.rows(~known, "unknown experiment {experiment!r}; RxRx19a has " + ", ".join(EXPERIMENTS))
    cells = frame["cell_type"].isin(CELL_TYPES)
    mistakes.rows(~cells, "unknown cell type {cell_type!r}; RxRx19a has " + ", ".join(CELL_TYPES))
    misfit = known & cells & (frame["experiment"].str.split("-").str[0] != frame["cell_type"])
    mistakes.rows(misfit, "cell type {cell_type} does not fit experiment {experiment}")
    well_id = frame["experiment"] + "_" + frame["plate"] + "_" + frame["well"]
    mistakes.rows(frame["well_id"] != well_id, "well_id is {well_id!r}, but its columns say {right!r}", right=well_id)
    site_id = well_id + "_" + frame["site"]
    mistakes.rows(frame["site_id"] != site_id, "site_id is {site_id!r}, but its columns say {right!r}", right=site_id)
    first = first_of(frame["site_id"])
    mistakes.rows(
        first != np.arange(len(frame)),
        "site_id {site_id!r} is already in row {first}",
        first=frame.index.to_numpy()[first],
    )


def _check_conditions(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    known = ", ".join(name for name in CONDITIONS if name)
    mistakes.rows(
        ~frame["disease_condition"].isin(CONDITIONS),
        "unknown condition {disease_condition!r}; allowed: " + known + ", or empty",
    )
    treated = frame["treatment"].str.strip() != ""
    mistakes.rows(
        treated & (frame["disease_condition"] == "Mock"),
        "a Mock well is an untreated control, its treatment is {treatment!r}",
    )


def _check_doses(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    treated = frame["treatment"].str.strip() != ""
    given = frame["treatment_conc"] != ""
    mistakes.rows(treated & ~given, "{treatment} without a treatment_conc (uM)")
    mistakes.rows(
        ~treated & given,
        "treatment_conc is {treatment_conc} without a treatment; it must be empty where nothing was given",
    )
    values = _concentrations(frame)
    mistakes.rows(treated & given & values.isna(), "treatment_conc is {treatment_conc!r}, not a number (uM)")
    wrong = treated & given & values.notna() & ~((values > 0) & np.isfinite(values))
    mistakes.rows(wrong, "treatment_conc of {treatment} is {treatment_conc}; it must be above 0 (uM)")


def _check_wells(frame: pd.DataFrame, mistakes: Mistakes) -> None:
    first = first_of(frame["well_id"])
    for column in OF_A_WELL:
        values = frame[column].to_numpy(object)
        mistakes.rows(
            values != values[first],
            f"{column} is {{{column}!r}}, but {{other!r}} in row {{first}} of the same well {{well_id}}",
            other=values[first],
            first=frame.index.to_numpy()[first],
        )


def _unusual(frame: pd.DataFrame) -> list[str]:
    wells = frame.drop_duplicates("well_id")
    treated = wells["treatment"].str.strip() != ""
    found = []
    for literal in ("UV Inactivated SARS-CoV-2", ""):
        count = int((treated & (wells["disease_condition"] == literal)).sum())
        if count:
            found.append(f"treated wells of the condition {CONDITIONS[literal]}: {count:,}; they are not controls")
    nameless = wells.loc[treated & (wells["SMILES"] == ""), "treatment"].unique()
    if len(nameless):
        more = ", ..." if len(nameless) > 5 else ""
        found.append(f"treatments without SMILES: {len(nameless):,} ({', '.join(sorted(nameless)[:5])}{more})")
    return found


def _concentrations(frame: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(frame["treatment_conc"], errors="coerce")


def make_sites(frame: pd.DataFrame, variants: dict[str, tuple[str, str]]) -> tuple[pd.DataFrame, list[Variant]]:
    """Checked metadata as a sites table in plate order, and the names of compounds that were read as others."""
    treated = frame["treatment"].str.strip() != ""
    wells = frame.loc[treated].drop_duplicates("well_id")["treatment"]
    names, met = canonical_names(wells, variants)
    condition = frame["disease_condition"].map(CONDITIONS)
    plate_id = frame["experiment"] + "_" + frame["plate"]
    control = np.select(
        [~treated & (condition == "mock"), ~treated & (condition == "infected")], ["positive", "negative"], "none"
    )
    sites = frame[["site_id", "well_id", "experiment", "well", "cell_type"]].assign(
        plate=frame["plate"].astype("int64"),
        plate_id=plate_id,
        store_id=plate_id,
        row=frame["well"].str[:-2],
        column=frame["well"].str[-2:].astype("int64"),
        site=frame["site"].astype("int64"),
        condition=condition,
        control=control,
        treatment=frame["treatment"].where(treated, None),
        compound=frame["treatment"].map(names).where(treated, None),
        concentration_um=_concentrations(frame).astype("float64"),
        smiles=frame["SMILES"].where(frame["SMILES"] != "", None),
    )
    return in_plate_order(sites)[SITES.names], met

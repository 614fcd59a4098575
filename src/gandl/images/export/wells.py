"""The table of wells beside an exported plate: takes its sites, writes what was done to wells as `gandl check` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from gandl.workflow.files import atomic

if TYPE_CHECKING:
    from gandl.images.export.metadata import PlateName

COLUMNS = ("well", "cell_type", "condition", "control", "treatment", "concentration_um", "compound", "smiles")
"""Of the sites table, in this order; what a screen adds follows."""
OF_SITES = ("site_id", "site", "position")
OF_PLACES = ("well_id", "experiment", "plate", "plate_id", "store_id", "row", "column")
"""Columns that name a well's place in gandl's own tables."""


def columns_of_wells(sites: pd.DataFrame) -> list[str]:
    """Columns of the sites table that are the same for all sites of every well."""
    alike = sites.groupby("well", sort=False).nunique(dropna=False).le(1).all()
    return [column for column in sites.columns if column not in OF_SITES and (column == "well" or alike[column])]


def write_wells(plate: PlateName, sites: pd.DataFrame, path: Path) -> None:
    """Write a row per well: plate, well, what was done to it, and what its screen adds; empty where nothing was."""
    more = [column for column in columns_of_wells(sites) if column not in (*COLUMNS, *OF_PLACES)]
    table = sites.drop_duplicates("well")[[*COLUMNS, *more]]
    table.insert(0, "plate", plate.shown)
    with atomic(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")

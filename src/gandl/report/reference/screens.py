"""What screens hold, as answers: takes their sites tables, or nothing for the published ones, makes counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet

from gandl.evaluation.terms import dose_series
from gandl.report.reference.answers import table
from gandl.report.reference.values import SCREEN
from gandl.source.screens.published import PUBLISHED
from gandl.source.screens.rxrx1_counts import SET_SIZE, SETS
from gandl.tables import SITES, read_table

READ = ["site_id", "well_id", "plate_id", "cell_type", "control", "treatment", "compound", "concentration_um"]
TREATED = "treatment"
"""Type of the wells of RxRx1 whose siRNAs are its perturbations."""


def counts_of(sites: Mapping[str, Path]) -> pd.DataFrame:
    """Counts of each screen of a run.

    `sites` (images), `wells`, `plates`, `cell_types`, `control_groups`, `control_share` (of the images); of treated wells
    `compounds`, `doses_per_series` (different concentrations of a compound in a cell type, median), `dose_step_log10` (decimal
    logarithm of one of them over the next lower one, median), `replicates_per_dose` (wells of one of them, median),
    `highest_dose_um`; of RxRx1 `sirnas`.

    Parameters
    ----------
    sites : sites table by screen.
    """
    return table(_row(name, metric, value) for name, path in sites.items() for metric, value in _counts(path).items())


def published_counts() -> pd.DataFrame:
    """The same of the published screens, as far as it was published: `sites`, `wells`, `plates`, `images_gb` and `sirnas`."""
    rows = []
    for dataset, published in PUBLISHED.items():
        counts: dict[str, float] = {"sites": published.sites, "wells": published.wells, "plates": published.plates}
        counts["images_gb"] = published.images_bytes / 1e9
        counts["cell_types"] = published.cell_types
        rows += [_row(dataset.value, metric, value) for metric, value in counts.items()]
    rows.append(_row("rxrx1", "sirnas", SETS * SET_SIZE))
    return table(rows)


def _row(dataset: str, metric: str, value: float) -> dict[str, Any]:
    return {"question": SCREEN, "split": dataset, "metric": metric, "value": float(value)}


def _counts(path: Path) -> dict[str, float]:
    extra = [name for name in ("sirna", "well_type") if name in parquet.read_schema(path).names]
    sites = read_table(path, SITES, [*READ, *extra])
    wells = sites.drop_duplicates("well_id")
    found: dict[str, float] = {
        "sites": len(sites),
        "wells": len(wells),
        "plates": wells["plate_id"].nunique(),
        "cell_types": wells["cell_type"].nunique(),
        "control_groups": wells.loc[wells["control"] != "none", "control"].nunique(),
        "control_share": (sites["control"] != "none").mean(),
    }
    series = dose_series(wells)
    if len(series):
        named = series.assign(compound=series["compound"].fillna(series["treatment"]))
        doses = named.groupby(["cell_type", "compound"])["concentration_um"]
        found["compounds"] = named["compound"].nunique()
        found["doses_per_series"] = doses.nunique().median()
        found["dose_step_log10"] = _steps(named).median()
        found["replicates_per_dose"] = named.groupby(["cell_type", "compound", "concentration_um"]).size().median()
        found["highest_dose_um"] = named["concentration_um"].max()
    if len(extra) == 2:
        found["sirnas"] = wells.loc[wells["well_type"] == TREATED, "sirna"].nunique()
    return {name: float(value) for name, value in found.items()}


def _steps(series: pd.DataFrame) -> pd.Series:
    """Decimal logarithms of the steps from dose to dose, of each compound in each cell type; none of a single dose."""
    of_compound = ["cell_type", "compound"]
    doses = series.drop_duplicates([*of_compound, "concentration_um"]).sort_values("concentration_um")
    logarithms = np.log10(doses["concentration_um"])
    return logarithms.groupby([doses[name] for name in of_compound]).diff().dropna()

"""The wells of a pilot: takes the sites table of whole RxRx19a plates, gives a part of it that stands for a screen.

The rules, for each plate by itself:

1. every control: Mock untreated and infected untreated wells;
2. of the UV-inactivated wells, and of those of unknown condition, at most `CHECKS` each, evenly spaced in plate order;
3. every well of the paper's three drugs (`DRUGS`: the canonical name contains it), at every dose; one that is not on the plate
   is reported, not an error;
4. every well of the first `SERIES` other compounds, in the order of the alphabet, that have at least `DOSES` doses there.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

DRUGS = ("remdesivir", "gs-441524", "polydatin")
CHECKS = 16
SERIES = 2
DOSES = 6


def choose_wells(sites: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The sites of a pilot's wells, in the order they had, and a warning for each drug that a plate lacks.

    Parameters
    ----------
    sites : sites table (`gandl.tables.SITES`) in plate order.
    """
    chosen: list[str] = []
    warnings: list[str] = []
    for plate_id, plate in sites.drop_duplicates("well_id").groupby("plate_id", sort=False):
        names = plate["compound"].fillna("").str.casefold()
        drugs = {drug: names.str.contains(drug, regex=False) for drug in DRUGS}
        missing = [drug for drug, wells in drugs.items() if not wells.any()]
        if missing:
            warnings.append(f"plate {plate_id} has no well of {', '.join(missing)}, which the pilot needs")
        others = plate[(names != "") & ~np.logical_or.reduce(list(drugs.values()))]
        keep = (plate["control"] != "none") | names.isin(_series(others)) | np.logical_or.reduce(list(drugs.values()))
        chosen += [*plate.loc[keep, "well_id"], *_checks(plate)]
    return sites[sites["well_id"].isin(chosen)], warnings


def _series(wells: pd.DataFrame) -> list[str]:
    """The first compounds (case-folded) of a plate that have a whole dose series."""
    doses = wells["concentration_um"].groupby(wells["compound"].str.casefold()).nunique()
    return sorted(doses.index[doses >= DOSES])[:SERIES]


def _checks(plate: pd.DataFrame) -> list[str]:
    chosen: list[str] = []
    for condition in ("uv_inactivated", "unknown"):
        wells = plate.loc[(plate["condition"] == condition) & plate["compound"].isna(), "well_id"].tolist()
        places = np.linspace(0, len(wells) - 1, min(CHECKS, len(wells))).round().astype(int)
        chosen += [wells[place] for place in places]
    return chosen

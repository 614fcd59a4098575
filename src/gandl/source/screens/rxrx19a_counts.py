"""The counts of the whole published RxRx19a: takes its metadata as text, gives what differs from them.

Counted by several independent users of the release: sites, wells, plates and conditions must agree. What was seen on one plate,
or follows from totals only (1,340 wells, 40 Mock and 40 UV on every plate, the 14 doses), is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gandl.config import Dataset
from gandl.source.screens.published import PUBLISHED, published_stores

SITES_OF_EXPERIMENT = {"HRCE-1": 139_360, "HRCE-2": 144_720, "VERO-1": 10_720, "VERO-2": 10_720}
WELLS_OF_CONDITION = {
    ("HRCE", "Active SARS-CoV-2"): 65_174,
    ("HRCE", "Mock"): 2_120,
    ("HRCE", "UV Inactivated SARS-CoV-2"): 2_120,
    ("HRCE", ""): 1_606,
    ("VERO", "Active SARS-CoV-2"): 4_920,
    ("VERO", "Mock"): 160,
    ("VERO", "UV Inactivated SARS-CoV-2"): 160,
    ("VERO", ""): 120,
}
INFECTED_UNTREATED_HRCE = 3_474
WELLS_OF_PLATE = {"": 1_340, "Mock": 40, "UV Inactivated SARS-CoV-2": 40}
"""Wells of every plate: of all conditions, Mock and UV."""
DOSES_UM = (0.001, 0.003, 0.01, 0.025, 0.03, 0.1, 0.25, 0.3, 1.0, 2.5, 3.0, 10.0, 30.0, 100.0)
NAMED = 6


def published_counts(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What differs from the published screen: errors and warnings, a sentence each.

    Parameters
    ----------
    frame : the metadata's columns as text, one row per site.
    """
    wells = frame.drop_duplicates("well_id")
    return list(_errors(frame, wells)), list(_warnings(wells))


def _errors(frame: pd.DataFrame, wells: pd.DataFrame) -> Iterator[str]:
    published = PUBLISHED[Dataset.RXRX19A]
    yield from _unlike("the screen", "sites", frame["site_id"].nunique(), published.sites)
    yield from _unlike("the screen", "wells", len(wells), published.wells)
    sites = frame["experiment"].value_counts()
    for experiment, count in SITES_OF_EXPERIMENT.items():
        yield from _unlike(experiment, "sites", sites.get(experiment, 0), count)
    plates = set((wells["experiment"] + "_" + wells["plate"]).unique())
    expected = set(published_stores(Dataset.RXRX19A))
    for what, names in (("lacks", expected - plates), ("also has", plates - expected)):
        if names:
            noun = "plates" if len(names) > 1 else "plate"
            yield f"the screen {what} the {noun} {_named(sorted(names))}; the published one has 57"
    conditions = wells.groupby(["cell_type", "disease_condition"]).size()
    for (cell_type, condition), count in WELLS_OF_CONDITION.items():
        what = f"wells of the condition {condition or '(empty)'}"
        yield from _unlike(cell_type, what, conditions.get((cell_type, condition), 0), count)
    per_well = frame["well_id"].value_counts()
    wrong = per_well[per_well != published.sites_per_well]
    if len(wrong):
        yield f"wells without exactly {published.sites_per_well} sites: {len(wrong):,}, {_counted(wrong)}"


def _unlike(whose: str, what: str, found: int, published: int) -> Iterator[str]:
    if found != published:
        yield f"{whose} has {found:,} {what}; {published:,} were published"


def _warnings(wells: pd.DataFrame) -> Iterator[str]:
    plate = wells["experiment"] + "_" + wells["plate"]
    for condition, expected in WELLS_OF_PLATE.items():
        chosen = plate if not condition else plate[wells["disease_condition"] == condition]
        counts = chosen.value_counts().reindex(sorted(plate.unique()), fill_value=0)
        wrong = counts[counts != expected]
        if len(wrong):
            what = f"{condition} wells" if condition else "wells"
            yield f"plates without the expected {expected:,} {what}: {len(wrong):,}, {_counted(wrong)}"
    untreated = (
        (wells["cell_type"] == "HRCE")
        & (wells["disease_condition"] == "Active SARS-CoV-2")
        & (wells["treatment"] == "")
    )
    if untreated.sum() != INFECTED_UNTREATED_HRCE:
        yield f"HRCE has {untreated.sum():,} infected untreated wells; {INFECTED_UNTREATED_HRCE:,} were expected"
    doses = set(pd.to_numeric(wells["treatment_conc"], errors="coerce").dropna().unique())
    for what, values in (("are missing", set(DOSES_UM) - doses), ("are unexpected", doses - set(DOSES_UM))):
        if values:
            yield f"of the 14 concentrations (uM) {what}: {_named([f'{value:g}' for value in sorted(values)])}"


def _counted(counts: pd.Series) -> str:
    return _named([f"{name} ({count:,})" for name, count in counts.sort_index().items()])


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")

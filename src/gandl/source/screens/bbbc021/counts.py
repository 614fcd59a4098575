"""Counts of the whole BBBC021: takes its checked tables, says what differs from the published screen.

The numbers are those of the distributed tables; the 103 treatments and 12 mechanisms are those of Ljosa et al. (2013), and so
are the 632 wells that were profiled.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gandl.config import Dataset
from gandl.source.screens.bbbc021.terms import (
    COMPOUND,
    CONCENTRATION,
    PLATE,
    POSITIVE,
    POSITIVE_UM,
    POSITIVE_WELLS,
    VEHICLE,
    VEHICLE_WELLS,
    WELL,
)
from gandl.source.screens.published import PUBLISHED

COMPOUNDS, TREATMENTS = 113, 906
"""With DMSO; a treatment is a compound at a concentration."""
ANNOTATED, MECHANISMS, ANNOTATED_WELLS = 103, 12, 632
"""Without DMSO."""


def published_counts(images: pd.DataFrame, mechanisms: pd.DataFrame) -> Iterator[str]:
    """What differs, a sentence each.

    Parameters
    ----------
    images, mechanisms : the tables as text, without mistakes in their rows.
    """
    published = PUBLISHED[Dataset.BBBC021]
    wells = images.drop_duplicates([PLATE, WELL])
    treatments = wells[[COMPOUND]].assign(dose=wells[CONCENTRATION].astype(float))
    plates = wells.drop_duplicates(PLATE)[PLATE].str.partition("_")[0].value_counts()
    known = mechanisms[mechanisms["compound"] != VEHICLE]
    keys = set(zip(known["compound"], known["concentration"].astype(float), strict=True))
    annotated = sum(key in keys for key in zip(treatments[COMPOUND], treatments["dose"], strict=True))
    yield from _unlike("rows", len(images), published.sites)
    yield from _unlike("plates", wells[PLATE].nunique(), published.plates)
    for week, count in published.plates_of.items():
        yield from _unlike(f"plates of {week}", int(plates.get(week, 0)), count)
    yield from _unlike("wells", len(wells), published.wells)
    fields = images.groupby([PLATE, WELL]).size()
    yield from _unlike(
        f"wells with {published.sites_per_well} fields",
        int((fields == published.sites_per_well).sum()),
        published.wells,
    )
    yield from _unlike("compounds", treatments[COMPOUND].nunique(), COMPOUNDS)
    yield from _unlike("treatments (compound and concentration)", len(treatments.drop_duplicates()), TREATMENTS)
    vehicle = wells[COMPOUND] == VEHICLE
    expected = published.plates * len(VEHICLE_WELLS)
    yield from _unlike(f"wells with {VEHICLE}", int(vehicle.sum()), expected)
    yield from _unlike(
        f"wells with {VEHICLE} in its positions", int((vehicle & wells[WELL].isin(VEHICLE_WELLS)).sum()), expected
    )
    positive = (treatments[COMPOUND] == POSITIVE) & (treatments["dose"] == POSITIVE_UM)
    yield from _unlike(
        f"wells with {POSITIVE} at {POSITIVE_UM:g} uM in its positions",
        int((positive & wells[WELL].isin(POSITIVE_WELLS)).sum()),
        published.plates * len(POSITIVE_WELLS),
    )
    yield from _unlike("treatments with a mechanism", len(keys), ANNOTATED)
    yield from _unlike("mechanisms", known["moa"].nunique(), MECHANISMS)
    yield from _unlike("wells whose treatment has a mechanism", annotated, ANNOTATED_WELLS)


def _unlike(what: str, found: int, published: int) -> Iterator[str]:
    if found != published:
        yield f"the screen has {found:,} {what}; {published:,} were published"

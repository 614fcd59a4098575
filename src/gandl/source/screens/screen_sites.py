"""Sites tables of the published screens: their order, and the stores that a configuration requests."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gandl.config import Dataset
from gandl.workflow.words import counted

NAMED = 12


def requested_stores(
    store_ids: pd.Series, requested: Sequence[str], dataset: Dataset, error: type[ValueError]
) -> list[str]:
    """Names of the stores to take: those requested, or all.

    Raises
    ------
    error : a store that the metadata do not have.
    """
    known = list(store_ids.unique())
    unknown = [name for name in requested if name not in known]
    if unknown:
        more = f" ... {known[-1]}" if len(known) > NAMED else ""
        raise error(
            f"source.{dataset}.stores names {', '.join(unknown)}; the metadata have {', '.join(known[:NAMED])}{more} "
            f"({counted(len(known), 'store')})"
        )
    return list(requested) or known


def in_plate_order(sites: pd.DataFrame) -> pd.DataFrame:
    """Sites by experiment, plate, row (A ... Z, AA ...), column and number."""
    order = sites.assign(length=sites["row"].str.len())
    return sites.loc[order.sort_values(["experiment", "plate", "length", "row", "column", "site"], kind="stable").index]

"""Terms of the question `mechanism`, for whoever reads its tables: the two protocols, and what its tables hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from gandl.evaluation.terms import NO_CELL_TYPE
from gandl.tables import Column, Schema
from gandl.workflow.words import shown

MOA = "moa"
"""The column of the sites table that names the mechanism of action of what a well was given; empty where it is not known."""
NSC, NSCB = "nsc", "nscb"
"""Which candidates a treatment is not compared with: those of its compound (not the same compound), and those of its compound
and those of its batch (not the same compound or batch)."""
PROTOCOLS = (NSC, NSCB)
ALONE = "no other compound has its mechanism"
ONE_BATCH = "no other compound of its mechanism is in another batch"
NO_DIRECTION = "its profile is zero, so that it has no direction"
LEFT_OUT = (ALONE, ONE_BATCH, NO_DIRECTION)
"""Why a treatment cannot be matched and does not count."""
NAMED = 6
"""Compounds that a sentence lists."""

MATCHES = Schema(
    "matches",
    (
        Column("featurizer", "string"),
        Column("normalization", "string"),
        Column("scheme", "string", allowed=PROTOCOLS),
        Column("cell_type", "string"),
        Column("treatment", "string"),
        Column("concentration_um", "float", nullable=True, positive=True),
        Column("batch", "string", nullable=True),
        Column("wells", "integer"),
        Column("mechanism", "string"),
        Column("nearest", "string", nullable=True),
        Column("nearest_concentration_um", "float", nullable=True, positive=True),
        Column("nearest_mechanism", "string", nullable=True),
        Column("distance", "float", nullable=True),
        Column("correct", "boolean"),
        Column("weight", "float"),
        Column("left_out", "string", nullable=True, allowed=LEFT_OUT),
    ),
    key=("featurizer", "normalization", "scheme", "cell_type", "treatment", "concentration_um", "batch"),
)
"""Every treatment (compound and dose) with its nearest neighbour; under `nscb` once for every batch that it is in, with the
profile of its wells there. `distance`: one less the cosine. `weight`: what the row counts; those of a treatment add up to 1, or
are all 0 where it is `left_out`."""

CONFUSION_COLUMNS = ["featurizer", "normalization", "scheme", "cell_type", "true", "predicted", "count"]
"""How many treatments of a mechanism (`true`) have a nearest neighbour of which mechanism: the sum of their weights."""


def left_out_sentences(matches: pd.DataFrame) -> Iterator[str]:
    """Which mechanisms and compounds do not count and why, a sentence for each protocol, cell type and reason."""
    counted = matches.groupby(["scheme", "cell_type", "treatment", "concentration_um"], dropna=False)[
        "weight"
    ].transform("sum")
    several = matches["cell_type"].nunique() > 1
    out = matches[(counted == 0) & matches["left_out"].notna()]
    for (scheme, cell_type, reason), rows in out.groupby(["scheme", "cell_type", "left_out"], sort=False):
        doses = rows.drop_duplicates(["treatment", "concentration_um"])
        of = f" ({cell_type})" if several and cell_type != NO_CELL_TYPE else ""
        names = (
            shown(sorted(set(doses["treatment"])), NAMED) if reason == NO_DIRECTION else "; ".join(_by_mechanism(doses))
        )
        of_all = f"{len(doses):,} of {_total(matches, scheme, cell_type):,} treatments"
        yield f"{str(scheme).upper()}{of} leaves out {of_all}, for {reason}: {names}"


def _by_mechanism(doses: pd.DataFrame) -> Iterator[str]:
    for mechanism, rows in doses.groupby("mechanism", sort=True):
        yield f"{mechanism} ({shown(sorted(set(rows['treatment'])), NAMED)})"


def _total(matches: pd.DataFrame, scheme: Any, cell_type: Any) -> int:
    mine = matches[(matches["scheme"] == scheme) & (matches["cell_type"] == cell_type)]
    return len(mine.drop_duplicates(["treatment", "concentration_um"]))

"""How named compounds do among the others, as answers: takes the compounds of a screen, makes efficacy, rank and shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from gandl.evaluation.terms import BIPHASIC, flagged
from gandl.report.reference.answers import table
from gandl.report.reference.values import COMPOUNDS, PAPER, Reference

STRONGEST = "efficacy_rank"
SHOWN = 5
"""So many of the strongest are named beside a rank: as many as the preprint highlights."""


def ranks(compounds: pd.DataFrame, references: Iterable[Reference], mark: str = "") -> pd.DataFrame:
    """`efficacy`, `efficacy_rank` (1: the highest of the cell type), `biphasic` (1 or 0) of the compounds that references name.

    Compounds are named in the split, `<cell type>:<compound>`, in capitals or not. Equal efficacies share the better rank.

    Parameters
    ----------
    compounds : `evaluation.terms.COMPOUNDS` of one featurizer under one normalisation.
    mark : what may end the names of compounds and does not count.
    """
    wanted = {r.split.casefold(): r.split for r in references if r.question == COMPOUNDS}
    groups = compounds.groupby("cell_type", sort=False)
    return table(row for _, mine in groups for row in _rows(mine, wanted, mark))


def _rows(mine: pd.DataFrame, wanted: dict[str, str], mark: str) -> Iterator[dict[str, Any]]:
    ranked = mine.assign(
        rank=mine["efficacy"].rank(ascending=False, method="min"), biphasic=flagged(mine, BIPHASIC).to_numpy()
    ).sort_values(["rank", "compound"], kind="stable")
    strongest = f"strongest of {len(mine):,}: {', '.join(ranked['compound'].head(SHOWN))}"
    for row in ranked.to_dict("records"):
        split = wanted.get(f"{row['cell_type']}:{row['compound'].removesuffix(mark)}".casefold())
        if split is None:
            continue
        of = {"question": COMPOUNDS, "split": split} | {name: row[name] for name in ("featurizer", "normalization")}
        efficacy = {"value": row["efficacy"], "low": row["efficacy_low"], "high": row["efficacy_high"]}
        yield of | {"metric": "efficacy", **efficacy, "n": row["wells"]}
        yield of | {"metric": STRONGEST, "value": row["rank"], "n": len(mine), "text": strongest}
        yield of | {"metric": "biphasic", "value": float(row["biphasic"]), "n": row["wells"]}


def named_in_paper(references: Iterable[Reference]) -> pd.DataFrame:
    """How many compounds the paper itself names as the strongest, by cell type."""
    named: dict[str, set[str]] = {}
    for reference in references:
        if reference.question == COMPOUNDS and reference.metric == STRONGEST:
            cell_type, _, compound = reference.split.partition(":")
            named.setdefault(cell_type, set()).add(compound)
    return table(
        {
            "question": PAPER,
            "split": cell,
            "metric": "strongest_named",
            "value": len(names),
            "text": ", ".join(sorted(names)),
        }
        for cell, names in named.items()
    )

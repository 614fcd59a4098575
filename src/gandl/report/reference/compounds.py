"""How named compounds do among the others, as answers: takes doses and compounds of a screen, makes efficacy, rank and shape.

A compound is found by its name as figures find it (`source.screens.drugs`), and the strongest are those that figures name
(`evaluation.screening.ranking`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from gandl.evaluation.screening.ranking import STRONGEST, highest, strongest
from gandl.evaluation.terms import BIPHASIC, DOSE_RESPONSE, flagged
from gandl.report.reference.answers import table
from gandl.report.reference.values import COMPOUNDS, PAPER, Reference
from gandl.report.reference.verdicts import RANK
from gandl.source.screens.drugs import named_compound

ANY_DOSE = "highest mean of any dose"


def ranks(doses: pd.DataFrame, compounds: pd.DataFrame, references: Iterable[Reference]) -> pd.DataFrame:
    """`efficacy`, `efficacy_rank` (1: the strongest of the cell type) and `biphasic` (1 or 0) of the compounds that references
    name in their split, `<cell type>:<compound>`.

    Efficacy is the highest mean of any dose, in the interval that `strongest` describes. A rank is among all compounds but the
    paper's three drugs, which have none; its interval holds the ranks that the intervals of the efficacies allow.

    Parameters
    ----------
    doses, compounds : `screening.terms.DOSES` and `terms.COMPOUNDS` of one featurizer under one normalisation.
    """
    wanted = list(dict.fromkeys(r.split for r in references if r.question == COMPOUNDS))
    shapes = compounds.assign(biphasic=flagged(compounds, BIPHASIC).to_numpy())
    rows: list[dict[str, Any]] = []
    for cell_type, mine in doses.groupby("cell_type", sort=False):
        of_type = [split for split in wanted if split.partition(":")[0] == cell_type]
        rows += _rows(mine, shapes[shapes["cell_type"] == cell_type], of_type)
    return table(rows)


def _rows(doses: pd.DataFrame, shapes: pd.DataFrame, splits: Sequence[str]) -> Iterator[dict[str, Any]]:
    ranked, wells = strongest(doses), doses.groupby("compound")["wells"].sum()
    efficacies, by_rank = highest(doses).set_index("compound"), ranked.set_index("compound")
    first = f"strongest of {len(ranked):,}: {', '.join(ranked['compound'].head(STRONGEST))}"
    about = {"question": COMPOUNDS} | {name: doses[name].iloc[0] for name in ("featurizer", "normalization")}
    for split in splits:
        name = named_compound(doses["compound"], split.partition(":")[2])
        if name is None:
            continue
        of = about | {"split": split, "n": wells[name], "unit": "well"}
        if name in efficacies.index:
            value, low, high = efficacies.loc[name, ["efficacy", "low", "high"]]
            yield of | {"metric": "efficacy", "value": value, "low": low, "high": high, "text": ANY_DOSE}
        if name in by_rank.index:
            value, low, high = by_rank.loc[name, ["rank", "rank_low", "rank_high"]]
            yield (
                of
                | {"metric": RANK, "value": value, "low": low, "high": high, "text": first}
                | {"n": len(ranked), "unit": "compound"}
            )
        for biphasic in shapes.loc[shapes["compound"] == name, "biphasic"]:
            yield of | {"metric": BIPHASIC, "value": float(biphasic)}


def under_paper_names(numbers: pd.DataFrame, references: Iterable[Reference]) -> pd.DataFrame:
    """Numbers of dose responses, those of a compound that a reference names under that name: `leave_plate_out:HRCE:Remdesivir`
    for `leave_plate_out:HRCE:Remdesivir (GS-5734)`. All others as they are."""
    splits, asked = numbers["split"].astype(str), numbers["question"] == DOSE_RESPONSE
    known: list[str] = list(splits[asked].unique())
    renamed: dict[str, str] = {}
    for wanted in dict.fromkeys(r.split for r in references if r.question == DOSE_RESPONSE):
        before, colon, name = wanted.rpartition(":")
        same = {split.removeprefix(before + colon) for split in known if split.startswith(before + colon)}
        if found := named_compound(same, name):
            renamed[before + colon + found] = wanted
    return numbers.assign(split=splits.where(~asked, splits.map(renamed).fillna(splits)))


def named_in_paper(references: Iterable[Reference]) -> pd.DataFrame:
    """How many compounds the paper itself names as the strongest, by cell type."""
    named: dict[str, set[str]] = {}
    for reference in references:
        if reference.question == COMPOUNDS and reference.metric == RANK:
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

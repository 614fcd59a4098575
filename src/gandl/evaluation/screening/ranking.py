"""The strongest compounds of a screen, as the preprint ranks them: takes doses of one cell type, makes efficacies and ranks.

Mascolini et al. 2021 (preprint), Fig. 5: "Besides GS-441524, Remdesivir and Polydatin, Figure 5 shows solid colored lines also
for the five compounds that obtained the highest efficacy scores in our screening." So these three are not ranked, and of several
doses the highest mean counts, whether it was found toxic or not.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from gandl.source.screens.drugs import DRUGS, named_compound

STRONGEST = 5
"""So many are named in a figure and beside a rank, as many as the preprint names."""


def strongest(doses: pd.DataFrame) -> pd.DataFrame:
    """All compounds but the paper's three drugs, the strongest first.

    Parameters
    ----------
    doses : `screening.terms.DOSES` of one cell type, featurizer and normalisation.

    Returns
    -------
    Index: the order, from 0; equally strong ones by name. `compound`; `efficacy`, the highest mean on score of its doses, and
    `low`, `high`, between which it lies where the interval of every dose holds (the highest of the lower and of the upper ends);
    `rank`, 1 for the strongest, equal ones share the better; `rank_low`, `rank_high`, the best and the worst rank that these
    intervals allow: behind all that lie wholly above it, before all that lie wholly below. NaN where an interval is missing.
    """
    named = set(drugs_among(doses["compound"]).values())
    others = doses[~doses["compound"].isin(list(named))]
    table = highest(others).sort_values(["efficacy", "compound"], ascending=[False, True], kind="stable")
    table = table.reset_index(drop=True).assign(rank=lambda rows: rows["efficacy"].rank(ascending=False, method="min"))
    low, high = (table[name].to_numpy(float) for name in ("low", "high"))
    known = ~(np.isnan(low) | np.isnan(high))
    above = len(low) - np.searchsorted(np.sort(low[known]), high, side="right") - (~known).sum()
    below = np.searchsorted(np.sort(high[known]), low, side="left")
    return table.assign(
        rank_low=np.where(known, 1 + above, np.nan), rank_high=np.where(known, len(low) - below, np.nan)
    )


def highest(doses: pd.DataFrame) -> pd.DataFrame:
    """A row per compound with a dose: `compound`, `efficacy`, `low` and `high` as `strongest` gives them."""
    known = doses[doses["concentration_um"].notna()]
    lacking = known[["efficacy_low", "efficacy_high"]].isna().any(axis=1).groupby(known["compound"]).any()
    names = {"efficacy_low": "low", "efficacy_high": "high"}
    table = known.rename(columns=names).groupby("compound", sort=True)[["efficacy", "low", "high"]].max()
    table.loc[lacking.to_numpy(bool), ["low", "high"]] = np.nan
    return table.reset_index()


def drugs_among(compounds: Iterable[str]) -> dict[str, str]:
    """The paper's drugs that are among these compounds, by the paper's name."""
    names = set(compounds)
    found = {drug: named_compound(names, drug) for drug in DRUGS}
    return {drug: name for drug, name in found.items() if name is not None}

"""Toxicity: what real rescues share with positive controls is no harm, and without these beside it nothing is said."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gandl.evaluation.screening.compounds import compounds_in
from gandl.evaluation.screening.doses import doses_of
from gandl.evaluation.screening.simulated import Design, simulated_screen
from gandl.evaluation.screening.toxicity import NUCLEI
from pair_inputs import SETTINGS


def found_in(wells: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Doses and compounds."""
    doses = doses_of(wells, None, SETTINGS, 0)
    return doses, compounds_in(wells, doses, confidence=0.95, false_discovery=0.05).set_index("compound")


def flags_of(compounds: pd.DataFrame, name: str) -> set[str]:
    return set(str(compounds.loc[name, "flags"] or "").split("|")) - {""}


def test_rescues_would_be_toxic_by_the_negative_controls_alone() -> None:
    """They lie off the axis where positive controls do: with positive controls that look like negative ones they are toxic."""
    wells, _ = simulated_screen(Design(40, 0), [1])
    doses, compounds = found_in(wells)
    kinds = {kind: wells["control"] == kind for kind in ("positive", "negative")}
    alike = wells.copy()
    for column in ("off_norm", NUCLEI):
        alike.loc[kinds["positive"], column] = wells.loc[kinds["negative"], column].to_numpy()[
            : kinds["positive"].sum()
        ]
    by_negative, _ = found_in(alike)
    assert doses["toxic"].mean() < 0.01
    assert by_negative["toxic"].mean() > 0.2
    assert compounds["hit"].mean() > 0.95


def test_a_dose_on_plates_without_positive_controls_is_of_unknown_toxicity_and_may_be_a_hit() -> None:
    wells, _ = simulated_screen(Design(4, 0, 4, replicates=3, harm=(6.0, 6.0)), [2])
    wells = wells[~((wells["plate_id"] == "plate 0") & (wells["control"] == "positive"))]
    alone = wells["compound"].isin(["rescue 0000", "look_alike 0004"])
    doses, compounds = found_in(wells[~alone | (wells["plate_id"] == "plate 0")])
    unknown = doses["compound"].isin(["rescue 0000", "look_alike 0004"])
    assert doses.loc[unknown, "toxic"].isna().all()
    assert doses.loc[unknown, ["off_q", "nuclei_q"]].isna().all(axis=None)
    assert doses.loc[~unknown, "toxic"].notna().all()
    assert doses.loc[unknown, "hit"].any()
    for name in ("rescue 0000", "look_alike 0004"):
        assert "toxicity_unknown" in flags_of(compounds, name)
        assert "toxic" not in flags_of(compounds, name)
    assert "toxic" in flags_of(compounds, "look_alike 0006")
    assert not any("toxicity_unknown" in flags_of(compounds, name) for name in compounds.index[2:4])


def test_without_positive_controls_nothing_is_called_toxic_and_all_is_flagged() -> None:
    wells, _ = simulated_screen(Design(2, 4, 4, harm=(6.0, 6.0)), [3])
    doses, compounds = found_in(wells[wells["control"] != "positive"])
    assert doses["toxic"].isna().all()
    assert all("toxicity_unknown" in flags_of(compounds, name) for name in compounds.index)
    assert compounds["hit"].any()
    np.testing.assert_array_equal(doses["hit"], (doses["q"] <= SETTINGS.false_discovery) & (doses["difference"] > 0))

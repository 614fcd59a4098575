"""The strongest compounds: by the highest mean of any dose, besides the paper's drugs, with the ranks that intervals allow."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import given, strategies as st

from gandl.evaluation.screening.ranking import drugs_among, highest, strongest
from table_rows import dose_row


def doses(*rows: tuple[str, float, float], half: float = 0.2, **changes: object) -> pd.DataFrame:
    """Compounds by dose and efficacy, each in an interval of this half width."""
    return pd.DataFrame(
        [
            dose_row(name, dose, value, efficacy_low=value - half, efficacy_high=value + half, **changes)
            for name, dose, value in rows
        ]
    )


def test_the_papers_drugs_are_not_ranked_however_a_screen_writes_them() -> None:
    table = doses(("Remdesivir (GS-5734)", 1.0, 2.0), ("polydatin", 1.0, 1.5), ("a", 1.0, 0.5), ("b", 1.0, 0.9))
    assert list(strongest(table)["compound"]) == ["b", "a"]
    assert drugs_among(table["compound"]) == {"Remdesivir": "Remdesivir (GS-5734)", "Polydatin": "polydatin"}


def test_the_highest_dose_counts_though_it_was_found_toxic() -> None:
    table = pd.concat([doses(("a", 1.0, 0.1), ("b", 1.0, 0.4)), doses(("a", 3.0, 0.8), toxic=True)])
    found = strongest(table)
    assert list(found["compound"]) == ["a", "b"]
    assert found.loc[0, "efficacy"] == 0.8
    assert (found.loc[0, "low"], found.loc[0, "high"]) == (0.8 - 0.2, 0.8 + 0.2)


def test_a_dose_without_a_concentration_is_none() -> None:
    assert list(highest(doses(("a", np.nan, 0.9), ("b", 1.0, 0.1)))["compound"]) == ["b"]


def test_ranks_are_certain_where_intervals_lie_apart_and_open_where_they_overlap() -> None:
    rows = (("a", 1.0, 0.9), ("b", 1.0, 0.6), ("c", 1.0, 0.55), ("d", 1.0, -0.9))
    apart = strongest(doses(*rows, half=0.01))
    assert [(row.rank, row.rank_low, row.rank_high) for row in apart.itertuples(name="R")] == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 3),
        (4, 4, 4),
    ]
    near = strongest(doses(*rows, half=0.1))
    assert list(zip(near["rank_low"], near["rank_high"], strict=True)) == [(1, 1), (2, 3), (2, 3), (4, 4)]


def test_equally_strong_ones_share_the_better_rank_and_stand_by_name() -> None:
    found = strongest(doses(("b", 1.0, 0.5), ("a", 1.0, 0.5), ("c", 1.0, 0.1)))
    assert list(zip(found["compound"], found["rank"], strict=True)) == [("a", 1), ("b", 1), ("c", 3)]


def test_a_compound_without_an_interval_has_no_interval_of_ranks_and_may_be_anywhere_for_others() -> None:
    unknown = doses(("a", 1.0, 0.5)).assign(efficacy_low=np.nan, efficacy_high=np.nan)
    found = strongest(pd.concat([unknown, doses(("b", 1.0, 5.0), ("c", 1.0, -5.0))])).set_index("compound")
    assert math.isnan(found.loc["a", "rank_low"])
    assert math.isnan(found.loc["a", "rank_high"])
    assert (found.loc["b", "rank_low"], found.loc["b", "rank_high"]) == (1, 2)
    assert (found.loc["c", "rank_low"], found.loc["c", "rank_high"]) == (2, 3)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0, 2)), min_size=1, max_size=20))
def test_the_interval_of_a_rank_holds_it_and_lies_among_the_compounds(values: list[tuple[float, float]]) -> None:
    table = pd.DataFrame(
        [
            dose_row(f"SIM-{i}", 1.0, value, efficacy_low=value - half, efficacy_high=value + half)
            for i, (value, half) in enumerate(values)
        ]
    )
    found = strongest(table)
    assert (found["rank_low"] <= found["rank"]).all()
    assert (found["rank"] <= found["rank_high"]).all()
    assert found["rank_low"].min() >= 1
    assert found["rank_high"].max() <= len(values)
    assert all(first >= second for first, second in pairwise(found["efficacy"]))

"""Contrasts: what papers state of differences that no evaluation pairs is answered from its numbers, with an interval."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.report.reference.contrasts import CONTRASTS, contrasts, difference
from gandl.report.reference.values import Reference, read_values
from gandl.report.reference.verdicts import Measured
from table_rows import number_row

METHOD = "unlabelled"
HALF = 0.02


@pytest.fixture(scope="module")
def references(repository: Path) -> list[Reference]:
    return read_values(repository / "resources/paper_values.csv")


def accuracy(featurizer: str, split: str, value: float, question: str = "controls") -> dict[str, object]:
    about = {"normalization": METHOD if question == "controls" else "none", "unit": "site", "metric": "accuracy"}
    ends = {"value": value, "low": value - HALF, "high": value + HALF, "n": 100}
    return number_row(question=question, featurizer=featurizer, split=split, **about, **ends)


def answered(references: list[Reference], rows: list[dict[str, object]], metric: str) -> pd.DataFrame:
    found = contrasts(references, pd.DataFrame(rows), METHOD)
    return found[found["metric"] == metric].drop_duplicates().reset_index(drop=True)


def test_what_a_cell_type_has_over_all_together_is_compared_between_featurizers(references: list[Reference]) -> None:
    names = {"gandl": (0.90, 0.92), "imagenet_collapsed": (0.65, 0.84)}
    rows = [accuracy(name, "quarter:all", both) for name, (both, _) in names.items()]
    rows += [accuracy(name, "quarter_by_cell_type:HRCE", alone) for name, (_, alone) in names.items()]
    alone = answered(references, rows, "accuracy_over_merged").set_index("featurizer")
    assert alone.loc["gandl", ["value", "low"]].tolist() == pytest.approx([0.02, 0.02 - math.sqrt(2) * HALF])
    (found,) = answered(references, rows, "over_merged_difference").to_dict("records")
    assert (found["featurizer"], found["against"], found["n"]) == ("imagenet_collapsed", "gandl", 100)
    assert found["value"] == pytest.approx(0.19 - 0.02)
    assert found["low"] == pytest.approx(0.17 - 2 * HALF), "four independent intervals of the same width"
    assert answered(references, rows[:3], "over_merged_difference").empty, "one of the four is missing"


def test_the_accuracy_of_the_second_screen_is_set_against_the_controls_of_the_first(
    references: list[Reference],
) -> None:
    rows = [accuracy("gandl", "quarter:all", 0.93, "cell_type"), accuracy("gandl", "quarter:all", 0.91)]
    (found,) = answered(references, rows, "accuracy_over_controls").to_dict("records")
    assert (found["question"], found["normalization"], found["unit"]) == ("cell_type", "none", "site")
    assert found["value"] == pytest.approx(0.02)
    assert (found["low"], found["high"]) == pytest.approx((0.02 - math.sqrt(2) * HALF, 0.02 + math.sqrt(2) * HALF))


def test_rank_correlations_of_two_featurizers_are_subtracted_and_a_missing_interval_stays_missing(
    references: list[Reference],
) -> None:
    about = {"question": "dose_response", "split": "leave_plate_out:HRCE:Remdesivir", "unit": "well", "n": 36}
    about |= {"metric": "rises_with_dose", "normalization": METHOD}
    rows = [
        number_row(**about, featurizer="gandl", value=0.8, low=0.7, high=0.85),
        number_row(**about, featurizer="released", value=0.6, low=math.nan, high=math.nan),
    ]
    (found,) = answered(references, rows, "rises_with_dose_difference").to_dict("records")
    assert found["value"] == pytest.approx(0.2)
    assert math.isnan(found["low"])


def test_every_metric_of_contrasts_is_asked_for(references: list[Reference]) -> None:
    assert set(CONTRASTS) <= {reference.metric for reference in references}


def test_the_interval_of_a_difference_holds_the_truth_as_often_as_those_that_it_is_made_of() -> None:
    rng = np.random.default_rng(0)
    draws, n, shares = 4000, (60, 40), (0.9, 0.7)
    held = 0
    for counts in zip(*(rng.binomial(k, share, draws) for k, share in zip(n, shares, strict=True)), strict=True):
        one, other = (_wilson(int(count), k) for count, k in zip(counts, n, strict=True))
        found = difference(one, other)
        held += found.low <= shares[0] - shares[1] <= found.high
    assert held / draws == pytest.approx(0.95, abs=0.015)


def _wilson(count: int, n: int) -> Measured:
    share, z = count / n, 1.959964
    middle, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = ((middle + side * half) / (1 + z**2 / n) for side in (-1, 1))
    return Measured(share, low, high, n, "site", METHOD)

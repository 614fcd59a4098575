"""The audit's siRNA accuracy: what the sentences state, and that the page states when the same sites chose the weights."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from jinja2 import StrictUndefined

from gandl.config.files import read_config
from gandl.report.made.page import environment
from gandl.report.numbers import no_numbers
from gandl.report.recognition import recognition_story
from table_rows import number_row

CHANCE = {"chance": 0.025, "chance_in_groups": 0.1, "chance_of_controls": 0.25}
VALUES = {
    "accuracy": 0.128,
    "accuracy_in_groups": 0.278,
    "accuracy_in_guessed_groups": 0.2,
    "accuracy_of_controls": 0.41,
}


def numbers(unit_held_out: str = "experiments", leave_out: str = "none", share: float = 0.5) -> pd.DataFrame:
    about = {"question": "recognition", "featurizer": "densenet161_arcface", "normalization": "none"}
    nothing = {"low": math.nan, "high": math.nan}
    rows = [
        number_row(**about, **nothing, split=f"held_out_{unit_held_out}:all", unit="site", metric="share_held_out")
        | {"value": share, "n": 896}
    ]
    for who, less in (("all", 0.0), ("HEPG2-01", 0.1), ("U2OS-02", 0.05)) if share else ():
        for unit, n in (("site", 320), ("well", 160)):
            of = about | {"split": f"held_out_{unit_held_out}:{who}", "unit": unit, "n": n}
            for metric, value in {**VALUES, **CHANCE}.items():
                if leave_out not in metric:
                    value -= less * (metric in VALUES)
                    interval = nothing if metric in CHANCE else {"low": value - 0.04, "high": value + 0.043}
                    rows.append(number_row(**of, **interval, metric=metric, value=value))
    return pd.DataFrame(rows)


@pytest.fixture
def configured(repository: Path) -> dict:
    return read_config(repository / "config/config.yaml").model_dump(mode="json")


def test_the_finding_states_accuracy_interval_n_and_chance(configured: dict) -> None:
    found = recognition_story(numbers(), configured)
    assert found is not None
    (sentence,) = found.findings
    assert sentence == (
        "DenseNet on RxRx1 (ArcFace) recognises the siRNA of 12.8 % [8.8, 17.1] of 320 images (160 wells) of 2 experiments held "
        "out from its training (chance 2.5 %), and of 27.8 % [23.8, 32.1] where the plate’s group of siRNAs is known "
        "(chance 10 %)."
    )


def test_the_notes_name_the_experiments_and_how_many_images_were_held_out(configured: dict) -> None:
    found = recognition_story(numbers(), configured)
    assert found is not None
    assert found.notes[0] == (
        "Held out from its training: the experiments HEPG2-01, U2OS-02; 448 of 896 labelled images (50 %)."
    )
    by_plate = recognition_story(numbers("plates"), configured)
    assert by_plate is not None
    assert "whole plates; 448 of 896" in by_plate.notes[0]
    assert "of whole plates held out" in by_plate.findings[0]


def test_the_page_states_that_the_same_sites_chose_the_weights_where_they_did(configured: dict) -> None:
    for weights, words in (("last", "no held-out image chose them"), ("best_quality", "chosen on the same sites")):
        configured["counterparts"]["baseline"]["weights"] = weights
        found = recognition_story(numbers(), configured)
        assert found is not None
        assert words in " ".join(found.notes)
    assert "too high" in " ".join(found.notes)


def test_without_groups_the_sentence_ends_before_them_and_without_a_baseline_there_is_no_section(
    configured: dict,
) -> None:
    found = recognition_story(numbers(leave_out="groups"), configured)
    assert found is not None
    assert "group" not in found.findings[0]
    assert not any("group" in what for what, _, _ in found.columns)
    assert recognition_story(no_numbers(), configured) is None


def test_where_nothing_is_held_out_the_page_says_that_the_accuracy_is_not_known(configured: dict) -> None:
    found = recognition_story(numbers(share=0.0), configured)
    assert found is not None
    assert found.findings == []
    assert "accuracy is not known" in found.notes[0]


def test_every_value_is_in_the_table_of_the_page(configured: dict) -> None:
    found = recognition_story(numbers(), configured)
    templates = environment()
    assert templates.undefined is StrictUndefined
    page = templates.get_template("recognition.html.jinja").render(recognition=found, simulated=True)
    for text in (
        "0.128",
        "[0.0880, 0.171]",
        "n = 320",
        "n = 160",
        "U2OS-02",
        "siRNAs, plate’s group guessed",
        "simulated",
    ):
        assert text in page, text
    assert page.count("chance 10 %") == 2

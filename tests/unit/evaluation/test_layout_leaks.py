"""Leakage: planted leaks are reported, others are not, and what no wells can separate is said; from table to sentence."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import features as plate_features, read_sites, write_embeddings, write_plate
from gandl.config import EvaluationSettings, Normalization
from gandl.evaluation.layout.question import layout_numbers, write_layout
from gandl.evaluation.layout.wells import Wells, centred
from gandl.figures.common.layout import layout_caveats, leak_sentences
from gandl.normalization.profiles import write_profiles
from gandl.tables import NUMBERS, read_table
from layout_inputs import layout_screen
from pair_inputs import features as pair_features, infected_sites, write_screen

ALPHA = 0.05
DRAWS = 199
SETTINGS = EvaluationSettings(bootstrap=DRAWS)
NAMES = {"featurizer": "intensity", "seed": 0, "training_seed": 0}


def numbers_of(wells: Wells, seed: int = 0, draws: int = DRAWS, **names: str) -> pd.DataFrame:
    """The question's numbers, as its table has them."""
    rows = pd.DataFrame(list(layout_numbers(wells, draws, 0.95, seed)))
    about = {"question": "layout", "featurizer": "intensity", "normalization": "none", "fold": "all", "seed": 0}
    return rows.assign(**{**about, **names})[NUMBERS.names]


def of(numbers: pd.DataFrame, metric: str) -> dict[str, float]:
    """A metric by place."""
    mine = numbers[numbers["metric"] == metric]
    return dict(zip(mine["split"].str.partition(":")[0], mine["value"], strict=True))


def test_null_screens_with_a_balanced_layout_are_silent() -> None:
    alarms = confounded = 0
    for seed in range(30):
        numbers = numbers_of(layout_screen(seed, effects={"phenotype": 2.0, "plate": 2.0, "column": 2.0}), seed)
        alarms += min(of(numbers, "leak_p").values()) <= ALPHA
        confounded += min(of(numbers, "leak_confounded_p").values()) <= ALPHA
    assert alarms <= 1  # nominal: 1.5
    assert confounded <= 4  # binomial: more than 4 of 30 at 5 % happen in 1.6 % of such tests


def test_null_screens_whose_controls_stand_in_columns_are_silent_and_called_confounded() -> None:
    alarms = 0
    for seed in range(30):
        numbers = numbers_of(layout_screen(seed, columns=True, effects={"phenotype": 2.0}), seed)
        alarms += min(of(numbers, "leak_p").values()) <= ALPHA
        assert of(numbers, "leak_confounded_p")["column"] <= ALPHA
        assert of(numbers, "leak_label_auc")["column"] == 1
    assert alarms <= 4


@pytest.mark.parametrize("seed", range(5))
def test_a_plate_offset_that_follows_the_label_is_a_leak_until_plates_are_in_units_of_their_unlabelled_wells(
    seed: int,
) -> None:
    wells = layout_screen(seed, unequal=True, effects={"plate": 4.0, "phenotype": 2.0})
    numbers = numbers_of(wells)
    assert of(numbers, "leak_p")["plate"] <= ALPHA
    assert min(of(numbers, "leak_p")[place] for place in ("row", "column", "edge")) > ALPHA
    assert 0 < of(numbers, "leak_share")["plate"] < 1
    treated = ~wells.about["known"].to_numpy()
    plate = wells.codes("plate_id")
    means = np.stack([wells.values[treated & (plate == k)].mean(0) for k in range(4)])
    deviations = np.stack([wells.values[treated & (plate == k)].std(0, ddof=1) for k in range(4)])
    after = numbers_of(Wells(wells.about, (wells.values - means[plate]) / deviations[plate]))
    assert of(after, "leak_p")["plate"] > ALPHA
    assert abs(of(after, "leak_share")["plate"]) < of(numbers, "leak_share")["plate"] / 2


@pytest.mark.parametrize("seed", range(5))
def test_a_gradient_aligned_with_the_control_columns_is_a_leak(seed: int) -> None:
    numbers = numbers_of(layout_screen(seed, columns=True, effects={"column": 3.0}))
    assert of(numbers, "leak_p")["column"] <= ALPHA
    assert of(numbers, "leak_share")["column"] > 0.5
    phenotype = {"column": 3.0, "phenotype": 6.0}
    assert of(numbers_of(layout_screen(seed, columns=True, effects=phenotype)), "leak_share")["column"] < 0.5


def test_every_cell_type_is_judged_by_itself() -> None:
    first, second = layout_screen(1, unequal=True, effects={"plate": 6.0}), layout_screen(2)
    about = second.about.assign(
        cell_type="VERO", plate_id="V" + second.about["plate_id"], kind=second.about["kind"] + 99
    )
    both = Wells(pd.concat([first.about, about], ignore_index=True), np.concatenate([first.values, second.values]))
    numbers = numbers_of(both, draws=499)
    leaks = numbers[(numbers["metric"] == "leak_p") & (numbers["value"] <= ALPHA)]
    assert leaks["split"].tolist() == ["plate:HRCE"]
    (sentence,) = leak_sentences(numbers, 0.95)
    assert sentence.startswith("Leakage (HRCE): the plate alone predicts which control a well is (AUC 0.8")
    assert "profiles carry it without normalisation: Channel intensities (" in sentence
    assert not layout_caveats(numbers, 0.95)


def test_sentences_name_the_normalisation_that_removes_a_leak_and_what_cannot_be_separated() -> None:
    leaking = layout_screen(3, unequal=True, effects={"plate": 6.0})
    plates = Wells(leaking.about, centred(leaking.values, leaking.codes("plate_id"), leaking.codes("kind")))
    numbers = pd.concat([numbers_of(leaking), numbers_of(plates, normalization="unlabelled")], ignore_index=True)
    (sentence,) = leak_sentences(numbers, 0.95)
    assert sentence.endswith(
        "; after the normalisation unlabelled: none was found to. What separates these controls is in part their place."
    )
    apart = numbers_of(layout_screen(4, columns=True, effects={"phenotype": 2.0}))
    assert not leak_sentences(apart, 0.95)
    (caveat, *_) = layout_caveats(apart, 0.95)
    assert caveat.startswith("Layout: the plate column alone predicts which control a well is (AUC 1.00, by chance 0.")
    assert "cannot be separated by them alone" in caveat
    assert leak_sentences(apart.iloc[:0], 0.95) == layout_caveats(apart.iloc[:0], 0.95) == []


def test_the_question_is_written_raw_and_normalised_for_a_screen_of_several_plates(tmp_path: Path) -> None:
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    screen = write_screen(tmp_path, sites, pair_features(sites))
    output = tmp_path / "layout.parquet"
    paths = screen.wells(Normalization.UNLABELLED), screen.wells(Normalization.NONE)
    write_layout(*paths, SETTINGS, normalization="unlabelled", output=output, **NAMES)
    numbers = read_table(output, NUMBERS)
    assert set(numbers["normalization"]) == {"none", "unlabelled"}
    places = {"plate", "experiment", "row", "column", "edge", "same_position", "treatment"}
    assert set(numbers["split"]) == {f"{place}:{cell_type}" for place in places for cell_type in ("HRCE", "VERO")}
    raw = numbers[(numbers["normalization"] == "none") & (numbers["split"] == "plate:HRCE")].set_index("metric")
    assert raw.loc["leak_accuracy", "value"] > raw.loc["leak_accuracy_chance", "high"]
    assert raw.loc["leak_accuracy_p", "value"] == 1 / (1 + DRAWS)
    alone = tmp_path / "raw.parquet"
    write_layout(paths[1], paths[1], SETTINGS, normalization="none", output=alone, **NAMES)
    own = read_table(alone, NUMBERS)
    expected = numbers[numbers["normalization"] == "none"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, expected)


def test_one_plate_whose_controls_stand_in_columns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gandl")
    path, _ = write_plate(tmp_path)
    sites = read_sites(path)
    embeddings = write_embeddings(tmp_path / "e.parquet", sites, plate_features(sites))
    wells = {}
    for method in (Normalization.NONE, Normalization.UNLABELLED):
        wells[method] = tmp_path / f"{method}.parquet"
        write_profiles([embeddings], path, method, tmp_path / "sites_of.parquet", wells[method])
    output = tmp_path / "layout.parquet"
    paths = wells[Normalization.UNLABELLED], wells[Normalization.NONE]
    write_layout(*paths, SETTINGS, normalization="unlabelled", output=output, **NAMES)
    numbers = read_table(output, NUMBERS)
    assert not leak_sentences(numbers, 0.95)
    label = numbers[(numbers["metric"] == "leak_label_auc") & (numbers["split"] == "column:U2OS")]
    assert (
        label["value"] == 0.75
    ).all()  # columns 1 and 12 hold both kinds, one half each; column 2 negative ones alone
    assert "leak_accuracy of plate:" in caplog.text
    assert "the cell type has one plate" in caplog.text

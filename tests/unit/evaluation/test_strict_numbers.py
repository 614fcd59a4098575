"""Profiles to numbers, strictly: intervals that refit the axes, p of permuted labels, another cell type, the preprint's scale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import DEVELOPMENT, features as features_of_plate, read_sites, write_embeddings, write_plate
from gandl.config import READ_BY, EvaluationSettings, Normalization, Reference, Scaling
from gandl.evaluation.cell_model import write_cell_model
from gandl.evaluation.controls import write_controls
from gandl.evaluation.scores import knows_no_label, write_scores
from gandl.evaluation.strict.permutations import PERMUTATIONS, p_of
from gandl.evaluation.strict.refits import REFITS
from gandl.normalization.profiles import write_profiles
from gandl.normalization.reference import reference_wells
from gandl.tables import NUMBERS, WELL_SCORES, read_table
from pair_inputs import Screen, features, infected_sites, write_screen

SETTINGS = EvaluationSettings(svm_c=[0.01, 1.0], bootstrap=100, permutations=99)
NAMES = {"featurizer": "made_up", "seed": 0, "training_seed": 3}
UNLABELLED, RAW = Normalization.UNLABELLED, Normalization.NONE


@dataclass(frozen=True)
class Answered:
    """Tables of one screen under one normalisation."""

    scores: pd.DataFrame
    refits: pd.DataFrame
    permutations: pd.DataFrame
    numbers: pd.DataFrame


def answered(
    folder: Path,
    screen: Screen,
    settings: EvaluationSettings = SETTINGS,
    method: Normalization = UNLABELLED,
    reference: Reference = Reference.UNLABELLED,
) -> Answered:
    folder.mkdir()
    scores, images, refits, permutations, numbers = (
        folder / f"{name}.parquet" for name in ("scores", "images", "refits", "permutations", "numbers")
    )
    profiles = screen.wells(UNLABELLED), screen.site_profiles(UNLABELLED), screen.splits
    tables = {"refits": refits, "permutations": permutations}
    write_scores(*profiles, settings, scores, images, method.value, **tables, seed=1, reference=reference.value)
    names = {**NAMES, "normalization": method.value, "refits": refits, "permutations": permutations}
    write_controls(scores, images, screen.wells(RAW), settings, [], **names, output=numbers)
    return Answered(
        read_table(scores, WELL_SCORES),
        read_table(refits, REFITS),
        read_table(permutations, PERMUTATIONS),
        read_table(numbers, NUMBERS).set_index(["split", "unit", "metric"]),
    )


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    sites = infected_sites({"HRCE-1": 3, "HRCE-2": 2, "VERO-1": 3})
    return write_screen(tmp_path_factory.mktemp("screen"), sites, features(sites))


@pytest.fixture(scope="module")
def found(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Answered:
    return answered(tmp_path_factory.mktemp("found") / "paper", screen)


def test_where_plates_are_left_out_every_interval_refits_the_axes_and_says_of_what(found: Answered) -> None:
    drawn = found.numbers[["drawn", "units"]]
    for split, units in (("leave_plate_out:HRCE", 5), ("leave_plate_out:VERO", 3), ("cross_cell_type:VERO", 8)):
        for metric in ("auc", "z_prime", "ssmd_lda"):
            assert tuple(drawn.loc[(split, "well", metric)]) == ("plate", units)
    of_two_experiments = ("plate within experiment", 5)  # what experiments add is not in the interval, and it says so
    assert tuple(drawn.loc[("leave_experiment_out:HRCE", "well", "ssmd_lda")]) == of_two_experiments
    for metric, units in (("auc_mock_uv", 40), ("uv_as_positive", 20)):
        assert tuple(drawn.loc[("leave_plate_out:HRCE", "well", metric)]) == ("well", units)
    assert drawn.loc[("quarter_by_cell_type:HRCE", "well", "z_prime"), "drawn"] == "well"
    known = found.numbers[found.numbers["low"].notna()]
    assert (known["low"] <= known["value"] + 1e-12).all()
    assert (known["value"] <= known["high"] + 1e-12).all()


def test_refits_are_of_controls_alone_and_leave_nothing_out_twice(found: Answered) -> None:
    kinds = found.scores.drop_duplicates("well_id").set_index("well_id")["control"]
    assert set(kinds.loc[found.refits["well_id"]]) == {"positive", "negative"}
    plates = found.scores.drop_duplicates("well_id").set_index("well_id")["plate_id"]
    assert (plates.loc[found.refits["well_id"]].to_numpy() != found.refits["left_out"].to_numpy()).all()


def test_p_of_permuted_labels_stands_beside_the_auc_of_the_strictest_scheme(found: Answered) -> None:
    for cell_type in ("HRCE", "VERO"):
        row = found.numbers.loc[(f"leave_plate_out:{cell_type}", "well", "permutation_p")]
        aucs = found.permutations.loc[found.permutations["group"] == cell_type, "auc"].to_numpy()
        assert row["value"] == pytest.approx(p_of(aucs))
        assert row["value"] <= 0.05
        assert (row["drawn"], row["units"], len(aucs)) == ("labels", 99, 100)
    assert (found.numbers.index.get_level_values("metric") == "permutation_p").sum() == 2


@pytest.mark.parametrize("reference", list(Reference))
@pytest.mark.parametrize("method", list(Normalization))
def test_profiles_are_permuted_where_no_label_of_a_control_decided_them(
    method: Normalization, reference: Reference
) -> None:
    """Fitted on wells that `reference_wells` chooses: on none, or on wells that stay the same whichever controls are C+."""
    controls = pd.DataFrame(
        {"control": ["positive", "negative", "none", "none"], "condition": ["mock", "infected", "unknown", "infected"]}
    )
    fitted_on = Normalization(reference.value) if method in READ_BY else method
    of_controls = (np.zeros(4, bool) if method is Normalization.NONE else reference_wells(controls, fitted_on)) & (
        controls["control"] != "none"
    )
    assert knows_no_label(method, reference) == (not of_controls.any())


@pytest.mark.parametrize(
    ("method", "reference", "permuted"),
    [
        (Normalization.MOCK, Reference.UNLABELLED, False),
        (Normalization.TVN, Reference.UNLABELLED, True),
        (Normalization.TVN, Reference.NEGATIVE, False),
    ],
)
def test_labels_are_not_permuted_under_features_that_they_decided(
    screen: Screen, tmp_path: Path, method: Normalization, reference: Reference, permuted: bool
) -> None:
    found = answered(tmp_path / "found", screen, method=method, reference=reference)
    assert found.permutations.empty != permuted
    metrics = set(found.numbers.index.get_level_values("metric"))
    assert ("permutation_p" in metrics) == permuted


def test_another_cell_type_is_scored_by_axes_of_the_first_and_a_shared_effect_is_found(found: Answered) -> None:
    across = found.scores[found.scores["scheme"] == "cross_cell_type"]
    assert set(zip(across["cell_type"], across["fold"], strict=True)) == {("HRCE", "HRCE"), ("VERO", "VERO")}
    for cell_type in ("HRCE", "VERO"):
        assert found.numbers.loc[(f"cross_cell_type:{cell_type}", "well", "auc"), "value"] > 0.9


def test_the_preprint_s_scale_changes_where_scores_lie_and_not_how_they_rank_on_a_plate(
    screen: Screen, found: Answered, tmp_path: Path
) -> None:
    preprint = answered(tmp_path / "preprint", screen, SETTINGS.changed(scaling=Scaling.PREPRINT))
    key = ["scheme", "fold", "well_id"]
    both = found.scores.merge(preprint.scores, on=key, suffixes=("", "_preprint"))
    one = both[both["scheme"] == "leave_plate_out"]
    for _, fold in one.groupby("fold"):
        assert np.corrcoef(fold["on"], fold["on_preprint"])[0, 1] == pytest.approx(1)
    positive = one[one["control"] == "positive"]
    assert positive["on"].mean() > 1.2 * positive["on_preprint"].mean() > 0


def test_cell_models_refit_the_axes_with_each_plate_left_out(tmp_path: Path) -> None:
    sites = infected_sites({"HRCE-1": 5, "VERO-1": 3})
    values = (
        np.random.default_rng(0).standard_normal((len(sites), 5)) + 0.5 * (sites[["cell_type"]] == "HRCE").to_numpy()
    )
    screen = write_screen(tmp_path, sites, values)
    names = ("numbers", "scores", "images")
    output, scores, images = (tmp_path / f"{name}.parquet" for name in names)
    inputs = screen.wells(RAW), screen.site_profiles(RAW), screen.splits
    files = {"output": output, "scores": scores, "site_scores": images}
    write_cell_model(*inputs, SETTINGS, **NAMES, normalization="none", **files)
    rows = read_table(output, NUMBERS).set_index(["split", "unit", "metric"])
    row = rows.loc[("leave_plate_out:all", "well", "auc")]
    assert row["drawn"] == "plate"
    assert row["units"] == 8
    assert row["low"] <= row["value"] <= row["high"]


def test_cross_fitted_profiles_are_refitted_in_the_units_of_their_fold_and_not_permuted(
    screen: Screen, tmp_path: Path
) -> None:
    scores, images, refits, permutations = (tmp_path / f"{name}.parquet" for name in ("s", "i", "r", "p"))
    method = Normalization.NEGATIVE_CROSSFIT.value
    inputs = screen.wells(RAW), screen.site_profiles(RAW), screen.splits
    write_scores(*inputs, SETTINGS, scores, images, method, refits=refits, permutations=permutations)
    found = read_table(refits, REFITS)
    assert found[["on", "on_lda"]].notna().all(axis=None)
    assert set(found.loc[found["scheme"] == "leave_plate_out", "drawn"]) == {"plate"}
    assert read_table(permutations, PERMUTATIONS).empty


def test_of_one_plate_each_row_is_left_out_also_for_the_rows_that_are_reported_by_themselves(tmp_path: Path) -> None:
    sites, splits = write_plate(tmp_path)
    about = read_sites(sites)
    values = features_of_plate(about, noise=1.5)
    embeddings = write_embeddings(tmp_path / "embeddings.parquet", about, values)
    raw, standard, profiles = (tmp_path / f"{name}.parquet" for name in ("raw", "standard", "profiles"))
    for method, path in ((RAW, raw), (UNLABELLED, standard)):
        write_profiles([embeddings], sites, method, profiles, path)
    scores, images, refits, permutations, output = (tmp_path / f"{name}.parquet" for name in ("s", "i", "r", "p", "n"))
    write_scores(standard, profiles, splits, SETTINGS, scores, images, refits=refits, permutations=permutations)
    names = {**NAMES, "normalization": "unlabelled", "refits": refits, "permutations": permutations}
    write_controls(scores, images, raw, SETTINGS, DEVELOPMENT, **names, output=output)
    numbers = read_table(output, NUMBERS).set_index(["split", "metric"])
    for split in ("leave_row_out:A-H", "leave_row_out:A-D", "leave_row_out:E-H"):
        assert tuple(numbers.loc[(split, "z_prime"), ["drawn", "units"]]) == ("row", 8)
    assert numbers.loc[("confirmation:E-H", "z_prime"), "drawn"] == "well"
    told = numbers.index[numbers.index.get_level_values("metric") == "permutation_p"]
    assert list(told) == [("leave_row_out:A-H", "permutation_p")]

"""Answers to the paper on representation learning: Table 2, Table 1, settings and claims, each from what a run would hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import comparison_inputs as made
from gandl.report.reference.paradigms import OF_PAPER, claims
from gandl.report.reference.representations import (
    ComparisonFiles,
    comparison_answers,
    counts_of_tiles,
    settings_answers,
    table_2,
    training_costs,
)
from gandl.report.reference.values import Reference, read_values
from gandl.report.reference.verdicts import Verdict, compare, find
from gandl.tables import NUMBERS

PAPER = "Comparing representations (2022)"
SECTION = {
    "paradigms": ["unsupervised", "self_supervised", "weakly_supervised", "regularized"],
    "similar": ["MTX", "PEM"],
    "tasks": {"confidence": 0.9},
}
SECTION |= {
    "settings": ["aug_multi_crop", "aug_one_crop", "no_aug_multi_crop", "no_aug_one_crop"],
    "recipe": {"images": 1800},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ComparisonFiles:
    folder = tmp_path_factory.mktemp("comparison")
    two = {"seeds": (0, 1)}
    numbers = [*made.write_similarity(folder, **two), *made.write_drug_control(folder, **two), *write_clusters(folder)]
    return ComparisonFiles(made.write_summary(folder, numbers), numbers, made.write_tiles(folder))


@pytest.fixture(scope="module")
def references() -> list[Reference]:
    path = Path(__file__).resolve().parents[3] / "resources/paper_values.csv"
    return [reference for reference in read_values(path) if reference.source == PAPER]


def write_clusters(folder: Path) -> list[Path]:
    """Numbers of the task of clustering, poor for the weakly supervised models."""
    paths = []
    for setup, seed in made.runs(seeds=(0, 1)):
        poor = 0.1 if setup.startswith("weakly") else 0.3
        values = {"clusters": 3.0, "not_noise": 0.93, "silhouette": poor, "inverse_davies_bouldin": 2 * poor}
        rows = [
            {"fold": line, "metric": name, "value": value, "low": value, "high": value}
            for line in made.LINES
            for name, value in values.items()
        ]
        paths.append(made._write(folder, "clusters", setup, seed, rows))
    return paths


def provenance(
    simulated: bool = True, dataset: str = "cell_lines", jobs: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    configuration = {"comparison": SECTION, "source": {"datasets": [dataset]}}
    return {"configuration": configuration, "simulated": simulated, "jobs": jobs or []}


def jobs(hours: dict[tuple[str, str], float]) -> list[dict[str, Any]]:
    """Trainings of two seeds each, with these hours by paradigm and crops."""
    return [
        {
            "stage": "models",
            "job": f"comparison/{paradigm}.{aug}_{crops}.seed_{seed}",
            "seconds": 3600 * value,
            "peak_mib": 1024.0,
        }
        for (paradigm, crops), value in hours.items()
        for aug in ("aug", "no_aug")
        for seed in (0, 1)
    ]


def numbers_of(files: ComparisonFiles) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path)[NUMBERS.names] for path in files.numbers], ignore_index=True)


def test_every_cell_of_the_papers_table_2_finds_the_number_of_its_setup(
    files: ComparisonFiles, references: list[Reference]
) -> None:
    cells = [reference for reference in references if reference.place == "Table 2"]
    assert len(cells) == 16 * 10
    summary = pd.read_parquet(files.table)
    answers, summary = table_2(summary), summary.set_index(["setup", "metric"])
    for cell in cells:
        found = find(answers, cell, "none")
        row = summary.loc[(cell.featurizer, cell.metric)]
        expected = (
            row["mean"] * (100 if cell.metric == "not_noise" else 1) if cell.metric in made.AS_MEAN else row["median"]
        )
        assert found is not None, cell.id
        assert (found.value, found.n) == (pytest.approx(expected), len(made.LINES)), cell.id


def test_cells_of_one_row_of_the_table_are_of_the_settings_in_its_columns(references: list[Reference]) -> None:
    row = [r for r in references if r.place == "Table 2" and r.featurizer.startswith("weakly") and r.metric == "d"]
    assert [(r.featurizer.partition(".")[2], r.value) for r in row] == [
        ("aug_multi_crop", -0.15),
        ("aug_one_crop", 0.03),
        ("no_aug_multi_crop", -0.18),
        ("no_aug_one_crop", 0.01),
    ]


def test_a_simulated_run_is_not_comparable_and_another_real_screen_answers_nothing_but_settings(
    files: ComparisonFiles, references: list[Reference]
) -> None:
    of_numbers = [r for r in references if r.question == "comparison"][::6]
    simulated = compare(of_numbers, comparison_answers(files, provenance()), "none", simulated=True)
    answered = [item for item in simulated if item.measured is not None]
    assert len(answered) == len(of_numbers)
    assert {item.verdict for item in answered} == {Verdict.NOT_COMPARABLE}
    other = comparison_answers(files, provenance(simulated=False, dataset="bbbc013"))
    assert set(other["question"]) == {"settings"}
    own = comparison_answers(files, provenance(simulated=False, dataset="class_folders"))
    judged = compare(of_numbers, own, "none", simulated=False)
    assert {Verdict.AGREES, Verdict.DIFFERS} <= {item.verdict for item in judged}


def test_other_similar_drugs_than_the_papers_answer_neither_its_distances_nor_its_claims(
    files: ComparisonFiles,
) -> None:
    of_other = provenance()
    of_other["configuration"]["comparison"] = {**SECTION, "similar": ["PAC", "RAP"]}
    its, other = (comparison_answers(files, made) for made in (provenance(), of_other))
    assert {"d", "inverse_distance"} <= set(its["metric"])
    assert not {"d", "inverse_distance"} & set(other["metric"])
    assert {"head_accuracy", "cell_lines"} <= set(other["metric"])
    assert set(other.loc[other["question"] == "comparison", "unit"]) == {"cell_line"}, "no claim, whose unit is a setup"


def test_a_run_without_a_comparison_answers_nothing() -> None:
    assert comparison_answers(None, {"configuration": {}, "simulated": True, "jobs": []}).empty


def settings_of(files: ComparisonFiles, tiles: pd.DataFrame | None = None, **changes: Any) -> pd.Series:
    """Answers to settings by metric, under a changed section of the configuration."""
    table = pd.read_parquet(files.tiles) if tiles is None else tiles
    return settings_answers(SECTION | changes, table, numbers_of(files)).set_index("metric")["value"]


def test_every_setting_count_and_cost_that_is_linked_has_an_answer(
    files: ComparisonFiles, references: list[Reference]
) -> None:
    hours = {(paradigm, crops): 1.0 for paradigm in SECTION["paradigms"] for crops in ("one_crop", "multi_crop")}
    answers = comparison_answers(files, provenance(jobs=jobs(hours)))
    ours = ("setups", "conditions", "architectures", "crops", "downstream_tasks", "epochs")
    for reference in (r for r in references if r.place != "Table 2" and not r.repeats):
        derived = reference.metric.removeprefix("comparison.").partition(".")[0] in ours
        if reference.question in ("screen", "costs", "comparison") or (reference.question == "settings" and derived):
            assert find(answers, reference, "none") is not None, (reference.id, reference.metric)


def test_settings_follow_from_the_configuration(files: ComparisonFiles) -> None:
    found = settings_of(files)
    assert found["comparison.setups"] == 16
    assert found["comparison.downstream_tasks"] == 3
    assert [found[f"comparison.crops.{name}"] for name in ("added", "half", "quarter", "total")] == [4, 2, 2, 5]
    assert found["comparison.crops.total"] == 1 + found["comparison.crops.half"] + found["comparison.crops.quarter"]
    train = (pd.read_parquet(files.tiles)["part"] == "train").sum()
    assert found["comparison.epochs"] == pytest.approx(1800 / train)
    fewer = settings_of(files, paradigms=["unsupervised"])
    assert (fewer["comparison.setups"], fewer["comparison.architectures"]) == (4, 1)


def test_crops_are_answered_where_a_setting_has_several_and_tasks_as_many_as_were_done(files: ComparisonFiles) -> None:
    one_crop = settings_of(files, settings=["aug_one_crop", "no_aug_one_crop"])
    assert not [name for name in one_crop.index if "crops" in name]
    numbers = numbers_of(files)
    two = numbers[numbers["question"] != "comparison_clusters"]
    found = settings_answers(SECTION, pd.read_parquet(files.tiles), two).set_index("metric")["value"]
    assert found["comparison.downstream_tasks"] == 2
    nothing = settings_answers(SECTION, pd.read_parquet(files.tiles), two.iloc[:0])
    assert "comparison.downstream_tasks" not in set(nothing["metric"])


@pytest.mark.parametrize("balanced", [True, False])
def test_epochs_count_the_tiles_that_trainings_draw(files: ComparisonFiles, balanced: bool) -> None:
    tiles = pd.read_parquet(files.tiles)
    tiles.loc[tiles["treatment"] == "GEM", "label"] = None
    train = tiles[tiles["part"] == "train"]
    drawn = train["label"].notna().sum() if balanced else len(train)
    found = settings_of(files, tiles, recipe={"images": 1800, "balanced": balanced})
    assert found["comparison.epochs"] == pytest.approx(1800 / drawn)
    assert train["label"].isna().any()


def test_counts_are_of_the_tiles_in_a_task(files: ComparisonFiles) -> None:
    tiles = pd.read_parquet(files.tiles)
    tiles.loc[tiles["treatment"] == "GEM", "label"] = None
    found = counts_of_tiles(tiles).set_index("metric")["value"]
    assert found["cell_lines"] == len(made.LINES)
    assert found["drugs"] == 5, "four drugs and the vehicle"
    assert found["conditions"] == 5 * len(made.LINES)
    assert found["concentrations"] == 1
    assert found["tiles_thousands"] == pytest.approx(tiles["label"].notna().sum() / 1000)


def test_hours_are_means_over_seeds_and_augmentation_and_ratios_are_between_paradigms() -> None:
    hours = {
        ("unsupervised", "one_crop"): 7,
        ("self_supervised", "one_crop"): 1.5,
        ("weakly_supervised", "one_crop"): 2.5,
    }
    hours |= {("regularized", "one_crop"): 9, ("unsupervised", "multi_crop"): 35, ("self_supervised", "multi_crop"): 4}
    hours |= {("weakly_supervised", "multi_crop"): 11, ("regularized", "multi_crop"): 45}
    work = jobs(hours)
    work[0]["seconds"] += 3600
    found = training_costs(work).set_index(["metric", "featurizer", "split"])
    assert found.loc[("training_hours", "regularized", "multi_crop"), "value"] == 45
    assert found.loc[("training_hours", "unsupervised", "one_crop"), "value"] == pytest.approx(7.25)
    assert found.loc[("training_hours", "unsupervised", "one_crop"), ["low", "high"]].tolist() == [7, 8]
    assert found.loc[("times_faster", "self_supervised", ""), "value"] == pytest.approx(45 / 4), (
        "the paper: up to 11 times"
    )
    assert found.loc[("times_longer", "regularized", ""), "value"] == pytest.approx(min(9 / 7.25, 45 / 35))
    assert found.loc[("peak_gb", "", "one_crop"), "value"] == pytest.approx(2**30 / 1e9)
    elsewhere = [job | {"job": "gandl_seed_0"} for job in work]
    assert training_costs(elsewhere).empty


def paper_like() -> pd.DataFrame:
    """Numbers in which what the paper claims is so, and which two seeds share."""
    rows = []
    d = {"unsupervised": 0.17, "self_supervised": 0.27, "weakly_supervised": -0.1, "regularized": 0.18}
    accuracy = {"unsupervised": 0.70, "self_supervised": 0.61, "weakly_supervised": 0.80, "regularized": 0.74}
    silhouette = {"unsupervised": 0.34, "self_supervised": 0.30, "weakly_supervised": 0.13, "regularized": 0.33}
    for setup in OF_PAPER:
        kind, _, setting = setup.partition(".")
        several, augment = "multi" in setting, not setting.startswith("no_aug")
        small = kind in ("self_supervised", "weakly_supervised") and not several
        near = 0.1 if small else 4.0
        robust = 0.002 if kind == "weakly_supervised" else 0.02
        values = {"d": d[kind] + 0.01 * augment, "distance_similar": near, "inverse_distance": 1 / near}
        closer = 1.2 if kind in ("unsupervised", "regularized") else 0.9
        values |= {"distance_a_vehicle": closer * near, "distance_b_vehicle": 1.3 * near}
        values |= {
            "head_accuracy": accuracy[kind] + robust * (several + 0.5 * augment),
            "silhouette": silhouette[kind] + 0.01 * several,
        }
        values |= {"clusters": 3.0}
        rows += [
            {"featurizer": setup, "seed": seed, "fold": line, "metric": name, "value": value}
            for seed in (0, 1)
            for line in ("M14", "HT29", "ACHN")
            for name, value in values.items()
        ]
    return pd.DataFrame(rows)


def test_claims_that_hold_in_made_up_numbers_agree_and_those_that_do_not_differ(references: list[Reference]) -> None:
    of_claims = [r for r in references if r.question == "comparison" and r.unit == "setup" and not r.repeats]
    assert len(of_claims) >= 18
    made_up = paper_like()
    verdicts = {
        item.reference.metric: item.verdict for item in compare(of_claims, claims(made_up, 0.95), "none", False)
    }
    so = {
        "improved_share",
        "most_tops",
        "paradigms_with_similar_closest",
        "distance_gained_by_crops",
        "least_d",
        "d_over_others",
    }
    so |= {"least_accuracy", "accuracy_over_others", "range_below_others", "accuracy_gained_by_crops", "least_clusters"}
    so |= {"silhouette_below_others", "silhouette_over_others"}
    assert {name: verdict for name, verdict in verdicts.items() if name in so and verdict is not Verdict.AGREES} == {}
    turned = made_up.assign(
        value=np.where(made_up["metric"].isin(["d", "silhouette", "head_accuracy"]), -1, 1) * made_up["value"]
    )
    other = {item.reference.metric: item.verdict for item in compare(of_claims, claims(turned, 0.95), "none", False)}
    for name in ("least_d", "d_over_others", "least_accuracy", "accuracy_over_others", "silhouette_below_others"):
        assert other[name] is Verdict.DIFFERS, name


def test_a_claim_needs_all_setups_of_the_paper_and_a_seed_without_one_is_left_out() -> None:
    numbers = paper_like()
    whole = claims(numbers, 0.95).set_index("metric")
    assert set(whole["text"]) == {"over 2 seeds"}
    lacking = numbers[(numbers["seed"] == 0) | (numbers["featurizer"] != "regularized.aug_one_crop")]
    one = claims(lacking, 0.95).set_index("metric")
    assert set(one["text"]) == {"over 1 seed"}
    assert one["low"].isna().all()
    assert claims(lacking[lacking["seed"] == 1], 0.95).empty


def test_a_collapsed_training_leaves_the_other_claims(files: ComparisonFiles) -> None:
    numbers = numbers_of(files)
    setup, seed = made.COLLAPSED
    lost = (numbers["featurizer"] == setup) & (numbers["seed"] == seed) & numbers["metric"].isin(["d", "d_scale_free"])
    assert lost.any()
    found = claims(numbers.assign(value=numbers["value"].mask(lost)), 0.95).set_index("metric")
    assert np.isfinite(found["value"]).all()

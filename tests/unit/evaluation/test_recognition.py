"""siRNA accuracy: every number against counting the answers, controls apart, and what was held out by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config import EvaluationSettings
from gandl.evaluation.counterparts.recognition import held_out_unit, write_recognition
from gandl.source.labels import Unit
from gandl.tables import LABELS, NUMBERS, RECOGNITION, SITES, read_table, write_table
from table_rows import site_row

SETTINGS = EvaluationSettings(svm_c=[1.0], bootstrap=400)
EXPERIMENTS = ("HUVEC-01", "RPE-01", "HUVEC-02", "RPE-02")
"""The first two validate."""


def screen() -> pd.DataFrame:
    """Four experiments of two plates, each with four siRNAs of its group and a control (`9`), two sites a well."""
    rows = [
        site_row(experiment, plate, f"B{w:02}", site, control="positive" if w == 5 else "none", treatment=label)
        for experiment in EXPERIMENTS
        for plate in (1, 2)
        for w, label in enumerate([*(str(4 * (plate - 1) + k) for k in range(4)), "9"], 1)
        for site in (1, 2)
    ]
    return pd.DataFrame(rows)


def answers(sites: pd.DataFrame, groups: bool = True) -> pd.DataFrame:
    """Random answers to the held-out sites and wells."""
    rng = np.random.default_rng(3)
    held = sites[sites["experiment"].isin(EXPERIMENTS[:2])]
    wells = held.drop_duplicates("well_id").assign(site_id=None, unit="well")
    table = pd.concat([held.assign(unit="site"), wells], ignore_index=True)
    table["control"] = table["control"] != "none"
    wrong = np.where(table["control"], "9", rng.integers(8, size=len(table)).astype(str))
    for name, share in (("predicted", 0.2), ("predicted_in_groups", 0.6), ("predicted_in_guessed_groups", 0.3)):
        table[name] = np.where(rng.random(len(table)) < share, table["treatment"], wrong).astype(object)
    table["chance"] = np.where(table["control"], 1.0, 1 / 8)
    table["chance_in_groups"] = np.where(table["control"], np.nan, 1 / 4)
    in_groups = ["predicted_in_groups", "predicted_in_guessed_groups", "chance_in_groups"]
    table.loc[table["control"] | (not groups), in_groups] = None
    table["chance_in_groups"] = table["chance_in_groups"].astype(float)
    return table.rename(columns={"treatment": "label"})[RECOGNITION.names]


def numbers_of(folder: Path, told: pd.DataFrame, sites: pd.DataFrame) -> pd.DataFrame:
    part = np.where(sites["experiment"].isin(EXPERIMENTS[:2]), "validation", "train")
    labels = sites[["site_id", "plate_id"]].assign(label=sites["treatment"], part=part)
    write_table(sites, folder / "sites.parquet", SITES)
    write_table(labels, folder / "labels.parquet", LABELS)
    write_table(told, folder / "recognition.parquet", RECOGNITION)
    names = {"featurizer": "densenet161_arcface", "seed": 0, "training_seed": 2}
    files = [folder / f"{name}.parquet" for name in ("recognition", "labels", "sites")]
    write_recognition(*files, SETTINGS, output=folder / "numbers.parquet", **names)
    return read_table(folder / "numbers.parquet", NUMBERS)


@pytest.fixture
def numbers(tmp_path: Path) -> pd.DataFrame:
    return numbers_of(tmp_path, answers(screen()), screen())


def test_accuracies_are_what_counting_gives_and_controls_are_in_none_of_sirnas(numbers: pd.DataFrame) -> None:
    told = answers(screen())
    columns = {
        "accuracy": ("predicted", False),
        "accuracy_in_groups": ("predicted_in_groups", False),
        "accuracy_in_guessed_groups": ("predicted_in_guessed_groups", False),
        "accuracy_of_controls": ("predicted", True),
    }
    seen = 0
    for row in numbers[numbers["metric"].isin(columns)].itertuples():
        column, control = columns[str(row.metric)]
        mine = told[(told["unit"] == row.unit) & (told["control"] == control)]
        who = str(row.split).partition(":")[2]
        mine = mine if who == "all" else mine[mine["experiment"] == who]
        assert row.n == len(mine)
        assert row.value == pytest.approx((mine[column] == mine["label"]).mean())
        seen += 1
    assert seen == 4 * 2 * 3, "metrics, units, and all with each experiment"
    assert set(numbers["split"].str.partition(":")[0]) == {"held_out_experiments"}


def test_chance_and_the_share_held_out_stand_beside(numbers: pd.DataFrame) -> None:
    values = numbers[numbers["split"] == "held_out_experiments:all"].set_index(["unit", "metric"])
    assert values.loc[("site", "chance"), "value"] == pytest.approx(1 / 8)
    assert values.loc[("site", "chance_in_groups"), "value"] == pytest.approx(1 / 4)
    assert values.loc[("site", "share_held_out"), "value"] == 0.5
    assert values.loc[("site", "share_held_out"), "n"] == 80


def test_the_interval_draws_wells_within_their_experiment(numbers: pd.DataFrame) -> None:
    """Against a bootstrap of its own; by well it is Wilson's; a guess for whole plates has none."""
    told = answers(screen())
    mine = told[(told["unit"] == "site") & ~told["control"]]
    right = (mine["predicted"] == mine["label"]).groupby([mine["experiment"], mine["well_id"]]).mean()
    rng = np.random.default_rng(1)
    draws = np.mean(
        [rng.choice(of.to_numpy(), (20_000, len(of))).mean(axis=1) for _, of in right.groupby(level=0)], axis=0
    )
    values = numbers[numbers["split"] == "held_out_experiments:all"].set_index(["unit", "metric"])
    found = values.loc[("site", "accuracy")]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.04)
    by_well = values.loc[("well", "accuracy")]
    p, n, z = by_well["value"], by_well["n"], 1.959964
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert by_well["low"] == pytest.approx((middle - half) / (1 + z**2 / n))
    assert by_well["high"] == pytest.approx((middle + half) / (1 + z**2 / n))
    assert np.isnan(values.loc[("site", "accuracy_in_guessed_groups"), "low"])


def test_where_labels_share_no_plates_there_is_no_accuracy_in_groups(tmp_path: Path) -> None:
    found = numbers_of(tmp_path, answers(screen(), groups=False), screen())
    assert not found["metric"].str.contains("groups").any()
    assert (found["metric"] == "accuracy").any()


def test_where_nothing_is_held_out_the_share_alone_is_written(tmp_path: Path) -> None:
    sites = screen()[lambda table: table["experiment"].isin(EXPERIMENTS[2:])].reset_index(drop=True)
    found = numbers_of(tmp_path, answers(screen()).iloc[:0].astype({"chance": float}), sites)
    assert found["metric"].tolist() == ["share_held_out"]
    assert found["value"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("column", "unit"),
    [("experiment", Unit.EXPERIMENTS), ("plate_id", Unit.PLATES), ("well_id", Unit.WELLS)],
)
def test_what_was_held_out_is_the_largest_unit_that_no_parts_share(column: str, unit: Unit) -> None:
    sites = screen()
    held = sites[column].unique()[1::2]
    assert held_out_unit(sites.assign(part=np.where(sites[column].isin(held), "validation", "train"))) is unit

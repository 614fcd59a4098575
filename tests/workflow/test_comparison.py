"""The comparison of representations, made tiny: every setup of a kind through every task to tables, figures and the audit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.config.comparison_terms import setups
from gandl.tables import CODES, NUMBERS, TILES, read_table
from tiny_project import TINY_COMPARISON, Project, copy_of

RUN = "results/tiny"
TABLES = ["comparison_table_1", "comparison_table_2"]
FIGURES = [f"comparison_figure_{name}" for name in (3, 4, 5, 6, 7, "ranking", "truth")]
LEARNED = ["dino", "gandl", *(f"{name}.aug_multi_crop" for name in TINY_COMPARISON["comparison"].get("paradigms", (
    "unsupervised", "self_supervised", "weakly_supervised", "regularized")))]  # fmt: skip
SETUPS = [*LEARNED, "untrained", "intensities"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Project:
    """A copy of the project after one whole run."""
    copy = Project(copy_of(repository, tmp_path_factory.mktemp("compared")), None, "comparison", TINY_COMPARISON)
    copy.configure({})
    done = copy.run()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return copy


def test_every_table_figure_and_page_is_made_and_says_simulated(compared: Project) -> None:
    results = compared.folder / RUN
    for name in FIGURES:
        assert "simulated" in (results / f"figures/{name}.svg").read_text(encoding="utf-8"), name
        drawn = pd.read_csv(results / f"figures/{name}.csv", dtype={"images": str})
        assert (drawn["images"] == "simulated").all(), name
    for file in (*(f"tables/{name}.html" for name in TABLES), "report/audit.html", "report/summary.txt"):
        assert "simulated" in (results / file).read_text(encoding="utf-8"), file
    assert not (results / "report/explorer.html").exists(), "no featurizer has profiles to explore"


def test_a_second_run_finds_nothing_to_do(compared: Project) -> None:
    assert compared.planned() == {}


def test_wells_that_are_tested_train_nothing(compared: Project) -> None:
    tiles = read_table(compared.folder / RUN / "images/comparison/cell_lines.tiles.parquet", TILES)
    assert (tiles.groupby("well_id")["part"].nunique() == 1).all()
    assert tiles.groupby("cell_type")["part"].nunique().eq(3).all()


def test_every_setup_and_seed_has_codes_of_the_same_tiles_and_all_numbers(compared: Project) -> None:
    results = compared.folder / RUN
    tiles = read_table(results / "images/comparison/cell_lines.tiles.parquet", TILES)
    labelled = tiles.loc[tiles["label"].notna(), "tile"].tolist()
    codes = {path.stem: read_table(path, CODES) for path in (results / "embeddings/comparison").glob("*.parquet")}
    seeded = [name for name in SETUPS if name != "intensities"]
    assert set(codes) == {"intensities.seed_0", *(f"{name}.seed_{seed}" for name in seeded for seed in (0, 1))}
    for name, table in codes.items():
        assert table["tile"].tolist() == labelled, name
    for name in seeded:
        first, second = (codes[f"{name}.seed_{seed}"].to_numpy() for seed in (0, 1))
        assert not np.array_equal(first, second), f"{name}: seeds differ"
    for name in SETUPS:
        numbers = read_table(results / f"evaluation/comparison/{name}.parquet", NUMBERS)
        assert set(numbers["question"]) == {
            "comparison_similarity",
            "comparison_drug_control",
            "comparison_clusters",
        }


def test_the_audit_names_the_planted_truth_and_the_floors(compared: Project) -> None:
    page = (compared.folder / RUN / "report/audit.html").read_text(encoding="utf-8")
    assert "PAC and RAP have opposite effects" in page
    assert "floor: nothing is learned" in page
    crate = json.loads((compared.folder / RUN / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    named = {entry["@id"] for entry in crate["@graph"]}
    assert {f"tables/{name}.html" for name in TABLES} <= named


def test_one_setup_is_a_target_of_its_own(compared: Project) -> None:
    target = f"{RUN}/evaluation/comparison/dino.parquet"
    planned = compared.planned(target, "--forceall")
    assert {name: planned[name] for name in ("comparison_training", "comparison_codes", "comparison_tasks")} == {
        "comparison_training": 2,
        "comparison_codes": 2,
        "comparison_tasks": 2,
    }


def test_the_preset_compares_all_sixteen_setups_and_what_is_beyond(empty: Project) -> None:
    done = empty.snakemake("-n", "--quiet", "rules", "--configfile", "config/comparison.yaml", "--cores", "1")
    assert done.returncode == 0, done.stderr
    assert len(setups()) == 20
    counts = dict(line.split()[:2] for line in done.stdout.splitlines() if line.startswith("comparison_"))
    assert (counts["comparison_training"], counts["comparison_codes"], counts["comparison_setup"]) == ("54", "58", "20")

"""What switches do: their direction on codes where it is known, the table of the page, and what was not run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from coded_screens import written

from gandl.config.comparison import ComparisonTasksSettings
from gandl.config.comparison_terms import Switch, setups
from gandl.evaluation.comparison.codes import read_codes
from gandl.evaluation.comparison.drug_control import write_drug_control
from gandl.evaluation.comparison.numbers import row, write_numbers
from gandl.evaluation.comparison.switches import BY_OTHER_RUNS, Run, by_tile, touches, write_switches
from gandl.evaluation.comparison.terms import SIMILARITY

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "docs"))
import switches as page

Make = Callable[..., tuple[Path, Path]]
SETTINGS = ComparisonTasksSettings(bootstrap=20).changed(
    head={
        "learning_rates": [0.1, 0.01],
        "momenta": [0.9],
        "weight_decays": [1e-3],
        "epochs": 15,
        "batch": 64,
        "hidden": 16,
    }
)
SETUPS, SEEDS = ["self_supervised.aug_one_crop", "dino"], [0, 1]


def finished(folder: Path, d: float = 0.2) -> Path:
    """A run in which labels of wells are drawn at random, and the tiles of a well look alike."""
    rng = np.random.default_rng(0)
    wells = 40
    tiles = pd.DataFrame({"well_id": np.repeat([f"w{i}" for i in range(wells)], 6), "cell_type": "M14"})
    tiles = tiles.assign(treatment=None, label=np.repeat(rng.permutation(np.arange(wells) % 2), 6))
    tiles["label"] = tiles["label"].map({0: "control", 1: "drug"})
    tiles["control"] = tiles["label"].map({"control": "negative", "drug": "none"})
    tiles["part"] = np.repeat(np.array(["train", "train", "validation", "test"])[np.arange(wells) // 2 % 4], 6)
    for setup in SETUPS:
        for seed in SEEDS:
            values = np.repeat(rng.normal(size=(wells, 30)), 6, axis=0) + 0.2 * rng.normal(size=(wells * 6, 30))
            codes, about = written(folder / "made", tiles, values)
            (folder / "embeddings/comparison").mkdir(parents=True, exist_ok=True)
            (folder / "images/comparison").mkdir(parents=True, exist_ok=True)
            codes.rename(folder / f"embeddings/comparison/{setup}.seed_{seed}.parquet")
            about.rename(folder / "images/comparison/simulated.tiles.parquet")
            rows = [row(line, "d", d + 0.1 * seed + i / 100, 9) for i, line in enumerate(("M14", "HT29", "A498"))]
            write_numbers(
                rows, folder / f"evaluation/comparison/similarity/{setup}.seed_{seed}.parquet", SIMILARITY, setup, seed
            )
    return folder


@pytest.fixture(scope="module")
def effects(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("runs")
    run = Run.at(finished(folder / "comparison"), SETUPS, SEEDS)
    others = {"fast_average": Run.at(finished(folder / "comparison-fast_average", d=0.05), SETUPS, SEEDS)}
    output = folder / "effects.parquet"
    write_switches(run, others, output, SETTINGS, setups=SETUPS, seeds=SEEDS, seed=0)
    return pd.read_parquet(output)


def median_of(effects: pd.DataFrame, switch: str, metric: str) -> SimpleNamespace:
    mine = effects[(effects["switch"] == switch) & (effects["metric"] == metric)]
    assert len(mine), (switch, metric)
    return SimpleNamespace(right=mine["right"].median(), switched=mine["switched"].median())


def test_a_split_by_tile_makes_random_labels_look_learned(effects: pd.DataFrame) -> None:
    found = median_of(effects, "tile_split", "head_accuracy")
    assert found.right < 0.75
    assert found.switched > 0.85


def test_hard_auc_changes_the_auc_alone(effects: pd.DataFrame) -> None:
    of = effects[effects["switch"] == "hard_auc"]
    same = of[of["metric"] != "head_roc_auc"]
    np.testing.assert_array_equal(same["right"], same["switched"])
    assert not np.allclose(*(of.loc[of["metric"] == "head_roc_auc", name] for name in ("right", "switched")))


def test_the_table_s_switches_are_told(effects: pd.DataFrame) -> None:
    found = median_of(effects, "mad_of_scalar", "mad of d")
    assert (found.right, found.switched) == (pytest.approx(0.01), 0)
    found = median_of(effects, "single_seed", "d")
    assert found.right - found.switched == pytest.approx(0.05)


def test_another_run_is_compared_with_this_one(effects: pd.DataFrame) -> None:
    found = median_of(effects, "fast_average", "d")
    assert found.right - found.switched == pytest.approx(0.15)
    mine = effects[effects["switch"] == "fast_average"]
    assert set(mine["setup"]) == {"self_supervised.aug_one_crop"}, "DINO has another average"
    assert sorted(mine["seed"]) == [0, 1], "seed by seed"


def test_a_switch_touches_the_setups_whose_trainings_know_it() -> None:
    """By what a training's settings read: `self_supervised` its average, heads their slope, crops their draws."""
    every = setups()
    of = {switch: [name for name in every if touches(switch, name)] for switch in BY_OTHER_RUNS}
    assert of[Switch.DETACHED_REGULARIZER] == [name for name in every if name.startswith("regularized")]
    assert of[Switch.LINEAR_HEAD] == of[Switch.DOUBLE_SOFTMAX]
    assert {name.partition(".")[0] for name in of[Switch.LINEAR_HEAD]} == {"weakly_supervised", "regularized"}
    assert of[Switch.FAST_AVERAGE] == [name for name in every if name.startswith("self_supervised")]
    assert of[Switch.BATCH_AUGMENTATION] == of[Switch.FAST_AVERAGE], "BYOL's own views are drawn for whole batches"
    floors = {"untrained", "intensities"}
    assert not [switch for switch, names in of.items() if floors & set(names)]
    assert set(every) - set(of[Switch.TILE_SPLIT]) == floors


def test_right_numbers_are_those_of_the_task(effects: pd.DataFrame, tmp_path: Path) -> None:
    run = Run.at(finished(tmp_path), SETUPS, SEEDS)
    output = tmp_path / "numbers.parquet"
    given = {"settings": SETTINGS, "seed": 0, "setup": "dino", "training_seed": 1}
    coded = read_codes(run.codes["dino", 1], run.tiles)
    write_drug_control(coded, output, tmp_path / "grid.parquet", switches=["double_softmax"], **given)  # type: ignore[arg-type]
    numbers = pd.read_parquet(output).set_index("metric")["value"]
    mine = effects[(effects["switch"] == "double_softmax") & (effects["setup"] == "dino") & (effects["seed"] == 1)]
    for metric, switched in mine.set_index("metric")["switched"].items():
        assert numbers[metric] == pytest.approx(switched)


def test_parts_dealt_by_tile_keep_their_sizes(make: Make) -> None:
    coded = read_codes(*make())
    dealt = by_tile(coded, 0)
    key = ["cell_type", "label", "part"]
    pd.testing.assert_series_equal(
        coded.tiles.value_counts(key).sort_index(), dealt.tiles.value_counts(key).sort_index()
    )
    assert dealt.tiles.groupby("well_id")["part"].nunique().max() > 1
    assert coded.tiles.groupby("well_id")["part"].nunique().max() == 1


def test_the_page_tells_every_switch_and_what_was_not_run(effects: pd.DataFrame) -> None:
    section = page.section_of(effects)
    for switch in Switch:
        assert f"| `{switch}` |" in section
    assert "| `detached_regularizer` |" in section
    (line,) = [line for line in section.splitlines() if "`detached_regularizer` |" in line]
    assert "not run" in line
    (line,) = [line for line in section.splitlines() if "`fast_average` |" in line]
    assert "-0.150 (-0.150 to -0.150)" in line
    (line,) = [line for line in section.splitlines() if line.startswith("Without a run")]
    assert "`linear_head`" in line
    assert "`fast_average`" not in line
    assert (
        page.rewritten(f"a\n{page.START}\nold\n{page.END}\nb", section)
        == f"a\n{page.START}\n\n{section}\n\n{page.END}\nb"
    )


def test_every_switch_is_described() -> None:
    assert list(page.WHAT) == list(Switch)


def test_a_folder_that_is_no_comparison_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="it is no finished comparison"):
        Run.at(tmp_path, SETUPS, SEEDS)

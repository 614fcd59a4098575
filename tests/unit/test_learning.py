"""Learning curves: looks are recorded once, halves share no experiment, and scores are what the statistics say by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from feature_scores import HALVES, Pair, cell_types, separation, severity_correlation, share_right, well_scores
from gandl.config_files import read_config
from learning import Recorder, recipe, train_recipe
from learning_summary import _paired, write_summary
from pair_data import make_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, toy_pair: Path) -> Pair:
    """A tiny simulated pair of screens."""
    folder = tmp_path_factory.mktemp("pair")
    make_pair(read_config(toy_pair), folder, 1)
    return Pair(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, pair: Pair, toy_pair: Path) -> Recorder:
    recorder = Recorder(pair, tmp_path_factory.mktemp("learning") / "toy" / "seed_0")
    train_recipe(recipe(read_config(toy_pair).training, ["looks=2"], 64), 0, recorder)
    return recorder


def test_a_training_is_recorded_at_its_looks_with_its_twin_and_never_twice(trained: Recorder, toy_pair: Path) -> None:
    assert trained.recorded == [0, 16, 64]
    before = {path: path.stat().st_mtime_ns for path in trained.folder.glob("wells_*.parquet")}
    train_recipe(recipe(read_config(toy_pair).training, ["looks=2"], 64), 0, trained)
    assert {path: path.stat().st_mtime_ns for path in trained.folder.glob("wells_*.parquet")} == before
    last = pd.read_parquet(trained.folder / "wells_64.parquet")
    assert set(last["weights"]) == {"ema", "raw"}
    assert {"pre", "post", "blocks", "image", "block_4", "last"} <= set(last["layer"])
    early = pd.read_parquet(trained.folder / "wells_16.parquet")
    assert set(early["layer"]) == {"post", "blocks"}


def test_a_summary_holds_differences_to_the_twin_that_are_zero_for_the_twin_itself(
    trained: Recorder, tmp_path: Path
) -> None:
    write_summary(trained.folder.parents[1], tmp_path, tmp_path)
    curves = pd.read_csv(tmp_path / "learning.csv")
    twin = curves[curves["images"] == 0]
    assert (twin["minus_untrained"] == 0).all()
    assert (twin[["minus_low", "minus_high"]] == 0).all().all()
    assert set(curves["metric"]) == {"auc", "severity", "accuracy_images", "rxrx1_cell_type_images"}
    assert (curves["low"] <= curves["value"] + 1e-9).mean() > 0.95
    assert "simulated" in (tmp_path / "learning_figure.csv").read_text()
    assert (tmp_path / "learning.svg").exists()


def test_halves_share_no_experiment() -> None:
    choice, report = ({name for name, half in HALVES.items() if half == which} for which in ("choice", "report"))
    assert choice
    assert report
    assert not choice & report
    assert {name.partition("-")[0] for name in choice} == {name.partition("-")[0] for name in report}


def test_a_planted_severity_is_found_and_chance_is_not(pair: Pair) -> None:
    sites = pair.sites("rxrx19a")
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(sites), 6))
    planted = noise.copy()
    planted[:, 0] += 30 * pair.severity.loc[sites["well_id"]].to_numpy()
    ids = sites.index.to_numpy()
    for features, low, high in ((planted, 0.95, 1.01), (noise, -0.6, 0.6)):
        scores = well_scores(pair, features, ids, ("lda",))
        found = severity_correlation(_arrays(scores), np.arange(len(scores)))
        assert low < found < high


def test_questions_are_what_they_are_called() -> None:
    rng = np.random.default_rng(1)
    label = np.repeat([1, -1], 10)
    wells = {
        "on": rng.normal(size=20) + label,
        "label": label,
        "right_images": rng.random(20),
        "severity": rng.random(20),
    }
    every = np.arange(20)
    assert separation(wells, every) == pytest.approx(roc_auc_score(label > 0, wells["on"]))
    shares = wells["right_images"]
    assert share_right(wells, every) == pytest.approx((shares[:10].mean() + shares[10:].mean()) / 2)
    expected = pd.Series(-wells["on"]).corr(pd.Series(wells["severity"]), method="spearman")
    assert severity_correlation(wells, every) == pytest.approx(expected)


def test_a_paired_difference_is_tighter_than_its_parts() -> None:
    """Twin and training share the noise of their wells: the difference hardly varies where each of them does."""
    rng = np.random.default_rng(2)
    label = np.repeat([1, -1], 20)
    on = label * 0.5 + rng.normal(size=40)
    table = pd.DataFrame({"well_id": [str(i) for i in range(40)], "label": label, "on": on})
    better = table.assign(on=on + 0.3 * label)
    found = _paired([better], [table], separation, by_label=True)
    assert found["minus_untrained"] > 0
    assert found["minus_high"] - found["minus_low"] < 0.6 * (found["high"] - found["low"])
    assert found["minus_low"] <= found["minus_untrained"] <= found["minus_high"]


def test_cell_types_that_differ_are_told_apart_zero_shot(pair: Pair) -> None:
    sites = pair.sites("rxrx1")
    types = pd.factorize(sites["cell_type"])[0]
    features = np.eye(4)[types] * 5 + np.random.default_rng(0).normal(size=(len(sites), 4))
    found = cell_types(pair, features, sites.index.to_numpy())
    assert found["right_images"].mean() > 0.9


def test_a_budget_of_less_than_a_batch_is_refused(toy_pair: Path) -> None:
    with pytest.raises(ValueError, match="nothing to look at"):
        recipe(read_config(toy_pair).training, [], 8)


def test_no_recorded_look_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no recorded look"):
        write_summary(tmp_path, tmp_path, tmp_path)


def _arrays(table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy() for name in table.columns}

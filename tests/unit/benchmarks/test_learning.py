"""Learning curves: looks are recorded once, halves share no experiment, and scores are what the statistics say by hand."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.learning import recipes
from benchmarks.learning.feature_scores import (
    HALVES,
    Pair,
    cell_types,
    separation,
    severity_correlation,
    share_right,
    well_scores,
    z_prime_of,
)
from benchmarks.learning.plate_scores import Plate, open_run, plate_scores
from benchmarks.learning.recipes import Recorder, recipe, train_recipe
from benchmarks.learning.summary import _paired, draw_figure, write_summary
from benchmarks.simulator.pair_data import make_pair
from evaluation_inputs import features as plate_features, write_plate
from gandl.config.files import read_config
from gandl.models.objectives.gan import Gan
from gandl.models.objectives.objective import TrainingError
from gandl.statistics.separation import z_prime
from gandl.tables import SITES, read_table


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
    drawn = (tmp_path / "learning.svg").read_bytes()
    assert b"simulated" in drawn or b'id="stamp"' in drawn
    (tmp_path / "learning.svg").unlink()
    draw_figure(tmp_path, tmp_path)
    assert (tmp_path / "learning.svg").exists()
    last = pd.read_csv(tmp_path / "recipes.csv")
    assert set(last["weights"]) == {"ema", "raw"}
    assert {"pre", "post", "blocks", "image", "last"} <= set(last["layer"])
    assert set(last.loc[last["layer"] == "post", "half"]) >= {"all"}


def test_halves_share_no_experiment() -> None:
    choice, report = ({name for name, half in HALVES.items() if half == which} for which in ("choice", "report"))
    assert choice
    assert report
    assert not choice & report
    assert {name.partition("-")[0] for name in choice} == {name.partition("-")[0] for name in report}


def test_a_planted_severity_is_found_and_chance_is_not(pair: Pair) -> None:
    """On every plate by itself: standardisation moves plates against one another. Planted in every feature, so that it is the
    same direction whichever the classifier finds.
    """
    sites = pair.sites("rxrx19a")
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(sites), 6))
    planted = noise + 300 * pair.severity.loc[sites["well_id"]].to_numpy()[:, np.newaxis]
    for features, low, high in ((planted, 0.99, 1.01), (noise, -0.6, 0.6)):
        scores = well_scores(pair, features, sites.index.to_numpy(), ("lda",))
        for _, plate in scores.groupby("plate_id"):
            assert low < severity_correlation(_arrays(plate), np.arange(len(plate))) < high


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
    better = table.assign(on=on + 0.1 * label)
    found = _paired([better], [table], separation, by_label=True)
    assert found["minus_untrained"] > 0
    assert found["minus_high"] - found["minus_low"] < 0.6 * (found["high"] - found["low"])
    assert found["minus_low"] <= found["minus_untrained"] <= found["minus_high"]


def test_cell_types_that_differ_are_distinguished_zero_shot(pair: Pair) -> None:
    sites = pair.sites("rxrx1")
    types = pd.factorize(sites["cell_type"])[0]
    features = np.eye(4)[types] * 5 + np.random.default_rng(0).normal(size=(len(sites), 4))
    found = cell_types(pair, features, sites.index.to_numpy())
    assert found["right_images"].mean() > 0.9


@pytest.mark.parametrize("statistic", [separation, severity_correlation, share_right, z_prime_of])
def test_many_draws_at_once_are_what_each_is_by_itself(statistic: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(3)
    label = np.repeat([1, -1, 0], [5, 6, 7])
    wells = {"on": rng.normal(size=18), "label": label, "severity": rng.random(18), "right_images": rng.random(18)}
    at = np.concatenate([rng.integers(0, 5, (8, 5)), rng.integers(5, 11, (8, 6))], axis=1)
    assert statistic(wells, at) == pytest.approx(np.array([float(statistic(wells, row)) for row in at]))


def test_a_recipe_of_another_kind_is_not_taken_for_the_one_that_is_recorded(trained: Recorder, toy_pair: Path) -> None:
    other = recipe(read_config(toy_pair).training, ["looks=2", "r1_gamma=7"], 64)
    with pytest.raises(ValueError, match=r"records another recipe \(training.r1_gamma: .* there, 7.0 here\)"):
        train_recipe(other, 0, trained)


def test_a_recipe_that_diverges_leaves_its_roll_backs_in_the_table(
    pair: Pair, toy_pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third step fails whatever is tried; what was recorded before, and both roll-backs, are reported."""
    step = Gan.step

    def failing(self: Gan) -> None:
        if self.step_number == 3:
            with torch.no_grad():
                next(self.adversaries.discriminator.parameters()).fill_(float("nan"))
        step(self)

    monkeypatch.setattr(Gan, "step", failing)
    recorder = Recorder(pair, tmp_path / "looks/wild/seed_0")
    settings = recipe(read_config(toy_pair).training, ["looks=3", "roll_backs=2"], 96)
    with pytest.raises(TrainingError, match=r"2 earlier roll-back"):
        train_recipe(settings, 0, recorder)
    assert recorder.recorded[:2] == [0, 16]
    write_summary(tmp_path / "looks", tmp_path, tmp_path)
    reported = pd.read_csv(tmp_path / "generators.csv")
    assert reported.loc[reported["metric"] == "roll_back", "value"].max() == 2
    assert (reported["metric"] == "stopped").sum() == 1
    assert {"learning_rate", "r1_gamma", "quality"} <= set(reported["metric"])


@pytest.fixture(scope="module")
def without_controls(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The same screen, of which nobody knows controls or severity; there is no second screen."""
    folder = tmp_path_factory.mktemp("unlabelled")
    (folder / "images").mkdir()
    (folder / "images/rxrx19a").symlink_to(pair.folder / "images/rxrx19a")
    (folder / "source/rxrx19a").mkdir(parents=True)
    sites = pd.read_parquet(pair.folder / "source/rxrx19a/sites.parquet").assign(control="none")
    sites.to_parquet(folder / "source/rxrx19a/sites.parquet")
    return Pair(folder)


def test_without_controls_a_curve_holds_the_generator_and_no_auc(
    trained: Recorder, without_controls: Pair, toy_pair: Path, tmp_path: Path
) -> None:
    recorder = Recorder(without_controls, tmp_path / "looks/toy/seed_0")
    shutil.copytree(trained.folder / "checkpoints", recorder.folder / "checkpoints")
    train_recipe(recipe(read_config(toy_pair).training, ["looks=2"], 64), 0, recorder)
    recorder(recipes.load(trained.folder / "weights.safetensors"))
    assert recorder.recorded[-1] == 64
    write_summary(tmp_path / "looks", tmp_path, tmp_path)
    assert pd.read_csv(tmp_path / "learning.csv").empty
    assert "quality" in set(pd.read_csv(tmp_path / "generators.csv")["metric"])
    assert (tmp_path / "learning.svg").exists()


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    """Tables of BBBC013; no image."""
    (tmp_path / "source/bbbc013").mkdir(parents=True)
    write_plate(tmp_path / "source/bbbc013")
    return Plate(tmp_path)


def test_rows_that_choose_and_rows_that_report_share_no_control(plate: Plate) -> None:
    sites = read_table(plate.folder / "source/bbbc013/sites.parquet", SITES)
    values, ids = plate_features(sites), sites["site_id"].to_numpy(str)
    scores = plate_scores(plate, values, ids, ("svm", "lda"))
    rows = {half: set(part["well_id"].str[-3]) for half, part in scores.groupby("half")}
    assert rows == {"choice": set("ABCD"), "report": set("EFGH")}
    reporting = sites["row"].isin(list("EFGH")) & (sites["control"] != "none")
    values[reporting] = np.random.default_rng(9).normal(size=values[reporting].shape)
    changed = plate_scores(plate, values, ids, ("svm", "lda"))
    chosen = scores["half"] == "choice"
    pd.testing.assert_frame_equal(scores[chosen], changed[chosen])
    assert not np.allclose(scores.loc[~chosen, "on"], changed.loc[~chosen, "on"])


def test_z_prime_of_a_plate_with_a_plain_effect_is_high_and_by_the_formula(plate: Plate) -> None:
    sites = read_table(plate.folder / "source/bbbc013/sites.parquet", SITES)
    scores = plate_scores(plate, plate_features(sites, noise=0.01), sites["site_id"].to_numpy(str), ("svm",))
    for _, part in scores.groupby("half"):
        found = float(z_prime_of(_arrays(part), np.arange(len(part))))
        on = part["on"].to_numpy()
        assert found == pytest.approx(float(z_prime(on[part["label"] > 0], on[part["label"] < 0])))
        assert found > 0.8


def test_a_plate_is_summed_up_by_halves_in_tables_of_its_own_and_not_drawn(plate: Plate, tmp_path: Path) -> None:
    sites = read_table(plate.folder / "source/bbbc013/sites.parquet", SITES)
    folder = tmp_path / "looks/any/seed_0"
    folder.mkdir(parents=True)
    for images in (0, 64):
        values = plate_features(sites, noise=0.5, seed=images)
        scores = plate_scores(plate, values, sites["site_id"].to_numpy(str), ("svm", "lda"))
        scores.assign(weights="ema", layer="blocks").to_parquet(folder / f"wells_{images}.parquet")
    write_summary(tmp_path / "looks", tmp_path, tmp_path)
    found = pd.read_csv(tmp_path / "recipes_bbbc013.csv")
    assert set(found["half"]) == {"choice", "report"}
    assert set(found["metric"]) == {"z_prime", "auc"}
    assert not (tmp_path / "learning.csv").exists()
    assert not (tmp_path / "learning.svg").exists()


def test_a_folder_without_stores_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no image stores of bbbc013 or rxrx19a"):
        open_run(tmp_path)


@pytest.mark.parametrize("arguments", [["train", "--run", "nowhere"], ["train", "x", "--run", "nowhere"], ["summary"]])
def test_a_mistake_on_the_command_line_is_one_sentence(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["recipes.py", *arguments, "--folder", str(tmp_path), "--threads", "1"])
    with pytest.raises(SystemExit, match=r"^learning: [^\n]+$"):
        recipes.main()


def test_a_budget_of_less_than_a_batch_is_refused(toy_pair: Path) -> None:
    with pytest.raises(ValueError, match="nothing to look at"):
        recipe(read_config(toy_pair).training, [], 8)


def test_no_recorded_look_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no recorded look"):
        write_summary(tmp_path, tmp_path, tmp_path)


def _arrays(table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy() for name in table.columns}

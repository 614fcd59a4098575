"""Drugs against controls: the grid against PyTorch's own training, metrics against scikit-learn, and what each switch does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from coded_screens import value
from sklearn import metrics

from gandl.config.comparison import ComparisonTasksSettings
from gandl.evaluation.comparison.answers import measured
from gandl.evaluation.comparison.codes import Coded, read_codes
from gandl.evaluation.comparison.drug_control import task_of, write_drug_control
from gandl.evaluation.comparison.measures.heads import LINEAR, SLOPE, Heads, Point, balanced, fresh, grid_of, train
from gandl.statistics.bootstrap import grouped_auc_interval, wilson_interval

Make = Callable[..., tuple[Path, Path]]
SETTINGS = ComparisonTasksSettings(bootstrap=200).changed(
    head={
        "learning_rates": [0.1, 0.01],
        "momenta": [0.9],
        "weight_decays": [1e-3],
        "epochs": 10,
        "batch": 64,
        "hidden": 16,
    }
)


def numbers_of(codes: Path, tiles: Path, **given: object) -> pd.DataFrame:
    names = {"settings": SETTINGS, "seed": 0, "switches": [], "setup": "dino", "training_seed": 1}
    output, grid = codes.with_name("numbers.parquet"), codes.with_name("grid.parquet")
    write_drug_control(read_codes(codes, tiles), output, grid, **{**names, **given})  # type: ignore[arg-type]
    return pd.read_parquet(output)


def by_pytorch(
    start: Heads,
    point: Point,
    codes: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    epochs: int,
    batch: int,
    double: bool,
) -> torch.nn.Module:
    """One head, by modules and the optimiser of PyTorch."""
    layers = [torch.nn.Linear(codes.shape[1], start.first.shape[1]), torch.nn.LeakyReLU(start.slope)]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(start.first.shape[1], 2))
    if double:
        model.append(torch.nn.Softmax(dim=1))
    with torch.no_grad():
        for parameter, of in zip(model.parameters(), start.weights, strict=True):
            parameter.copy_(of[0])
    rates = {"lr": point.learning_rate, "momentum": point.momentum, "weight_decay": point.weight_decay}
    optimiser, random = torch.optim.SGD(model.parameters(), **rates), torch.Generator().manual_seed(3)
    for _ in range(epochs):
        for here in torch.randperm(len(codes), generator=random).split(batch):
            optimiser.zero_grad()
            each = torch.nn.CrossEntropyLoss(reduction="none")(model(codes[here]), labels[here])
            (each * weights[here]).mean().backward()
            optimiser.step()
    return model


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("slope", [SLOPE, LINEAR])
def test_a_grid_at_once_is_every_point_alone(double: bool, slope: float) -> None:
    random = torch.Generator().manual_seed(0)
    codes = torch.randn(150, 9, generator=random)
    labels = (codes[:, 0] * codes[:, 1] > -0.3).long()
    weights = balanced(labels)
    points = [Point(0.1, 0.9, 1e-2), Point(0.05, 0.0, 0.0), Point(0.3, 0.7, 1e-4)]
    start = fresh(9, 12, seed=1, slope=slope)
    together = train(
        start.repeated(3), points, codes, labels, weights, epochs=4, batch=64, seed=3, double_softmax=double
    )
    for at, point in enumerate(points):
        alone = by_pytorch(start, point, codes, labels, weights, 4, 64, double)
        for got, expected in zip(together.one(at).weights, alone.parameters(), strict=True):
            torch.testing.assert_close(got[0], expected.detach(), rtol=1e-4, atol=1e-6)


def test_a_point_that_diverges_harms_no_other() -> None:
    random = torch.Generator().manual_seed(0)
    codes, labels = torch.randn(100, 5, generator=random), torch.arange(100) % 2
    points, start = [Point(1e9, 0.9, 0.0), Point(0.05, 0.9, 0.0)], fresh(5, 8, seed=0)
    given = {"epochs": 5, "batch": 32, "seed": 0}
    both = train(start.repeated(2), points, codes, labels, torch.ones(100), **given)  # type: ignore[arg-type]
    alone = train(start, points[1:], codes, labels, torch.ones(100), **given)  # type: ignore[arg-type]
    assert not torch.isfinite(both.first[0]).all()
    torch.testing.assert_close(both.first[1], alone.first[0])


def test_both_classes_weigh_alike_however_many_tiles_they_have() -> None:
    labels = torch.tensor([0, 1, 1, 1, 1])
    weights = balanced(labels)
    assert weights.mean() == 1
    assert weights[labels == 0].sum() == weights[labels == 1].sum()
    assert balanced(torch.ones(4, dtype=torch.long)).tolist() == [1] * 4, "a class that is not there takes nothing"


def test_a_head_answers_a_tie_of_classes_alike_where_one_has_nine_times_the_tiles(make: Make) -> None:
    """Codes that say nothing: unweighted, the larger class would always be answered, with a recall of 1."""
    random = torch.Generator().manual_seed(0)
    labels = (torch.arange(2000) % 10 > 0).long()
    codes = torch.randn(2000, 4, generator=random)
    start, points = fresh(4, 8, seed=0), [Point(0.05, 0.9, 0.0)]
    logits = train(start, points, codes, labels, balanced(labels), epochs=10, batch=200, seed=0).logits(codes)[0]
    assert 0.2 < (logits[1] > logits[0]).float().mean() < 0.8


def test_fresh_heads_have_the_paper_s_number_of_weights() -> None:
    assert sum(part.numel() for part in fresh(2048, 256, seed=0).weights) == 525_058
    assert len(grid_of(ComparisonTasksSettings().head)) == 27


def test_components_keep_what_varies_most(make: Make) -> None:
    """Products of codes, which are all that SGD and a linear SVM see of them, are those in the space of the largest variances."""
    coded = read_codes(*make(d=12))
    whole, turned = (task_of(coded, components, 0).codes for components in (None, 5))
    axes = np.linalg.eigh(np.cov(whole["train"].T))[1][:, -5:]
    expected = whole["test"] @ axes @ axes.T @ whole["train"].T
    assert turned["train"].shape[1] == 5
    np.testing.assert_allclose(turned["test"] @ turned["train"].T, expected, atol=1e-3)


def test_metrics_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    drugs = np.arange(200) % 3 > 0
    scores = drugs + rng.normal(size=200)
    wells = np.array([f"w{i // 12}_{drug}" for i, drug in enumerate(drugs)], object)
    given = {"draws": 200, "confidence": 0.95, "seed": 0}
    found = {name: of for name, (of, _) in measured(scores, drugs, wells, **given).items()}  # type: ignore[arg-type]
    says = scores > 0
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(drugs, says))
    assert found["precision"] == pytest.approx(metrics.precision_score(drugs, says))
    assert found["recall"] == pytest.approx(metrics.recall_score(drugs, says))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(drugs, scores))
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(drugs, says))
    hard = measured(scores, drugs, wells, hard_auc=True, **given)["roc_auc"][0]  # type: ignore[arg-type]
    assert hard == pytest.approx(metrics.balanced_accuracy_score(drugs, says))
    assert hard != pytest.approx(found["roc_auc"], abs=0.01)


def test_intervals_are_as_wide_as_wells_differ() -> None:
    """Tiles of a well are all right or all wrong: 10 wells a kind, whatever the number of tiles; 4 of them are wrong."""
    widths = []
    for per_well in (1, 50):
        drugs = np.repeat(np.arange(20) < 10, per_well)
        wells = np.repeat([f"w{i}" for i in range(20)], per_well).astype(object)
        right = np.repeat(np.arange(20) % 5 > 0, per_well)
        scores = np.where(right == drugs, 1.0, -1.0)
        found = measured(scores, drugs, wells, draws=2000, confidence=0.95, seed=0)
        value, (low, high) = found["accuracy"]
        assert low < value < high
        widths.append(high - low)
    assert widths[0] == pytest.approx(widths[1])
    assert widths[0] == pytest.approx(2 * 2.26 * np.sqrt(0.16 / 20), rel=0.2)


def test_a_share_that_few_draws_leave_undefined_keeps_the_interval_of_draws() -> None:
    """Precision is undefined in a draw without a tile that is taken for a drug: of 12 wells of a kind, 5 and 2 say drug."""
    drugs = np.repeat(np.arange(24) < 12, 10)
    wells = np.repeat([f"w{i}" for i in range(24)], 10).astype(object)
    scores = np.where(np.repeat(np.isin(np.arange(24), [0, 1, 2, 3, 4, 12, 13]), 10), 1.0, -1.0)
    value, ends = measured(scores, drugs, wells, draws=4000, confidence=0.9, seed=0)["precision"]
    assert value == pytest.approx(5 / 7)
    assert ends[0] < value < ends[1]
    by_formula = wilson_interval(5, 7, 0.9)
    assert ends != pytest.approx(by_formula, abs=0.01), "wells disagree, so that draws decide it"


def test_the_auc_has_expanded_percentiles_of_draws_of_wells() -> None:
    rng = np.random.default_rng(1)
    drugs, wells = np.repeat(np.arange(12) < 6, 5), np.repeat([f"w{i}" for i in range(12)], 5).astype(object)
    scores = drugs + rng.normal(size=12).repeat(5) + rng.normal(size=60)
    low, high = measured(scores, drugs, wells, draws=2000, confidence=0.9, seed=0)["roc_auc"][1]
    sides = scores[drugs], scores[~drugs], wells[drugs], wells[~drugs]
    plain = grouped_auc_interval(*sides, draws=2000, confidence=0.9, seed=0)
    assert low < plain[0] < plain[1] < high


def test_separated_drugs_are_told_and_permuted_labels_are_not(make: Make) -> None:
    codes, tiles = make(effect=12.0, wells=10, drugs=("MTX", "PEM"))
    numbers = numbers_of(codes, tiles)
    for line in ("HT29", "M14"):
        for metric in ("head_accuracy", "head_roc_auc", "svm_accuracy", "svm_roc_auc"):
            assert value(numbers, metric, line).value > 0.97, metric
    table = pd.read_parquet(tiles)
    wells = table.drop_duplicates("well_id").set_index("well_id")["label"]
    permuted = pd.Series(np.random.default_rng(0).permutation(wells), index=wells.index)
    table.assign(label=table["well_id"].map(permuted)).to_parquet(tiles)
    without = numbers_of(codes, tiles)
    mean = without[without["metric"].isin(["head_roc_auc", "svm_roc_auc"])]["value"].mean()
    assert mean == pytest.approx(0.5, abs=0.12)


def test_the_test_part_has_no_say(make: Make) -> None:
    """Training and choice see train and validation alone: other codes of test tiles change nothing of the grid but the test."""
    codes, tiles = make(effect=2.0)
    numbers_of(codes, tiles)
    before = pd.read_parquet(codes.with_name("grid.parquet"))
    table, about = pd.read_parquet(codes), pd.read_parquet(tiles)
    test = table["tile"].isin(about[about["part"] == "test"]["tile"])
    features = [name for name in table if name != "tile"]
    table.loc[test, features] = np.float32(7)
    table.to_parquet(codes)
    numbers_of(codes, tiles)
    after = pd.read_parquet(codes.with_name("grid.parquet"))
    of_test = ["test_accuracy", "test_balanced_accuracy"]
    pd.testing.assert_frame_equal(before.drop(columns=of_test), after.drop(columns=of_test))
    assert not before["test_accuracy"].equals(after["test_accuracy"])


def test_the_chosen_point_is_the_best_on_the_validation_part(make: Make) -> None:
    codes, tiles = make(effect=2.0)
    numbers = numbers_of(codes, tiles)
    grid = pd.read_parquet(codes.with_name("grid.parquet"))
    for classifier, of in grid.groupby("classifier"):
        (chosen,) = of[of["chosen"]].to_dict("records")
        assert chosen["validation_balanced_accuracy"] == of["validation_balanced_accuracy"].max(), classifier
        mine = numbers[numbers["metric"] == f"{classifier}_accuracy"]
        assert np.average(mine["value"], weights=mine["n"]) == pytest.approx(chosen["test_accuracy"])


def test_selection_on_the_test_part_reports_its_best_and_goes_on_from_the_point_before(make: Make) -> None:
    codes, tiles = make(effect=1.0)
    numbers_of(codes, tiles)
    right = pd.read_parquet(codes.with_name("grid.parquet")).query("classifier == 'head'")
    numbers_of(codes, tiles, switches=["test_selection"])
    wrong = pd.read_parquet(codes.with_name("grid.parquet")).query("classifier == 'head'")
    assert wrong.loc[wrong["chosen"], "test_balanced_accuracy"].item() == wrong["test_balanced_accuracy"].max()
    assert wrong["train_accuracy"].iloc[0] == pytest.approx(
        right["train_accuracy"].iloc[0]
    )  # the first point is fresh in both
    assert wrong["validation_loss"].iloc[1] != pytest.approx(right["validation_loss"].iloc[1], abs=1e-3)


def test_a_linear_head_cannot_tell_what_a_head_can(make: Make) -> None:
    """Drugs that shift codes in opposite ways lie on both sides of the controls: no plane tells them."""
    settings = SETTINGS.changed(head={"epochs": 60, "learning_rates": [0.1]})
    codes, tiles = make(drugs=("PAC", "RAP"), effect=6.0, d=4, wells=15)
    found = {
        name: numbers_of(codes, tiles, settings=settings, switches=on)
        for name, on in {"right": [], "linear": ["linear_head"]}.items()
    }
    auc = {name: value(numbers, "head_roc_auc", "M14").value for name, numbers in found.items()}
    assert auc["right"] > 0.9
    assert auc["linear"] < 0.75


def test_majority_is_the_share_of_the_larger_class(make: Make) -> None:
    numbers = numbers_of(*make())
    assert value(numbers, "majority_accuracy", "M14").value == pytest.approx(4 / 6)


def without(tiles: Path, here: Callable[[pd.DataFrame], pd.Series]) -> None:
    """Take some tiles out of every task: they have no label."""
    table = pd.read_parquet(tiles)
    table.loc[here(table), "label"] = None
    table.to_parquet(tiles)


@pytest.mark.parametrize("kind", ["drug", "control"])
def test_a_cell_line_without_drugs_or_controls_is_told_and_left_out(make: Make, kind: str) -> None:
    codes, tiles = make()
    without(tiles, lambda t: (t["cell_type"] == "M14") & (t["label"] == kind))
    numbers = numbers_of(codes, tiles)
    for metric in ("head_accuracy", "svm_roc_auc", "majority_accuracy"):
        told = value(numbers, metric, "M14")
        assert np.isnan(told.value)
        assert told.note == f"no tile of a {kind} in the test part"
        assert np.isfinite(value(numbers, metric, "HT29").value)


def test_one_drug_tile_is_learned_from_and_none_is_told(make: Make) -> None:
    codes, tiles = make(effect=12.0)
    table = pd.read_parquet(tiles)
    training = table[(table["label"] == "drug") & (table["part"] == "train")].index
    without(tiles, lambda t: t.index.isin(training[1:]))
    assert np.isfinite(value(numbers_of(codes, tiles), "head_accuracy", "M14").value)
    without(tiles, lambda t: t.index.isin(training))
    told = value(numbers_of(codes, tiles), "head_accuracy", "M14")
    assert np.isnan(told.value)
    assert "no tile of a drug in the training part" in told.note
    assert len(pd.read_parquet(codes.with_name("grid.parquet"))) == 0


def test_without_a_validation_part_points_are_chosen_on_the_training_part(make: Make) -> None:
    codes, tiles = make()
    without(tiles, lambda t: t["part"] == "validation")
    assert np.isfinite(value(numbers_of(codes, tiles), "head_accuracy", "M14").value)
    grid = pd.read_parquet(codes.with_name("grid.parquet")).query("classifier == 'head'")
    assert grid["validation_accuracy"].isna().all()
    assert grid.loc[grid["chosen"], "train_balanced_accuracy"].item() == grid["train_balanced_accuracy"].max()


def test_codes_of_wells_in_one_part_stay_there(make: Make) -> None:
    coded: Coded = read_codes(*make())
    wells = {part: set(coded.part(part).wells) for part in ("train", "validation", "test")}
    assert not wells["train"] & wells["test"]
    assert not wells["train"] & wells["validation"]
    assert len(task_of(coded, None, 0).labels["train"]) == len(coded.part("train"))


def test_a_validation_part_of_one_kind_does_not_choose(make: Make) -> None:
    """The best constant answer is right everywhere on it, so that a head that says "drug" of all tiles would be chosen."""
    codes, tiles = make(effect=2.0)
    table = pd.read_parquet(tiles)
    table.loc[(table["part"] == "validation") & (table["label"] == "control"), "part"] = "train"
    table.to_parquet(tiles)
    assert task_of(read_codes(codes, tiles), None, 0).chooses == "train"
    numbers_of(codes, tiles)
    for classifier, of in pd.read_parquet(codes.with_name("grid.parquet")).groupby("classifier"):
        assert of["validation_balanced_accuracy"].isna().all()
        best = of["train_balanced_accuracy"].max()
        assert of.loc[of["chosen"], "train_balanced_accuracy"].item() == best, classifier


def test_intervals_of_balanced_accuracy_weigh_both_kinds_alike() -> None:
    """A constant answer is right in half of the kinds, however many more drugs there are; no draw says another thing."""
    drugs = np.arange(120) % 6 > 0
    wells = np.array([f"w{i // 12}_{drug}" for i, drug in enumerate(drugs)], object)
    value_, (low, high) = measured(np.ones(120), drugs, wells, draws=50, confidence=0.95, seed=0)["balanced_accuracy"]
    assert value_ == 0.5
    assert np.isnan([low, high]).all()
    scores = np.random.default_rng(0).normal(size=120) + drugs
    value_, (low, high) = measured(scores, drugs, wells, draws=200, confidence=0.95, seed=0)["balanced_accuracy"]
    assert low < value_ < high

"""The table over setups, seeds and cell lines, ranks, and their stability: by hand, and where the best is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from gandl.config.comparison import ComparisonTasksSettings
from gandl.config.comparison_terms import setups as all_setups
from gandl.evaluation.comparison.codes import ComparisonTaskError
from gandl.evaluation.comparison.numbers import has_collapsed, row, write_numbers
from gandl.evaluation.comparison.table import write_table
from gandl.evaluation.comparison.terms import AS_MEAN, BETTER, CLUSTERS, DRUG_CONTROL, PAPER_ROWS, SIMILARITY

SETTINGS = ComparisonTasksSettings(bootstrap=200)
SETUPS = [
    "unsupervised.aug_multi_crop",
    "unsupervised.aug_one_crop",
    "self_supervised.aug_multi_crop",
    "dino",
    "intensities",
]
LINES = ("A", "B", "C")


class Written:
    """Files of numbers, and the tables made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, dict[str, list[Path]](similarity=[], drug_control=[], clusters=[])

    def add(self, task: str, setup: str, seed: int, values: Mapping[str, list[float]], note: str | None = None) -> None:
        """Numbers of a setup and seed: of every metric, those of the cell lines."""
        path = self.folder / f"{task}.{setup}.{seed}.parquet"
        rows = [
            row(line, metric, value, 10, note=note if np.isnan(value) else None)
            for metric, of in values.items()
            for line, value in zip(LINES, of, strict=True)
        ]
        question = {"similarity": SIMILARITY, "drug_control": DRUG_CONTROL, "clusters": CLUSTERS}[task]
        write_numbers(rows, path, question, setup, seed)
        self.files[task].append(path)

    def tables(self, setups: list[str] = SETUPS, seeds: tuple[int, ...] = (0, 1, 2), on: tuple[str, ...] = ()) -> None:
        names = ("output", "ranking", "stability")
        outputs = {name: self.folder / f"{name}.parquet" for name in names}
        write_table(**self.files, **outputs, settings=SETTINGS, setups=setups, seeds=seeds, seed=0, switches=on)  # type: ignore[arg-type]
        self.table, self.ranking, self.stability = (pd.read_parquet(outputs[name]) for name in names)

    def row(self, setup: str, metric: str) -> SimpleNamespace:
        (found,) = self.table[(self.table["setup"] == setup) & (self.table["metric"] == metric)].to_dict("records")
        return SimpleNamespace(**found)


@pytest.fixture
def numbers(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_a_row_is_the_mean_over_seeds_of_each_one_over_lines(numbers: Written) -> None:
    of_seeds = [[0.5, 0.7, 0.6], [0.6, 0.9, 0.4], [0.7, 0.8, 0.8]]
    for seed, values in enumerate(of_seeds):
        numbers.add("drug_control", "dino", seed, {"head_accuracy": values})
        numbers.add("clusters", "dino", seed, {"silhouette": values})
    numbers.tables(["dino"])
    found = numbers.row("dino", "head_accuracy")
    assert found.centre == "median"
    medians, deviations = [0.6, 0.6, 0.8], [0.1, 0.2, 0.0]
    assert found.median == pytest.approx(np.mean(medians))
    assert found.mad == pytest.approx(np.mean(deviations))
    half = t.ppf(0.975, 2) * np.std(medians, ddof=1) / np.sqrt(3)
    assert (found.low, found.high) == pytest.approx((found.median - half, found.median + half))
    assert (found.seeds, found.cell_types) == (3, 3)
    found = numbers.row("dino", "silhouette")
    assert found.centre == "mean"
    means = [0.6, 1.9 / 3, 2.3 / 3]
    spread = np.mean([np.std(values, ddof=1) for values in of_seeds])
    assert (found.mean, found.deviation) == pytest.approx((np.mean(means), spread))
    assert found.high - found.low == pytest.approx(2 * t.ppf(0.975, 2) * np.std(means, ddof=1) / np.sqrt(3))


def test_the_mad_of_d_is_that_over_lines_unless_it_is_taken_of_a_scalar(numbers: Written) -> None:
    numbers.add("similarity", "dino", 0, {"d": [0.1, 0.2, 0.5], "inverse_distance": [1.0, 2.0, 5.0]})
    numbers.tables(["dino"], (0,))
    assert numbers.row("dino", "d").mad == pytest.approx(0.1)
    numbers.tables(["dino"], (0,), ("mad_of_scalar",))
    assert numbers.row("dino", "d").mad == 0
    assert numbers.row("dino", "d").median == pytest.approx(0.2)
    assert numbers.row("dino", "inverse_distance").mad == pytest.approx(1.0)


def test_one_seed_has_no_interval_and_the_switch_takes_the_first(numbers: Written) -> None:
    for seed in (0, 1, 2):
        numbers.add("similarity", "dino", seed, {"d": [seed + 0.1] * 3})
    numbers.tables(["dino"])
    assert numbers.row("dino", "d").median == pytest.approx(1.1)
    numbers.tables(["dino"], on=("single_seed",))
    found = numbers.row("dino", "d")
    assert found.median == pytest.approx(0.1)
    assert np.isnan(found.low)
    assert pd.isna(found.note)


def test_an_interval_over_seeds_ends_where_its_metric_does(numbers: Written) -> None:
    for seed, value in enumerate((0.6, 0.95, 0.99)):
        numbers.add("drug_control", "dino", seed, {"head_accuracy": [value] * 3})
        numbers.add("similarity", "dino", seed, {"shift_cosine_opposite": [-value] * 3, "d": [value] * 3})
    numbers.tables(["dino"])
    half = t.ppf(0.975, 2) * np.std([0.6, 0.95, 0.99], ddof=1) / np.sqrt(3)
    assert numbers.row("dino", "head_accuracy").high == 1
    assert numbers.row("dino", "head_accuracy").low == pytest.approx(2.54 / 3 - half)
    assert numbers.row("dino", "shift_cosine_opposite").low == -1
    assert numbers.row("dino", "d").high == pytest.approx(2.54 / 3 + half)


def test_the_best_of_a_paradigm_is_by_the_direction_of_the_metric(numbers: Written) -> None:
    one, other, *_ = SETUPS
    numbers.add("clusters", one, 0, {"silhouette": [0.1] * 3, "davies_bouldin": [0.5] * 3, "clusters": [9.0] * 3})
    numbers.add("clusters", other, 0, {"silhouette": [0.2] * 3, "davies_bouldin": [0.9] * 3, "clusters": [2.0] * 3})
    numbers.add("clusters", "self_supervised.aug_multi_crop", 0, {"silhouette": [0.9] * 3})
    numbers.tables(seeds=(0,))
    best = numbers.table[numbers.table["best"]]
    assert set(zip(best["setup"], best["metric"], strict=True)) == {(other, "silhouette"), (one, "davies_bouldin")}


def test_missing_seeds_setups_and_lines_are_told(numbers: Written) -> None:
    numbers.add("similarity", "dino", 0, {"d": [0.1, 0.2, 0.3]})
    numbers.add("similarity", "dino", 2, {"d": [0.1, 0.2, np.nan]}, note="no tile of PEM in the test part")
    numbers.add("similarity", SETUPS[0], 1, {"d": [0.1, 0.2, np.nan]}, note="no tile of PEM in the test part")
    numbers.add("similarity", "intensities", 0, {"d": [0.1, 0.2, 0.3]})
    numbers.files["similarity"].append(numbers.folder / "absent.parquet")
    numbers.tables()
    assert numbers.row("dino", "d").note == "dino: 2 of 3 seeds"
    assert numbers.row("dino", "d").seeds == 2
    told = numbers.row(SETUPS[0], "d").note
    assert told == f"{SETUPS[0]}: 1 of 3 seeds; {SETUPS[0]}: 2 of 3 cell lines (no tile of PEM in the test part)"
    nothing = numbers.row(SETUPS[1], "d")
    assert np.isnan(nothing.median)
    assert nothing.note == f"{SETUPS[1]}: 0 of 3 seeds"
    assert pd.isna(numbers.row("intensities", "d").note)


def test_a_collapse_is_told_with_every_metric_of_the_setup(numbers: Written) -> None:
    for seed, collapsed in enumerate((1.0, 0.0, 1.0)):
        numbers.add("similarity", "dino", seed, {"collapsed": [collapsed] * 3, "d": [0.1] * 3})
    numbers.tables(["dino"])
    assert numbers.row("dino", "d").note == "dino: codes collapsed in 2 of 3 seeds, there in 3 of 3 cell lines"


def test_ranks_are_by_seed_and_a_setup_without_seeds_is_in_each(numbers: Written) -> None:
    one, other, *_ = SETUPS
    for seed, values in enumerate([(0.3, 0.1), (0.1, 0.3), (0.2, 0.2)]):
        for setup, value in zip((one, other), values, strict=True):
            numbers.add("similarity", setup, seed, {"d": [value] * 3})
    numbers.add("similarity", "intensities", 0, {"d": [0.25] * 3})
    numbers.tables()
    ranks = numbers.ranking.pivot(index="setup", columns="seed", values="rank")
    assert ranks.loc[one].tolist() == [1, 3, 2]
    assert ranks.loc[other].tolist() == [3, 1, 2]
    assert ranks.loc["intensities"].tolist() == [2, 2, 1]


def stability(numbers: Written, noise: float) -> pd.DataFrame:
    """Of two setups that differ by 0.1, and by noise of seeds."""
    rng = np.random.default_rng(0)
    for at, setup in enumerate(SETUPS[:2]):
        for seed in range(6):
            value = 0.5 + 0.1 * at + noise * rng.normal()
            numbers.add("drug_control", setup, seed, {"head_roc_auc": [value - 0.01, value, value + 0.01]})
    numbers.tables(seeds=tuple(range(6)))
    return numbers.stability.set_index("among")


def test_the_best_stays_where_setups_differ_and_changes_where_seeds_do(numbers: Written, tmp_path: Path) -> None:
    sure = stability(numbers, 0.001).loc["unsupervised"]
    assert sure["best_setup"] == SETUPS[1]
    assert (sure["share_of_seeds"], sure["share_of_draws"], sure["changes"]) == (1, 1, 0)
    assert sure["kendall_tau"] == 1
    (tmp_path / "noisy").mkdir()
    luck = stability(Written(tmp_path / "noisy"), 3.0).loc["unsupervised"]
    assert 0 < luck["share_of_seeds"] < 1
    assert 0.5 < luck["share_of_draws"] < 1
    assert luck["changes"] > 0
    assert luck["kendall_tau"] < 1


def test_changes_and_tau_are_those_counted_by_hand(numbers: Written) -> None:
    orders = [(3, 2, 1), (3, 1, 2), (1, 3, 2)]
    setups = all_setups()[:3]
    for seed, order in enumerate(orders):
        for setup, value in zip(setups, order, strict=True):
            numbers.add("similarity", setup, seed, {"d": [value / 10] * 3})
    numbers.tables(setups)
    (found,) = numbers.stability[numbers.stability["among"] == "all"].to_dict("records")
    assert found["best_setup"] == setups[0]
    assert found["share_of_seeds"] == pytest.approx(2 / 3)
    assert found["changes"] == 1
    assert found["kendall_tau"] == pytest.approx((1 / 3 - 1 - 1 / 3) / 3)  # discordant pairs: 1, 3, 2 of 3


def test_without_any_numbers_the_table_is_refused(numbers: Written) -> None:
    numbers.files["similarity"].append(numbers.folder / "absent.parquet")
    with pytest.raises(ComparisonTaskError, match="none of the comparison's tasks is done"):
        numbers.tables()


def test_rows_of_the_paper_have_a_direction_but_for_the_number_of_clusters_and_what_follows_the_scale() -> None:
    assert set(PAPER_ROWS) - set(BETTER) == {"clusters", "inverse_distance"}
    assert set(AS_MEAN) & set(PAPER_ROWS) == {"clusters", "not_noise", "silhouette", "inverse_davies_bouldin"}


def test_a_training_has_collapsed_where_at_least_half_of_its_lines_have_and_lines_are_counted(numbers: Written) -> None:
    for seed, collapsed in enumerate(([1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0])):
        numbers.add("similarity", "dino", seed, {"collapsed": collapsed})
    numbers.tables(["dino"])
    said = "dino: codes collapsed in 2 of 3 seeds, there in 2 to 3 of 3 cell lines"
    assert numbers.row("dino", "collapsed").note == said
    assert has_collapsed(np.array([[1.0, 0.0], [1.0, np.nan], [np.nan, np.nan]])).tolist() == [True, True, False]


def test_what_follows_the_scale_of_codes_ranks_nothing(numbers: Written) -> None:
    for place, setup in enumerate(SETUPS[:4]):
        for seed in (0, 1, 2):
            of = [0.1 * place + 0.01 * seed + shift for shift in (0.1, 0.2, 0.3)]
            numbers.add("similarity", setup, seed, dict.fromkeys(("d", "inverse_distance", "separation"), of))
    numbers.tables(SETUPS[:4])
    assert set(numbers.ranking["metric"]) == {"d"}
    assert numbers.stability.groupby("metric")["among"].agg(set).to_dict() == {"d": {"all", "unsupervised"}}
    assert set(numbers.table[numbers.table["best"]]["metric"]) == {"d"}
    assert len(numbers.table[numbers.table["metric"] == "separation"]) == 4


def test_less_is_better_of_the_cosine_of_opposite_shifts(numbers: Written) -> None:
    for setup, cosine in zip(SETUPS[:2], (-0.8, 0.3), strict=True):
        numbers.add("similarity", setup, 0, {"shift_cosine_opposite": [cosine] * 3})
    numbers.tables(SETUPS[:2], seeds=(0,))
    assert numbers.row(SETUPS[0], "shift_cosine_opposite").best
    assert not numbers.row(SETUPS[1], "shift_cosine_opposite").best
    assert numbers.ranking.set_index("setup")["rank"].to_dict() == {SETUPS[0]: 1, SETUPS[1]: 2}

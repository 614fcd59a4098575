"""Tables 1 and 2 of the comparison: every number is that of the run or of the paper, and what is missing or collapsed is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import comparison_inputs as made
from gandl.config import FiguresSettings
from gandl.config.comparison_terms import setups
from gandl.figures.common.style import FigureError
from gandl.figures.comparison.costs import benchmark, cost_table, time, write_costs
from gandl.figures.comparison.metrics import metric_table, write_metrics
from gandl.figures.comparison.notes import collapsed, floor_sentences, missing

SETTINGS = FiguresSettings(dpi=50)
PAPER_HOURS = {
    "unsupervised": (7, 35),
    "self_supervised": (1.5, 4),
    "weakly_supervised": (2.5, 11),
    "regularized": (9, 45),
}
LIMITS = {"collapsed_below": 0.01}
FEW = [
    "unsupervised.aug_multi_crop",
    "unsupervised.aug_one_crop",
    "self_supervised.aug_one_crop",
    "untrained",
    "intensities",
]


@pytest.fixture(scope="module")
def reference() -> Path:
    return Path(__file__).resolve().parents[4] / "resources/paper_values.csv"


def written(function: Any, folder: Path, *args: Any, word: str = "simulated", **more: Any) -> tuple[str, pd.DataFrame]:
    html, csv = folder / "table.html", folder / "table.csv"
    function(*args, settings=SETTINGS, html=html, csv=csv, word=word, **more)
    return html.read_text(encoding="utf-8"), pd.read_csv(csv, float_precision="round_trip")


def test_times_are_means_over_seeds_and_augmentation_beside_the_papers_hours(tmp_path: Path, reference: Path) -> None:
    files, curves = made.write_benchmarks(tmp_path), made.write_curves(tmp_path)
    page, data = written(write_costs, tmp_path, files, reference, curves=curves)
    of_paper = data[data["crops"].notna()].set_index(["crops", "paradigm"])
    for paradigm, (one, several) in PAPER_HOURS.items():
        for crops, hours in (("one_crop", one), ("multi_crop", several)):
            row = of_paper.loc[(crops, paradigm)]
            assert row["paper_hours"] == hours
            assert row["seconds"] == pytest.approx(hours + 0.1), "seconds here in the place of hours"
            assert (row["seconds_least"], row["seconds_most"]) == pytest.approx((hours, hours + 0.2))
            assert (row["trainings"], row["seeds"]) == (6, 3)
            assert row["images"] == 5000
            assert row["peak_mib_most"] == 920
    assert of_paper.loc[("multi_crop", "regularized"), "paper_ratio"] == pytest.approx(45 / 4)
    assert of_paper.loc[("multi_crop", "regularized"), "ratio"] == pytest.approx(45.1 / 4.1)
    assert (of_paper["ratio"].groupby("crops").min() == 1).all()
    assert set(data.loc[data["crops"].isna(), "paradigm"]) == {"dino", "gandl"}
    assert data["machine"].iloc[0] in page
    assert "Trained on <b>simulated</b> images" in page
    assert set(data["images_are"]) == {"simulated"}
    assert "as many passes" not in page


def test_dino_s_budget_is_stated_where_it_is_byol_s_and_dino_is_there(tmp_path: Path, reference: Path) -> None:
    said = "DINO has as many passes of the encoder as BYOL with five crops."
    for names, stated in ((["dino", "gandl"], True), (["gandl"], False)):
        files = made.write_benchmarks(tmp_path, names=names)
        assert (said in written(write_costs, tmp_path, files, reference, dino_as_byol=True)[0]) is stated


def test_a_training_that_was_resumed_counts_all_its_starts(tmp_path: Path) -> None:
    path = tmp_path / "dino.seed_0.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in ({"s": 10.0, "max_rss": 5.0}, {"s": 2.5, "max_rss": "NA"})))
    assert benchmark(path) == {"seconds": 12.5, "peak_mib": 5.0}


@pytest.mark.parametrize("text", ["", "no json", '{"max_rss": 5}', "[1]"])
def test_what_is_no_benchmark_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dino.seed_0.jsonl"
    path.write_text(text)
    with pytest.raises(FigureError, match=r"dino\.seed_0\.jsonl is (no|an empty) benchmark"):
        benchmark(path)


def test_a_run_of_one_setup_has_one_row_and_no_memory_where_it_was_too_short(tmp_path: Path, reference: Path) -> None:
    path = tmp_path / "regularized.aug_one_crop.seed_0.jsonl"
    path.write_text(json.dumps({"s": 4000.0, "max_rss": None}))
    page, data = written(write_costs, tmp_path, [path], reference, word="")
    assert len(data) == 1
    assert data["peak_mib"].isna().all()
    assert cost_table([path], reference)["paper_hours"].tolist() == [9]
    assert "1.11 h" in page
    assert "simulated" not in page


def test_times_read_in_their_unit() -> None:
    assert [time(seconds) for seconds in (5400, 90, 2.5)] == ["1.50 h", "1.50 min", "2.50 s"]


def summary(folder: Path, names: list[str]) -> tuple[Path, list[Path]]:
    similarity = made.write_similarity(folder, names=names)
    return made.write_summary(folder, [*similarity, *made.write_drug_control(folder, names=names)]), similarity


def test_every_number_stands_beside_that_of_the_paper_in_the_same_unit(tmp_path: Path, reference: Path) -> None:
    table, similarity = summary(tmp_path, FEW)
    about = {"asked": FEW, "seeds": [0, 1, 2], "similar": made.SIMILAR, **LIMITS}
    page, data = written(write_metrics, tmp_path, table, reference, similarity, **about)
    ours = data[data["value"].notna()].set_index(["setup", "metric"])
    expected = pd.read_parquet(table).set_index(["setup", "metric"])
    for key in ours.index:
        assert ours.loc[key, "value"] == expected.loc[key, "median"]
        assert ours.loc[key, "spread"] == expected.loc[key, "mad"]
    printed = data.set_index(["setup", "metric"])
    assert printed.loc[
        ("unsupervised.no_aug_one_crop", "head_precision"), ["paper_value", "paper_spread"]
    ].tolist() == [0.86, 0.06]
    assert printed.loc[("self_supervised.aug_multi_crop", "not_noise"), "paper_value"] == pytest.approx(0.93)
    assert printed["paper_value"].notna().sum() == 160
    assert set(data.loc[data["value"].notna(), "images"]) == {"simulated"}
    assert data.loc[data["value"].isna(), "images"].isna().all()
    assert "d(MTX, PEM)" in page
    assert "<i>0.86 ± 0.06</i>" in page
    assert "Untrained encoder<br>(floor)" in page or "Untrained encoder (floor)" in page
    assert "they are not comparable with the paper" in page
    assert "The paper’s PTX is pemetrexed (here PEM), not paclitaxel: its d(MTX, PTX) and 1 / D(MTX, PTX) stand" in page
    assert "never bold: 1 / D(MTX, PEM); Separation; " in page


def test_distances_of_other_drugs_than_the_papers_have_none_of_its_values(tmp_path: Path, reference: Path) -> None:
    table, similarity = summary(tmp_path, FEW)
    for similar, there in (
        (["PEM", "MTX"], True),
        (["MTX", "PTX"], True),
        (["PAC", "RAP"], False),
        (["MTX", "PAC"], False),
    ):
        known = metric_table(table, reference, similar).dropna(subset="paper_value")
        of_pair = known["metric"].isin(["d", "inverse_distance"])
        assert (of_pair.any(), len(known)) == (there, 160 if there else 160 - 32)
    about = {"asked": FEW, "seeds": [0, 1, 2], "similar": made.OPPOSITE, **LIMITS}
    page, data = written(write_metrics, tmp_path, table, reference, similarity, **about)
    assert data.loc[data["metric"] == "d", "paper_value"].isna().all()
    assert "are of methotrexate and pemetrexed: not shown beside those of PAC and RAP." in page


def test_clusters_are_shown_by_their_mean_and_the_best_setting_is_bold(tmp_path: Path, reference: Path) -> None:
    rows = [
        {
            "setup": name,
            "metric": "not_noise",
            "median": 0.5,
            "mad": 0.1,
            "mean": mean,
            "deviation": 0.02,
            "centre": "mean",
        }
        | {"low": mean - 0.01, "high": mean + 0.01, "seeds": 3, "cell_types": 6, "best": mean > 0.9, "note": None}
        for name, mean in (("regularized.aug_one_crop", 0.95), ("regularized.aug_multi_crop", 0.85))
    ]
    path = tmp_path / "table.parquet"
    pd.DataFrame(rows).to_parquet(path)
    about = {"asked": [], "seeds": [0], "similar": made.SIMILAR, **LIMITS}
    page, _ = written(write_metrics, tmp_path, path, reference, [], **about)
    assert "<strong>95 ± 2</strong><br><small>[94, 96]</small>" in page
    assert "85 ± 2<br>" in page
    assert "<strong>85" not in page


def test_missing_setups_fewer_seeds_and_collapses_are_told(tmp_path: Path, reference: Path) -> None:
    table, similarity = summary(tmp_path, FEW)
    data = metric_table(table, reference, made.SIMILAR)
    said = missing(data, [*FEW, "regularized.aug_one_crop"], [0, 1, 2, 3])
    assert said[0] == "Without any number in this run: Regularised, augmented, one crop."
    few = "Fewer seeds than were asked for: Unsupervised (both settings); Self-supervised, augmented, one crop; "
    assert said[1] == f"{few}Untrained encoder (floor): 3 of 4 seeds."
    assert "Intensities" not in said[1], "no seed changes them"
    assert missing(data, FEW, [0, 1, 2]) == []
    assert (
        "Self-supervised, augmented, one crop in 1 of 3 seeds (1), there in 6 of 6 cell lines"
        in collapsed(similarity, 0.01)[0]
    )
    what = "of the codes’ size differs between tiles"
    assert collapsed(similarity[:3], 0.01) == [f"Collapsed (less than 1 % {what}): no training."]
    assert collapsed(similarity, 0.005)[0].startswith(f"Collapsed (less than 0.5 % {what}): ")


def test_floors_that_reach_the_best_learned_setup_are_named_with_both_numbers(tmp_path: Path, reference: Path) -> None:
    table, _ = summary(tmp_path, FEW)
    (said,) = floor_sentences(metric_table(table, reference, made.SIMILAR), made.SIMILAR)
    assert "Accuracy: Intensities (floor) 0.7" in said
    assert "best learned 0.7" in said
    few = ["1 / D", "Separation:", "commoner label"]
    assert not [label for label in few if label in said], "these compare no two setups, or are a floor by themselves"
    learned = [name for name in FEW if name not in ("untrained", "intensities")]
    assert floor_sentences(metric_table(summary(tmp_path, learned)[0], reference, made.SIMILAR), made.SIMILAR) == []


def test_a_floor_is_as_good_where_its_cosine_is_as_low() -> None:
    data = pd.DataFrame({"setup": ["dino", "untrained"], "metric": "shift_cosine_opposite", "value": [-0.3, 0.1]})
    assert floor_sentences(data, made.SIMILAR) == [
        "No floor (untrained encoder, intensities) reaches the best learned setup in any metric."
    ]
    (said,) = floor_sentences(data.assign(value=[0.1, -0.3]), made.SIMILAR)
    assert "Untrained encoder (floor) −0.30, best learned 0.10" in said


def test_a_table_without_metrics_and_one_that_is_absent_are_named(tmp_path: Path, reference: Path) -> None:
    with pytest.raises(FigureError, match=r"none\.parquet does not exist"):
        metric_table(tmp_path / "none.parquet", reference, made.SIMILAR)
    path = tmp_path / "table.parquet"
    pd.DataFrame({"metric": ["k"], "setup": ["dino"], "best": [False]}).to_parquet(path)
    with pytest.raises(FigureError, match="no setup has any of"):
        metric_table(path, reference, made.SIMILAR)


def test_a_page_loads_nothing_from_elsewhere_and_is_the_same_each_time(tmp_path: Path, reference: Path) -> None:
    table, similarity = summary(tmp_path, FEW)
    about = {"asked": setups(), "seeds": [0], "similar": made.SIMILAR, **LIMITS}
    page, _ = written(write_metrics, tmp_path, table, reference, similarity, **about)
    assert not [mark for mark in ("http://", "https://", "<script", "<link", "@import", "src=") if mark in page]
    assert page == written(write_metrics, tmp_path, table, reference, similarity, **about)[0]

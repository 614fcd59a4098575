"""Ranks over seeds, and which setups see the planted truth: what is drawn follows from the numbers and from nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from scipy.stats import binomtest

import comparison_inputs as made
from figure_inputs import outputs
from gandl.config import FiguresSettings
from gandl.figures.common.style import FigureError, style
from gandl.figures.comparison.ranking import draw_ranking, ranking_figure, ranking_table
from gandl.figures.comparison.truth import (
    NoTruthError,
    Sees,
    both,
    draw_truth,
    median_interval,
    negative,
    over_both,
    truth_figure,
    truth_sentence,
    truth_table,
    verdict,
)

SETTINGS = FiguresSettings(dpi=50)
WORD = {"settings": SETTINGS, "word": "simulated"}
METRICS = ["silhouette", "d", "head_accuracy"]
FEW = {
    "names": [
        "unsupervised.aug_multi_crop",
        "weakly_supervised.aug_one_crop",
        "self_supervised.aug_one_crop",
        "intensities",
    ]
}


def ranks_drawn(axes: Axes) -> list[str]:
    """Numbers within the cells."""
    bottom = axes.get_ylim()[0]
    return [text.get_text() for text in axes.texts if text.get_text().isdigit() and text.get_position()[1] < bottom]


def test_every_rank_is_drawn_once_in_the_order_of_the_papers_table(tmp_path: Path) -> None:
    ranking, stability = made.write_ranking(tmp_path, METRICS)
    paths = outputs(tmp_path, "comparison_ranking")
    draw_ranking(ranking, stability, similar=made.SIMILAR, **WORD, **paths)
    data = pd.read_csv(paths["csv"])
    assert list(data["metric"].unique()) == ["d", "head_accuracy", "silhouette"]
    key = ["metric", "setup", "seed"]
    expected = pd.read_parquet(ranking).sort_values(key)["rank"]
    np.testing.assert_array_equal(data.sort_values(key)["rank"], expected)
    table = ranking_table(ranking, stability)
    with style(SETTINGS):
        figure = ranking_figure(table, made.SIMILAR)
    assert sorted(ranks_drawn(figure.axes[0])) == sorted(f"{rank:g}" for rank in table["rank"])
    assert "d(MTX, PEM)" in [text.get_text() for text in figure.axes[0].texts]
    assert {"best kept (% of seeds)", "67", "Kendall’s τ", "0.31"} <= {text.get_text() for text in figure.axes[0].texts}


def test_with_many_seeds_ranks_are_colours_alone_and_a_missing_rank_is_white(tmp_path: Path) -> None:
    ranking, stability = made.write_ranking(tmp_path, METRICS, names=FEW["names"])
    table = ranking_table(ranking, stability)
    many = pd.concat([table.assign(seed=table["seed"] + 3 * i) for i in range(8)])
    missing = many[~((many["setup"] == "intensities") & (many["seed"] > 0))]
    with style(SETTINGS):
        figure = ranking_figure(missing, made.SIMILAR)
    assert ranks_drawn(figure.axes[0]) == []
    pixels = np.asarray(figure.axes[0].images[0].get_array())
    assert (pixels[3, 1:] == 1).all()
    assert not (pixels[:3, :, :3] == 1).all(axis=2).any()


def test_without_ranks_the_file_is_named(tmp_path: Path) -> None:
    ranking, stability = made.write_ranking(tmp_path, ["unknown_metric"])
    with pytest.raises(FigureError, match="no setup has a rank"):
        ranking_table(ranking, stability)
    with pytest.raises(FigureError, match=r"none\.parquet does not exist"):
        ranking_table(tmp_path / "none.parquet", stability)


def test_the_truth_is_seen_where_the_interval_over_seeds_lies_above_zero(tmp_path: Path) -> None:
    files = made.write_similarity(tmp_path, **FEW)
    paths = outputs(tmp_path, "comparison_truth")
    draw_truth(files, similar=made.SIMILAR, opposite=made.OPPOSITE, **WORD, **paths)
    data = pd.read_csv(paths["csv"], float_precision="round_trip")
    sees = data.drop_duplicates("setup").set_index("setup")["sees"].to_dict()
    assert sees["unsupervised.aug_multi_crop"] == "yes"
    assert sees["weakly_supervised.aug_one_crop"] == "no"
    assert sees["self_supervised.aug_one_crop"] == "undecided", (
        "its drugs lie apart and do not point in opposite directions"
    )
    assert sees["intensities"] == "yes", "no seed changes it: judged over cell lines"
    table = pd.concat([pd.read_parquet(path) for path in files])
    of_seeds = (
        table.query("metric == 'separation_between' and setup == 'unsupervised.aug_multi_crop'")
        .groupby("seed")["value"]
        .median()
    )
    mine = data[data["setup"] == "unsupervised.aug_multi_crop"]
    assert list(mine["value"]) == pytest.approx(list(of_seeds))
    assert mine["mean"].iloc[0] == pytest.approx(of_seeds.mean())


def test_a_collapsed_training_is_told_and_has_no_distance(tmp_path: Path) -> None:
    files = made.write_similarity(tmp_path, **FEW)
    setup, seed = made.COLLAPSED
    table = pd.concat([pd.read_parquet(path) for path in files])
    written = table[(table["setup"] == setup) & (table["seed"] == seed)].set_index("metric")["value"]
    assert (written["separation_between"] == made.OF_NOISE["separation_between"]).all(), "the task states a number"
    data = truth_table(files)
    mine = data[data["setup"] == setup].set_index("seed")
    assert mine["collapsed"].to_dict() == {0: 0, 1: 1, 2: 0}
    assert mine[["value", "cosine"]].isna().any(axis=1).to_dict() == {0: False, 1: True, 2: False}
    assert mine.loc[seed, ["value", "cosine"]].isna().all()
    assert mine["cell_types"].to_dict() == {0: len(made.LINES), 1: 0, 2: len(made.LINES)}
    assert mine["mean"].iloc[0] == pytest.approx(mine["value"].mean()), "of the other seeds"
    assert set(mine["plain"]) == {"yes"}, "the plain distances of the other seeds"
    with style(SETTINGS):
        figure = truth_figure(data, ["PAC–RAP", "MTX–PEM"])
    assert any("1 collapsed" in text.get_text() for axes in figure.axes for text in axes.texts)


def test_one_seed_leaves_it_undecided_and_the_sentence_names_all(tmp_path: Path) -> None:
    data = truth_table(made.write_similarity(tmp_path, seeds=(0,), **FEW))
    sees = data.set_index("setup")["sees"]
    assert set(sees.drop("intensities")) == {"undecided"}
    said = truth_sentence(truth_table(made.write_similarity(tmp_path)))
    assert "Unsupervised (all 4 settings)" in said
    assert "; the separation is contradicted (below 0) for 4 of 20 setups (Weakly supervised (all 4 settings))" in said
    assert "; undecided for 5 of 20 setups (Self-supervised (all 4 settings); Untrained encoder (floor))." in said
    assert "Intensities (floor), which no seed changes: over cell lines" in said


def test_of_two_settings_both_are_named(tmp_path: Path) -> None:
    names = ["unsupervised.aug_multi_crop", "unsupervised.aug_one_crop"]
    assert "Both of the latter hold for 2 of 2 setups (Unsupervised (both settings))." in truth_sentence(
        truth_table(made.write_similarity(tmp_path, names=names))
    )


def test_both_intervals_and_both_statistics_decide() -> None:
    up, around, none = (0.1, 0.2), (-0.1, 0.1), (np.nan, np.nan)
    down = (-0.2, -0.1)
    of = {(a, b): verdict([0.0, *a, *b]) for a in (up, around, down, none) for b in (up, around, down, none)}
    assert {ends for ends, sees in of.items() if sees is Sees.YES} == {(up, up)}
    assert {ends for ends, sees in of.items() if sees is Sees.NO} == {(down, down)}
    assert verdict(negative([0.3, *up, *up])) is Sees.NO
    yes, no, open_ = Sees.YES, Sees.NO, Sees.UNDECIDED
    assert [both(yes, yes), both(yes, no), both(yes, open_), both(open_, yes)] == [yes, open_, open_, open_]
    assert [both(no, yes), both(no, no), both(open_, open_)] == [no, no, open_]


def numbers_of_one(values: np.ndarray) -> pd.DataFrame:
    """(seeds, lines) as a table."""
    seeds, lines = np.indices(values.shape)
    return pd.DataFrame({"seed": seeds.ravel(), "cell_type": lines.ravel(), "value": values.ravel()})


def test_seeds_that_agree_do_not_decide_where_cell_lines_do_not() -> None:
    """The median over lines is the same with every seed, and two of seven lines say the opposite."""
    lines = np.array([0.5, 0.5, 0.5, 0.5, 0.5, -0.4, -0.6])
    values = lines + np.array([[-0.01], [0.0], [0.01]])
    found = over_both(numbers_of_one(values), True, 0.95)
    assert found[1] > 0, "over seeds"
    assert found[3] < 0, "over cell lines"
    assert verdict(found) is Sees.UNDECIDED
    assert verdict(over_both(numbers_of_one(np.abs(values)), True, 0.95)) is Sees.YES
    assert verdict(over_both(numbers_of_one(np.abs(values[:1])), True, 0.95)) is Sees.UNDECIDED, "one seed"
    assert verdict(over_both(numbers_of_one(np.abs(values[:1])), False, 0.95)) is Sees.YES, "no seed changes it"


def test_the_sentence_counts_each_statistic(tmp_path: Path) -> None:
    said = truth_sentence(truth_table(made.write_similarity(tmp_path)))
    assert "(separation) in 15 of 20 setups" in said  # not the weakly supervised ones, not the untrained encoder
    assert "within each drug in 15 of 20" in said
    assert "below 0) in 15 of 20" in said  # not the self-supervised ones, not the untrained encoder
    assert "Both of the latter hold for 11 of 20 setups (" in said


@pytest.mark.parametrize("count", [6, 9, 21])
def test_the_interval_of_a_median_covers_as_the_sign_test_does(count: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    low, high = median_interval(values, 0.95)
    for end, inside in ((low, low + 1e-9), (high, high - 1e-9)):
        assert end in values
        assert binomtest(int((values > inside).sum()), count).pvalue > 0.05, "a median inside is not refused"
    assert binomtest(int((values >= low).sum()), count).pvalue <= 0.05, "one at the lower end's outer side is"
    assert np.isnan(median_interval(values[:5], 0.95)).all()


def test_without_an_opposite_pair_there_is_no_truth_to_see(tmp_path: Path) -> None:
    files = made.write_similarity(tmp_path, opposite=False, **FEW)
    about = {"similar": made.SIMILAR, **WORD, **outputs(tmp_path, "comparison_truth")}
    with pytest.raises(FigureError, match="names no pair of drugs with opposite effect"):
        draw_truth(files, opposite=[], **about)


def test_where_no_setup_can_be_judged_the_reason_stands_in_the_place_of_the_figure(tmp_path: Path) -> None:
    files = made.write_similarity(tmp_path, **FEW)
    tables = {path: pd.read_parquet(path) for path in files}
    for metric, value, reason in (
        ("collapsed", 1.0, "the codes of all setups collapsed"),
        ("separation_between", np.nan, "no cell line has a separation of opposite and similar drugs"),
    ):
        for path, table in tables.items():
            table.loc[table["metric"] == metric, "value"] = value
            table.to_parquet(path, index=False)
        with pytest.raises(NoTruthError, match=reason):
            truth_table(files)
        paths = outputs(tmp_path, "comparison_truth")
        draw_truth(files, similar=made.SIMILAR, opposite=made.OPPOSITE, **WORD, **paths)
        drawn = pd.read_csv(paths["csv"])
        assert drawn["missing"].str.startswith(f"Not drawn: {reason}").all()
        assert drawn["images"].tolist() == ["simulated"]
        assert all(path.stat().st_size > 0 for path in paths.values())

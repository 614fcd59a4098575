"""The setups on the audit page: each value is the one that its interval is laid around, and what collapsed is told with seeds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import comparison_inputs as made
from gandl.report.setups import SetupsStory, setups_story

NAMES = ["unsupervised.aug_one_crop", "self_supervised.aug_one_crop", "intensities"]
SECTION = {"comparison": {"opposite": made.OPPOSITE, "similar": made.SIMILAR, "tasks": {"confidence": 0.95}}}


@pytest.fixture
def story(tmp_path: Path) -> SetupsStory:
    similarity = made.write_similarity(tmp_path, names=NAMES)
    table = pd.read_parquet(made.write_summary(tmp_path, similarity))
    about = {"metric": "silhouette", "centre": "mean", "median": 0.9, "mean": 0.3, "low": 0.2, "high": 0.4}
    more = pd.DataFrame([{"setup": name, "seeds": 3, "cell_types": 6, **about} for name in NAMES])
    path = tmp_path / "setups.parquet"
    pd.concat([table, more], ignore_index=True).to_parquet(path)
    _, stability = made.write_ranking(tmp_path, ["d"], names=NAMES)
    found = setups_story([path, stability], similarity, SECTION)
    assert found is not None
    return found


def test_a_value_is_the_centre_of_its_interval(story: SetupsStory) -> None:
    at = [title for title, _ in story.columns].index("Silhouette")
    for _, _, values in story.rows:
        found = values[at]
        assert found is not None
        assert (found.value, found.low, found.high) == (0.3, 0.2, 0.4), "the mean, not the median of 0.9"


def test_a_collapse_is_told_with_its_seeds_and_lines(story: SetupsStory) -> None:
    (said,) = [sentence for sentence in story.sentences if "ollapsed" in sentence]
    assert "Self-supervised, augmented, one crop in 1 of 3 seeds (1), there in 6 of 6 cell lines" in said


def test_the_planted_truth_is_told_by_each_statistic(story: SetupsStory) -> None:
    (said,) = [sentence for sentence in story.sentences if sentence.startswith("Planted truth")]
    for part in ("plain distances", "less the spread within each drug", "opposite directions", "seen by"):
        assert part in said

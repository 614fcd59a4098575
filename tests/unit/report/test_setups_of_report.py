"""The setups on the audit page: each value is the one that its interval is laid around, and what collapsed is told with seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import comparison_inputs as made
from gandl.config import ComparisonSettings
from gandl.report.captions import chosen_in_words
from gandl.report.setups import SetupsStory, rests_on, setups_story
from gandl.tables.comparison import TEST, TRAIN

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
    for part in (
        "plain distances",
        "less the spread within each drug",
        "opposite directions",
        "Both of the latter hold",
    ):
        assert part in said


def test_a_truth_that_cannot_be_judged_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    similarity = made.write_similarity(tmp_path, opposite=False, names=NAMES)
    _, stability = made.write_ranking(tmp_path, ["d"], names=NAMES)
    story = setups_story([made.write_summary(tmp_path, similarity), stability], similarity, SECTION)
    assert story is not None
    (said,) = [sentence for sentence in story.sentences if sentence.startswith("Planted truth")]
    assert said.startswith(
        "Planted truth: cannot be judged (no cell line has a separation of opposite and similar drugs"
    )
    assert len(story.rows) == len(NAMES)


@pytest.mark.parametrize(
    ("floor", "end"), [("untrained", "that floor"), ("intensities", "its value (no interval over seeds)")]
)
def test_a_floor_without_an_interval_is_beaten_by_its_value(tmp_path: Path, floor: str, end: str) -> None:
    names = ["unsupervised.aug_one_crop", floor]
    numbers = made.write_drug_control(tmp_path, names=names)
    _, stability = made.write_ranking(tmp_path, ["d"], names=names)
    table = pd.read_parquet(made.write_summary(tmp_path, numbers))
    no_seed = table["setup"] == "intensities"
    assert table.loc[no_seed, "low"].isna().all()
    story = setups_story(
        [tmp_path / "table.parquet", stability], [], {"comparison": SECTION["comparison"] | {"opposite": None}}
    )
    assert story is not None
    (said,) = [sentence for sentence in story.sentences if sentence.startswith("Drug against vehicle")]
    assert f"above {end} by whole intervals over seeds." in said


def rests_on_of(tmp_path: Path, parts: list[str] | None = None, **changes: Any) -> dict[str, str]:
    sites = tmp_path / "sites.parquet"
    pd.DataFrame({"site_id": ["a", "b"]} | ({"given_part": parts} if parts else {})).to_parquet(sites)
    return rests_on({"comparison": changes}, sites)


def test_the_page_says_what_its_numbers_rest_on(tmp_path: Path) -> None:
    said = rests_on_of(tmp_path)
    assert "all tiles of a well are trained on, validate, or are tested." in said["Tile"]
    assert said["Held out"].startswith(
        "20 % of the wells of each cell line, treatment and dose are tested, 10 % choose"
    )
    assert (
        said["Seeds"] == "Every setup is made with 3 seeds, intensities with one; intervals of medians are over them."
    )
    assert rests_on_of(tmp_path, [TRAIN, TRAIN]) == said, "a source that states no test part"


def test_the_page_claims_no_held_out_wells_where_there_are_none(tmp_path: Path) -> None:
    by_tile = rests_on_of(tmp_path, faithful=["tile_split"])
    assert "tiles are dealt one by one" in by_tile["Tile"]
    assert by_tile["Held out"].startswith("As many tiles as 20 % of the wells have are tested")
    given = rests_on_of(tmp_path, [TRAIN, TEST])
    assert "20 %" not in given["Held out"]
    assert given["Held out"].startswith("The images of the test part that the source states are tested")
    assert "all tiles of a well" not in given["Tile"]
    assert "also choose" in rests_on_of(tmp_path, faithful=["test_selection"])["Held out"]
    one = rests_on_of(tmp_path, faithful=["single_seed"])["Seeds"]
    assert one == "Every setup is made with 1 seed; there is no interval over seeds."


@pytest.mark.parametrize(
    ("switches", "chosen"),
    [
        ([], "tiles that are tested chose nothing"),
        (["test_selection"], "tiles that are tested chose the head’s settings (test_selection)"),
        (["tile_split"], "tiles that are tested chose nothing, and are of wells that also trained (tile_split)"),
    ],
)
def test_what_chose_settings_follows_the_switches(switches: list[str], chosen: str) -> None:
    assert chosen_in_words(ComparisonSettings(faithful=switches)) == chosen  # type: ignore[arg-type]

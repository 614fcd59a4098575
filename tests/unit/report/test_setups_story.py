"""What the audit page says of the setups of the comparison: how many tiles they saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gandl.config import ComparisonSettings
from gandl.evaluation.comparison.stability import EVERY
from gandl.report.setups import setups_story


def story_of(
    folder: Path,
    labels: list[str | None],
    parts: list[str],
    changes: dict[str, int] | None = None,
    **recipe: Any,
) -> list[str]:
    """Sentences on a comparison of three setups and a floor, on tiles with these labels and parts; `changes` of the best by
    metric."""
    names = ["unsupervised.aug_one_crop", "self_supervised.aug_one_crop", "dino", "untrained"]
    table = pd.DataFrame(
        {"setup": names, "metric": "d", "median": 0.1, "centre": "median", "low": 0.0, "high": 0.2, "cell_types": 7}
    )
    files = folder / "table.parquet", folder / "stability.parquet"
    table.to_parquet(files[0])
    stable = pd.Series(changes or {"d": 0}).rename_axis("metric").reset_index(name="changes")
    both = [stable.assign(among=EVERY), stable.assign(among="unsupervised", changes=9, metric="head_accuracy")]
    pd.concat(both, ignore_index=True).to_parquet(files[1])
    tiles = folder / "tiles.parquet"
    pd.DataFrame({"tile": range(len(parts)), "label": labels, "part": parts}).to_parquet(tiles)
    settings = {"comparison": ComparisonSettings(recipe=recipe).model_dump(mode="json")}
    story = setups_story(files, [], settings, tiles)
    assert story is not None
    assert setups_story(files, [], settings).sentences == story.sentences[1:]  # type: ignore[union-attr]
    return story.sentences


@pytest.mark.parametrize(("balanced", "passes", "drawn"), [(True, "0.4", "6,000"), (False, "0.3", "8,000")])
def test_the_first_sentence_says_how_often_training_tiles_were_shown(
    tmp_path: Path, balanced: bool, passes: str, drawn: str
) -> None:
    parts = ["train"] * 8000 + ["validation"] * 500 + ["test"] * 500
    labels = [*["drug"] * 2000, *["control"] * 4000, *[None] * 2000, *["drug", "control"] * 500]
    first, *_ = story_of(tmp_path, labels, parts, images=2560, images_of={"dino": 12_000}, balanced=balanced)
    of_dino = "2.0" if balanced else "1.5"
    assert first == (
        f"Every setup saw 2,560 tiles ({passes} passes over its {drawn} training tiles; the paper: 50), but DINO 12,000 "
        f"({of_dino} passes)."
    )


def test_tiles_without_two_labels_are_all_counted(tmp_path: Path) -> None:
    first, *_ = story_of(tmp_path, ["drug", "drug", None, None], ["train"] * 4, images=16, images_of={"dino": 16})
    assert first == "Every setup saw 16 tiles (4.0 passes over its 4 training tiles; the paper: 50)."


def test_the_metrics_whose_best_setup_changes_are_named_as_readers_know_them(tmp_path: Path) -> None:
    tiles: tuple[list[str | None], list[str]] = (["drug", "control"], ["train"] * 2)
    assert story_of(tmp_path, *tiles)[-1] == "The same setup is the best under every seed by each of 1 metric."
    changes = {"d": 2, "silhouette": 0, "davies_bouldin": 1, "inverse_davies_bouldin": 1}
    assert story_of(tmp_path, *tiles, changes)[-1] == (
        "The best setup changes between seeds by 2 of 3 metrics (d(MTX, PEM); 1 / Davies–Bouldin): a ranking of one seed says "
        "little."
    )

"""The comparison of representation learning on the audit page: takes its tables, makes sentences and one table of setups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gandl.config import ComparisonSettings
from gandl.config.representations import PASSES_OF_PAPER
from gandl.evaluation.comparison.stability import EVERY
from gandl.figures.common.style import FigureError
from gandl.figures.comparison.notes import NONE_COLLAPSED, collapsed
from gandl.figures.comparison.setups import is_floor, setup_label
from gandl.figures.comparison.terms import COSINE, METRICS, SEPARATION, metric_label
from gandl.figures.comparison.truth import truth_sentence, truth_table
from gandl.images.tiles.parts import GIVEN
from gandl.report.captions import chosen_in_words, method_in_words
from gandl.report.numbers import Value
from gandl.report.reference.representations import tiles_drawn
from gandl.tables.comparison import TEST
from gandl.workflow.words import counted

COLUMNS = {
    "d": ("d", "similar drugs nearer to each other than to vehicle"),
    SEPARATION: ("Separation", "opposite drugs farther apart than similar ones, less the spread within each"),
    COSINE: ("Cosine", "of the shifts that opposite drugs make: -1 opposite, 0 unrelated; less is better"),
    "head_accuracy": ("Accuracy", "drug against vehicle, head on frozen codes"),
    "head_balanced_accuracy": ("Balanced accuracy", "the same, both kinds alike; 0.5 without any knowledge"),
    "head_roc_auc": ("ROC AUC", "the same"),
    "svm_roc_auc": ("ROC AUC, SVM", "linear SVM on the same codes"),
    "silhouette": ("Silhouette", "clusters within cell lines"),
}
"""Metrics of the page's table: title, and what it says; all but the cosine are higher where better."""
ACCURACY = "head_roc_auc"


@dataclass(frozen=True)
class SetupsStory:
    """What the page says: `sentences`, and `rows` of a table: label, whether it is a floor, and a value (or None) per column;
    `chosen` says what chose settings."""

    chosen: str
    sentences: list[str]
    columns: list[tuple[str, str]]
    rows: list[tuple[str, bool, list[Value | None]]]


def setups_story(
    files: Sequence[Path], similarity: Sequence[Path], settings: Mapping[str, Any], tiles: Path | None = None
) -> SetupsStory | None:
    """The story of a run.

    Parameters
    ----------
    files : its table of setups and the table of the ranking's stability; empty where the run compares none.
    similarity : numbers of the task of similarity, of every setup and seed.
    settings : the run's configuration as plain values.
    tiles : the table of tiles; None: nothing is said of how often they were shown.
    """
    if not files:
        return None
    compared = ComparisonSettings.model_validate(settings["comparison"])
    table, stability = (pd.read_parquet(file) for file in files)
    stability = stability[stability["among"] == EVERY]
    names = list(dict.fromkeys(table["setup"]))
    shown = {metric: title for metric, title in COLUMNS.items() if (table["metric"] == metric).any()}
    rows = [(setup_label(name), is_floor(name), [_value(table, name, metric) for metric in shown]) for name in names]
    sentences = [
        *_shown(names, tiles, compared),
        *_truth(similarity, compared),
        *_against_floors(table),
        *_stable(stability, compared.similar),
        *_collapsed(similarity, compared.tasks.similarity.collapsed_below),
    ]
    return SetupsStory(chosen_in_words(compared), sentences, list(shown.values()), rows)


def rests_on(settings: Mapping[str, Any], sites: Path) -> dict[str, str]:
    """What the numbers rest on, in sentences by term; `settings` as of `setups_story`, `sites` of the screen that is cut."""
    table = pd.read_parquet(sites)
    given = GIVEN in table and bool((table[GIVEN] == TEST).any())
    return method_in_words(ComparisonSettings.model_validate(settings["comparison"]), given)


def _shown(names: Sequence[str], tiles: Path | None, compared: ComparisonSettings) -> list[str]:
    """How many tiles the learned setups saw, and how many times the training tiles that is."""
    learned = [name for name in names if not is_floor(name)]
    if tiles is None or not learned:
        return []
    recipe = compared.recipe
    drawn = tiles_drawn(pd.read_parquet(tiles, columns=["part", "label"]), recipe)
    by_images: dict[int, list[str]] = {}
    for name in learned:
        by_images.setdefault(recipe.of(name)[1].images, []).append(name)
    (images, most), *others = sorted(by_images.items(), key=lambda item: -len(item[1]))
    sentence = (
        f"Every setup saw {images:,} tiles ({recipe.passes(most[0], drawn):.1f} passes over its {drawn:,} training tiles; the "
        f"paper: {PASSES_OF_PAPER})"
    )
    exceptions = [
        f"{', '.join(setup_label(name) for name in of)} {shown:,} ({recipe.passes(of[0], drawn):.1f} passes)"
        for shown, of in others
    ]
    return [f"{sentence}, but {'; '.join(exceptions)}." if exceptions else f"{sentence}."]


def _of(table: pd.DataFrame, setup: str, metric: str) -> pd.Series | None:
    found = table[(table["setup"] == setup) & (table["metric"] == metric)]
    return None if found.empty or pd.isna(found.iloc[0]["median"]) else found.iloc[0]


def _value(table: pd.DataFrame, setup: str, metric: str) -> Value | None:
    row = _of(table, setup, metric)
    if row is None:
        return None
    return Value(float(row[row["centre"]]), float(row["low"]), float(row["high"]), int(row["cell_types"]), "cell line")


def _truth(similarity: Sequence[Path], compared: ComparisonSettings) -> list[str]:
    """Which setups see that drugs of opposite effect differ more than similar ones (`figures.comparison.truth`), or why that
    cannot be judged."""
    if not compared.opposite:
        return []
    (a, b), (c, d) = compared.opposite, compared.similar
    try:
        said = truth_sentence(truth_table(similarity, compared.tasks.confidence))
    except FigureError as error:
        return [f"Planted truth: cannot be judged ({error})."]
    return [f"Planted truth ({a} and {b} have opposite effects, {c} and {d} similar ones). {said}"]


def _against_floors(table: pd.DataFrame) -> list[str]:
    """The best setup by AUC, the best floor, and how many setups are above it."""
    rows = {name: row for name in dict.fromkeys(table["setup"]) if (row := _of(table, name, ACCURACY)) is not None}
    floors = {name: row for name, row in rows.items() if is_floor(name)}
    learned = {name: row for name, row in rows.items() if not is_floor(name)}
    if not floors or not learned:
        return []
    best, floor = (max(of, key=lambda name: of[name]["median"]) for of in (learned, floors))
    above = [
        name
        for name, row in learned.items()
        if row["low"] > np.nanmax([floors[floor]["high"], floors[floor]["median"]])
    ]
    end = "that floor" if pd.notna(floors[floor]["high"]) else "its value (no interval over seeds)"
    return [
        f"Drug against vehicle (ROC AUC of the head, median over cell lines): of {counted(len(learned), 'learned setup')} the "
        f"best is {setup_label(best)} with {_text(learned[best])}, the best floor {setup_label(floor)} with "
        f"{_text(floors[floor])}; {counted(len(above), 'of them lies', 'of them lie')} above {end} by whole "
        "intervals over seeds."
    ]


def _text(row: pd.Series) -> str:
    interval = "" if pd.isna(row["low"]) else f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['median']:.2f}{interval}"


def _stable(stability: pd.DataFrame, similar: Sequence[str]) -> list[str]:
    """By how many of the metrics that are shown the best setup changes from seed to seed."""
    stability = stability[stability["metric"].isin(list(METRICS))]
    changing, every = stability[stability["changes"] > 0]["metric"].unique(), stability["metric"].unique()
    if len(every) == 0:
        return []
    metrics = counted(len(every), "metric")
    if not len(changing):
        return [f"The same setup is the best under every seed by each of {metrics}."]
    labels = [metric_label(str(name), similar) for name in changing]
    return [
        f"The best setup changes between seeds by {len(changing)} of {metrics} ({'; '.join(labels)}): a ranking of one "
        "seed says little."
    ]


def _collapsed(similarity: Sequence[Path], below: float) -> list[str]:
    """What collapsed, in how many seeds and cell lines; the sentence of Table 2 (`figures.comparison.notes`)."""
    return [said for said in collapsed(similarity, below) if not said.endswith(NONE_COLLAPSED)]

"""Leakage and layout: takes a featurizer's raw and normalised well profiles, makes how much of a well's place they carry.

For each cell type by itself, so that plates are compared with plates of the same cells: places predicted from profiles, negative
controls in one position, variance fractions, and whether a place leaks the label. Each accuracy stands beside its chance level.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from gandl.config import EvaluationSettings, Normalization, QuestionName
from gandl.evaluation.layout.leakage import Leak, leaks
from gandl.evaluation.layout.permutations import Permuted
from gandl.evaluation.layout.places import place_tests
from gandl.evaluation.layout.replicating import same_position
from gandl.evaluation.layout.variance import variance_fractions
from gandl.evaluation.layout.wells import Wells, read_wells, standardised
from gandl.evaluation.numbers import Row, number, write_numbers
from gandl.evaluation.paired import holm

MOST_DRAWS = 999
"""Permutations at most, whatever `evaluation.bootstrap` says: p values of a thousandth are small enough for some twenty tests."""
NONE = (np.nan, np.nan)

logger = logging.getLogger(__name__)


def write_layout(
    wells: Path,
    raw_wells: Path,
    settings: EvaluationSettings,
    *,
    featurizer: str,
    normalization: str,
    seed: int,
    training_seed: int,
    output: Path,
) -> None:
    """Write the numbers of the question `layout` for one featurizer, under its normalisation and without any.

    Parameters
    ----------
    wells, raw_wells : well profiles under `normalization`, and raw; of a network trained fold by fold, the fold with most wells.
    settings : bootstrap (permutations, at most 999), confidence (of chance intervals).
    seed : of draws and permutations. training_seed : of the network, for the table.
    output : `tables.NUMBERS`, split `<place>:<cell type>`, unit `well`; null where a test is not possible, the log says why.
        Place plate, experiment, row, column: `leak_accuracy` (balanced); edge: `leak_auc`; same_position: `leak_map`,
        `leak_replicating`. Plate, row, column, edge: `leak_label_auc` of the label by the place alone. Of each of these
        `<metric>_chance`, whose interval is that of permutations, and `<metric>_p`. `leak_effect_p`: of the place's effect on
        profiles within kinds of wells, treated ones, too. `leak_share`: part of the distance between the controls that the
        effect of the place makes. `leak_p`:
        that the place leaks the label, `leak_confounded_p`: that it predicts the label, both after Holm over places and cell
        types. `leak_variance`: omega squared of plate, experiment, row, column, edge and treatment.
    """
    rows: list[Row] = []
    draws = min(settings.bootstrap, MOST_DRAWS)
    for method, path in {Normalization.NONE.value: raw_wells, normalization: wells}.items():
        rows += [
            {**row, "normalization": method}
            for row in layout_numbers(read_wells(Path(path), seed), draws, settings.confidence, seed, method)
        ]
    names = {"question": QuestionName.LAYOUT.value, "featurizer": featurizer}
    write_numbers(rows, output, training_seed=training_seed, **names)


def layout_numbers(wells: Wells, draws: int, confidence: float, seed: int, method: str = "") -> Iterator[Row]:
    """Rows of every cell type; parameters as of `write_layout`, `method` is for the log."""
    of_types: dict[str, dict[str, Leak]] = {}
    for cell_type in sorted(wells.about["cell_type"].unique()):
        mine = wells.where(wells.about["cell_type"] == cell_type)
        mine = Wells(mine.about, standardised(mine.values))
        known = mine.where(mine.about["known"])
        places = place_tests(known, draws, confidence, seed)
        for place, found in places.items():
            yield from _rows(f"{place}:{cell_type}", "auc" if place == "edge" else "accuracy", found, method)
        position = same_position(known, draws, confidence, seed)
        for metric in ("map", "replicating"):
            found = position if isinstance(position, str) else position[metric]
            yield from _rows(f"same_position:{cell_type}", metric, found, method)
        for factor, share in variance_fractions(mine).items():
            yield number(f"{factor}:{cell_type}", "well", "leak_variance", share, NONE, len(mine.about))
        of_types[cell_type] = leaks(mine, places, draws, confidence, seed)
        for place, leak in of_types[cell_type].items():
            split = f"{place}:{cell_type}"
            yield from _rows(split, "label_auc", leak.label, method)
            yield number(split, "well", "leak_share", leak.share, NONE, len(mine.about))
            p = leak.effect.p if isinstance(leak.effect, Permuted) else np.nan
            yield number(split, "well", "leak_effect_p", p, NONE, len(mine.about))
    yield from _adjusted(of_types, wells)


def _rows(split: str, metric: str, found: Permuted | str, method: str) -> Iterator[Row]:
    """The statistic, its chance with the interval of permutations, and p."""
    if isinstance(found, str):
        logger.info("%s, leak_%s of %s is left out: %s", method, metric, split, found)
        found = Permuted(np.nan, np.nan, np.nan, np.nan, np.nan, 0)
    yield number(split, "well", f"leak_{metric}", found.value, NONE, found.n)
    yield number(split, "well", f"leak_{metric}_chance", found.chance, (found.low, found.high), found.n)
    yield number(split, "well", f"leak_{metric}_p", found.p, NONE, found.n)


def _adjusted(of_types: Mapping[str, Mapping[str, Leak]], wells: Wells) -> Iterator[Row]:
    """Holm's p over all places and cell types: of leaks, and of labels that places predict."""
    keys = [(place, cell_type) for cell_type, found in of_types.items() for place in found]
    every = [of_types[cell_type][place] for place, cell_type in keys]
    count = wells.about["cell_type"].value_counts()
    labels = [leak.label.p if isinstance(leak.label, Permuted) else np.nan for leak in every]
    for metric, p in (("leak_p", [leak.p for leak in every]), ("leak_confounded_p", labels)):
        for (place, cell_type), each in zip(keys, holm(np.array(p, float)), strict=True):
            yield number(f"{place}:{cell_type}", "well", metric, float(each), NONE, int(count[cell_type]))

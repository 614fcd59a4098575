"""What a run of the comparison of representation learning answers of Dmitrenko et al. (2022): takes its table, the numbers of its
tasks, its tiles and the costs of its trainings; makes answers for their Tables 1 and 2, their settings and what they claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config.comparison_terms import Beyond, Paradigm, Setting, parts_of, setups
from gandl.config.representations import RepresentationSettings
from gandl.figures.comparison.setups import OF_RUN
from gandl.figures.comparison.terms import OF_PAIR, is_paper_pair
from gandl.report.reference.answers import joined, table
from gandl.report.reference.paradigms import QUESTION, claims
from gandl.report.reference.values import COSTS, SCREEN, SETTINGS
from gandl.tables import NUMBERS, read_table
from gandl.tables.comparison import TRAIN

SECTION = "comparison"
"""Of the configuration; and the split of counts, which are of no screen but of the tiles taken of it."""
OF_LINES = "cell_line"
"""Unit of what is a median or mean over cell lines."""
PER_CENT = ("not_noise",)
"""Shares here, per cent in the paper."""
OF_ITS_OWNERS = "class_folders"
"""The screen whose source reads the paper's images as their owners keep them; numbers of other real screens answer nothing."""
SIZES = {"half": 1 / 2, "quarter": 1 / 4}
"""Sizes of crops: the least share of a tile's area that they show."""
MULTI, ONE = "multi_crop", "one_crop"


@dataclass(frozen=True)
class ComparisonFiles:
    """Files of the comparison.

    table : setup, metric, median, mean, which of them is its `centre`, low, high, cell_types
        (`evaluation/comparison/table.parquet`).
    numbers : of its tasks, each setup and seed (`gandl.tables.NUMBERS`). tiles : the table of tiles.
    """

    table: Path
    numbers: Sequence[Path]
    tiles: Path


def comparison_answers(files: ComparisonFiles | None, provenance: Mapping[str, Any]) -> pd.DataFrame:
    """All answers; none where the run has no comparison, and only settings where its images are of another real screen.

    Where the run's similar drugs are others than the paper's, their distances answer nothing, and neither do claims: most of them
    count distances.

    Parameters
    ----------
    provenance : of the run: `configuration`, `simulated`, `jobs`.
    """
    configuration = provenance["configuration"]
    section = configuration.get(SECTION)
    if files is None or not section:
        return table([])
    tiles = pd.read_parquet(files.tiles)
    read = [read_table(Path(path), NUMBERS) for path in files.numbers]
    numbers = pd.concat([one for one in read if len(one)] or read[:1], ignore_index=True) if read else pd.DataFrame()
    found = [settings_answers(section, tiles, numbers)]
    if provenance["simulated"] or OF_ITS_OWNERS in configuration["source"]["datasets"]:
        confidence = float((section.get("tasks") or {}).get("confidence", 0.95))
        its_pair = is_paper_pair(section["similar"])
        summary = pd.read_parquet(files.table)
        summary = summary if its_pair else summary[~summary["metric"].isin(OF_PAIR)]
        found += [table_2(summary), counts_of_tiles(tiles), training_costs(provenance["jobs"])]
        found += [claims(numbers, confidence)] if its_pair and len(numbers) else []
    return joined(found)


def table_2(summary: pd.DataFrame) -> pd.DataFrame:
    """The cells of the paper's Table 2, in its units, in their interval over seeds."""
    rows = []
    for row in summary.to_dict("records"):
        factor = 100.0 if row["metric"] in PER_CENT else 1.0
        values = {"value": row[row["centre"]], "low": row["low"], "high": row["high"]}
        about = {"question": QUESTION, "featurizer": row["setup"], "metric": row["metric"], "unit": OF_LINES}
        rows.append(about | {name: value * factor for name, value in values.items()} | {"n": int(row["cell_types"])})
    return table(rows)


def counts_of_tiles(tiles: pd.DataFrame) -> pd.DataFrame:
    """What the tiles show that are in a task: `cell_lines`, `drugs` (vehicles among them, as in the paper), `conditions` (a drug
    on a cell line), `concentrations` of a drug (median), `tiles_thousands`."""
    shown = tiles[tiles["label"].notna()]
    drugs = shown["treatment"].fillna("vehicle")
    doses = shown.groupby("treatment")["concentration_um"].nunique()
    found = {
        "cell_lines": shown["cell_type"].nunique(),
        "drugs": drugs.nunique(),
        "conditions": len(pd.DataFrame({"line": shown["cell_type"], "drug": drugs}).drop_duplicates()),
        "concentrations": doses[doses > 0].median(),
        "tiles_thousands": len(shown) / 1000,
    }
    return table(
        {"question": SCREEN, "split": SECTION, "metric": name, "value": float(value)} for name, value in found.items()
    )


def settings_answers(section: Mapping[str, Any], tiles: pd.DataFrame, numbers: pd.DataFrame) -> pd.DataFrame:
    """What follows of the section `comparison` of a configuration: numbers of setups, paradigms, settings, crops and of the tasks
    that numbers were made by, and how often a training sees each of its tiles."""
    asked = setups(section["paradigms"], section["settings"], ())
    found: dict[str, float] = {"setups": len(asked), "architectures": len(set(section["paradigms"]))}
    found["conditions"] = len(set(section["settings"]))
    if len(numbers):
        found["downstream_tasks"] = numbers["question"].nunique()
    if any(Setting(name).multi_crop for name in section["settings"]):
        found |= {f"crops.{name}": number for name, number in crops().items()}
    recipe = RepresentationSettings.model_validate(section["recipe"])
    if drawn := tiles_drawn(tiles, recipe):
        found["epochs"] = recipe.images / drawn
    return table({"question": SETTINGS, "metric": f"{SECTION}.{name}", "value": float(n)} for name, n in found.items())


def crops() -> dict[str, int]:
    """How many crops the multi-crop settings add to the whole tile, of which sizes, and how many there are then."""
    from gandl.models.objectives.comparison.augmentation import MULTI_CROP, WHOLE  # with torch: slow

    least = [share for share, _ in MULTI_CROP]
    sizes = {name: least.count(share) for name, share in SIZES.items()}
    return {"added": len(MULTI_CROP) - MULTI_CROP.count(WHOLE), **sizes, "total": len(MULTI_CROP)}


def tiles_drawn(tiles: pd.DataFrame, recipe: RepresentationSettings) -> int:
    """Of a table of tiles, how many a training is drawn from: all of the training part, or those with a label where drugs and
    controls are drawn equally often."""
    labels = tiles.loc[tiles["part"] == TRAIN, "label"]
    return int(labels.notna().sum()) if recipe.balanced and labels.nunique() > 1 else len(labels)


def training_costs(jobs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Hours of a training (mean over seeds and augmentation) by paradigm and crops, and most memory (GB) by crops; how much
    longer or shorter the paradigms take than each other."""
    rows = []
    for job in jobs:
        found = OF_RUN.search(str(job["job"])) if job["stage"] == "models" and SECTION in str(job["job"]) else None
        if found and found["setup"] in setups(beyond=()) and job["seconds"] is not None:
            parts = parts_of(found["setup"])
            assert not isinstance(parts, Beyond)
            crops = MULTI if parts[1].multi_crop else ONE
            rows.append((parts[0].value, crops, job["seconds"] / 3600, (job["peak_mib"] or float("nan")) * 2**20 / 1e9))
    costs = pd.DataFrame(rows, columns=["paradigm", "crops", "hours", "memory"])
    if costs.empty:
        return table([])
    answers = [
        _cost(str(paradigm), str(crops), "training_hours", mine["hours"].mean(), len(mine), mine["hours"])
        for paradigm, of_paradigm in costs.groupby("paradigm")
        for crops, mine in of_paradigm.groupby("crops")
    ]
    answers += [
        _cost("", str(crops), "peak_gb", mine["memory"].max(), len(mine), text="main memory")
        for crops, mine in costs.groupby("crops")
        if mine["memory"].notna().any()
    ]
    wide = costs.groupby(["paradigm", "crops"])["hours"].mean().unstack()
    if set(wide.index) == set(Paradigm) and not wide.isna().to_numpy().any():
        own, longest = wide.loc[Paradigm.SELF_SUPERVISED], wide.loc[Paradigm.REGULARIZED]
        ratios = (wide.drop(index=Paradigm.SELF_SUPERVISED) / own).to_numpy()
        longer = (longest / wide.drop(index=Paradigm.REGULARIZED).max()).to_numpy()
        answers.append(_cost(Paradigm.SELF_SUPERVISED, "", "times_faster", ratios.max(), len(costs)))
        answers.append(_cost(Paradigm.SELF_SUPERVISED, "", "least_times_faster", ratios.min(), len(costs)))
        answers.append(_cost(Paradigm.REGULARIZED, "", "times_longer", longer.min(), len(costs)))
    return table(answers)


def _cost(
    paradigm: str, crops: str, metric: str, value: float, n: int, of: pd.Series | None = None, text: str = ""
) -> dict[str, Any]:
    """A cost, from the least to the most of some trainings."""
    about = {"question": COSTS, "featurizer": str(paradigm), "split": crops, "metric": metric, "unit": "training"}
    ends = {} if of is None else {"low": float(of.min()), "high": float(of.max())}
    return about | ends | {"value": float(value), "n": n, "text": text}

"""How many 95 % intervals of an AUC hold 0.5 in simulated screens without any effect? Images to tables, by the workflow's code.

Screens of RxRx19a with severity 0 in every well, by seed: images, the floors' features, splits, profiles, scores and numbers of
the controls, as the workflow makes them, all schemes, SVM and LDA, on profiles in units of unlabelled wells and on raw ones.
Every AUC of C+ against C- counts, and of Mock against UV-inactivated wells by themselves; one without interval does not hold
0.5. To save time a plate keeps all its controls and only some of its treated wells.

    python -m benchmarks.simulator.null_screens --screens 12 --output benchmarks/results/null_screens.csv
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/inputs"))
from evaluation_inputs import write_embeddings
from gandl.config import EvaluationSettings, Normalization, SegmentationSettings, SimulationSettings
from gandl.embeddings.cells.cell_count import CellCountFeaturizer
from gandl.embeddings.cells.finding import CellFinder
from gandl.embeddings.cells.segmentation import SegmentationFeaturizer
from gandl.embeddings.intensity import IntensityFeaturizer
from gandl.evaluation.controls import write_controls
from gandl.evaluation.scores import write_scores
from gandl.normalization.profiles import write_profiles
from gandl.source.simulator.cells.drawing import CHANNELS, draw_site
from gandl.source.simulator.layout import Role
from gandl.source.simulator.rxrx19a import CONDITIONS, TrueWell, drawings, screen_of, true_wells
from gandl.source.splits import write_splits
from gandl.tables import NUMBERS, SITES, read_table, write_table
from table_rows import site_row

METHODS = (Normalization.UNLABELLED, Normalization.NONE)
"""Those that know no label. `mock` and `negative` put C+, or C-, in the middle of their own spread."""
AUCS = ("auc", "auc_lda", "auc_mock_uv")
CONTROL = {Role.MOCK: "positive", Role.INFECTED: "negative"}
RESULT = ["normalization", "scheme", "metric", "intervals", "undefined", "held", "share", "mean_auc", "half_width"]


@dataclass(frozen=True)
class Size:
    """Of every screen. plates : of HRCE and of VERO, in each of two experiments. treated : wells of a plate. side : px."""

    plates: tuple[int, int]
    treated: int
    side: int


def main() -> None:
    """Print, and write on request, how many intervals hold 0.5, by normalisation, scheme and metric."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1, help="of the first screen")
    parser.add_argument(
        "--plates", type=int, nargs=2, default=(3, 2), help="of HRCE and VERO in each of two experiments"
    )
    parser.add_argument("--treated", type=int, default=10, help="treated wells of a plate")
    parser.add_argument("--side", type=int, default=128, help="px of an image")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--intervals", type=Path, help="parquet of every interval")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    size = Size(tuple(arguments.plates), arguments.treated, arguments.side)
    seeds = range(arguments.seed, arguments.seed + arguments.screens)
    with ProcessPoolExecutor(arguments.processes) as pool:
        table = pd.concat(pool.map(partial(intervals, size=size), seeds), ignore_index=True)
    if arguments.intervals:
        table.to_parquet(arguments.intervals, index=False)
    found = summary(table)
    print(found.to_string(index=False))
    if arguments.output:
        found.round(3).to_csv(arguments.output, index=False)


def intervals(seed: int, size: Size) -> pd.DataFrame:
    """The numbers of one screen that are AUCs, of all floors and normalisations."""
    with TemporaryDirectory() as folder:
        tables = list(_numbers(Path(folder), seed, size))
    numbers = pd.concat(tables, ignore_index=True)
    return numbers[numbers["metric"].isin(AUCS)].assign(screen=seed)


def _numbers(folder: Path, seed: int, size: Size) -> Iterator[pd.DataFrame]:
    sites_path, splits, images = folder / "sites.parquet", folder / "splits.parquet", folder / "images.parquet"
    sites, vectors = drawn(seed, size)
    write_table(sites, sites_path, SITES)
    write_splits(sites_path, splits, development_rows=[], test_share=0.25, seed=seed, questions=["controls"])
    settings = EvaluationSettings()
    for name, (values, columns) in vectors.items():
        stores = [
            write_embeddings(folder / f"{name}_{store}.parquet", rows, values[rows.index], columns)
            for store, rows in sites.groupby("store_id", sort=False)
        ]
        wells = {method: folder / f"{name}.{method}.wells.parquet" for method in METHODS}
        profiles = {method: folder / f"{name}.{method}.sites.parquet" for method in METHODS}
        for method in METHODS:
            write_profiles(stores, sites_path, method, profiles[method], wells[method])
        for method in METHODS:
            scores, refits, permutations, output = (
                folder / f"{name}.{method}.{table}.parquet" for table in ("scores", "refits", "permutations", "numbers")
            )
            beside = {"refits": refits, "permutations": permutations}
            write_scores(
                wells[method], profiles[method], splits, settings, scores, images, method.value, **beside, seed=seed
            )
            names = {"featurizer": name, "normalization": method.value, "seed": seed, "training_seed": 0}
            write_controls(scores, images, wells[Normalization.NONE], settings, [], **names, **beside, output=output)
            yield read_table(output, NUMBERS)


def drawn(seed: int, size: Size) -> tuple[pd.DataFrame, dict[str, tuple[np.ndarray, list[str]]]]:
    """The sites table of a screen, one site a well, and by featurizer its features (sites, d) and their names."""
    hrce, vero = size.plates
    settings = SimulationSettings(
        seed=seed, image_px=size.side, hrce_plates=hrce, vero_plates=vero, sites=1, severity=0.0
    )
    screen = screen_of(settings)
    wells = _some(true_wells(screen), size.treated)
    sites = pd.DataFrame([_site(well) for well in wells])
    finder = None
    parts: dict[str, list[np.ndarray]] = {}
    names: dict[str, list[str]] = {}
    for drawing in drawings(screen, wells):
        (field,), (pixels,) = drawing.fields, drawing.seeds
        channels = tuple(CHANNELS[channel] for channel in drawing.channels)
        rng = np.random.default_rng(pixels)
        images = draw_site(field, drawing.side, drawing.pixel_um, rng, channels).images[None]
        finder = finder or CellFinder(channels, SegmentationSettings())
        for featurizer in (
            IntensityFeaturizer(channels),
            CellCountFeaturizer(finder),
            SegmentationFeaturizer(finder),
        ):
            parts.setdefault(featurizer.name.value, []).append(featurizer.embed(images))
            names[featurizer.name.value] = featurizer.feature_names
    return sites, {name: (np.concatenate(rows), names[name]) for name, rows in parts.items()}


def _some(wells: list[TrueWell], treated: int) -> list[TrueWell]:
    """The wells, of every plate the first treated ones alone."""
    kept: list[TrueWell] = []
    count: dict[str, int] = {}
    for well in wells:
        if well.severity:
            raise ValueError(f"{well.well_id} has the severity {well.severity}")
        if well.well.role is Role.TREATED:
            count[well.plate.plate_id] = count.get(well.plate.plate_id, 0) + 1
            if count[well.plate.plate_id] > treated:
                continue
        kept.append(well)
    return kept


def _site(well: TrueWell) -> dict[str, object]:
    plate, here = well.plate, well.well
    about = {"condition": CONDITIONS[here.role], "control": CONTROL.get(here.role, "none")}
    treated = {"treatment": here.compound, "compound": here.compound}
    dose = np.nan if here.concentration_um is None else here.concentration_um
    return site_row(plate.experiment, plate.number, here.position.name, **about, **treated, concentration_um=dose)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Counts by normalisation, scheme and metric; of C+ against C- in all schemes, and in all but the paper's."""
    table = table.assign(scheme=table["split"].str.partition(":")[0])
    controls = table[table["metric"] != "auc_mock_uv"]
    strict = controls[~controls["scheme"].str.startswith("quarter")]
    parts = [(*key, mine) for key, mine in table.groupby(["normalization", "scheme", "metric"], sort=False)]
    for method, mine in controls.groupby("normalization", sort=False):
        parts.append((method, "all", "auc and auc_lda", mine))
        parts.append((method, "all but quarter*", "auc and auc_lda", strict.loc[strict.index.intersection(mine.index)]))
    parts.append(("all", "all", "auc and auc_lda", controls))
    return pd.DataFrame([(*key, *_counts(mine)) for *key, mine in parts], columns=RESULT)


def _counts(rows: pd.DataFrame) -> tuple[int, int, int, float, float, float]:
    held = (rows["low"] <= 0.5) & (rows["high"] >= 0.5)
    width = float((rows["high"] - rows["low"]).mean() / 2)
    return (
        len(rows),
        int(rows["low"].isna().sum()),
        int(held.sum()),
        float(held.mean()),
        float(rows["value"].mean()),
        width,
    )


if __name__ == "__main__":
    main()

"""The summary of learning curves: takes scores of single wells (`learning.py`), makes tables with intervals and a figure.

Intervals are 95 %, bootstrap percentiles over wells (C+ and C- each by itself), and over trainings where there are several; a
training and its untrained twin are drawn together, so that their difference is paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.learning.feature_scores import Wells, separation, severity_correlation, share_right, z_prime_of
from benchmarks.measuring import RESULTS
from gandl.config import FiguresSettings
from gandl.figures.common import style as look
from gandl.figures.common.palette import BLUE, GREY, INK, ORANGE, VERMILION
from gandl.models.looks.curve import OF_ROLL_BACK
from gandl.tables import CURVE, read_table
from gandl.workflow.files import atomic

DRAWS = 1000
DOCS = Path(__file__).parents[2] / "docs"
QUESTIONS = {"auc": separation, "severity": severity_correlation, "accuracy_images": share_right}
OF_PLATE = {"z_prime": z_prime_of, "auc": separation}
"""Questions of BBBC013. With 4 and 8 controls a percentile interval of Z' is too narrow (docs/decisions.md)."""
NEEDS = {"auc": ["on"], "z_prime": ["on"], "severity": ["on", "severity"], "accuracy_images": ["right_images"]}
"""Columns that must be known of every well, or the question is left out: without controls there is no AUC."""
STOPPED = "stopped"
"""Metric of a training that gave up for good; its value is the number of roll-backs before."""
CELL_TYPE_QUESTION = "rxrx1_cell_type_images"
HALVES = ("all", "report", "choice")
"""All wells of one training are summed up together; of several, those of each half stand beside."""
IN_FULL = ("post", "blocks")
"""Layers of the moving average that are summed up at every look; the others, and the raw weights, at the last look alone."""
KEYS = ["recipe", "seeds", "images", "weights", "layer", "classifier", "cell_type", "half"]
VALUES = ["metric", "value", "low", "high", "minus_untrained", "minus_low", "minus_high", "n"]
COLOURS = (VERMILION, BLUE, ORANGE, INK)

Statistic = Callable[[Wells, npt.NDArray[np.intp]], npt.NDArray[np.float64]]


def write_summary(folder: Path, results: Path = RESULTS, docs: Path = DOCS) -> None:
    """Write `learning.csv`, `recipes.csv` and `generators.csv` into `results`; of the simulated pair, the figure into `docs`.

    Raises
    ------
    FileNotFoundError : no look is recorded.
    ValueError : looks of the simulated pair and of BBBC013 lie in one folder.
    """
    recorded = _recorded(folder)
    if not recorded:
        raise FileNotFoundError(f"{folder} holds no recorded look: train or score a recipe first")
    kinds = {_is_plate(folder / recipe / f"seed_{seed}") for recipe, seed in recorded}
    if len(kinds) > 1:
        raise ValueError(
            f"{folder} holds looks of the simulated pair and of BBBC013: keep each in a --folder of its own"
        )
    suffix = "_bbbc013" if kinds.pop() else ""
    curves = pd.concat([_looks(folder, recipe, (seed,), pooled=False) for recipe, seed in recorded], ignore_index=True)
    by_recipe: dict[str, list[int]] = {}
    for recipe, seed in recorded:
        by_recipe.setdefault(recipe, []).append(seed)
    pooled = pd.concat(
        [_looks(folder, recipe, tuple(seeds), pooled=True) for recipe, seeds in by_recipe.items()], ignore_index=True
    )
    generators = pd.concat([_generators(folder, recipe, seed) for recipe, seed in recorded], ignore_index=True)
    last = pooled[pooled["images"] == pooled.groupby("recipe")["images"].transform("max")]
    for table, name in ((curves, "learning"), (last, "recipes"), (generators, "generators")):
        with atomic(results / f"{name}{suffix}.csv") as partial:
            table.to_csv(partial, index=False, float_format="%.4g", lineterminator="\n")
    if not suffix:
        drawn = pooled[_shown(pooled)].rename(columns={"images": "images_shown"})  # `images` says what they are
        _save_figure(drawn, generators, results, docs)


def draw_figure(results: Path = RESULTS, docs: Path = DOCS) -> None:
    """Draw the figure again, from the tables of an earlier summary."""
    drawn, generators = (pd.read_csv(results / f"{name}.csv") for name in ("learning_figure", "generators"))
    _save_figure(drawn.drop(columns="images"), generators, results, docs)


def _save_figure(drawn: pd.DataFrame, generators: pd.DataFrame, results: Path, docs: Path) -> None:
    settings = FiguresSettings()
    with look.style(settings):
        look.save(
            learning_figure(drawn.rename(columns={"images_shown": "images"}), generators),
            drawn,
            settings,
            svg=docs / "learning.svg",
            png=docs / "learning.png",
            csv=results / "learning_figure.csv",
            word="simulated",
        )


def _shown(pooled: pd.DataFrame) -> pd.Series:
    """Which rows are drawn."""
    by = (pooled["classifier"] == "svm") & (pooled["half"] == "all") & (pooled["weights"] == "ema")
    metrics = {"post": "auc", "blocks": "severity"}
    return by & (pooled["metric"] == pooled["layer"].map(metrics))


def _is_plate(folder: Path) -> bool:
    return "scheme" in pd.read_parquet(next(folder.glob("wells_*.parquet"))).columns


def _recorded(folder: Path) -> list[tuple[str, int]]:
    return [
        (path.parent.name, int(path.name.removeprefix("seed_")))
        for path in sorted(folder.glob("*/seed_*"))
        if any(path.glob("wells_*.parquet"))
    ]


def _images_of(folder: Path, recipe: str, seeds: Sequence[int]) -> list[int]:
    """Numbers of images at which all these trainings were looked at."""
    of_each = [
        {int(path.stem.removeprefix("wells_")) for path in (folder / recipe / f"seed_{seed}").glob("wells_*.parquet")}
        for seed in seeds
    ]
    return sorted(set.intersection(*of_each))


def _looks(folder: Path, recipe: str, seeds: tuple[int, ...], *, pooled: bool) -> pd.DataFrame:
    """Rows of `KEYS` and `VALUES`; `pooled`: with halves, and at the last look with every layer and the raw weights."""
    folders = [folder / recipe / f"seed_{seed}" for seed in seeds]
    rows: list[dict[str, object]] = []
    looks = _images_of(folder, recipe, seeds)
    for images in looks:
        about = {"recipe": recipe, "seeds": " ".join(map(str, seeds)), "images": images}
        tables, twins = (_tables(folders, f"wells_{look}") for look in (images, 0))
        for keys, mine, theirs in _groups(tables, twins, ["weights", "layer", "classifier", "cell_type"]):
            in_full = keys["weights"] == "ema" and keys["layer"] in IN_FULL
            if in_full or (pooled and images == looks[-1]):
                halves = HALVES if in_full and pooled else HALVES[:1]
                rows += [{**about, **keys, **row} for row in _answers(mine, theirs, halves)]
        tables, twins = (_tables(folders, f"types_{look}") for look in (images, 0))
        for keys, mine, theirs in _groups(tables, twins, ["weights", "layer"]):
            fixed = {"classifier": "svm", "cell_type": "all", "half": "all", "metric": CELL_TYPE_QUESTION}
            rows.append({**about, **keys, **fixed, **_paired(mine, theirs, share_right, by_label=False)})
    return pd.DataFrame(rows, columns=[*KEYS, *VALUES])


def _tables(folders: Sequence[Path], name: str) -> list[pd.DataFrame]:
    """The tables of this name of every training; none where they were not recorded."""
    paths = [folder / f"{name}.parquet" for folder in folders]
    return [pd.read_parquet(path) for path in paths] if all(path.exists() for path in paths) else []


def _answers(
    mine: Sequence[pd.DataFrame], twins: Sequence[pd.DataFrame], halves: Sequence[str]
) -> Iterator[dict[str, object]]:
    """A row per half and question that these wells can answer. A plate's halves are scored apart and never put together."""
    plate = "scheme" in mine[0].columns
    for half in HALVES[1:] if plate else halves:
        some, other = ([t if half == "all" else t[t["half"] == half] for t in of] for of in (mine, twins))
        for metric, statistic in (OF_PLATE if plate else QUESTIONS).items():
            controls = metric != "severity"
            kept, of_twins = ([t[t["label"] != 0] if controls else t for t in of] for of in (some, other))
            known = all(t[NEEDS[metric]].notna().all(axis=None) for t in [*kept, *of_twins])
            if len(kept[0]) and known and (not controls or kept[0]["label"].nunique() > 1):
                yield {"half": half, "metric": metric, **_paired(kept, of_twins, statistic, by_label=controls)}


def _groups(
    tables: Sequence[pd.DataFrame], twins: Sequence[pd.DataFrame], names: list[str]
) -> Iterator[tuple[dict[str, object], list[pd.DataFrame], list[pd.DataFrame]]]:
    """Of every group of rows: its keys, its rows of each training, and those of each twin (whose weights are all alike)."""
    for values, _ in tables[0].groupby(names, sort=False) if tables and twins else ():
        keys = dict(zip(names, values, strict=True))
        mine = [_where(table, keys) for table in tables]
        theirs = [_where(table, {**keys, "weights": "ema"}) for table in twins]
        if all(map(len, mine)) and all(map(len, theirs)):
            yield keys, mine, theirs


def _where(table: pd.DataFrame, keys: Mapping[str, object]) -> pd.DataFrame:
    chosen = np.logical_and.reduce([(table[name] == value).to_numpy() for name, value in keys.items()])
    return table[chosen]


def _paired(
    mine: Sequence[pd.DataFrame], twins: Sequence[pd.DataFrame], statistic: Statistic, *, by_label: bool
) -> dict[str, float | int]:
    """A statistic's mean over trainings, its difference to that of the twins, and the intervals of both."""
    wells = mine[0]["well_id"].tolist()
    if any(table["well_id"].tolist() != wells for table in [*mine, *twins]):
        raise ValueError("trainings and twins must score the same wells in the same order")
    trained, untrained = ([_arrays(table) for table in of] for of in (mine, twins))
    n, k, rng = len(wells), len(mine), np.random.default_rng(0)
    labels = np.asarray(trained[0]["label"], int) if by_label else np.zeros(n, int)
    kinds = [np.flatnonzero(labels == kind) for kind in np.unique(labels)]
    every = np.concatenate(kinds)
    value, of_twins = (float(np.mean([statistic(table, every) for table in of])) for of in (trained, untrained))
    at = np.concatenate([kind[rng.integers(len(kind), size=(DRAWS, len(kind)))] for kind in kinds], axis=1)
    which = rng.integers(k, size=(k, DRAWS))
    drawn, drawn_twins = (
        np.stack([statistic(table, at) for table in of])[which, np.arange(DRAWS)].mean(axis=0)
        for of in (trained, untrained)
    )
    (low, minus_low), (high, minus_high) = np.nanpercentile(
        np.stack([drawn, drawn - drawn_twins], axis=1), [2.5, 97.5], axis=0
    )
    ends = {"minus_untrained": value - of_twins, "minus_low": minus_low, "minus_high": minus_high}
    return {"value": value, "low": low, "high": high, **ends, "n": n}


def _arrays(table: pd.DataFrame) -> Wells:
    return {name: table[name].to_numpy() for name in table.columns}


def _generators(folder: Path, recipe: str, seed: int) -> pd.DataFrame:
    """Quality and read-outs of every look, and roll-backs, a row each: recipe, seed, images, metric, value.

    A roll-back has three: `roll_back` (its number), and the `learning_rate` and `r1_gamma` with which training continues;
    `stopped`: it gave up.
    """
    rows = []
    trained = folder / recipe / f"seed_{seed}"
    for path in trained.glob("generator_*.parquet"):
        images = int(path.stem.removeprefix("generator_"))
        values = pd.read_parquet(path).iloc[0].to_dict()
        rows += [(recipe, seed, images, metric, value) for metric, value in values.items()]
    if (trained / "curve.parquet").exists():
        curve = read_table(trained / "curve.parquet", CURVE)
        reported = curve[curve["metric"].isin([*OF_ROLL_BACK, STOPPED])]
        rows += [(recipe, seed, row.images, row.metric, row.value) for row in reported.itertuples()]
    return pd.DataFrame(sorted(rows), columns=["recipe", "seed", "images", "metric", "value"])


def learning_figure(pooled: pd.DataFrame, generators: pd.DataFrame) -> Figure:
    """Curves over images shown: the 512-d layer, all blocks (each in both cell types), and the generator."""
    figure = look.new_figure(look.DOUBLE_COLUMN, 112)
    axes = figure.subplots(2, 3)
    recipes = dict.fromkeys([*pooled["recipe"], *generators["recipe"]])
    colours = dict(zip(recipes, cycle(COLOURS), strict=False))
    chosen = pooled[_shown(pooled)]
    for row, cell_type in zip(axes, ("HRCE", "VERO"), strict=True):
        for axis, layer, metric, label in (
            (row[0], "post", "auc", "AUC of C+ over C−, 512-d layer"),
            (row[1], "blocks", "severity", "Rank correlation, all blocks"),
        ):
            part = chosen[
                (chosen["layer"] == layer) & (chosen["metric"] == metric) & (chosen["cell_type"] == cell_type)
            ]
            for recipe, of_recipe in part.groupby("recipe", sort=False):
                trained = of_recipe[of_recipe["images"] > 0].sort_values("images")
                axis.plot(
                    trained["images"] / 1000, trained["value"], color=colours[recipe], marker="o", ms=3, label=recipe
                )
                axis.fill_between(
                    trained["images"] / 1000, trained["low"], trained["high"], color=colours[recipe], alpha=0.15, lw=0
                )
            for value in part.loc[part["images"] == 0, "value"].drop_duplicates(keep="last").tail(1):
                axis.axhline(value, color=GREY, ls="--", label="untrained")
            axis.set(xscale="log", xlabel="Images shown (thousands)", ylabel=label, title=cell_type)
    for axis, metric, label in (
        (axes[0, 2], "quality", "Energy distance to real crops"),
        (axes[1, 2], "nuclei_per_crop", "Nuclei per generated crop"),
    ):
        for recipe, of_recipe in generators[generators["metric"] == metric].groupby("recipe", sort=False):
            for _, of_seed in of_recipe.groupby("seed"):
                axis.plot(
                    of_seed.sort_values("images")["images"] / 1000,
                    of_seed.sort_values("images")["value"],
                    color=colours[recipe],
                    lw=0.8,
                )
        axis.set(xscale="log", xlabel="Images shown (thousands)", ylabel=label, title="Generator")
    axes[0, 2].set_yscale("log")
    for axis, metric in ((axes[0, 2], "quality_floor"), (axes[1, 2], "nuclei_per_crop_real")):
        real = generators.loc[generators["metric"] == metric, "value"]
        if len(real) and (axis.get_yscale() == "linear" or real.median() > 0):
            axis.axhline(float(real.median()), color=GREY, ls="--", label="real crops")
            axis.legend()
    if len(chosen):
        axes[0, 0].legend()
    for axis in axes.flat:  # a tick per doubling: labels of all minor ticks would overlap
        axis.xaxis.set_major_locator(LogLocator(base=2))
        axis.xaxis.set_major_formatter(FuncFormatter(_thousands))
        axis.xaxis.set_minor_formatter(NullFormatter())
    return figure


def _thousands(value: float, _: int | None = None) -> str:
    return f"{value:g}"

"""The summary of learning curves: takes scores of single wells (`learning.py`), makes tables with intervals and a figure.

Intervals are 95 %, bootstrap percentiles over wells (C+ and C- each by itself), and over trainings where there are several; a
training and its untrained twin are drawn together, so that their difference is paired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from feature_scores import Wells, separation, severity_correlation, share_right
from gandl.config import FiguresSettings
from gandl.figures import style as look
from gandl.figures.palette import BLUE, GREY, INK, ORANGE, VERMILION
from gandl.files import atomic
from measuring import RESULTS

DRAWS = 2000
DOCS = Path(__file__).parents[1] / "docs"
QUESTIONS = {"auc": separation, "severity": severity_correlation, "accuracy_images": share_right}
CELL_TYPE_QUESTION = "rxrx1_cell_type_images"
HALVES = ("all", "report")
"""Wells of one training are summed up together; of several, those that chose nothing stand beside all."""
IN_FULL = ("post", "blocks")
"""Layers that are summed up, of the moving average; the recorded scores hold every layer, and the raw weights."""
KEYS = ["recipe", "seeds", "images", "weights", "layer", "classifier", "cell_type", "half"]
COLOURS = (VERMILION, BLUE, ORANGE, INK)

Statistic = Callable[[Wells, npt.NDArray[np.intp]], npt.NDArray[np.float64]]


def write_summary(folder: Path, results: Path = RESULTS, docs: Path = DOCS) -> None:
    """Write `learning.csv` and `recipes.csv` into `results`, and the figure into `docs`."""
    recorded = _recorded(folder)
    if not recorded:
        raise FileNotFoundError(f"{folder} holds no recorded look: train or score a recipe first")
    curves = pd.concat([_looks(folder, recipe, (seed,)) for recipe, seed in recorded], ignore_index=True)
    by_recipe: dict[str, list[int]] = {}
    for recipe, seed in recorded:
        by_recipe.setdefault(recipe, []).append(seed)
    pooled = pd.concat([_looks(folder, recipe, tuple(seeds)) for recipe, seeds in by_recipe.items()], ignore_index=True)
    generators = pd.concat([_generators(folder, recipe, seed) for recipe, seed in recorded], ignore_index=True)
    last = pooled[pooled["images"] == pooled.groupby("recipe")["images"].transform("max")]
    for table, name in ((curves, "learning"), (last, "recipes"), (generators, "generators")):
        with atomic(results / f"{name}.csv") as partial:
            table.to_csv(partial, index=False, float_format="%.4g", lineterminator="\n")
    settings = FiguresSettings()
    with look.style(settings):
        figure = learning_figure(pooled, generators)
        look.save(
            figure,
            pooled.rename(columns={"images": "images_shown"}),  # `images` says what they are
            settings,
            svg=docs / "learning.svg",
            png=docs / "learning.png",
            csv=results / "learning_figure.csv",
            word="simulated",
        )


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


def _looks(folder: Path, recipe: str, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Rows of `KEYS`, metric, value, low, high, minus_untrained, minus_low, minus_high, n."""
    folders = [folder / recipe / f"seed_{seed}" for seed in seeds]
    rows = []
    for images in _images_of(folder, recipe, seeds):
        about = {"recipe": recipe, "seeds": " ".join(map(str, seeds)), "images": images}
        tables = [pd.read_parquet(path / f"wells_{images}.parquet") for path in folders]
        twins = [pd.read_parquet(path / "wells_0.parquet") for path in folders]
        for keys, mine, theirs in _groups(tables, twins, ["weights", "layer", "classifier", "cell_type"]):
            if keys["weights"] != "ema" or keys["layer"] not in IN_FULL:
                continue
            for half in HALVES if len(seeds) > 1 else HALVES[:1]:
                some, other = ([t if half == "all" else t[t["half"] == half] for t in of] for of in (mine, theirs))
                for metric, statistic in QUESTIONS.items():
                    controls = metric != "severity"
                    kept = [[t[t["label"] != 0] if controls else t for t in of] for of in (some, other)]
                    if all(len(set(t["label"])) > 1 for t in kept[0]):
                        found = _paired(*kept, statistic, by_label=controls)
                        rows.append({**about, **keys, "half": half, "metric": metric, **found})
        tables = [pd.read_parquet(path / f"types_{images}.parquet") for path in folders]
        twins = [pd.read_parquet(path / "types_0.parquet") for path in folders]
        for keys, mine, theirs in _groups(tables, twins, ["weights", "layer"]):
            found = _paired(mine, theirs, share_right, by_label=False)
            fixed = {"classifier": "svm", "cell_type": "all", "half": "all", "metric": CELL_TYPE_QUESTION}
            rows.append({**about, **keys, **fixed, **found})
    return pd.DataFrame(rows)


def _groups(
    tables: Sequence[pd.DataFrame], twins: Sequence[pd.DataFrame], names: list[str]
) -> Iterator[tuple[dict[str, object], list[pd.DataFrame], list[pd.DataFrame]]]:
    """Of every group of rows: its keys, its rows of each training, and those of each twin (whose weights are all alike)."""
    for values, _ in tables[0].groupby(names, sort=False):
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
    """Quality and read-outs of every look, a row each: recipe, seed, images, metric, value."""
    rows = []
    for path in (folder / recipe / f"seed_{seed}").glob("generator_*.parquet"):
        images = int(path.stem.removeprefix("generator_"))
        values = pd.read_parquet(path).iloc[0].to_dict()
        rows += [(recipe, seed, images, metric, value) for metric, value in values.items()]
    return pd.DataFrame(sorted(rows), columns=["recipe", "seed", "images", "metric", "value"])


def learning_figure(pooled: pd.DataFrame, generators: pd.DataFrame) -> Figure:
    """Curves over images shown: the 512-d layer, all blocks (each in both cell types), and the generator."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots(2, 3)
    colours = dict(zip(dict.fromkeys(pooled["recipe"]), COLOURS, strict=False))
    chosen = pooled[(pooled["weights"] == "ema") & (pooled["half"] == "all") & (pooled["classifier"] == "svm")]
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
                twin = of_recipe[of_recipe["images"] == 0]
            axis.axhline(float(twin["value"].iloc[0]), color=GREY, ls="--", label="untrained")
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
    real = generators.loc[generators["metric"] == "nuclei_per_crop_real", "value"]
    axes[1, 2].axhline(float(real.median()), color=GREY, ls="--", label="real crops")
    axes[0, 0].legend()
    axes[1, 2].legend()
    return figure

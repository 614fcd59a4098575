"""Small tables as the comparison's trainings and tasks write them, for the tests of its figures: from a formula and a seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config.comparison_terms import Beyond, parts_of, setups
from gandl.evaluation.comparison.terms import AS_MEAN
from gandl.tables import CURVE, NUMBERS, write_table
from table_rows import number_row

LINES = ("M14", "HT29", "HCT15", "ACHN", "SKMEL2", "SW620")
SIMILAR, OPPOSITE, VEHICLE = ["MTX", "PEM"], ["PAC", "RAP"], "DMSO"
SEEDS = (0, 1, 2)
COLLAPSED = ("self_supervised.aug_one_crop", 1)
"""A training of whose codes next to nothing differs between tiles; what does is noise, and has finite distances and shifts."""
SHRUNK, OF_NOISE = 1e-3, {"separation": -3.0, "separation_between": -3.0, "shift_cosine_opposite": 0.9}
"""Of it: the factor on its distances, and what noise makes of them, the opposite of what the setup's other seeds say."""
SCALES = {"unsupervised": 9.0, "self_supervised": 2.0, "weakly_supervised": 4.0, "regularized": 10.0}
GAINS = {"unsupervised": 0.17, "self_supervised": 0.25, "weakly_supervised": 0.0, "regularized": 0.2}
"""Distance of the similar drugs, and d, by paradigm."""
ACCURACIES = {"unsupervised": 0.72, "self_supervised": 0.61, "weakly_supervised": 0.76, "regularized": 0.74}
ACCURACIES |= {"dino": 0.66, "gandl": 0.7, "untrained": 0.6, "intensities": 0.78}
KS = (10, 20, 30, 40, 50)
SIDE = 16
TASK_METRICS = ("accuracy", "precision", "recall", "roc_auc")


def runs(names: Iterable[str] | None = None, seeds: Sequence[int] = SEEDS) -> list[tuple[str, int]]:
    """Setups with their seeds; intensities have one."""
    chosen = setups() if names is None else list(names)
    return [(name, seed) for name in chosen for seed in (seeds if name != Beyond.INTENSITIES else (0,))]


def of_seed(folder: Path, task: str, setup: str, seed: int, end: str = "parquet") -> Path:
    """The file of a task's table."""
    path = folder / task / f"{setup}.seed_{seed}.{end}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def draws(*what: object) -> np.random.Generator:
    """Random numbers that are the same for the same names."""
    return np.random.default_rng(list(json.dumps(list(map(str, what))).encode()))


def kind_of(setup: str) -> str:
    return setup.partition(".")[0]


def scale_of(setup: str, seed: int) -> float:
    """The distance of the similar drugs: with one crop near 0 where the paper's is."""
    small = setup.endswith("one_crop") and kind_of(setup) in ("self_supervised", "weakly_supervised")
    size = SCALES.get(kind_of(setup), 5.0) * (0.08 if small else 1.0)
    return size * (SHRUNK if (setup, seed) == COLLAPSED else 1 + 0.06 * seed)


def write_distances(folder: Path, opposite: bool = True, **asked: object) -> list[Path]:
    """Samples of distances by cell line and pair."""
    paths = []
    for setup, seed in runs(**asked):  # type: ignore[arg-type]
        rng, size, gain = draws("distances", setup, seed), scale_of(setup, seed), GAINS.get(kind_of(setup), 0.1)
        pairs = {
            "similar": 1.0,
            "a_vehicle": 1 / (1 - gain),
            "b_vehicle": 1.05 / (1 - gain),
            "opposite": 1.4 / (1 - gain),
        }
        if not opposite:
            del pairs["opposite"]
        parts = [
            pd.DataFrame({"cell_type": line, "pair": pair, "distance": size * factor * rng.gamma(9, 1 / 9, 400)})
            for line in LINES
            for pair, factor in pairs.items()
        ]
        paths.append(of_seed(folder, "similarity", setup, seed, "distances.parquet"))
        pd.concat(parts, ignore_index=True).to_parquet(paths[-1], index=False)
    return paths


def _write(folder: Path, task: str, setup: str, seed: int, rows: list[dict[str, object]]) -> Path:
    about = {"question": f"comparison_{task}", "featurizer": setup, "normalization": "none", "split": "held_out"}
    about |= {"seed": seed, "unit": "tile", "n": 120}
    table = pd.DataFrame([number_row(**about, **row) for row in rows])
    table = table.assign(cell_type=table["fold"], setup=setup, training_seed=seed, note="")
    path = of_seed(folder, task, setup, seed)
    write_table(table, path, NUMBERS)
    return path


def separation_of(setup: str) -> float:
    """Above 0 but for the weakly supervised models; of untrained encoders 0."""
    kind = kind_of(setup)
    return {"weakly_supervised": -0.3, "untrained": 0.0}.get(kind, 0.4)


def cosine_of(setup: str) -> float:
    """Below 0 but for the self-supervised models, which tell drugs apart and not their directions; of untrained encoders 0."""
    return {"self_supervised": 0.2, "untrained": 0.0}.get(kind_of(setup), -0.5)


def write_similarity(folder: Path, opposite: bool = True, **asked: object) -> list[Path]:
    """Numbers of the task of similarity."""
    paths = []
    for setup, seed in runs(**asked):  # type: ignore[arg-type]
        rng, size = draws("similarity", setup, seed), scale_of(setup, seed)
        rows: list[dict[str, object]] = []
        for line in LINES:
            d = GAINS.get(kind_of(setup), 0.1) + 0.02 * rng.standard_normal()
            values = {
                "d": d,
                "d_scale_free": 0.8 * d,
                "distance_similar": size,
                "inverse_distance": 1 / max(size, 0.01),
            }
            values |= {"distance_a_vehicle": size / (1 - d), "distance_b_vehicle": 1.05 * size / (1 - d)}
            if opposite:
                values["separation"] = separation_of(setup) + 0.05 * rng.standard_normal()
                values["separation_between"] = values["separation"]
                values["shift_cosine_opposite"] = cosine_of(setup) + 0.05 * rng.standard_normal()
                values |= OF_NOISE if (setup, seed) == COLLAPSED else {}
            values |= {"collapsed": float((setup, seed) == COLLAPSED), "feature_spread": size}
            rows += [
                {"fold": line, "metric": name, "value": value, "low": value - 0.05, "high": value + 0.05}
                for name, value in values.items()
            ]
        paths.append(_write(folder, "similarity", setup, seed, rows))
    return paths


def write_drug_control(folder: Path, **asked: object) -> list[Path]:
    """Numbers of the task of drugs against controls."""
    paths = []
    for setup, seed in runs(**asked):  # type: ignore[arg-type]
        rng, centre = draws("drug_control", setup, seed), ACCURACIES[kind_of(setup)]
        rows = []
        for place, line in enumerate(LINES):
            for kind, shift in (("head", 0.0), ("svm", -0.02)):
                for metric in TASK_METRICS:
                    value = centre + shift + 0.02 * place - 0.04 + 0.015 * rng.standard_normal()
                    ends = {"low": value - 0.04, "high": value + 0.04}
                    rows.append({"fold": line, "metric": f"{kind}_{metric}", "value": value, **ends})
        paths.append(_write(folder, "drug_control", setup, seed, rows))
    return paths


def write_partitions(folder: Path, all_noise: Sequence[tuple[str, str]] = (), **asked: object) -> list[Path]:
    """Partitions over the grid of k; those of `all_noise` (setup, cell line) have no cluster at any k."""
    paths = []
    for setup, seed in runs(**asked):  # type: ignore[arg-type]
        rng, rows = draws("clusters", setup, seed), []
        for line in LINES:
            for k in KS:
                lost = (setup, line) in all_noise or (k == KS[-1] and line == LINES[1])
                poor = 0.1 if kind_of(setup) == "weakly_supervised" else 0.32
                count = 0 if lost else max(2, round(60 / k + rng.normal()))
                silhouette = np.nan if lost else poor + 0.05 * rng.standard_normal()
                quality = {"silhouette": silhouette, "davies_bouldin": np.nan if lost else 1.1}
                about = {"cell_type": line, "k": k, "clusters": count, "not_noise": 0.0 if lost else 0.93}
                rows.append(about | quality | {"chosen": k == KS[1]})
        paths.append(of_seed(folder, "clusters", setup, seed, "partitions.parquet"))
        pd.DataFrame(rows).to_parquet(paths[-1], index=False)
    return paths


def write_tiles(folder: Path, lines: Sequence[str] = LINES, wells: int = 20, per_well: int = 12) -> Path:
    """The table of tiles: of every four wells of a cell line three are of drugs."""
    treatments = [*SIMILAR, *OPPOSITE, "GEM"]
    rows: list[dict[str, object]] = []
    for line in lines:
        for well in range(wells):
            vehicle = well % 4 == 0
            about = {"site_id": f"{line}_w{well}_1", "store_id": line, "well_id": f"{line}_w{well}", "plate_id": line}
            about |= {"cell_type": line, "treatment": None if vehicle else treatments[well % 5]}
            about |= {"concentration_um": np.nan if vehicle else 10.0, "control": "negative" if vehicle else "none"}
            about |= {"label": "control" if vehicle else "drug", "part": "test" if well >= wells // 2 else "train"}
            rows += [about | {"channel": "grey", "top": SIDE * tile, "left": 0} for tile in range(per_well)]
    path = folder / "cell_lines.tiles.parquet"
    pd.DataFrame(rows).assign(tile=np.arange(len(rows))).to_parquet(path, index=False)
    return path


def write_points(folder: Path, tiles: Path, clusters: int = 3, setup: str = "self_supervised.aug_multi_crop") -> Path:
    """A plane of UMAP of the test tiles: so many clouds, a twentieth of the points is noise; with none, all is."""
    table = pd.read_parquet(tiles).query("part == 'test'")
    rng = draws("points", clusters)
    cluster = rng.integers(0, clusters, len(table)) if clusters else np.full(len(table), -1)
    x, y = (
        3 * np.cos(2.1 * cluster) + rng.normal(0, 0.5, len(table)),
        3 * np.sin(2.1 * cluster) + rng.normal(0, 0.5, len(table)),
    )
    found = table[["tile", "cell_type"]].assign(x=x, y=y, cluster=np.where(rng.random(len(table)) < 0.05, -1, cluster))
    path = of_seed(folder, "clusters", setup, 0, "points.parquet")
    found.to_parquet(path, index=False)
    return path


def blobs(count: int, seed: int = 0, side: int = 64) -> np.ndarray:
    """Grey tiles with a few bright round cells, (n, 1, side, side)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    tiles = np.full((count, 1, side, side), 20.0, np.float32) + rng.normal(0, 2, (count, 1, side, side)).astype(
        np.float32
    )
    for tile in tiles[:, 0]:
        for _ in range(rng.integers(2, 7)):
            cy, cx, r = *rng.uniform(0, side, 2), rng.uniform(3, 8)
            tile += 120 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * r**2))
    return tiles


def write_samples(folder: Path, setup: str, seed: int = 0, count: int = 24) -> Path:
    """Held-out tiles, and reconstructions with blur and an error."""
    real = blobs(count, seed=7)
    fake = 0.9 * real + 0.1 * real.mean((2, 3), keepdims=True) + draws("samples", setup).normal(0, 5, real.shape)
    path = folder / setup / f"seed_{seed}" / "samples.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, real=real, fake=fake.astype(np.float32), channels=np.array(["grey"]), pixel_size_um=1.0)
    return path


def write_ranking(folder: Path, metrics: Sequence[str], **asked: object) -> tuple[Path, Path]:
    """Ranks of setups by each metric and seed, and how stable they are."""
    rows, stable = [], []
    for metric in metrics:
        for seed in SEEDS:
            names = sorted({name for name, _ in runs(**asked)})  # type: ignore[arg-type]
            ranks = draws("ranks", metric, seed).permutation(len(names)) + 1
            rows += [
                {"metric": metric, "setup": name, "seed": seed, "rank": float(rank)}
                for name, rank in zip(names, ranks, strict=True)
            ]
        about = {"metric": metric, "share_of_draws": 0.5, "changes": 1, "seeds": len(SEEDS)}
        stable.append(about | {"among": "all", "best_setup": names[0], "share_of_seeds": 2 / 3, "kendall_tau": 0.31})
        stable.append(
            about | {"among": "regularized", "best_setup": names[1], "share_of_seeds": 1.0, "kendall_tau": 0.9}
        )
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(folder / "ranking.parquet", index=False)
    pd.DataFrame(stable).to_parquet(folder / "stability.parquet", index=False)
    return folder / "ranking.parquet", folder / "stability.parquet"


def write_summary(folder: Path, tables: Sequence[Path]) -> Path:
    """The comparison's table: centre and spread over cell lines, seed by seed and averaged, an interval over seeds."""
    numbers = pd.concat([pd.read_parquet(path) for path in tables], ignore_index=True)
    rows = []
    for (setup, metric), mine in numbers.groupby(["setup", "metric"]):
        of_seeds = mine.groupby("training_seed")["value"]
        kind = "mean" if metric in AS_MEAN else "median"
        seeds = of_seeds.agg(kind)
        half = seeds.std(ddof=1) * 2.48 if len(seeds) > 1 else np.nan
        mad = of_seeds.agg(lambda lines: (lines - lines.median()).abs().median())
        of_all = {"median": of_seeds.median().mean(), "mad": mad.mean()}
        of_all |= {"mean": of_seeds.mean().mean(), "deviation": of_seeds.std().mean()}
        ends = {"low": of_all[kind] - half, "high": of_all[kind] + half}
        about = {"setup": setup, "metric": metric, "centre": kind, "seeds": len(seeds)}
        about |= {"cell_types": mine["cell_type"].nunique()}
        rows.append(about | of_all | ends)
    table = pd.DataFrame(rows)
    paradigm = table["setup"].map(kind_of)
    table["best"] = table["median"] == table.groupby([paradigm, "metric"])["median"].transform("max")
    path = folder / "table.parquet"
    table.to_parquet(path, index=False)
    return path


def write_benchmarks(folder: Path, **asked: object) -> list[Path]:
    """Benchmarks of trainings in the proportions of the paper's Table 1; seconds stand for hours."""
    hours = {
        "unsupervised": (7, 35),
        "self_supervised": (1.5, 4),
        "weakly_supervised": (2.5, 11),
        "regularized": (9, 45),
    }
    paths = []
    for setup, seed in runs(**asked):  # type: ignore[arg-type]
        parts = parts_of(setup)
        if isinstance(parts, Beyond) and not parts.learned:
            continue
        several = not isinstance(parts, Beyond) and parts[1].multi_crop
        seconds = hours.get(kind_of(setup), (3.0, 3.0))[several] + 0.1 * seed
        paths.append(folder / setup / f"seed_{seed}.jsonl")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        paths[-1].write_text(json.dumps({"s": seconds, "max_rss": 900.0 + 10 * seed}) + "\n", encoding="utf-8")
    return paths


def write_curves(folder: Path, images: int = 5000, **asked: object) -> list[Path]:
    """Training curves, which say how many tiles were shown."""
    paths = []
    for setup, seed in runs(**asked):  # type: ignore[arg-type]
        paths.append(folder / setup / f"seed_{seed}" / "curve.parquet")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        rows = [(images // 2, 10, "loss", 1.0), (images, 20, "loss", 0.5)]
        write_table(pd.DataFrame(rows, columns=CURVE.names), paths[-1], CURVE)
    return paths

"""How long does the whole evaluation of one featurizer take at the paper's size, and how much memory?

Synthetic features in the layout of the published screens: RxRx19a (305,520 images on 57 plates, 1,672 compounds at six doses)
with 1,024 features, and RxRx1 (125,510 images of 51 experiments) with 5,120, of which the cell type is asked. `gandl evaluate`
runs in a process of its own, once. `python -m benchmarks.speed.evaluation --share 0.1` takes a tenth of the plates;
both sizes by default, with the growth of time from the one to the other, divided by that of the images. `--folder` keeps the
features for another run (4 GB in all); `--write` appends to `benchmarks/results/evaluation.csv`. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import RESULTS, append, machine, versions
from gandl.source.screens.published import CELL_TYPE_EXPERIMENTS, RXRX1_PLATES
from gandl.tables import SITES, write_table

DOSES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
COMPOUNDS = 1_672
EC50 = 0.2
"""Of every fifth compound (uM); all others do nothing."""
KINDS = {"mock": 40, "uv_inactivated": 40, "unknown": 30, "infected": 54}
"""Untreated wells of a plate of RxRx19a, by condition; 1,176 more are treated, two for each compound and dose."""
TREATED = 588
RXRX1_WELLS = 62_755
WELL_ROWS = tuple(chr(66 + i) if i < 25 else "A" + chr(40 + i) for i in range(30))
"""B to AE."""


@dataclass(frozen=True)
class Case:
    """A screen of a size: its sites, and how its features are drawn."""

    name: str
    share: float
    dim: int
    questions: tuple[str, ...]

    @property
    def is_rxrx1(self) -> bool:
        return self.name == "rxrx1"

    def sites(self) -> pd.DataFrame:
        """The sites table."""
        return rxrx1_sites(self.share) if self.is_rxrx1 else rxrx19a_sites(self.share)


CASES = (
    ("rxrx19a", 1024, ("controls", "dose_response", "treatments", "screening", "layout", "cell_model")),
    ("rxrx1", 5120, ("cell_type",)),
)


def rxrx19a_sites(share: float) -> pd.DataFrame:
    """57 plates of 1,340 wells and four images; every compound and dose in two wells on three plates of HRCE."""
    plates = {"HRCE-1": 26, "HRCE-2": 27, "VERO-1": 2, "VERO-2": 2}
    if share < 1:
        plates = {
            name: max(1, round(count * share)) if name[0] == "V" else max(2, round(count * share))
            for name, count in plates.items()
        }
    groups = [(f"compound {i}", dose) for i in range(round(COMPOUNDS * share)) for dose in DOSES]
    dealt = {"HRCE": 0, "VERO": 0}
    places = [f"{row}{column:02d}" for row in WELL_ROWS for column in range(2, 47)]
    rng = np.random.default_rng(0)
    tables = []
    for experiment, count in plates.items():
        cells = experiment.partition("-")[0]
        for plate in range(1, count + 1):
            about = [(kind, None, np.nan) for kind, number in KINDS.items() for _ in range(number)]
            for i in range(dealt[cells], dealt[cells] + TREATED):
                about += [("infected", *groups[i % len(groups)])] * 2
            dealt[cells] += TREATED
            condition, treatment, dose = zip(*about, strict=True)
            wells = rng.permutation(places)[: len(about)]
            control = [
                "positive" if c == "mock" else "negative" if c == "infected" and t is None else "none"
                for c, t, _ in about
            ]
            tables.append(
                _plate(experiment, plate, f"{experiment}_{plate}", wells, cells, condition, control, treatment, dose, 4)
            )
    return pd.concat(tables, ignore_index=True)


def rxrx1_sites(share: float) -> pd.DataFrame:
    """51 experiments of four plates, 308 wells (so that there are 62,755 in all) and two images."""
    tables = []
    places = [f"{row}{column:02d}" for row in WELL_ROWS[:14] for column in range(2, 24)]
    for cells, count in CELL_TYPE_EXPERIMENTS.items():
        for number in range(1, (count if share == 1 else max(2, round(count * share))) + 1):
            experiment = f"{cells}-{number:02d}"
            for plate in range(1, RXRX1_PLATES + 1):
                kinds = ["positive"] * 30 + ["negative"] + ["none"] * (len(places) - 31)
                condition = ["treatment" if kind == "none" else f"{kind}_control" for kind in kinds]
                sirna = [f"s{i}" for i in range(len(places))]
                nothing = [np.nan] * len(places)
                tables.append(_plate(experiment, plate, experiment, places, cells, condition, kinds, sirna, nothing, 2))
    sites = pd.concat(tables, ignore_index=True)
    return sites.iloc[: 2 * RXRX1_WELLS]


def _plate(experiment, plate, store, wells, cells, condition, control, treatment, dose, images):  # type: ignore[no-untyped-def]
    plate_id = f"{experiment}_{plate}"
    table = pd.DataFrame(
        {
            "well_id": [f"{plate_id}_{well}" for well in wells],
            "experiment": experiment,
            "plate": plate,
            "plate_id": plate_id,
            "store_id": store,
            "well": wells,
            "row": [well[:-2] for well in wells],
            "column": [int(well[-2:]) for well in wells],
            "cell_type": cells,
            "condition": condition,
            "control": control,
            "treatment": treatment,
            "compound": treatment,
            "concentration_um": dose,
            "smiles": None,
        }
    )
    table = table.loc[table.index.repeat(images)].reset_index(drop=True)
    number = np.tile(np.arange(1, images + 1), len(wells))
    ids = [f"{well}_{site}" for well, site in zip(table["well_id"], number, strict=True)]
    return table.assign(site_id=ids, site=number)[SITES.names]


def blocks(sites: pd.DataFrame, dim: int) -> Iterator[tuple[pd.Series, np.ndarray]]:
    """Ids and (n, d) features, store by store: noise of wells and images, severity, cell types, shifts and scales of plates."""
    rng = np.random.default_rng(1)
    directions = rng.standard_normal((1 + sites["cell_type"].nunique(), dim)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    kind = {name: i + 1 for i, name in enumerate(sorted(sites["cell_type"].unique()))}
    for _, here in sites.groupby("store_id", sort=False):
        wells = pd.factorize(here["well_id"])[0]
        values = rng.standard_normal((wells.max() + 1, dim), dtype=np.float32)[wells]
        values += 0.5 * rng.standard_normal((len(here), dim), dtype=np.float32)
        number = pd.to_numeric(here["compound"].str.removeprefix("compound "), errors="coerce").fillna(1)
        active = (number % 5 == 0) & (here["condition"] == "infected")
        left = 1 / (1 + (here["concentration_um"].fillna(1e-9) / EC50) ** 1.5)
        severity = np.where(active, left, here["condition"] == "infected").astype(np.float32)
        values += 4 * np.outer(severity, directions[0])
        values += 3 * directions[here["cell_type"].map(kind).to_numpy()]
        plates = pd.factorize(here["plate_id"])[0]
        values *= rng.uniform(0.8, 1.25, (plates.max() + 1, dim)).astype(np.float32)[plates]
        values += rng.normal(0, 0.5, (plates.max() + 1, dim)).astype(np.float32)[plates]
        yield here["site_id"], values


def make(case: Case, folder: Path) -> tuple[Path, Path, int]:
    """Write the table of features and that of sites, unless they are there; their paths, and the number of images."""
    table, about = (folder / f"{case.name}_{case.share:g}.{kind}.parquet" for kind in ("features", "sites"))
    if not table.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sites = case.sites()
        write_table(sites, about, SITES)
        names = ["site_id", *(f"feature_{i}" for i in range(case.dim))]
        partial = table.with_suffix(".partial")
        schema = pa.schema([("site_id", pa.string()), *((name, pa.float32()) for name in names[1:])])
        with pq.ParquetWriter(partial, schema, compression="zstd", use_dictionary=False) as writer:
            for ids, values in blocks(sites, case.dim):
                columns = [pa.array(ids), *map(pa.array, np.ascontiguousarray(values.T))]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
        partial.rename(table)
    return table, about, pq.read_metadata(table).num_rows


def measure(case: Case, folder: Path) -> dict[str, object]:
    """Evaluate in a process of its own: seconds, processor seconds, peak memory, and seconds by step."""
    table, about, images = make(case, folder)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [
            sys.executable,
            "-m",
            "gandl",
            "evaluate",
            "--embeddings",
            f"{case.name}={table}",
            "--sites",
            str(about),
        ]
        command += ["--out", f"{out}/out", "--normalization", "unlabelled", "--normalization", "none"]
        started = time.perf_counter()
        process = subprocess.Popen([*command, "--questions", *case.questions], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"gandl evaluate ended with exit status {process.returncode}")
        steps = json.loads(Path(out, "out/evaluate.json").read_text(encoding="utf-8"))["seconds"]
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions("numpy", "pandas", "pyarrow", "scikit-learn"),
        "layout": case.name,
        "share": case.share,
        "images": images,
        "features": case.dim,
        "questions": " ".join(case.questions),
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mebibytes": round(usage.ru_maxrss / 1024),
        "steps": "; ".join(f"{name} {taken:.0f}" for name, taken in sorted(steps.items(), key=lambda step: -step[1])),
        "growth_over_linear": "",
    }


def main() -> None:
    """Measure, print, and write if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="append to results/evaluation.csv")
    parser.add_argument(
        "--folder", type=Path, help="where to make the features, which are kept (default: a temporary folder)"
    )
    parser.add_argument("--share", type=float, action="append", help="of the screen (default: 0.1 and 1)")
    parser.add_argument("--layout", choices=[name for name, *_ in CASES], help="only this screen")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for name, dim, questions in CASES:
            found: list[dict[str, object]] = []
            for share in options.share or (0.1, 1.0):
                if options.layout in (None, name):
                    found.append(measure(Case(name, share, dim, questions), options.folder or Path(place)))
                    print(
                        ", ".join(
                            f"{key} {value}" for key, value in found[-1].items() if key not in ("machine", "versions")
                        )
                    )
            if len(found) > 1:
                small, large = found[0], found[-1]
                time_grew = float(str(large["seconds"])) / float(str(small["seconds"]))
                large["growth_over_linear"] = round(
                    time_grew * int(str(small["images"])) / int(str(large["images"])), 2
                )
                print(f"{name}: time grows {large['growth_over_linear']} times as fast as the number of images")
            rows += found
    if options.write:
        append(rows, RESULTS / "evaluation.csv")


if __name__ == "__main__":
    main()

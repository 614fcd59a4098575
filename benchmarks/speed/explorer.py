"""How fast is the explorer at the size of RxRx19a? 76,380 wells on 57 plates, 1,672 compounds in two cell types.

The tables of 13 featurizers are made up from a seed and written as evaluation writes them, profiles of 512 and of 5,120 features
among them; the page is made of them as that of a run is, in a process of its own whose memory is measured, and opened from its
file in the system's Chromium, headless and without a graphics card. The scatter is dragged with the mouse and zoomed; while it
moves it may draw fewer wells, and their share is measured too.
`python -m benchmarks.speed.explorer` prints seconds, frames per second and sizes; `--write` also appends them to
`benchmarks/results/explorer.csv`; `--folder` keeps the page, which `--made` measures again. It needs playwright. Nothing else
should be running: where something does, the frames that the busiest thread's own processor time allows still hold.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.chromium import launched
from benchmarks.measuring import RESULTS, append, machine, versions
from benchmarks.speed.frames import busiest, goes_on, processor_time
from gandl.evaluation.dose_response import CURVE_COLUMNS
from gandl.evaluation.terms import COMPOUNDS
from gandl.explorer.answers import Answers
from gandl.explorer.page import About, write_page
from gandl.explorer.thumbnails import SIDE, write_sheet
from gandl.tables import SITES, WELL_SCORES, write_table
from gandl.tables.row_letters import row_name
from gandl.workflow.files import write_json

PLATES, ROWS, COLUMNS = 57, 30, 45
WELLS, COMPOUND_NAMES = 76_380, 1_672
PART = 5_000
DOSES = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0])
FEATURES = (512, 5_120, *[32] * 11)
"""Of each featurizer: GAN-DL, the widest of the paper (concatenated ImageNet features), and eleven more."""
LOADS = 3
"""How often the page is opened; the median time counts."""
COUNT = """() => {
  window.frames_ = []; window.work_ = [];
  const tick = (now) => { window.frames_.push(now); requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  document.getElementById("scatter").addEventListener("drawn", ({ detail }) =>
    window.work_.push([performance.now(), detail.ms, detail.share]));
}"""


TURN_WHEEL = """() => {
  const panel = document.getElementById("scatter");
  const box = panel.getBoundingClientRect();
  let turned = 0;
  const turn = () => {
    const [clientX, clientY] = [box.left + box.width / 2, box.top + box.height / 2];
    const deltaY = Math.floor(turned / 25) % 2 ? 40 : -40;
    panel.dispatchEvent(new WheelEvent("wheel", {deltaY, clientX, clientY, cancelable: true}));
    turned += 1;
    requestAnimationFrame(turn);
  };
  turn();
}"""
"""Twelvefold in and out again, once in every frame, by the page itself: the driver turns a wheel only in every second one."""


def make_sites(rng: np.random.Generator) -> pd.DataFrame:
    """A row per well: HRCE on the first 49 plates, VERO on the others; two columns of either control."""
    number = np.arange(WELLS)
    plate, place = number // (WELLS // PLATES), number % (WELLS // PLATES)
    row, column = place // COLUMNS, place % COLUMNS + 1
    cell = np.where(plate < 49, "HRCE", "VERO")
    control = np.select([column <= 2, column <= 4], ["positive", "negative"], "none")
    treated = (control == "none") & (column > 5)
    compound = pd.Series([f"Compound {k:04d}" for k in rng.integers(0, COMPOUND_NAMES, WELLS)], dtype=object)
    plate_id = pd.Series([f"{kind}-1_{k + 1}" for kind, k in zip(cell, plate, strict=True)], dtype=object)
    well = pd.Series([f"{row_name(int(r) + 1)}{c:02d}" for r, c in zip(row, column, strict=True)], dtype=object)
    return pd.DataFrame(
        {
            "site_id": plate_id + "_" + well + "_1",
            "well_id": plate_id + "_" + well,
            "experiment": pd.Series(cell, dtype=object) + "-1",
            "plate": plate + 1,
            "plate_id": plate_id,
            "store_id": plate_id,
            "well": well,
            "row": [row_name(int(r) + 1) for r in row],
            "column": column,
            "site": 1,
            "cell_type": cell,
            "condition": np.where(control == "positive", "mock", "infected"),
            "control": control,
            "treatment": compound.where(treated, None),
            "compound": compound.where(treated, None),
            "concentration_um": np.where(treated, DOSES[rng.integers(0, len(DOSES), WELLS)], np.nan),
            "smiles": None,
        }
    )


def make_scores(sites: pd.DataFrame, rng: np.random.Generator, question: str) -> pd.DataFrame:
    """Scores with the controls around -1 and +1, treated wells around -0.8, a twentieth of the compounds rising with dose."""
    level = sites["control"].map({"positive": 1.0, "negative": -1.0, "none": -0.8}).to_numpy(float)
    if question == "cell_model":
        level = np.where(sites["cell_type"] == "HRCE", 1.0, -1.0)
    else:
        active = sites["compound"].fillna("Compound 9999").str[-4:].astype(int).to_numpy() % 20 == 0
        level = level + active * (sites["control"] == "none") * np.nan_to_num(sites["concentration_um"]) / 20
    wells = sites.drop(columns=["site_id", "site"])
    return wells.assign(
        scheme="leave_plate_out",
        fold=wells["plate_id"],
        on=level + 0.35 * rng.standard_normal(WELLS),
        off=0.6 * rng.standard_normal(WELLS),
        off_norm=1.0,
        on_lda=0.0,
    )


def make_compounds(sites: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """A row per compound and cell type, a twentieth of them hits."""
    pairs = sites.loc[sites["compound"].notna(), ["cell_type", "compound"]].drop_duplicates()
    hit = pairs["compound"].str[-4:].astype(int).to_numpy() % 20 == 0
    floats = {column.name: rng.uniform(0, 1, len(pairs)) for column in COMPOUNDS.columns if column.kind == "float"}
    whole = {column.name: 8 for column in COMPOUNDS.columns if column.kind == "integer"}
    texts = {
        "featurizer": "x",
        "normalization": "unlabelled",
        "scheme": "leave_plate_out",
        "flags": "one_replicate",
        "no_curve": None,
    }
    table = pd.DataFrame({**floats, **whole, **texts}, index=pairs.index)
    table = table.assign(cell_type=pairs["cell_type"], compound=pairs["compound"], hit=hit, sign_test_hit=hit)
    return table[COMPOUNDS.names].reset_index(drop=True)


def make_curves(compounds: pd.DataFrame) -> pd.DataFrame:
    """A Hill curve with a band for every series, 120 points each."""
    dose = np.geomspace(DOSES[0], DOSES[-1], 120)
    fit = -1 + 2 / (1 + 3.0 / dose)
    n = len(compounds)
    columns = [
        np.repeat(compounds["cell_type"].to_numpy(object), 120),
        np.repeat(compounds["compound"].to_numpy(object), 120),
        *(np.tile(values, n) for values in (dose, fit, fit - 0.2, fit + 0.2)),
    ]
    return pd.DataFrame(dict(zip(CURVE_COLUMNS, columns, strict=True)))


def make_profiles(ids: pd.Series, features: int, rng: np.random.Generator, path: Path) -> None:
    """Profiles of 20 directions and noise, a part of the wells at a time."""
    names = [f"feature_{k}" for k in range(features)]
    axes = rng.standard_normal((20, features), np.float32)
    schema = pa.schema([("well_id", pa.string()), *((name, pa.float32()) for name in names)])
    with pq.ParquetWriter(path, schema, use_dictionary=False) as file:
        for start in range(0, len(ids), PART):
            some = ids[start : start + PART]
            values = rng.standard_normal((len(some), 20), np.float32) @ axes
            values += 0.5 * rng.standard_normal(values.shape, np.float32)
            columns = [pa.array(some), *(pa.array(values[:, k]) for k in range(features))]
            file.write_table(pa.table(columns, schema=schema))


def write_measured(answers: Mapping[str, Answers], sites: Path, index: Path, html: Path) -> dict[str, float]:
    """Write the page: seconds, and the most memory (GB) that this process has used."""
    about = About("synthetic", "RxRx19a", "synthetic", "gandl", "unlabelled", 0.95, 0.05)
    begun = time.perf_counter()
    write_page(answers, sites, index, about, html)
    return {
        "made_in_s": round(time.perf_counter() - begun, 1),
        "processor_s": round(time.process_time(), 1),
        "memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def make_page(folder: Path, features: Sequence[int] = FEATURES) -> tuple[Path, dict[str, float]]:
    """Make all tables and the page of them; the page, and what it took."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    sites = make_sites(rng)
    write_table(sites, folder / "sites.parquet", SITES)
    answers = {}
    for number, width in enumerate(features):
        name = f"other_{number}" if number else "gandl"
        files = {
            kind: folder / f"{name}.{kind}.parquet"
            for kind in ("scores", "cell_model", "compounds", "curves", "profiles")
        }
        for question in ("scores", "cell_model"):
            write_table(make_scores(sites, rng, question), files[question], WELL_SCORES)
        compounds = make_compounds(sites, rng)
        write_table(compounds, files["compounds"], COMPOUNDS)
        make_curves(compounds).to_parquet(files["curves"], index=False)
        make_profiles(sites["well_id"], width, rng, files["profiles"])
        answers[name] = Answers(**files)
    index = make_sheets(folder / "explorer", sites, rng)
    html = folder / "explorer.html"
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        took = pool.submit(write_measured, answers, folder / "sites.parquet", index, html).result()
    (folder / "took.json").write_text(json.dumps(took), encoding="utf-8")
    return html, took


def make_sheets(folder: Path, sites: pd.DataFrame, rng: np.random.Generator) -> Path:
    """A sheet of noise per plate, and their index."""
    folder.mkdir(exist_ok=True)
    columns, wells = {}, {}
    noise = rng.integers(0, 255, (4, SIDE // 8, SIDE // 8, 3)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    for plate_id, mine in sites.groupby("plate_id", sort=False):
        name = f"{plate_id}.jpg"
        columns[name], wells[name] = 37, list(mine["well_id"])
        if len(wells) <= 2:  # the others would be of the same size
            write_sheet((noise[k % 4] for k in range(len(mine))), len(mine), 37, SIDE, folder / name)
    described: dict[str, Any] = {"side": SIDE, "columns": columns, "wells": wells, "channels": [], "width_um": None}
    write_json(described, folder / "thumbnails.json")
    return folder / "thumbnails.json"


def measure(page_file: Path) -> dict[str, float]:
    """Seconds to the first paint, to the scatter's first picture and until all is drawn; frames per second while it moves."""
    with launched() as browser:
        loads = []
        for _ in range(LOADS):
            page = open_page(browser, page_file)
            loads.append(
                page.evaluate(
                    """() => ({first_paint_s: performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000,
                        scatter_s: performance.getEntriesByName("scatter-drawn")[0].startTime / 1000,
                        ready_s: performance.getEntriesByName("all-drawn")[0].startTime / 1000})"""
                )
            )
            if len(loads) < LOADS:
                page.close()
        found = {name: statistics.median(load[name] for load in loads) for name in loads[0]}
        page.evaluate(COUNT)
        box = page.locator("#scatter").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        panned = frames(page, lambda k: page.mouse.move(x + 120 * np.sin(k / 9), y + 80 * np.cos(k / 7)))
        page.mouse.up()
        page.evaluate(TURN_WHEEL)
        zoomed = frames(page, lambda _: page.wait_for_timeout(20))
    for act, of_act in (("pan", panned), ("zoom", zoomed)):
        found |= {f"{act}_{name}": value for name, value in of_act.items()}
    return found


def open_page(browser: Any, page_file: Path) -> Any:
    """Open the page and wait until all of it is drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(300_000)
    page.goto(page_file.resolve().as_uri(), wait_until="commit")
    page.wait_for_selector("html[data-ready=yes]")
    return page


def frames(page: Any, act: Any) -> dict[str, float]:
    """Act again and again for `SECONDS`: frames per second in which the points were drawn, as the clock has it and as the busiest
    thread of the browser would allow with a core to itself; milliseconds of drawing one; the share of the wells that it shows."""
    page.evaluate("() => { window.frames_ = []; window.work_ = []; }")
    before, begun, k = processor_time(), time.perf_counter(), 0
    while goes_on(begun, lambda: page.evaluate("() => window.work_.length"), k):
        act(k)
        k += 1
    drawn = page.evaluate("() => window.work_")
    times = [at for at, _, _ in drawn]
    return {
        "frames_per_s": 1000 * (len(times) - 1) / (times[-1] - times[0]),
        "frames_per_core_s": len(times) / busiest(before, processor_time()),
        "drawing_ms": statistics.median(work for _, work, _ in drawn),
        "share": statistics.median(share for _, _, share in drawn),
    }


def main() -> None:
    """Make, measure, print, and write if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="append to results/explorer.csv")
    parser.add_argument(
        "--folder", type=Path, help="where to make the page, which is kept (default: a temporary folder)"
    )
    parser.add_argument("--made", action="store_true", help="the page is in --folder already")
    parser.add_argument("--features", type=int, nargs="+", default=FEATURES, help="of each featurizer")
    parser.add_argument("--only-make", action="store_true", help="do not open the page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if options.made:
            page = options.folder / "explorer.html"
            took = json.loads((options.folder / "took.json").read_text(encoding="utf-8"))
        else:
            page, took = make_page(options.folder or Path(place), options.features)
        if options.only_make:
            print(took)
            return
        row = {
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "load": round(os.getloadavg()[0], 1),
            "versions": versions("plotly", "playwright"),
            "wells": WELLS,
            "compounds": COMPOUND_NAMES,
            "featurizers": len(options.features),
            "most_features": max(options.features),
            **took,
            "page_mb": round(page.stat().st_size / 10**6, 1),
            **{name: round(value, 2) for name, value in measure(page).items()},
        }
    print("\n".join(f"{name}: {value}" for name, value in row.items()))
    if options.write:
        append([row], RESULTS / "explorer.csv")


if __name__ == "__main__":
    main()

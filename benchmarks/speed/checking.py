"""How long does `gandl check` take for a large plate? 384 wells of 9 sites and 5 channels: 17,280 files of small TIFFs.

The plate is made first (`--folder` keeps it for another run). The check runs twice, each time in a process of its own; the second
time its files are in the system's memory (`warm`). `python -m benchmarks.speed.checking` prints seconds and peak memory;
`--write` also appends them to `benchmarks/results/checking.csv`. Nothing else should be running.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from benchmarks.measuring import RESULTS, append, machine, versions

CHANNELS = ("dna", "er", "rna", "actin", "mito")
ROWS, COLUMNS, SITES, SIDE = "ABCDEFGHIJKLMNOP", 24, 9, 96


def make_plate(folder: Path) -> Path:
    """Write the images and their table, unless they are there; the table's path."""
    table = folder / "plate/sites.csv"
    if table.exists():
        return table
    (folder / "plate/images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [f"file_{channel}" for channel in CHANNELS]
    rows = []
    for well in (f"{row}{column:02d}" for row in ROWS for column in range(1, COLUMNS + 1)):
        control = {"01": "negative", "02": "positive"}.get(well[1:], "")
        for site in range(1, SITES + 1):
            files = [f"images/{well}_s{site}_{channel}.tif" for channel in CHANNELS]
            for file in files:
                tifffile.imwrite(folder / "plate" / file, rng.integers(100, 4000, (SIDE, SIDE)).astype(np.uint16))
            rows.append([well, site, control, *files])
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["well", "site", "control", *names], *rows])
    return table


def check_and_print(table: Path) -> None:
    """In a process of its own: check, and print seconds and peak memory (MiB)."""
    from gandl.check.plates import check_plates

    started = time.perf_counter()
    report = check_plates(table)
    seconds = time.perf_counter() - started
    assert report.passed, report.problems
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    """Measure, print, and write if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="append to results/checking.csv")
    parser.add_argument(
        "--folder", type=Path, help="where to make the plate, which is kept (default: a temporary folder)"
    )
    parser.add_argument("--check", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        check_and_print(options.check)
        return
    with tempfile.TemporaryDirectory() as place:
        table = make_plate(options.folder or Path(place))
        command = [sys.executable, "-m", "benchmarks.speed.checking", "--check", str(table)]
        for _ in ("cold", "warm"):
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, peak = map(float, done.stdout.split())
    files = len(ROWS) * COLUMNS * SITES * len(CHANNELS)
    print(f"{files:,} files of {SIDE} px: checked in {seconds:.1f} s (warm), {peak:,.0f} MiB at most")
    if options.write:
        row = {
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "versions": versions("tifffile", "numpy", "pandas"),
            "files": files,
            "image_px": SIDE,
            "cache": "warm",
            "seconds": round(seconds, 1),
            "peak_mebibytes": round(peak),
        }
        append([row], RESULTS / "checking.csv")


if __name__ == "__main__":
    main()

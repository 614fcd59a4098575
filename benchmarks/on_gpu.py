"""Everything worth measuring on a GPU that is lent for minutes: runs parts one after another, the most valuable first.

    python benchmarks/on_gpu.py --out FOLDER                on the GPU: nine minutes in all
    python benchmarks/on_gpu.py --out FOLDER --rehearse     the same parts at toy size, on the CPU

Every part is a process with a time limit of its own; what it made is copied to `--out` when it ends, however it ends. A part that
fails or runs out of time stops no other. A line per part closes the output and stands in `parts.csv`. `on_gpu.sh` installs what a
bare machine lacks and calls this.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
DONE, FAILED, LATE = "done", "failed", "out of time"


@dataclass(frozen=True)
class Part:
    """One thing to measure.

    Attributes
    ----------
    command : arguments of Python. seconds : its limit. makes : files that are copied when it ends, as patterns below `work`.
    """

    name: str
    command: Sequence[str]
    seconds: float
    makes: Sequence[str] = ()


def parts_of(work: Path, *, rehearse: bool, config: Path) -> list[Part]:
    """The parts, the most valuable first.

    Parameters
    ----------
    work : folder for everything that is made on the way. rehearse : toy sizes, on the CPU. config : of the simulated pair.
    """
    device = ["--device", "cpu" if rehearse else "cuda"]
    data, learning = work / "pair", work / "learning"
    size = ["--crop", "16", "--base", "128", "--batch", "8"] if rehearse else []
    quick = ["--turns", "1", "--rounds", "1"] if rehearse else ["--turns", "2", "--rounds", "2"]
    budget = ["--images", "96"] if rehearse else ["--images", "4000000", "--seconds", "240", "--looks", "20"]
    processes = "2" if rehearse else str(os.cpu_count() or 1)
    recipe = "gpu: engine.precision=float32" if rehearse else "gpu: engine.compile=true"
    train = ["train", recipe, "--config", str(config), "--run", str(data), "--folder", str(learning), *device, *budget]
    variants = ["plain, channels last", "gandl, bfloat16" if rehearse else "gandl, bfloat16, compiled"]
    only = [word for variant in variants for word in ("--only", variant)]
    return [
        Part(
            "data", [_program("pair_data"), "--config", str(config), "--out", str(data), "--processes", processes], 120
        ),
        Part(
            "recipe",
            [_program("learning"), *train],
            330,
            ("learning/gpu/seed_0/*.p*", "learning/gpu/seed_0/*.safetensors"),
        ),
        Part("speed", [_program("training"), *device, *size, *quick, *only, "--write"], 150, ("results/training.csv",)),
        Part("tests", ["-m", "pytest", "-q", "-x", "tests/gpu"], 120),
        Part("embedding", [_program("embedding"), *device, "--runs", "1", "--write"], 60, ("results/embedding.csv",)),
        Part("loader", [_program("loader"), *device, "--write"], 60, ("results/loader.csv",)),
    ]


def _program(name: str) -> str:
    return str(HERE / f"{name}.py")


def main() -> None:
    """Run all parts, or those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where results are copied")
    parser.add_argument("--work", type=Path, default=Path("results/on_gpu"))
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--only", action="append", default=[], help="parts to run, by name")
    parser.add_argument("--limit", type=float, default=0, help="seconds for each part, instead of its own limit")
    options = parser.parse_args()
    chosen = [
        part
        for part in parts_of(options.work, rehearse=options.rehearse, config=options.config)
        if not options.only or part.name in options.only
    ]
    run_parts(chosen, options.work, options.out, options.limit)


def run_parts(parts: Sequence[Part], work: Path, out: Path, limit: float = 0) -> list[tuple[str, str, float]]:
    """Run parts one after another; gives (name, how it ended, seconds), and writes the same to `parts.csv` as it goes."""
    (work / "results").mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    ended: list[tuple[str, str, float]] = []
    for part in parts:
        start = time.monotonic()
        with (out / f"{part.name}.log").open("w", encoding="utf-8") as log:
            state = _run(part, limit or part.seconds, work, log.fileno())
        for pattern in part.makes:
            for made in sorted(work.glob(pattern)):
                shutil.copy2(made, out / made.name)
        ended.append((part.name, state, round(time.monotonic() - start, 1)))
        with (out / "parts.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("part", "ended", "seconds"), *ended])
    for name, state, seconds in ended:
        print(f"{name:10s} {state:12s} {seconds:7.1f} s", flush=True)
    return ended


def _run(part: Part, seconds: float, work: Path, log: int) -> str:
    """Run a part in a process group of its own, so that nothing of it outlives its limit."""
    process = subprocess.Popen(
        [sys.executable, *part.command],
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={**os.environ, "BENCHMARK_RESULTS": str((work / "results").absolute())},
    )
    try:
        return DONE if process.wait(timeout=seconds) == 0 else FAILED
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return LATE


if __name__ == "__main__":
    main()

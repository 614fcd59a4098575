"""Everything worth measuring on a GPU that is lent for minutes: runs parts one after another, the most valuable first.

    python -m benchmarks.gpu.parts --out FOLDER                on the GPU: nine minutes in all
    python -m benchmarks.gpu.parts --out FOLDER --rehearse     the same parts at toy size, on the CPU
    python -m benchmarks.gpu.parts --collect FOLDER            at home: append what came back to benchmarks/results/

Every part is a process with a time limit of its own, and all of them share `--seconds`. A part that fails or runs out of time
stops no other. What it makes is copied to `--out` every few seconds and when it ends, however it ends: some files by themselves,
all others (logs, tables, curves) in one archive, since some machines give back a few files only. A line per part closes the
output and stands in `parts.csv`. `on_gpu.sh` installs what a bare machine lacks and calls this.
"""

from __future__ import annotations

import argparse
import csv
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.simulator.toy_pair import DEFAULT, write_toy

RESULTS = Path(__file__).parents[1] / "results"
DONE, FAILED, LATE, NOT_BEGUN = "done", "failed", "out of time", "not begun: no time was left"
SECONDS = 540.0
"""Of all parts together."""
SHORTEST = 5.0
"""Seconds in which a part can do anything at all."""
BETWEEN_COPIES = 5.0
ARCHIVE = "results.tar.gz"
MEBIBYTES = 16
"""A file larger than this stays where it is."""


@dataclass(frozen=True)
class Part:
    """One thing to measure.

    Attributes
    ----------
    command : arguments of Python. seconds : its limit. makes : files that are copied by themselves, as patterns below `work`.
    keeps : files that go into the archive, likewise; its log and tables of results always do.
    """

    name: str
    command: Sequence[str]
    seconds: float
    makes: Sequence[str] = ()
    keeps: Sequence[str] = ()


@dataclass(frozen=True)
class Ended:
    """How a part ended, and after how many seconds."""

    name: str
    state: str
    seconds: float


def parts_of(work: Path, *, rehearse: bool, config: Path, data: Path | None = None) -> list[Part]:
    """The parts, the most valuable first.

    Parameters
    ----------
    work : folder for everything that is made on the way. rehearse : toy sizes, on the CPU. config : of the simulated pair.
    data : its stores, sites and truth where they exist already; by default they are drawn, which takes less than carrying them.
    """
    device = ["--device", "cpu" if rehearse else "cuda"]
    cores = str(2 if rehearse else os.cpu_count() or 1)
    pair, recipe = data or work / "pair", work / "recipe"
    places = ["--config", str(config), "--data", str(pair), "--folder", str(recipe), *device, "--threads", cores]
    budget = ["--images", "960", "--looks", "3", "--seconds", "60"] if rehearse else ["--seconds", "240"]
    speed = ["--only", "gandl"] if rehearse else ["--only", "gandl, bfloat16, compiled"]
    plain = "plain, NCHW" if rehearse else "plain, NCHW, tf32"
    speed += ["--only", plain, "--turns", "1", "--rounds", "1" if rehearse else "3"]
    speed += ["--crop", "16", "--base", "128", "--batch", "8"] if rehearse else []
    embedding = ["--runs", "1", "--sites", "4" if rehearse else "512"]
    loader = ["--runs", "1", "--stores", "1", "--steps", "2"] if rehearse else ["--runs", "3"]
    draw = Part(
        "data",
        ["-m", "benchmarks.simulator.pair_data", "--config", str(config), "--out", str(pair), "--processes", cores],
        120,
    )
    return [
        *([draw] if data is None else []),
        Part(
            "recipe",
            ["-m", "benchmarks.gpu.recipe", "train", *places, *budget],
            300,
            (
                "recipe/simulated_samples.png",
                "recipe/first.safetensors",
                "recipe/middle.safetensors",
                "recipe/last.safetensors",
            ),
            ("recipe/curve.parquet", "recipe/live.csv", "recipe/simulated_samples.npz"),
        ),
        Part("speed", ["-m", "benchmarks.speed.training", *device, *speed, "--write"], 150),
        Part(
            "scores", ["-m", "benchmarks.gpu.recipe", "score", *places, *budget], 80, keeps=("recipe/scores/gpu/*/*",)
        ),
        Part("tests", ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/gpu"], 80),
        Part(
            "counterparts",
            ["-m", "benchmarks.speed.counterparts", *device, "--rounds", "1" if rehearse else "5", "--write"],
            150,
        ),
        Part("embedding", ["-m", "benchmarks.speed.embedding", *device, *embedding, "--write"], 60),
        Part("loader", ["-m", "benchmarks.speed.loader", *device, "--only", "training", *loader, "--write"], 100),
    ]


def main() -> None:
    """Run all parts, or those named; or collect results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where results are copied")
    parser.add_argument("--collect", type=Path, metavar="FOLDER", help="append the results of such a folder to ours")
    parser.add_argument("--work", type=Path, default=Path("results/on_gpu"), help="where everything is made")
    parser.add_argument("--data", type=Path, help="the simulated pair's stores, sites and truth, where they exist")
    parser.add_argument("--config", type=Path, help="of the simulated pair; a toy by default in a rehearsal")
    parser.add_argument("--rehearse", action="store_true", help="the same parts at toy size, on the CPU")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of all parts together")
    parser.add_argument("--only", action="append", default=[], metavar="PART", help="run this part (repeatable)")
    parser.add_argument(
        "--limit", action="append", type=_limit, default=[], metavar="PART=SECONDS", help="another limit of a part"
    )
    parser.add_argument("--break", action="append", default=[], dest="broken", metavar="PART", help="make a part fail")
    options = parser.parse_args()
    if options.collect:
        collect(options.collect, RESULTS)
        return
    if options.out is None:
        parser.error("name a folder for the results: --out FOLDER")
    config = options.config or (write_toy(options.work / "toy.yaml") if options.rehearse else DEFAULT)
    parts = parts_of(options.work, rehearse=options.rehearse, config=config, data=options.data)
    names = [part.name for part in parts]
    limits = dict(options.limit)
    unknown = {*options.only, *limits, *options.broken} - set(names)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; parts are {', '.join(names)}")
    parts = [replace(part, seconds=limits.get(part.name, part.seconds)) for part in parts]
    parts = [
        replace(part, command=["-c", "raise SystemExit(1)"]) if part.name in options.broken else part for part in parts
    ]
    run_parts(
        [part for part in parts if not options.only or part.name in options.only],
        options.work,
        options.out,
        options.seconds,
    )


def _limit(text: str) -> tuple[str, float]:
    """A part's name and seconds, from `recipe=60`."""
    name, _, seconds = text.partition("=")
    return name, float(seconds)


def run_parts(parts: Sequence[Part], work: Path, out: Path, seconds: float = SECONDS) -> list[Ended]:
    """Run parts one after another, at most so many seconds in all; `parts.csv` says how each ended, as soon as it did.

    The last output is a line per part, and the last lines of the log of every part that was not done.
    """
    (work / "results").mkdir(parents=True, exist_ok=True)
    (work / "logs").mkdir(exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    ended: list[Ended] = []
    for i, part in enumerate(parts):
        limit = min(part.seconds, deadline - time.monotonic())
        print(f"{part.name}: at most {max(limit, 0):.0f} s", flush=True)
        start = time.monotonic()
        state = NOT_BEGUN if limit < min(SHORTEST, part.seconds) else _run(part, limit, parts[: i + 1], work, out)
        ended.append(Ended(part.name, state, round(time.monotonic() - start, 1)))
        with (out / "parts.csv").open("w", newline="", encoding="utf-8") as file:
            rows = [(e.name, e.state, e.seconds) for e in ended]
            csv.writer(file, lineterminator="\n").writerows([("part", "ended", "seconds"), *rows])
    for e in ended:
        log = work / "logs" / f"{e.name}.log"
        if e.state in (FAILED, LATE) and log.exists():
            print(f"--- {e.name}, the end of its log", *log.read_text("utf-8", "replace").splitlines()[-15:], sep="\n")
    made = {path for part in parts for path in _made([*part.makes, *part.keeps], work)}
    for path in sorted(made - {path for part in parts for path in _found([*part.makes, *part.keeps], work)}):
        print(f"{path} is larger than {MEBIBYTES} MiB: it stays there", flush=True)
    for e in ended:
        print(f"{e.name:10s} {e.seconds:7.1f} s  {e.state}", flush=True)
    return ended


def _run(part: Part, seconds: float, so_far: Sequence[Part], work: Path, out: Path) -> str:
    """Run a part in a process group of its own, so that nothing of it outlives its limit."""
    with (work / "logs" / f"{part.name}.log").open("w", encoding="utf-8") as log:
        print(shlex.join(["python", *part.command]), file=log, flush=True)
        process = subprocess.Popen(
            [sys.executable, *part.command],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                **os.environ,
                "BENCHMARK_RESULTS": str((work / "results").absolute()),
                "PYTHONUNBUFFERED": "1",
            },
        )
        deadline = time.monotonic() + seconds
        while True:
            try:
                state = DONE if process.wait(min(BETWEEN_COPIES, max(0, deadline - time.monotonic()))) == 0 else FAILED
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    state = LATE
                    break
                _copy(so_far, work, out)
        _end(process)
    _copy(so_far, work, out)
    return state


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a part: it may have ended and left processes behind."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


# What is brought home


def _copy(parts: Sequence[Part], work: Path, out: Path) -> None:
    """Copy what parts have made so far, where it is new; a file appears whole or not at all."""
    for part in parts:
        for made in _found(part.makes, work):
            there = out / made.name
            if not there.exists() or there.stat().st_mtime_ns != made.stat().st_mtime_ns:
                aside = work / f".{made.name}.copy"
                shutil.copy2(made, aside)
                shutil.move(aside, there)
    patterns = ["logs/*.log", "results/*.csv", *(pattern for part in parts for pattern in part.keeps)]
    aside = work / f".{ARCHIVE}"
    with tarfile.open(aside, "w:gz") as archive:
        for path in _found(patterns, work):
            archive.add(path, str(path.relative_to(work)))
    shutil.move(aside, out / ARCHIVE)


def _found(patterns: Sequence[str], work: Path) -> list[Path]:
    """What was made and is small enough to be copied."""
    return [path for path in _made(patterns, work) if path.stat().st_size <= MEBIBYTES * 2**20]


def _made(patterns: Sequence[str], work: Path) -> list[Path]:
    """What matches and is whole: a file that is being written has a name with a dot in front, and is gone a moment later."""
    found = (path for pattern in patterns for path in sorted(work.glob(pattern)))
    return [path for path in found if not path.name.startswith(".")]


def collect(folder: Path, results: Path) -> None:
    """Append the tables of results that came back in a folder to those in another, row by row, none twice.

    Raises
    ------
    ValueError : a table there has other columns.
    """
    with tarfile.open(folder / ARCHIVE) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is None or Path(member.name).parent != Path("results"):
                continue
            header, *rows = file.read().decode("utf-8").splitlines()
            target = results / Path(member.name).name
            known = target.read_text(encoding="utf-8").splitlines() if target.exists() else [header]
            if known[0] != header:
                raise ValueError(f"{target} has other columns than {member.name} in {folder / ARCHIVE}")
            new = [row for row in rows if row not in known]
            target.write_text("\n".join([*known, *new]) + "\n", encoding="utf-8")
            print(f"{target.name}: {len(new)} new row(s)")


if __name__ == "__main__":
    main()

"""What all benchmarks share: runs in turn and their medians, the machine and versions in words, and the table of results."""

from __future__ import annotations

import csv
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(os.environ.get("BENCHMARK_RESULTS") or Path(__file__).parent / "results")
"""Tables of results; where the environment variable says so, elsewhere: a machine that is lent has no repository to keep."""
CORES = len(os.sched_getaffinity(0))


@dataclass
class Measurement:
    """Times (s) of one thing, run by run; `against` is what its ratio is taken with: how many times as fast it is."""

    what: str
    against: str = ""
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def processor_name() -> str:
    """Name of the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> str:
    """The processor and its cores."""
    return f"{processor_name()}, {CORES} cores"


def versions(*packages: str) -> str:
    """Python's version, and those of installed packages."""
    return " ".join([f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)])


def append(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """Append rows to a table of results, which gets its header where it is new."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerows(rows)

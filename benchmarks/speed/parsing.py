"""How long does the Snakefile take to parse? Lists its rules and an empty one's, in turn; prints both and their ratio.

Every cluster job parses the Snakefile again, so this is paid per job: it should stay below two seconds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5


def seconds(*arguments: str) -> float:
    """Wall time of one `snakemake --list-rules`."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "snakemake", "--list-rules", *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print medians over several runs in turn."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "Snakefile"
        empty.write_text("rule all:\n    input: []\n", encoding="utf-8")
        times = [(seconds(), seconds("--snakefile", str(empty))) for _ in range(RUNS)]
    ours, bare = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"gandl {ours:.2f} s, empty {bare:.2f} s: parsing takes {ours - bare:.2f} s, {ours / bare:.2f} times a bare start"
    )


if __name__ == "__main__":
    main()

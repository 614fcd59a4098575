"""A folder that another machine sees late: what the script of a job made in it disappears when the script ends, and comes back.

Python itself imports this module where it finds it on its path. Without it nothing here is slow; a network file system looks like
this to the process that waits for a job on another machine. Files come back in the order in which they were made, after
SLOW_SECONDS, with times before the job began, as those of a server whose clock is behind. Logs stay: nobody waits for them.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import time
from pathlib import Path

STARTED = time.time()
RESTORE = """
import os, sys, time
time.sleep(float(sys.argv[1]))
for hidden, shown in zip(sys.argv[2::2], sys.argv[3::2]):
    os.utime(hidden, (time.time() - 300,) * 2)
    os.rename(hidden, shown)
"""


def times(folder: Path) -> dict[Path, float]:
    """When each file of the folder was written."""
    return {path: path.stat().st_mtime for path in folder.rglob("*") if path.is_file() and "logs" not in path.parts}


def hide(folder: Path, stash: Path, before: dict[Path, float]) -> None:
    """Put away what was made in the folder since it was as `before`, and leave a process that brings it back."""
    now = times(folder)
    # of another job's files some may come back only now, dated back; and Snakemake dates those that it has seen just before
    made = sorted((at, path) for path, at in now.items() if before.get(path) != at and at >= STARTED - 0.1)
    moves = []
    for number, (_, path) in enumerate(made):
        hidden = stash / f"{os.getpid()}-{number}"
        path.rename(hidden)
        moves += [str(hidden), str(path)]
    with (stash / "hidden.txt").open("a", encoding="utf-8") as log:
        log.writelines(f"{path.relative_to(folder).as_posix()}\n" for _, path in made)
    subprocess.Popen(
        [sys.executable, "-S", "-c", RESTORE, os.environ["SLOW_SECONDS"], *moves],
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


if any("/.snakemake/scripts/" in word for word in sys.orig_argv) and "SLOW_FOLDER" in os.environ:
    slow_folder = Path(os.environ["SLOW_FOLDER"])
    atexit.register(hide, slow_folder, Path(os.environ["SLOW_STASH"]), times(slow_folder))

"""Pre-emption: `squeue`, but a job that was pre-empted and is not queued again (`PreemptMode=CANCEL`) is CANCELLED.

Takes a command line of squeue. Snakemake's plugin (2.8) waits for a job in the state PREEMPTED without end, since the cluster may
queue it again. A job that is queued again is PENDING at once, with another start; one that stays PREEMPTED is over.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from gandl.workflow.machines.slurm import SQUEUE

ASKED = "--format=%i|%T"
"""How the plugin asks for states; all else is passed on."""
STAYS = timedelta(seconds=30)
"""From the first time that a job is seen pre-empted until it is over."""
LOG = Path("results/slurm_logs/preempted.log")
"""When each run of a job was first seen pre-empted: time, number, start."""


def states(words: list[str]) -> int:
    """Run Slurm's squeue, and print what it prints: numbers and states of jobs; gives its exit code."""
    done = subprocess.run(
        [os.environ[SQUEUE], *(f"{word}|%S" if word == ASKED else word for word in words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    sys.stderr.write(done.stderr)
    for line in done.stdout.splitlines():
        number, state, start = (*line.split("|"), "", "")[:3]
        print(number, "CANCELLED" if state == "PREEMPTED" and _over(f"{number} {start}") else state, sep="|")
    return done.returncode


def _over(run: str) -> bool:
    """Whether a run of a job (its number and its start) was seen pre-empted some time ago."""
    now = datetime.now().astimezone()
    lines = LOG.read_text(encoding="utf-8").splitlines() if LOG.exists() else []
    for time, _, seen in (line.partition(" ") for line in lines):
        if seen == run:
            return now - datetime.fromisoformat(time) >= STAYS
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a", encoding="utf-8") as file:
        print(now.isoformat(timespec="seconds"), run, file=file)
    return False


def main(words: list[str]) -> int:
    """The command: exit code."""
    if ASKED in words:
        return states(words)
    return subprocess.run([os.environ[SQUEUE], *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

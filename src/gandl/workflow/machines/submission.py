"""Submission: `sbatch`, but patient. Takes a command line of sbatch, submits it, and waits where the cluster refuses for a while.

Snakemake's plugin submits a refused job again at once, and gives up after as many attempts as a job may fail (`retries`): a few
seconds without a controller, or a full queue, would end a run. `profiles/slurm` puts this before Slurm's own command
(`wait_when_refused`).
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SBATCH = "GANDL_SBATCH"
"""Environment variable: Slurm's own command."""
PATIENCE = 3600.0
"""Seconds after which a refusal is final."""
FIRST, LONGEST = 5.0, 60.0
"""Seconds before the second attempt, and at most between two."""
PASSING = (
    "Unable to contact slurm controller",
    "Slurm controller not responding",
    "Slurm backup controller in standby mode",
    "Socket timed out on send/recv operation",
    "Zero Bytes were transmitted or received",
    "Unexpected message received",
    "Resource temporarily unavailable",
    "Job creation temporarily disabled",
    "not available now",  # a partition that is closed for maintenance
    "Required partition not available",
    "MaxSubmitJob",  # AssocMaxSubmitJobLimit, QOSMaxSubmitJobPerUserLimit: too many of yours in the queue
)
"""What sbatch says where the same submission may be accepted later."""
LOG = Path("results/slurm_logs/refused.log")


def wait_when_refused() -> None:
    """Put this `sbatch` before Slurm's own in this process and its children; nothing where there is no Slurm."""
    if SBATCH in os.environ or (own := shutil.which("sbatch")) is None:
        return
    folder = Path(tempfile.mkdtemp(prefix="gandl-sbatch-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = folder / "sbatch"
    command.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m gandl.workflow.machines.submission "$@"\n', encoding="utf-8"
    )
    command.chmod(0o700)
    os.environ |= {SBATCH: own, "PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}


def submit(words: list[str]) -> int:
    """Run Slurm's sbatch until it accepts the job or refuses for good; gives its exit code, and prints what it printed last."""
    deadline, pause = time.monotonic() + PATIENCE, FIRST
    while True:
        done = subprocess.run([os.environ[SBATCH], *words], capture_output=True, text=True, check=False)
        passing = done.returncode and any(reason in done.stderr for reason in PASSING)
        if not passing or time.monotonic() + pause > deadline:
            break
        _note(f"refused, tried again in {pause:.0f} s: {done.stderr.strip()}")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def _note(sentence: str) -> None:
    """What is waited for: Snakemake shows nothing of a submission before its end."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a", encoding="utf-8") as file:
        print(time.strftime("%Y-%m-%d %H:%M:%S"), sentence, file=file)


if __name__ == "__main__":
    try:
        sys.exit(submit(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)

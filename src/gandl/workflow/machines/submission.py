"""Submission: `sbatch`, but patient. Takes a command line of sbatch, submits it, and waits where the cluster refuses for a while.

Snakemake's plugin submits a refused job again at once, and gives up after as many attempts as a job may fail (`retries`): a few
seconds without a controller, or a full queue, would end a run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from gandl.workflow.machines.slurm import SBATCH, SQUEUE, main_process_lives

PATIENCE = 3600.0
"""Seconds after which a refusal is final; one by a limit of jobs never is."""
FIRST, LONGEST = 5.0, 60.0
"""Seconds before the second attempt, and at most between two."""
UNSURE = (
    "Socket timed out on send/recv operation",
    "Zero Bytes were transmitted or received",
    "Unexpected message received",
)
"""What sbatch says where the answer was lost: the job may have been accepted."""
PASSING = (
    *UNSURE,
    "Unable to contact slurm controller",
    "Slurm controller not responding",
    "Slurm backup controller in standby mode",
    "Resource temporarily unavailable",
    "Job creation temporarily disabled",
    "not available now",  # a partition that is closed for maintenance, or for ever: sbatch says the same of both
    "Required partition not available",
)
"""What it says where the same submission may be accepted later."""
LIMITS = ("MaxSubmitJob", "GrpSubmitJob")
"""And where too many of your jobs, or of your group's, are in the queue: AssocMaxSubmitJobLimit, QOSGrpSubmitJobsLimit, ..."""
IN_QUEUE = "--states=PENDING,CONFIGURING,RUNNING,SUSPENDED"
LOG = Path("results/slurm_logs/refused.log")


def submit(words: list[str]) -> int:
    """Run Slurm's sbatch until it accepts the job or refuses for good; gives its exit code, and prints what it printed last.

    Where an answer was lost, the job is looked for in the queue before it is submitted again: if it is there, that is its number.
    """
    since, pause, unsure = time.monotonic(), FIRST, False
    while True:
        done = (unsure and _queued(words)) or _run([os.environ[SBATCH], *words])
        if not done.returncode or not _says(done, (*PASSING, *LIMITS)):
            break
        unsure = unsure or _says(done, UNSURE)
        if _says(done, LIMITS):
            since = time.monotonic()
        wait = LONGEST if unsure else pause  # a controller that answers late may also accept late
        if time.monotonic() + wait - since > PATIENCE or not main_process_lives():
            break
        _note(f"{_job_of(words).comment or 'a job'} is refused, tried again in {wait:.0f} s: {done.stderr.strip()}")
        time.sleep(wait)
        pause = min(2 * pause, LONGEST)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def _says(done: subprocess.CompletedProcess[str], reasons: tuple[str, ...]) -> bool:
    """Whether one of these reasons is what it was refused for."""
    return any(reason in done.stderr for reason in reasons)


def _queued(words: list[str]) -> subprocess.CompletedProcess[str] | None:
    """The answer that was lost, if the same job (`--job-name`, `--comment`) is in the queue; or why the queue cannot be seen."""
    wanted = _job_of(words)
    if SQUEUE not in os.environ or not wanted.job_name or not wanted.comment:
        return None
    looked = _run([os.environ[SQUEUE], "--noheader", IN_QUEUE, f"--name={wanted.job_name}", "--format=%A|%k"])
    if looked.returncode:
        return looked
    found = [number for number, _, comment in map(_parts, looked.stdout.splitlines()) if comment == wanted.comment]
    if not found:
        return None
    _note(f"accepted all the same, as job {found[-1]}")
    return subprocess.CompletedProcess([], 0, f"{found[-1]}\n", "")


def _job_of(words: list[str]) -> argparse.Namespace:
    """Its name in Slurm, and its comment: rule and wildcards."""
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--job-name")
    options.add_argument("--comment")
    return options.parse_known_args(words)[0]


def _parts(line: str) -> tuple[str, str, str]:
    return line.strip().partition("|")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


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

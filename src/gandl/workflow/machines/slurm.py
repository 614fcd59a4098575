"""Slurm's `sbatch` and `squeue`, as Snakemake's plugin needs them: puts commands of ours before both (`stand_before_slurm`).

`profiles/slurm` calls it. Each of ours calls Slurm's own: `submission` waits where a job is refused for a while, `preemption`
says which pre-empted jobs are over.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from gandl.workflow.files import lives

SBATCH, SQUEUE = "GANDL_SBATCH", "GANDL_SQUEUE"
"""Environment variables: Slurm's own commands."""
MAIN = "GANDL_MAIN_PROCESS"
"""Environment variable: the process that all this is done for. Without it nobody knows of a job that is submitted late."""
OURS = {
    "sbatch": (SBATCH, "gandl.workflow.machines.submission"),
    "squeue": (SQUEUE, "gandl.workflow.machines.preemption"),
}


def stand_before_slurm() -> None:
    """Put our `sbatch` and `squeue` before Slurm's in this process and its children; nothing where there is no Slurm.

    They lie in a folder of this process alone, in the user's cache: temporary folders are cleaned, and often hold no programs.
    """
    own = {name: shutil.which(name) for name in OURS}
    if not own["sbatch"] or os.environ.get(SBATCH, own["sbatch"]) != own["sbatch"]:  # what is found is ours already
        return
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "gandl"
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir=cache))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name, (variable, module) in OURS.items():
        if path := own[name]:
            os.environ[variable] = path
            command = folder / name
            command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n', encoding="utf-8")
            command.chmod(0o700)
    os.environ |= {MAIN: str(os.getpid()), "PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}


def main_process_lives() -> bool:
    """Whether the process that put our commands there still runs; True where none did."""
    return lives(int(os.environ.get(MAIN, os.getpid())))

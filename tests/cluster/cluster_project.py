"""A copy of the project whose jobs run on a Slurm cluster: runs in the background, and what Slurm says of their jobs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gandl.models.networks.weights import load
from local_slurm import LocalSlurm, wait_until
from tiny_project import Project

WEIGHTS = "results/tiny/models/gandl/seed_1/weights.safetensors"
PROFILE = ("--workflow-profile", "profiles/slurm")
STORES = ["HRCE-1_1", "HRCE-2_1"]
SMALLEST: dict[str, Any] = {
    "source": {"datasets": ["rxrx19a"], "rxrx1": None, "rxrx19a": {"image_px": 64, "stores": STORES}},
    "images": {"resolutions": {"rxrx19a": [32]}},
    "embeddings": {"featurizers": ["gandl", "cell_count"], "resolutions": {"rxrx19a": 32}},
    "evaluation": {"questions": ["controls"]},
}
"""Changes of the tiny configuration that leave every stage something to do."""
ONE_TRAINING: dict[str, Any] = {
    **SMALLEST,
    "training": {"images": 1200, "checkpoint_images": 40, "probe": False, "held_out": 0.0},
}
"""A training of half a minute."""
SOON = (
    *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"),
    *("--latency-wait", "20", "--max-status-checks-per-second", "1"),
)
"""Options that make a run see at once what the profile lets it look for every minute."""


@dataclass(frozen=True)
class ClusterProject(Project):
    """A copy of the project on the login node of a cluster."""

    slurm: LocalSlurm | None = None

    def _environment(self, path: Path | None) -> dict[str, str]:
        assert self.slurm is not None
        project = super()._environment(path)
        return {**self.slurm.environment, **{name: project[name] for name in ("PYTHONPATH", "OMP_NUM_THREADS")}}

    def submit(self, *targets: str, options: tuple[str, ...] = ()) -> Run:
        """Start the main process of a run through the profile; targets first."""
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *targets,
            *PROFILE,
            *SOON,
            "--configfile",
            "config/tiny.yaml",
            *options,
        ]
        log = self.folder / f"main_{len(list(self.folder.glob('main_*.txt')))}.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(None),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return Run(process, log)


@dataclass(frozen=True)
class Run:
    """The main process of a run."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def text(self) -> str:
        """What it has written."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def name(self) -> str | None:
        """The name that its jobs bear in Slurm."""
        found = re.search(r"SLURM run ID: (\S+)", self.text)
        return found and found[1]

    def ends_well(self, seconds: float) -> None:
        """Wait for its end; `AssertionError` shows what it wrote if that is an error."""
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"not finished after {seconds:.0f} s:\n{self.text[-8000:]}") from None
        assert code == 0, self.text[-8000:]

    def kill(self) -> None:
        """Kill it, as a lost login node would: its jobs go on."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Training:
    """The rule `training` alone, in a project of its own.

    Attributes
    ----------
    runs : its main processes, the latest one last.
    """

    def __init__(self, project: ClusterProject) -> None:
        assert project.slurm is not None
        self.project, self.slurm = project, project.slurm
        self.runs: list[Run] = []
        self._log = project.folder / "results/tiny/logs/models/gandl_seed_1.log"

    @property
    def log(self) -> str:
        """What its last job wrote; a job that begins removes what the one before it wrote."""
        return _text(self._log)

    @property
    def refusals(self) -> str:
        """What is noted of refused submissions."""
        return _text(self.project.folder / "results/slurm_logs/refused.log")

    def start(self, *options: str) -> Run:
        """Start a main process that submits the training."""
        self.runs.append(self.project.submit(WEIGHTS, options=options))
        return self.runs[-1]

    def trains(self) -> str:
        """Wait until a job of the last run has written a checkpoint, and hold it there as a disk that hangs would.

        Gives its number in Slurm, which wakes it before it ends it.
        """
        checkpoints = (self.project.folder / WEIGHTS).parent / "checkpoints"
        self.until("the job trains and has a checkpoint", lambda: any(checkpoints.glob("*/*.pt")))
        (lock,) = checkpoints.glob(".*.lock")
        self._held = int(lock.read_text(encoding="ascii"))  # the process that trains holds the lock of its checkpoints
        os.kill(self._held, signal.SIGSTOP)
        listed = self.slurm.command("squeue", "--noheader", f"--name={self.runs[-1].name}", "--format=%A").split()
        return max(listed, key=int)

    def until(self, what: str, true: Callable[[], bool]) -> None:
        """Wait until something is true while the last run goes on; its end is an `AssertionError` with what it wrote."""
        run = self.runs[-1]

        def there() -> bool:
            assert run.process.poll() is None, run.text[-8000:]
            return true()

        wait_until(there, 600, what)

    def goes_on(self) -> None:
        """Let the held job go on."""
        os.kill(self._held, signal.SIGCONT)

    def node(self, job: str) -> str:
        """The node that a job runs on."""
        return self.slurm.command("squeue", "--noheader", f"--job={job}", "--format=%N")

    def states(self, *, steps: bool = False) -> list[dict[str, str]]:
        """What accounting has of all jobs of all runs."""
        return self.slurm.accounted(*self.runs, steps=steps)

    def until_states(self, *wanted: str) -> None:
        """Wait until accounting, which lags behind, has jobs with these states and no others."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [row["State"].split()[0] for row in self.states()]
            return found == list(wanted)

        try:
            wait_until(there, 60, "states")
        except TimeoutError:
            raise AssertionError(f"jobs are {found}, not {list(wanted)}") from None

    def memory(self) -> list[int]:
        """Megabytes that each job requested."""
        found = [re.search(r"mem=(\d+)M", row["AllocTRES"]) for row in self.states()]
        return [int(match[1]) for match in found if match]

    def killed_for_memory(self) -> bool:
        """Whether Slurm ended a job, or a step of one, for the memory that it took."""
        told = "\n".join(
            path.read_text(encoding="utf-8") for path in self.project.folder.glob("results/slurm_logs/**/*.log")
        )
        by_slurm = "exceeded memory limit" in told
        return by_slurm or any(row["State"] == "OUT_OF_MEMORY" for row in self.states(steps=True))

    def resumed_where_it_was_stopped(self) -> bool:
        """Whether the last job went on from the very step at which the first one, asked to end, wrote a checkpoint."""
        logs = self.project.folder.glob("results/slurm_logs/**/*.log")
        told = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in logs) + self.runs[0].text
        stopped = set(re.findall(r"stopped by SIGTERM at step (\d+)", told))
        return bool(stopped) and set(re.findall(r"resuming from the checkpoint of step (\d+)", self.log)) <= stopped

    def tensors(self) -> dict[str, torch.Tensor]:
        """All of the trained networks."""
        return tensors(self.project.folder / WEIGHTS)

    def end(self) -> None:
        """End its main processes."""
        for run in self.runs:
            run.kill()


def tensors(weights: Path) -> dict[str, torch.Tensor]:
    """All tensors of a model by the name of its network and their own."""
    networks = load(weights).networks
    return {f"{name}.{key}": value for name, part in networks.items() for key, value in part.state_dict().items()}


def _text(file: Path) -> str:
    """What a file holds, if it is there."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""

"""Launch: takes a training and a number of processes, starts them on this machine (on several machines: `nodes`), and reports
once how they ended.

`torchrun` would start them, too. But it ends with exit code 1 whatever its processes end with, dies of SIGUSR1 and leaves them
behind, and reports an error with its own tracebacks (seen with PyTorch 2.13): here a job must end with 75 after a signal.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gandl.models.engine.endings import REPORTS, RankError, Reports
from gandl.models.engine.nodes import free_port, launch_on_nodes
from gandl.models.engine.worker import TrainingJob, work
from gandl.workflow.interruption import EXIT_CODE, Interruption

POLL = 0.1
"""Seconds between looks at the processes."""
SETTLING = 1.0
"""Seconds after the first death in which others are awaited: the first to die need not be the first seen dead."""
GRACE = 50.0
"""Seconds that processes have to end in order after a signal."""
LAST_LINES = 20


@dataclass(frozen=True)
class _Rank:
    number: int
    process: subprocess.Popen[bytes]
    output: Path
    """What it wrote, if that is not shown."""

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def failed(self) -> bool:
        return self.process.poll() not in (None, 0)


def run(job: TrainingJob) -> None:
    """Train here, or, on several GPUs, in a process for each of them, or, on several machines, in processes on each of them.

    Raises
    ------
    Interrupted : a signal came, and a checkpoint is written.
    RankError : a process failed. Here, errors are those of `gandl.models.engine.training.train`.
    gandl.models.engine.nodes.NodesError : several machines are requested, and this is no Slurm job of so many.
    """
    if job.nodes > 1:
        launch_on_nodes(job)
        return
    if job.gpus > 1:
        launch(job, job.gpus)
        return
    with Interruption() as stop, stop.at_once():
        work(job)


def launch(job: TrainingJob, size: int) -> None:
    """Train in `size` processes of this machine. Raises as `run`."""
    with tempfile.TemporaryDirectory(prefix="gandl-ranks-") as folder:
        path = Path(folder) / "training.json"
        path.write_text(job.model_dump_json(), encoding="utf-8")
        launch_module("gandl.models.engine.worker", [str(path)], size, Path(folder))


def launch_module(module: str, arguments: Sequence[str], size: int, folder: Path) -> None:
    """Run a module in `size` processes with torchrun's environment.

    The first one's output goes where this process's goes; that of the others is shown only if one of them dies without a report.

    Parameters
    ----------
    folder : for the reports of the processes.

    Raises
    ------
    Interrupted, RankError : as `run`.
    """
    with Interruption() as stop:
        ranks: list[_Rank] = []
        try:
            port = free_port("127.0.0.1")
            ranks += [_start(module, arguments, number, size, port, folder) for number in range(size)]
            _wait(ranks, folder, stop)
        finally:
            for rank in ranks:
                rank.process.kill()
                rank.process.wait()


def _start(module: str, arguments: Sequence[str], number: int, size: int, port: int, folder: Path) -> _Rank:
    output = folder / f"{number}.txt"
    environment = {**os.environ, **_environment(number, size, port, folder)}
    command = [sys.executable, "-m", module, *arguments]
    with output.open("wb") as file:
        shown = None if number == 0 else file
        process = subprocess.Popen(command, env=environment, stdout=shown, stderr=shown)
    return _Rank(number, process, output)


def _environment(number: int, size: int, port: int, folder: Path) -> Mapping[str, str]:
    """torchrun's variables, and where to report; threads of the processes share what this one was given."""
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    return {
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
        "OMP_NUM_THREADS": str(max(1, threads // size)),
        REPORTS: str(folder),
    }


def _wait(ranks: Sequence[_Rank], folder: Path, stop: Interruption) -> None:
    """Wait for all to end; pass signals on; raise the error of the first one to die."""
    forwarded = None
    deadline = float("inf")
    while any(rank.alive for rank in ranks) and time.monotonic() < deadline:
        time.sleep(POLL)
        if stop.received is not None and forwarded is None:
            forwarded, deadline = stop.received, time.monotonic() + GRACE
            for rank in ranks:
                if rank.alive:
                    rank.process.send_signal(forwarded)
        failed = [rank for rank in ranks if rank.failed]
        if not failed:
            continue
        if all(rank.process.returncode == EXIT_CODE for rank in failed):
            deadline = min(deadline, time.monotonic() + GRACE)  # the others heard of the signal and follow
        elif forwarded is None:
            deadline = min(deadline, time.monotonic() + SETTLING)
    _raise_failure(ranks, Reports.read(folder, len(ranks)), forwarded)


def _raise_failure(ranks: Sequence[_Rank], reports: Reports, forwarded: signal.Signals | None) -> None:
    """Raise what ended the training, if it did not end well."""
    if not any(rank.alive or rank.failed for rank in ranks):
        return
    reports.raise_intended(forwarded)
    for rank in ranks:  # only the system, or a person, kills a rank: the others died waiting for it
        if rank.failed and rank.number not in reports.by_rank:
            raise RankError(f"rank {rank.number} of {len(ranks)} {_death(rank)}")
    reports.raise_defect()


def _death(rank: _Rank) -> str:
    """How a rank without a report died."""
    code = rank.process.returncode
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    last = rank.output.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([f"{how} (out of memory is a common cause)" if code == -signal.SIGKILL else how, *last])

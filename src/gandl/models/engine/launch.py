"""Launch: takes a training and a number of processes, starts them on this machine, and reports once how they ended.

`torchrun` would start them, too. But it ends with exit code 1 whatever its processes end with, dies of SIGUSR1 and leaves them
behind, and reports an error with its own tracebacks (seen with PyTorch 2.13): here a job must end with 75 after a signal.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gandl.models.engine.worker import REPORTS, Ending, Report, TrainingJob, work
from gandl.workflow.interruption import EXIT_CODE, Interrupted, Interruption

POLL = 0.1
"""Seconds between looks at the processes."""
SETTLING = 1.0
"""Seconds after the first death in which others are awaited: the first to die need not be the first seen dead."""
GRACE = 50.0
"""Seconds that processes have to end in order after a signal."""
LAST_LINES = 20
logger = logging.getLogger(__name__)


class RankError(RuntimeError):
    """A process of a training ended with an error, given in the message."""


@dataclass(frozen=True)
class _Rank:
    number: int
    process: subprocess.Popen[bytes]
    output: Path
    """What it wrote, if that is not shown."""
    report: Path

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def failed(self) -> bool:
        return self.process.poll() not in (None, 0)

    def final_report(self) -> Report | None:
        if not self.report.exists():
            return None
        return Report.model_validate_json(self.report.read_text(encoding="utf-8"))


def run(job: TrainingJob) -> None:
    """Train here, or, on several GPUs, in a process for each of them.

    Raises
    ------
    Interrupted : a signal came, and a checkpoint is written.
    RankError : a process failed. Here, errors are those of `gandl.models.engine.training.train`.
    """
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
            port = _free_port()
            ranks += [_start(module, arguments, number, size, port, folder) for number in range(size)]
            _wait(ranks, stop)
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
    return _Rank(number, process, output, folder / f"{number}.json")


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


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait(ranks: Sequence[_Rank], stop: Interruption) -> None:
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
    _raise_failure(ranks, forwarded)


def _raise_failure(ranks: Sequence[_Rank], forwarded: signal.Signals | None) -> None:
    """Raise what ended the training, if it did not end well."""
    if not any(rank.alive or rank.failed for rank in ranks):
        return
    size = len(ranks)
    reports = sorted(
        ((rank.number, report) for rank in ranks if (report := rank.final_report()) is not None),
        key=lambda found: found[1].time,
    )
    for number, report in reports:
        if report.ending is Ending.MISTAKE:
            raise RankError(f"rank {number} of {size}: {report.sentence}")
    for _, report in reports:
        if report.ending is Ending.INTERRUPTED:
            raise Interrupted(report.sentence)
    if forwarded is not None:
        raise Interrupted(f"stopped by {forwarded.name}; run again to resume from its last checkpoint")
    for rank in ranks:  # only the system, or a person, kills a rank: the others died waiting for it
        if rank.failed and rank.final_report() is None:
            raise RankError(f"rank {rank.number} of {size} {_death(rank)}")
    number, report = reports[0]
    logger.error("%s", report.trace)
    raise RankError(f"rank {number} of {size}: {report.sentence}")


def _death(rank: _Rank) -> str:
    """How a rank without a report died."""
    code = rank.process.returncode
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    last = rank.output.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([f"{how} (out of memory is a common cause)" if code == -signal.SIGKILL else how, *last])

"""Nodes: takes a training and the machines of a Slurm job, has `torchrun` train on all of them, and reports once how that ended.

Slurm's `srun` starts one `torchrun` on each machine, and that a worker for each of its GPUs (without GPUs, one). Workers report
how they ended in a folder beside the checkpoints, which all machines see: torchrun and srun keep no exit code but 1.
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
from collections.abc import Mapping
from pathlib import Path

from gandl.models.engine.endings import REPORTS, RankError, Reports
from gandl.models.engine.worker import TrainingJob
from gandl.workflow.interruption import Interruption

POLL = 0.1
"""Seconds between looks at srun."""
GRACE = 50.0
"""Seconds that the machines have to end in order after a signal."""
SIGNALS = "SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"
"""That torchrun passes on to its workers."""
logger = logging.getLogger(__name__)


class NodesError(RuntimeError):
    """A training cannot be started on several machines; the message says what to change."""


def free_port(address: str = "") -> int:
    """A port that nobody listens at, at an address of this machine ("": at all of them)."""
    with socket.socket() as found:
        found.bind((address, 0))
        port: int = found.getsockname()[1]
        return port


def launch_on_nodes(job: TrainingJob) -> None:
    """Train on all machines of the Slurm job that this process runs in.

    Raises
    ------
    Interrupted, RankError : as `gandl.models.engine.launch.run`.
    NodesError : this is no Slurm job.
    """
    slurm_job = os.environ.get("SLURM_JOB_ID")
    if slurm_job is None:
        raise NodesError(
            f"compute.nodes requests {job.nodes} machines, but this is no Slurm job: run with --workflow-profile profiles/slurm, "
            "or set compute.nodes to 1"
        )
    per_node = max(1, job.gpus // job.nodes)
    job.checkpoints.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ranks-", dir=job.checkpoints) as shared, Interruption() as stop:
        path = Path(shared).resolve() / "job.json"
        path.write_text(job.model_dump_json(), encoding="utf-8")
        command = [
            *("srun", f"--jobid={slurm_job}", f"--nodes={job.nodes}", f"--ntasks={job.nodes}", "--ntasks-per-node=1"),
            *("--overlap", "--cpu-bind=none", "--kill-on-bad-exit=1", "--job-name=torchrun"),
            *(sys.executable, "-m", "torch.distributed.run", f"--nnodes={job.nodes}", f"--nproc-per-node={per_node}"),
            *("--rdzv-backend=c10d", f"--rdzv-id={slurm_job}", f"--rdzv-endpoint={socket.gethostname()}:{free_port()}"),
            *(f"--signals-to-handle={SIGNALS}", "-m", "gandl.models.engine.worker", str(path)),
        ]
        logger.info("%d processes on each of %d machines, by torchrun", per_node, job.nodes)
        environment = {**_environment(per_node), REPORTS: str(path.parent)}
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
        try:
            received = _wait(process, stop)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            reports = Reports.read(path.parent, per_node * job.nodes)
            reports.raise_intended(received)
            if reports.by_rank:
                reports.raise_defect()
            raise RankError(
                f"srun ended with exit code {process.returncode}, and no rank reported why (too few machines? out of memory?); "
                "what torchrun wrote is in the job's log"
            )


def _environment(per_node: int) -> Mapping[str, str]:
    """This process's, without what Slurm says of the step that it runs in: srun would take it for options."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_") or name == "SLURM_CONF"}
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))
    return {**kept, "OMP_NUM_THREADS": str(max(1, threads // per_node))}


def _wait(process: subprocess.Popen[bytes], stop: Interruption) -> signal.Signals | None:
    """Wait for srun to end; a signal to this process reaches every worker. Gives that signal."""
    received, deadline = None, float("inf")
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL)
        if stop.received is not None and received is None:
            received, deadline = stop.received, time.monotonic() + GRACE
            process.send_signal(signal.SIGUSR1)  # passed on by srun; at SIGTERM it would kill all its tasks
    return received

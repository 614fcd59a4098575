"""Ranks whose exchanges fail after seconds, started while another process holds the lock; for `test_waiting_ranks.py`.

All are forked from one process, which imports everything, computes nothing and is the holder. What happened goes to standard
output as JSON.

    python -m rank_patience STORE FOLDER
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import torch._dynamo  # noqa: F401 (the first optimiser imports it, which takes seconds)
import torch.distributed as dist

from gandl.models.compute import ranks
from gandl.models.engine import training, worker
from gandl.models.engine.nodes import free_port
from gandl.models.engine.worker import TrainingJob
from gandl.models.looks.status import Machine
from gandl.models.networks.weights import load
from gandl.workflow.code_version import code_version
from gandl.workflow.locks import exclusive
from model_inputs import TRAINING

PATIENCE = 10
PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT
SETTINGS = TRAINING.model_copy(update={"batch": 8, "images": 16, "checkpoint_images": 16, "looks": 1, "probe": False})


class Case:
    """Two ranks of one training, in a folder of its own.

    Parameters
    ----------
    agent : whether another process holds what the ranks find each other by, as with `torchrun`; else the first rank does.
    """

    def __init__(self, store: Path, folder: Path, *, agent: bool = False) -> None:
        folder.mkdir(parents=True)
        self.weights, self._log, self._go = (folder / name for name in ("weights.safetensors", "log.txt", "go"))
        files = {name: folder / name for name in ("curve", "samples", "checkpoints")}
        job = TrainingJob(stores=(store,), settings=SETTINGS, seed=1, weights=self.weights, log=self._log, **files)
        path = folder / "training.json"
        path.write_text(job.model_dump_json(), encoding="utf-8")
        port = free_port("127.0.0.1")
        self._ranks = [self._start(path, rank, port, agent) for rank in range(2)]
        self._port, self._agent, self._held = port, agent, ExitStack()

    def hold(self) -> None:
        """Hold the lock of its weights, and let it begin. A child forked later would hold the lock, too."""
        self._held.enter_context(exclusive(self.weights))
        if self._agent:
            self._store = dist.TCPStore("127.0.0.1", self._port, is_master=True, wait_for_workers=False)
        self._go.touch()

    def _start(self, path: Path, rank: int, port: int, agent: bool) -> int:
        child = os.fork()
        if child:
            return child
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
        os.environ |= {"MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo", "SLURM_JOB_ID": "7"}
        os.environ |= {"TORCHELASTIC_USE_AGENT_STORE": str(agent)}
        while not self._go.exists():
            time.sleep(0.02)
        os._exit(worker.main(path))

    def wait_until_it_waits(self) -> None:
        """Until the first rank, connected with the other, has found the lock held."""
        deadline = time.monotonic() + 200
        while not (self._log.exists() and "; waiting for it" in self._log.read_text(encoding="utf-8")):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def ended(self) -> list[int]:
        """Numbers of the ranks that have ended."""
        return [rank for rank, child in enumerate(self._ranks) if os.waitid(os.P_PID, child, PEEK) is not None]

    def release(self) -> None:
        self._held.close()

    def send(self, number: signal.Signals) -> None:
        for child in self._ranks:
            os.kill(child, number)

    def codes(self) -> list[int]:
        """Exit codes of the ranks, when they have ended."""
        ranks, self._ranks = self._ranks, []
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in ranks]


def main(store: Path, folder: Path) -> None:
    training.machine_of = lambda *_: Machine()  # type: ignore[assignment] (measuring the peak takes a while)
    ranks.PATIENCE = timedelta(seconds=PATIENCE)
    code_version("gandl.models.engine.training")  # it is remembered
    cases = {name: Case(store, folder / name, agent=name == "torchrun") for name in ("launch", "torchrun", "signal")}
    try:
        print(json.dumps(tried(cases)))
    finally:
        for case in cases.values():
            case.send(signal.SIGKILL)


def tried(cases: Mapping[str, Case]) -> dict[str, dict[str, list[int]]]:
    """Of each case: which ranks ended while the lock was held; all exit codes; images that the weights have seen."""
    for case in cases.values():
        case.hold()
    for case in cases.values():
        case.wait_until_it_waits()
    time.sleep(PATIENCE + 3)
    reported = {name: {"ended": case.ended()} for name, case in cases.items()}
    cases["signal"].send(signal.SIGTERM)
    reported["signal"]["codes"] = cases["signal"].codes()  # and the lock is held still
    for name in ("launch", "torchrun"):
        cases[name].release()
        reported[name]["codes"] = cases[name].codes()
        reported[name]["images"] = [load(cases[name].weights).images_seen]
    return reported


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

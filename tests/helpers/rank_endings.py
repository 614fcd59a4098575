"""A rank that computes nothing and ends in some way; for `test_distributed.py`.

python -m rank_endings WAY_OF_RANK_0 WAY_OF_RANK_1
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

RANK = int(os.environ["RANK"])


def write_report(ending: str, sentence: str, trace: str = "") -> None:
    report = {"ending": ending, "time": time.time(), "sentence": sentence, "trace": trace}
    Path(os.environ["GANDL_REPORTS"], f"{RANK}.json").write_text(json.dumps(report), encoding="utf-8")


def end(way: str) -> int:
    """Exit code of a way to end."""
    if way == "well":
        return 0
    if way == "mistake":
        write_report("mistake", "CropError: a planted mistake")
        return 1
    if way == "defect":
        write_report("defect", "KeyError: 'a planted defect'", "Traceback of a planted defect")
        return 1
    if way == "left":  # what happens to a rank whose peer is gone
        time.sleep(0.3)
        write_report("defect", "RuntimeError: Connection closed by peer", "Traceback of its consequence")
        return 1
    if way == "hanging":
        time.sleep(600)
    if way == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "silent":
        print("the last words of a library", flush=True)
        return 3
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: received.append(number))
    ready = Path(os.environ["GANDL_REPORTS"], f"{RANK}.ready")
    ready.touch()
    if RANK == 0:
        while not ready.with_name("1.ready").exists() and sys.argv[2] in ("asked", "deaf"):
            time.sleep(0.02)
        os.kill(os.getppid(), signal.SIGUSR1)  # the launcher is signalled; it passes that on to both
    while not received:
        time.sleep(0.02)
    if way == "deaf":
        time.sleep(600)
    if way == "full":
        write_report("mistake", "CheckpointError: no space left")
        return 1
    write_report(
        "interrupted", f"stopped by {signal.Signals(received[0]).name} at step 7; run again to resume from there"
    )
    return 75


if __name__ == "__main__":
    sys.exit(end(sys.argv[1 + RANK]))

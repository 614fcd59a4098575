"""A limit that is none is taken from Snakemake, which else looks at all open jobs again and again; a real one stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SNAKEFILE = """
import threading
from gandl.workflow.machines.rates import start_at_once

onstart:
    start_at_once(workflow.scheduler)

onsuccess:
    print("timers:", sum(isinstance(thread, threading.Timer) for thread in threading.enumerate()))

rule all:
    input: expand("{number}.txt", number=range(5))

rule one:
    output: "{number}.txt"
    shell: "touch {output}"
"""


@pytest.mark.parametrize(("limit", "waits"), [("1000/2s", False), ("999/2s", True)])
def test_after_a_run_no_timer_waits_to_look_at_jobs_again_unless_jobs_are_limited(
    tmp_path: Path, limit: str, waits: bool
) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--max-jobs-per-timespan", limit]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.txt"))) == 5
    (told,) = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("timers:")]
    assert (int(told.split()[1]) > 0) == waits

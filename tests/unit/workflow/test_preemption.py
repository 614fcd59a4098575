"""A pre-empted job that its cluster does not queue again is over: Snakemake must not wait for it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from snakemake_executor_plugin_slurm.job_status_query import query_job_status_squeue

from gandl.workflow.machines import preemption
from gandl.workflow.machines.slurm import SQUEUE

QUERY = ["--format=%i|%T", "--states=all", "--noheader", "--name", "a-run"]
"""As the plugin asks (`query_job_status_squeue`)."""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preemption, "STAYS", timedelta(0))


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `squeue` prints: number, state and start of jobs."""
    command = tmp_path / "squeue"
    command.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat {tmp_path}/queue\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv(SQUEUE, str(command))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "queue"


def look(queue: Path, text: str, capfd: pytest.CaptureFixture[str]) -> str:
    queue.write_text(text, encoding="utf-8")
    assert preemption.main(QUERY) == 0
    return capfd.readouterr().out


def test_a_job_that_stays_preempted_is_cancelled(queue: Path, capfd: pytest.CaptureFixture[str]) -> None:
    listed = "17|PREEMPTED|2026-11-30T06:00:00\n18|RUNNING|2026-11-30T06:00:00\n"
    assert look(queue, listed, capfd) == "17|PREEMPTED\n18|RUNNING\n"
    assert look(queue, listed, capfd) == "17|CANCELLED\n18|RUNNING\n"
    assert queue.with_name("asked").read_text(encoding="utf-8").split() == ["--format=%i|%T|%S", *QUERY[1:]]


def test_a_job_is_not_cancelled_too_soon(
    queue: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preemption, "STAYS", timedelta(minutes=1))
    listed = "17|PREEMPTED|2026-11-30T06:00:00\n"
    assert look(queue, listed, capfd) == look(queue, listed, capfd) == "17|PREEMPTED\n"


def test_a_job_that_is_queued_again_goes_on(queue: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert look(queue, "17|PREEMPTED|2026-11-30T06:00:00\n", capfd) == "17|PREEMPTED\n"
    assert look(queue, "17|PENDING|N/A\n", capfd) == "17|PENDING\n"
    assert look(queue, "17|PREEMPTED|2026-11-30T07:00:00\n", capfd) == "17|PREEMPTED\n"  # of another run


def test_other_questions_are_passed_on(queue: Path, capfd: pytest.CaptureFixture[str]) -> None:
    queue.write_text("17|PREEMPTED|2026-11-30T06:00:00\n", encoding="utf-8")
    assert preemption.main(["--me"]) == 0
    assert capfd.readouterr().out == "17|PREEMPTED|2026-11-30T06:00:00\n"
    assert queue.with_name("asked").read_text(encoding="utf-8") == "--me\n"


def test_a_failure_is_passed_on(queue: Path) -> None:
    script = "#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact slurm controller' >&2\nexit 1\n"
    queue.with_name("squeue").write_text(script, encoding="utf-8")
    command = [sys.executable, "-m", preemption.__name__, *QUERY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Unable to contact" in done.stderr


def test_it_knows_how_the_plugin_asks() -> None:
    assert shlex.split(query_job_status_squeue("a-run")) == ["squeue", *QUERY]
    assert preemption.ASKED in QUERY

"""A submission that a cluster refuses for a while is tried again; one that it refuses for good is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gandl.workflow.machines import submission

REFUSING = """#!/bin/sh
echo x >> {folder}/attempts
if [ $(wc -l < {folder}/attempts) -le {times} ]; then
    echo "sbatch: error: {reason}" >&2
    exit 1
fi
echo "17;$*"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `sbatch` stands for Slurm's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(submission.SBATCH, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(submission, "FIRST", 0.01)
    return tmp_path


def refuse(folder: Path, times: int, reason: str) -> None:
    command = folder / "sbatch"
    command.write_text(REFUSING.format(folder=folder, times=times, reason=reason), encoding="utf-8")
    command.chmod(0o755)


def attempts(folder: Path) -> int:
    return len((folder / "attempts").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    "reason",
    [
        "Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Requested partition configuration not available now",
        "AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy",
    ],
)
def test_what_is_refused_for_a_while_is_tried_again(
    slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], reason: str
) -> None:
    refuse(slurm, 2, reason)
    monkeypatch.setenv(submission.SBATCH, str(slurm / "sbatch"))
    assert submission.submit(["--parsable", "--wrap=true"]) == 0
    assert capfd.readouterr() == ("17;--parsable --wrap=true\n", "")
    assert attempts(slurm) == 3
    assert submission.LOG.read_text(encoding="utf-8").count(reason.splitlines()[0]) == 2


def test_what_is_refused_for_good_is_reported_at_once(
    slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse(slurm, 9, "invalid partition specified: gpus")
    monkeypatch.setenv(submission.SBATCH, str(slurm / "sbatch"))
    assert submission.submit([]) == 1
    assert capfd.readouterr().err == "sbatch: error: invalid partition specified: gpus\n"
    assert attempts(slurm) == 1


def test_patience_ends(slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    refuse(slurm, 10**6, "Batch job submission failed: Unable to contact slurm controller")
    monkeypatch.setenv(submission.SBATCH, str(slurm / "sbatch"))
    monkeypatch.setattr(submission, "PATIENCE", 0.1)
    assert submission.submit([]) == 1
    assert "Unable to contact" in capfd.readouterr().err
    assert attempts(slurm) > 2


def test_it_comes_before_slurms_own(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(slurm, 1, "Slurm controller not responding, sleeping and retrying")
    monkeypatch.setenv(submission.SBATCH, "")
    monkeypatch.delenv(submission.SBATCH)
    submission.wait_when_refused()
    assert Path(shutil.which("sbatch") or "").parent != slurm
    done = subprocess.run("sbatch --wrap='echo 1'", shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "17;--wrap=echo 1\n"), done.stderr


def test_without_slurm_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(submission.SBATCH, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    submission.wait_when_refused()
    assert shutil.which("sbatch") is None

"""A submission that a cluster refuses for a while is tried again; one that it refuses for good is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gandl.workflow.machines import slurm as commands, submission

REFUSING = """#!/bin/sh
echo x >> {folder}/attempts
if [ $(wc -l < {folder}/attempts) -le {times} ]; then
    echo "sbatch: error: {reason}" >&2
    exit 1
fi
echo "17;$*"
"""
JOB = [
    "--parsable",
    "--job-name",
    "a-run",
    "--output",
    "x.log",
    "--comment",
    "rule_images_wildcards_a_b",
    "--wrap=true",
]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `sbatch` stands for Slurm's."""
    monkeypatch.chdir(tmp_path)
    for variable in (commands.SBATCH, commands.SQUEUE, commands.MAIN):
        monkeypatch.setenv(variable, "")  # what a test sets is forgotten after it
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(submission, "FIRST", 0.01)
    monkeypatch.setattr(submission, "LONGEST", 0.02)
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def refuse(folder: Path, times: int, reason: str) -> None:
    script(folder / "sbatch", REFUSING.format(folder=folder, times=times, reason=reason))


def attempts(folder: Path) -> int:
    return len((folder / "attempts").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    "reason",
    [
        "Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "Batch job submission failed: Requested partition configuration not available now",
        "AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy",
        "AssocGrpSubmitJobsLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy",
    ],
)
def test_what_is_refused_for_a_while_is_tried_again(
    slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], reason: str
) -> None:
    refuse(slurm, 2, reason)
    monkeypatch.setenv(commands.SBATCH, str(slurm / "sbatch"))
    assert submission.submit(["--parsable", "--wrap=true"]) == 0
    assert capfd.readouterr() == ("17;--parsable --wrap=true\n", "")
    assert attempts(slurm) == 3
    assert submission.LOG.read_text(encoding="utf-8").count(reason.splitlines()[0]) == 2


def test_what_is_refused_for_good_is_reported_at_once(
    slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse(slurm, 9, "invalid partition specified: gpus")
    monkeypatch.setenv(commands.SBATCH, str(slurm / "sbatch"))
    assert submission.submit([]) == 1
    assert capfd.readouterr().err == "sbatch: error: invalid partition specified: gpus\n"
    assert attempts(slurm) == 1


def test_patience_ends(slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    refuse(slurm, 10**6, "Batch job submission failed: Unable to contact slurm controller")
    monkeypatch.setenv(commands.SBATCH, str(slurm / "sbatch"))
    monkeypatch.setattr(submission, "PATIENCE", 0.1)
    assert submission.submit([]) == 1
    assert "Unable to contact" in capfd.readouterr().err
    assert attempts(slurm) > 2


def test_patience_does_not_end_at_a_limit_of_jobs(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(slurm, 20, "QOSMaxSubmitJobPerUserLimit")
    monkeypatch.setenv(commands.SBATCH, str(slurm / "sbatch"))
    monkeypatch.setattr(submission, "PATIENCE", 0.1)
    assert submission.submit([]) == 0
    assert attempts(slurm) == 21


def test_nothing_is_submitted_for_a_main_process_that_is_gone(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(slurm, 20, "QOSMaxSubmitJobPerUserLimit")
    monkeypatch.setenv(commands.SBATCH, str(slurm / "sbatch"))
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setenv(commands.MAIN, str(gone.pid))
    assert submission.submit([]) == 1
    assert attempts(slurm) == 1


LOST = "Batch job submission failed: Socket timed out on send/recv operation"
HERS = 'echo "16|rule_images_wildcards_a"; echo "18|rule_images_wildcards_a_b"'


@pytest.mark.parametrize(
    ("refusal", "queue", "printed", "submissions"),
    [
        (LOST, HERS, "18\n", 1),
        (LOST, 'echo "16|rule_images_wildcards_a"', f"17;{' '.join(JOB)}\n", 2),
        ("Unable to contact slurm controller", HERS, f"17;{' '.join(JOB)}\n", 2),  # nothing was accepted
    ],
)
def test_a_job_whose_acceptance_was_lost_is_not_submitted_twice(
    slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    refusal: str, queue: str, printed: str, submissions: int,
) -> None:  # fmt: skip
    refuse(slurm, 1, refusal)
    script(slurm / "squeue", f'#!/bin/sh\necho "$@" > {slurm}/asked\n{queue}\n')
    monkeypatch.setenv(commands.SBATCH, str(slurm / "sbatch"))
    monkeypatch.setenv(commands.SQUEUE, str(slurm / "squeue"))
    assert submission.submit(JOB) == 0
    assert capfd.readouterr().out == printed
    assert attempts(slurm) == submissions
    if refusal == LOST:
        assert "--name=a-run" in (slurm / "asked").read_text(encoding="utf-8").split()


def test_while_the_queue_cannot_be_seen_nothing_is_submitted_twice(
    slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refuse(slurm, 1, LOST)
    away = 'echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2; exit 1'
    script(slurm / "squeue", f"#!/bin/sh\nif mkdir {slurm}/asked; then {away}; fi\n{HERS}\n")
    monkeypatch.setenv(commands.SBATCH, str(slurm / "sbatch"))
    monkeypatch.setenv(commands.SQUEUE, str(slurm / "squeue"))
    assert submission.submit(JOB) == 0
    assert capfd.readouterr().out == "18\n"
    assert attempts(slurm) == 1


def test_ours_come_before_slurms_own(slurm: Path) -> None:
    refuse(slurm, 1, "Slurm controller not responding, sleeping and retrying")
    script(slurm / "squeue", "#!/bin/sh\necho 17\n")
    commands.stand_before_slurm()
    for name in ("sbatch", "squeue"):
        found = Path(shutil.which(name) or "")
        assert found.parent.parent == slurm / "cache/gandl"
    assert os.environ[commands.SQUEUE] == str(slurm / "squeue")
    done = subprocess.run("sbatch --wrap='echo 1'", shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "17;--wrap=echo 1\n"), done.stderr


def test_they_are_put_there_once_and_again_where_those_of_another_run_are_gone(slurm: Path) -> None:
    refuse(slurm, 0, "")
    commands.stand_before_slurm()
    first = Path(shutil.which("sbatch") or "").parent
    commands.stand_before_slurm()
    assert list((slurm / "cache/gandl").iterdir()) == [first]
    shutil.rmtree(first)
    commands.stand_before_slurm()
    assert first != Path(shutil.which("sbatch") or "").parent != slurm
    assert os.environ[commands.SBATCH] == str(slurm / "sbatch")


def test_without_slurm_nothing_changes(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(slurm))
    commands.stand_before_slurm()
    assert shutil.which("sbatch") is None
    assert not (slurm / "cache").exists()

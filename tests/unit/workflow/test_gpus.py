"""GPUs of a machine without any: a program that lists them is on the path, and the locks are the real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_gpus import DIVIDED, listing, with_gpus, write_listing
from gandl.workflow.machines import gpus
from gandl.workflow.machines.gpus import LocksError, own_gpus, visible_gpus

HOLD = """
import logging, os, sys, time
from pathlib import Path
from gandl.workflow.machines.gpus import own_gpus
logging.basicConfig(level=logging.INFO, format="%(message)s")
name, count = sys.argv[1], int(sys.argv[2])
with own_gpus(count, Path("locks")):
    Path(f"{name}.part").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    Path(f"{name}.part").rename(f"{name}.seen")
    while not Path(f"{name}.end").exists():
        time.sleep(0.02)
"""
"""A job that says which GPUs it sees, and holds them until it is released."""


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


class Jobs:
    """Processes that hold GPUs of one machine."""

    def __init__(self, folder: Path, gpus: int) -> None:
        self.folder = folder
        self.environment = with_gpus(folder, gpus)
        self.started: list[subprocess.Popen[str]] = []

    def start(self, name: str, count: int = 1, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, name, str(count)],
            cwd=self.folder,
            env={**self.environment, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def sees(self, name: str) -> list[str]:
        """The GPUs of a job, as soon as it has them."""
        seen = self.folder / f"{name}.seen"
        deadline = time.monotonic() + 60
        while not seen.exists():
            assert time.monotonic() < deadline, f"{name} has no GPU"
            time.sleep(0.02)
        return seen.read_text().split(",")

    def has_none_yet(self, name: str) -> bool:
        return not (self.folder / f"{name}.seen").exists()

    def release(self, name: str) -> None:
        (self.folder / f"{name}.end").touch()

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()


@pytest.fixture
def jobs(tmp_path: Path):
    held = Jobs(tmp_path, gpus=2)
    yield held
    held.close()


def waits(process: subprocess.Popen[str]) -> bool:
    """Whether the next thing that a job says is that it waits."""
    assert process.stderr is not None
    return process.stderr.readline().startswith("waiting for ")


def test_a_machine_without_a_gpu_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    write_listing(tmp_path, "")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    assert visible_gpus() == []


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        (None, ["GPU-0", "GPU-1", "GPU-2"]),
        ("1", ["GPU-1"]),
        ("2, 0", ["GPU-2", "GPU-0"]),
        ("GPU-1", ["GPU-1"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["GPU-0"]),
        ("0,7,1", ["GPU-0"]),
        ("0,GPU-9", ["GPU-0"]),
    ],
)
def test_gpus_are_counted_as_cuda_counts_them(
    named: str | None, seen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_listing(tmp_path, listing(3))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert [gpu.key for gpu in visible_gpus()] == seen


def test_of_a_divided_gpu_the_parts_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_listing(tmp_path, DIVIDED)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert [gpu.visible for gpu in visible_gpus()] == ["MIG-1b", "MIG-2c", "GPU-3d"]


def test_two_jobs_take_two_gpus_and_a_third_waits_until_one_is_free(jobs: Jobs) -> None:
    jobs.start("one")
    jobs.start("two")
    first, second = jobs.sees("one"), jobs.sees("two")
    assert {*first, *second} == {"GPU-0", "GPU-1"}
    assert waits(jobs.start("three"))
    assert jobs.has_none_yet("three")
    jobs.release("two")
    assert jobs.sees("three") == second


def test_a_job_that_needs_both_gpus_holds_none_while_it_waits(jobs: Jobs) -> None:
    jobs.start("one")
    jobs.sees("one")
    assert waits(jobs.start("both", 2))
    jobs.start("two")
    assert {*jobs.sees("one"), *jobs.sees("two")} == {"GPU-0", "GPU-1"}
    jobs.release("one")
    jobs.release("two")
    assert jobs.sees("both") == ["GPU-0", "GPU-1"]


def test_a_job_that_requests_more_than_there_are_gets_those_there_alone(jobs: Jobs) -> None:
    jobs.start("many", 3)
    assert jobs.sees("many") == ["all"]
    assert waits(jobs.start("other"))
    assert waits(jobs.start("as many", 3))
    jobs.release("many")
    jobs.release("other")
    jobs.release("as many")
    assert jobs.sees("as many") == ["all"]
    assert len(jobs.sees("other")) == 1


def test_fewer_gpus_than_requested_that_a_cluster_chose_are_taken_as_given(jobs: Jobs) -> None:
    """One node's share of a training on several."""
    for name in ("one", "two"):
        jobs.start(name, 4, CUDA_VISIBLE_DEVICES="0,1")
    assert jobs.sees("one") == jobs.sees("two") == ["0", "1"]


def test_a_killed_job_holds_no_gpu(jobs: Jobs) -> None:
    killed = jobs.start("killed", 2)
    jobs.sees("killed")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    jobs.start("next", 2)
    assert jobs.sees("next") == ["GPU-0", "GPU-1"]


def test_gpus_that_a_cluster_or_a_person_chose_are_taken_as_given(jobs: Jobs) -> None:
    """Two jobs on two nodes may both be given what their node calls 0."""
    for name in ("one", "two"):
        jobs.start(name, CUDA_VISIBLE_DEVICES="0")
    assert jobs.sees("one") == jobs.sees("two") == ["0"]


def test_of_more_gpus_than_it_needs_a_job_takes_one_of_those_that_were_chosen(jobs: Jobs) -> None:
    for name in ("one", "two"):
        jobs.start(name, CUDA_VISIBLE_DEVICES="1,0")
    assert {*jobs.sees("one"), *jobs.sees("two")} == {"0", "1"}


def test_without_a_gpu_nothing_is_chosen_and_the_environment_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_listing(tmp_path, listing(1))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with own_gpus(0, tmp_path / "locks"):
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
    with own_gpus(1, tmp_path / "locks"):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-0"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert list((tmp_path / "locks").iterdir()) == []


@pytest.fixture
def one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one GPU, whose place for locks, where everybody may write, is this folder."""
    write_listing(tmp_path / "bin", listing(1))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    place = tmp_path / "everybody"
    place.mkdir()
    place.chmod(0o1777)
    monkeypatch.setattr(gpus, "PLACE", place)
    return place


def test_locks_are_in_one_place_that_is_their_users_whatever_tmpdir_says(
    one_gpu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0)
    try:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with own_gpus(1):
            (folder,) = one_gpu.iterdir()
            assert (folder.name, folder.stat().st_mode & 0o777) == (f"gandl-gpus-{os.geteuid()}", 0o700)
            assert [path.name for path in folder.iterdir()] == [".GPU-0.lock"]
    finally:
        os.umask(before)


def _everybodys(folder: Path, target: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def _link(folder: Path, target: Path) -> None:
    folder.symlink_to(target)


def _file(folder: Path, target: Path) -> None:
    folder.touch()


def _anothers(folder: Path, target: Path) -> None:
    folder.mkdir()
    os.chown(folder, 12345, -1)


@pytest.mark.parametrize(
    "plant",
    [
        _everybodys,
        _link,
        _file,
        pytest.param(_anothers, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")),
    ],
)
def test_a_place_for_locks_that_others_can_write_to_is_refused(
    one_gpu: Path, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    plant(one_gpu / f"gandl-gpus-{os.geteuid()}", target)
    with pytest.raises(LocksError, match=r"^\S+, where locks .* nobody else can write to: remove it"), own_gpus(1):
        pass
    assert list(target.iterdir()) == []


def test_a_link_in_the_place_of_a_lock_leaves_its_target_as_it_was(one_gpu: Path, tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept.txt", one_gpu / f"gandl-gpus-{os.geteuid()}"
    kept.write_text("kept")
    folder.mkdir(mode=0o700)
    (folder / ".GPU-0.lock").symlink_to(kept)
    with pytest.raises(OSError, match=r"\.GPU-0\.lock"), own_gpus(1):
        pass
    assert kept.read_text() == "kept"

"""Files: whole or absent, and nothing left of processes that were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gandl.workflow import files
from gandl.workflow.files import FORGOTTEN, atomic


@pytest.fixture
def dead() -> int:
    """Number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def write(path: Path, text: str = "new") -> None:
    with atomic(path) as partial:
        partial.write_text(text)


def _fail_halfway(partial: Path) -> None:
    partial.write_text("half")
    raise OSError(28, os.strerror(28))


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write(path, "old")
    with pytest.raises(OSError, match="No space left"), atomic(path) as partial:
        _fail_halfway(partial)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_of_the_file_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "table [1].csv"
    code = (
        "import os, pathlib, signal, sys\n"
        "from gandl.workflow.files import atomic\n"
        "with atomic(pathlib.Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode < 0
    assert len(list(tmp_path.iterdir())) == 1
    write(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "new"


def test_files_of_living_processes_and_of_other_names_stay(tmp_path: Path, dead: int) -> None:
    here = files._here()
    kept = {
        f".table.csv.{here}.{os.getppid()}.partial",
        f".other.csv.{here}.{dead}.partial",
        f".table.csv.gz.{here}.{dead}.partial",
        ".table.csv.notes.partial",
    }
    for name in kept:
        (tmp_path / name).touch()
    write(tmp_path / "table.csv")
    assert {path.name for path in tmp_path.iterdir()} == kept | {"table.csv"}


def test_another_machine_that_writes_the_same_file_keeps_what_it_has_written(
    tmp_path: Path, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system that both see, a process of that machine has a number that no process has here."""
    path = tmp_path / "table.csv"
    with monkeypatch.context() as there:
        there.setattr(files, "_here", lambda: "node-b")
        there.setattr(os, "getpid", lambda: dead)
        with atomic(path) as partial:
            partial.write_text("of the other machine")
            there.undo()
            write(path)
            assert partial.read_text() == "of the other machine"
    assert path.read_text() == "of the other machine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["node-b.", ""], ids=["of another machine", "without a machine's name"])
def test_what_a_killed_process_left_elsewhere_is_deleted_after_a_week(tmp_path: Path, dead: int, place: str) -> None:
    recent, old = (tmp_path / f".table.csv.{place}{process}.partial" for process in (dead, os.getpid()))
    for partial, age in ((recent, FORGOTTEN - 3600), (old, FORGOTTEN + 3600)):
        partial.touch()
        os.utime(partial, (time.time() - age,) * 2)
    write(tmp_path / "table.csv")
    assert {path.name for path in tmp_path.iterdir()} == {recent.name, "table.csv"}

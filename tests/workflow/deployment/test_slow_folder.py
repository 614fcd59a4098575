"""Results on a file system that other machines see late, and whose clock is another one's: nothing fails, nothing is redone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tiny_project import Project

SLOW_MACHINE = Path(__file__).with_name("slow_machine")
MODEL = "models/gandl/seed_0"
TARGET = f"results/tiny/{MODEL}/weights.safetensors"


@pytest.fixture
def slow(empty: Project, mirror: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> Project:
    """A copy of the project whose results are seen late, and the list of what was."""
    project = Project(empty.folder, mirror)
    project.configure({})
    monkeypatch.setenv("SLOW_FOLDER", str(project.folder / "results"))
    monkeypatch.setenv("SLOW_STASH", str(tmp_path_factory.mktemp("stash")))
    monkeypatch.setenv("SLOW_SECONDS", "1.5")
    return project


def make(project: Project, *, wait: int) -> tuple[int, str]:
    options = ["--cores", "2", "--latency-wait", str(wait), "--configfile", "config/tiny.yaml"]
    done = project.snakemake(TARGET, *options, "--config", f"mirror={project.mirror}", path=SLOW_MACHINE)
    return done.returncode, done.stdout + done.stderr


def test_files_that_are_seen_late_and_dated_back_lose_nothing_and_redo_nothing(slow: Project) -> None:
    code, said = make(slow, wait=0)
    assert code != 0
    assert "MissingOutputException" in said, "the folder is really slow"
    time.sleep(2)
    code, said = make(slow, wait=30)
    assert code == 0, said[-5000:]
    seen_late = (Path(os.environ["SLOW_STASH"]) / "hidden.txt").read_text(encoding="utf-8")
    for name in ("BBBC013_1.manifest.json", "BBBC013_1.zarr/", f"{MODEL}/weights.safetensors", "checkpoints/"):
        assert name in seen_late, name
    assert slow.planned(TARGET) == {}
    later = time.time() + 60
    for path in (slow.folder / "results/tiny").rglob("*"):
        if path.is_file() and path.stat().st_size <= 1e6 and MODEL not in path.as_posix():
            os.utime(path, (later, later))  # as a server whose clock is ahead dates what its cache writes late
    assert slow.planned(TARGET) == {}


def test_temporary_files_are_written_to_scratch_and_nothing_is_left_there(
    empty: Project, mirror: Path, tmp_path: Path
) -> None:
    """Snakemake's resource `tmpdir` is TMPDIR of every job."""
    project, scratch = Project(empty.folder, mirror), tmp_path / "scratch"
    project.configure({"training": {"images": 16, "looks": 1}})
    script = project.folder / "workflow/scripts/splits.py"
    text = script.read_text(encoding="utf-8")
    noted = f"import tempfile\nPath({str(tmp_path / 'noted')!r}).write_text(tempfile.mkdtemp())\n"
    script.write_text(text.replace("with job(", f"{noted}\nwith job(", 1), encoding="utf-8")
    done = project.run(TARGET, "--default-resources", f"tmpdir='{scratch}'")
    assert done.returncode == 0, done.stderr[-4000:]
    (left,) = scratch.iterdir()
    assert (tmp_path / "noted").read_text(encoding="utf-8") == str(left), "of the test's own line alone"
    assert list(project.folder.glob(f"results/tiny/{MODEL}/checkpoints/*/*.pt")), "checkpoints stay with the results"

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
    project.configure({"training": {"images": 32}})
    monkeypatch.setenv("SLOW_FOLDER", str(project.folder / "results"))
    monkeypatch.setenv("SLOW_STASH", str(tmp_path_factory.mktemp("stash")))
    monkeypatch.setenv("SLOW_SECONDS", "1.5")
    # set by PyTorch where this process has compiled, and then not in TMPDIR
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    return project


def make(project: Project, *, wait: int) -> tuple[int, str]:
    # one job at a time: a script that ends puts away what another one has made meanwhile, too
    options = ["--cores", "1", "--latency-wait", str(wait), "--configfile", "config/tiny.yaml"]
    options += ["--default-resources", "tmpdir='scratch'"]
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
    later = time.time() + 60
    for path in (slow.folder / "results/tiny").rglob("*"):
        if path.is_file() and path.stat().st_size <= 1e6 and MODEL not in path.as_posix():
            os.utime(path, (later, later))  # as a server whose clock is ahead dates what its cache writes late
    assert slow.planned(TARGET) == {}
    scratch = [path.name for path in (slow.folder / "scratch").iterdir()]
    assert scratch, "Snakemake's resource `tmpdir` is TMPDIR of every job"
    assert [name for name in scratch if not name.startswith("torchinductor_")] == [], (
        "but for the compiler's, all are gone"
    )

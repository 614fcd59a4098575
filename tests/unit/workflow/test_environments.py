"""Environments of jobs: the files follow the lock, and scripts find the gandl that the Snakefile imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gandl
from gandl.workflow.environments import HEADINGS, environment, pins_of, share_source


def test_the_files_are_what_the_lock_gives(repository: Path) -> None:
    """`make lock` fixes a failure of this test."""
    pins = pins_of(repository / "requirements.lock")
    assert len(pins) > 50
    for name, heading in HEADINGS.items():
        assert (repository / f"envs/{name}.yaml").read_text(encoding="utf-8") == environment(heading, pins)


def test_a_script_finds_the_gandl_of_the_workflow_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    share_source(repository)
    share_source(repository)  # every nested Snakemake calls it again
    assert os.environ["PYTHONPATH"].split(os.pathsep)[1:] == [str(tmp_path)]
    found = subprocess.run(
        [sys.executable, "-c", "import gandl; print(gandl.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert found.stdout.strip() == gandl.__file__

"""What continuous integration runs needs a browser and Slurm: without them it ends, before anything else is made."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

MADE = ["environment", "lint", "test", "test-cluster"]
"""By name: the linters run beside a test."""
BROWSER, SLURM = {"google-chrome": "exit 0"}, {"slurmctld": "exit 0", "python3": "exit 0"}


@pytest.mark.parametrize(
    ("commands", "said", "made"),
    [
        ({"apt-get": "exit 1", **SLURM}, "chromium could not be installed", []),
        (
            {"apt-get": "exit 1", "install": "exit 0", **BROWSER, "python3": "exit 0"},
            "Slurm could not be installed",
            [],
        ),
        (
            {"apt-get": "exit 1", **BROWSER, "slurmctld": "exit 0", "python3": "echo none here >&2; exit 1"},
            "none here",
            [],
        ),
        ({"apt-get": "exit 0", "install": "exit 0", "python3": "exit 0"}, "", MADE),
        ({"apt-get": "exit 1", **BROWSER, **SLURM}, "", MADE),
    ],
    ids=["no browser", "no Slurm", "no cluster", "installed", "there"],
)
def test_without_a_browser_or_slurm_nothing_is_tested(
    repository: Path, tmp_path: Path, commands: dict[str, str], said: str, made: list[str]
) -> None:
    """With commands of this test in place of the machine's."""
    for name, body in {**commands, "make": f'echo "$1" >> {tmp_path / "made"}'}.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin/dirname").symlink_to(str(shutil.which("dirname")))
    (tmp_path / "clone/.ci").mkdir(parents=True)
    shutil.copy(repository / ".ci/run", tmp_path / "clone/.ci/run")
    done = subprocess.run(
        ["/bin/bash", tmp_path / "clone/.ci/run"],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if made else 1), done.stderr
    assert said in done.stderr
    log = tmp_path / "made"
    assert sorted(log.read_text(encoding="utf-8").split() if log.exists() else []) == made


def test_no_two_files_of_tests_have_one_name(repository: Path) -> None:
    """pytest imports them by their names alone, and refuses the second."""
    names = Counter(path.name for path in (repository / "tests").rglob("test_*.py"))
    assert not [name for name, count in names.items() if count > 1]

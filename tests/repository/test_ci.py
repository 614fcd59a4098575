"""What continuous integration runs needs a browser: without one it ends, before anything else is made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("commands", "code", "made"),
    [
        ({"apt-get": "exit 1"}, 1, []),
        ({"apt-get": "exit 0"}, 0, ["environment", "lint", "test"]),
        ({"google-chrome": "exit 0"}, 0, ["environment", "lint", "test"]),
    ],
    ids=["not installable", "installed", "there"],
)
def test_without_a_browser_nothing_is_tested(
    repository: Path, tmp_path: Path, commands: dict[str, str], code: int, made: list[str]
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
    assert done.returncode == code, done.stderr
    assert ("chromium could not be installed" in done.stderr) == (code == 1)
    log = tmp_path / "made"
    assert (log.read_text(encoding="utf-8").split() if log.exists() else []) == made

"""A machine for tests of the installation: stand-ins for interpreters and pip, alone on the path.

A stand-in is a shell script that starts this Python under another version, with or without ensurepip, so that the real question
of `envs/choose-python.sh` is answered. Its `-m venv` makes a folder whose Python's pip prints lines like pip's.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BASH = shutil.which("bash") or "/bin/bash"
TOOLS = [
    "bash",
    "sh",
    "cat",
    "cut",
    "date",
    "dirname",
    "du",
    "grep",
    "make",
    "mkdir",
    "rm",
    "sed",
    "tail",
    "tee",
    "touch",
]

STAND_IN = """
import pathlib, sys
version, able, *words = sys.argv[1:]
sys.version_info = (*map(int, version.split(".")), "final", 0)
sys.version = version
if able == "unable":
    sys.modules["ensurepip"] = None
if words[0] == "-c":
    exec(words[1])
elif words[:2] == ["-m", "venv"]:
    folder = pathlib.Path(words[-1])
    if "--clear" in words:
        import shutil
        shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    python = folder / "bin/python"
    python.write_text(pathlib.Path(sys.argv[0]).with_name("start").read_text().replace("VERSION", version))
    python.chmod(0o755)
elif words[:3] == ["-m", "pip", "uninstall"]:
    pathlib.Path(".venv/lib/python3/site-packages/torch/version.py").unlink()
elif words[:3] == ["-m", "pip", "install"]:
    pip = pathlib.Path(sys.argv[0]).with_name("pip")
    if "--dry-run" not in words:
        with pip.open("a") as file:
            print(version, words[-1], file=file)
    print("Looking in indexes")
    for i in range(100):
        print(f"Collecting package{i}")
    print("  Downloading torch-2.13.0-cp312.whl (526.6 MB)\\n  Downloading small.whl (19.9 MB)", flush=True)
    fails = pip.with_name("fails")
    at, error = fails.read_text().splitlines() if fails.exists() else ("", "")
    if at == words[-1]:
        sys.exit(error)
    print("Installing collected packages: " + "package, " * 100)
    torch = pathlib.Path(".venv/lib/python3/site-packages/torch/version.py")
    if words[-1].startswith("torch==") and "--dry-run" not in words and not torch.exists():
        torch.parent.mkdir(parents=True, exist_ok=True)
        is_cpu = words[-1].endswith("+cpu") or pip.with_name("gives-cpu").exists()
        torch.write_text("cuda: Optional[str] = " + ("None" if is_cpu else "'13.0'") + "\\n")
"""


class Machine:
    """A folder of commands, and a project with the scripts, the Makefile and the lock.

    Attributes
    ----------
    bin : the only folder on the path. project : where `make` is run.
    """

    def __init__(self, folder: Path) -> None:
        self.bin, self.project, self._stand_in = folder / "bin", folder / "project", folder / "stand in"
        for made in (self.bin, self.project, self._stand_in):
            made.mkdir(parents=True)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or pytest.fail(f"this machine has no {tool}"))
        (self._stand_in / "python.py").write_text(textwrap.dedent(STAND_IN), encoding="utf-8")
        (self._stand_in / "start").write_text(self._script("VERSION", able=True), encoding="utf-8")
        for name in ("Makefile", "requirements.lock", "pyproject.toml"):
            shutil.copy(REPOSITORY / name, self.project)
        shutil.copytree(REPOSITORY / "envs", self.project / "envs")

    def _script(self, version: str, *, able: bool) -> str:
        program = [sys.executable, "-S", str(self._stand_in / "python.py"), version, "able" if able else "unable"]
        return f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n'

    def add(self, name: str, version: str, *, able: bool = True, folder: Path | None = None) -> Path:
        """Put an interpreter on the path, or into another folder."""
        return self.write(name, self._script(version, able=able), folder)

    def write(self, name: str, text: str, folder: Path | None = None) -> Path:
        path = (folder or self.bin) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        environment = {"PATH": str(self.bin), "HOME": str(self.project), "LC_ALL": "C"}
        return subprocess.run(
            command, cwd=self.project, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def choose(self, *given: str) -> subprocess.CompletedProcess[str]:
        return self.run(BASH, "envs/choose-python.sh", *given)

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.bin / "make"), "environment", *words)

    @property
    def calls(self) -> list[str]:
        """Calls of pip so far: version and last argument."""
        path = self._stand_in / "pip"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def break_pip(self, at: str, error: str = "ERROR: No space left on device") -> None:
        """Let pip fail where its last argument is this."""
        (self._stand_in / "fails").write_text(f"{at}\n{error}", encoding="utf-8")

    def let_index_give_cpu(self) -> None:
        """Let the plain version of PyTorch be a build for CPUs, as on an index of such builds."""
        (self._stand_in / "gives-cpu").touch()

    def repair_pip(self) -> None:
        (self._stand_in / "fails").unlink()

    @property
    def ready(self) -> bool:
        return (self.project / ".venv/ready").exists()

"""Which Python makes .venv, and what an installation leaves: stand-ins for interpreters and pip, alone on the path.

A stand-in is a shell script that starts this Python under another version, with or without ensurepip, so that the real question
of `envs/choose-python.sh` is answered. Its `-m venv` makes a folder whose Python's pip prints lines like pip's.
"""

from __future__ import annotations

import os
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
LINES = 20
"""An installation prints fewer lines."""

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
elif words[:3] == ["-m", "pip", "install"]:
    pip = pathlib.Path(sys.argv[0]).with_name("pip")
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

    def repair_pip(self) -> None:
        (self._stand_in / "fails").unlink()

    @property
    def ready(self) -> bool:
        return (self.project / ".venv/ready").exists()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "a machine with spaces")


def taken(done: subprocess.CompletedProcess[str]) -> Path:
    """The interpreter that was chosen, which one line names with its version."""
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    path = Path(done.stdout.removesuffix("\n"))
    assert line.startswith("Python 3.")
    assert line.endswith(f": {path}")
    return path


@pytest.mark.parametrize(
    ("there", "first"),
    [
        ({"python3.11": "3.11.9", "python3.12": "3.12.3"}, "python3.11"),
        ({"python3.12": "3.12.3", "python3": "3.12.3"}, "python3.12"),
        ({"python3": "3.13.5"}, "python3"),
        ({"python3.14": "3.14.0", "python3": "3.10.12"}, "python3.14"),
        ({"python3.10": "3.10.12", "python3": "3.11.2"}, "python3"),
    ],
)
def test_the_first_that_is_new_enough_is_taken(machine: Machine, there: dict[str, str], first: str) -> None:
    for name, version in there.items():
        machine.add(name, version)
    done = machine.choose()
    assert taken(done) == machine.bin / first
    assert there[first] in done.stderr


def test_without_any_the_packages_that_bring_one_are_named(machine: Machine) -> None:
    done = machine.choose()
    assert done.returncode == 1
    assert done.stdout == ""
    for words in ("3.11 or newer", "apt install python3-venv", "dnf install python3", "brew install python@3.12"):
        assert words in done.stderr


def test_an_old_one_is_not_taken_and_named(machine: Machine) -> None:
    machine.add("python3", "3.10.12")
    done = machine.choose()
    assert done.returncode == 1
    assert "python3 is Python 3.10.12: 3.11 or newer is needed" in done.stderr
    assert "apt install python3-venv" in done.stderr


@pytest.mark.parametrize("name", ["python3.12", "python3"])
def test_one_that_lacks_venv_is_named_with_its_package(machine: Machine, name: str) -> None:
    machine.add(name, "3.12.3", able=False)
    done = machine.choose()
    assert done.returncode == 1
    assert f"{name} is Python 3.12.3, but cannot make a virtual environment" in done.stderr
    assert "apt install python3.12-venv" in done.stderr


def test_one_that_lacks_venv_is_passed_over(machine: Machine) -> None:
    machine.add("python3.11", "3.11.2", able=False)
    machine.add("python3", "3.13.5")
    assert taken(machine.choose()) == machine.bin / "python3"


def test_a_command_that_does_not_run_is_passed_over(machine: Machine) -> None:
    """As the shim of a version that pyenv knows and has switched off."""
    machine.write("python3.11", "#!/bin/sh\necho 'python3.11: command not found' >&2\nexit 127\n")
    machine.write("python3.12", "#!/bin/sh\necho 'welcome to Python'\n")
    machine.add("python3.13", "3.13.5")
    assert taken(machine.choose()) == machine.bin / "python3.13"
    (machine.bin / "python3.13").unlink()
    failed = machine.choose()
    assert failed.returncode == 1
    assert "python3.11 exists, but does not run as Python" in failed.stderr


def test_the_one_that_is_named_wins(machine: Machine) -> None:
    machine.add("python3.11", "3.11.9")
    machine.add("python3.13", "3.13.5")
    assert taken(machine.choose("python3.13")) == machine.bin / "python3.13"
    elsewhere = machine.add("python", "3.12.3", folder=machine.bin.parent / "another place")
    assert taken(machine.choose(str(elsewhere))) == elsewhere


def test_one_that_is_named_and_will_not_do_is_replaced_by_no_other(machine: Machine) -> None:
    machine.add("python3.11", "3.11.9")
    machine.add("old", "3.10.12")
    machine.add("bare", "3.12.3", able=False)
    machine.write("broken", "#!/bin/sh\nexit 1\n")
    for given, reason in {
        "nowhere": "nowhere was not found",
        "old": "old is Python 3.10.12: 3.11 or newer is needed",
        "bare": "sudo apt install python3.12-venv",
        "broken": "broken exists, but does not run as Python",
    }.items():
        done = machine.choose(given)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"PYTHON={given} will not do: ")
        assert reason in line


def test_this_python_could_make_the_environment(machine: Machine) -> None:
    """The question is put to a real interpreter too."""
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    if not base.exists() or subprocess.run([base, "-c", "import ensurepip"], check=False).returncode:
        pytest.skip("this Python's interpreter is elsewhere, or lacks ensurepip")
    assert taken(machine.choose(str(base))) == base


# The installation


def test_every_step_is_one_line_with_its_size(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    done = machine.make()
    assert done.returncode == 0, done.stderr
    assert machine.ready
    lines = done.stdout.splitlines()
    steps = [line for line in lines if line.startswith("[")]
    assert [line[:5] for line in steps] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert all("MB" in line for line in steps)
    assert "PyTorch 2.13.0: about" in steps[1]
    packages = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").count("==")
    assert f"{packages} packages: about" in steps[2]
    assert any(line.endswith("Downloading torch-2.13.0-cp312.whl (526.6 MB)") for line in lines)
    assert len(lines) < LINES
    assert "Collecting package7" in (machine.project / ".venv/install.log").read_text(encoding="utf-8")
    assert [call.split()[1] for call in machine.calls] == ["torch==2.13.0", "requirements.lock", "."]


def test_make_says_which_python_is_missing_and_makes_nothing(machine: Machine) -> None:
    machine.add("python3", "3.12.3", able=False)
    done = machine.make()
    assert done.returncode != 0
    assert "apt install python3.12-venv" in done.stderr
    assert not (machine.project / ".venv").exists()


def test_a_failed_installation_is_reported_and_begun_afresh(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    machine.break_pip("requirements.lock")
    failed = machine.make()
    assert failed.returncode != 0
    assert not machine.ready
    assert "packages: the installation failed" in failed.stderr
    assert "ERROR: No space left on device" in failed.stderr
    assert machine.calls == ["3.12.3 torch==2.13.0", "3.12.3 requirements.lock"], "the next step was not begun"
    (machine.project / ".venv/half-installed").touch()
    machine.repair_pip()
    machine.add("python3.11", "3.11.9")
    done = machine.make()
    assert done.returncode == 0, done.stderr
    assert machine.ready
    assert not (machine.project / ".venv/half-installed").exists(), "what another interpreter half made is gone"
    assert machine.calls[-3:] == ["3.11.9 torch==2.13.0", "3.11.9 requirements.lock", "3.11.9 ."]


def test_a_package_that_cannot_be_compiled_is_explained(machine: Machine) -> None:
    """As under Python 3.14 without a compiler: a package of the lock is published as source alone for it."""
    machine.add("python3.14", "3.14.0")
    machine.break_pip("requirements.lock", "ERROR: Failed building wheel for immutables")
    failed = machine.make()
    assert "Failed building wheel for immutables" in failed.stderr
    assert "install a C compiler and Python's headers" in failed.stderr
    machine.break_pip("requirements.lock")
    assert "compiler" not in machine.make().stderr


def test_a_newer_lock_updates_the_environment_that_is_there(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    assert machine.make().returncode == 0
    assert len(machine.calls) == 3
    assert machine.make().returncode == 0
    assert len(machine.calls) == 3, "nothing is to be done"
    machine.add("python3.11", "3.11.9")
    (machine.project / ".venv/kept").touch()
    newer(machine)
    assert machine.make().returncode == 0
    assert machine.calls[3:] == ["3.12.3 torch==2.13.0", "3.12.3 requirements.lock", "3.12.3 ."]
    assert (machine.project / ".venv/kept").exists()


def test_an_update_that_fails_is_begun_afresh(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    assert machine.make().returncode == 0
    newer(machine)
    machine.break_pip("torch==2.13.0")
    assert machine.make().returncode != 0
    assert not machine.ready
    (machine.project / ".venv/half-installed").touch()
    machine.repair_pip()
    assert machine.make().returncode == 0
    assert not (machine.project / ".venv/half-installed").exists()


@pytest.mark.parametrize("named", [True, False])
def test_an_environment_of_another_python_or_of_none_is_replaced(machine: Machine, named: bool) -> None:
    """Another Python was named; or that of the environment was removed from the machine."""
    machine.add("python3.12", "3.12.3")
    assert machine.make().returncode == 0
    machine.add("python3.13", "3.13.5")
    if not named:
        (machine.bin / "python3.12").unlink()
        machine.write("python", "#!/bin/sh\nexit 127\n", machine.project / ".venv/bin")
    newer(machine)
    done = machine.make(*(["PYTHON=python3.13"] if named else []))
    assert done.returncode == 0, done.stderr
    assert [call.split()[0] for call in machine.calls] == ["3.12.3"] * 3 + ["3.13.5"] * 3


def test_a_python_that_is_named_later_replaces_the_environment_once(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    machine.add("python3.13", "3.13.5")
    assert machine.make().returncode == 0
    for _ in range(2):
        assert machine.make("PYTHON=python3.13").returncode == 0
        assert [call.split()[0] for call in machine.calls] == ["3.12.3"] * 3 + ["3.13.5"] * 3
    refused = machine.make("PYTHON=nowhere")
    assert refused.returncode != 0
    assert "nowhere was not found" in refused.stderr
    assert machine.ready, "the environment that is there stays"


def newer(machine: Machine) -> None:
    """Let the lock be newer than the environment."""
    lock = (machine.project / "requirements.lock").stat().st_mtime
    os.utime(machine.project / ".venv/ready", (lock - 5, lock - 5))

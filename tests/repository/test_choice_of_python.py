"""Which Python makes .venv."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stand_in_machine import Machine


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

"""What an installation prints, leaves and repairs, and which build of PyTorch it takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stand_in_machine import REPOSITORY, Machine

LINES = 20
"""An installation prints fewer lines."""
GPU = "#!/bin/sh\n[ \"$1\" = -L ] && echo 'GPU 0: NVIDIA H100'\n"
ABSENT = "ERROR: No matching distribution found for torch==2.13.0+cpu"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "a machine with spaces")


def test_every_step_is_one_line_with_its_size(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    done = machine.make()
    assert done.returncode == 0, done.stderr
    assert machine.ready
    lines = done.stdout.splitlines()
    steps = [line for line in lines if line.startswith("[")]
    assert [line[:5] for line in steps] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert all("MB" in line for line in steps)
    assert "PyTorch 2.13.0 for CPUs (no NVIDIA GPU here): about 190 MB" in steps[1]
    assert lines[-1].endswith("; PyTorch for CPUs")
    packages = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").count("==")
    assert f"{packages} packages: about" in steps[2]
    assert any(line.endswith("Downloading torch-2.13.0-cp312.whl (526.6 MB)") for line in lines)
    assert len(lines) < LINES
    assert "Collecting package7" in (machine.project / ".venv/install.log").read_text(encoding="utf-8")
    assert [call.split()[1] for call in machine.calls] == ["torch==2.13.0+cpu", "requirements.lock", "."]


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
    assert machine.calls == ["3.12.3 torch==2.13.0+cpu", "3.12.3 requirements.lock"], "the next step was not begun"
    (machine.project / ".venv/half-installed").touch()
    machine.repair_pip()
    machine.add("python3.11", "3.11.9")
    done = machine.make()
    assert done.returncode == 0, done.stderr
    assert machine.ready
    assert not (machine.project / ".venv/half-installed").exists(), "what another interpreter half made is gone"
    assert machine.calls[-3:] == ["3.11.9 torch==2.13.0+cpu", "3.11.9 requirements.lock", "3.11.9 ."]


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
    assert machine.calls[3:] == ["3.12.3 torch==2.13.0+cpu", "3.12.3 requirements.lock", "3.12.3 ."]
    assert (machine.project / ".venv/kept").exists()


def test_an_update_that_fails_is_begun_afresh(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    assert machine.make().returncode == 0
    newer(machine)
    machine.break_pip("torch==2.13.0+cpu")
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


def test_the_build_of_torch_is_what_the_machine_has(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    machine.write("nvidia-smi", GPU)
    done = machine.make()
    assert "[2/4] PyTorch 2.13.0 for CUDA (nvidia-smi lists a GPU): about 530 MB" in done.stdout
    assert machine.calls[0] == "3.12.3 torch==2.13.0"
    assert done.stdout.splitlines()[-1].endswith("; PyTorch for CUDA")


def test_a_driver_without_a_gpu_is_no_gpu(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    machine.write("nvidia-smi", "#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    assert "PyTorch 2.13.0 for CPUs (no NVIDIA GPU here)" in machine.make().stdout


def test_a_build_that_is_named_is_taken_and_replaces_another_once(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    first = machine.make("TORCH=cpu", "TORCH_INDEX=http://wheels.example")
    assert "[2/4] PyTorch 2.13.0 for CPUs (TORCH=cpu): about 190 MB" in first.stdout
    for _ in range(2):
        second = machine.make("TORCH=cuda")
        assert second.returncode == 0, second.stderr
        assert [call.split()[1] for call in machine.calls[3:]] == ["torch==2.13.0", "requirements.lock", "."]
    assert machine.make().returncode == 0, "not named again, it stays"
    newer(machine)
    assert "PyTorch 2.13.0 for CUDA (as before)" in machine.make().stdout


def test_a_build_that_does_not_exist_is_refused(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    done = machine.make("TORCH=rocm")
    assert done.returncode != 0
    assert "TORCH=rocm will not do: cpu or cuda" in done.stderr
    assert machine.calls == []


def test_an_index_without_a_build_for_cpus_is_named_and_its_own_build_taken_unless_one_was_named(
    machine: Machine,
) -> None:
    """As PyPI's."""
    machine.add("python3.12", "3.12.3")
    machine.break_pip("torch==2.13.0+cpu", ABSENT)
    refused = machine.make("TORCH=cpu")
    assert refused.returncode != 0
    assert (
        "TORCH=cpu: the package index has no build of PyTorch 2.13.0 for CPUs. TORCH_INDEX=URL names" in refused.stderr
    )
    assert machine.calls == []
    done = machine.make()
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("[2/4]")]
    assert "of the package index (no NVIDIA GPU here, but the index has no build for CPUs; TORCH_INDEX=URL" in line
    assert machine.calls[0] == "3.12.3 torch==2.13.0"


def test_an_index_that_gives_a_build_for_cpus_instead_of_cuda_is_reported(machine: Machine) -> None:
    machine.add("python3.12", "3.12.3")
    machine.let_index_give_cpu()
    failed = machine.make("TORCH=cuda")
    assert failed.returncode != 0
    assert "TORCH=cuda: the package index gave a build for CPUs" in failed.stderr
    assert not machine.ready

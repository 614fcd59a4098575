"""A Slurm cluster for the tests of this folder, a project on it with stored images, and in the log what Slurm says of jobs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster_project import ONE_TRAINING, STORES, ClusterProject, Run
from local_slurm import LocalSlurm, why_not
from tiny_project import TINY_SIMULATED, copy_of

SLURM_SAYS = "Slurm"


@pytest.fixture(scope="session")
def slurm() -> Iterator[LocalSlurm]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="gandl-slurm-") as folder, LocalSlurm(Path(folder)) as cluster:
        yield cluster


@pytest.fixture
def tell(slurm: LocalSlurm, record_property: Any) -> Callable[..., None]:
    """Note for the log of the tests what Slurm says of the jobs of runs."""

    def note(*runs: Run) -> None:
        for row in slurm.accounted(*runs, steps=True):
            record_property(SLURM_SAYS, "  ".join(f"{name}={value}" for name, value in row.items() if value))

    return note


@pytest.fixture(scope="session")
def stored(slurm: LocalSlurm, tmp_path_factory: pytest.TempPathFactory, repository: Path) -> ClusterProject:
    """A project whose images are stored, so that it can train."""
    folder = copy_of(repository, tmp_path_factory.mktemp("stored"))
    project = ClusterProject(folder, None, "config", TINY_SIMULATED, slurm)
    project.configure(ONE_TRAINING)
    done = project.run(*(f"results/tiny/images/rxrx19a/{store}.manifest.json" for store in STORES))
    assert done.returncode == 0, done.stderr[-6000:]
    return project


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What Slurm said of the jobs of every test."""
    for report in terminalreporter.getreports(""):
        lines = [value for name, value in report.user_properties if name == SLURM_SAYS]
        if report.when == "teardown" and lines:
            terminalreporter.section(report.nodeid, sep="-")
            for line in lines:
                terminalreporter.write_line(line)

"""One tiny run of the whole workflow, in a copy of the project, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthetic_plate import write_mirror
from tiny_project import TINY_SIMULATED, Project, copy_of


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A mirror with a synthetic plate, to be read only."""
    folder = tmp_path_factory.mktemp("ein Spiegel, größer")
    write_mirror(folder, repository / "resources/bbbc013_platemap.csv")
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, repository: Path, mirror: Path) -> Project:
    """A copy of the project, in a folder with spaces and letters beyond ASCII, and nothing run yet."""
    copy = Project(copy_of(repository, tmp_path_factory.mktemp("ein Projekt, größer")), mirror)
    copy.configure({})
    return copy


@pytest.fixture(scope="session")
def finished(project: Project) -> Project:
    """The same copy after one whole run."""
    return _run(project)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Project:
    """A copy of the project after one whole run of a tiny simulated pair."""
    copy = Project(copy_of(repository, tmp_path_factory.mktemp("simulated")), None, "config", TINY_SIMULATED)
    copy.configure({})
    return _run(copy)


@pytest.fixture
def empty(tmp_path: Path, repository: Path) -> Project:
    """A copy of the project that nothing was run in, for the dry runs of any preset."""
    return Project(copy_of(repository, tmp_path), None)


def _run(project: Project) -> Project:
    result = project.run()
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return project

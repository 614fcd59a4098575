"""One tiny run of the whole workflow, in a copy of the project, shared by the tests of this folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_project import COPIED, Project

from synthetic_plate import write_mirror


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Project:
    """A copy of the project, with a synthetic plate in its mirror and nothing run yet."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        source = repository / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, folder / name)
    mirror = tmp_path_factory.mktemp("mirror")
    write_mirror(mirror, repository / "resources/bbbc013_platemap.csv")
    copy = Project(folder, mirror)
    copy.configure({})
    return copy


@pytest.fixture(scope="session")
def finished(project: Project) -> Project:
    """The same copy after one whole run."""
    result = project.run()
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-6000:]
    return project

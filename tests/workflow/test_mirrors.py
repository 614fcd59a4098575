"""A mirror's file that was repaired is copied again; a mirror that is left out or moved redoes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from synthetic_plate import write_mirror
from tiny_project import Project

LOCATION = "data.broadinstitute.org/bbbc/BBBC013/BBBC013_v1_images_bmp.zip"
COPY = f"results/downloads/{LOCATION}"


@pytest.fixture
def copied(empty: Project, tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Project:
    """A project whose one download, of a plate in a mirror, is done."""
    mirror = tmp_path_factory.mktemp("mirror")
    write_mirror(mirror, repository / "resources/bbbc013_platemap.csv")
    project = Project(empty.folder, mirror)
    project.configure({})
    fetch(project)
    return project


def fetch(project: Project) -> None:
    done = project.run(COPY)
    assert done.returncode == 0, done.stderr


def test_a_repaired_file_is_copied_again_and_a_moved_mirror_redoes_nothing(copied: Project, tmp_path_factory) -> None:
    assert copied.mirror is not None
    file, copy = copied.mirror / LOCATION, copied.folder / COPY
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "mirror"
    shutil.copytree(copied.mirror, elsewhere, copy_function=shutil.copyfile)  # the same bytes, of a later date
    for mirror in (None, elsewhere):
        assert Project(copied.folder, mirror).planned(COPY) == {}, mirror
    file.write_bytes(file.read_bytes() + b"more")
    assert copied.planned(COPY) == {"download": 1}
    fetch(copied)
    assert copy.read_bytes() == file.read_bytes()
    assert copied.planned(COPY) == {}

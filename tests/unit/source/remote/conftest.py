"""Fixtures of the tests of downloads: a server of the file of `downloads`, and the path that it is downloaded to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from downloads import CONTENT, file_server
from local_server import FileServer, serving


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(file_server({"/plates/plate one.zip": CONTENT, "/plate.zip": CONTENT})) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "host" / "plate.zip"

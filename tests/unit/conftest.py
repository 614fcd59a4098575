"""Fixtures of tests against a local server: no proxy before it, and the archive of `image_places` in all its places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from image_places import KEYS, PLACE, Place
from local_server import FileServer, serving
from small_zip import image_entries


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(etags={f"/{PLACE}": '"one"'})) as running:
        yield running


@pytest.fixture
def place(server: FileServer, tmp_path: Path) -> Place:
    return Place(image_entries(KEYS), server, tmp_path)

"""The system's Chromium, driven by playwright: opens pages from files, keeps what they complain of and what they request."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
PATIENCE = 120_000
"""Milliseconds that a machine may take that has much else to do."""
NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Opened:
    """A page that is open: its playwright handle, its messages of errors, and every address that it requested."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)


def browser_or_skip() -> tuple[Any, str]:
    """Playwright's entry and the path of Chromium; the test is skipped where either is absent."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements.in)")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return driver.sync_playwright, path


@contextmanager
def browser() -> Iterator[Any]:
    """A headless browser."""
    start, path = browser_or_skip()
    with start() as driver:
        launched = driver.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()


def open_file(launched: Any, file: Path, scheme: str = "light", ready: str = "html[data-ready=yes]") -> Opened:
    """Open a page from its file and wait until something on it is visible; of the explorer: until it is ready."""
    page = launched.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    opened = Opened(page)
    page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("request", lambda request: opened.requested.append(request.url))
    page.goto(file.resolve().as_uri(), wait_until="commit")
    page.wait_for_selector(ready)
    return opened

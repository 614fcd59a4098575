"""The system's Chromium in tests: opens pages from files, keeps what they complain of and what they request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chromium import MISSING, chromium, launched

PATIENCE = 120_000
"""Milliseconds that a machine may take that has much else to do."""


@dataclass
class Opened:
    """A page that is open: its playwright handle, its messages of errors, and every address that it requested."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)


def browser_here() -> None:
    """Skip the test where playwright or Chromium is absent."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements.in)")
    if chromium() is None:
        pytest.skip(MISSING)


@contextmanager
def browser() -> Iterator[Any]:
    """A headless browser; the test is skipped where there is none."""
    browser_here()
    with launched() as found:
        yield found


def open_file(
    opener: Any,
    file: Path,
    scheme: str = "light",
    address: str = "",
    ready: str = "html[data-ready=yes]",
    before: str = "",
) -> Opened:
    """Open a page from its file and wait until something on it is visible; of the explorer: until it is ready.

    address : what stands behind the file's name. before : a script that runs before the page's own.
    """
    page = opener.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    if before:
        page.add_init_script(before)
    opened = Opened(page)
    page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("request", lambda request: opened.requested.append(request.url))
    page.goto(file.resolve().as_uri() + address, wait_until="commit")
    page.wait_for_selector(ready)
    return opened

"""A fixture that makes small comparisons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from coded_screens import made


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Make codes and tiles in a folder of their own; see `coded_screens.made`."""

    def of(name: str = "screen", **given: object) -> tuple[Path, Path]:
        return made(tmp_path / name, **given)  # type: ignore[arg-type]

    return of

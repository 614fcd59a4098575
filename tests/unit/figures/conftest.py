"""Every figure that a test of this folder saves fits a journal: measured in its SVG, whichever function drew it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gandl.figures.common import style as look
from print_size import smallest_text_pt, width_mm


@pytest.fixture(scope="session", autouse=True)
def _fits_a_journal() -> Iterator[None]:
    saved = look.save

    def measured(figure: Any, data: Any, settings: Any, **files: Any) -> None:
        saved(figure, data, settings, **files)
        assert width_mm(files["svg"]) <= look.DOUBLE_COLUMN + 0.1, files["svg"]
        assert smallest_text_pt(files["svg"]) >= look.SMALLEST - 0.01, files["svg"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(look, "save", measured)
        yield

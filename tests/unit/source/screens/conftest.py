"""Fixture of the tests of RxRx19a: from metadata to the sites table that the source writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gandl.config import RxRx19aSettings
from gandl.source.screens.rxrx19a import write_sites
from rxrx_inputs import Written, write_metadata_zip

PARTIAL = RxRx19aSettings(complete=False)


@pytest.fixture
def write(tmp_path: Path, repository: Path) -> Callable[..., Written]:
    """Write the sites table of metadata."""

    def run(frame: pd.DataFrame, settings: RxRx19aSettings = PARTIAL) -> Written:
        archive, output = write_metadata_zip(tmp_path / "metadata.zip", frame), tmp_path / "sites.parquet"
        warnings = write_sites(archive, settings, output, repository / "resources/compound_variants.csv")
        return Written(output, warnings)

    return run

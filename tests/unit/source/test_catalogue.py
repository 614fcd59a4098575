"""The catalogue: stores and files of a data set, known before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.source.catalogue import download_at, downloads_of, stores_of
from gandl.source.remote.datasets import DatasetsError
from gandl.source.screens.bbbc013 import PLATE_ID


def test_the_plate_has_one_store_and_one_archive(repository: Path) -> None:
    assert stores_of("bbbc013", repository / "resources/stores.csv") == [PLATE_ID]
    (download,) = downloads_of("bbbc013", repository / "resources/datasets.csv")
    assert download_at(str(download.path), repository / "resources/datasets.csv") == download


def test_the_official_size_and_checksum_stay_empty_until_they_are_known(repository: Path) -> None:
    (download,) = downloads_of("bbbc013", repository / "resources/datasets.csv")
    assert download.bytes is None
    assert download.sha256 is None


def test_what_the_tables_do_not_know_is_named(repository: Path) -> None:
    with pytest.raises(DatasetsError, match=r"stores\.csv lists no store of another"):
        stores_of("another", repository / "resources/stores.csv")
    with pytest.raises(DatasetsError, match=r"datasets\.csv lists no file of another"):
        downloads_of("another", repository / "resources/datasets.csv")
    with pytest.raises(DatasetsError, match=r"datasets\.csv lists no file at host/a\.zip"):
        download_at("host/a.zip", repository / "resources/datasets.csv")

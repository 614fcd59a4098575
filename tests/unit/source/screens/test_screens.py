"""The published screens: channels by name, files by their official names, totals, and the tables of `resources/`."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gandl.config import Dataset
from gandl.source.catalogue import downloads_of, file_of, images_of, stores_of
from gandl.source.remote.datasets import DatasetsError
from gandl.source.screens.published import (
    CHANNELS,
    PUBLISHED,
    ScreenFile,
    height_and_width,
    member_keys,
    published_stores,
)

RXRX = (Dataset.RXRX19A, Dataset.RXRX1)


def test_image_files_bear_their_official_names() -> None:
    assert member_keys(Dataset.RXRX19A, "HRCE-1", 1, "AA02", 2)[2] == "HRCE-1/Plate1/AA02_s2_w3.png"
    assert member_keys("rxrx1", "HEPG2-08", 1, "B02", 1) == [
        f"HEPG2-08/Plate1/B02_s1_w{channel}.png" for channel in range(1, 7)
    ]


def test_real_images_lie_at_their_keys(shared_data: Path) -> None:
    for key in member_keys(Dataset.RXRX1, "HEPG2-08", 1, "B02", 1):
        assert (shared_data / "rxrx1/images" / key).is_file()


def test_without_mitotracker_both_screens_have_the_same_channels_in_the_same_order() -> None:
    assert CHANNELS[Dataset.RXRX1].index("mitotracker") == 4  # w5
    assert tuple(c for c in CHANNELS[Dataset.RXRX1] if c != "mitotracker") == CHANNELS[Dataset.RXRX19A]


@pytest.mark.parametrize(
    ("dataset", "sites", "wells", "plates", "stores", "images"),
    [(Dataset.RXRX19A, 305_520, 76_380, 57, 57, 1_527_600), (Dataset.RXRX1, 125_510, 62_755, 204, 51, 753_060)],
)
def test_totals_are_the_published_ones(
    dataset: Dataset, sites: int, wells: int, plates: int, stores: int, images: int
) -> None:
    published = PUBLISHED[dataset]
    assert (published.sites, published.wells, published.plates, published.images) == (sites, wells, plates, images)
    assert len(published_stores(dataset)) == stores
    assert published.image_bytes * published.images == pytest.approx(published.images_bytes)


def test_bbbc021_has_a_store_and_an_archive_for_each_of_its_plates(repository: Path) -> None:
    published, table = PUBLISHED[Dataset.BBBC021], repository / "resources/datasets.csv"
    assert (published.sites, published.plates, published.images) == (13_200, 55, 39_600)
    stores = stores_of("bbbc021", repository / "resources/stores.csv")
    weeks = Counter(store.partition("_")[0] for store in stores)
    assert weeks == published.plates_of
    assert len(set(stores)) == published.plates
    addresses = {images_of("bbbc021", store, table).url for store in stores}
    assert len(addresses) == published.plates
    folder = "https://data.broadinstitute.org/bbbc/BBBC021/BBBC021_v1_"
    assert f"{folder}images_Week4_27481.zip" in addresses
    tables = {file: file_of("bbbc021", file, table).url for file in ("metadata", "mechanisms", "compounds")}
    assert tables == {
        "metadata": f"{folder}image.csv", "mechanisms": f"{folder}moa.csv", "compounds": f"{folder}compound.csv",
    }  # fmt: skip
    with pytest.raises(DatasetsError, match="lists no images of bbbc021, and none of its store Week11_1"):
        images_of("bbbc021", "Week11_1", table)


def test_a_screen_with_one_archive_has_it_for_every_store(repository: Path) -> None:
    table = repository / "resources/datasets.csv"
    assert images_of("rxrx1", "HUVEC-01", table) == file_of("rxrx1", "images", table)


def test_images_are_square_but_for_one_camera() -> None:
    assert height_and_width(Dataset.BBBC021, 1024) == (1024, 1280)
    assert height_and_width("bbbc021", 512) == (512, 640)
    assert height_and_width(Dataset.RXRX1, 512) == (512, 512)


@pytest.mark.parametrize("dataset", ["bbbc021", "bbbc013"])
def test_other_screens_have_no_keys_of_rxrx(dataset: str) -> None:
    with pytest.raises(KeyError):
        member_keys(dataset, "Week1", 1, "B02", 1)


@pytest.mark.parametrize("dataset", RXRX)
def test_the_catalogue_lists_every_store_and_three_archives(dataset: Dataset, repository: Path) -> None:
    assert stores_of(dataset.value, repository / "resources/stores.csv") == published_stores(dataset)
    table = repository / "resources/datasets.csv"
    assert [download.file for download in downloads_of(dataset.value, table)] == [file.value for file in ScreenFile]
    for file in ScreenFile:
        download = file_of(dataset.value, file.value, table)
        assert download.url.startswith("https://storage.googleapis.com/rxrx/")
        assert (
            download.url.split("/")[4] == {"rxrx19a": "RxRx19a", "rxrx1": "rxrx1"}[dataset.value]
        )  # as the bucket writes it
        assert download.sha256 is None  # the published ones are of the tables inside


def test_names_and_totals_are_known_without_heavy_imports() -> None:
    code = "import sys, gandl.source.screens.published; print(sorted({'numpy', 'pandas', 'pyarrow', 'torch'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )

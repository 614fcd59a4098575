"""The catalogue: which stores a data set has (`resources/stores.csv`) and which files it is made from (`resources/datasets.csv`).

The Snakefile imports it at every start, so this module imports nothing heavier than the standard library.
"""

from __future__ import annotations

import csv
from pathlib import Path

from gandl.source.remote.datasets import DatasetsError, Download, read_datasets


def stores_of(dataset: str, table: Path) -> list[str]:
    """Names of a data set's stores (one per plate or experiment), in the order of the table.

    Raises
    ------
    gandl.source.remote.datasets.DatasetsError : the table lacks the data set.
    """
    with Path(table).open(encoding="utf-8-sig", newline="") as file:
        stores = [row["store_id"] for row in csv.DictReader(file) if row["dataset"] == dataset]
    if not stores:
        raise DatasetsError(f"{table} lists no store of {dataset}")
    return stores


def downloads_of(dataset: str, table: Path) -> list[Download]:
    """Files that a data set is made from.

    Raises
    ------
    gandl.source.remote.datasets.DatasetsError : the table lacks the data set.
    """
    downloads = [download for download in read_datasets(table) if download.dataset == dataset]
    if not downloads:
        raise DatasetsError(f"{table} lists no file of {dataset}")
    return downloads


def download_at(location: str, table: Path) -> Download:
    """The file at `<host>/<path>`.

    Raises
    ------
    gandl.source.remote.datasets.DatasetsError : the table lacks it.
    """
    for download in read_datasets(table):
        if str(download.path) == location:
            return download
    raise DatasetsError(f"{table} lists no file at {location}")


def file_of(dataset: str, file: str, table: Path) -> Download:
    """One named file of a data set (`metadata`, `images`, `embeddings`).

    Raises
    ------
    gandl.source.remote.datasets.DatasetsError : the table lacks it.
    """
    for download in downloads_of(dataset, table):
        if download.file == file:
            return download
    raise DatasetsError(f"{table} lists no file {file!r} of {dataset}")


def images_of(dataset: str, store: str, table: Path) -> Download:
    """The archive that holds the images of a store: the screen's only one (`images`), or the store's own (`images_<store>`).

    Raises
    ------
    gandl.source.remote.datasets.DatasetsError : the table lacks it.
    """
    archives = {download.file: download for download in downloads_of(dataset, table)}
    found = archives.get(f"images_{store}", archives.get("images"))
    if found is None:
        raise DatasetsError(f"{table} lists no images of {dataset}, and none of its store {store}")
    return found

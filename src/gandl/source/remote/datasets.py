"""Data sets: takes `resources/datasets.csv`, gives every file that is downloaded: where from, how large, under which licence.

The Snakefile may read it at every start, so this module imports nothing heavier than the standard library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from gandl.workflow.rows import read_rows

COLUMNS = ("dataset", "file", "url", "bytes", "sha256", "licence", "citation")


class DatasetsError(ValueError):
    """The table of data sets, or an address in it, has a mistake; the message names the file and its row."""


@dataclass(frozen=True)
class Download:
    """One file to download. `bytes` and `sha256` (or its first digits) are None if the provider does not publish them."""

    dataset: str
    file: str
    url: str
    bytes: int | None
    sha256: str | None
    licence: str
    citation: str

    @property
    def path(self) -> PurePosixPath:
        """`<host>/<path>`: where the file lies below a folder of downloads, and in a mirror."""
        return path_of_url(self.url)


def path_of_url(url: str) -> PurePosixPath:
    """`<host>/<path>` of an http(s) address, percent-encoded characters as they are meant; a # belongs to the path.

    Raises
    ------
    DatasetsError : no http(s) address, or one whose path is empty or climbs out of its host's folder.
    """
    parts = urlsplit(url.replace("#", "%23"))
    path = PurePosixPath(unquote(parts.path).lstrip("/"))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DatasetsError(f"{url!r} is not the address of a file; it must begin with https:// or http:// and a host")
    if not path.parts or ".." in path.parts:
        raise DatasetsError(f"{url!r} names no file")
    return PurePosixPath(parts.hostname) / path


def read_datasets(path: Path) -> list[Download]:
    """Read the table of downloads.

    Parameters
    ----------
    path : CSV with the columns of `COLUMNS`; bytes and sha256 may be empty.

    Raises
    ------
    DatasetsError : the file cannot be read, or has mistakes; they are listed, one line each.
    """
    mistakes: list[str] = []
    downloads: dict[tuple[str, str], Download] = {}
    for line, row in read_rows(Path(path), COLUMNS, DatasetsError):
        try:
            found = _download(row)
        except DatasetsError as error:
            mistakes.append(f"row {line}: {error}")
            continue
        key = (found.dataset, found.file)
        if key in downloads:
            mistakes.append(f"row {line}: file {found.file!r} of {found.dataset} is listed twice")
        downloads[key] = found
    if mistakes:
        raise DatasetsError(f"{path} has mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
    return list(downloads.values())


def _download(row: dict[str, str]) -> Download:
    for name in ("dataset", "file", "url", "licence"):
        if not row[name]:
            raise DatasetsError(f"{name} is empty")
    path_of_url(row["url"])
    if row["bytes"] and not re.fullmatch(r"[1-9]\d*", row["bytes"]):
        raise DatasetsError(f"bytes is {row['bytes']!r}; it must be a whole number above 0, or empty")
    if row["sha256"] and not re.fullmatch(r"[0-9a-f]{8,64}", row["sha256"].lower()):
        raise DatasetsError(
            f"sha256 is {row['sha256']!r}; it must be 64 hexadecimal digits, at least the first 8 of them, or empty"
        )
    return Download(
        dataset=row["dataset"],
        file=row["file"],
        url=row["url"],
        bytes=int(row["bytes"]) if row["bytes"] else None,
        sha256=row["sha256"].lower() or None,
        licence=row["licence"],
        citation=row["citation"],
    )

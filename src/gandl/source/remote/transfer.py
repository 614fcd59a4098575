"""Transfers: bring the bytes of one file into a partial file, over HTTP or from a folder; `download` does the rest.

A transfer that ends early keeps what it has. Beside the partial file is a small sidecar that records which version of which
address it is a part of, so that the next try, in this process or a later one, requests the rest of exactly that version.

By hand: httpx and fsspec stop at a cut, obstore gives up after a few; none continues in a later process (docs/decisions.md).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import requests
import urllib3

from gandl.source.remote.retries import GONE, TRANSIENT, DownloadError, InterruptedTransferError, briefly, retry_after

CHUNK = 1 << 20
PROGRESS_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Version:
    """What a partial file is a part of: address, validator (strong ETag or Last-Modified), and size if reported."""

    url: str
    validator: str | None
    size: int | None


class Partial:
    """The unfinished file beside a target, and its sidecar."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.partial")
        self.sidecar = target.with_name(f"{target.name}.partial.json")

    def resumable(self, url: str) -> tuple[int, Version | None]:
        """Bytes that are there of a known version of this address, and that version; (0, None) when there are none."""
        try:
            version = Version(**json.loads(self.sidecar.read_text(encoding="utf-8")))
            there = self.path.stat().st_size
        except (OSError, ValueError, TypeError):
            return 0, None
        if version.url != url or (version.size is not None and there > version.size):
            return 0, None
        complete = there == version.size
        return (there, version) if there and (version.validator or complete) else (0, None)

    def begin(self, version: Version) -> None:
        """Start over: empty file first, then the sidecar, so that no sidecar ever describes another version's bytes."""
        self.sidecar.unlink(missing_ok=True)
        self.path.open("wb").close()
        self.sidecar.write_text(json.dumps(asdict(version)), encoding="utf-8")

    def delete(self) -> None:
        self.sidecar.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


class Progress:
    """Reports a line every few seconds: bytes, speed, time left."""

    def __init__(self, name: str, total: int | None, there: int, report: Callable[[str], None]) -> None:
        self._name, self._total, self._first, self._there = name, total, there, there
        self._report = report
        self._start = self._reported = time.monotonic()

    def add(self, n: int) -> None:
        self._there += n
        now = time.monotonic()
        if now - self._reported < PROGRESS_SECONDS:
            return
        self._reported = now
        speed = (self._there - self._first) / (now - self._start)
        line = f"{self._name}: {self._there / 1e6:.1f} MB"
        if self._total:
            line += f" of {self._total / 1e6:.1f} MB, {max(0, self._total - self._there) / max(speed, 1):.0f} s left"
        self._report(f"{line}, {speed / 1e6:.1f} MB/s")


def fetch(
    url: str,
    partial: Partial,
    *,
    size: int | None,
    session: requests.Session,
    timeout: tuple[float, float],
    report: Callable[[str], None],
) -> None:
    """One try over HTTP: bring `partial` to its end, from where it is.

    Parameters
    ----------
    size : the size (bytes) that the file must have; None if unknown.
    timeout : seconds to wait for a connection, and for the next bytes.

    Raises
    ------
    InterruptedTransferError : another try may succeed.
    DownloadError : no other try will.
    """
    there, version = partial.resumable(url)
    if version is not None and there == version.size:
        return
    headers = {"Accept-Encoding": "identity"}
    if version is not None and version.validator is not None:
        headers |= {"Range": f"bytes={there}-", "If-Range": version.validator}
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
            _check_status(response, url)
            if response.status_code == 416:
                _settle_416(response, partial, there)
                return
            start, offered = _prepare(response, url, partial, version, there, size)
            with partial.path.open("r+b") as file:
                file.seek(start)
                file.truncate()
                _store(response, file, Progress(url, offered.size, start, report))
    except (requests.TooManyRedirects, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
        raise DownloadError(f"{url} cannot be downloaded: {error}") from error
    except requests.RequestException as error:
        raise InterruptedTransferError(f"the connection broke ({briefly(error)})") from error
    there = partial.path.stat().st_size
    if offered.size is not None and there != offered.size:
        raise InterruptedTransferError(f"the body was cut short: {there} of {offered.size} bytes arrived")


def _check_status(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status in (200, 206, 416):
        return
    if status in TRANSIENT:
        raise InterruptedTransferError(f"the server answered {status} {response.reason}", retry_after(response))
    hint = "; check its address in resources/datasets.csv, or name a mirror" if status in GONE else ""
    raise DownloadError(f"{url} cannot be downloaded: the server answered {status} {response.reason}{hint}")


def _settle_416(response: requests.Response, partial: Partial, there: int) -> None:
    """Range not satisfiable: either every byte is here already, or the file is another one than we began with."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if total.isdigit() and int(total) == there > 0:
        return
    partial.delete()
    raise InterruptedTransferError(f"the file now has another length ({total or 'unknown'}, {there} bytes are here)")


def _prepare(
    response: requests.Response, url: str, partial: Partial, version: Version | None, there: int, size: int | None
) -> tuple[int, Version]:
    """Where the body goes, and the version it belongs to; anything but the rest of our version starts from 0."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DownloadError(
            f"{url}: the server sends the file re-compressed, so its size cannot be checked; name a mirror"
        )
    offered = Version(url, validator(response), whole_size(response))
    if size is not None and offered.size is not None and offered.size != size:
        raise DownloadError(f"{url} has {offered.size} bytes, but {size} were expected; it is no longer the same file")
    if response.status_code == 200:
        partial.begin(offered)
        return 0, offered
    if version is None or not _continues(response, version, offered, there):
        partial.delete()
        raise InterruptedTransferError("the server sent a part, or a version, other than the one requested")
    return there, version if version.size is not None else offered


def _continues(response: requests.Response, version: Version, offered: Version, there: int) -> bool:
    start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    same_size = None in (version.size, offered.size) or version.size == offered.size
    same_validator = None in (version.validator, offered.validator) or version.validator == offered.validator
    return start.isdigit() and int(start) == there and same_size and same_validator


def validator(response: requests.Response) -> str | None:
    """What names the version of a file: its strong ETag, else the day it was changed; None if the server sends neither."""
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):  # a weak one does not promise the same bytes
        return etag
    return response.headers.get("Last-Modified")


def whole_size(response: requests.Response) -> int | None:
    """Bytes of the whole file, also where a part of it was sent; None if the server does not report it."""
    if response.status_code == 206:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        total = response.headers.get("Content-Length", "")
    return int(total) if total.isdigit() else None


def _store(response: requests.Response, file: BinaryIO, progress: Progress) -> None:
    """Write the body as it comes: whatever arrived before a cut is kept (a reader of whole chunks would drop the last)."""
    try:
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            file.write(chunk)
            file.flush()
            progress.add(len(chunk))
    except urllib3.exceptions.IncompleteRead as error:
        raise InterruptedTransferError(f"the body was cut short: {error.expected} bytes did not arrive") from error
    except urllib3.exceptions.HTTPError as error:
        raise InterruptedTransferError(f"the connection broke ({briefly(error)})") from error


def copy(source: Path, partial: Partial, report: Callable[[str], None]) -> None:
    """Bring a file of a mirror's folder into `partial`."""
    total = source.stat().st_size
    partial.begin(Version(source.absolute().as_uri(), None, total))
    progress = Progress(str(source), total, 0, report)
    with source.open("rb") as origin, partial.path.open("wb") as file:
        while chunk := origin.read(CHUNK):
            file.write(chunk)
            progress.add(len(chunk))

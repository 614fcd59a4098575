"""HTTP requests with retries: takes an address, gives an answer, or a whole object's bytes; reports progress.

What a failed try means (again, or never) and how long is waited before another one is decided in `retries`, as for downloads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter

from gandl.source.remote.retries import (
    GONE,
    TRANSIENT,
    DownloadError,
    InterruptedTransferError,
    MissingError,
    Retries,
    briefly,
    retry_after,
)
from gandl.source.remote.transfer import CHUNK, PROGRESS_SECONDS

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Meter:
    """Counts bytes that come by several connections; reports a line every few seconds. Idle time is left out."""

    def __init__(self, name: str, report: Callable[[str], None]) -> None:
        self.bytes = 0
        self._name, self._report = name, report
        self._lock = threading.Lock()
        self._active, self._since, self._spent = 0, 0.0, 0.0
        self._reported = time.monotonic()

    @contextmanager
    def moving(self) -> Iterator[None]:
        """The time of the block counts, once where several overlap."""
        with self._lock:
            if self._active == 0:
                self._since = time.monotonic()
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                if self._active == 0:
                    self._spent += time.monotonic() - self._since

    def add(self, n: int) -> None:
        """So many bytes more have come."""
        with self._lock:
            self.bytes += n
            now = time.monotonic()
            if now - self._reported < PROGRESS_SECONDS:
                return
            self._reported = now
            spent = self._spent + (now - self._since if self._active else 0.0)
        self._report(f"{self._name}: {self.bytes / 1e6:.1f} MB, {self.bytes / 1e6 / max(spent, 1e-3):.1f} MB/s")


class Web:
    """Connections that are kept open and shared by threads; close it, or use it as a context manager."""

    def __init__(self, connections: int, retries: Retries, meter: Meter, report: Callable[[str], None]) -> None:
        self.retries, self.meter, self.report = retries, meter, report
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def get(self, url: str) -> bytes:
        """A whole object.

        Raises
        ------
        MissingError : the server does not have it, or denies access. DownloadError : it cannot be fetched for another reason.
        """
        body = bytearray()

        def attempt() -> None:
            body.clear()
            with self.answer(url, {}) as response:
                if response.status_code != 200:
                    raise DownloadError(f"{url} cannot be downloaded: the server answered {response.status_code}")
                self.read(response, body, None)

        self.retries.run(url, attempt, brought=int, report=self.report)
        return bytes(body)

    @contextmanager
    def answer(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        """One try: the answer to a request for the file as it is, not re-compressed, its body unread; status 200, 206 or 416.

        Raises
        ------
        InterruptedTransferError : another try may succeed. MissingError, DownloadError : no other try will.
        """
        try:
            with self._session.get(
                url,
                headers={"Accept-Encoding": "identity"} | headers,
                stream=True,
                timeout=self.retries.patience.timeout,
            ) as response:
                _check(response, url)
                yield response
        except (requests.TooManyRedirects, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise DownloadError(f"{url} cannot be downloaded: {error}") from error
        except requests.RequestException as error:
            raise InterruptedTransferError(f"the connection broke ({briefly(error)})") from error

    def read(self, response: requests.Response, body: bytearray, most: int | None) -> None:
        """Add an answer's bytes to `body` as they come, so that what came before a cut is kept, until it has `most` bytes."""
        try:
            while (most is None or len(body) < most) and (chunk := response.raw.read1(CHUNK, decode_content=False)):
                body += chunk if most is None else chunk[: most - len(body)]
                self.meter.add(len(chunk))
            if most is None or response.raw.length_remaining == 0:
                response.raw.read(decode_content=False)  # sees the end, so that the connection serves the next request
        except urllib3.exceptions.IncompleteRead as error:
            raise InterruptedTransferError(f"the body was cut short: {error.expected} bytes did not arrive") from error
        except urllib3.exceptions.HTTPError as error:
            raise InterruptedTransferError(f"the connection broke ({briefly(error)})") from error


def _check(response: requests.Response, url: str) -> None:
    status, said = response.status_code, f"the server answered {response.status_code} {response.reason}"
    if status in TRANSIENT:
        raise InterruptedTransferError(said, retry_after(response))
    if status in GONE:
        raise MissingError(url, said)
    if status not in (200, 206, 416):
        raise DownloadError(f"{url} cannot be downloaded: {said}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise DownloadError(
            f"{url}: the server sends it re-compressed, so its bytes cannot be addressed; name a mirror"
        )

"""Single files at addresses: takes http(s) addresses, gives their bytes, from the mirror where one is named; keeps none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from gandl.source.remote.datasets import DatasetsError, path_of_url
from gandl.source.remote.mirrors import address_of, mirror_folder
from gandl.source.remote.retries import DownloadError, MissingError, Retries
from gandl.source.remote.web import Meter, Web

log = logging.getLogger(__name__)


class Addresses:
    """Fetches files by several connections; close it, or use it as a context manager.

    Parameters
    ----------
    mirror : folder or base URL that holds `<host>/<path>` of each address; None: the addresses themselves.
    connections : requests at a time. retries, report : when to try again, and where to report.

    Raises
    ------
    DownloadError : the mirror is no folder.
    """

    def __init__(
        self,
        mirror: str | Path | None,
        connections: int,
        retries: Retries | None = None,
        report: Callable[[str], None] = log.info,
    ) -> None:
        self._mirror, self._folder = mirror, mirror_folder(mirror)
        self._connections = connections
        self._meter = Meter("images at addresses", report)
        self._web = Web(connections, retries or Retries(), self._meter, report)

    def __enter__(self) -> Addresses:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._web.close()

    @property
    def received(self) -> int:
        """Bytes that have come by network."""
        return self._meter.bytes

    def fetch(self, addresses: Iterable[str]) -> dict[str, bytes | DownloadError]:
        """Of each address its bytes, or why it cannot be fetched; addresses named twice are fetched once."""
        found: dict[str, bytes | DownloadError] = {}
        with self._meter.moving(), ThreadPoolExecutor(self._connections) as pool:
            coming = {pool.submit(self._get, address): address for address in dict.fromkeys(addresses)}
            try:
                for one in as_completed(coming):
                    found[coming[one]] = one.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        return found

    def _get(self, address: str) -> bytes | DownloadError:
        try:
            if self._folder is None:
                return self._web.get(address_of(address, self._mirror))
            return self._read(address, self._folder / path_of_url(address))
        except MissingError as error:
            return DownloadError(f"{address} cannot be downloaded: {error.said}; check the address, or name a mirror")
        except DatasetsError as error:
            return DownloadError(str(error))
        except DownloadError as error:
            return error

    def _read(self, address: str, copy: Path) -> bytes | DownloadError:
        try:
            return copy.read_bytes()
        except OSError as error:
            return DownloadError(
                f"the mirror has no copy of {address}: {copy.absolute()} cannot be read ({error.strerror})"
            )

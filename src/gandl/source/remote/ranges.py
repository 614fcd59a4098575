"""Byte ranges of one large file: takes a path or an http(s) address, gives the bytes between two positions, from several threads.

Over HTTP a range resumes where it was cut, and every answer is compared with the first: one file, one version, or an error.

By hand: httpx, obstore and fsspec do not notice that a file changed between two ranges (docs/decisions.md).
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

import requests

from gandl.source.remote.retries import DownloadError, InterruptedTransferError
from gandl.source.remote.transfer import Version, validator, whole_size
from gandl.source.remote.web import Web


class NoRangesError(DownloadError):
    """The server serves only whole files. `fact`: the message without the advice."""

    def __init__(self, fact: str) -> None:
        super().__init__(
            f"{fact}; set images.whole_archive: true to download all of it once, or name a mirror that serves byte ranges"
        )
        self.fact = fact


class ChangedError(DownloadError):
    """The file is not the one that was read from before. `fact`: the message without the advice."""

    def __init__(self, fact: str) -> None:
        super().__init__(f"{fact}; run again")
        self.fact = fact


class Ranges(Protocol):
    """A file of which parts can be read: `where` it is, and its `version` (with the size in bytes)."""

    where: str

    @property
    def version(self) -> Version: ...

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int) -> bytes: ...

    def moving(self) -> AbstractContextManager[None]: ...

    def close(self) -> None: ...


class FileRanges:
    """A file on this machine.

    Raises
    ------
    OSError : it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._descriptor).st_size
        self.version = Version(str(path), None, self.size)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes [start, stop)."""
        parts = []
        while start < stop:
            part = os.pread(self._descriptor, stop - start, start)
            if not part:
                raise ChangedError(f"{self.where} became shorter while it was read: it ends at byte {start}")
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def moving(self) -> AbstractContextManager[None]:
        """Nothing to measure."""
        return nullcontext()

    def close(self) -> None:
        os.close(self._descriptor)


class RangeClient:
    """A file on a server.

    Parameters
    ----------
    url : its address; redirects are followed.
    web : makes the requests.
    known : size and validator that the file must have, from an earlier reading; None: learned from the first answer.
    """

    def __init__(self, url: str, web: Web, known: Version | None = None) -> None:
        self.where = url
        self._web = web
        self._known = known or Version(url, None, None)
        self._learnt = False
        self._lock = threading.Lock()

    @property
    def version(self) -> Version:
        """Validator (None if the server sends none) and size, learned by a request of one byte.

        Raises
        ------
        NoRangesError : the server gives whole files only; the body was not read.
        ChangedError : another file than the known one. DownloadError : it cannot be fetched, is empty, or its size is not
            reported.
        """
        if not self._learnt:
            self._read(0, 1)
            if self._known.size is None:
                raise DownloadError(f"{self.where}: the server does not report its size; name a mirror")
        return self._known

    @property
    def size(self) -> int:
        size = self.version.size
        assert size is not None
        return size

    def read(self, start: int, stop: int) -> bytes:
        """The bytes [start, stop).

        Raises
        ------
        NoRangesError, ChangedError, DownloadError : as for `version`.
        """
        return self._read(start, stop) if start < stop else b""

    def moving(self) -> AbstractContextManager[None]:
        """The block in which bytes move: its time gives the reported speed."""
        return self._web.meter.moving()

    def close(self) -> None:
        self._web.close()

    def _read(self, start: int, stop: int) -> bytes:
        body = bytearray()

        def attempt() -> None:
            begin = start + len(body)
            # No If-Range: some servers answer it with the whole file even where nothing changed; answers are compared instead.
            with self._web.answer(self.where, {"Range": f"bytes={begin}-{stop - 1}"}) as response:
                self._check(response, begin)
                self._web.read(response, body, stop - start)
            if len(body) < stop - start:
                raise InterruptedTransferError(f"the range was cut short: {len(body)} of {stop - start} bytes arrived")

        what = f"{self.where} (bytes {start} to {stop - 1})"
        self._web.retries.run(what, attempt, brought=body.__len__, report=self._web.report)
        return bytes(body)

    def _check(self, response: requests.Response, begin: int) -> None:
        """That an answer is the part that was requested, of the file that we know."""
        said = response.headers.get("Content-Range", "")
        if response.status_code == 416:
            self._refuse_416(said, begin)
        self._compare(Version(self.where, validator(response), whole_size(response)))
        if response.status_code == 200:
            raise NoRangesError(
                f"the server of {self.where} serves no byte ranges, only the whole file ({_size_text(self._known.size)})"
            )
        match = re.fullmatch(r"bytes (\d+)-\d+/(?:\d+|\*)", said.strip())
        if match is None or int(match[1]) != begin:
            raise InterruptedTransferError(
                f"the server sent a part other than the one requested ({said or 'it does not say which'})"
            )

    def _refuse_416(self, said: str, begin: int) -> None:
        total = said.rpartition("/")[2]
        if total == "0":
            raise DownloadError(f"{self.where} is empty")
        if total.isdigit():
            self._compare(Version(self.where, None, int(total)))
        raise DownloadError(
            f"{self.where}: the server answered 416: it has no byte {begin} "
            f"({_size_text(int(total) if total.isdigit() else None)})"
        )

    def _compare(self, offered: Version) -> None:
        """Compare an answer with what is known; what the first answer adds is known from then on."""
        with self._lock:
            known = self._known
            for what, before, now in (
                ("size", known.size, offered.size),
                ("ETag or date", known.validator, offered.validator),
            ):
                if None not in (before, now) and before != now:
                    raise ChangedError(
                        f"{self.where} changed between two reads: its {what} was {before}, now it is {now}"
                    )
            if not self._learnt:
                self._known = Version(self.where, known.validator or offered.validator, known.size or offered.size)
                self._learnt = True


def _size_text(size: int | None) -> str:
    return "of unknown size" if size is None else f"{size:,} bytes, {size / 1e9:.1f} GB"

"""Downloads: take an address (or a mirror of it), make one complete, checked file, or none.

Bytes gather in `<target>.partial`, which is kept between tries and processes and resumed where the server allows it; when size
and checksum are right it is renamed to the target. One process at a time works on a target.

By hand: no library tried (httpx, obstore, fsspec) resumes a file that an earlier process began (docs/decisions.md).
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from pathlib import Path

import requests

from gandl.source.remote.datasets import path_of_url
from gandl.source.remote.retries import DownloadError, Retries
from gandl.source.remote.transfer import Partial, copy, fetch
from gandl.workflow.files import sha256_of, sync
from gandl.workflow.locks import exclusive

log = logging.getLogger(__name__)


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    mirror: str | None = None,
    otherwise: str = "",
    retries: Retries | None = None,
    report: Callable[[str], None] = log.info,
) -> None:
    """Make `target` the file at `url`; an existing target is checked and kept.

    Parameters
    ----------
    url : official http(s) address.
    target : written atomically; its folder is made.
    size, sha256 : of the right file, where known (of sha256 the first digits may do); without them the length that the
        server reports is checked.
    mirror : folder, or base address, that holds `<host>/<path>` of the official address; None: the official host.
    otherwise : what to do where the file cannot be had: the end of the error's sentence.
    retries : when to try again; injected by tests.
    report : called with a line when the transfer begins, every few seconds, when a try fails, and at the end.

    Raises
    ------
    DownloadError : the file cannot be fetched, is not the right one, or does not fit on the disk.
    """
    target = Path(target)
    with exclusive(target, wait=True, waiting=report):
        if target.is_file():
            _check(target, size, sha256, f"{target} exists but is not the right file; delete it and run again")
            report(f"{target} already exists")
            return
        partial = Partial(target)
        try:
            _transfer(url, partial, size, mirror, retries or Retries(), report)
            _finish(url, mirror, partial, target, size, sha256)
        except DownloadError as error:
            if otherwise:
                raise DownloadError(f"{error}; {otherwise}") from error
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DownloadError(
                    f"no space left on the disk for {target} (from {url}); free some and run again: "
                    f"what was downloaded so far is kept in {partial.path}"
                ) from error
            raise
        report(f"{target} is complete ({target.stat().st_size} bytes)")


def _transfer(
    url: str,
    partial: Partial,
    size: int | None,
    mirror: str | None,
    retries: Retries,
    report: Callable[[str], None],
) -> None:
    if mirror is None:
        _fetch_patiently(url, partial, size, retries, report)
    elif mirror.startswith(("http://", "https://")):
        _fetch_patiently(f"{mirror.rstrip('/')}/{path_of_url(url)}", partial, size, retries, report)
    else:
        source = Path(mirror) / path_of_url(url)
        if not Path(mirror).is_dir():
            raise DownloadError(
                f"the mirror {mirror} is neither a folder nor an http(s) address (looked from {Path.cwd()})"
            )
        if not source.is_file():
            raise DownloadError(f"the mirror has no copy of {url}: looked for {source.absolute()}")
        report(f"copying {source}")
        copy(source, partial, report)


def _fetch_patiently(
    url: str, partial: Partial, size: int | None, retries: Retries, report: Callable[[str], None]
) -> None:
    def attempt() -> None:
        fetch(url, partial, size=size, session=session, timeout=retries.patience.timeout, report=report)

    def brought() -> int:
        return partial.resumable(url)[0]

    def advice(there: int) -> str:
        held = f"a folder or base URL that holds {path_of_url(url)}"
        return f"run again to resume from byte {there}, or name a mirror ({held})"

    there = brought()
    report(f"downloading {url}" + (f" from byte {there}" if there else ""))
    with requests.Session() as session:
        retries.run(url, attempt, brought, report, done="downloaded", advice=advice)


def _finish(url: str, mirror: str | None, partial: Partial, target: Path, size: int | None, sha256: str | None) -> None:
    blame, advice = f"the download from {url} is not the right file and was deleted", ""
    if mirror is not None and Path(mirror).is_dir():
        blame, advice = f"{Path(mirror) / path_of_url(url)} is not the file of {url}", "; replace it and run again"
    try:
        _check(partial.path, size, sha256, blame, advice)
    except DownloadError:
        partial.delete()
        raise
    sync(partial.path)
    partial.path.replace(target)
    partial.sidecar.unlink(missing_ok=True)
    sync(target.parent)


def _check(path: Path, size: int | None, sha256: str | None, blame: str, advice: str = "") -> None:
    got = path.stat().st_size
    if size is not None and got != size:
        raise DownloadError(f"{blame}: expected {size} bytes, got {got}{advice}")
    if sha256 is not None and not (found := sha256_of(path)).startswith(sha256.lower()):
        raise DownloadError(f"{blame}: expected sha256 {sha256.lower()}, got {found}{advice}")

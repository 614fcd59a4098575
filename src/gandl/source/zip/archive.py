"""Where an image archive is: takes its official address and the mirror, gives the archive as a file of which parts can be read.

On disk, on a server with byte ranges, or, only where `images.whole_archive` says so, downloaded whole from a server without.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gandl.config import ImagesSettings
from gandl.source.remote.datasets import path_of_url
from gandl.source.remote.download import download
from gandl.source.remote.mirrors import address_of, mirror_folder
from gandl.source.remote.ranges import ChangedError, FileRanges, NoRangesError, RangeClient, Ranges
from gandl.source.remote.retries import DownloadError, Retries
from gandl.source.remote.transfer import Version
from gandl.source.remote.web import Meter, Web


def open_archive(
    url: str,
    mirror: str | Path | None,
    directory: Path | None,
    settings: ImagesSettings,
    *,
    connections: int,
    known: Version | None = None,
    retries: Retries | None = None,
    report: Callable[[str], None],
) -> Ranges:
    """Open an archive where it is; close it after use.

    Parameters
    ----------
    url : official address. mirror : folder or base URL that holds `<host>/<path>` of it; None: the official host.
    directory : its table of members, there or not; an archive that has to be downloaded whole goes beside it (None: it is not).
    known : size, and validator at the same address, that it must have.
    retries : when to try again.

    Raises
    ------
    DownloadError : it is missing, or its server cannot be read from. NoRangesError : that gives whole files only.
    ChangedError : it is not the known one.
    """
    folder = mirror_folder(mirror)
    if folder is not None:
        return _checked(_open_file(folder / path_of_url(url), f"the mirror has no copy of {url}"), known)
    whole = None if directory is None else Path(directory).with_name(path_of_url(url).name)
    if whole is not None and whole.is_file():
        return _checked(FileRanges(whole), known)
    retries = retries or Retries()
    address = address_of(url, mirror)
    if known is not None and known.url != address:  # the same file elsewhere has another date
        known = Version(address, None, known.size)
    meter = Meter(path_of_url(url).name, report)
    client = RangeClient(address, Web(connections, retries, meter, report), known)
    try:
        _ = client.version
        return client
    except NoRangesError as error:
        client.close()
        if whole is None or not settings.whole_archive:
            raise
        report(f"{error.fact}; downloading all of it, as images.whole_archive requests")
        base = str(mirror) if mirror else None
        download(
            url,
            whole,
            mirror=base,
            retries=retries,
            report=report,
        )
        return _checked(FileRanges(whole), known)
    except BaseException:
        client.close()
        raise


def _open_file(path: Path, blame: str) -> FileRanges:
    try:
        return FileRanges(path)
    except OSError as error:
        raise DownloadError(f"{blame}: {path.absolute()} cannot be read ({error.strerror})") from error


def _checked(archive: FileRanges, known: Version | None) -> FileRanges:
    if known is not None and known.size != archive.size:
        archive.close()
        raise ChangedError(
            f"{archive.where} has {archive.size} bytes, but its table of members was made from {known.size}"
        )
    return archive

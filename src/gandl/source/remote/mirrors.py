"""Mirrors: takes an official address and the setting `mirror:`, gives the folder or the address where the file is."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from gandl.source.remote.datasets import path_of_url
from gandl.source.remote.retries import DownloadError


def mirror_folder(mirror: str | Path | None) -> Path | None:
    """The folder that a `mirror:` setting names; None if it names none, or a base URL.

    Raises
    ------
    DownloadError : there is no such folder.
    """
    if not mirror or is_web(mirror):
        return None
    if not Path(mirror).is_dir():
        raise DownloadError(
            f"the mirror {mirror} is neither a folder nor an http(s) address (looked from {Path.cwd()})"
        )
    return Path(mirror)


def address_of(url: str, mirror: str | Path | None) -> str:
    """Where a file of an official address is requested on the web; a # in it belongs to the name of the file."""
    if not mirror:
        return url.replace("#", "%23")
    return f"{str(mirror).rstrip('/')}/{quote(str(path_of_url(url)))}"


def is_web(mirror: str | Path) -> bool:
    """Whether it is an http(s) address, not a folder."""
    return str(mirror).startswith(("http://", "https://"))

"""Images from where they are stored: takes the official address of a screen's archive, gives the members requested.

A zip on disk, a zip on a server (by byte range), single objects on a server, or a folder; none of them is kept on disk.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from types import TracebackType
from urllib.parse import quote

from gandl.config import ImagesFrom, ImagesSettings
from gandl.source.remote.datasets import path_of_url
from gandl.source.remote.member_source import MemberError, MemberSource, folders_of, listed
from gandl.source.remote.mirrors import address_of, mirror_folder
from gandl.source.remote.ranges import ChangedError
from gandl.source.remote.retries import MissingError, Retries
from gandl.source.remote.web import Meter, Web
from gandl.source.zip.archive import open_archive
from gandl.source.zip.directory import read_directory
from gandl.source.zip.members import ZipMembers, changed, planned_bytes

log = logging.getLogger(__name__)

__all__ = ["MemberError", "MemberSource", "open_members", "planned_bytes"]


def open_members(
    url: str,
    *,
    mirror: str | Path | None,
    images_from: ImagesFrom,
    directory: Path | None,
    settings: ImagesSettings,
    retries: Retries | None = None,
    report: Callable[[str], None] = log.info,
) -> MemberSource:
    """Open the place that holds a screen's images.

    Parameters
    ----------
    url : official address of the image archive.
    mirror : folder or base URL that holds `<host>/<path>`; None: the official host.
    images_from : `archive`: the zip there; `objects`: single files at `<folder of the archive>/images/<key>`.
    directory : the archive's table of members; without it its directory is read when it is opened. Objects need none.
    settings : section `images`: how many requests at a time, gaps, and whether a whole archive may be downloaded.
    retries, report : when to try again, and where to report.

    Raises
    ------
    DownloadError : archive or folder are missing, the server cannot be read from, or gives no byte ranges.
    ZipDirectoryError : the archive, or its table of members, cannot be read.
    MemberError : the archive is not the one of the table of members.
    """
    if images_from is ImagesFrom.OBJECTS:
        folder = mirror_folder(mirror)
        if folder is not None:
            return Folder(_images_folder(url, folder))
        base = address_of(f"{url.rpartition('/')[0]}/images", mirror)
        return Objects(base, settings.connections, retries or Retries(), report)
    known = read_directory(directory, keys=()).version if directory is not None else None
    try:
        archive = open_archive(
            url,
            mirror,
            directory,
            settings,
            connections=settings.connections,
            known=known,
            retries=retries,
            report=report,
        )
    except ChangedError as error:
        raise changed(error, directory) from error
    return ZipMembers(archive, directory, settings)


def _images_folder(url: str, mirror: Path) -> Path:
    """Where an unpacked archive is: in the place of single objects, or where unpacking there, or in the mirror, puts it."""
    place = path_of_url(url).parent
    beside = mirror / place
    choices = [beside / "images", beside / place.name / "images", mirror / place.name / "images"]
    for folder in choices:
        if folder.is_dir():
            return folder
    looked = ", ".join(str(folder) for folder in choices)
    raise MemberError(f"the mirror {mirror} holds no images of {url}: looked for the folders {looked}")


class Folder:
    """Members of an unpacked archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is open."""

    def missing(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if not self._path(name).is_file()]

    def others(self, names: Sequence[str]) -> list[str]:
        folders = [folder for folder in folders_of(names) if self._path(folder).is_dir()]
        there = (f"{folder}{path.name}" for folder in folders for path in self._path(folder).glob("[!.]*.png"))
        return sorted(set(there).difference(names))

    def signature(self, names: Sequence[str]) -> str:
        digest = hashlib.sha256()
        for name, size, time in self._states(names):
            digest.update(f"{name}\0{size}\0{time}\n".encode())
        return digest.hexdigest()

    def planned_bytes(self, names: Sequence[str]) -> int:
        return sum(size for _, size, _ in self._states(names))

    def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        self._refuse_missing(names)
        try:
            return {name: self._path(name).read_bytes() for name in names}
        except OSError as error:
            raise MemberError(f"{error.filename} cannot be read: {error.strerror}") from error

    def _states(self, names: Sequence[str]) -> list[tuple[str, int, int]]:
        self._refuse_missing(names)
        states = ((name, self._path(name).stat()) for name in names)
        return [(name, state.st_size, state.st_mtime_ns) for name, state in states]

    def _refuse_missing(self, names: Sequence[str]) -> None:
        absent = self.missing(names)
        if absent:
            raise MemberError(f"{self._folder} lacks {len(absent):,} of {len(names):,} files:\n{listed(absent)}")

    def _path(self, name: str) -> Path:
        return self._folder / _safe(name)


class Objects:
    """Members as single objects below one address; what a server lacks is known only when it is requested."""

    def __init__(self, base: str, connections: int, retries: Retries, report: Callable[[str], None]) -> None:
        self._base, self._connections = base, connections
        self._meter = Meter(base, report)
        self._web = Web(connections, retries, self._meter, report)

    def __enter__(self) -> Objects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._web.close()

    def missing(self, names: Sequence[str]) -> list[str]:
        return []

    def others(self, names: Sequence[str]) -> list[str]:
        return []

    def signature(self, names: Sequence[str]) -> str:
        """SHA-256 over the keys; the base is left out, so that a mirror of the same objects packs nothing again."""
        return hashlib.sha256("\n".join(names).encode()).hexdigest()

    def planned_bytes(self, names: Sequence[str]) -> None:
        return None

    def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        complaints: list[str] = []
        with self._meter.moving(), ThreadPoolExecutor(self._connections) as pool:
            coming = {pool.submit(self._web.get, self._address(name)): name for name in dict.fromkeys(names)}
            try:
                for one in as_completed(coming):
                    try:
                        found[coming[one]] = one.result()
                    except MissingError as error:
                        complaints.append(f"{coming[one]}: {error.said}")
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        if complaints:
            raise MemberError(
                f"{self._base} does not provide {len(complaints):,} of {len(names):,} files:\n{listed(sorted(complaints))}"
            )
        return found

    def _address(self, name: str) -> str:
        return f"{self._base}/{quote(str(_safe(name)))}"


def _safe(name: str) -> PurePosixPath:
    """A key as a path that stays below its base."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise MemberError(f"{name!r} is not an image name: it leads out of the images' folder")
    return path

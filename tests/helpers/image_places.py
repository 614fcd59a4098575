"""A small image archive on disk, on a server, as single objects and as a folder, and how the program opens each."""

from __future__ import annotations

import random
from pathlib import Path

from gandl.config import ImagesFrom, ImagesSettings
from gandl.source.members import MemberSource, open_members
from gandl.source.remote.retries import Patience, Retries
from gandl.source.zip.directory import write_directory
from local_server import FileServer
from small_zip import Entry, Written, write_zip

URL = "https://images.example/rxrx/RxRx19a/RxRx19a-images.zip"
PLACE = "images.example/rxrx/RxRx19a/RxRx19a-images.zip"
BASE = "images.example/rxrx/RxRx19a"
KEYS = [
    f"HRCE-1/Plate{plate}/AA02_s{site}_w{channel}.png" for plate in (1, 2) for site in (1, 2) for channel in range(1, 6)
]
STORE = KEYS[10:]
"""The second half of the members: those of Plate2."""


class Place:
    """An archive of these entries in all four kinds of places; nothing here really waits (`pauses` it would have made)."""

    def __init__(self, entries: list[Entry], server: FileServer, folder: Path) -> None:
        self.entries, self.server, self.folder = entries, server, folder
        self.written: Written = write_zip(entries)
        self.directory = folder / "downloads" / f"{PLACE}.members.parquet"
        self.pauses: list[float] = []
        server.files[f"/{PLACE}"] = self.written.content

    def remote(self, *, listed: bool = True, **settings: object) -> MemberSource:
        if listed and not self.directory.is_file():
            write_directory(URL, self.server.base, self.directory, ImagesSettings())
        self.server.forget()
        return self._open(self.server.base, ImagesFrom.ARCHIVE, self.directory if listed else None, **settings)

    def local(self, content: bytes | None = None, *, listed: bool = False) -> MemberSource:
        mirror = self.folder / "mirror"
        (mirror / PLACE).parent.mkdir(parents=True, exist_ok=True)
        (mirror / PLACE).write_bytes(self.written.content)
        if listed:
            write_directory(URL, mirror, self.directory, ImagesSettings())
        if content is not None:
            (mirror / PLACE).write_bytes(content)
        return self._open(mirror, ImagesFrom.ARCHIVE, self.directory if listed else None)

    def objects(self) -> MemberSource:
        for entry in self.entries:
            self.server.files[f"/{BASE}/images/{_key(entry)}"] = entry.content
        return self._open(self.server.base, ImagesFrom.OBJECTS, None)

    def unpacked(self, images: str = f"{BASE}/images") -> MemberSource:
        mirror = self.folder / "unpacked"
        for entry in self.entries:
            path = mirror / images / _key(entry)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entry.content)
        return self._open(mirror, ImagesFrom.OBJECTS, None)

    def contents(self, keys: list[str]) -> dict[str, bytes]:
        """What the members are, whatever was done to the archive since."""
        return {_key(entry): entry.content for entry in self.entries if _key(entry) in keys}

    def _open(
        self, mirror: str | Path, images_from: ImagesFrom, directory: Path | None, **settings: object
    ) -> MemberSource:
        return open_members(
            URL,
            mirror=mirror,
            images_from=images_from,
            directory=directory,
            settings=ImagesSettings.model_validate(settings),
            retries=Retries(Patience(tries=3), self.pauses.append, random.Random(0)),
        )


def _key(entry: Entry) -> str:
    return entry.name.decode().removeprefix("RxRx19a/images/")

"""Copies of a mirror's files: takes a copy and the mirror in use, says what was copied, so that a repaired file is copied again.

Beside a copy, `<name>.copy.json` records which file of a mirror it was made from: its size, its date of modification, and its
place (as a checksum: no path of a machine). Snakemake does not delete it before a download is redone. The Snakefile asks for the
state of every copy at every start: it costs one `stat`, however large the file, and this module imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from gandl.source.remote.origin import FOLDER, kind_of, origin_file
from gandl.workflow.files import write_json

SUFFIX = ".copy.json"


@dataclass(frozen=True)
class Copied:
    """A mirror's file as it was when it was copied.

    place : checksum of its absolute path. bytes : its size. changed : its date of modification (ns).
    state : what `state_of_copy` said then; it says the same until the file changes.
    """

    place: str
    bytes: int
    changed: int
    state: str | None

    def differs(self, now: Copied) -> bool:
        """Whether the file is another one by now; in another mirror, only its size says so."""
        same_place = self.place == now.place
        return self.bytes != now.bytes or (same_place and self.changed != now.changed)


def file_of_mirror(location: PurePosixPath | str, mirror: str | None) -> Path | None:
    """The file at `<host>/<path>` of a mirror that is a folder; None where there is none."""
    if kind_of(mirror) != FOLDER:
        return None
    file = Path(str(mirror)) / location
    return file if file.is_file() else None


def state_of_copy(archive: Path, location: PurePosixPath | str, mirror: str | None) -> str | None:
    """Which state of a mirror's file a copy is made from: a parameter of its download, which a repaired file changes.

    It stays what it was while the mirror's file does, and where the mirror is left out or replaced by another one that holds a
    file of the same size. A copy that an earlier version of gandl made has none until the mirror's file has another size.

    Parameters
    ----------
    archive : the copy, which need not exist. location : `<host>/<path>`. mirror : as in the configuration.
    """
    recorded, file = _recorded(archive), file_of_mirror(location, mirror)
    if file is None:
        return recorded.state if recorded else None
    now = _seen(file)
    if recorded is not None:
        return _words(now) if recorded.differs(now) else recorded.state
    return None if _arrived_unrecorded(archive, now) else _words(now)


def record_copy(archive: Path, location: PurePosixPath | str, mirror: str | None, state: str | None) -> None:
    """Record what a copy is made from, before it is made: a file that changes meanwhile is copied again.

    Parameters
    ----------
    archive, location, mirror : as for `state_of_copy`; where no folder serves as a mirror, nothing is recorded.
    state : what `state_of_copy` said.
    """
    file = file_of_mirror(location, mirror)
    if file is not None:
        seen = _seen(file)
        write_json(asdict(Copied(seen.place, seen.bytes, seen.changed, state)), _record(archive))


def _seen(file: Path) -> Copied:
    found = file.stat()
    place = hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:16]
    return Copied(place, found.st_size, found.st_mtime_ns, None)


def _words(copied: Copied) -> str:
    date = datetime.fromtimestamp(copied.changed / 1e9, UTC).isoformat(timespec="microseconds")
    return f"{copied.bytes} bytes of {date}"


def _record(archive: Path) -> Path:
    return archive.with_name(archive.name + SUFFIX)


def _recorded(archive: Path) -> Copied | None:
    try:
        return Copied(**json.loads(_record(archive).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _arrived_unrecorded(archive: Path, now: Copied) -> bool:
    """Whether a copy without a record is there: of an official file, or, by an earlier version, of a file of the same size."""
    try:
        origin = json.loads(origin_file(archive).read_text(encoding="utf-8"))
        return bool(origin["kind"] != FOLDER or origin["bytes"] == now.bytes)
    except (OSError, ValueError, KeyError, TypeError):
        return False

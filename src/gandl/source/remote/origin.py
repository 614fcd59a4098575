"""Where a download came from: takes a downloaded file and the mirror in use, makes a small JSON beside it, for the provenance."""

from __future__ import annotations

import time
from pathlib import Path

from gandl.workflow.files import sha256_of, write_json

OFFICIAL, FOLDER, SERVER = "official host", "mirror folder", "mirror server"


def origin_file(archive: Path) -> Path:
    """The file beside a download that states its origin."""
    return archive.with_name(f"{archive.name}.origin.json")


def write_origin(archive: Path, mirror: str | None, origin: Path) -> None:
    """Write what is known of a file at the moment it arrived: from where, its size and checksum, the day. No path of a machine.

    Parameters
    ----------
    archive : the downloaded file. mirror : as in the configuration (folder, base URL or None). origin : file to write.
    """
    write_json(
        {
            "kind": kind_of(mirror),
            "sha256": sha256_of(archive),
            "bytes": archive.stat().st_size,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
        },
        origin,
    )


def kind_of(mirror: str | None) -> str:
    """What a `mirror:` setting is."""
    if not mirror:
        return OFFICIAL
    return SERVER if mirror.startswith(("http://", "https://")) else FOLDER

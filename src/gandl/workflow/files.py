"""Files: written to a temporary name, then renamed, so that a killed job leaves nothing that looks finished; and their
checksums."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; rename it to `path` when the block ends well, delete it otherwise.

    What processes of this machine that were killed meanwhile left of the same file is deleted first.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clean(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _clean(path: Path) -> None:
    """Delete temporary files of `path` whose process is dead."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        process = partial.name.removesuffix(".partial").rpartition(".")[2]
        if partial.name == f".{path.name}.{process}.partial" and process.isdecimal() and not _lives(int(process)):
            partial.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)  # signal 0 tests whether it exists, and does nothing to it
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it exists, and is another user's
        return True
    return True


def write_json(value: Any, path: Path) -> None:
    """Write JSON with sorted keys, atomically."""
    with atomic(path) as partial:
        partial.write_text(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make a file, or a folder's list of names, survive a power cut (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Files: written to a temporary name, then renamed, so that a killed job leaves nothing that looks finished; and their
checksums."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

FORGOTTEN = 7 * 24 * 3600.0
"""Seconds after which a temporary file that nobody writes to is deleted, where its process cannot be looked for."""


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; rename it to `path` when the block ends well, delete it otherwise.

    What killed processes left of the same file is deleted first: those of this machine at once, those of others, which may see
    the same folder, after a week.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clean(path)
    partial = path.with_name(f".{path.name}.{_here()}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _clean(path: Path) -> None:
    """Delete temporary files of `path` whose process is dead, or runs elsewhere and has not written for long."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        named = re.fullmatch(r"(?:([^.]+)\.)?([0-9]+)", partial.name[len(path.name) + 2 : -len(".partial")])
        if named is None:
            continue
        here, process = named[1] == _here(), int(named[2])
        if not lives(process) if here else _is_forgotten(partial):
            partial.unlink(missing_ok=True)


@cache
def _here() -> str:
    """Where a process number means something: this machine's name, and which of its sets of processes (containers have own)."""
    host = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())
    with suppress(OSError):  # Linux only
        return f"{host}-{Path('/proc/self/ns/pid').stat().st_ino}"
    return host


def _is_forgotten(partial: Path) -> bool:
    with suppress(FileNotFoundError):  # its process has just ended
        return time.time() - partial.stat().st_mtime > FORGOTTEN
    return False


def lives(process: int) -> bool:
    """Whether this machine has a process of this number."""
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

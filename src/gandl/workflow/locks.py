"""Locks: one process at a time makes a file. Takes the path of what is made, holds a lock file beside it meanwhile.

The lock is the operating system's (flock), so a process that died in any way no longer holds it.

By hand: filelock names no holder, leaves its file behind, and can let two hold it if that is removed (docs/decisions.md).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class LockedError(RuntimeError):
    """Another process is making the same file."""


def may_be_orphaned() -> bool:
    """Whether to wait for whoever makes the same file: in a Slurm job, that may be the job of a main process that was lost.

    The same command, started again, submits the job once more while that one runs on; they then make the file in turn.
    """
    return "SLURM_JOB_ID" in os.environ


@contextmanager
def exclusive(path: Path, *, wait: bool = False, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the right to make `path` for the length of the block.

    Parameters
    ----------
    path : what is made; the lock file is `.<name>.lock` in its folder, removed at the end. A link in its place is not followed.
    wait : wait for another process that holds it, instead of refusing.
    waiting : called with one sentence before waiting.

    Raises
    ------
    LockedError : another process holds it, and `wait` is off; the message names that process.
    OSError : the lock file cannot be opened, or is a link.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _acquire(lock, path, wait, waiting)
    try:
        with suppress(OSError):  # the number only names the holder to others; a full disk has no room for it
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(lock: Path, path: Path, wait: bool, waiting: Callable[[str], None] | None) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode() or "unknown"
            if not wait:
                os.close(descriptor)
                raise LockedError(
                    f"{path} is being written by another process (PID {holder}); wait for it, or stop it, and run again"
                ) from None
            if waiting is not None:
                waiting(f"{path} is being written by another process (PID {holder}); waiting for it")
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except BaseException:  # a signal
                os.close(descriptor)
                raise
        if _is_the_file_at(descriptor, lock):
            return descriptor
        os.close(descriptor)  # its last holder removed the file between our opening and locking it: lock the new one


def _is_the_file_at(descriptor: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), lock.lstat())
    except FileNotFoundError:
        return False

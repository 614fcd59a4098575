"""One file to download from a local server, and a download of it that never really waits."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable
from pathlib import Path

from gandl.source.remote.download import download
from gandl.source.remote.retries import Patience, Retries
from local_server import Fault, FileServer

CONTENT = random.Random(7).randbytes(100_003)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def file_server(files: dict[str, bytes | Path], *faults: Fault) -> FileServer:
    """An old server, which closes every connection, but names the version of each file."""
    return FileServer(files, deque(faults), validators=True, keep_alive=False)


def get(
    server: FileServer,
    target: Path,
    patience: Patience = Patience(),  # noqa: B008 (frozen)
    sleep: Callable[[float], None] | None = None,
    **options: object,
) -> list[float]:
    """Download without really waiting; the pauses that were requested."""
    pauses: list[float] = []
    retries = Retries(patience, sleep or pauses.append, random.Random(0))
    download(f"{server.base}/plate.zip", target, retries=retries, **options)  # type: ignore[arg-type]
    return pauses


def leftovers(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)

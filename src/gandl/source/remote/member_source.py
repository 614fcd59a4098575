"""What packing needs from a place that holds images: the bytes of members by their keys, and what identifies them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol

SHOWN = 20


class MemberError(RuntimeError):
    """Members cannot be fetched, or are not what they must be; the message names the archive, folder or server, and each of
    them."""


class MemberSource(Protocol):
    """Members by key: the last three parts of the path, `HRCE-1/Plate1/AA02_s2_w3.png`. A context manager; safe for threads."""

    def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        """The bytes of all of them, size and CRC checked where they are known.

        Raises
        ------
        MemberError : some are absent or damaged; each is named. DownloadError : the server cannot be read from.
        """

    def signature(self, names: Sequence[str]) -> str:
        """SHA-256 (hexadecimal) over what identifies their content.

        In an archive, wherever that lies: key, CRC and size; in a folder: key, size and time of change; on a server: the key.
        """

    def missing(self, names: Sequence[str]) -> list[str]:
        """Those that are known to be absent; always empty for single objects on a server."""

    def others(self, names: Sequence[str]) -> list[str]:
        """Keys in the same folders that are none of these, sorted; always empty for single objects on a server."""

    def planned_bytes(self, names: Sequence[str]) -> int | None:
        """Bytes that will be read to fetch them; None if unknown in advance."""

    def __enter__(self) -> MemberSource: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def folders_of(names: Iterable[str]) -> set[str]:
    """The folders that keys lie in, with / at the end."""
    return {name[: name.rfind("/") + 1] for name in names}


def listed(complaints: Sequence[str]) -> str:
    """Lines of a message; of very many only the first."""
    more = [f"... and {len(complaints) - SHOWN:,} more"] if len(complaints) > SHOWN else []
    return "\n".join(f"  {line}" for line in [*complaints[:SHOWN], *more])

"""Members of a zip, on disk or by byte range: takes keys, gives bytes; neighbours come in one request, several at a time.

The table of members gives where each one begins and where the next one does, so that a member's local header, whose length only
itself states, comes with it in the same request.

By hand: remotezip sends a request for every member, 27,600 for a plate; this one for all of them (docs/decisions.md).
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from gandl.config import ImagesSettings
from gandl.source.remote.member_source import MemberError, folders_of, listed
from gandl.source.remote.ranges import ChangedError, Ranges
from gandl.source.zip.directory import DEFLATED, read_directory, scan
from gandl.source.zip.zip64 import LOCAL, LOCAL_SIGN, decode_name

LARGEST_MEMBER = 64 << 20
"""Bytes; no image of a screen is as large, so a member that claims to be is not unpacked."""
LARGEST_REQUEST, SMALLEST_SHARE = 16 << 20, 4 << 20
"""Bytes of one request: what is requested, shared evenly by the connections, within these limits; a larger member is one."""
HEADER_ROOM = 1024
"""Bytes read beyond name and data for the local header's extra field (rarely above 36), where the next member lies farther."""
GAP_SHARE = 0.02
"""Gaps between members are fetched with them as long as all gaps together stay below this share of the members' bytes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A row of the table of members."""

    name: str
    key: str
    offset: int
    end: int
    compressed: int
    size: int
    crc: int
    method: int
    flags: int

    @property
    def stop(self) -> int:
        """Where its data end, or a little later."""
        return min(self.end, self.offset + LOCAL.size + len(self.name.encode()) + HEADER_ROOM + self.compressed)


class ZipMembers:
    """Members of one archive.

    Parameters
    ----------
    archive : closed with this. directory : its table of members; None: the archive's own directory is read now.
    settings : section `images`: `connections`, `gap_kibibytes`.
    """

    def __init__(self, archive: Ranges, directory: Path | None, settings: ImagesSettings) -> None:
        self._archive, self._directory, self._settings = archive, directory, settings
        self._known: dict[str, Member] = {}
        self._folders: set[str] = set()
        self._lock = threading.Lock()
        if directory is None:
            self._add(scan(archive))

    def __enter__(self) -> ZipMembers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def missing(self, names: Sequence[str]) -> list[str]:
        """Keys that the archive does not have."""
        self._look_up(names)
        return [name for name in names if name not in self._known]

    def others(self, names: Sequence[str]) -> list[str]:
        """Keys in the same folders that are none of these, sorted."""
        self._look_up(names)
        folders = folders_of(names)
        return sorted({key for key in self._known if key[: key.rfind("/") + 1] in folders}.difference(names))

    def signature(self, names: Sequence[str]) -> str:
        """SHA-256 over key, CRC and size of each, in the order of `names`."""
        digest = hashlib.sha256()
        for member in self._members(names):
            digest.update(f"{member.key}\0{member.crc}\0{member.size}\n".encode())
        return digest.hexdigest()

    def planned_bytes(self, names: Sequence[str]) -> int:
        """Bytes that one fetch of them requests."""
        members = self._by_place(names)
        return sum(members[run[-1]].stop - members[run[0]].offset for run in self._runs(members))

    def fetch(self, names: Sequence[str]) -> dict[str, bytes]:
        """The bytes of all of them; see `MemberSource`."""
        members = self._by_place(names)
        large = [f"{m.name} claims {m.size:,} bytes" for m in members if max(m.size, m.compressed) > LARGEST_MEMBER]
        if large:
            raise MemberError(
                f"{self._archive.where} has members too large for an image (above {LARGEST_MEMBER:,} bytes):\n{listed(large)}"
            )
        found: dict[str, bytes] = {}
        complaints: list[str] = []
        with self._archive.moving(), ThreadPoolExecutor(self._settings.connections) as pool:
            runs = [pool.submit(self._read_run, [members[i] for i in run]) for run in self._runs(members)]
            try:
                for run in as_completed(runs):
                    contents, wrong = run.result()
                    found |= contents
                    complaints += wrong
            except ChangedError as error:
                raise changed(error, self._directory) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        if complaints:
            raise MemberError(
                f"{self._archive.where} holds damaged members, or is not the archive from which its table of "
                f"members was made:\n{listed(sorted(complaints))}"
            )
        return found

    def _look_up(self, names: Iterable[str]) -> None:
        """Read the rows of keys that were not requested before, with all of their folders."""
        with self._lock:
            folders = folders_of(name for name in names if name not in self._known) - self._folders
            if folders and self._directory is not None:
                self._add(read_directory(self._directory, prefixes=sorted(folders)).members)
                self._folders |= folders

    def _add(self, table: pa.Table) -> None:
        for row in zip(*(table[name].to_pylist() for name in Member.__slots__), strict=True):
            member = Member(*row)
            self._known[member.key] = member

    def _members(self, names: Sequence[str]) -> list[Member]:
        absent = self.missing(names)
        if absent:
            raise MemberError(f"{self._archive.where} lacks {len(absent):,} of {len(names):,} files:\n{listed(absent)}")
        return [self._known[name] for name in names]

    def _by_place(self, names: Sequence[str]) -> list[Member]:
        return sorted(self._members(list(dict.fromkeys(names))), key=lambda member: member.offset)

    def _runs(self, members: list[Member]) -> list[range]:
        starts = np.array([member.offset for member in members], np.int64)
        stops = np.array([member.stop for member in members], np.int64)
        share = int((stops - starts).sum()) // self._settings.connections
        most = min(LARGEST_REQUEST, max(SMALLEST_SHARE, share))
        return runs_of(starts, stops, gap=self._settings.gap_kibibytes << 10, most=most)

    def _read_run(self, members: list[Member]) -> tuple[dict[str, bytes], list[str]]:
        """Contents of members that come in one request, and what is wrong with others of them."""
        start = members[0].offset
        data = memoryview(self._archive.read(start, members[-1].stop))
        found, complaints = {}, []
        for member in members:
            try:
                found[member.key] = self._unpack(member, data[member.offset - start :])
            except _DamagedError as error:
                complaints.append(f"{member.name}: {error}")
        return found, complaints

    def _unpack(self, member: Member, data: memoryview) -> bytes:
        """Content of the member that `data` begins with."""
        if len(data) < LOCAL.size:
            raise _DamagedError("there is no room for its header")
        sign, _, _, _, _, _, _, _, _, name_length, extra_length = LOCAL.unpack_from(data)
        if sign != LOCAL_SIGN:
            raise _DamagedError(f"there is no header at byte {member.offset}")
        begin = LOCAL.size + name_length + extra_length
        stop = begin + member.compressed
        if member.offset + stop > member.end:
            raise _DamagedError("by its header it runs into the next one")
        if stop > len(data):  # its extra field is longer than was provided for
            rest = self._archive.read(member.offset + len(data), member.offset + stop)
            data = memoryview(bytes(data) + rest)
        if _name(bytes(data[LOCAL.size : LOCAL.size + name_length]), member.flags) != member.name:
            raise _DamagedError("its header has another name")
        return _checked(_inflate(data[begin:stop], member), member)


class _DamagedError(Exception):
    """What is wrong with one member."""


def changed(error: ChangedError, directory: Path | None) -> MemberError:
    """The same for users of members: the advice depends on the table of members."""
    return MemberError(str(error) if directory is None else f"{error.fact}; delete {directory} and run again")


def _name(raw: bytes, flags: int) -> str:
    try:
        return decode_name(raw, flags)
    except UnicodeDecodeError:
        return ""


def _inflate(data: memoryview, member: Member) -> bytes:
    if member.method != DEFLATED:
        return bytes(data)
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(
            data, member.size + 1
        )  # one byte more shows that there is more, and limits a zip bomb
    except zlib.error as error:
        raise _DamagedError(f"it cannot be unpacked ({error})") from error
    if len(content) <= member.size and not unpacker.eof:
        raise _DamagedError("its data end too early")
    return content


def _checked(content: bytes, member: Member) -> bytes:
    if len(content) != member.size:
        more = "more than " if len(content) > member.size else f"{len(content):,} bytes, not "
        raise _DamagedError(f"it has {more}the {member.size:,} bytes that the directory says")
    if (crc := zlib.crc32(content)) != member.crc:
        raise _DamagedError(f"its CRC is {crc:08x}, the directory says {member.crc:08x}")
    return content


def runs_of(starts: np.ndarray, stops: np.ndarray, *, gap: int, most: int) -> list[range]:
    """Which members come in one request.

    Neighbours without a gap always do. Of gaps up to `gap` bytes the smallest are taken first, as long as together they stay
    below `GAP_SHARE` of the members' bytes: one request more costs time, a gap costs bytes, and these are bounded.

    Parameters
    ----------
    starts, stops : (n,) bytes of the members, by place. gap : largest gap (bytes). most : bytes of one request.

    Returns
    -------
    Runs of positions in `starts`, in order.
    """
    if not len(starts):
        return []
    gaps = np.maximum(0, starts[1:] - stops[:-1])
    order = np.argsort(gaps, kind="stable")
    affordable = np.cumsum(gaps[order]) <= GAP_SHARE * int((stops - starts).sum())
    joined = np.zeros(len(gaps), bool)
    joined[order[affordable]] = True
    joined &= gaps <= gap
    runs, first = [], 0
    begins, ends = starts.tolist(), stops.tolist()
    for i, join in enumerate(joined.tolist(), 1):
        if not join or ends[i] - begins[first] > most:
            runs.append(range(first, i))
            first = i
    return [*runs, range(first, len(begins))]


def planned_bytes(
    directory: Path, keys: Iterable[str] | None = None, prefixes: Sequence[str] | None = None, gap_kibibytes: int = 0
) -> int:
    """Bytes that reading members by byte range moves, by the table of members alone.

    Parameters
    ----------
    directory : table of members. keys, prefixes : which ones (None of both: all); keys that it lacks count nothing.
    gap_kibibytes : of section `images`; how far gaps between members are fetched with them depends on how many are fetched at a
        time, so the result is exact for 0 and otherwise up to `GAP_SHARE` too low or too high.
    """
    table = read_directory(directory, keys, prefixes).members
    starts = table["offset"].to_numpy()
    room = LOCAL.size + HEADER_ROOM + np.array([len(name.encode()) for name in table["name"].to_pylist()], np.int64)
    stops = np.minimum(table["end"].to_numpy(), starts + room + table["compressed"].to_numpy())
    runs = runs_of(starts, stops, gap=gap_kibibytes << 10, most=LARGEST_REQUEST)
    return sum(int(stops[run[-1]] - starts[run[0]]) for run in runs)

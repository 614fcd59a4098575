"""The ZIP format: takes an archive's end, gives the place of its central directory; takes pieces of that, gives columns.

ZIP64 included. Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3. Python's own module makes an object per
member, above 1 GB for 1.5 million; here a piece of the directory becomes arrays at once.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gandl.source.remote.ranges import Ranges

END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCAL = struct.Struct("<4s5H3L2H")
END_SIGN, LOCATOR_SIGN, END64_SIGN, LOCAL_SIGN = b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06", b"PK\x03\x04"
LONGEST_COMMENT = 0xFFFF
FIRST_LOOK = 4096
"""Bytes at the end that are read first; the directory's place is among them unless the archive has a long comment."""
WIDE, WIDE_SHORT = 0xFFFFFFFF, 0xFFFF
"""A field that holds this has its value in the ZIP64 extra field."""
ZIP64_EXTRA = 0x0001
ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
UTF8 = 1 << 11

ENTRY = np.dtype(
    [
        ("signature", "S4"),
        ("made_by", "<u2"),
        ("needed", "<u2"),
        ("flags", "<u2"),
        ("method", "<u2"),
        ("time", "<u2"),
        ("date", "<u2"),
        ("crc", "<u4"),
        ("compressed", "<u4"),
        ("size", "<u4"),
        ("name_length", "<u2"),
        ("extra_length", "<u2"),
        ("comment_length", "<u2"),
        ("disk", "<u2"),
        ("internal", "<u2"),
        ("external", "<u4"),
        ("offset", "<u4"),
    ]
)
ENTRY_SIGN = b"PK\x01\x02"
COLUMNS = pa.schema(
    [
        ("name", pa.string()),
        ("key", pa.string()),
        ("offset", pa.int64()),
        ("compressed", pa.int64()),
        ("size", pa.int64()),
        ("crc", pa.uint32()),
        ("method", pa.uint16()),
        ("flags", pa.uint16()),
    ]
)
_lengths = struct.Struct("<3H")


class ZipDirectoryError(ValueError):
    """An archive is not a zip that can be read by its members, or its table of members is not a such; the message names it."""


@dataclass(frozen=True)
class DirectoryPlace:
    """Where the central directory is: bytes [start, start + size), with so many entries."""

    start: int
    size: int
    entries: int


def find_directory(archive: Ranges) -> DirectoryPlace:
    """Read the end of an archive.

    Raises
    ------
    ZipDirectoryError : no zip, a truncated one, or one part of several.
    """
    tail, at = _end_of(archive)
    start = archive.size - len(tail)
    _, disk, directory_disk, here, entries, size, offset, _ = END.unpack_from(tail, at)
    wide = WIDE_SHORT in (disk, directory_disk, here, entries) or WIDE in (size, offset)
    locator = _bytes(archive, tail, start + at - LOCATOR.size, LOCATOR.size) if wide else b""
    if locator.startswith(LOCATOR_SIGN):
        _, end64_disk, position, disks = LOCATOR.unpack(locator)
        record = _bytes(archive, tail, position, END64.size)
        if not record.startswith(END64_SIGN):
            raise ZipDirectoryError(f"{archive.where} is damaged: its ZIP64 end record is not at byte {position}")
        _, _, _, _, disk, directory_disk, here, entries, size, offset = END64.unpack(record)
        disk = max(disk, end64_disk, disks - 1 if disks else 0)
    if disk or directory_disk or here != entries:
        raise ZipDirectoryError(f"{archive.where} is one part of a zip of several; join the parts first")
    if offset + size > start + at:
        raise ZipDirectoryError(
            f"{archive.where} is damaged: its directory (bytes {offset} to {offset + size}) does not end before its end record "
            f"(byte {start + at})"
        )
    return DirectoryPlace(offset, size, entries)


def _end_of(archive: Ranges) -> tuple[bytes, int]:
    """The archive's last bytes, and the position of the end record in them."""
    tail, doubtful = b"", None
    for look in (FIRST_LOOK, LONGEST_COMMENT + END.size + LOCATOR.size + END64.size):
        start = max(0, archive.size - look)
        tail = archive.read(start, archive.size - len(tail)) + tail
        at = tail.rfind(END_SIGN)
        while at >= 0:
            if at + END.size <= len(tail) and at + END.size + END.unpack_from(tail, at)[7] == len(tail):
                if _is_end_record(tail, at, start + at):
                    return tail, at
                doubtful = doubtful or (tail[at:], start + at)
            at = tail.rfind(END_SIGN, 0, at)
    if doubtful is not None:  # a damaged archive, or a part of one: the following read decides which
        return doubtful[0], 0
    begins_as_zip = archive.size >= 4 and archive.read(0, 4) == LOCAL_SIGN
    what = (
        "is truncated: it begins as a zip, but the directory at its end is missing" if begins_as_zip else "is not a zip"
    )
    raise ZipDirectoryError(f"{archive.where} ({archive.size} bytes) {what}")


def _is_end_record(tail: bytes, at: int, position: int) -> bool:
    """Whether a signature begins an end record, and not a piece of a comment that looks like one."""
    _, disk, directory_disk, here, entries, size, offset, _ = END.unpack_from(tail, at)
    one_part = {disk, directory_disk} <= {0, WIDE_SHORT} and here == entries
    return one_part and (WIDE in (size, offset) or offset + size <= position)


def _bytes(archive: Ranges, tail: bytes, start: int, length: int) -> bytes:
    """A record near the end, out of the tail where it is in there; empty if the archive has no such bytes."""
    if not 0 <= start <= archive.size - length:
        return b""
    at = start - (archive.size - len(tail))
    return tail[at : at + length] if at >= 0 else archive.read(start, start + length)


def read_entries(piece: bytes, most: int, first: int, where: str) -> tuple[pa.RecordBatch, np.ndarray, int]:
    """Read the entries that lie whole in a piece of a central directory.

    Parameters
    ----------
    piece : bytes, beginning with an entry. most : entries that are left. first : number of the first one, for messages.

    Returns
    -------
    columns of `COLUMNS`; the number of the disk of each member (0 unless the archive has several parts); bytes that were used.

    Raises
    ------
    ZipDirectoryError : what is there is no entry, or a ZIP64 field or a name is broken.
    """
    starts, used = _starts(piece, most)
    data = np.frombuffer(piece, np.uint8)
    places = np.asarray(starts, np.int64)
    entries = data[places[:, None] + np.arange(ENTRY.itemsize)].view(ENTRY).ravel()
    wrong = np.flatnonzero(entries["signature"] != ENTRY_SIGN)
    if len(wrong):
        raise ZipDirectoryError(f"the directory of {where} is damaged: entry {first + wrong[0] + 1} is not an entry")
    names = _names(piece, starts, entries, where)
    columns = {name: entries[name].astype(np.int64) for name in ("size", "compressed", "offset", "disk")}
    _widen(piece, places, entries, columns, names, where)
    arrays = {
        "name": names,
        "key": [key_of(name) for name in names],
        "crc": entries["crc"],
        "method": entries["method"],
        "flags": entries["flags"],
        **columns,
    }
    batch = pa.RecordBatch.from_arrays([pa.array(arrays[field.name], field.type) for field in COLUMNS], schema=COLUMNS)
    return batch, columns["disk"], used


def _starts(piece: bytes, most: int) -> tuple[list[int], int]:
    """Positions of the entries that lie whole in a piece, and the position after the last."""
    starts: list[int] = []
    position, read, fixed = 0, _lengths.unpack_from, ENTRY.itemsize
    while len(starts) < most and position + fixed <= len(piece):
        name, extra, comment = read(piece, position + 28)
        stop = position + fixed + name + extra + comment
        if stop > len(piece):
            break
        starts.append(position)
        position = stop
    return starts, position


def _names(piece: bytes, starts: list[int], entries: np.ndarray, where: str) -> list[str]:
    fixed = ENTRY.itemsize
    raw = [
        piece[start + fixed : start + fixed + length]
        for start, length in zip(starts, entries["name_length"].tolist(), strict=True)
    ]
    try:
        return [decode_name(name, flags) for name, flags in zip(raw, entries["flags"].tolist(), strict=True)]
    except UnicodeDecodeError as error:
        raise ZipDirectoryError(
            f"the directory of {where} is damaged: the name {error.object!r} is not UTF-8, though it is marked as such"
        ) from error


def decode_name(raw: bytes, flags: int) -> str:
    """A member's name: UTF-8 where its flag says so, else the old code page, which has a sign for every byte."""
    return raw.decode("utf-8") if flags & UTF8 or raw.isascii() else raw.decode("cp437")


def key_of(name: str) -> str:
    """The last three parts of a path."""
    return "/".join(name.replace("\\", "/").rsplit("/", 3)[-3:])


def _widen(
    piece: bytes,
    places: np.ndarray,
    entries: np.ndarray,
    columns: dict[str, np.ndarray],
    names: list[str],
    where: str,
) -> None:
    """Put the values of the ZIP64 extra fields into the columns whose own field says that it is too small."""
    marked = {name: columns[name] == (WIDE_SHORT if name == "disk" else WIDE) for name in columns}
    rows = np.flatnonzero(np.logical_or.reduce(list(marked.values())))
    if not len(rows):
        return
    begins = (places + ENTRY.itemsize + entries["name_length"])[rows]
    at, stops = _wide_fields(piece, begins, begins + entries["extra_length"][rows])
    data = np.frombuffer(piece, np.uint8)
    for name, width in (("size", 8), ("compressed", 8), ("offset", 8), ("disk", 4)):
        mine = np.flatnonzero(marked[name][rows])
        absent = mine[at[mine] + width > stops[mine]]
        if len(absent):
            raise ZipDirectoryError(
                f"the directory of {where} is damaged: {names[rows[absent[0]]]} has no ZIP64 field for its {name}"
            )
        values = data[at[mine][:, None] + np.arange(width)].view(f"<u{width}").ravel().astype(np.uint64)
        columns[name][rows[mine]] = np.minimum(values, np.iinfo(np.int64).max)
        at[mine] += width


def _wide_fields(piece: bytes, begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the content of each ZIP64 extra field begins and ends; an empty one where there is none."""
    data = np.frombuffer(piece + bytes(4), np.uint8)
    head = data[begins[:, None] + np.arange(4)].view("<u2")
    at, stops = begins + 4, begins + 4 + head[:, 1]
    for row in np.flatnonzero(head[:, 0] != ZIP64_EXTRA).tolist():  # as a rule it is the first of the extra fields
        place, end = int(begins[row]), int(ends[row])
        while place + 4 <= end:
            kind, length = struct.unpack_from("<2H", piece, place)
            if kind == ZIP64_EXTRA:
                break
            place += 4 + length
        else:
            length = 0
        at[row], stops[row] = place + 4, place + 4 + length
    return at, np.where(stops <= ends, stops, at)

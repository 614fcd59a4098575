"""Small image archives for tests, written field by field, so that every one of them can be wrong."""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Entry:
    """A member as it will be written; what is None is right by itself. The `central_` and `local_` fields differ on purpose."""

    name: bytes
    content: bytes = b""
    method: int = 0
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    extra: bytes = b""
    descriptor: bool = False
    local_name: bytes | None = None
    local_sign: bytes = b"PK\x03\x04"
    before: bytes = b""
    zip64: bool = False
    disk: int = 0
    cut: int = 0

    @property
    def data(self) -> bytes:
        if self.method != 8:
            return self.content
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(self.content) + packer.flush()
        return packed[: len(packed) - self.cut]


@dataclass
class Written:
    """An archive's bytes, and where in it things are."""

    content: bytes = b""
    offsets: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    directory: int = 0

    def with_byte(self, position: int) -> bytes:
        """The archive with one byte changed."""
        return self.content[:position] + bytes([self.content[position] ^ 0xFF]) + self.content[position + 1 :]


def image_entries(keys: list[str], seed: int = 0, size: int = 400, **fields: object) -> list[Entry]:
    """Members of random bytes below `RxRx19a/images/`."""
    numbers = random.Random(seed)
    return [
        replace(Entry(f"RxRx19a/images/{key}".encode(), numbers.randbytes(size)), **fields)  # type: ignore[arg-type]
        for key in keys
    ]


def write_zip(
    entries: list[Entry], *, comment: bytes = b"", zip64: bool = False, disk: int = 0, claimed: int | None = None
) -> Written:
    """Write an archive; `claimed` entries are said to be in it, `disk` is the number of the part that this is."""
    written = Written()
    body = bytearray()
    central = bytearray()
    for entry in entries:
        body += entry.before
        written.offsets.append(len(body))
        central += _central(entry, len(body))
        body += _local(entry)
        written.ends.append(len(body))
    written.directory = len(body)
    body += central
    count = len(entries) if claimed is None else claimed
    if zip64:
        at = len(body)
        body += struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(central), written.directory
        )
        body += struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
        body += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, len(comment))
    else:
        sizes = (count, count, len(central), written.directory, len(comment))
        body += struct.pack("<4s4H2LH", b"PK\x05\x06", disk, disk, *sizes)
    written.content = bytes(body + comment)
    return written


def _facts(entry: Entry) -> tuple[int, int, int]:
    crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
    return crc, len(entry.data), len(entry.content) if entry.size is None else entry.size


def _local(entry: Entry) -> bytes:
    name = entry.name if entry.local_name is None else entry.local_name
    facts = (0, 0, 0) if entry.descriptor else _facts(entry)
    head = struct.pack(
        "<4s5H3L2H", entry.local_sign, 20, entry.flags, entry.method, 0, 0, *facts, len(name), len(entry.extra)
    )
    tail = struct.pack("<4s3L", b"PK\x07\x08", *_facts(entry)) if entry.descriptor else b""
    return head + name + entry.extra + entry.data + tail


def _central(entry: Entry, offset: int) -> bytes:
    crc, compressed, size = _facts(entry)
    extra = b""
    if entry.zip64:  # a foreign field first, then all three numbers in 64 bits
        extra = struct.pack("<2H3s", 0x5455, 3, b"abc") + struct.pack("<2H3Q", 1, 24, size, compressed, offset)
        compressed = size = offset = 0xFFFFFFFF
    return (
        struct.pack(
            "<4s6H3L5H2L",
            *(b"PK\x01\x02", 20, 20, entry.flags, entry.method, 0, 0, crc, compressed, size),
            *(len(entry.name), len(extra), 0, entry.disk, 0, 0, offset),
        )
        + entry.name
        + extra
    )

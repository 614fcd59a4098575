"""A ZIP64 archive of 1.6 million small members, made in seconds: 56 plates in a row, two more interleaved well by well.

It begins with a hole of 5 GiB, so that every offset needs its 64 bits; as a sparse file it takes less than 400 MB of disk.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

HOLE = 5 << 30
WELLS, SITES, CHANNELS = 1380, 4, 5
PER_WELL = SITES * CHANNELS
PER_PLATE = WELLS * PER_WELL
PLATES = {"HRCE-1": 26, "HRCE-2": 30}
INTERLEAVED = ("VERO-1/Plate1", "VERO-1/Plate2")
CONTENT = 60
ROOT = "RxRx19a/images"
TAILS = [
    f"A{chr(65 + row)}{column:02d}_s{site}_w{channel}.png"
    for row in range(WELLS // 60)
    for column in range(1, 61)
    for site in range(1, SITES + 1)
    for channel in range(1, CHANNELS + 1)
]
"""File names of one plate, in the order of the archive."""


@dataclass(frozen=True)
class LargeZip:
    path: Path
    members: int
    directory_bytes: int


def keys_of(plate: str) -> list[str]:
    """Keys of a plate's members, in the order of the archive: `HRCE-1/Plate25`."""
    return [f"{plate}/{tail}" for tail in TAILS]


def contents_of(plate: str) -> list[bytes]:
    """Contents of a plate's members, in the order of the archive."""
    return [content.tobytes() for content in _contents(plate)]


def occupied(plate: str) -> int:
    """Bytes that a plate's members occupy: local headers, names, data (there are no extra fields and no descriptors)."""
    return sum(30 + len(f"{ROOT}/{key}") + CONTENT for key in keys_of(plate))


def write_large_zip(path: Path) -> LargeZip:
    """Write the archive; about 10 s on a slow core."""
    position, members = HOLE, 0
    directory: list[bytes] = []
    with path.open("wb") as file:
        file.seek(HOLE)
        for experiment, count in PLATES.items():
            for plate in range(1, count + 1):
                local, central = _records(f"{experiment}/Plate{plate}")
                position = _write(file, directory, local, central, position)
                members += len(local)
        pair = [_records(plate) for plate in INTERLEAVED]
        local, central = (
            np.stack([one.reshape(WELLS, PER_WELL) for one in both], 1).ravel() for both in zip(*pair, strict=True)
        )
        position = _write(file, directory, local, central, position)
        members += len(local)
        for part in directory:
            file.write(part)
        size = sum(map(len, directory))
        file.write(_end(position, size, members))
    return LargeZip(path, members, size)


def _write(file: BinaryIO, directory: list[bytes], local: np.ndarray, central: np.ndarray, position: int) -> int:
    central["offset64"] = position + np.arange(len(local)) * local.itemsize
    file.write(local.tobytes())
    directory.append(central.tobytes())
    return position + local.nbytes


def _contents(plate: str) -> np.ndarray:
    """(member, CONTENT) bytes, different from member to member and from plate to plate."""
    numbers = np.random.default_rng(list(plate.encode())).integers(0, 256, (997, CONTENT), np.uint8)
    return numbers[np.arange(PER_PLATE) % 997]


def _records(plate: str) -> tuple[np.ndarray, np.ndarray]:
    names = np.array([f"{ROOT}/{plate}/{tail}" for tail in TAILS], "S")
    contents = _contents(plate)
    crc = np.resize(np.array([zlib.crc32(one.tobytes()) for one in contents[:997]], np.uint32), PER_PLATE)
    fixed = [
        ("sign", "S4"),
        ("head", "V10"),
        ("crc", "<u4"),
        ("compressed", "<u4"),
        ("size", "<u4"),
        ("name_length", "<u2"),
    ]
    local = np.zeros(PER_PLATE, [*fixed, ("extra_length", "<u2"), ("name", names.dtype), ("content", "V60")])
    local["sign"], local["content"] = b"PK\x03\x04", contents.view("V60").ravel()
    central = np.zeros(
        PER_PLATE,
        [
            ("sign", "S4"),
            ("made_by", "<u2"),
            ("head", "V10"),
            *fixed[2:],
            ("extra_length", "<u2"),
            ("rest", "V10"),
            ("offset", "<u4"),
            ("name", names.dtype),
            ("kind", "<u2"),
            ("length", "<u2"),
            ("offset64", "<u8"),
        ],
    )
    central["sign"], central["extra_length"], central["offset"] = b"PK\x01\x02", 12, 0xFFFFFFFF
    central["kind"], central["length"] = 1, 8
    for records in (local, central):
        records["crc"], records["compressed"], records["size"] = crc, CONTENT, CONTENT
        records["name_length"], records["name"] = names.dtype.itemsize, names
    return local, central


def _end(position: int, size: int, members: int) -> bytes:
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, members, members, size, position)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, position + size, 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return record + locator + end

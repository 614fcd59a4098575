"""The directory of an image archive: takes a zip where it is (disk or server), makes a table of its members, sorted by place.

1.5 million members, a directory of 100 to 200 MB, are read once and in pieces; each store then reads the rows of its own members.

By hand: zipfile takes 1.1 GB and remotezip 1.3 GB for 1.6 million members, this 0.6 GB (docs/decisions.md).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gandl.config import ImagesSettings
from gandl.source.remote.mirrors import is_web
from gandl.source.remote.ranges import Ranges
from gandl.source.remote.retries import Retries
from gandl.source.remote.transfer import Version
from gandl.source.zip.archive import open_archive
from gandl.source.zip.zip64 import COLUMNS, ENCRYPTED, LOCAL, ZipDirectoryError, find_directory, read_entries
from gandl.workflow.files import atomic

PIECE = 8 << 20
ENTRIES = 1 << 14
"""Entries that become columns at a time; more only take more memory."""
ROW_GROUP = 32_768
STORED, DEFLATED = 0, 8
SHOWN = 5
ADDRESS, SIZE, VALIDATOR = b"address", b"size", b"etag"

log = logging.getLogger(__name__)

__all__ = ["Directory", "ZipDirectoryError", "read_directory", "scan", "write_directory"]


@dataclass(frozen=True)
class Directory:
    """Members of an archive, and the version of the archive they were read from.

    members : name, key (the last three parts of the path), offset (of the local header), end (where the next member or the
    directory begins), compressed, size (bytes), crc, method, flags; sorted by offset, without folders.
    """

    version: Version
    members: pa.Table


def write_directory(
    url: str,
    mirror: str | Path | None,
    output: Path,
    settings: ImagesSettings,
    *,
    retries: Retries | None = None,
    report: Callable[[str], None] = log.info,
) -> None:
    """Read the central directory of an archive into a table.

    Parameters
    ----------
    url : official address of the zip. mirror : folder or base URL that holds `<host>/<path>` of it; None: the official host.
    output : parquet, written atomically. settings : section `images`; with `whole_archive` an archive whose server gives no byte
        ranges is downloaded into the folder of `output`, under its own name.

    Raises
    ------
    ZipDirectoryError : no zip, a damaged one, or one with members that cannot be read or named; all kinds are reported at once.
    DownloadError : the server cannot be read from, or gives no byte ranges; there is no such file in the mirror.
    """
    archive = open_archive(url, mirror, output, settings, connections=1, retries=retries, report=report)
    try:
        report(f"reading the directory of {archive.where} ({archive.size:,} bytes)")
        members = scan(archive)
        version = archive.version
    finally:
        archive.close()
    address = version.url if is_web(version.url) else ""  # no path of a machine goes into a table
    metadata = {b"url": url, ADDRESS: address, SIZE: str(version.size), VALIDATOR: version.validator or ""}
    with atomic(output) as partial:
        pq.write_table(members.replace_schema_metadata(metadata), partial, row_group_size=ROW_GROUP, compression="zstd")
    report(f"{members.num_rows:,} members, {pc.sum(members['compressed']).as_py() or 0:,} bytes")


def read_directory(path: Path, keys: Iterable[str] | None = None, prefixes: Sequence[str] | None = None) -> Directory:
    """Read the rows wanted of a table of members, group by group, so that memory is that of the rows.

    Parameters
    ----------
    path : written by `write_directory`.
    keys : take these. prefixes : take keys that begin so (`HRCE-1/Plate25/`), too. None of both: take all.

    Raises
    ------
    ZipDirectoryError : no such table.
    """
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.schema_arrow.metadata or {}
            version = Version(
                metadata[ADDRESS].decode(), metadata[VALIDATOR].decode() or None, int(metadata[SIZE].decode())
            )
            wanted = None if keys is None and prefixes is None else _Wanted(keys or (), prefixes or ())
            groups = [
                _rows(file, group, wanted)
                for group in range(file.num_row_groups)
                if wanted is None or wanted.may_be_in(file.metadata.row_group(group))
            ]
            schema = file.schema_arrow.remove_metadata()
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise ZipDirectoryError(
            f"{path} is not a table of an archive's members ({error}); delete it and run again"
        ) from error
    return Directory(version, pa.concat_tables([schema.empty_table(), *groups]))


def _rows(file: pq.ParquetFile, group: int, wanted: _Wanted | None) -> pa.Table:
    table = file.read_row_group(group).replace_schema_metadata(None)
    return table if wanted is None else table.filter(wanted.mask(table["key"]))


class _Wanted:
    """Which keys are taken."""

    def __init__(self, keys: Iterable[str], prefixes: Sequence[str]) -> None:
        self._keys = pa.array(sorted(keys), pa.string())
        spans = [(prefix, f"{prefix}\U0010ffff") for prefix in prefixes]
        self._spans = spans + ([(self._keys[0].as_py(), self._keys[-1].as_py())] if len(self._keys) else [])
        self._prefixes = prefixes

    def may_be_in(self, group: pq.RowGroupMetaData) -> bool:
        """Whether a row group can hold such a key, by the smallest and the largest key in it."""
        column = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "key")
        known = column.statistics
        if known is None or not known.has_min_max:
            return True
        return any(first <= known.max and known.min <= last for first, last in self._spans)

    def mask(self, keys: pa.ChunkedArray) -> pa.ChunkedArray:
        mask = pc.is_in(keys, value_set=self._keys)
        for prefix in self._prefixes:
            mask = pc.or_(mask, pc.starts_with(keys, prefix))
        return mask


def scan(archive: Ranges) -> pa.Table:
    """Read and check a central directory; the columns of `Directory.members`.

    Raises
    ------
    ZipDirectoryError : see `write_directory`.
    """
    place = find_directory(archive)
    batches: list[pa.RecordBatch] = []
    read, disks, position, rest = 0, 0, place.start, b""
    while read < place.entries:
        batch, disk, used = read_entries(rest, min(ENTRIES, place.entries - read), read, archive.where)
        if used == 0:  # the rest holds no whole entry
            stop = min(position + PIECE, place.start + place.size)
            if stop == position:
                raise ZipDirectoryError(
                    f"the directory of {archive.where} is truncated: {read:,} of {place.entries:,} entries are there"
                )
            rest, position = rest + archive.read(position, stop), stop
            continue
        batches.append(batch)
        disks += int(np.count_nonzero(disk))
        read, rest = read + batch.num_rows, rest[used:]
    if rest or position != place.start + place.size:
        raise ZipDirectoryError(
            f"the directory of {archive.where} is damaged: it continues after the {place.entries:,} entries that it "
            "claims to have"
        )
    if disks:
        raise ZipDirectoryError(f"{archive.where} is one part of a zip of several; join the parts first")
    members = _with_ends(pa.Table.from_batches(batches, COLUMNS), place.start)
    batches.clear()
    return _checked(members, archive.where)


def _with_ends(members: pa.Table, directory: int) -> pa.Table:
    """Sort by place; a member ends where the next one begins, the last one where the directory does."""
    offsets = members["offset"].to_numpy()
    if not np.all(offsets[1:] >= offsets[:-1]):
        members = members.take(pa.array(np.argsort(offsets, kind="stable")))
        offsets = members["offset"].to_numpy()
    ends = np.append(offsets[1:], directory)[: len(offsets)]
    return members.add_column(members.column_names.index("offset") + 1, "end", pa.array(ends, pa.int64()))


def _checked(members: pa.Table, where: str) -> pa.Table:
    """Refuse what cannot be read, or not be named; leave out folders, and the shadow files that macOS adds."""
    name = members["name"]
    traversal = pc.match_substring_regex(name, r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|\x00")
    faults = [_fault(name, traversal, "whose path leads out of the archive")]
    overlap = pc.greater(
        pc.add(pc.add(members["offset"], members["compressed"]), pc.add(pc.utf8_length(name), LOCAL.size)),
        members["end"],
    )
    faults.append(_fault(name, overlap, "that runs into the next one, or beyond the archive's end"))
    folders = pc.or_(pc.ends_with(name, "/"), pc.match_substring_regex(name, r"^__MACOSX/"))
    if pc.any(folders).as_py():
        members = members.filter(pc.invert(folders))
    name, method = members["name"], members["method"]
    faults.append(_fault(name, pc.not_equal(pc.bit_wise_and(members["flags"], ENCRYPTED), 0), "that is encrypted"))
    unknown = pc.invert(pc.is_in(method, value_set=pa.array([STORED, DEFLATED], pa.uint16())))
    faults.append(_fault(name, unknown, "that is neither stored nor compressed by deflate"))
    stored = pc.and_(pc.equal(method, STORED), pc.not_equal(members["size"], members["compressed"]))
    faults.append(_fault(name, stored, "that is stored uncompressed, but with two sizes"))
    faults.append(_fault(name, _repeated(members["key"]), "with the same folder, plate and file name as another one"))
    found = [fault for fault in faults if fault]
    if found:
        raise ZipDirectoryError("\n".join([f"{where} cannot be read by its members; it has", *found]))
    return members


def _fault(names: pa.ChunkedArray, mask: pa.ChunkedArray, what: str) -> str:
    """One line on the members of a mask; empty if there are none."""
    found = names.filter(mask)
    if not len(found):
        return ""
    shown = ", ".join(repr(name) for name in found[:SHOWN].to_pylist())
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return f"  a member {what}: {shown}{more}"


def _repeated(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Mask of keys that are there more than once; hashes first, since a million texts side by side would fill the memory."""
    hashes = np.concatenate([np.empty(0, np.int64), *([hash(key) for key in part.to_pylist()] for part in keys.chunks)])
    _, index, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    alike = np.flatnonzero(counts[index] > 1)
    texts = keys.take(pa.array(alike)).to_pylist()
    times = Counter(texts)
    mask = np.zeros(len(keys), bool)
    mask[[row for row, text in zip(alike.tolist(), texts, strict=True) if times[text] > 1]] = True
    return pa.chunked_array([pa.array(mask)])

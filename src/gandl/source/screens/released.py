"""Embeddings published with a screen: takes their zip and the sites table, makes one embedding table per store.

The CSV files inside are read in pieces. Vectors wait in a temporary file (TMPDIR) at the place that their site has in the sites
table, so that memory holds a piece of a file, and then one store, whatever the size of the screen and the order of its rows.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from gandl.config import Dataset, FeaturizerName
from gandl.source.screens.metadata_zip import BROKEN, csv_members, open_archive, renewed
from gandl.tables import EMBEDDINGS, SITES, feature_columns, read_table
from gandl.tables.notes import write_noted_table
from gandl.workflow.progress import Progress
from gandl.workflow.words import counted

PIECE_BYTES = 4 << 20
"""Size of the pieces that a CSV is read in; a row of 1,024 numbers is some 20 kB."""
NAMED = 5
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"}
SHOWN_CHARACTERS = 60
"""Of a name or value that is quoted from a file."""


class ReleasedError(ValueError):
    """Published embeddings cannot be read, or do not fit the sites; the message names the archive, the member and the site."""


@dataclass
class _Vectors:
    """float32 vectors of length `dim` in a temporary file; row i is site i. `filled` marks those already written."""

    file: int
    filled: np.ndarray
    dim: int

    def put(self, places: np.ndarray, vectors: np.ndarray) -> None:
        """Write rows, neighbours together."""
        order = np.argsort(places, kind="stable")
        places, vectors = places[order], np.ascontiguousarray(vectors[order], "<f4")
        for run in np.split(np.arange(len(places)), np.flatnonzero(np.diff(places) != 1) + 1):
            if len(run):
                self._write(vectors[run].tobytes(), int(places[run[0]]))
        self.filled[places] = True

    def _write(self, data: bytes, place: int) -> None:
        offset = place * 4 * self.dim
        while data:
            try:
                written = os.pwrite(self.file, data, offset)
            except OSError as error:
                raise ReleasedError(
                    f"the {4e-6 * self.dim * len(self.filled):,.0f} MB of vectors do not fit into a temporary file in "
                    f"{tempfile.gettempdir()} ({error.strerror}); TMPDIR (Snakemake's resource `tmpdir`) names another folder"
                ) from error
            data, offset = data[written:], offset + written

    def get(self, places: np.ndarray) -> np.ndarray:
        """Rows (n, dim)."""
        size = 4 * self.dim
        rows = [np.frombuffer(os.pread(self.file, size, int(place) * size), "<f4") for place in places]
        return np.stack(rows).astype(np.float32, copy=False)


def write_released(
    embeddings_zip: Path,
    sites: Path,
    outputs: Mapping[str, Path],
    *,
    dataset: Dataset,
    width: int,
    complete: bool = False,
    sha256: str | None = None,
) -> None:
    """Write the published embeddings of each store, in the order of the sites table.

    Parameters
    ----------
    embeddings_zip : archive with one or several CSV files: `site_id, feature_0 ... feature_{d-1}`, one row per site.
    sites : sites table (parquet).
    outputs : store -> parquet (schema `gandl.tables.EMBEDDINGS`, metadata as of any featurizer's embeddings).
    dataset : the screen.
    width : number of features of its release, `source.<dataset>.released_width`.
    complete : the sites table is the whole screen, so that an embedding without a site is a mistake.
    sha256 : published SHA-256 of the one CSV inside; None: it is not checked.

    Raises
    ------
    ReleasedError : a damaged archive, another checksum, another separator or width, a value that is empty or not a number, a
        duplicate site, a site without an embedding, (if complete) an embedding without a site; no room in TMPDIR.
    """
    table = read_table(sites, SITES, columns=["site_id", "store_id"])
    places = {store: np.flatnonzero(table["store_id"] == store) for store in outputs}
    unknown = [store for store, found in places.items() if not len(found)]
    if unknown:
        raise ReleasedError(f"the sites table {sites} has no site of {', '.join(unknown)}")
    with open_archive(Path(embeddings_zip), ReleasedError) as archive, tempfile.TemporaryFile() as file:
        _check_width(archive, embeddings_zip, width, f"source.{dataset.value}.released_width")
        _check_sha256(archive, embeddings_zip, sha256)
        vectors = _Vectors(file.fileno(), np.zeros(len(table), bool), width)
        _collect(archive, embeddings_zip, pd.Index(table["site_id"]), vectors, complete)
        missing = ~vectors.filled & table["store_id"].isin(outputs).to_numpy(bool)
        if missing.any():
            raise ReleasedError(
                f"{embeddings_zip} has no embedding of {missing.sum():,} sites: {_named(table['site_id'][missing].tolist())}"
            )
        notes = {
            "feature_names": [f"released_{i}" for i in range(width)],
            "featurizer": FeaturizerName.RELEASED.value,
            "settings": {"archive": Path(embeddings_zip).name},
        }
        for store, output in outputs.items():
            frame = pd.DataFrame(vectors.get(places[store]), columns=_features(width))
            frame.insert(0, "site_id", table["site_id"].to_numpy(object)[places[store]])
            write_noted_table(frame, output, EMBEDDINGS, notes)


def _features(dim: int) -> list[str]:
    return [f"feature_{i}" for i in range(dim)]


def _check_width(archive: zipfile.ZipFile, path: Path, width: int, key: str) -> None:
    """Refuse an archive whose tables have another form, or another number of features than their release."""
    widths = {member: _width_of(archive, path, member) for member in csv_members(archive)}
    if not widths:
        raise ReleasedError(
            f"{path} holds no CSV file of embeddings; it holds {_named(archive.namelist()) or 'nothing'}"
        )
    found = _named([f"{member} has {counted(other, 'feature')}" for member, other in widths.items() if other != width])
    if found:
        raise ReleasedError(
            f"{path}: {found}, but the embeddings published with this screen have {width:,} ({key}; change it only for another "
            "release)"
        )


def _width_of(archive: zipfile.ZipFile, path: Path, member: str) -> int:
    """Number of features of one CSV."""
    try:
        with archive.open(member) as file:
            header = next(csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline="")), [])
    except (*BROKEN, UnicodeDecodeError, csv.Error) as error:
        raise ReleasedError(f"{path}: {member} cannot be read ({error}); {renewed(path)}") from error
    if len(header) == 1 and (found := next((sign for sign in SEPARATORS if sign in header[0]), None)):
        raise ReleasedError(
            f"{path}: the columns of {member} are separated by {SEPARATORS[found]}; they must be separated by commas (and "
            "numbers have a decimal point)"
        )
    features = feature_columns(pd.DataFrame(columns=header))
    if header.count("site_id") != 1 or not features or features != _features(len(features)):
        shown = ", ".join(map(_short, header[:NAMED])) or "no header"
        raise ReleasedError(
            f"{path}: {member} must have the columns site_id, feature_0, feature_1, ...; it has {shown}"
        )
    return len(features)


def _check_sha256(archive: zipfile.ZipFile, path: Path, sha256: str | None) -> None:
    if sha256 is None:
        return
    members = csv_members(archive)
    if len(members) > 1:
        raise ReleasedError(f"{path} holds {len(members)} CSV files; the published checksum is of one")
    try:
        with archive.open(members[0]) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except BROKEN as error:
        raise ReleasedError(f"{path}: {members[0]} is damaged ({error}); {renewed(path)}") from error
    if found != sha256:
        raise ReleasedError(f"{path}: the SHA-256 of {members[0]} is {found}, the published one is {sha256}")


def _collect(archive: zipfile.ZipFile, path: Path, site_ids: pd.Index, vectors: _Vectors, complete: bool) -> None:
    with Progress("reading embeddings", len(site_ids), "sites") as progress:
        for member in csv_members(archive):
            for ids, values in _pieces(archive, path, member, vectors.dim):
                places = site_ids.get_indexer(pd.Index(ids))
                known = places >= 0
                if complete and not known.all():
                    raise ReleasedError(
                        f"{path}: {member} has an embedding of {ids[~known][0]!r}, which is not a site of the screen"
                    )
                _check_values(f"{path}: {member}", ids[known], values[known], places[known], vectors.filled)
                vectors.put(places[known], values[known])
                progress.update(int(vectors.filled.sum()))


def _check_values(where: str, ids: np.ndarray, values: np.ndarray, places: np.ndarray, filled: np.ndarray) -> None:
    repeated = filled[places] | pd.Series(places).duplicated().to_numpy(bool)
    if repeated.any():
        raise ReleasedError(f"{where} has a second embedding of {ids[repeated][0]!r}")
    finite = np.isfinite(values)
    if not finite.all():
        row, feature = np.argwhere(~finite)[0]
        raise ReleasedError(
            f"{where}: feature_{feature} of {ids[row]!r} is {values[row, feature]}, not a finite number"
        )


def _pieces(archive: zipfile.ZipFile, path: Path, member: str, dim: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Site names (n,) and vectors (n, dim) of one CSV, some rows at a time."""
    types = {"site_id": pa.string(), **dict.fromkeys(_features(dim), pa.float32())}
    convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=[])
    read = pa.csv.ReadOptions(block_size=PIECE_BYTES, use_threads=False)
    try:
        with archive.open(member) as file, pa.csv.open_csv(file, read_options=read, convert_options=convert) as reader:
            for batch in reader:
                columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
                yield columns[0], np.stack(columns[1:], axis=1)
    except pa.ArrowInvalid as error:
        fault = _first_fault(archive, member) or _one_line(error)
        raise ReleasedError(f"{path}: {member} is not a valid table of numbers: {fault}") from error
    except BROKEN as error:
        raise ReleasedError(f"{path}: {member} is damaged ({error}); {renewed(path)}") from error


def _first_fault(archive: zipfile.ZipFile, member: str) -> str:
    """What is wrong with the first row that is not a site and its numbers, and where (the header is row 1); empty if none is."""
    try:
        with archive.open(member) as file:
            reader = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
            header = next(reader)
            for row in reader:
                if row and (fault := _fault_of(dict(zip(header, row, strict=False)), len(row), len(header))):
                    return f"row {reader.line_num}: {fault}"
    except (*BROKEN, UnicodeDecodeError, csv.Error):
        pass
    return ""


def _fault_of(row: Mapping[str, str], fields: int, expected: int) -> str:
    site = repr(_short(row["site_id"])) if "site_id" in row else "the site"
    if fields != expected:
        return f"{site} has {counted(fields, 'field')}, the header has {expected:,}"
    for name, value in row.items():
        if name == "site_id":
            continue
        if not value.strip():
            return f"{name} of {site} is empty"
        try:
            float(value)
        except ValueError:
            return f"{name} of {site} is {_short(value)!r}, not a number"
    return ""


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " ..."


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:200] + " ..."


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")

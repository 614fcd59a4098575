"""Feature tables: takes a table of features as labs keep it (CSV, parquet, a folder of parquet files), finds its features, and
gives its rows some thousand at a time.

Columns `feature_*` are the features, or, in a profile of pycytominer, all columns of numbers outside `Metadata_*`.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from gandl.embeddings.metadata import FEATURE_NAMES, feature_metadata, feature_names
from gandl.source.plates.tabular.text_table import DELIMITERS, METADATA
from gandl.tables import TableError
from gandl.workflow.words import counted, named, shown

PREFIX = "feature_"
IMAGE = "Image_"
"""What CellProfiler begins names of an image's metadata with, before `Metadata_`."""
COMPARTMENTS = ("Cells_", "Nuclei_", "Cytoplasm_")
"""What it begins names of measurements of cells with."""
BLOCK = 2**24
"""Bytes of a CSV file that are read at once; a line of some thousand features has some ten thousand."""
VALUES = 2**24
"""Values that are held at once, about."""
SHOWN = 8
"""Names of columns that a message lists."""
_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)(e[-+]?\d+)?", re.IGNORECASE)
NO_TEXT = frozenset(("nan", "na", "n/a", "null", "<na>", "none"))

NEEDED = "it needs a column site_id or well_id, or Metadata_Plate and Metadata_Well, that says what its rows are of"

Floats = npt.NDArray[np.float32]


class FeaturesError(ValueError):
    """A table of features cannot be evaluated; the message is one sentence that names the file."""


@dataclass(frozen=True)
class FeatureTable:
    """A table of features that was opened, not yet read.

    Attributes
    ----------
    path : as it was named. files : the one file, or those of a folder.
    features : names of the columns of features. about : names of all other columns that are kept, in order.
    names : what the features are called: by the file itself where gandl wrote it, else as their columns.
    delimiter : of a CSV file; "" of parquet. decimal : the decimal point of a CSV file.
    """

    path: Path
    files: tuple[Path, ...]
    features: tuple[str, ...]
    about: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str = ""
    decimal: str = "."

    @property
    def rows_at_once(self) -> int:
        return max(1, VALUES // max(1, len(self.features)))

    def read_about(self) -> pd.DataFrame:
        """All columns that are not features, as text: blanks around it removed, "" where there is none.

        Raises
        ------
        FeaturesError : the file cannot be read, has no rows, or no such column.
        """
        if not self.about:
            raise FeaturesError(f"{self.path} has features alone; {NEEDED}")
        parts = [pd.DataFrame({name: texts_of(part[name]) for name in self.about}) for part in self._parts(self.about)]
        rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(self.about))
        rows = rows.rename(columns=plain_names(self.about))
        if rows.empty:
            raise FeaturesError(f"{self.path} has a header and no rows")
        return rows

    def blocks(self) -> Iterator[Floats]:
        """(n, d) features of the rows, some at a time, in the order of `read_about`; NaN where a cell is empty.

        Raises
        ------
        FeaturesError : a feature is no number.
        """
        for part in self._parts(self.features):
            columns = [pc.cast(column, pa.float32(), safe=False).to_numpy() for column in part.columns]
            yield np.stack(columns, axis=1) if len(part) else np.empty((0, len(columns)), np.float32)

    def _parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        try:
            if self.delimiter:
                yield from self._csv_parts(columns)
                return
            for path in self.files:
                file = pq.ParquetFile(path)
                for group in range(file.num_row_groups):  # of all groups, `iter_batches` would keep what it has read
                    for batch in file.iter_batches(self.rows_at_once, row_groups=[group], columns=list(columns)):
                        yield pa.Table.from_batches([batch])
        except pa.ArrowInvalid as error:
            raise FeaturesError(f"{self.path} cannot be read: {_plain(error)}") from error

    def _csv_parts(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        types = {name: pa.float32() for name in self.features} | {name: pa.string() for name in self.about}
        with _open_csv(self.path, self.delimiter, self.decimal, types, list(columns)) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])


def open_table(path: Path) -> FeatureTable:
    """Open a table of features and find what its columns are.

    Raises
    ------
    FeaturesError : no such file, no table, columns twice, no features, or features of text.
    """
    if path.is_dir():
        files = tuple(sorted(path.glob("*.parquet")))
        if not files:
            folders = sorted({file.parent.relative_to(path).as_posix() for file in path.glob("*/**/*.parquet")})
            there = f"; name one of its folders that do: {shown(folders, SHOWN)}" if folders else ""
            raise FeaturesError(f"the folder {path} holds no parquet files{there}")
        return _of_parquet(path, files)
    if not path.is_file():
        raise FeaturesError(f"no table at {path}")
    begins = _begins(path)
    if begins == b"PAR1":
        return _of_parquet(path, (path,))
    if begins in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise FeaturesError(f"{path} is a spreadsheet; save it as 'CSV UTF-8' and name that file")
    return _of_csv(path)


def _begins(path: Path) -> bytes:
    """The first bytes of a file, by which its kind is known whatever it is called."""
    with path.open("rb") as file:
        return file.read(4)


def _is_packed(path: Path) -> bool:
    return _begins(path)[:2] == b"\x1f\x8b"


def _of_parquet(path: Path, files: tuple[Path, ...]) -> FeatureTable:
    try:
        first, *others = [pq.read_schema(file) for file in files]
    except pa.ArrowInvalid as error:
        raise FeaturesError(f"{path} cannot be read as parquet: {_plain(error)}") from error
    for file, other in zip(files[1:], others, strict=True):
        if other.names != first.names:
            raise FeaturesError(
                f"{file} and {files[0]} have different columns; a folder holds the tables of one featurizer"
            )
    numeric = {field.name for field in first if _is_number(field.type)}
    features, about = _columns(path, first.names, numeric, lambda name: _first_text(files[0], name))
    try:
        names = feature_names(files[0]) if FEATURE_NAMES in feature_metadata(files[0]) else list(features)
    except TableError:
        names = list(features)
    if len(names) != len(features):
        names = list(features)
    kept = tuple(name for name in about if not pa.types.is_nested(first.field(name).type))
    return FeatureTable(path, files, features, kept, tuple(names))


def _of_csv(path: Path) -> FeatureTable:
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig") if _is_packed(path) else path.open(encoding="utf-8-sig") as file
        ):
            header, row = file.readline().rstrip("\r\n"), file.readline().rstrip("\r\n")
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise FeaturesError(f"{path} cannot be read as a table: {error}") from error
    delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)
    if delimiter not in header:
        raise FeaturesError(
            f"{path} has one column, {header[:60]!r}; its columns must be separated by commas, semicolons or tabs"
        )
    if not row.strip():
        raise FeaturesError(f"{path} has a header and no rows")
    decimal = (
        ","
        if delimiter != "," and re.search(rf"(?:^|{delimiter})-?\d+,\d+(?:e[-+]?\d+)?(?:{delimiter}|$)", row)
        else "."
    )
    names = [name.strip().strip('"').strip() for name in header.split(delimiter)]
    text = {name: pa.string() for name in names if not name.startswith(PREFIX) and name.startswith(METADATA)}
    try:
        with _open_csv(path, delimiter, decimal, text, None) as reader:
            schema = reader.schema
            head = reader.read_next_batch()
    except pa.ArrowInvalid as error:
        raise FeaturesError(f"{path} cannot be read as a table: {_plain(error)}") from error
    numeric = {field.name for field in schema if _is_number(field.type) or pa.types.is_null(field.type)}
    features, about = _columns(path, schema.names, numeric, lambda name: _first_of(head[name]))
    return FeatureTable(path, (path,), features, about, features, delimiter, decimal)


def _open_csv(
    path: Path, delimiter: str, decimal: str, types: dict[str, pa.DataType], columns: list[str] | None
) -> pyarrow.csv.CSVStreamingReader:
    stream = pa.input_stream(str(path), compression="gzip" if _is_packed(path) else None)
    return pyarrow.csv.open_csv(
        stream,
        pyarrow.csv.ReadOptions(block_size=BLOCK),
        pyarrow.csv.ParseOptions(delimiter=delimiter),
        pyarrow.csv.ConvertOptions(column_types=types, decimal_point=decimal, include_columns=columns),
    )


def _columns(
    path: Path, names: Sequence[str], numeric: set[str], first_text: Callable[[str], str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the features and of all other columns that are kept."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise FeaturesError(f"{path} has the {named('column', twice[:SHOWN])} twice")
    prefixed = [name for name in names if name.startswith(PREFIX)]
    measured = [name for name in names if name.startswith(COMPARTMENTS)]
    of_profile = any(name.startswith(METADATA) for name in names)
    if not prefixed and not of_profile and not measured:
        raise FeaturesError(
            f"{path} has neither columns feature_* nor, as a profile of pycytominer, columns Metadata_*; it has "
            f"{shown(names, SHOWN)}; name the features feature_..., or all columns that are none "
            "Metadata_... (Metadata_Plate, Metadata_Well)"
        )
    others = [name for name in names if not name.startswith(METADATA) and name not in ("site_id", "well_id")]
    candidates = prefixed or (others if of_profile else measured)
    features = [name for name in candidates if name in numeric]
    text = [name for name in candidates if name not in numeric]
    if not candidates:
        raise FeaturesError(f"{path} has columns Metadata_* alone, and no feature")
    if not features or (prefixed and text):
        raise FeaturesError(
            f"{path}: {counted(len(text), 'feature column')} {'holds' if len(text) == 1 else 'hold'} text, the first is "
            f"{text[0]} with {first_text(text[0])!r}; features must be numbers"
        )
    used = set(candidates)
    about = [name for name in names if name not in used]
    return tuple(features), tuple(about)


def plain_names(names: Sequence[str]) -> dict[str, str]:
    """Columns of an image's metadata as a profile of pycytominer calls them: `Image_Metadata_Plate_DAPI` is `Metadata_Plate`."""
    plain = {
        name: re.sub(r"^(Metadata_(?:Plate|Well))_[^_]+$", r"\1", name.removeprefix(IMAGE))
        for name in names
        if name.startswith(IMAGE + METADATA)
    }
    held = Counter([*plain.values(), *(name for name in names if name not in plain)])
    return {name: new for name, new in plain.items() if held[new] == 1}


def _first_text(file: Path, column: str) -> str:
    return _first_of(next(pq.ParquetFile(file).iter_batches(64, columns=[column]))[column])


def _first_of(values: pa.Array) -> str:
    """The first cell that is no number."""
    return next(
        (str(value) for value in values.to_pylist() if value not in (None, "") and not _NUMBER.fullmatch(str(value))),
        "",
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def texts_of(column: pa.ChunkedArray) -> list[str]:
    """Cells as text; a whole number that was stored as a float (a column with an empty cell) without its .0."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    cells = (str(value) for value in pc.fill_null(pc.cast(column, pa.string()), "").to_pylist())
    if pa.types.is_floating(column.type):
        cells = (cell.removesuffix(".0") for cell in cells)
    return list(map(text_of, cells))


def text_of(cell: str) -> str:
    """The text of a cell; "" where it only says that it is empty."""
    text = cell.strip()
    return "" if text.lower() in NO_TEXT else text


def _plain(error: Exception) -> str:
    """The first line of an error of pyarrow."""
    return str(error).splitlines()[0].rstrip(".")

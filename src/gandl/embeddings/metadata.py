"""What the columns of a feature table mean: text kept in the parquet file's own metadata, from embeddings to profiles.

Takes a table and its metadata, makes a parquet file; reads the metadata of any such file. Values are text; lists are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gandl.tables import Schema, TableError, check, feature_columns
from gandl.workflow.files import atomic

FEATURE_NAMES = "feature_names"
FORMAT_KEYS = frozenset({"pandas", "ARROW:schema"})
"""Keys that pandas and arrow write about the table's form; they belong to one file and are never copied."""


def feature_names(path: Path) -> list[str]:
    """Names of the features of an embedding or profile table: entry i names the column `feature_i`.

    Raises
    ------
    gandl.tables.TableError : the file names no features (it was not written by `write_features`).
    """
    metadata = feature_metadata(path)
    if FEATURE_NAMES not in metadata:
        raise TableError(f"{path}: the table does not name its features (no `{FEATURE_NAMES}` in its metadata)")
    names: list[str] = json.loads(metadata[FEATURE_NAMES])
    return names


def feature_metadata(path: Path) -> dict[str, str]:
    """All that a table says about its features (`feature_names`, `featurizer`, `settings`), to hand to `write_features`."""
    metadata = pq.read_schema(path).metadata or {}
    texts = {key.decode(): value.decode() for key, value in metadata.items() if key.decode() not in FORMAT_KEYS}
    return texts


def write_features(frame: pd.DataFrame, path: Path, schema: Schema, metadata: Mapping[str, str]) -> None:
    """Check a table of features and write it as parquet (zstd) with its metadata, atomically.

    Parameters
    ----------
    frame : the table, with columns feature_0 ... feature_{d-1}.
    schema : what it must hold, e.g. `gandl.tables.EMBEDDINGS` or `gandl.tables.WELL_PROFILES`.
    metadata : as `feature_metadata` of another table gives it; `feature_names` (a JSON list) must name all d features.

    Raises
    ------
    gandl.tables.TableError : the table breaks its schema, or its features and their names differ in number.
    """
    with FeatureWriter(path, schema, metadata) as writer:
        writer.write(frame)


def as_arrow(frame: pd.DataFrame, form: pa.Schema | None = None) -> pa.Table:
    """A table for parquet, in the order of its columns, all features of one type; of a given form if there is one.

    Features go there as one block: converting and describing thousands of columns one by one takes pandas seconds.
    """
    names = feature_columns(frame)
    about = frame.drop(columns=names)
    known = None if form is None else pa.schema([form.field(name) for name in about], form.metadata)
    table = pa.Table.from_pandas(about, known, preserve_index=False)
    block = np.ascontiguousarray(frame[names].to_numpy().T)
    fields = [*table.schema, *(pa.field(name, pa.from_numpy_dtype(block.dtype)) for name in names)]
    columns = [*table.columns, *map(pa.array, block)]
    whole = pa.Table.from_arrays(columns, schema=pa.schema(fields, table.schema.metadata))
    return whole.select(list(frame.columns))


def parquet_writer(path: Path, form: pa.Schema) -> pq.ParquetWriter:
    """A writer of tables with features. Floats hardly repeat; dictionaries of them cost a third of all time."""
    repeating = [field.name for field in form if not pa.types.is_floating(field.type)]
    return pq.ParquetWriter(path, form, compression="zstd", use_dictionary=repeating)


class FeatureWriter:
    """Writes a table of features part by part, so that it need not fit in memory; use it as a context manager.

    Each part is a row group. The file appears, whole, when the block ends well; otherwise what was there before stays.

    Parameters
    ----------
    path, schema, metadata : as in `write_features`.
    """

    def __init__(self, path: Path, schema: Schema, metadata: Mapping[str, str]) -> None:
        self.path, self.schema, self.metadata = Path(path), schema, dict(metadata)
        self._dim = len(json.loads(metadata[FEATURE_NAMES]))
        self._stack = ExitStack()
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> FeatureWriter:
        self._partial = self._stack.enter_context(atomic(self.path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, frame: pd.DataFrame) -> None:
        """Check and write the next rows; a key that two parts share is not noticed.

        Raises
        ------
        gandl.tables.TableError : the rows break the schema, or features and names differ in number.
        """
        check(frame, self.schema, self.path)
        dim = len(feature_columns(frame))
        if self._dim != dim:
            raise TableError(f"{self.path}: the table has {dim} features and {self._dim} names for them")
        if self._writer is None:
            table = as_arrow(frame)
            added = {key.encode(): value.encode() for key, value in self.metadata.items()}
            form = table.schema.with_metadata({**(table.schema.metadata or {}), **added})
            self._writer = parquet_writer(self._partial, form)
            self._stack.callback(self._writer.close)
        else:
            table = as_arrow(frame, self._writer.schema)
        self._put(table.replace_schema_metadata(self._writer.schema.metadata))

    def _put(self, table: pa.Table) -> None:
        """Write rows as one row group."""
        if self._writer is not None:
            self._writer.write_table(table, row_group_size=max(len(table), 1))

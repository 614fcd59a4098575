"""What the columns of a feature table mean: text kept in the parquet file's own metadata, from embeddings to profiles.

Takes a table and its metadata, makes a parquet file; reads the metadata of any such file. Values are text; lists are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gandl.files import atomic
from gandl.tables import Schema, TableError, check, feature_columns

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
        raise TableError(f"{path}: the table does not say what its features are (no `{FEATURE_NAMES}` in its metadata)")
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
    check(frame, schema, path)
    dim, names = len(feature_columns(frame)), json.loads(metadata[FEATURE_NAMES])
    if len(names) != dim:
        raise TableError(f"{path}: the table has {dim} features and {len(names)} names for them")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    form = table.schema.metadata or {}
    added = {key.encode(): value.encode() for key, value in metadata.items()}
    with atomic(Path(path)) as partial:
        pq.write_table(table.replace_schema_metadata({**form, **added}), partial, compression="zstd")

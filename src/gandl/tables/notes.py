"""Tables with notes: what a source has to say about a table is kept in the parquet file's own metadata, for later stages.

Of a sites table: what was odd in the screen's metadata (`WARNINGS`), names of compounds that were read as others (`VARIANTS`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gandl.tables import SITES, Schema, check
from gandl.workflow.files import atomic

WARNINGS = "warnings"
VARIANTS = "variants"


def write_noted_table(frame: pd.DataFrame, path: Path, schema: Schema, notes: Mapping[str, Any]) -> None:
    """Check a table and write it as parquet (zstd) with its notes, atomically.

    Parameters
    ----------
    frame : the table.
    schema : what it must hold.
    notes : by key; text is kept as it is, anything else as JSON.

    Raises
    ------
    gandl.tables.TableError : the table breaks its schema.
    """
    check(frame, schema, path)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    text = {column.name for column in schema.columns if column.kind == "string"}
    for i, field in enumerate(table.schema):
        if field.name in text and pa.types.is_null(field.type):  # a column without any value has no type of its own
            table = table.set_column(i, field.name, table.column(i).cast(pa.string()))
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in notes.items()
    }
    added = {key.encode(): value.encode() for key, value in texts.items()}
    with atomic(Path(path)) as partial:
        pq.write_table(
            table.replace_schema_metadata({**(table.schema.metadata or {}), **added}), partial, compression="zstd"
        )


def write_noted_sites(frame: pd.DataFrame, path: Path, notes: Mapping[str, Any]) -> None:
    """Write a sites table (`gandl.tables.SITES`) with its notes; see `write_noted_table`."""
    write_noted_table(frame, path, SITES, notes)


def note_of(path: Path, key: str) -> list[Any]:
    """One list among the notes of a table; empty if its source left none."""
    value = (pq.read_schema(path).metadata or {}).get(key.encode())
    return [] if value is None else list(json.loads(value))

"""Writer of profiles: takes a data set's profiles store by store, makes one parquet file of them, in the memory of one store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa

from gandl.embeddings.metadata import FeatureWriter, as_arrow, parquet_writer
from gandl.tables import Schema


class ProfileWriter(FeatureWriter):
    """A `FeatureWriter` that knows all columns beforehand: a store may lack any treatment, and its columns then any type.

    Parameters
    ----------
    path, schema, metadata : as in `FeatureWriter`.
    like : a table of all stores with the columns of the profiles but for the features, in their order.
    rows : parts are written together until they are at least so many rows: a column of a row group costs some 0.1 ms, however
        few its rows.
    """

    def __init__(
        self, path: Path, schema: Schema, metadata: Mapping[str, str], like: pd.DataFrame, rows: int = 1
    ) -> None:
        super().__init__(path, schema, metadata)
        self._rows = rows
        self._held: list[pa.Table] = []
        filled = [like[name].first_valid_index() for name in like]  # rows enough to know every type
        typed = like[like.index.isin(filled)].reset_index(drop=True)
        features = np.zeros((len(typed), self._dim), np.float32)
        named = pd.DataFrame(features, columns=[f"feature_{i}" for i in range(self._dim)])
        self._form = as_arrow(pd.concat([typed, named], axis=1)).schema

    def __enter__(self) -> ProfileWriter:
        super().__enter__()
        added = {key.encode(): value.encode() for key, value in self.metadata.items()}
        form = self._form.with_metadata({**(self._form.metadata or {}), **added})
        self._writer = parquet_writer(self._partial, form)
        self._stack.callback(self._writer.close)
        return self

    def _put(self, table: pa.Table) -> None:
        self._held.append(table)
        if sum(map(len, self._held)) >= self._rows:
            self._put_held()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._held:
            self._put_held()
        super().__exit__(kind, error, trace)

    def _put_held(self) -> None:
        super()._put(pa.concat_tables(self._held))
        self._held = []

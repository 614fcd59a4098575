"""Writer of profiles: takes a data set's profiles store by store, makes one parquet file of them, in the memory of one store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from gandl.embeddings.metadata import FeatureWriter, as_arrow
from gandl.tables import Schema


class ProfileWriter(FeatureWriter):
    """A `FeatureWriter` that knows all columns beforehand: a store may lack any treatment, and its columns then any type.

    Parameters
    ----------
    path, schema, metadata : as in `FeatureWriter`.
    like : a table of all stores with the columns of the profiles but for the features, in their order.
    """

    def __init__(self, path: Path, schema: Schema, metadata: Mapping[str, str], like: pd.DataFrame) -> None:
        super().__init__(path, schema, metadata)
        filled = [like[name].first_valid_index() for name in like]  # rows enough to know every type
        typed = like[like.index.isin(filled)].reset_index(drop=True)
        features = np.zeros((len(typed), self._dim), np.float32)
        named = pd.DataFrame(features, columns=[f"feature_{i}" for i in range(self._dim)])
        self._form = as_arrow(pd.concat([typed, named], axis=1)).schema

    def __enter__(self) -> ProfileWriter:
        super().__enter__()
        added = {key.encode(): value.encode() for key, value in self.metadata.items()}
        form = self._form.with_metadata({**(self._form.metadata or {}), **added})
        self._writer = pq.ParquetWriter(self._partial, form, compression="zstd")
        self._stack.callback(self._writer.close)
        return self

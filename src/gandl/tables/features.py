"""Wide tables as arrays: takes a table of features, makes its other columns and one array of features.

A data frame of thousands of columns is held several times while it is made; here rows go into one array, some thousand at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from gandl.tables.schemas import Schema, TableError, check, feature_columns

ROWS_AT_ONCE = 2_048

Values = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]


def read_features(
    path: Path, schema: Schema, chosen: Callable[[pd.DataFrame], Flags] | None = None
) -> tuple[pd.DataFrame, Values]:
    """Read a table of features and check it.

    Parameters
    ----------
    chosen : the columns that are no features, of all rows -> (rows,) which are read; None: all of them.

    Returns
    -------
    Those columns of the n chosen rows, numbered anew, and (n, d) features in the numerical order of their names, of the table's
    own precision.

    Raises
    ------
    gandl.tables.TableError : the table breaks the schema; an unchosen row's features are not looked at.
    """
    with pq.ParquetFile(path) as file:
        empty = file.schema_arrow.empty_table().to_pandas()
        names = feature_columns(empty, schema.feature_prefix)
        if not names:
            raise TableError(f"{path}: the {schema.name} table has no {schema.feature_prefix}* column")
        about = file.read(columns=[name for name in empty.columns if name not in set(names)]).to_pandas()
        wanted = np.ones(len(about), bool) if chosen is None else np.asarray(chosen(about), bool)
        about = about[wanted].reset_index(drop=True)
        check(about, replace(schema, feature_prefix=""), path)
        values = np.empty((len(about), len(names)), np.result_type(*set(empty[names].dtypes)))
        written, row = 0, 0
        for group in range(file.num_row_groups):
            of_group = wanted[row : row + file.metadata.row_group(group).num_rows]
            row += len(of_group)
            first = 0
            for batch in file.iter_batches(ROWS_AT_ONCE, [group], names) if of_group.any() else ():
                here = of_group[first : first + batch.num_rows]
                first += batch.num_rows
                part = values[written : written + int(here.sum())]
                for column, name in enumerate(names):
                    part[:, column] = batch.column(name).to_numpy(zero_copy_only=False)[here]
                _check_finite(part, names, written, path)
                written += len(part)
    return about, values


def _check_finite(part: Values, names: list[str], first: int, path: Path) -> None:
    finite = np.isfinite(part)
    if not finite.all():
        row, column = (int(place[0]) for place in np.nonzero(~finite))
        raise TableError(f"{path}: {names[column]} in row {first + row + 1} is not a finite number")

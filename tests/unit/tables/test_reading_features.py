"""Wide tables are read as an array: the same rows and values as by a data frame, whatever the row groups, and the same errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gandl.tables import EMBEDDINGS, TableError, feature_columns, read_table
from gandl.tables.features import ROWS_AT_ONCE, read_features


def written(path: Path, n: int, *, row_group: int = 1_000) -> pd.DataFrame:
    """A table of 12 features in single precision, whose columns do not stand in the order of their numbers."""
    values = np.random.default_rng(0).normal(size=(n, 12)).astype(np.float32)
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in reversed(range(12))])
    frame.insert(5, "site_id", [f"site {i:05d}" for i in range(n)])
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=row_group)
    return frame


@pytest.mark.parametrize("row_group", [7_000, 1_000, 13])
def test_all_rows_are_those_of_a_data_frame(tmp_path: Path, row_group: int) -> None:
    path = tmp_path / "table.parquet"
    written(path, 2 * ROWS_AT_ONCE + 9, row_group=row_group)
    whole = read_table(path, EMBEDDINGS)
    about, values = read_features(path, EMBEDDINGS)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, whole[feature_columns(whole)].to_numpy())
    pd.testing.assert_frame_equal(about, whole[["site_id"]])


def test_chosen_rows_are_numbered_anew_and_no_others_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    frame = written(path, 5_003)
    frame.loc[4, "feature_3"] = np.nan
    frame.to_parquet(path, row_group_size=1_000)
    chosen = np.zeros(len(frame), bool)
    chosen[[0, 999, 1_000, 3_500, 5_002]] = True
    about, values = read_features(path, EMBEDDINGS, lambda _: chosen)
    assert about["site_id"].tolist() == [f"site {i:05d}" for i in (0, 999, 1_000, 3_500, 5_002)]
    assert about.index.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(values, frame[feature_columns(frame)].to_numpy()[chosen])
    with pytest.raises(TableError, match=r"feature_3 in row 5 is not a finite number"):
        read_features(path, EMBEDDINGS)


def test_no_chosen_row_gives_an_array_without_rows(tmp_path: Path) -> None:
    written(tmp_path / "table.parquet", 20)
    about, values = read_features(tmp_path / "table.parquet", EMBEDDINGS, lambda rows: rows["site_id"] == "another")
    assert len(about) == 0
    assert values.shape == (0, 12)


def test_a_table_without_features_and_one_that_names_a_row_twice_are_refused(tmp_path: Path) -> None:
    frame = written(tmp_path / "table.parquet", 20)
    frame[["site_id"]].to_parquet(tmp_path / "none.parquet")
    with pytest.raises(TableError, match=r"has no feature_\* column"):
        read_features(tmp_path / "none.parquet", EMBEDDINGS)
    frame.loc[7, "site_id"] = frame.loc[6, "site_id"]
    frame.to_parquet(tmp_path / "twice.parquet")
    with pytest.raises(TableError, match=r"row 8 of the embeddings table repeats site_id='site 00006'"):
        read_features(tmp_path / "twice.parquet", EMBEDDINGS)

"""Schemas: what breaks one is refused with file, column and row, on writing and on reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.tables import EMBEDDINGS, SITES, TableError, check, feature_columns, read_table, write_table


@pytest.fixture
def sites() -> pd.DataFrame:
    """Three wells of one plate."""
    n = 3
    return pd.DataFrame(
        {
            "site_id": [f"P_1_A0{i}_1" for i in range(1, n + 1)],
            "well_id": [f"P_1_A0{i}" for i in range(1, n + 1)],
            "experiment": ["P"] * n,
            "plate": [1] * n,
            "plate_id": ["P_1"] * n,
            "store_id": ["P_1"] * n,
            "well": ["A01", "A02", "A03"],
            "row": ["A"] * n,
            "column": [1, 2, 3],
            "site": [1] * n,
            "cell_type": ["U2OS"] * n,
            "condition": ["untreated", "treated", "treated"],
            "control": ["negative", "none", "positive"],
            "treatment": [None, "Wortmannin", "Wortmannin"],
            "compound": [None, "Wortmannin", "Wortmannin"],
            "concentration_um": [np.nan, 0.1, 0.15],
            "smiles": [None] * n,
        }
    )


def test_a_right_table_comes_back_as_it_was_written(sites: pd.DataFrame, tmp_path: Path) -> None:
    write_table(sites, tmp_path / "sites.parquet", SITES)
    pd.testing.assert_frame_equal(read_table(tmp_path / "sites.parquet", SITES), sites)


@pytest.mark.parametrize(
    ("column", "row", "value", "words"),
    [
        ("control", 1, "maybe", "control in row 2 of the sites table is 'maybe'; allowed: positive, negative, none"),
        ("concentration_um", 1, 0.0, "concentration_um in row 2 of the sites table is 0.0; it must be above 0"),
        ("site_id", 2, "P_1_A01_1", "row 3 of the sites table repeats site_id='P_1_A01_1'"),
        ("well", 0, None, "well is empty in row 1"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(
    sites: pd.DataFrame, tmp_path: Path, column: str, row: int, value: object, words: str
) -> None:
    sites.loc[row, column] = value
    with pytest.raises(TableError) as caught:
        write_table(sites, tmp_path / "sites.parquet", SITES)
    assert words in str(caught.value)
    assert not (tmp_path / "sites.parquet").exists()


def test_a_missing_column_is_named(sites: pd.DataFrame) -> None:
    with pytest.raises(TableError, match=r"lacks the columns well_id, control"):
        check(sites.drop(columns=["well_id", "control"]), SITES, "here")


def test_a_wrong_type_is_named(sites: pd.DataFrame) -> None:
    with pytest.raises(TableError, match="plate of the sites table must be integer"):
        check(sites.assign(plate="one"), SITES, "here")
    with pytest.raises(TableError, match="treatment of the sites table must be string"):
        check(sites.assign(treatment=[None, "Wortmannin", 3]), SITES, "here")
    check(sites.astype({"well": "string"}), SITES, "here")


def test_a_foreign_table_is_refused_on_reading(sites: pd.DataFrame, tmp_path: Path) -> None:
    sites.drop(columns=["row"]).to_parquet(tmp_path / "sites.parquet")
    with pytest.raises(TableError, match=r"sites\.parquet.*lacks the column row"):
        read_table(tmp_path / "sites.parquet", SITES)


def test_a_feature_that_is_not_finite_is_refused() -> None:
    frame = pd.DataFrame({"site_id": ["a", "b"], "feature_0": np.float32([1, np.nan])})
    with pytest.raises(TableError, match="feature_0 in row 2 is not a finite number"):
        check(frame, EMBEDDINGS, "here")


def test_features_stand_in_numerical_order() -> None:
    frame = pd.DataFrame(columns=["feature_10", "feature_2", "feature_x", "well"])
    assert feature_columns(frame) == ["feature_2", "feature_10"]

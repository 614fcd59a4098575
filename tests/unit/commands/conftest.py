"""A screen of two cell types as a lab brings it to `gandl evaluate`, and its evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.tables import SITES, write_table
from own_tables import QUICK, UNLABELLED, gandl_evaluate, table_of_features
from pair_inputs import features as pair_features, infected_sites


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three plates of HRCE, two of VERO, two images per well: sites, features by site in one table, rows shuffled."""
    folder = tmp_path_factory.mktemp("pair")
    sites = infected_sites({"HRCE-1": 3, "VERO-1": 2})
    write_table(sites, folder / "sites.parquet", SITES)
    table = table_of_features(pair_features(sites), site_id=sites["site_id"])
    table.sample(frac=1, random_state=0).to_parquet(folder / "features.parquet", index=False)
    return folder


@pytest.fixture(scope="session")
def evaluated(pair: Path) -> Path:
    out = pair / "out"
    given = ("--embeddings", f"mine={pair / 'features.parquet'}", "--sites", pair / "sites.parquet", "--out", out)
    assert gandl_evaluate(*given, *UNLABELLED, *QUICK) is None
    return out

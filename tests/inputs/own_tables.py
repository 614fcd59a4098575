"""Tables as labs bring them to `gandl evaluate`: features with ids, profiles of pycytominer, tables of sites and of wells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluation_inputs import features as plate_features, read_sites, write_plate
from gandl.__main__ import main
from gandl.tables import NUMBERS, read_table

QUICK = ("--bootstrap", 100)
UNLABELLED = ("--normalization", "unlabelled", "--normalization", "none")


def gandl_evaluate(*arguments: object) -> object:
    """Run the command in this process; its exit status, None if all is well."""
    try:
        main(["evaluate", *map(str, arguments)])
    except SystemExit as end:
        return end.code
    return None


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence by which the command refuses its arguments."""
    capsys.readouterr()
    assert gandl_evaluate(*arguments) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("gandl evaluate: ")]
    assert len(said) == 1
    assert len(said[0]) > len("gandl evaluate: ")
    return said[0]


def numbers(out: Path, question: str, featurizer: str = "mine", method: str = "unlabelled") -> pd.DataFrame:
    """Numbers of a question in a folder of results."""
    return read_table(out / f"evaluation/{question}/{featurizer}.{method}.parquet", NUMBERS)


def value(table: pd.DataFrame, metric: str, split: str) -> pd.Series:
    """The one row of a metric by well."""
    (row,) = table[(table["metric"] == metric) & (table["split"] == split) & (table["unit"] == "well")].itertuples()
    return row


def table_of_features(values: np.ndarray, **ids: object) -> pd.DataFrame:
    """A table with columns of ids and `feature_0` ..."""
    frame = pd.DataFrame(values.astype(np.float32), columns=[f"feature_{i}" for i in range(values.shape[1])])
    for position, (name, column) in enumerate(ids.items()):
        frame.insert(position, name, np.asarray(column, object))
    return frame


def plate_profile(folder: Path, noise: float = 0.1, seed: int = 0) -> pd.DataFrame:
    """BBBC013's plate as a profile of pycytominer: a row per well, metadata, features of two compartments."""
    sites = read_sites(write_plate(folder)[0])
    values = plate_features(sites, noise=noise, seed=seed)
    metadata = {
        "Metadata_Plate": "BBBC013",
        "Metadata_Well": sites["well"],
        "Metadata_control_type": sites["control"].map({"negative": "negcon", "positive": "poscon", "none": "trt"}),
        "Metadata_pert_iname": sites["treatment"].fillna(""),
        "Metadata_dose_uM": sites["concentration_um"],
    }
    named = {f"{'Cells' if i % 2 else 'Nuclei'}_Texture_{i}": column for i, column in enumerate(values.T)}
    return pd.DataFrame({**metadata, **named})

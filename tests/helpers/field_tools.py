"""What the field's tools make of exported profiles; runs in their own environment: `python field_tools.py FOLDER`.

Reads in FOLDER what the test laid there, writes beside it what pycytominer, copairs, statsmodels and anndata made of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anndata
import pandas as pd
import pycytominer
from copairs.map import average_precision
from statsmodels.stats.multitest import multipletests

from gandl.normalization.export import export_profiles

OPERATIONS = ["variance_threshold", "correlation_threshold", "drop_na_columns", "drop_outliers"]


def main(folder: Path) -> None:
    """Every tool on the files as they are, nothing renamed and no feature named."""
    selected = {
        ending: list(pycytominer.feature_select(str(folder / f"raw.{ending}"), operation=OPERATIONS))
        for ending in ("parquet", "csv.gz")
    }
    (folder / "selected.json").write_text(json.dumps(selected), encoding="utf-8")
    for name, samples in json.loads((folder / "samples.json").read_text(encoding="utf-8")).items():
        normalized = pycytominer.normalize(str(folder / "raw.csv.gz"), samples=samples)
        normalized.to_parquet(folder / f"normalized.{name}.parquet")
    unlabelled = json.loads((folder / "samples.json").read_text(encoding="utf-8"))["unlabelled"]
    wells = pd.read_parquet(folder / "wells.profiles.parquet")
    pycytominer.normalize(wells, samples=unlabelled, method="spherize").to_parquet(folder / "spherized.parquet")
    plate = wells[wells["Metadata_Plate"] == wells["Metadata_Plate"].iloc[0]].reset_index(drop=True)
    pycytominer.normalize(plate, samples=unlabelled, method="mad_robustize").to_parquet(folder / "robust.parquet")
    for path in folder.glob("pairs.*.json"):
        pairs = json.loads(path.read_text(encoding="utf-8"))
        table = pd.read_parquet(folder / pairs["profiles"])
        features = table.filter(regex="^(?!Metadata_)").to_numpy(float)
        about = table.filter(regex="^Metadata_").assign(is_control=table["Metadata_control_type"] == "negcon")
        ap = average_precision(about, features, *pairs["by"], progress_bar=False)
        ap.to_parquet(folder / f"precision.{path.name.split('.')[1]}.parquet")
    p = json.loads((folder / "p.json").read_text(encoding="utf-8"))
    (folder / "q.json").write_text(json.dumps(list(multipletests(p, method="fdr_bh")[1])), encoding="utf-8")
    export_profiles(folder / "wells.parquet", folder / "sites.parquet", [folder / "raw.h5ad"], {"run": "tiny"})
    table = anndata.read_h5ad(folder / "raw.h5ad")
    pd.concat([table.obs.astype(object), table.to_df()], axis=1).to_parquet(folder / "h5ad.parquet")
    (folder / "uns.json").write_text(json.dumps(dict(table.uns)), encoding="utf-8")
    selected_there = pycytominer.feature_select(str(folder / "raw.h5ad"), operation=OPERATIONS)
    assert list(selected_there) == selected["parquet"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))

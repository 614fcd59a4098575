"""A synthetic screen for tests of normalization and evaluation: BBBC013's plate map, features drawn from a seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from gandl.config import EvaluationSettings, Normalization
from gandl.embeddings.metadata import write_features
from gandl.evaluation.scores import write_scores
from gandl.normalization.profiles import write_profiles
from gandl.source.screens.bbbc013 import write_sites
from gandl.source.splits import write_splits
from gandl.tables import EMBEDDINGS, SITES, read_table

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = EvaluationSettings(svm_c=[0.01, 1.0], bootstrap=200)
DEVELOPMENT = ["A", "B", "C", "D"]
EC50 = {"Wortmannin": 0.02, "LY294002": 5.0}
SLOPE = 1.5


def write_plate(folder: Path) -> tuple[Path, Path]:
    """Sites and splits of BBBC013."""
    sites, splits = folder / "sites.parquet", folder / "splits.parquet"
    write_sites(REPOSITORY / "resources/bbbc013_platemap.csv", sites)
    write_splits(sites, splits, development_rows=DEVELOPMENT, test_share=0.25, seed=0, questions=["controls"])
    return sites, splits


def effect(sites: pd.DataFrame) -> np.ndarray:
    """Share of the full effect at each site: 0 without treatment, 1 in C+, Hill curves in between."""
    dose = sites["concentration_um"].to_numpy(float)
    ec50 = sites["treatment"].map(EC50).to_numpy(float)
    share = np.nan_to_num(1 / (1 + (ec50 / dose) ** SLOPE))
    return np.where(sites["control"] == "positive", 1.0, share)


def features(sites: pd.DataFrame, dim: int = 20, noise: float = 0.1, seed: int = 0) -> np.ndarray:
    """(sites, dim): the effect along one direction of 5 offsets and scales, and noise."""
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(dim)
    values = np.outer(effect(sites), direction) + noise * rng.standard_normal((len(sites), dim))
    return 5 + values * rng.uniform(0.5, 2, dim)


def write_embeddings(path: Path, sites: pd.DataFrame, values: np.ndarray, names: list[str] | None = None) -> Path:
    """An embedding table with its feature names."""
    dim = values.shape[1]
    frame = pd.DataFrame(values.astype(np.float32), columns=[f"feature_{i}" for i in range(dim)])
    frame.insert(0, "site_id", sites["site_id"].to_numpy())
    metadata = {"feature_names": json.dumps(names or [f"value {i}" for i in range(dim)]), "featurizer": "made_up"}
    write_features(frame, path, EMBEDDINGS, metadata)
    return path


def read_sites(path: Path) -> pd.DataFrame:
    return read_table(path, SITES)


def write_scores_of_plate(folder: Path, values: np.ndarray, names: list[str] | None = None) -> tuple[Path, Path]:
    """Normalise and score features of all sites of the plate: (scores, raw well profiles)."""
    sites, splits = write_plate(folder)
    embeddings = write_embeddings(folder / "embeddings.parquet", read_sites(sites), values, names)
    raw, standard, scores = (folder / f"{name}.parquet" for name in ("raw", "standard", "scores"))
    profiles = folder / "site_profiles.parquet"
    for method, path in ((Normalization.NONE, raw), (Normalization.UNLABELLED, standard)):
        write_profiles([embeddings], sites, method, profiles, path)
    write_scores(standard, profiles, splits, SETTINGS, scores, folder / "site_scores.parquet")
    return scores, raw


def write_scores_with_ratio(folder: Path) -> tuple[Path, Path]:
    """The same of three features and a fourth, the plain column `nuclear_over_ring`, which follows the effect by itself."""
    sites = read_sites(write_plate(folder)[0])
    ratio = 1 + 5 * effect(sites) + 0.1 * np.random.default_rng(5).standard_normal(len(sites))
    values = np.column_stack([features(sites, dim=3), ratio])
    return write_scores_of_plate(folder, values, ["count", "area", "eccentricity", "nuclear_over_ring"])

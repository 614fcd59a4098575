"""Two synthetic screens for tests of evaluation: one of infected HRCE and VERO plates, one of four cell types; no images.

What makes questions hard or easy: every plate shifts and scales all features, cell types differ, severity moves one direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evaluation_inputs import write_embeddings
from gandl.config import EvaluationSettings, Normalization
from gandl.normalization.profiles import write_profiles
from gandl.source.splits import write_splits
from gandl.tables import SITES, write_table
from table_rows import site_row

SETTINGS = EvaluationSettings(svm_c=[0.01, 1.0], bootstrap=200)
DOSES = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
EC50 = {"Remdesivir": 0.1, "Polydatin": np.inf}
DIM = 12
SITES_PER_WELL = 2


@dataclass(frozen=True)
class Screen:
    """Files of a screen: sites, splits, and profiles by normalisation."""

    folder: Path

    @property
    def sites(self) -> Path:
        return self.folder / "sites.parquet"

    @property
    def splits(self) -> Path:
        return self.folder / "splits.parquet"

    def wells(self, method: Normalization) -> Path:
        return self.folder / f"{method}.wells.parquet"

    def site_profiles(self, method: Normalization) -> Path:
        return self.folder / f"{method}.sites.parquet"


def infected_sites(plates: dict[str, int], seed: int = 0) -> pd.DataFrame:
    """A screen of experiments `<cell type>-<n>` with so many plates each: Mock, infected, UV-inactivated and treated wells."""
    layout = [("mock", "positive", None, np.nan)] * 4 + [("infected", "negative", None, np.nan)] * 6
    layout += [("uv_inactivated", "none", None, np.nan)] * 4 + [("unknown", "none", None, np.nan)]
    layout += [("infected", "none", name, dose) for name in EC50 for dose in DOSES for _ in range(2)]
    rng = np.random.default_rng(seed)
    wells = [
        (experiment, plate, place, layout[kind])
        for experiment, count in plates.items()
        for plate in range(1, count + 1)
        for place, kind in enumerate(rng.permutation(len(layout)))
    ]
    rows = [
        site_row(
            experiment,
            plate,
            _well(place),
            site,
            condition=condition,
            control=control,
            treatment=name,
            compound=name,
            concentration_um=dose,
        )
        for experiment, plate, place, (condition, control, name, dose) in wells
        for site in range(1, SITES_PER_WELL + 1)
    ]
    return pd.DataFrame(rows)


def typed_sites(experiments: dict[str, int], plates: int = 2, wells: int = 12) -> pd.DataFrame:
    """A screen like RxRx1: so many experiments per cell type, wells with siRNAs and both kinds of controls, nothing infected."""
    kinds = ["positive_control", "negative_control", *["treatment"] * (wells - 2)]
    controls = {"positive_control": "positive", "negative_control": "negative", "treatment": "none"}
    rows = [
        site_row(
            f"{cell_type}-{number:02d}",
            plate,
            _well(place),
            site,
            store_id=f"{cell_type}-{number:02d}",
            condition=kind,
            control=controls[kind],
            treatment=f"s{place}",
        )
        for cell_type, count in experiments.items()
        for number in range(1, count + 1)
        for plate in range(1, plates + 1)
        for place, kind in enumerate(kinds)
        for site in range(1, SITES_PER_WELL + 1)
    ]
    return pd.DataFrame(rows)


def _well(place: int) -> str:
    """Places count down the columns of eight rows."""
    return f"{'ABCDEFGH'[place % 8]}{place // 8 + 1:02d}"


def severity(sites: pd.DataFrame) -> np.ndarray:
    """1 in infected wells, less with an active compound; 0 elsewhere."""
    ec50 = sites["compound"].map(EC50).fillna(np.inf).to_numpy(float)
    dose = sites["concentration_um"].fillna(1.0).to_numpy(float)
    return np.where(sites["condition"] == "infected", 1 / (1 + (dose / ec50) ** 1.5), 0.0)


def features(sites: pd.DataFrame, effect: float = 3.0, seed: int = 0) -> np.ndarray:
    """(sites, 12): noise of wells and sites; severity and cell types along directions of their own; plates' shifts and scales."""
    rng = np.random.default_rng(seed)
    wells = sites["well_id"].factorize()[0]
    values = rng.standard_normal((wells.max() + 1, DIM))[wells] + 0.3 * rng.standard_normal((len(sites), DIM))
    directions = rng.standard_normal((1 + sites["cell_type"].nunique(), DIM))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    values += effect * np.outer(severity(sites), directions[0])
    values += 6 * directions[1:][sites["cell_type"].factorize()[0]]
    plates = sites["plate_id"].factorize()[0]
    shifts, scales = rng.normal(0, 0.5, (plates.max() + 1, DIM)), rng.uniform(0.8, 1.25, (plates.max() + 1, DIM))
    return 5 + (values * scales[plates]) + shifts[plates]


def write_screen(folder: Path, sites: pd.DataFrame, values: np.ndarray) -> Screen:
    """Sites, splits, embeddings of every store, and their raw and standardised profiles."""
    screen = Screen(folder)
    write_table(sites, screen.sites, SITES)
    questions = ["controls", "cell_model", "cell_type"]
    write_splits(screen.sites, screen.splits, development_rows=[], test_share=0.25, seed=0, questions=questions)
    stores = [
        write_embeddings(folder / f"{store}.parquet", of_store, values[of_store.index])
        for store, of_store in sites.groupby("store_id", sort=False)
    ]
    for method in (Normalization.NONE, Normalization.UNLABELLED):
        write_profiles(stores, screen.sites, method, screen.site_profiles(method), screen.wells(method))
    return screen

"""A screen of two plates whose folds leave out either, with the call that trains ImageNet-collapsed for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gandl.models.folds.manifest import Folds
from gandl.models.folds.training import train_folds
from gandl.source.schemes import Question
from gandl.tables import SITES, SPLITS, write_table
from model_inputs import COLLAPSED, write_store
from table_rows import site_row

SETTINGS = COLLAPSED.changed(images=8, batch=4, looks=1, held_out=0.25)
SCHEME = "leave_plate_out"
PLATES = ("HRCE-1_1", "HRCE-1_2")
WELLS = ("A01", "A02", "B01", "B02", "C01", "C02", "D01", "D02")


def write_tables(folder: Path, controls: tuple[str, ...] = ("positive", "negative")) -> tuple[Path, Path]:
    """Sites (two plates of 8 wells, one site each) and splits that leave out either plate."""
    rows = [
        site_row("HRCE-1", plate, well, site_id=f"HRCE-1_{plate}_{i}", control=controls[i % len(controls)])
        for plate in (1, 2)
        for i, well in enumerate(WELLS)
    ]
    sites = pd.DataFrame(rows)
    parts = [
        sites.loc[(sites["plate_id"] == plate) == (part == "test"), ["well_id"]].assign(fold=plate, part=part)
        for plate in PLATES
        for part in ("train", "test")
    ]
    splits = pd.concat(parts, ignore_index=True).assign(question="controls", scheme=SCHEME)
    write_table(sites, folder / "sites.parquet", SITES)
    write_table(splits, folder / "splits.parquet", SPLITS)
    return folder / "sites.parquet", folder / "splits.parquet"


def write_stores(folder: Path, channels: tuple[str, ...] = ("gfp", "dna")) -> list[Path]:
    """A store for each plate; the second one with other channels if requested."""
    return [
        write_store(folder, name=PLATES[0], sites=len(WELLS)),
        write_store(folder, name=PLATES[1], sites=len(WELLS), channels=channels, seed=1),
    ]


class Screen:
    """Stores and tables, and the call that trains their folds."""

    def __init__(self, folder: Path) -> None:
        self.stores = write_stores(folder)
        self.sites, self.splits = write_tables(folder)
        self.manifest = folder / "models" / "folds.json"

    def train(self, **changes: Any) -> Folds:
        given = {"settings": SETTINGS, "schemes": [SCHEME, "leave_row_out"], "manifest": self.manifest} | changes
        return train_folds(Question.CONTROLS, self.stores, self.sites, self.splits, **given)

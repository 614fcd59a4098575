"""Schemas of the comparison of representation learning: tiles, and their codes under one setup."""

from __future__ import annotations

from gandl.tables.schemas import CONTROLS, Column, Schema

CONTROL, DRUG = "control", "drug"
"""Labels of tiles: of vehicle wells, and of treated ones."""
TRAIN, VALIDATION, TEST = "train", "validation", "test"

TILES = Schema(
    "tiles",
    (
        Column("tile", "integer"),
        Column("site_id", "string"),
        Column("store_id", "string"),
        Column("well_id", "string"),
        Column("plate_id", "string"),
        Column("cell_type", "string"),
        Column("treatment", "string", nullable=True),
        Column("concentration_um", "float", nullable=True, positive=True),
        Column("control", "string", allowed=CONTROLS),
        Column("channel", "string"),
        Column("top", "integer"),
        Column("left", "integer"),
        Column("label", "string", nullable=True, allowed=(CONTROL, DRUG)),
        Column("part", "string", allowed=(TRAIN, VALIDATION, TEST)),
    ),
    key=("tile",),
)
"""One row per single-channel tile, row i being tile i: the well it is cut from, and where. `label` is what the weakly supervised
models and the task drug against control tell apart: null for wells that are neither; `part` is the well's."""

CODES = Schema("codes", (Column("tile", "integer"),), key=("tile",), feature_prefix="feature_")
"""tile, feature_0 ... feature_{d-1} (float32): the representation of every labelled tile under one setup and seed."""

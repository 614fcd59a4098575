"""One setup's codes as a job: takes files and settings, opens the tiles, and has them embedded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gandl.config.comparison_terms import Beyond
from gandl.config.representations import UnsupervisedSettings
from gandl.embeddings.comparison.codes import write_codes
from gandl.models.compute.device import choose_device
from gandl.models.crops.tiles import read_tiles
from gandl.workflow.machines.gpus import own_gpus


def write_setup_codes(
    tiles: Path,
    manifests: Sequence[Path],
    weights: Path | None,
    output: Path,
    *,
    setup: str,
    training_seed: int,
    settings: Mapping[str, Any],
    side: int,
    resolution: int,
    gpus: int = 0,
) -> None:
    """Write the codes of all labelled tiles under one setup and seed.

    Parameters
    ----------
    tiles : the table of tiles. manifests : of the stores that hold them.
    weights : of a setup that was trained; None of a floor.
    output : parquet, schema `gandl.tables.CODES`.
    setup, training_seed : of the codes. settings : the recipe of the encoder of `untrained`, plain values; of others unused.
    side : of a tile (px). resolution : stored size of the images that tiles are cut from. gpus : 1 computes on a GPU.

    Raises
    ------
    As `gandl.embeddings.comparison.codes.write_codes` and `gandl.models.crops.tiles.read_tiles`.
    """
    recipe = UnsupervisedSettings.model_validate(settings) if setup == Beyond.UNTRAINED else None
    with own_gpus(gpus):
        reader, table = read_tiles(tiles, manifests, side, resolution)
        write_codes(
            setup,
            reader,
            table,
            output,
            weights=weights,
            recipe=recipe,
            seed=training_seed,
            source=str(tiles),
            device=choose_device(gpus),
        )

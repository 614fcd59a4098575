"""Codes of tiles: takes a setup of the comparison, its weights and the tiles, makes a table of one vector per tile.

Trained setups embed by the flattened linear output of their encoder, GAN-DL by its discriminator's layer before the logit;
the floors need no weights: an encoder as its training starts, and plain intensities. A vector depends on its tile alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from gandl.config.comparison_terms import Beyond, parts_of
from gandl.config.representations import RepresentationRecipe
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.metadata import FEATURE_NAMES, FeatureWriter
from gandl.models.compute.device import CPU
from gandl.models.crops.intensity import IntensityScale, measure_scale
from gandl.models.crops.tiles import Tiles, TileStore
from gandl.models.networks.comparison.trained import TrainedRepresentation, TrainedTileAutoencoder
from gandl.models.networks.gan import TrainedGan
from gandl.models.networks.site_features import site_features, site_vectors
from gandl.models.networks.weights import load
from gandl.tables import CODES
from gandl.workflow.progress import Progress

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
PER_PASS = 64
"""Tiles of every pass of a network, the last one filled up."""
PER_GROUP = 1024
"""Tiles that are read together, and of a row group of the table."""

Vectors = npt.NDArray[np.float32]
Embed = Callable[[npt.NDArray[np.unsignedinteger]], Vectors]
"""Stored pixels (n, 1, y, x) -> vectors (n, d)."""


def write_codes(
    setup: str,
    reader: Tiles,
    table: pd.DataFrame,
    output: Path,
    *,
    weights: Path | None = None,
    recipe: RepresentationRecipe | None = None,
    seed: int = 0,
    source: str = "the table of tiles",
    device: torch.device = CPU,
) -> None:
    """Write the codes of all tiles that have a label, of every part, in the table's order.

    Parameters
    ----------
    setup : as `gandl.config.comparison_terms.setups` names them.
    reader, table : the tiles.
    output : parquet, schema `gandl.tables.CODES`; its metadata hold `feature_names` (JSON) and `setup`.
    weights : of a setup that was trained.
    recipe, seed : of the encoder of `untrained`, which sees tiles on the intensity scale that a training would measure.
    source : of the table, for messages.

    Raises
    ------
    EmbeddingError : weights or a recipe are missing, weights are of another setup, or no tile has a label.
    gandl.models.networks.weights.WeightsError : the weights cannot be read.
    gandl.models.networks.site_features.SiteError : the tiles are smaller than what the network takes.
    """
    embed, names = _embedder(setup, reader, table, weights, recipe, seed, source, device)
    tiles = table.loc[table["label"].notna(), "tile"].to_numpy(np.int64)
    if not len(tiles):
        raise EmbeddingError(f"{source} has no tile with a label: there is nothing to embed")
    metadata = {FEATURE_NAMES: json.dumps(names), "setup": setup}
    with (
        FeatureWriter(Path(output), CODES, metadata) as writer,
        Progress(f"embedding tiles by {setup}", len(tiles), "tiles", 0) as progress,
    ):
        for start in range(0, len(tiles), PER_GROUP):
            some = tiles[start : start + PER_GROUP]
            frame = pd.DataFrame(_finite(embed(reader.read(some)), some, setup), columns=_columns(names), copy=False)
            frame.insert(0, "tile", some)
            writer.write(frame)
            progress.update(start + len(some))


def codes_of(
    model: TrainedRepresentation, images: npt.NDArray[np.unsignedinteger], device: torch.device = CPU
) -> Vectors:
    """Codes (n, code_dim) of tiles (n, c, y, x) in stored pixel values; of tiles larger than its crop means over a grid."""
    model.encoder.to(device)
    crop = model.settings.crop
    dim = model.encoder.code_dim

    def describe(crops: Tensor) -> Tensor:
        return model.codes(crops.to(next(model.encoder.parameters()).dtype)).float()

    return site_vectors(describe, dim, model.scale, images, crop, crop, PER_PASS, device)


def intensities(images: npt.NDArray[np.unsignedinteger]) -> Vectors:
    """Mean, deviation and `PERCENTILES` of the pixels of tiles (n, c, y, x), as shares of the largest value: (n, 11)."""
    most = float(np.iinfo(images.dtype).max)
    pixels = images.reshape(len(images), -1).astype(np.float64) / most
    found = [pixels.mean(axis=1), pixels.std(axis=1), *np.percentile(pixels, PERCENTILES, axis=1)]
    return np.stack(found, axis=1).astype(np.float32)


def untrained(recipe: RepresentationRecipe, scale: IntensityScale, seed: int) -> TrainedRepresentation:
    """The encoder that every training with these settings and this seed starts from."""
    return TrainedTileAutoencoder.new(recipe, scale, seed)


def _embedder(
    setup: str,
    reader: Tiles,
    table: pd.DataFrame,
    weights: Path | None,
    recipe: RepresentationRecipe | None,
    seed: int,
    source: str,
    device: torch.device,
) -> tuple[Embed, list[str]]:
    """What embeds tiles in a setup, and the names of its features."""
    parts = parts_of(setup)
    if parts is Beyond.INTENSITIES:
        return intensities, ["mean", "deviation", *(f"percentile_{share}" for share in PERCENTILES)]
    if parts is Beyond.UNTRAINED:
        if recipe is None:
            raise EmbeddingError(
                f"the setup {setup} needs the recipe that its encoder is made from, and none was given"
            )
        store = TileStore(reader, table, source=source)
        scale = measure_scale([store], recipe.resolution, recipe.intensity)  # type: ignore[list-item]
        return _of_encoder(untrained(recipe, scale, seed), device)
    if weights is None:
        raise EmbeddingError(f"the setup {setup} needs the weights of its training, and none were given")
    if parts is Beyond.GANDL:
        return _of_gan(load(Path(weights), TrainedGan), device)
    model = load(Path(weights), TrainedRepresentation)
    expected = parts.value if isinstance(parts, Beyond) else parts[0].value
    if model.objective != expected:
        raise EmbeddingError(
            f"{weights} holds a model of {model.objective}, but the setup {setup} needs one of {expected}"
        )
    return _of_encoder(model, device)


def _of_encoder(model: TrainedRepresentation, device: torch.device) -> tuple[Embed, list[str]]:
    return lambda images: codes_of(model, images, device), [f"code_{i}" for i in range(model.encoder.code_dim)]


def _of_gan(model: TrainedGan, device: torch.device) -> tuple[Embed, list[str]]:
    discriminator = model.discriminator_ema.to(device)
    crop = model.settings.network.crop

    def embed(images: npt.NDArray[np.unsignedinteger]) -> Vectors:
        return site_features(discriminator, model.scale, images, crop, crop, PER_PASS).post

    return embed, [f"post_{i}" for i in range(discriminator.feature_dim)]


def _columns(names: Sequence[str]) -> list[str]:
    return [f"feature_{i}" for i in range(len(names))]


def _finite(vectors: Vectors, tiles: npt.NDArray[np.int64], setup: str) -> Vectors:
    wrong = ~np.isfinite(vectors).all(axis=1)
    if wrong.any():
        raise EmbeddingError(f"the setup {setup} gave tile {tiles[wrong.argmax()]} a number that is not finite")
    return vectors

"""Codes of tiles: those of labelled tiles in the table's order, by the network of the setup, each of its tile alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gandl.config import Intensity, TilesSettings
from gandl.config.comparison_terms import Switch
from gandl.config.representations import UnsupervisedSettings
from gandl.embeddings.comparison.codes import codes_of, intensities, write_codes
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.metadata import feature_metadata, feature_names
from gandl.images.tiles.reader import TileReader
from gandl.images.tiles.table import write_tiles
from gandl.models.crops.intensity import IntensityScale, measure_scale
from gandl.models.crops.tiles import TileStore, read_tiles
from gandl.models.networks.comparison.trained import KINDS, TrainedTileAutoencoder, unit
from gandl.models.networks.gan import TrainedGan, untrained as untrained_gan
from gandl.models.networks.weights import save
from gandl.tables import CODES, feature_columns, read_table
from model_inputs import REPRESENTATIONS, TRAINING
from tile_inputs import tiled_screen

SIDE, RESOLUTION = 16, 36
SCALE = IntensityScale(("grey",), (3.0,), (250.0,), Intensity.STORE)

Tiled = tuple[TileReader, pd.DataFrame]


@pytest.fixture(scope="module")
def tiled(tmp_path_factory: pytest.TempPathFactory) -> Tiled:
    """The tiles of two cell lines, those of one drug without a label."""
    folder = tmp_path_factory.mktemp("tiled")
    screen = tiled_screen(folder)
    write_tiles(screen.manifests, screen.sites, folder / "tiles.parquet", TilesSettings(side=SIDE), RESOLUTION)
    reader, table = read_tiles(folder / "tiles.parquet", screen.manifests, SIDE, RESOLUTION)
    return reader, table.assign(label=table["label"].where(table["treatment"] != "PEM", None))


def weights_of(setup: str, folder: Path, seed: int = 0) -> Path:
    objective = setup.partition(".")[0]
    model = KINDS[objective].new(REPRESENTATIONS[objective], SCALE, seed, classes=("control", "drug"))
    save(model, folder / "weights.safetensors")
    return folder / "weights.safetensors"


def written(tiled: Tiled, folder: Path, setup: str, **named: object) -> pd.DataFrame:
    output = folder / "codes.parquet"
    write_codes(setup, *tiled, output, **named)  # type: ignore[arg-type]
    return read_table(output, CODES)


def vectors(codes: pd.DataFrame) -> np.ndarray:
    return codes[feature_columns(codes)].to_numpy()


@pytest.mark.parametrize("setup", ["unsupervised.aug_one_crop", "weakly_supervised.aug_multi_crop", "dino"])
def test_codes_are_the_encoders_of_all_labelled_tiles_in_order(tiled: Tiled, tmp_path: Path, setup: str) -> None:
    reader, table = tiled
    codes = written(tiled, tmp_path, setup, weights=weights_of(setup, tmp_path))
    labelled = table.loc[table["label"].notna(), "tile"]
    assert list(codes["tile"]) == list(labelled)
    objective = setup.partition(".")[0]
    model = KINDS[objective].new(REPRESENTATIONS[objective], SCALE, 0, classes=("control", "drug"))
    images = (SCALE.apply(reader.read(labelled.to_numpy())).double() + 1) / 2
    with torch.no_grad():
        expected = model.encoder.double()((images.clamp(0, 1) - 0.449) / 0.226).flatten(1).numpy()
    np.testing.assert_allclose(vectors(codes), expected, rtol=1e-3, atol=1e-5)
    assert feature_names(tmp_path / "codes.parquet")[:2] == ["code_0", "code_1"]
    assert feature_metadata(tmp_path / "codes.parquet")["setup"] == setup


def test_a_code_does_not_depend_on_its_batch(tiled: Tiled) -> None:
    reader, _ = tiled
    model = TrainedTileAutoencoder.new(REPRESENTATIONS["unsupervised"], SCALE, 0)
    images = reader.read(np.arange(70))
    whole = codes_of(model, images)
    np.testing.assert_array_equal(codes_of(model, images[[69, 3]]), whole[[69, 3]])
    np.testing.assert_array_equal(codes_of(model, images[::-1].copy()), whole[::-1])


def test_byols_codes_are_of_normalised_tiles_and_with_the_defect_of_plain_ones(tiled: Tiled) -> None:
    reader, _ = tiled
    images = reader.read(np.arange(4))
    for switches, normal in (([], True), ([Switch.UNNORMALIZED_CODES], False)):
        settings = REPRESENTATIONS["self_supervised"].changed(switches=switches)
        model = KINDS["self_supervised"].new(settings, SCALE, 0)
        tiles = unit(SCALE.apply(images))
        with torch.no_grad():
            expected = model.encoder((tiles - 0.449) / 0.226 if normal else tiles).flatten(1).numpy()
        np.testing.assert_allclose(codes_of(model, images), expected, rtol=1e-3, atol=1e-5)


def test_the_untrained_encoder_is_what_trainings_start_from_on_the_scale_that_they_measure(
    tiled: Tiled, tmp_path: Path
) -> None:
    reader, table = tiled
    recipe = REPRESENTATIONS["unsupervised"]
    assert isinstance(recipe, UnsupervisedSettings)
    codes = written(tiled, tmp_path, "untrained", recipe=recipe, seed=3)
    scale = measure_scale([TileStore(reader, table)], RESOLUTION)  # type: ignore[list-item]
    start = TrainedTileAutoencoder.new(recipe, scale, 3)
    np.testing.assert_array_equal(vectors(codes), codes_of(start, reader.read(codes["tile"].to_numpy())))
    other = written(tiled, tmp_path, "untrained", recipe=recipe, seed=4)
    assert not np.array_equal(vectors(codes), vectors(other))


def test_gan_dls_codes_are_its_discriminators_features(tiled: Tiled, tmp_path: Path) -> None:
    reader, _ = tiled
    model: TrainedGan = untrained_gan(TRAINING, SCALE, 0)
    save(model, tmp_path / "gan.safetensors")
    codes = written(tiled, tmp_path, "gandl", weights=tmp_path / "gan.safetensors")
    some = SCALE.apply(reader.read(codes["tile"].to_numpy()[:5]))
    with torch.no_grad():
        description = model.discriminator_ema.describe(some)
    assert vectors(codes).shape[1] == TRAINING.network.feature_dim
    pre = description.pre.numpy()
    np.testing.assert_allclose(np.sign(vectors(codes)[:5]), np.sign(pre))
    np.testing.assert_allclose(
        vectors(codes)[:5][pre > 0] / pre[pre > 0], vectors(codes)[0, pre[0] > 0][0] / pre[0][pre[0] > 0][0], rtol=1e-3
    )


def test_intensities_are_numpys_and_know_no_bit_depth() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 8, 8), dtype=np.uint8)
    found = intensities(images)
    pixels = images[1].ravel() / 255
    expected = [pixels.mean(), pixels.std(), *(np.percentile(pixels, q) for q in (1, 5, 10, 25, 50, 75, 90, 95, 99))]
    np.testing.assert_allclose(found[1], expected, rtol=1e-6)
    np.testing.assert_allclose(intensities(images.astype(np.uint16) * 257), found, rtol=1e-6)


def test_what_a_setup_lacks_is_said(tiled: Tiled, tmp_path: Path) -> None:
    wrong = weights_of("unsupervised.aug_one_crop", tmp_path)
    for setup, named, message in (
        ("dino", {}, "the setup dino needs the weights of its training"),
        ("untrained", {}, "needs the recipe that its encoder is made from"),
        ("regularized.aug_one_crop", {"weights": wrong}, "holds a model of unsupervised, but the setup regularized"),
    ):
        with pytest.raises(EmbeddingError, match=message):
            written(tiled, tmp_path, setup, **named)
    reader, table = tiled
    with pytest.raises(EmbeddingError, match="the table of tiles has no tile with a label: there is nothing to embed"):
        written((reader, table.assign(label=None)), tmp_path, "intensities")

"""Featurizers: one interface, and what each network featurizer takes its numbers from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from embedding_inputs import SETTINGS, SIZE, TRAINING, build, draw_sites, write_store, write_weights
from gandl.config import Activation, BlockStatistic, FeaturizerName, Weights
from gandl.embeddings.embed import embed_store
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import Featurizer, build_featurizer
from gandl.embeddings.metadata import feature_names
from gandl.embeddings.network import NetworkFeaturizer
from gandl.images.store import ImageStore
from gandl.models.intensity import measure_scale
from gandl.models.weights import load
from gandl.tables import EMBEDDINGS, read_table

GANDL, BLOCKS, UNTRAINED = FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS, FeaturizerName.GANDL_UNTRAINED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `S_1.zarr` of nine sites and `weights.safetensors`."""
    folder = tmp_path_factory.mktemp("featurizers")
    write_store(folder, draw_sites(9))
    write_weights(folder / "weights.safetensors")
    return folder


def images_for(featurizer: Featurizer, folder: Path) -> np.ndarray:
    return ImageStore(folder / "S_1.zarr").sites(slice(None), featurizer.resolution)


@pytest.mark.parametrize("name", FeaturizerName)
def test_every_featurizer_keeps_the_interface(name: FeaturizerName, folder: Path) -> None:
    featurizer = build(name, folder)
    vectors = featurizer.embed(images_for(featurizer, folder))
    assert featurizer.name == name
    assert featurizer.channels == ["gfp", "dna"]
    assert featurizer.dim == len(featurizer.feature_names) == len(set(featurizer.feature_names))
    assert vectors.shape == (9, featurizer.dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) == 9


@pytest.mark.parametrize("name", FeaturizerName)
def test_every_featurizer_embeds_a_store(name: FeaturizerName, folder: Path, tmp_path: Path) -> None:
    featurizer, output = build(name, folder), tmp_path / "S_1.parquet"
    embed_store(folder / "S_1.zarr", featurizer, output, SETTINGS, sites_per_read=4)
    table = read_table(output, EMBEDDINGS)
    assert feature_names(output) == featurizer.feature_names
    np.testing.assert_array_equal(table.iloc[:, 1:].to_numpy(), featurizer.embed(images_for(featurizer, folder)))


def test_networks_look_at_the_resolution_they_were_trained_at_and_floors_at_the_full_image(folder: Path) -> None:
    resolutions = {name: build(name, folder).resolution for name in FeaturizerName}
    assert [resolutions[name] for name in (GANDL, BLOCKS, UNTRAINED)] == [SIZE // 2] * 3
    assert resolutions[FeaturizerName.INTENSITY] is resolutions[FeaturizerName.SEGMENTATION] is None


def test_gandl_is_the_mean_over_crops_of_the_layer_before_the_logit(folder: Path) -> None:
    """Again by hand: crops of 16 px at 0 and 8 of 24 px, one by one through the EMA discriminator."""
    featurizer = build(GANDL, folder)
    images = images_for(featurizer, folder)[:2]
    model = load(folder / "weights.safetensors")
    expected = []
    for site in model.scale.apply(images):
        crops = [site[None, :, top : top + 16, left : left + 16] for top in (0, 8) for left in (0, 8)]
        expected.append(torch.stack([model.discriminator_ema.describe(crop).post[0] for crop in crops]).mean(0).numpy())
    np.testing.assert_allclose(featurizer.embed(images), np.stack(expected), rtol=1e-4, atol=1e-5)


def test_blocks_are_the_mean_and_deviation_of_every_map(folder: Path) -> None:
    featurizer = build(BLOCKS, folder)
    images = images_for(featurizer, folder)[:1, :, :16, :16]  # a single crop
    model = load(folder / "weights.safetensors")
    blocks = model.discriminator_ema.describe(model.scale.apply(images)).blocks
    expected = {
        f"{block}_{statistic}_{i}": float(getattr(maps[0, i].double().numpy(), statistic)())
        for block, maps in zip(model.discriminator_ema.block_names, blocks, strict=True)
        for statistic in ("mean", "std")
        for i in range(maps.shape[1])
    }
    found = dict(zip(featurizer.feature_names, featurizer.embed(images)[0].tolist(), strict=True))
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_activation_and_weights_are_settings(folder: Path) -> None:
    def embed(activation: Activation, weights: Weights) -> np.ndarray:
        settings = SETTINGS.model_copy(update={"activation": activation, "weights": weights})
        featurizer = build(GANDL, folder, settings)
        assert featurizer.feature_names[0] == f"{activation.value}_0"
        return featurizer.embed(
            images_for(featurizer, folder)[:, :, :16, :16]
        )  # one crop: the activation is not averaged

    for weights in Weights:
        pre, post = embed(Activation.PRE, weights), embed(Activation.POST, weights)
        np.testing.assert_allclose(post, np.where(pre > 0, pre, 0.2 * pre) * np.sqrt(2), rtol=1e-4, atol=1e-6)
        assert (pre < 0).any()
    assert not np.allclose(embed(Activation.POST, Weights.EMA), embed(Activation.POST, Weights.RAW))


def test_the_untrained_network_needs_no_weights_and_is_decided_by_its_seed(folder: Path) -> None:
    def embed(seed: int) -> np.ndarray:
        training = TRAINING.model_copy(update={"seed": seed})
        featurizer = build_featurizer(UNTRAINED, settings=SETTINGS, stores=[folder / "S_1.zarr"], training=training)
        return featurizer.embed(images_for(featurizer, folder))

    np.testing.assert_array_equal(embed(0), embed(0))
    assert not np.allclose(embed(0), embed(1))


def test_the_untrained_network_is_on_the_scale_that_training_measures(folder: Path) -> None:
    featurizer = build(UNTRAINED, folder)
    assert isinstance(featurizer, NetworkFeaturizer)
    assert featurizer.model.scale == measure_scale(
        [ImageStore(folder / "S_1.zarr")], TRAINING.resolution, TRAINING.intensity
    )
    assert featurizer.feature_names == build(BLOCKS, folder).feature_names


def test_weights_of_other_channels_are_refused_naming_both_lists(folder: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path, draw_sites(2), ("con_a", "hoechst"))
    with pytest.raises(EmbeddingError, match=r"holds the channels con_a, hoechst, .*gandl was made for gfp, dna"):
        embed_store(store, build(GANDL, folder), tmp_path / "embedded.parquet", SETTINGS)
    assert not (tmp_path / "embedded.parquet").exists()


@pytest.mark.parametrize("name", [GANDL, BLOCKS])
def test_a_network_without_weights_says_so(name: FeaturizerName, folder: Path) -> None:
    with pytest.raises(EmbeddingError, match=f"{name} featurizer needs the weights"):
        build_featurizer(name, settings=SETTINGS, stores=[folder / "S_1.zarr"])


def test_an_untrained_network_without_a_shape_says_so(folder: Path) -> None:
    with pytest.raises(EmbeddingError, match="needs the training settings"):
        build_featurizer(UNTRAINED, settings=SETTINGS, stores=[folder / "S_1.zarr"])


def test_stores_of_different_channels_are_refused_naming_both(folder: Path, tmp_path: Path) -> None:
    other = write_store(tmp_path, draw_sites(1), ("gfp", "hoechst"), "S_2")
    with pytest.raises(
        EmbeddingError, match=r"S_2\.zarr holds the channels gfp, hoechst, but .*S_1\.zarr holds gfp, dna"
    ):
        build_featurizer(FeaturizerName.INTENSITY, settings=SETTINGS, stores=[folder / "S_1.zarr", other])


def test_a_featurizer_without_a_store_is_refused() -> None:
    with pytest.raises(EmbeddingError, match="at least one image store"):
        build_featurizer(FeaturizerName.INTENSITY, settings=SETTINGS, stores=[])


def test_how_long_training_takes_does_not_change_the_untrained_network(folder: Path) -> None:
    """So that the floors need not be redone with it: shape, resolution and seed are all that counts."""
    longer = TRAINING.model_copy(update={"images": 99, "learning_rate": 0.5, "batch": 4, "r1_gamma": 9.0})
    vectors = []
    for training in (TRAINING, longer):
        featurizer = build_featurizer(UNTRAINED, settings=SETTINGS, stores=[folder / "S_1.zarr"], training=training)
        vectors.append(featurizer.embed(images_for(featurizer, folder)))
    np.testing.assert_array_equal(*vectors)


def test_blocks_and_their_statistics_are_settings(folder: Path) -> None:
    every = build(BLOCKS, folder)
    settings = SETTINGS.model_copy(update={"blocks": ["last", "image"], "block_statistics": [BlockStatistic.STD]})
    some = build(BLOCKS, folder, settings)
    images = images_for(every, folder)
    columns = [i for i, name in enumerate(every.feature_names) if name.startswith(("image_std_", "last_std_"))]
    assert some.feature_names == [every.feature_names[i] for i in columns]
    np.testing.assert_array_equal(some.embed(images), every.embed(images)[:, columns])


def test_an_unknown_block_is_refused_with_the_known_ones(folder: Path) -> None:
    settings = SETTINGS.model_copy(update={"blocks": ["block_99"]})
    with pytest.raises(
        EmbeddingError, match="names block_99, which this discriminator does not have; it has image, block_8"
    ):
        build(BLOCKS, folder, settings)

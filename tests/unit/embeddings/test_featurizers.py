"""Featurizers: one interface, and what each network featurizer takes its numbers from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from embedding_inputs import (
    FEATURIZERS,
    OTHER,
    SCREEN,
    SETTINGS,
    SIZE,
    TRAINING,
    build,
    build_several,
    draw_sites,
    pixels_for,
    write_inputs,
    write_store,
)
from gandl.config import (
    CYTOGAN,
    NEED_NUCLEI,
    Activation,
    BlockStatistic,
    EmbeddingsSettings,
    FeaturizerName,
    Intensity,
    Weights,
)
from gandl.embeddings.embed import embed_store
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.featurizers import SharesLook
from gandl.embeddings.kinds import build_featurizers
from gandl.embeddings.metadata import feature_names
from gandl.embeddings.network import Look, NetworkFeaturizer
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import measure_scale
from gandl.models.networks.gan import untrained
from gandl.models.networks.weights import load
from gandl.tables import EMBEDDINGS, read_table

GANDL, BLOCKS, UNTRAINED = FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS, FeaturizerName.GANDL_UNTRAINED
BASELINE, CONV_AE = FeaturizerName.DENSENET161_ARCFACE, FeaturizerName.CONV_AE
CONCATENATED, BLANK = FeaturizerName.IMAGENET_CONCATENATED, FeaturizerName.IMAGENET_UNTRAINED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `S_1.zarr` of nine sites and `weights.safetensors`."""
    return write_inputs(tmp_path_factory.mktemp("featurizers"), 9)


@pytest.mark.parametrize("name", FEATURIZERS)
def test_every_featurizer_keeps_the_interface(name: FeaturizerName, folder: Path) -> None:
    featurizer = build(name, folder)
    vectors = featurizer.embed(pixels_for(featurizer, folder))
    assert featurizer.name == name
    assert featurizer.channels == ["gfp", "dna"]
    assert featurizer.dim == len(featurizer.feature_names) == len(set(featurizer.feature_names))
    assert vectors.shape == (9, featurizer.dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors, axis=0)) == (9 if featurizer.dim > 1 else len(np.unique(vectors)))


@pytest.mark.parametrize("name", FEATURIZERS)
def test_every_featurizer_embeds_a_store(name: FeaturizerName, folder: Path, tmp_path: Path) -> None:
    featurizer, output = build(name, folder), tmp_path / "S_1.parquet"
    embed_store(folder / "S_1.zarr", [featurizer], [output], SETTINGS, SCREEN, sites_per_read=4)
    table = read_table(output, EMBEDDINGS)
    assert feature_names(output) == featurizer.feature_names
    np.testing.assert_array_equal(table.iloc[:, 1:].to_numpy(), featurizer.embed(pixels_for(featurizer, folder)))


def test_networks_look_at_the_scale_of_training_and_the_other_floors_at_the_largest_images(folder: Path) -> None:
    full_size = {name: build(name, folder).full_size for name in FEATURIZERS}
    assert [name for name in FEATURIZERS if not full_size[name]] == [
        *(GANDL, BLOCKS, BASELINE, CONCATENATED, CONV_AE, *CYTOGAN, UNTRAINED, BLANK)
    ]


def test_trained_featurizers_built_together_share_one_network(folder: Path) -> None:
    together = build_several([GANDL, BLOCKS], folder)
    assert all(isinstance(featurizer, SharesLook) for featurizer in together)
    assert len({featurizer.look for featurizer in together if isinstance(featurizer, SharesLook)}) == 1
    for featurizer, name in zip(together, (GANDL, BLOCKS), strict=True):
        images = pixels_for(featurizer, folder)
        np.testing.assert_array_equal(featurizer.embed(images), build(name, folder).embed(images))


def test_floors_of_cells_built_together_find_them_once(folder: Path) -> None:
    together = build_several(NEED_NUCLEI, folder)
    assert len({featurizer.look for featurizer in together if isinstance(featurizer, SharesLook)}) == 1
    counts = [featurizer.embed(pixels_for(featurizer, folder))[:, 0] for featurizer in together]
    assert counts[0].max() > counts[0].min()
    for other in counts[1:]:
        np.testing.assert_array_equal(other, counts[0])


def test_published_embeddings_are_not_made_here(folder: Path) -> None:
    with pytest.raises(EmbeddingError, match="released embeddings are read as published"):
        build(FeaturizerName.RELEASED, folder)
    with pytest.raises(EmbeddingError, match="imagenet_collapsed is trained anew for every fold of a question"):
        build_several([FeaturizerName.IMAGENET_COLLAPSED], folder)


def test_gandl_is_the_mean_over_crops_of_the_layer_before_the_logit(folder: Path) -> None:
    """Again by hand: crops of 16 px at 0 and 8 of 24 px, one by one through the EMA discriminator."""
    featurizer = build(GANDL, folder)
    images = pixels_for(featurizer, folder)[:2]
    model = load(folder / "weights.safetensors")
    expected = []
    for site in model.scale.apply(images):
        crops = [site[None, :, top : top + 16, left : left + 16] for top in (0, 8) for left in (0, 8)]
        expected.append(torch.stack([model.discriminator_ema.describe(crop).post[0] for crop in crops]).mean(0).numpy())
    np.testing.assert_allclose(featurizer.embed(images), np.stack(expected), rtol=1e-4, atol=1e-5)


def test_blocks_are_the_mean_and_deviation_of_every_map(folder: Path) -> None:
    featurizer = build(BLOCKS, folder)
    images = pixels_for(featurizer, folder)[:1, :, :16, :16]  # a single crop
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
            pixels_for(featurizer, folder)[:, :, :16, :16]
        )  # one crop: the activation is not averaged

    for weights in Weights:
        pre, post = embed(Activation.PRE, weights), embed(Activation.POST, weights)
        np.testing.assert_allclose(post, np.where(pre > 0, pre, 0.2 * pre) * np.sqrt(2), rtol=1e-4, atol=1e-6)
        assert (pre < 0).any()
    assert not np.allclose(embed(Activation.POST, Weights.EMA), embed(Activation.POST, Weights.RAW))


def test_the_untrained_network_needs_no_weights_and_is_decided_by_its_seed(folder: Path) -> None:
    def embed(seed: int) -> np.ndarray:
        training = TRAINING.model_copy(update={"seed": seed})
        (featurizer,) = build_featurizers(
            [UNTRAINED], settings=SETTINGS, screen=[folder / "S_1.zarr"], training=training
        )
        return featurizer.embed(pixels_for(featurizer, folder))

    np.testing.assert_array_equal(embed(0), embed(0))
    assert not np.allclose(embed(0), embed(1))


def test_the_untrained_network_is_on_the_scale_that_training_measures(folder: Path) -> None:
    featurizer = build(UNTRAINED, folder)
    assert isinstance(featurizer, NetworkFeaturizer)
    assert featurizer.look.model.scale == measure_scale(
        [ImageStore(folder / "S_1.zarr")], TRAINING.resolution, TRAINING.intensity
    )
    assert featurizer.feature_names == build(BLOCKS, folder).feature_names


def test_weights_of_other_channels_are_refused_naming_both_lists(folder: Path, tmp_path: Path) -> None:
    store = write_store(tmp_path, draw_sites(2), ("con_a", "hoechst"))
    with pytest.raises(EmbeddingError, match=r"holds the channels con_a, hoechst, .*gandl was made for gfp, dna"):
        embed_store(store, [build(GANDL, folder)], [tmp_path / "embedded.parquet"], SETTINGS, SCREEN)
    assert not (tmp_path / "embedded.parquet").exists()


@pytest.mark.parametrize("name", [GANDL, BLOCKS])
def test_a_network_without_weights_says_so(name: FeaturizerName, folder: Path) -> None:
    with pytest.raises(EmbeddingError, match=f"{name} featurizer needs the weights"):
        build_featurizers([name], settings=SETTINGS, screen=[folder / "S_1.zarr"])


@pytest.mark.parametrize("name", [UNTRAINED, CONCATENATED, BLANK])
def test_a_network_that_shares_settings_of_the_training_says_so_without_them(
    name: FeaturizerName, folder: Path
) -> None:
    with pytest.raises(EmbeddingError, match=f"{name} featurizer needs the training settings"):
        build_featurizers([name], settings=SETTINGS, screen=[folder / "S_1.zarr"])


def test_stores_of_different_channels_are_refused_naming_both(folder: Path, tmp_path: Path) -> None:
    other = write_store(tmp_path, draw_sites(1), ("gfp", "hoechst"), "S_2")
    with pytest.raises(
        EmbeddingError, match=r"S_2\.zarr holds the channels gfp, hoechst, but .*S_1\.zarr holds gfp, dna"
    ):
        build_featurizers([FeaturizerName.INTENSITY], settings=SETTINGS, screen=[folder / "S_1.zarr", other])


def test_a_featurizer_without_a_store_is_refused() -> None:
    with pytest.raises(EmbeddingError, match="at least one image store"):
        build_featurizers([FeaturizerName.INTENSITY], settings=SETTINGS)


def test_how_long_training_takes_does_not_change_the_untrained_network(folder: Path) -> None:
    """So that the floors need not be redone with it: shape, resolution and seed are all that counts."""
    longer = TRAINING.model_copy(update={"images": 99, "learning_rate": 0.5, "batch": 4, "r1_gamma": 9.0})
    vectors = []
    for training in (TRAINING, longer):
        (featurizer,) = build_featurizers(
            [UNTRAINED], settings=SETTINGS, screen=[folder / "S_1.zarr"], training=training
        )
        vectors.append(featurizer.embed(pixels_for(featurizer, folder)))
    np.testing.assert_array_equal(*vectors)


def test_blocks_and_their_statistics_are_settings(folder: Path) -> None:
    every = build(BLOCKS, folder)
    settings = SETTINGS.model_copy(update={"blocks": ["last", "image"], "block_statistics": [BlockStatistic.STD]})
    some = build(BLOCKS, folder, settings)
    images = pixels_for(every, folder)
    columns = [i for i, name in enumerate(every.feature_names) if name.startswith(("image_std_", "last_std_"))]
    assert some.feature_names == [every.feature_names[i] for i in columns]
    np.testing.assert_array_equal(some.embed(images), every.embed(images)[:, columns])


def test_an_unknown_block_is_refused_with_the_known_ones(folder: Path) -> None:
    settings = SETTINGS.model_copy(update={"blocks": ["block_99"]})
    with pytest.raises(
        EmbeddingError, match="names block_99, which this discriminator does not have; it has image, block_8"
    ):
        build(BLOCKS, folder, settings)


@pytest.fixture(scope="module")
def embedded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """Vectors of the sites of the screen, by every featurizer."""
    return vectors_of(folder, folder / "S_1.zarr", SETTINGS, tmp_path_factory.mktemp("embedded"))


def vectors_of(folder: Path, store: Path, settings: EmbeddingsSettings, output: Path) -> list[np.ndarray]:
    """Vectors of another screen's store, by every featurizer of the screen in `folder`."""
    outputs = [output / f"{name}.parquet" for name in FEATURIZERS]
    embed_store(store, build_several(FEATURIZERS, folder, settings), outputs, settings, OTHER)
    return [read_table(path, EMBEDDINGS).iloc[:, 1:].to_numpy() for path in outputs]


@pytest.mark.parametrize(
    "channels", [("gfp", "dna", "mitotracker"), ("gfp", "mitotracker", "dna"), ("mitotracker", "dna", "gfp")]
)
def test_another_screen_is_embedded_as_if_it_had_the_models_channels(
    folder: Path, tmp_path: Path, channels: tuple[str, ...], embedded: list[np.ndarray]
) -> None:
    """By every featurizer, floors too: MitoTracker is left out, wherever it lies, and order does not matter."""
    plane = dict(zip(("gfp", "dna"), draw_sites(9).transpose(1, 0, 2, 3), strict=True))
    plane["mitotracker"] = 255 - plane["gfp"]
    store = write_store(tmp_path, np.stack([plane[name] for name in channels], axis=1), channels, "T_1")
    for vectors, expected in zip(vectors_of(folder, store, SETTINGS, tmp_path), embedded, strict=True):
        np.testing.assert_array_equal(vectors, expected)
    undropped = SETTINGS.model_copy(update={"drop_channels": []})
    with pytest.raises(EmbeddingError, match="left over: mitotracker"):
        vectors_of(folder, store, undropped, tmp_path)


@pytest.mark.parametrize("intensity", Intensity)
def test_the_untrained_network_sees_another_screen_on_the_scale_of_the_one_that_is_trained_on(
    folder: Path, tmp_path: Path, intensity: Intensity
) -> None:
    """As the trained one does: a screen twice as bright does not get a scale of its own."""
    training = TRAINING.model_copy(update={"intensity": intensity})
    screen = folder / "S_1.zarr"
    (featurizer,) = build_featurizers([UNTRAINED], settings=SETTINGS, screen=[screen], training=training)
    assert isinstance(featurizer, NetworkFeaturizer)
    bright = write_store(tmp_path, draw_sites(4).astype(np.uint16) * 2, name="T_1")
    output = tmp_path / "untrained.parquet"
    embed_store(bright, [featurizer], [output], SETTINGS, OTHER)
    scale = measure_scale([ImageStore(screen)], TRAINING.resolution, intensity)
    expected = NetworkFeaturizer(UNTRAINED, Look(untrained(training, scale, TRAINING.seed), SETTINGS), SETTINGS).embed(
        ImageStore(bright).sites(slice(None), SIZE // 2)
    )
    np.testing.assert_array_equal(read_table(output, EMBEDDINGS).iloc[:, 1:].to_numpy(), expected)


def test_a_rescaled_screen_is_embedded_like_the_one_it_was_scaled_to(folder: Path, tmp_path: Path) -> None:
    """Half the pixel size, resized by half: close to the same sites stored at half the size (an area mean of 2 x 2)."""
    screen = write_store(tmp_path, draw_sites(9), name="S_1", pixel_size_um=0.5)  # 24 px at 1 um
    (featurizer,) = build_featurizers([UNTRAINED], settings=SETTINGS, screen=[screen], training=TRAINING)
    assert featurizer.pixel_size_um == 1.0
    outputs = [tmp_path / "stored.parquet", tmp_path / "resized.parquet"]
    resizing = SETTINGS.model_copy(update={"resolutions": {OTHER: SIZE}, "rescale": {OTHER: 0.5}})
    for settings, output in zip((SETTINGS, resizing), outputs, strict=True):
        embed_store(screen, [featurizer], [output], settings, OTHER)
    stored, resized = (read_table(output, EMBEDDINGS).iloc[:, 1:].to_numpy() for output in outputs)
    differences = np.linalg.norm(stored - resized, axis=1)
    assert differences.max() < 0.5 * np.linalg.norm(stored - stored.mean(axis=0), axis=1).min()
    too_fine = SETTINGS.model_copy(update={"resolutions": {OTHER: SIZE}})
    with pytest.raises(EmbeddingError, match=r"at 48 px is 0\.5 um wide, .* gandl_untrained was made for 1 um"):
        embed_store(screen, [featurizer], [tmp_path / "no.parquet"], too_fine, OTHER)


@pytest.mark.parametrize("name", FEATURIZERS)
def test_a_black_channel_gives_finite_numbers(folder: Path, name: FeaturizerName) -> None:
    featurizer = build(name, folder)
    images = pixels_for(featurizer, folder).copy()
    for channels in (0, 1, slice(None)):
        black = images.copy()
        black[:, channels] = 0
        assert np.isfinite(featurizer.embed(black)).all()


def test_images_that_are_not_square_are_embedded_whole(folder: Path, tmp_path: Path) -> None:
    """By every featurizer; the grid of crops reaches the right border (`test_network_sites.py`)."""
    images = draw_sites(2)
    wide = write_store(tmp_path, np.concatenate([images, images], axis=3), name="T_1")
    for vectors in vectors_of(folder, wide, SETTINGS, tmp_path):
        assert vectors.shape[0] == 2
        assert np.isfinite(vectors).all()


@pytest.mark.parametrize("count", [1, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_screen_may_have_any_number_of_channels(tmp_path: Path, count: int, dtype: type) -> None:
    """The floors of a screen of one channel, and of six; 8 and 16 bit."""
    channels = ("hoechst", "con_a", "phalloidin", "syto14", "mitotracker", "wga")[:count]
    images = np.concatenate([draw_sites(4, seed=i)[:, 1:] for i in range(count)], axis=1).astype(dtype)
    store = write_store(tmp_path, images * dtype(1 + (dtype == np.uint16) * 200), channels)
    names = [UNTRAINED, CONCATENATED, BLANK, FeaturizerName.INTENSITY, *NEED_NUCLEI]
    floors = build_featurizers(names, settings=SETTINGS, screen=[store], training=TRAINING)
    outputs = [tmp_path / f"{name}.parquet" for name in names]
    embed_store(store, floors, outputs, SETTINGS, SCREEN)
    for floor, output in zip(floors, outputs, strict=True):
        assert read_table(output, EMBEDDINGS).shape == (4, 1 + floor.dim)

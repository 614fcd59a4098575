"""ImageNet-concatenated: each channel alone, on the scale of the run's networks, and with the network that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from embedding_inputs import SCREEN, SETTINGS, SIZE, TRAINING, draw_sites, write_store
from gandl.config import EmbeddingsSettings, FeaturizerName, ImageNetNetwork, Intensity
from gandl.embeddings.embed import embed_store
from gandl.embeddings.errors import EmbeddingError
from gandl.embeddings.imagenet.concatenated import ConcatenatedFeaturizer, images_per_pass
from gandl.embeddings.kinds import build_featurizers
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import measure_scale
from gandl.models.networks.imagenet.pretrained import load_pretrained
from gandl.tables import EMBEDDINGS, read_table
from imagenet_files import densenet121_file, resnet50_file

CONCATENATED, UNTRAINED = FeaturizerName.IMAGENET_CONCATENATED, FeaturizerName.IMAGENET_UNTRAINED


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    return write_store(tmp_path, draw_sites(6))


def featurizer(
    screen: Path,
    name: FeaturizerName = CONCATENATED,
    settings: EmbeddingsSettings = SETTINGS,
    *,
    pretrained: Path | None = None,
    **training: object,
) -> ConcatenatedFeaturizer:
    (made,) = build_featurizers(
        [name],
        settings=settings,
        screen=[screen],
        training=TRAINING.model_copy(update=training),
        pretrained=pretrained,
    )
    assert isinstance(made, ConcatenatedFeaturizer)
    return made


def images_of(store: Path, size: int = SIZE // 2) -> np.ndarray:
    return ImageStore(store).sites(slice(None), size)


@pytest.mark.parametrize("intensity", Intensity)
def test_a_channel_is_seen_alone_and_grey_on_the_scale_of_training(screen: Path, intensity: Intensity) -> None:
    images = images_of(screen)
    scale = measure_scale([ImageStore(screen)], TRAINING.resolution, intensity)
    network = load_pretrained(ImageNetNetwork.EFFICIENTNET_LITE0)
    expected = []
    for site in images:
        values = site.astype(float)
        if intensity is Intensity.SITE:
            values = (values - values.mean(axis=(1, 2), keepdims=True)) / values.std(axis=(1, 2), keepdims=True)
        low, high = (np.array(limit)[:, None, None] for limit in (scale.low, scale.high))
        unit = np.clip((values - low) / (high - low), None, 1).clip(0)
        with torch.inference_mode():
            grey = torch.from_numpy(np.stack([unit] * 3, axis=1)).float()
            expected.append(network.features(grey).reshape(-1).numpy())
    found = featurizer(screen, intensity=intensity).embed(images)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [CONCATENATED, UNTRAINED])
def test_features_permute_with_the_channels(tmp_path: Path, name: FeaturizerName) -> None:
    """To the last digit: what a channel's features are depends neither on its place nor on the other channels."""
    images = np.concatenate([draw_sites(3), draw_sites(3, seed=1)[:, :1]], axis=1)
    channels, order = ("gfp", "dna", "actin"), [2, 0, 1]
    one = featurizer(write_store(tmp_path / "one", images, channels), name)
    other = featurizer(write_store(tmp_path / "other", images[:, order], tuple(channels[i] for i in order)), name)
    stored = images_of(tmp_path / "one/S_1.zarr")
    found = one.embed(stored).reshape(3, 3, -1)
    np.testing.assert_array_equal(other.embed(stored[:, order]).reshape(3, 3, -1), found[:, order])
    columns = [one.feature_names.index(feature) for feature in other.feature_names]
    np.testing.assert_array_equal(other.embed(stored[:, order]), one.embed(stored)[:, columns])
    alone = featurizer(write_store(tmp_path / "alone", images[:, 2:], ("actin",)), name)
    np.testing.assert_array_equal(alone.embed(stored[:, 2:]), found[:, 2])


@pytest.mark.parametrize("intensity", Intensity)
def test_bit_depth_changes_nothing(tmp_path: Path, screen: Path, intensity: Intensity) -> None:
    """The same screen in 16 bits, over a pedestal and 100 times as bright: its scale is measured, not presumed."""
    deep = write_store(tmp_path / "deep", draw_sites(6).astype(np.uint16) * 100 + 400)
    found = [
        featurizer(store, intensity=intensity, resolution=SIZE).embed(images_of(store, SIZE))
        for store in (screen, deep)
    ]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3, atol=1e-3)


def test_the_untrained_twin_is_decided_by_the_seed_of_the_training(screen: Path) -> None:
    one, same, other = (featurizer(screen, UNTRAINED, seed=seed).embed(images_of(screen)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    assert featurizer(screen, UNTRAINED).feature_names == featurizer(screen).feature_names


@pytest.mark.parametrize(
    ("name", "file", "dim"), [("densenet121", densenet121_file, 1024), ("resnet50", resnet50_file, 2048)]
)
def test_another_network_is_a_setting_and_a_file(
    tmp_path: Path, screen: Path, name: str, file: Callable[[], dict[str, torch.Tensor]], dim: int
) -> None:
    torch.save(file(), tmp_path / "published.pth")
    settings = SETTINGS.changed(imagenet={"network": name}, resolutions={SCREEN: SIZE})
    other = featurizer(screen, settings=settings, pretrained=tmp_path / "published.pth")
    assert other.dim == 2 * dim
    output = tmp_path / "embedded.parquet"
    embed_store(screen, [other], [output], settings, SCREEN)
    np.testing.assert_array_equal(
        read_table(output, EMBEDDINGS).iloc[:, 1:].to_numpy(), other.embed(images_of(screen, SIZE))
    )
    if name == "densenet121":
        with pytest.raises(
            EmbeddingError, match=r"\(densenet121\) takes images of at least 32 px, and these are 24 x 24 px"
        ):
            other.embed(images_of(screen))


def test_weights_decide_which_kept_vectors_are_used_again(screen: Path) -> None:
    trained, one, same, other = (
        featurizer(screen, name, seed=seed).content
        for name, seed in ((CONCATENATED, 0), (UNTRAINED, 1), (UNTRAINED, 1), (UNTRAINED, 2))
    )
    assert one == same
    assert len({trained, one, other}) == 3
    assert featurizer(screen, intensity=Intensity.SITE).content != featurizer(screen, intensity=Intensity.STORE).content


def test_a_pass_is_bounded_by_its_pixels() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert images_per_pass(64, 128, 128, cpu) == 16
    assert images_per_pass(60, 128, 128, gpu) == 64
    assert images_per_pass(64, 512, 512, gpu) == 16
    assert images_per_pass(64, 2048, 2048, cpu) == 1
    assert images_per_pass(64, 9000, 9000, gpu) == 1


def test_no_site_makes_no_row(screen: Path) -> None:
    made = featurizer(screen)
    assert made.embed(images_of(screen)[:0]).shape == (0, made.dim)

"""A small screen and small networks for the tests of featurizers: two channels, 48 px, 16-px crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from gandl.config import (
    CYTOGAN,
    Dataset,
    EmbeddingsSettings,
    FeaturizerName,
    Intensity,
    NetworkSettings,
    SegmentationSettings,
    TrainingSettings,
)
from gandl.embeddings.featurizers import Featurizer
from gandl.embeddings.imagenet.collapsed import CollapsedFeaturizer
from gandl.embeddings.kinds import build_featurizers
from gandl.images.store_reader import ImageStore
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.autoencoder import TrainedAutoencoder
from gandl.models.networks.classifier import TrainedClassifier
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.gan import untrained
from gandl.models.networks.imagenet.pretrained import load_pretrained
from gandl.models.networks.kinds import KINDS
from gandl.models.networks.trained import seeded
from gandl.models.networks.weights import save
from model_inputs import AUTOENCODER, CLASSIFIER, COLLAPSED, FAMILIES
from plates import pixel_store

SIZE = 48
NETWORK = NetworkSettings(crop=16, channel_base=128, channel_max=12, style_dim=8, feature_dim=24, mapping_layers=1)
TRAINING = TrainingSettings(network=NETWORK, resolution=SIZE // 2, seed=3, probe=False)
SCREEN, OTHER = Dataset.RXRX19A, Dataset.RXRX1
"""The screen that the networks are trained on, and another one."""
SETTINGS = EmbeddingsSettings(
    stride=8,
    batch=5,
    resolutions={SCREEN: SIZE // 2, OTHER: SIZE // 2},
    segmentation=SegmentationSettings(minimum_area=20, ring=3),
)
BASELINE, CONV_AE = FeaturizerName.DENSENET161_ARCFACE, FeaturizerName.CONV_AE
ELSEWHERE = (FeaturizerName.IMAGENET_COLLAPSED, FeaturizerName.RELEASED)
"""Embedded fold by fold, and read as published."""
FEATURIZERS = [name for name in FeaturizerName if name not in ELSEWHERE]
"""Those that look at images."""
SCALE = IntensityScale(("gfp", "dna"), (5.0, 10.0), (180.0, 200.0))


def draw_sites(count: int, seed: int = 0, size: int = SIZE) -> np.ndarray:
    """(count, 2, size, size) uint8: blurred cells and nuclei at random places."""
    rng = np.random.default_rng(seed)
    spots = (rng.random((count, size, size)) < 4 / size**2).astype(float)
    nuclei, bodies = (ndimage.gaussian_filter(spots, (0, sigma, sigma)) * 2 * np.pi * sigma**2 for sigma in (3, 6))
    images = np.stack([20 + 90 * bodies, 10 + 130 * nuclei], axis=1) + rng.normal(0, 3, (count, 2, size, size))
    return np.clip(images, 0, 255).astype(np.uint8)


def write_store(
    folder: Path,
    images: np.ndarray,
    channels: tuple[str, ...] = ("gfp", "dna"),
    name: str = "S_1",
    pixel_size_um: float | None = None,
) -> Path:
    """Pack images (n, c, y, x), at full and at half size."""
    size = min(images.shape[2:])
    return pixel_store(folder, name, images, channels, (size, size // 2), pixel_size_um=pixel_size_um)


def write_weights(path: Path) -> Path:
    """Weights whose averaged and raw discriminators differ (two seeds), with a mean of the minibatch deviation as if trained."""
    model, other = (untrained(TRAINING, SCALE, seed) for seed in (1, 2))
    model.discriminator_ema.deviation.mean.fill_(0.4)
    other.discriminator_ema.deviation.mean.fill_(0.6)
    save(replace(model, discriminator_raw=other.discriminator_ema), path)
    write_baseline(path.with_name("baseline.safetensors"))
    write_conv_ae(path.with_name("conv_ae.safetensors"))
    for name in CYTOGAN:
        write_family(name, path.with_name(f"{name}.safetensors"))
    return path


def write_baseline(path: Path, channels: tuple[str, ...] = ("gfp", "dna")) -> Path:
    """Weights of a classifier of three labels, with running statistics as if trained."""
    settings = CLASSIFIER.changed(network={"embedding_dim": 12})
    scale = IntensityScale(channels, SCALE.low[: len(channels)], SCALE.high[: len(channels)], Intensity.SITE)
    model = TrainedClassifier.new(settings, scale, 3, classes=("a", "b", "c"))
    with seeded(4):
        for name, buffer in model.classifier_ema.named_buffers():
            buffer.add_(torch.rand(buffer.shape) * (0.5 if name.endswith("var") else 0.1))
    save(model, path)
    return path


def write_conv_ae(path: Path, channels: tuple[str, ...] = ("gfp", "dna")) -> Path:
    """Weights of an autoencoder whose averaged and raw networks differ."""
    scale = IntensityScale(channels, (-2.0,) * len(channels), (4.0,) * len(channels), Intensity.SITE)
    model, other = (TrainedAutoencoder.new(AUTOENCODER, scale, seed) for seed in (3, 4))
    save(replace(model, autoencoder_raw=other.autoencoder_raw), path)
    return path


def write_family(name: str, path: Path, channels: tuple[str, ...] = ("gfp", "dna")) -> Path:
    """Weights of a family of CytoGAN as its training starts."""
    scale = IntensityScale(channels, (-2.0,) * len(channels), (4.0,) * len(channels), Intensity.SITE)
    save(KINDS[name].new(FAMILIES[name], scale, 3), path)
    return path


def write_inputs(folder: Path, sites: int) -> Path:
    """A store `S_1.zarr` of so many sites and `weights.safetensors`, in the folder that comes back."""
    write_store(folder, draw_sites(sites))
    write_weights(folder / "weights.safetensors")
    return folder


def build(name: FeaturizerName, folder: Path, settings: EmbeddingsSettings = SETTINGS) -> Featurizer:
    """Any featurizer, from the store `S_1.zarr` and `weights.safetensors` in a folder."""
    if name == FeaturizerName.IMAGENET_COLLAPSED:
        return collapsed(settings)
    (featurizer,) = build_several([name], folder, settings)
    return featurizer


def collapsed(settings: EmbeddingsSettings = SETTINGS) -> CollapsedFeaturizer:
    """ImageNet-collapsed by an untrained model of three labels, on the intensity scale of each site."""
    scale = IntensityScale(("gfp", "dna"), (-2.0, -2.0), (4.0, 4.0), Intensity.SITE)
    model = TrainedCollapsed.new(COLLAPSED, scale, 3, classes=("a", "b", "c"))
    return CollapsedFeaturizer(model, load_pretrained(COLLAPSED.imagenet), settings)


def build_several(
    names: Sequence[FeaturizerName], folder: Path, settings: EmbeddingsSettings = SETTINGS
) -> list[Featurizer]:
    """Featurizers that share what they can."""
    made: dict[FeaturizerName, Featurizer] = {}
    others = [name for name in names if name not in (BASELINE, CONV_AE, *CYTOGAN)]
    of_families = [(name.value, [name]) for name in CYTOGAN]
    for weights, of in (("baseline", [BASELINE]), ("conv_ae", [CONV_AE]), *of_families, ("weights", others)):
        built = build_featurizers(
            [name for name in of if name in names],
            settings=settings,
            screen=[folder / "S_1.zarr"],
            weights=folder / f"{weights}.safetensors",
            training=TRAINING,
        )
        made |= {featurizer.name: featurizer for featurizer in built}
    return [made[name] for name in names]


def pixels_for(featurizer: Featurizer, folder: Path) -> np.ndarray:
    """What a featurizer sees of the store `S_1.zarr`."""
    return ImageStore(folder / "S_1.zarr").sites(slice(None), SIZE if featurizer.full_size else SIZE // 2)

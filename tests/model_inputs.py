"""Small networks and stores for the tests of `gandl.models`: two channels, 32 px, 16-px crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gandl.config import GeneratorKind, NetworkSettings, TrainingSettings
from gandl.images.pack import Decoded, StorePlan, pack_store
from gandl.models.discriminator import Discriminator
from gandl.models.generator import Generator, Latents
from gandl.models.weights import seeded

NETWORK = NetworkSettings(crop=16, channel_base=96, channel_max=8, style_dim=12, feature_dim=10, mapping_layers=2)
TRAINING = TrainingSettings(
    network=NETWORK, resolution=32, images=160, batch=8, checkpoint_images=80, ema_half_life=40.0, r1_interval=4
)


def network(kind: GeneratorKind = GeneratorKind.SKIP, **changes: object) -> NetworkSettings:
    """The small network with changes."""
    return NETWORK.model_copy(update={"generator": kind, **changes})


def networks(settings: NetworkSettings = NETWORK, channels: int = 2, seed: int = 0) -> tuple[Generator, Discriminator]:
    """Seeded networks in float64, with every parameter that starts at zero moved away from it."""
    with seeded(seed):
        generator, discriminator = Generator(settings, channels).double(), Discriminator(settings, channels).double()
        for parameter in [*generator.parameters(), *discriminator.parameters()]:
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
    return generator, discriminator


def draw(generator: Generator, n: int, seed: int = 0, mixing: float = 0.5) -> Latents:
    """Latents in float64."""
    latents = generator.draw(n, torch.Generator().manual_seed(seed), mixing)
    return Latents(latents.z.double(), latents.cut, [noise.double() for noise in latents.noise])


def draw_images(n: int, channels: int = 2, seed: int = 0, size: int = 16) -> torch.Tensor:
    """(n, channels, size, size) normal, float64."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, channels, size, size)))


def write_store(
    folder: Path,
    *,
    name: str = "S_1",
    sites: int = 6,
    channels: tuple[str, ...] = ("gfp", "dna"),
    dtype: str = "uint8",
    seed: int = 0,
    pixels: np.ndarray | None = None,
    pixel_size_um: float | None = 0.5,
    well_of: tuple[str, ...] = (),
) -> Path:
    """Pack a store of sites (32 px, also stored at 16 px) of smooth random pixels, or of those given (shorter side 32 px)."""
    if pixels is None:
        rng = np.random.default_rng(seed)
        coarse = rng.random((sites, len(channels), 8, 8))
        pixels = (coarse.repeat(4, axis=2).repeat(4, axis=3) * np.iinfo(dtype).max).astype(dtype)
    plan = StorePlan(
        store_id=name,
        site_ids=tuple(f"{name}_{i}" for i in range(len(pixels))),
        well_ids=tuple(f"{name}_{i}" for i in well_of or range(len(pixels))),
        channels=channels,
        dtype=str(pixels.dtype),
        height=pixels.shape[2],
        width=pixels.shape[3],
        resolutions=(32, 16),
        pixel_size_um=pixel_size_um,
        shard_sites=4,
        shard_mebibytes=1,
        compression_level=1,
        sources={},
    )
    store = folder / f"{name}.zarr"
    reader = Decoded(pixels.__getitem__)
    pack_store(plan, reader, store, folder / f"{name}.parquet", folder / f"{name}.manifest.json")
    return store

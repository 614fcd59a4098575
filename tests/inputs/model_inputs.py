"""Small networks and stores for the tests of `gandl.models`: two channels, 32 px, 16-px crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from gandl.config import (
    CYTOGAN,
    AutoencoderNetworkSettings,
    AutoencoderSettings,
    ClassifierNetworkSettings,
    ClassifierSettings,
    CollapsedNetworkSettings,
    CollapsedSettings,
    GeneratorKind,
    Intensity,
    NetworkSettings,
    PerceptualSettings,
    RecipeSettings,
    TrainingSettings,
)
from gandl.config.cytogan import CytoganSettings, FamilyRecipe
from gandl.config.representations import (
    ByolSettings,
    DinoOnTilesSettings,
    DinoSettings,
    RegularizedSettings,
    RepresentationRecipe,
    SelfSupervisedSettings,
    TileNetworkSettings,
    UnsupervisedSettings,
    WeaklySupervisedSettings,
)
from gandl.models.compute.ranks import ALONE, Ranks
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.loader import deal
from gandl.models.networks.discriminator import Discriminator
from gandl.models.networks.generator import Generator, Latents
from gandl.models.networks.trained import seeded
from plates import pixel_store

SITES = 6
"""Sites of a small store."""
NETWORK = NetworkSettings(crop=16, channel_base=96, channel_max=8, style_dim=12, feature_dim=10, mapping_layers=2)
SHORT = {"resolution": 32, "images": 160, "batch": 8, "checkpoint_images": 80, "ema_half_life": 40.0}
"""What all trainings of the tests have in common."""
TRAINING = TrainingSettings(network=NETWORK, **SHORT, r1_interval=4)

AUTOENCODER = AutoencoderSettings(
    network=AutoencoderNetworkSettings(crop=16, channel_base=96, channel_max=8, code_dim=10),
    perceptual=PerceptualSettings(maps=2),
    **SHORT,
)

CLASSIFIER = ClassifierSettings(
    network=ClassifierNetworkSettings(
        crop=16, growth=3, init_features=6, blocks=[2, 1], embedding_dim=10, norm_group=4, norm_momentum=0.1
    ),
    **SHORT,
    held_out=0.3,
)

COLLAPSED = CollapsedSettings(
    network=CollapsedNetworkSettings(crop=16),
    **SHORT,
    held_out=0.3,
)

OF_REPRESENTATIONS = {
    **SHORT,
    "network": TileNetworkSettings(crop=16, hidden=8),
    "learning_rate": 0.001,
    "held_out": 0.3,
    "augment": True,
}
REPRESENTATIONS: dict[str, RepresentationRecipe] = {
    "unsupervised": UnsupervisedSettings(**OF_REPRESENTATIONS),
    "weakly_supervised": WeaklySupervisedSettings(**OF_REPRESENTATIONS, multi_crop=True),
    "regularized": RegularizedSettings(**OF_REPRESENTATIONS),
    "self_supervised": SelfSupervisedSettings(
        **OF_REPRESENTATIONS, byol=ByolSettings(projection=6, hidden=12, norm_group=4)
    ),
    "dino": DinoOnTilesSettings(
        **OF_REPRESENTATIONS, dino=DinoSettings(outputs=12, hidden=10, bottleneck=6, norm_group=4)
    ),
}
"""The recipes of the comparison of representation learning."""

NORMED = ("dcgan", "lsgan", "wgan", "bigan")
"""Families whose generator normalises batches."""


def family(name: str, **changes: Any) -> FamilyRecipe:
    """The recipe of a family of CytoGAN at toy size, with changes."""
    width = 0.5 if name == "cytogan_autoencoder" else 0.05  # of 8 maps, where others have 128
    shape = {"crop": 16, "width": width, "code_dim": 6, **({"norm_group": 4} if name in NORMED else {})}
    recipe = CytoganSettings().of(name).changed(**SHORT, learning_rate=0.001, held_out=0.3, network=shape)
    return recipe.changed(**changes)


FAMILIES = {name.value: family(name) for name in CYTOGAN}
"""The recipes of CytoGAN's families."""


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


@dataclass
class Crops:
    """A loader of random images, the same for everyone who requests the same step."""

    settings: RecipeSettings
    ranks: Ranks = ALONE
    scale: IntensityScale = field(
        default_factory=lambda: IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)
    )

    def batch(self, step: int, course: int) -> list[torch.Tensor]:
        rng = torch.Generator().manual_seed(1000 * course + step)
        images = torch.randn(self.settings.batch, 2, 16, 16, generator=rng)
        return [images[part] for part in deal(self.settings, self.ranks)]

    def sites(self, step: int, course: int) -> list[torch.Tensor]:
        """The sites are numbered as images are drawn, over and over."""
        drawn = torch.arange(self.settings.batch) % SITES
        return [drawn[part] for part in deal(self.settings, self.ranks)]


def write_store(
    folder: Path,
    *,
    name: str = "S_1",
    sites: int = SITES,
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
    return pixel_store(folder, name, pixels, channels, (32, 16), pixel_size_um=pixel_size_um, wells=well_of or None)


def _convolution(x: list[int], weight: list[int], *arguments: Any, out_shape: list[int], **_: Any) -> int:
    """Operations of a convolution by PyTorch; none for the fixed filters, which alone are 4 x 4."""
    *_, transposed, _output_padding, _groups = arguments
    return 0 if weight[-1] == 4 else conv_flop_count(x, weight, out_shape, transposed=transposed)


def counted(run: Callable[[], object]) -> float:
    """Operations by PyTorch's counter, the fixed blurs left out."""
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution: _convolution})
    with counter:
        run()
    return float(counter.get_total_flops())

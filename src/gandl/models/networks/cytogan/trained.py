"""Trained families of CytoGAN: takes settings and a seed or a weights file, makes codes of crops, and crops.

Weights are those of the last step, not a moving average of them, as in the paper. An encoder never sees noise.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from gandl.config.cytogan import (
    BeganSettings,
    BiganSettings,
    DcganSettings,
    FamilyRecipe,
    LsganSettings,
    NormedRecipe,
    PlainAutoencoderSettings,
    VaeSettings,
    WganSettings,
)
from gandl.models.crops.intensity import IntensityScale
from gandl.models.networks.cytogan.coders import PlainAutoencoder, VariationalAutoencoder, from_unit
from gandl.models.networks.cytogan.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator
from gandl.models.networks.cytogan.equilibrium import EquilibriumAutoencoder, EquilibriumGenerator
from gandl.models.networks.cytogan.inference import MAPS as INFERENCE_MAPS, Encoder, PairDiscriminator
from gandl.models.networks.cytogan.interpolation import ways_between
from gandl.models.networks.trained import BETWEEN, PER_PASS, STOPS, TrainedModel, points_between, seeded


class Encodes(Protocol):
    """A network that embeds."""

    code_dim: int

    def encode(self, images: Tensor) -> Tensor:
        """(n, c, y, x) on the networks' scale -> (n, code_dim), each of its image alone."""
        ...


@dataclass(frozen=True, kw_only=True)
class TrainedFamily(TrainedModel[FamilyRecipe]):
    """Networks of a family.

    Attributes
    ----------
    parts : names of the networks, as fields of the class. embeds : the name of the one that embeds.
    """

    parts: ClassVar[tuple[str, ...]]
    embeds: ClassVar[str]

    @classmethod
    @abstractmethod
    def untrained(cls, settings: Any, channels: int) -> dict[str, nn.Module]:
        """New networks by name; their weights come from PyTorch's global generator."""

    @classmethod
    def start(cls, settings: FamilyRecipe, channels: int, seed: int) -> dict[str, nn.Module]:
        """The networks that training starts from, in channels-last memory; the seed decides every weight."""
        with seeded(seed):
            made = cls.untrained(settings, channels)
        last = torch.channels_last
        return {name: network.to(memory_format=last) for name, network in made.items()}  # type: ignore[call-overload]

    @property
    def networks(self) -> dict[str, nn.Module]:
        return {name: getattr(self, name) for name in self.parts}

    @classmethod
    def new(
        cls,
        settings: FamilyRecipe,
        scale: IntensityScale,
        seed: int,
        pixel_size_um: float | None = None,
        classes: Sequence[str] = (),
    ) -> Self:
        networks: dict[str, Any] = {
            name: network.eval() for name, network in cls.start(settings, len(scale.channels), seed).items()
        }
        return cls(**networks, scale=scale, settings=settings, seed=seed, pixel_size_um=pixel_size_um)

    @property
    def embedder(self) -> Encodes:
        """The network that embeds."""
        network: Encodes = getattr(self, self.embeds)
        return network

    @torch.no_grad()
    def codes(self, images: Tensor) -> Tensor:
        """Crops (n, c, y, x) on the networks' scale -> their representations (n, code_dim), each of its crop alone."""
        return torch.cat([self.embedder.encode(part) for part in self._here(images).split(PER_PASS)])

    def _here(self, images: Tensor) -> Tensor:
        return images.to(next(self.networks[self.embeds].parameters()))


@dataclass(frozen=True, kw_only=True)
class TrainedGenerating(TrainedFamily):
    """A family that generates crops from latent vectors."""

    generator: nn.Module

    def latents(self, count: int, seed: int) -> Tensor:
        """Latent vectors (count, code_dim) as in training: independent N(0, 1)."""
        return torch.randn(count, self.settings.network.code_dim, generator=torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def generate(self, latents: Tensor) -> Tensor:
        """Latent vectors (n, code_dim) -> crops (n, c, y, x) on the networks' scale, each of its vector alone."""
        here = latents.to(next(self.generator.parameters()))
        return torch.cat([self.generator(part) for part in here.split(PER_PASS)])

    @torch.no_grad()
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """Generated crops."""
        return self.generate(self.latents(len(real), seed))

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """Crops generated along great circles between latent vectors."""
        return self.generate(ways_between(self.latents(STOPS, seed), BETWEEN))


@dataclass(frozen=True, kw_only=True)
class TrainedConvolutional(TrainedGenerating):
    """Generator and discriminator of convolutions."""

    parts: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    embeds: ClassVar[str] = "discriminator"
    biased: ClassVar[bool] = True

    generator: ConvolutionalGenerator
    discriminator: ConvolutionalDiscriminator

    @classmethod
    def untrained(cls, settings: NormedRecipe, channels: int) -> dict[str, nn.Module]:
        return {
            "generator": ConvolutionalGenerator(settings.network, channels),
            "discriminator": ConvolutionalDiscriminator(settings.network, channels, cls.biased),
        }


@dataclass(frozen=True, kw_only=True)
class TrainedDcgan(TrainedConvolutional):
    """DCGAN."""

    objective: ClassVar[str] = "dcgan"
    settings_type: ClassVar[type[FamilyRecipe]] = DcganSettings


@dataclass(frozen=True, kw_only=True)
class TrainedLsgan(TrainedConvolutional):
    """LSGAN."""

    objective: ClassVar[str] = "lsgan"
    settings_type: ClassVar[type[FamilyRecipe]] = LsganSettings


@dataclass(frozen=True, kw_only=True)
class TrainedWgan(TrainedConvolutional):
    """WGAN."""

    objective: ClassVar[str] = "wgan"
    settings_type: ClassVar[type[FamilyRecipe]] = WganSettings
    biased: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class TrainedBegan(TrainedGenerating):
    """BEGAN: the discriminator is an autoencoder."""

    objective: ClassVar[str] = "began"
    settings_type: ClassVar[type[FamilyRecipe]] = BeganSettings
    parts: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    embeds: ClassVar[str] = "discriminator"

    generator: EquilibriumGenerator
    discriminator: EquilibriumAutoencoder

    @classmethod
    def untrained(cls, settings: BeganSettings, channels: int) -> dict[str, nn.Module]:
        return {
            "generator": EquilibriumGenerator(settings.network, channels),
            "discriminator": EquilibriumAutoencoder(settings.network, channels),
        }


@dataclass(frozen=True, kw_only=True)
class TrainedBigan(TrainedGenerating):
    """BiGAN: generator, encoder, and the discriminator of pairs."""

    objective: ClassVar[str] = "bigan"
    settings_type: ClassVar[type[FamilyRecipe]] = BiganSettings
    parts: ClassVar[tuple[str, ...]] = ("generator", "encoder", "discriminator")
    embeds: ClassVar[str] = "encoder"

    generator: ConvolutionalGenerator
    encoder: Encoder
    discriminator: PairDiscriminator

    @classmethod
    def untrained(cls, settings: BiganSettings, channels: int) -> dict[str, nn.Module]:
        return {
            "generator": ConvolutionalGenerator(settings.network, channels, INFERENCE_MAPS),
            "encoder": Encoder(settings.network, channels),
            "discriminator": PairDiscriminator(settings.network, channels),
        }

    def latents(self, count: int, seed: int) -> Tensor:
        """Latent vectors (count, code_dim) as in training: independent and uniform between -1 and 1."""
        rng = torch.Generator().manual_seed(seed)
        return 2 * torch.rand(count, self.settings.network.code_dim, generator=rng) - 1


@dataclass(frozen=True, kw_only=True)
class TrainedCoding(TrainedFamily):
    """An autoencoder: what is drawn are reconstructions."""

    parts: ClassVar[tuple[str, ...]] = ("autoencoder",)
    embeds: ClassVar[str] = "autoencoder"

    autoencoder: PlainAutoencoder | VariationalAutoencoder

    @torch.no_grad()
    def generate(self, latents: Tensor) -> Tensor:
        """Latent vectors (n, code_dim) -> crops (n, c, y, x) on the networks' scale, each of its vector alone."""
        return torch.cat([from_unit(self.autoencoder.decode(part)) for part in self._here(latents).split(PER_PASS)])

    @torch.no_grad()
    def beside(self, real: Tensor, seed: int) -> Tensor:
        """Reconstructions of the real crops; nothing is drawn."""
        return self.generate(self.codes(real))

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """Crops of codes on the straight lines between those of the first real crops."""
        return self.generate(points_between(self.codes(real[:STOPS]), BETWEEN))


@dataclass(frozen=True, kw_only=True)
class TrainedVae(TrainedCoding):
    """The variational autoencoder, whose latent vectors are N(0, 1) before a crop is seen."""

    objective: ClassVar[str] = "vae"
    settings_type: ClassVar[type[FamilyRecipe]] = VaeSettings

    autoencoder: VariationalAutoencoder

    @classmethod
    def untrained(cls, settings: VaeSettings, channels: int) -> dict[str, nn.Module]:
        return {"autoencoder": VariationalAutoencoder(settings.network, channels)}

    @torch.no_grad()
    def way(self, real: Tensor, seed: int) -> Tensor:
        """Crops of codes on great circles between those of the first real crops."""
        return self.generate(ways_between(self.codes(real[:STOPS]), BETWEEN))


@dataclass(frozen=True, kw_only=True)
class TrainedPlain(TrainedCoding):
    """The autoencoder with a short code."""

    objective: ClassVar[str] = "cytogan_autoencoder"
    settings_type: ClassVar[type[FamilyRecipe]] = PlainAutoencoderSettings

    autoencoder: PlainAutoencoder

    @classmethod
    def untrained(cls, settings: PlainAutoencoderSettings, channels: int) -> dict[str, nn.Module]:
        return {"autoencoder": PlainAutoencoder(settings.network, channels)}


KINDS: dict[str, type[TrainedFamily]] = {
    kind.objective: kind
    for kind in (TrainedDcgan, TrainedLsgan, TrainedWgan, TrainedBegan, TrainedBigan, TrainedVae, TrainedPlain)
}

"""The recipes of what stands beside the GAN: the convolutional autoencoder."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from gandl.config.recipe import RecipeSettings, power_of_two
from gandl.config.types import PositiveInt, Section


class AutoencoderNetworkSettings(Section):
    """Shape of encoder and decoder."""

    crop: Annotated[int, AfterValidator(power_of_two)] = Field(
        64, description="Side (px) of the square crops the networks see; a power of two."
    )
    channel_base: PositiveInt = Field(
        2048, description="Feature maps at resolution r: channel_base / r, at most channel_max."
    )
    channel_max: PositiveInt = Field(128, description="Upper limit of feature maps per layer.")
    code_dim: PositiveInt = Field(1024, description="Length of the code (the paper's: 1024).")


class AutoencoderSettings(RecipeSettings):
    """Training of the convolutional autoencoder; no label is used."""

    section: ClassVar[str] = "counterparts.conv_ae"

    network: AutoencoderNetworkSettings = Field(
        default_factory=AutoencoderNetworkSettings, description="Shape of the networks."
    )
    quality_crops: Annotated[int, Field(ge=2)] = Field(
        256, description="Held-out crops on which the error of reconstructions is measured."
    )

    @property
    def crop(self) -> int:
        return self.network.crop

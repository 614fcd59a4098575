"""The recipes of CytoGAN (Goldsborough et al. 2017): one class per family of models, and the section that holds them.

The numbers are those of the published code (`facts/profiling.md`, section 2.2); what it leaves open is said beside each key.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from gandl.config.recipe import RecipeSettings
from gandl.config.stages import CYTOGAN, FeaturizerName
from gandl.config.types import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Section, Share

Momentum = Annotated[float, Field(ge=0, lt=1)]
Decay = Annotated[float, Field(gt=0, le=1)]


class FamilyNetworkSettings(Section):
    """Shape of a family's networks."""

    crop: Annotated[int, Field(ge=16, multiple_of=16)] = Field(
        96, description="Side (px) of the square crops that the networks see and make."
    )
    width: PositiveFloat = Field(
        1.0,
        description="Feature maps and hidden units as a share of the published numbers, at least one each; smaller is quicker.",
    )
    code_dim: PositiveInt = Field(
        100, description="Length of the representation, and of the latent vectors that crops are generated from."
    )


class NormedNetworkSettings(FamilyNetworkSettings):
    """Shape of networks whose generator normalises batches."""

    norm_group: Annotated[int, Field(ge=2)] = Field(
        32,
        description="Crops whose batch statistics are computed together (the paper: the batch); the batch, its share of each GPU "
        "and engine.microbatch are multiples of it.",
    )
    norm_momentum: Fraction = Field(0.1, description="Step of the running statistics, which generate after training.")


class VariationalNetworkSettings(FamilyNetworkSettings):
    """Shape of the variational autoencoder."""

    code_dim: PositiveInt = Field(256, description="Length of the latent vectors; their means are the representation.")


class PlainNetworkSettings(FamilyNetworkSettings):
    """Shape of the autoencoder."""

    code_dim: PositiveInt = Field(32, description="Length of the code, which is the representation.")


class FamilyRecipe(RecipeSettings):
    """What all families take."""

    width_key: ClassVar[str] = "network.width"

    network: FamilyNetworkSettings = Field(default_factory=FamilyNetworkSettings, description="Shape of the networks.")
    images: PositiveInt = Field(
        20_000,
        description="Crops shown; training ends there (the paper: 50 epochs of 1.3 million cells, BEGAN 30, VAE 10).",
    )
    batch: PositiveInt = Field(64, description="Crops per step, over all GPUs.")
    learning_rate: PositiveFloat = Field(1e-3, description="Adam's learning rate at the start.")
    rate_decay: Decay = Field(1.0, description="The learning rates are multiplied by this ...")
    rate_decay_steps: PositiveInt = Field(100, description="... every so many steps.")
    beta1: Momentum = Field(0.9, description="Adam's first decay rate.")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.999, description="Adam's second decay rate.")
    ema_half_life: PositiveFloat = Field(8_000.0, description="Of no use here: weights are those of the last step.")
    ema_rampup: NonNegativeFloat = Field(0.05, description="Of no use here.")
    symmetry: bool = Field(
        False, description="Flip crops and rotate them by right angles; the paper does not augment its cells."
    )
    quality_crops: Annotated[int, Field(ge=2)] = Field(
        256, description="Held-out crops that generated ones, or reconstructions, are compared with."
    )

    @property
    def crop(self) -> int:
        return self.network.crop

    @model_validator(mode="after")
    def _is_not_compiled(self) -> FamilyRecipe:
        if self.engine.compile:
            raise ValueError("engine.compile is not for these networks: set it to false")
        return self


class AdversarialRecipe(FamilyRecipe):
    """What families with a generator and a discriminator take."""

    learning_rate: PositiveFloat = Field(7e-5, description="Adam's learning rate of the discriminator at the start.")
    generator_learning_rate: PositiveFloat = Field(
        2e-4, description="The same of the generator; a roll-back lowers both."
    )
    beta1: Momentum = Field(0.5, description="Adam's first decay rate.")


class NormedRecipe(AdversarialRecipe):
    """What families take whose generator normalises batches."""

    group_key: ClassVar[str] = "network.norm_group"

    network: NormedNetworkSettings = Field(default_factory=NormedNetworkSettings, description="Shape of the networks.")

    @property
    def group(self) -> int:
        return min(self.network.norm_group, self.batch)


class ConvolutionalRecipe(NormedRecipe):
    """What DCGAN, LSGAN and WGAN share."""

    rate_decay: Decay = Field(0.9999, description="The learning rates are multiplied by this ...")
    input_noise: NonNegativeFloat = Field(
        0.1,
        description="Standard deviation of the noise on what the discriminator sees in training. It embeds without noise; the "
        "paper's code leaves it on.",
    )


class LabelledRecipe(ConvolutionalRecipe):
    """What DCGAN and LSGAN share: labels of real and generated crops."""

    real_label: Share = Field(
        0.8, description="Labels of real crops are drawn between this and 1 (one-sided smoothing); 1: not smoothed."
    )


class DcganSettings(LabelledRecipe):
    """DCGAN: a discriminator that classifies (Radford et al. 2016)."""

    section: ClassVar[str] = "cytogan.dcgan"


class LsganSettings(LabelledRecipe):
    """LSGAN: a discriminator that regresses (Mao et al. 2017)."""

    section: ClassVar[str] = "cytogan.lsgan"


class WganSettings(ConvolutionalRecipe):
    """WGAN: a critic whose slope is held at one by a penalty (Gulrajani et al. 2017), one step for each of the generator's."""

    section: ClassVar[str] = "cytogan.wgan"

    penalty_weight: NonNegativeFloat = Field(10.0, description="Weight of the gradient penalty.")
    per_pixel_epsilon: bool = Field(
        False,
        description="The penalty looks between a real and a generated crop at a place of its own for every pixel, as the paper's "
        "code does, instead of one for the whole crop.",
    )


class BeganSettings(AdversarialRecipe):
    """BEGAN: an autoencoder as discriminator (Berthelot et al. 2017)."""

    section: ClassVar[str] = "cytogan.began"

    batch: PositiveInt = Field(16, description="Crops per step, over all GPUs.")
    learning_rate: PositiveFloat = Field(1e-5, description="Adam's learning rate of the autoencoder at the start.")
    generator_learning_rate: PositiveFloat = Field(
        1e-5, description="The same of the generator; a roll-back lowers both."
    )
    rate_decay: Decay = Field(0.9999, description="The learning rates are multiplied by this ...")
    rate_decay_steps: PositiveInt = Field(1000, description="... every so many steps.")
    input_noise: NonNegativeFloat = Field(
        0.1,
        description="Standard deviation of the noise on what the autoencoder sees in training: it reconstructs crops without it "
        "(the paper says denoising, and not how much).",
    )
    gamma: Annotated[float, Field(gt=0, le=1)] = Field(
        0.75, description="Error of generated crops over that of real ones that is held: lower is less diverse."
    )
    balance_rate: PositiveFloat = Field(0.001, description="Step of k, the weight of generated crops (lambda_k).")


class BiganSettings(NormedRecipe):
    """BiGAN: an encoder that learns to invert the generator (Donahue et al. 2017)."""

    section: ClassVar[str] = "cytogan.bigan"

    batch: PositiveInt = Field(32, description="Crops per step, over all GPUs.")
    generator_learning_rate: PositiveFloat = Field(
        7e-5, description="The same of generator and encoder; a roll-back lowers both."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.5, description="Share of the discriminator's maps and units that are dropped in training."
    )


class VaeSettings(FamilyRecipe):
    """The variational autoencoder (Kingma & Welling 2014)."""

    section: ClassVar[str] = "cytogan.vae"

    network: VariationalNetworkSettings = Field(
        default_factory=VariationalNetworkSettings, description="Shape of the networks."
    )
    batch: PositiveInt = Field(128, description="Crops per step, over all GPUs.")
    rate_decay: Decay = Field(0.996, description="The learning rate is multiplied by this ...")
    noise_deviation: NonNegativeFloat = Field(
        1.0,
        description="Standard deviation of the noise that latent vectors are drawn with, in units of what the encoder says; the "
        "paper's code has 0.1, for which the loss is not a bound of the likelihood.",
    )


class PlainAutoencoderSettings(FamilyRecipe):
    """The convolutional autoencoder with a short dense code."""

    section: ClassVar[str] = "cytogan.autoencoder"

    network: PlainNetworkSettings = Field(default_factory=PlainNetworkSettings, description="Shape of the networks.")
    batch: PositiveInt = Field(128, description="Crops per step, over all GPUs.")


class CytoganSettings(Section):
    """The families of CytoGAN (Goldsborough et al. 2017), each trained where embeddings.featurizers names it. Empty: none."""

    dcgan: DcganSettings = Field(default_factory=DcganSettings, description="`dcgan`: DCGAN.")
    lsgan: LsganSettings = Field(default_factory=LsganSettings, description="`lsgan`: least squares.")
    wgan: WganSettings = Field(default_factory=WganSettings, description="`wgan`: Wasserstein, gradient penalty.")
    began: BeganSettings = Field(default_factory=BeganSettings, description="`began`: boundary equilibrium.")
    bigan: BiganSettings = Field(default_factory=BiganSettings, description="`bigan`: with an encoder.")
    vae: VaeSettings = Field(default_factory=VaeSettings, description="`vae`: variational autoencoder.")
    autoencoder: PlainAutoencoderSettings = Field(
        default_factory=PlainAutoencoderSettings, description="`cytogan_autoencoder`: autoencoder."
    )

    def of(self, family: str) -> FamilyRecipe:
        """The recipe of a family, by the name of its objective, which is that of its featurizer."""
        recipe: FamilyRecipe = getattr(self, FeaturizerName(family).removeprefix("cytogan_"))
        return recipe


def recipes_of_cytogan(settings: CytoganSettings | None, featurizers: list[FeaturizerName]) -> dict[str, FamilyRecipe]:
    """The recipes of the families among featurizers, by name, in their order.

    Raises
    ------
    ValueError : there is one, and the section is empty.
    """
    named = [name for name in featurizers if name in CYTOGAN]
    if named and settings is None:
        raise ValueError(
            f"embeddings.featurizers names {named[0]}, whose recipe is in the section cytogan, which is empty"
        )
    return {name.value: settings.of(name) for name in named} if settings else {}

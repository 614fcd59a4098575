"""The `training` section of the configuration: networks, losses and augmentation of the GAN, beside what every recipe has."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from gandl.config.recipe import ChosenWeights, EngineSettings, Pairs, Precision, RecipeSettings, power_of_two
from gandl.config.types import (
    ChannelName,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
    Share,
)


class GeneratorKind(StrEnum):
    SKIP = "skip"
    RESIDUAL = "residual"


class Loss(StrEnum):
    LOGISTIC = "logistic"
    WGAN = "wgan"
    RELATIVISTIC = "relativistic"


class GradientEstimate(StrEnum):
    EXACT = "exact"
    FINITE_DIFFERENCE = "finite_difference"


class Augmentation(StrEnum):
    NONE = "none"
    ADAPTIVE = "adaptive"


class NetworkSettings(Section):
    """Shape of generator and discriminator (StyleGAN2)."""

    crop: Annotated[int, AfterValidator(power_of_two)] = Field(
        64, description="Side (px) of the square crops the networks see; a power of two."
    )
    channel_base: PositiveInt = Field(
        2048,
        description="Feature maps at resolution r: channel_base / r, at most channel_max. Trades quality for time.",
    )
    channel_max: PositiveInt = Field(128, description="Upper limit of feature maps per layer (StyleGAN2: 512).")
    style_dim: PositiveInt = Field(512, description="Width of latent z and style w (GAN-DL: 512).")
    feature_dim: PositiveInt = Field(
        512, description="Width of the discriminator's layer before the logit: GAN-DL's embedding (512)."
    )
    mapping_layers: PositiveInt = Field(3, description="Fully connected layers from z to w (GAN-DL: 3, StyleGAN2: 8).")
    generator: GeneratorKind = Field(
        GeneratorKind.SKIP,
        description="`skip` sums image skips (StyleGAN2); `residual` as drawn in the preprint's Fig. 7c.",
    )
    minibatch_std_group: PositiveInt = Field(
        4, description="Images per group of the minibatch standard deviation while training."
    )


class AugmentationSettings(Section):
    """Adaptive augmentation (Karras et al. 2020a), for few images: geometry, and each channel's gain and offset."""

    kind: Augmentation = Field(
        Augmentation.NONE,
        description="`adaptive` follows how much the discriminator overfits; `none` for large screens.",
    )
    target: Fraction = Field(0.6, description="Target mean sign of the logits of real images; lower augments more.")
    ramp_images: PositiveInt = Field(
        500_000, description="Number of images within which the strength can rise from 0 to 1."
    )
    maximum: Share = Field(
        0.8, description="Upper limit of the strength: above it, generated images show augmentations."
    )


class ContrastSettings(Section):
    """A contrastive task of the discriminator besides the adversarial loss (ours, not the paper's): which real crops belong
    together?"""

    pairs: Pairs = Field(
        Pairs.NONE,
        description="Real crops come in pairs, of one `site` or of one `well` (it uses only which fields share a well: no "
        "label, no treatment), and the discriminator's features must match the partners; `none` turns it off.",
    )
    weight: PositiveFloat = Field(1.0, description="Weight of the contrastive loss, added to the discriminator's own.")
    temperature: PositiveFloat = Field(
        0.2,
        description="Temperature of its softmax over cosine similarities; lower weights only the nearest negatives.",
    )
    dim: PositiveInt = Field(128, description="Width of the linear head in which similarities are computed.")


class GanEngineSettings(EngineSettings):
    """How a training is computed; nothing here changes the mathematics beyond rounding, except `shared_forward`."""

    shared_forward: bool = Field(
        False,
        description="One generator pass per step serves both networks: faster, but the discriminator learns from images made "
        "before the generator's step, not after it.",
    )


class TrainingSettings(RecipeSettings):
    """Training of the GAN; no label is used."""

    group_key: ClassVar[str] = "network.minibatch_std_group"

    network: NetworkSettings = Field(default_factory=NetworkSettings, description="Shape of the networks.")
    images: PositiveInt = Field(20_000, description="Real images shown to the discriminator; training ends there.")
    batch: PositiveInt = Field(
        16, description="Images per step, over all GPUs; a multiple of minibatch_std_group (times the number of GPUs)."
    )
    loss: Loss = Field(
        Loss.LOGISTIC,
        description="`logistic`: StyleGAN2's, non-saturating; `wgan`: the critic's mean difference; `relativistic`: logistic of "
        "the difference between a real and a generated image (R3GAN).",
    )
    learning_rate: PositiveFloat = Field(0.001, description="Adam's learning rate of both networks (preprint: 1e-4).")
    r1_gamma: NonNegativeFloat = Field(
        50.0, description="Weight of the R1 gradient penalty on real images; larger is steadier, smaller is sharper."
    )
    r2_gamma: NonNegativeFloat = Field(
        0.0, description="Weight of the same penalty on generated images (R3GAN); 0 turns it off."
    )
    lipschitz_weight: NonNegativeFloat = Field(
        0.0,
        description="Weight of the one-sided Lipschitz penalty, mean of max(0, |gradient| - 1) between real and generated images "
        "(the preprint's; Petzka et al. 2018); 0 turns it off.",
    )
    r1_interval: PositiveInt = Field(
        16,
        description="The discriminator's penalties are computed once per this many steps (and weighted accordingly).",
    )
    r1_estimate: GradientEstimate = Field(
        GradientEstimate.EXACT,
        description="How R1 and R2 are computed: `exact`; or by `finite_difference` along a random direction, which needs no "
        "second derivative, but whose gradient is some hundred times noisier: for experiments.",
    )
    path_length_weight: NonNegativeFloat = Field(2.0, description="Weight of the path-length penalty; 0 turns it off.")
    path_length_interval: PositiveInt = Field(
        4, description="The path-length penalty is computed once per this many steps."
    )
    path_length_decay: Fraction = Field(0.01, description="Step of the running mean of path lengths.")
    style_mixing: Share = Field(0.9, description="Share of generated images whose layers use two styles.")
    augmentation: AugmentationSettings = Field(
        default_factory=AugmentationSettings, description="Adaptive augmentation, for screens with few images."
    )
    contrast: ContrastSettings = Field(
        default_factory=ContrastSettings,
        description="A contrastive task added to the adversarial loss: ours, off in the paper's recipe.",
    )
    engine: GanEngineSettings = Field(default_factory=GanEngineSettings, description="How it is computed.")
    roll_backs: NonNegativeInt = Field(
        3,
        description="How often a training that diverges or collapses may roll back to its last good checkpoint, with half the "
        "learning rate or twice R1's gamma, before it stops.",
    )
    looks: PositiveInt = Field(
        8, description="How often quality (and the probe) is evaluated during training, at logarithmic intervals."
    )
    quality_crops: Annotated[int, Field(ge=2)] = Field(
        256, description="Real and generated crops that the quality measure compares; more crops, less noise."
    )
    nuclear_channels: list[ChannelName] = Field(
        ["dna", "hoechst", "dapi"],
        description="Names of channels that show nuclei; in the first one trained on, nuclei of generated crops are counted and "
        "measured against real ones. Without any, only the other read-outs are made.",
    )
    probe: bool = Field(
        True, description="Track Z' of the controls during training; it affects neither gradients nor stopping."
    )
    probe_stride: PositiveInt = Field(64, description="Distance (px) between the crops that the probe averages.")
    weights: ChosenWeights = Field(
        ChosenWeights.LAST,
        description="Weights used for embedding: the `last`, those of `best_quality`, or of `best_probe` (chosen by labels: no "
        "longer label-free).",
    )

    @property
    def crop(self) -> int:
        return self.network.crop

    @property
    def group(self) -> int:
        return self.network.minibatch_std_group

    @property
    def pairs(self) -> Pairs:
        return self.contrast.pairs

    @property
    def probed(self) -> bool:
        return self.probe

    @model_validator(mode="after")
    def _fits(self) -> TrainingSettings:
        group = self.group
        if self.r1_estimate is GradientEstimate.FINITE_DIFFERENCE and self.engine.precision is not Precision.FLOAT32:
            raise ValueError(
                "r1_estimate finite_difference is lost in the rounding of a lower precision: set engine.precision to float32"
            )
        if self.engine.cuda_graphs and (self.engine.microbatch or self.engine.shared_forward):
            raise ValueError(
                "engine.cuda_graphs replays into the same memory, so images cannot wait there: set engine.microbatch to 0 and "
                "engine.shared_forward to false"
            )
        if self.loss is Loss.WGAN and not (self.lipschitz_weight or self.r1_gamma):
            raise ValueError("loss wgan has no lower bound without a penalty: set lipschitz_weight (or r1_gamma)")
        if self.augmentation.kind is Augmentation.ADAPTIVE and self.loss is not Loss.LOGISTIC:
            raise ValueError(
                "augmentation adaptive follows the sign of logits, which means something with loss logistic only"
            )
        if self.contrast.pairs is not Pairs.NONE and (self.engine.microbatch or self.batch < 2 * group):
            raise ValueError(
                "contrast.pairs compares all images of a batch with one another: set engine.microbatch to 0 and batch to at "
                f"least two groups of minibatch_std_group ({2 * group})"
            )
        return self

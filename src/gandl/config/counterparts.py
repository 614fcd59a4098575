"""The recipes of what stands beside the GAN: the convolutional autoencoder, the classifier of siRNAs, and ImageNet-collapsed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from gandl.config.recipe import ChosenWeights, RecipeSettings, power_of_two
from gandl.config.stages import ImageNetNetwork
from gandl.config.types import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Section


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


class PerceptualSettings(Section):
    """What a frozen ImageNet network sees of differences between images and their reconstructions, each channel alone."""

    weight: NonNegativeFloat = Field(
        0.1,
        description="Weight of the perceptual distance (0 to 4) beside the mean squared error of pixels; 0: pixels alone.",
    )
    network: ImageNetNetwork = Field(
        ImageNetNetwork.EFFICIENTNET_LITE0,
        description="Network that looks: `efficientnet_lite0` (its weights come with a package: nothing is downloaded), "
        "`resnet50` (the paper's; 103 MB from download.pytorch.org) or `densenet121` (32 MB).",
    )
    maps: Annotated[int, Field(ge=1, le=5)] = Field(
        3,
        description="How many of its five sizes of feature maps count, from the largest on: 3 are 1/2, 1/4 and 1/8 of the side.",
    )


class AutoencoderSettings(RecipeSettings):
    """Training of the paper's ConvAE, a convolutional autoencoder; no label is used."""

    section: ClassVar[str] = "counterparts.conv_ae"

    network: AutoencoderNetworkSettings = Field(
        default_factory=AutoencoderNetworkSettings, description="Shape of the networks."
    )
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="Adam's first decay rate.")
    perceptual: PerceptualSettings = Field(
        default_factory=PerceptualSettings, description="The perceptual loss, beside the pixels'."
    )
    quality_crops: Annotated[int, Field(ge=2)] = Field(
        256, description="Held-out crops on which the error of reconstructions is measured."
    )

    @property
    def crop(self) -> int:
        return self.network.crop

    @model_validator(mode="after")
    def _fits(self) -> AutoencoderSettings:
        if self.perceptual.weight and self.crop < 2**self.perceptual.maps:
            raise ValueError(
                f"network.crop ({self.crop}) is too small for perceptual.maps ({self.perceptual.maps}), which need "
                f"{2**self.perceptual.maps} px"
            )
        if self.engine.compile:
            raise ValueError("engine.compile is not for this network: set it to false")
        return self


class Schedule(StrEnum):
    COSINE = "cosine"
    CONSTANT = "constant"


class ClassifierNetworkSettings(Section):
    """Shape of the DenseNet; DenseNet-161: growth 48, init_features 96, blocks [6, 12, 36, 24]."""

    crop: Annotated[int, Field(ge=8)] = Field(64, description="Side (px) of the square crops it is trained on.")
    growth: PositiveInt = Field(12, description="Feature maps that every layer adds (DenseNet-161: 48).")
    init_features: PositiveInt = Field(24, description="Feature maps of the first convolution (DenseNet-161: 96).")
    blocks: list[PositiveInt] = Field(
        [2, 4, 4], min_length=1, description="Layers of each dense block; sides are halved between them."
    )
    embedding_dim: PositiveInt = Field(
        256, description="Width of the layer behind the pooling, which is the embedding (the paper's: 1024)."
    )
    norm_group: Annotated[int, Field(ge=2)] = Field(
        32,
        description="Images whose batch statistics are computed together, at least 2; the batch, its share of each GPU and "
        "engine.microbatch are multiples of it.",
    )
    norm_momentum: Fraction = Field(0.05, description="Step of the running statistics, which embed.")

    @property
    def smallest_crop(self) -> int:
        """Side (px) below which nothing is left to pool."""
        return int(2 ** (len(self.blocks) + 1))

    @model_validator(mode="after")
    def _something_is_left(self) -> ClassifierNetworkSettings:
        if self.crop < self.smallest_crop:
            raise ValueError(
                f"crop ({self.crop}) is too small for {len(self.blocks)} blocks, which need {self.smallest_crop} px"
            )
        return self


class ClassifierSettings(RecipeSettings):
    """The paper's baseline: a DenseNet trained to recognise the siRNAs of RxRx1, with labels."""

    section: ClassVar[str] = "counterparts.baseline"
    group_key: ClassVar[str] = "network.norm_group"
    width_key: ClassVar[str] = "network.growth"

    network: ClassifierNetworkSettings = Field(
        default_factory=ClassifierNetworkSettings, description="Shape of the network."
    )
    images: PositiveInt = Field(10_000, description="Images shown in training; it ends there.")
    batch: PositiveInt = Field(32, description="Images per step, over all GPUs; a multiple of network.norm_group.")
    learning_rate: PositiveFloat = Field(
        0.001, description="Adam's learning rate at the start (the open recipe: 1.5e-4)."
    )
    schedule: Schedule = Field(
        Schedule.COSINE, description="How the learning rate goes on: along half a `cosine` to 0, or `constant`."
    )
    warmup_images: NonNegativeInt = Field(0, description="Images within which the learning rate rises from 0.")
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="Adam's first decay rate.")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.999, description="Adam's second decay rate.")
    weight_decay: NonNegativeFloat = Field(1e-5, description="Weight of the squared weights, within Adam's gradient.")
    softmax_weight: NonNegativeFloat = Field(0.8, description="Weight of the softmax head's loss.")
    arcface_weight: NonNegativeFloat = Field(
        0.1, description="Weight of the ArcFace head's loss (the open recipe: 0.2 of half of it)."
    )
    arcface_scale: PositiveFloat = Field(30.0, description="ArcFace's s: radius of the sphere of embeddings.")
    arcface_margin: Annotated[float, Field(ge=0, lt=1.57)] = Field(
        0.5, description="ArcFace's m: angle (radians) that the right class must be ahead."
    )
    channel_noise: NonNegativeFloat = Field(
        0.1, description="Standard deviation of each channel's random gain (around 1) and offset (around 0)."
    )
    balanced: bool = Field(False, description="Draw every label equally often; otherwise every site.")
    held_out: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.05,
        description="Share of the experiments of each cell type that are held out to validate, rounded to whole experiments, at "
        "least one (of two experiments that is half, whatever the share); where a cell type has a single one, of plates, and "
        "where that leaves labels without training, of wells. 0 turns that off.",
    )
    validation_images: PositiveInt = Field(2_000, description="At most so many held-out sites are looked at.")
    weights: ChosenWeights = Field(
        ChosenWeights.LAST,
        description="Weights used for embedding: the `last` (nothing held out chose them: the accuracy on held-out sites is "
        "unbiased), or those of `best_quality` (the lowest loss of held-out siRNAs, on the sites that also give the accuracy).",
    )

    @property
    def crop(self) -> int:
        return self.network.crop

    @property
    def group(self) -> int:
        return self.network.norm_group

    @model_validator(mode="after")
    def _fits(self) -> ClassifierSettings:
        if self.engine.compile:
            raise ValueError("engine.compile is not for this network: set it to false")
        if not self.softmax_weight and not self.arcface_weight:
            raise ValueError("softmax_weight and arcface_weight are both 0: nothing would be learned")
        return self


RetrainedScheme = Literal[
    "quarter",
    "quarter_by_cell_type",
    "leave_plate_out",
    "leave_experiment_out",
    "leave_row_out",
    "leave_column_out",
    "confirmation",
]
"""Schemes of `gandl.source.schemes` whose folds are scored; the probe's are not."""


class CollapsedNetworkSettings(Section):
    """What the network of `imagenet_collapsed` sees while it is trained; which one it is, embeddings.imagenet.network says."""

    crop: Annotated[int, Field(ge=8)] = Field(
        64, description="Side (px) of the square crops it is trained on; sites are embedded whole."
    )


class CollapsedRecipe(RecipeSettings):
    """Training of ImageNet-collapsed: one convolution before a frozen network and a linear head behind it, by labels."""

    section: ClassVar[str] = "counterparts.collapsed"
    width_key: ClassVar[str] = "network.crop"

    network: CollapsedNetworkSettings = Field(
        default_factory=CollapsedNetworkSettings, description="What the network sees in training."
    )
    images: PositiveInt = Field(1280, description="Images shown in the training of every fold; few epochs are enough.")
    learning_rate: PositiveFloat = Field(0.001, description="Adam's learning rate (the paper's: 0.001).")
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="Adam's first decay rate.")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.999, description="Adam's second decay rate.")
    ema_half_life: PositiveFloat = Field(
        64.0, description="Half-life (images) of the moving average of convolution and head, which embeds."
    )
    looks: PositiveInt = Field(4, description="How often it is validated, at logarithmic intervals.")
    balanced: bool = Field(True, description="Draw every label equally often; otherwise every site.")
    held_out: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.2,
        description="Share of every fold's training wells that validate, of each label; test wells never do. 0 turns that off.",
    )
    validation_images: PositiveInt = Field(500, description="At most so many images of these wells are looked at.")
    weights: ChosenWeights = Field(
        ChosenWeights.BEST_QUALITY,
        description="Weights used for embedding: the `last`, or those of `best_quality` (the best validation accuracy, as "
        "in the paper; of equal ones the lowest validation loss).",
    )

    @property
    def crop(self) -> int:
        return self.network.crop

    @model_validator(mode="after")
    def _is_not_compiled(self) -> CollapsedRecipe:
        if self.engine.compile:
            raise ValueError("engine.compile is not for this network: set it to false")
        return self


class CollapsedSettings(CollapsedRecipe):
    """What the objective `collapsed` takes: the recipe and the network."""

    imagenet: ImageNetNetwork = Field(ImageNetNetwork.EFFICIENTNET_LITE0, description="The frozen network.")


class CollapsedCounterpart(CollapsedRecipe):
    """The recipe, and the schemes whose folds are trained."""

    schemes: list[RetrainedScheme] = Field(
        [
            "quarter",
            "quarter_by_cell_type",
            "leave_plate_out",
            "leave_experiment_out",
            "leave_row_out",
            "leave_column_out",
            "confirmation",
        ],
        min_length=1,
        description="Schemes for whose folds it is trained, each fold anew on its training wells; what a screen does not have "
        "is passed over. In the others it has no scores.",
    )

    def recipe(self, imagenet: ImageNetNetwork) -> CollapsedSettings:
        """What the objective takes, with a network."""
        own = self.model_dump(exclude={"schemes"})
        return CollapsedSettings.model_validate({**own, "imagenet": imagenet})


class CounterpartsSettings(Section):
    """What stands beside GAN-DL and is trained by this run; each only where embeddings.featurizers names it."""

    baseline: ClassifierSettings = Field(
        default_factory=ClassifierSettings,
        description="`densenet161_arcface`: the paper's baseline, trained on the siRNAs of RxRx1 (with labels).",
    )
    conv_ae: AutoencoderSettings = Field(
        default_factory=AutoencoderSettings,
        description="`conv_ae`: the paper's convolutional autoencoder, trained on the first screen as GAN-DL is (no label).",
    )
    collapsed: CollapsedCounterpart = Field(
        default_factory=CollapsedCounterpart,
        description="`imagenet_collapsed`: a convolution to three channels before the network of embeddings.imagenet, trained "
        "for every question and fold (with labels).",
    )

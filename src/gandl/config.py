"""The configuration: one pydantic model. Takes a dictionary (a parsed YAML file), makes a checked `Config`.

Everything that describes the configuration elsewhere (the comments of `config/*.yaml`, `config/schema.json`, the table in
`config/README.md`) is generated from the classes here by `python -m gandl.config_files`; a test keeps them in step.
`gandl.config_check` loads and checks. The Snakefile imports both at every start, so they stay light: pydantic, nothing heavier.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


def _power_of_two(value: int) -> int:
    if value < 8 or value & (value - 1):
        raise ValueError(f"must be a power of two of at least 8, not {value}")
    return value


def _not_the_downloads(value: str) -> str:
    if value == "downloads":
        raise ValueError("downloads is the folder that all runs share; name the run otherwise")
    return value


class Section(BaseModel):
    """A part of the configuration: unknown keys are mistakes, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, use_attribute_docstrings=True)


class Dataset(StrEnum):
    BBBC013 = "bbbc013"


class GeneratorKind(StrEnum):
    SKIP = "skip"
    RESIDUAL = "residual"


class Intensity(StrEnum):
    STORE = "store"
    SITE = "site"


class FeaturizerName(StrEnum):
    GANDL = "gandl"
    GANDL_BLOCKS = "gandl_blocks"
    GANDL_UNTRAINED = "gandl_untrained"
    INTENSITY = "intensity"
    SEGMENTATION = "segmentation"


class Activation(StrEnum):
    POST = "post"
    PRE = "pre"


class BlockStatistic(StrEnum):
    MEAN = "mean"
    STD = "std"


class Weights(StrEnum):
    EMA = "ema"
    RAW = "raw"


class Normalization(StrEnum):
    UNLABELLED = "unlabelled"
    MOCK = "mock"
    NONE = "none"


class SourceSettings(Section):
    """Where the images and the plate map come from."""

    dataset: Dataset = Field(
        Dataset.BBBC013, description="The screen to read; `resources/datasets.csv` holds its URLs."
    )
    platemap: str = Field(
        "resources/bbbc013_platemap.csv",
        description="Table of wells: control, treatment, dose. Change it when a plate was laid out differently.",
    )
    development_rows: list[str] = Field(
        ["A", "B", "C", "D"],
        min_length=2,
        description="Plate rows on which settings may be chosen (and the probe looks); the other rows choose nothing.",
    )


class ImagesSettings(Section):
    """How the image store is written."""

    resolutions: list[PositiveInt] = Field(
        [640, 320],
        min_length=1,
        description="Stored image sizes (px), the first is the original; each other is its area mean by a whole factor.",
    )
    shard_sites: PositiveInt = Field(64, description="At most this many sites in one shard (file) of the store.")
    shard_mebibytes: PositiveInt = Field(320, description="At most this many MiB of raw pixels in one shard.")
    compression_level: Annotated[int, Field(ge=1, le=19)] = Field(
        1, description="zstd level; higher is slower and, on noisy images, hardly smaller."
    )


class NetworkSettings(Section):
    """Shape of generator and discriminator (StyleGAN2)."""

    crop: Annotated[int, AfterValidator(_power_of_two)] = Field(
        64, description="Side (px) of the square crops the networks see; a power of two."
    )
    channel_base: PositiveInt = Field(
        2048, description="Feature maps at resolution r: channel_base / r, at most channel_max. Quality against time."
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


class TrainingSettings(Section):
    """Training of the GAN; no label is used."""

    network: NetworkSettings = Field(default_factory=NetworkSettings, description="Shape of the networks.")
    resolution: PositiveInt = Field(320, description="Which stored resolution (px) the crops are cut from.")
    intensity: Intensity = Field(
        Intensity.SITE,
        description="What the networks see: `site` standardises each channel of each image, which removes staining and exposure; "
        "`store` keeps brightness, on one scale for all images.",
    )
    seed: NonNegativeInt = Field(0, description="Seed of initial weights, latents and crops.")
    images: PositiveInt = Field(20_000, description="Real images shown to the discriminator; training ends there.")
    batch: PositiveInt = Field(16, description="Images per step; a multiple of minibatch_std_group.")
    learning_rate: PositiveFloat = Field(0.001, description="Adam's learning rate of both networks (preprint: 1e-4).")
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="Adam's first decay rate.")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.99, description="Adam's second decay rate.")
    r1_gamma: NonNegativeFloat = Field(
        50.0, description="Weight of the R1 gradient penalty on real images; larger is steadier, smaller is sharper."
    )
    r1_interval: PositiveInt = Field(16, description="R1 is computed every so many steps (and weighted as often).")
    path_length_weight: NonNegativeFloat = Field(2.0, description="Weight of the path-length penalty; 0 turns it off.")
    path_length_interval: PositiveInt = Field(4, description="The path-length penalty is computed every so many steps.")
    path_length_decay: Fraction = Field(0.01, description="Step of the running mean of path lengths.")
    style_mixing: Annotated[float, Field(ge=0, le=1)] = Field(
        0.9, description="Share of generated images whose layers use two styles."
    )
    ema_half_life: PositiveFloat = Field(
        8_000.0, description="Half-life (images) of the moving average of both networks; longer is smoother and later."
    )
    ema_rampup: NonNegativeFloat = Field(
        0.05, description="The half-life is at most this share of the images seen so far; 0 turns the ramp off."
    )
    symmetry: bool = Field(True, description="Flip and turn crops by right angles (cells have no up).")
    checkpoint_images: PositiveInt = Field(2_000, description="A checkpoint after every so many images.")
    probe: bool = Field(
        True, description="Follow Z' of the controls along training; it touches neither gradients nor stopping."
    )
    probe_points: PositiveInt = Field(8, description="How often the probe looks, at logarithmic intervals.")
    probe_stride: PositiveInt = Field(64, description="Distance (px) of the crops that the probe averages.")

    @model_validator(mode="after")
    def _batch_fits_groups(self) -> TrainingSettings:
        if self.batch % self.network.minibatch_std_group:
            raise ValueError(
                f"batch ({self.batch}) must be a multiple of minibatch_std_group ({self.network.minibatch_std_group})"
            )
        return self


class SegmentationSettings(Section):
    """The `segmentation` featurizer: nuclei by Otsu's threshold, a ring around each; sizes are pixels of the full image."""

    nuclear_channels: list[str] = Field(
        ["dna", "hoechst"],
        min_length=1,
        description="Names of channels that show nuclei; the first one stored is used.",
    )
    smoothing: NonNegativeFloat = Field(
        1.0,
        description="Sigma (px) of the Gaussian before the threshold; more joins touching nuclei, less keeps noise.",
    )
    minimum_area: PositiveInt = Field(80, description="Smaller objects (px) are debris; about half a nucleus's area.")
    gap: NonNegativeInt = Field(1, description="Pixels left out between a nucleus and its ring: the blurred edge.")
    ring: PositiveInt = Field(6, description="Width (px) of the ring of cytoplasm; it should not reach the next cell.")


class EmbeddingsSettings(Section):
    """How a site becomes one vector."""

    featurizers: list[FeaturizerName] = Field(
        list(FeaturizerName), min_length=1, description="Featurizers to compare; each is embedded, scored and drawn."
    )
    weights: Weights = Field(Weights.EMA, description="Discriminator that embeds: its moving average, or the raw one.")
    activation: Activation = Field(
        Activation.POST, description="GAN-DL's 512-d layer after (`post`) or before (`pre`) its leaky ReLU."
    )
    blocks: list[str] = Field(
        [],
        description="Blocks that make `gandl_blocks` and `gandl_untrained`: `image` (1x1 on the image), "
        "`block_<side of its output>`, `last`; empty: every block. The first ones see texture, the last ones what tells real "
        "from generated.",
    )
    block_statistics: list[BlockStatistic] = Field(
        list(BlockStatistic), min_length=1, description="What is taken over space of every feature map of these blocks."
    )
    stride: PositiveInt = Field(
        64, description="Distance (px) of the crops whose features are averaged over a site; the crop's side tiles it."
    )
    batch: PositiveInt = Field(32, description="Crops per forward pass; it changes the speed only.")
    segmentation: SegmentationSettings = Field(
        default_factory=SegmentationSettings,
        description="Sizes of the `segmentation` featurizer; change with the magnification.",
    )


class NormalizationSettings(Section):
    """How plate effects are removed."""

    methods: list[Normalization] = Field(
        list(Normalization), min_length=1, description="Normalisations to make (`unlabelled` uses no control's label)."
    )
    method: Normalization = Field(
        Normalization.UNLABELLED, description="The one that the questions within a plate's cell type use."
    )

    @model_validator(mode="after")
    def _method_is_made(self) -> NormalizationSettings:
        if self.method not in self.methods:
            raise ValueError(f"method ({self.method}) is not among methods ({', '.join(self.methods)})")
        return self


class EvaluationSettings(Section):
    """Statistics of the screen."""

    svm_c: list[PositiveFloat] = Field(
        [0.01, 0.1, 1.0, 10.0, 100.0],
        min_length=1,
        description="Candidates for the linear SVM's C, from the difference of the means to a hard margin; chosen inside the "
        "training rows by leaving one out.",
    )
    bootstrap: PositiveInt = Field(2_000, description="Bootstrap draws over wells for every interval.")
    confidence: Fraction = Field(0.95, description="Coverage of every interval.")


class FiguresSettings(Section):
    """Look of the figures; changing it redraws them and nothing else."""

    dpi: PositiveInt = Field(200, description="Resolution of the PNG files.")
    font_size: PositiveFloat = Field(8.0, description="Font size in points.")
    crops: PositiveInt = Field(6, description="Real and generated crops shown per channel.")


class Config(Section):
    """Everything that a run depends on."""

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"), AfterValidator(_not_the_downloads)] = Field(
        "bbbc013", description="Name of the run: its folder under `results/`. Two names never mix."
    )
    seed: NonNegativeInt = Field(0, description="Seed of the bootstrap; trainings have their own.")
    mirror: str | None = Field(
        None, description="Folder or base URL that holds `<host>/<path>` of every download; empty: the official hosts."
    )
    source: SourceSettings = Field(default_factory=SourceSettings, description=SourceSettings.__doc__)
    images: ImagesSettings = Field(default_factory=ImagesSettings, description=ImagesSettings.__doc__)
    training: TrainingSettings = Field(default_factory=TrainingSettings, description=TrainingSettings.__doc__)
    embeddings: EmbeddingsSettings = Field(default_factory=EmbeddingsSettings, description=EmbeddingsSettings.__doc__)
    normalization: NormalizationSettings = Field(
        default_factory=NormalizationSettings, description=NormalizationSettings.__doc__
    )
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings, description=EvaluationSettings.__doc__)
    figures: FiguresSettings = Field(default_factory=FiguresSettings, description=FiguresSettings.__doc__)

    @model_validator(mode="after")
    def _stages_fit(self) -> Config:
        if self.training.resolution not in self.images.resolutions:
            raise ValueError(
                f"training.resolution ({self.training.resolution}) is not among images.resolutions {self.images.resolutions}"
            )
        if self.training.network.crop > self.training.resolution:
            raise ValueError(
                f"training.network.crop ({self.training.network.crop}) is larger than the images "
                f"(training.resolution {self.training.resolution})"
            )
        return self

"""The sections of the configuration other than training and normalization: images, embeddings, evaluation, figures."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from gandl.config.recipe import Precision
from gandl.config.source import Dataset
from gandl.config.types import (
    Aggregate,
    ChannelName,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Scaling,
    Section,
)


class QuestionName(StrEnum):
    CONTROLS = "controls"
    DOSE_RESPONSE = "dose_response"
    TREATMENTS = "treatments"
    SCREENING = "screening"
    LAYOUT = "layout"
    CELL_MODEL = "cell_model"
    CELL_TYPE = "cell_type"
    CALIBRATION = "calibration"
    MECHANISM = "mechanism"


class FeaturizerName(StrEnum):
    GANDL = "gandl"
    GANDL_BLOCKS = "gandl_blocks"
    DENSENET161_ARCFACE = "densenet161_arcface"
    IMAGENET_COLLAPSED = "imagenet_collapsed"
    IMAGENET_CONCATENATED = "imagenet_concatenated"
    CONV_AE = "conv_ae"
    DCGAN = "dcgan"
    LSGAN = "lsgan"
    WGAN = "wgan"
    BEGAN = "began"
    BIGAN = "bigan"
    VAE = "vae"
    CYTOGAN_AUTOENCODER = "cytogan_autoencoder"
    GANDL_UNTRAINED = "gandl_untrained"
    IMAGENET_UNTRAINED = "imagenet_untrained"
    CELL_COUNT = "cell_count"
    INTENSITY = "intensity"
    SEGMENTATION = "segmentation"
    CELL_MEASUREMENTS = "cell_measurements"
    RELEASED = "released"


IMAGENET = (
    FeaturizerName.IMAGENET_COLLAPSED,
    FeaturizerName.IMAGENET_CONCATENATED,
    FeaturizerName.IMAGENET_UNTRAINED,
)
"""Featurizers by the network of `embeddings.imagenet`."""
TRAINED = (FeaturizerName.GANDL, FeaturizerName.GANDL_BLOCKS)
"""Featurizers that read the weights of this run's own GAN."""
CYTOGAN = tuple(map(FeaturizerName, ("dcgan", "lsgan", "wgan", "began", "bigan", "vae", "cytogan_autoencoder")))
"""The families of CytoGAN, which this run trains by the section `cytogan`; a family's objective has the same name."""
COUNTERPARTS: tuple[str, ...] = (
    FeaturizerName.DENSENET161_ARCFACE,
    FeaturizerName.IMAGENET_COLLAPSED,
    FeaturizerName.IMAGENET_CONCATENATED,
    FeaturizerName.CONV_AE,
    *CYTOGAN,
    FeaturizerName.RELEASED,
)
"""What the paper compares GAN-DL with: trained elsewhere, or on other tasks. All others need no training: they are floors."""

RXRX_ONLY = (FeaturizerName.DENSENET161_ARCFACE, FeaturizerName.RELEASED)
"""Counterparts that rest on RxRx1's labels or on published embeddings, which other screens do not have."""
NEED_NUCLEI = (FeaturizerName.CELL_COUNT, FeaturizerName.SEGMENTATION, FeaturizerName.CELL_MEASUREMENTS)
"""Featurizers of images with a channel that shows nuclei (`embeddings.segmentation.nuclear_channels`)."""


def floors_among(names: Iterable[str]) -> list[str]:
    """The floors among names of featurizers, in their order."""
    return [name for name in names if name not in (*TRAINED, *COUNTERPARTS)]


class ImageNetNetwork(StrEnum):
    """Networks trained on ImageNet (`gandl.models.networks.imagenet`)."""

    EFFICIENTNET_LITE0 = "efficientnet_lite0"
    DENSENET121 = "densenet121"
    RESNET50 = "resnet50"

    @property
    def label(self) -> str:
        """Its name for readers."""
        return {"densenet121": "DenseNet-121", "resnet50": "ResNet-50"}.get(self.value, "EfficientNet-Lite0")

    @property
    def smallest(self) -> int:
        """Least side (px) of its images: of a smaller one DenseNet-121, which halves it five times, may have nothing left."""
        return 32 if self.value == "densenet121" else 1


class MeasurementGroup(StrEnum):
    """What CellProfiler measures of cells (`gandl.embeddings.cells.groups`)."""

    AREA_SHAPE = "area_shape"
    ZERNIKE = "zernike"
    INTENSITY = "intensity"
    TEXTURE = "texture"
    GRANULARITY = "granularity"
    RADIAL_DISTRIBUTION = "radial_distribution"
    CORRELATION = "correlation"


class Activation(StrEnum):
    POST = "post"
    PRE = "pre"


class BlockStatistic(StrEnum):
    MEAN = "mean"
    STD = "std"


class Weights(StrEnum):
    EMA = "ema"
    RAW = "raw"


class ImagesSettings(Section):
    """How image stores are filled and written."""

    resolutions: dict[Dataset, list[PositiveInt]] = Field(
        {Dataset.RXRX19A: [128], Dataset.RXRX1: [128]},
        description="Stored sizes (px, the shorter side) of each screen's images: the original, or its area mean by a whole "
        "factor. What nobody reads need not be stored.",
    )
    shard_sites: PositiveInt = Field(64, description="At most this many sites in one shard (file) of the store.")
    shard_mebibytes: PositiveInt = Field(320, description="At most this many MiB of raw pixels in one shard.")
    compression_level: Annotated[int, Field(ge=1, le=19)] = Field(
        1, description="zstd level; higher is slower and, on noisy images, hardly smaller."
    )
    connections: PositiveInt = Field(8, description="Requests at a time while images are read from a remote address.")
    gap_kibibytes: NonNegativeInt = Field(
        4,
        description="Members of a remote archive that lie closer than this are fetched in one request, the gap with them.",
    )
    whole_archive: bool = Field(
        False, description="Download a whole archive where its server gives no byte ranges; otherwise that is an error."
    )


class SegmentationSettings(Section):
    """Cells of `cell_count`, `segmentation` and `cell_measurements`: nuclei by Otsu's threshold, a ring around each; sizes are
    pixels of the full image."""

    nuclear_channels: list[ChannelName] = Field(
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


class ImageNetSettings(Section):
    """The counterparts that were trained on ImageNet, and their untrained twin."""

    network: ImageNetNetwork = Field(
        ImageNetNetwork.EFFICIENTNET_LITE0,
        description="Network of `imagenet_collapsed`, `imagenet_concatenated` and `imagenet_untrained`: `efficientnet_lite0` "
        "(its weights come with a package: nothing is downloaded), `densenet121` (the paper's; 32 MB from download.pytorch.org) "
        "or `resnet50` (103 MB).",
    )


class CellMeasurementsSettings(Section):
    """The `cell_measurements` featurizer: CellProfiler's measurements of nuclei, and of cells (nuclei grown by gap and ring)."""

    groups: list[MeasurementGroup] = Field(
        [
            MeasurementGroup.AREA_SHAPE,
            MeasurementGroup.INTENSITY,
            MeasurementGroup.TEXTURE,
            MeasurementGroup.CORRELATION,
        ],
        min_length=1,
        description="What is measured. Of nuclei and cells: `area_shape`, `zernike` (shape), `intensity`, `radial_distribution`; "
        "of cells alone: `texture`, `granularity`, `correlation` (between channels). `granularity`, `radial_distribution` and "
        "`zernike` take about three times as long as all others together.",
    )


def _stated(precision: Precision) -> Precision:
    if precision is Precision.AUTO:
        raise ValueError("auto is for training alone: the same weights must give the same vectors on every machine")
    return precision


class EmbeddingsSettings(Section):
    """How a site becomes one vector."""

    featurizers: list[FeaturizerName] = Field(
        [name for name in FeaturizerName if name not in (*RXRX_ONLY, *CYTOGAN)],
        description="Featurizers to compare; each is embedded, scored and drawn (`released`: the embeddings published with "
        "RxRx; `densenet161_arcface`: the network of counterparts.baseline, which needs RxRx1; `conv_ae`: that of "
        "counterparts.conv_ae, which is trained first; `dcgan`, `lsgan`, `wgan`, `began`, `bigan`, `vae`, `cytogan_autoencoder`: "
        "those of the section cytogan, the same). None where only the setups of `comparison` are compared.",
    )
    weights: Weights = Field(Weights.EMA, description="Discriminator that embeds: its moving average, or the raw one.")
    activation: Activation = Field(
        Activation.POST, description="GAN-DL's 512-d layer after (`post`) or before (`pre`) its leaky ReLU."
    )
    blocks: list[str] = Field(
        [],
        description="Blocks that make `gandl_blocks` and `gandl_untrained`: `image` (1x1 on the image), "
        "`block_<side of its output>`, `last`; empty: every block. The first ones see texture, the last ones what separates real "
        "from generated.",
    )
    block_statistics: list[BlockStatistic] = Field(
        list(BlockStatistic), min_length=1, description="What is taken over space of every feature map of these blocks."
    )
    stride: PositiveInt = Field(
        64, description="Distance (px) of the crops whose features are averaged over a site; the crop's side tiles it."
    )
    batch: PositiveInt = Field(
        32,
        description="Crops (of an ImageNet network on a GPU: images of one channel) per forward pass, rounded up to a "
        "multiple of 16; it changes the speed, at most the last digits.",
    )
    precision: Annotated[Precision, AfterValidator(_stated)] = Field(
        Precision.FLOAT32,
        description="Of embedding networks: `float32`; `tf32` or `bfloat16` are faster on a GPU and change the last digits.",
    )
    resolutions: dict[Dataset, PositiveInt] = Field(
        {Dataset.RXRX19A: 128, Dataset.RXRX1: 128},
        description="Stored size (px) of each screen's images that is embedded; its pixels must be as wide as in training.",
    )
    rescale: dict[Dataset, PositiveFloat] = Field(
        {},
        description="Factor by which a screen's images are enlarged before the networks see them, where their pixels are known "
        "to be of another width than in training; without it such images are refused.",
    )
    drop_channels: list[ChannelName] = Field(
        ["mitotracker"],
        description="Channels that are left out, by name, where the model was not trained on them (GAN-DL: MitoTracker of "
        "RxRx1).",
    )
    segmentation: SegmentationSettings = Field(
        default_factory=SegmentationSettings,
        description="Sizes of the cells that `cell_count`, `segmentation` and `cell_measurements` find; change with the "
        "magnification.",
    )
    cell_measurements: CellMeasurementsSettings = Field(
        default_factory=CellMeasurementsSettings,
        description="Measurements of the `cell_measurements` featurizer.",
    )
    imagenet: ImageNetSettings = Field(
        default_factory=ImageNetSettings,
        description="Networks trained on ImageNet; they see whole images of `resolutions`, on GAN-DL's intensity scale "
        "(`imagenet_collapsed`: on that of counterparts.collapsed.intensity, in every preset of the same kind).",
    )


class EvaluationSettings(Section):
    """Statistics of the screen."""

    questions: list[QuestionName] = Field(
        [name for name in QuestionName if name is not QuestionName.MECHANISM],
        description="Questions to evaluate: `controls` (C+ against C-), `dose_response`, `treatments` (every treatment and dose "
        "against the negative controls), `screening` (every compound: hit, EC50, what to beware of), `layout` (a "
        "well's place in its profile, leaks of the label), `cell_model` "
        "(HRCE against VERO), `cell_type` (RxRx1), `calibration` (simulated screens: against the truth), `mechanism` "
        "(mechanism of action by the nearest treatment of another compound; screens whose wells name mechanisms, `moa`).",
    )
    test_share: Fraction = Field(
        0.25,
        description="Share of wells tested in the paper's split; whole plates and experiments are also left out.",
    )
    svm_c: list[PositiveFloat] = Field(
        [0.01, 0.1, 1.0, 10.0, 100.0],
        min_length=1,
        description="Candidates for the linear SVM's C, from difference of the means to hard margin; chosen within the "
        "training rows by leave-one-out.",
    )
    scaling: Scaling = Field(
        Scaling.PAPER,
        description="On scores put the training controls' means at -1 (C-) and +1 (C+), as the `paper` does, or all of them "
        "between -1 and +1 (min-max), as the `preprint` does; off scores are zero-centred in both.",
    )
    bootstrap: PositiveInt = Field(
        2_000, description="Bootstrap draws over wells for every interval that keeps its axes."
    )
    refits: Annotated[int, Field(ge=3)] = Field(
        10,
        description="Where plates, rows or experiments are held out, each is left out once more and the axes are refitted, "
        "for the intervals; more than so many are dealt to so many groups (to 5 where there are over 2,000 controls).",
    )
    permutations: NonNegativeInt = Field(
        999,
        description="Permutations of the controls' labels within plates, for `permutation_p`, and of mechanisms between "
        "compounds; 0: none.",
    )
    confidence: Fraction = Field(0.95, description="Coverage of every interval.")
    mechanism_aggregate: Aggregate = Field(
        Aggregate.MEAN, description="`mechanism`: a treatment's profile is the `mean` or the `median` of its wells."
    )
    mechanism_controls: bool = Field(
        False,
        description="`mechanism`: positive control wells count for their treatment, too (BBBC021: taxol, every plate).",
    )
    false_discovery: Fraction = Field(
        0.05, description="Share of false ones that is accepted among the hits of a cell type (Benjamini-Hochberg)."
    )
    score_curves: PositiveInt = Field(1_200, description="Dose series with a known EC50 that `calibration` simulates.")


class FiguresSettings(Section):
    """Look of the figures; changing it only redraws them."""

    dpi: PositiveInt = Field(300, description="Resolution of the PNG files; journals print at 300.")
    font_size: PositiveFloat = Field(8.0, description="Font size in points; no text is drawn smaller than 6.")
    crops: PositiveInt = Field(6, description="Real and generated crops shown per channel.")
    paper_featurizer: FeaturizerName = Field(
        FeaturizerName.GANDL,
        description="Featurizer that stands for GAN-DL in the figures that bear the paper's numbers (the paper's: its 512-d "
        "layer); the picture names it.",
    )
    featurizer: FeaturizerName = Field(
        FeaturizerName.GANDL_BLOCKS,
        description="Featurizer that all other figures and tables of a single one show; where embeddings.featurizers does not "
        "name it, the first that it names.",
    )

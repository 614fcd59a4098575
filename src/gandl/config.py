"""The configuration: one pydantic model. Takes a dictionary (a parsed YAML file), makes a checked `Config`.

Everything that describes the configuration elsewhere (the comments of `config/*.yaml`, `config/schema.json`, the table in
`config/README.md`) is generated from the classes here by `python -m gandl.config_files`; a test keeps them in step.
`gandl.config_check` loads and checks. The Snakefile imports both at every start, so they stay light: pydantic, nothing heavier.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

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


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds, also where it may be empty; None for a plain value."""
    choices = get_args(field.annotation) or (field.annotation,)
    sections = [choice for choice in choices if isinstance(choice, type) and issubclass(choice, BaseModel)]
    return sections[0] if sections else None


class Dataset(StrEnum):
    RXRX19A = "rxrx19a"
    RXRX1 = "rxrx1"
    BBBC013 = "bbbc013"
    PLATES = "plates"


class ImagesFrom(StrEnum):
    ARCHIVE = "archive"
    OBJECTS = "objects"


class Wells(StrEnum):
    ALL = "all"
    PILOT = "pilot"


class QuestionName(StrEnum):
    CONTROLS = "controls"
    DOSE_RESPONSE = "dose_response"
    CELL_MODEL = "cell_model"
    CELL_TYPE = "cell_type"
    CALIBRATION = "calibration"


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
    RELEASED = "released"


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


class RxRx19aSettings(Section):
    """RxRx19a, the COVID-19 screen: 57 plates of HRCE and VERO cells, five channels."""

    stores: list[str] = Field(
        [], description="Plates to take (`HRCE-1_25`), one store each; empty: every plate of `resources/stores.csv`."
    )
    wells: Wells = Field(
        Wells.ALL,
        description="`all`; or `pilot`: controls, the three drugs of the paper and two dose series per plate, by stated rules.",
    )
    complete: bool = Field(
        True, description="The metadata must be the whole published screen: its counts are checked, too."
    )
    images_from: ImagesFrom = Field(
        ImagesFrom.ARCHIVE,
        description="`archive`: the members needed are read out of the zip, by byte range where it is remote; `objects`: single "
        "PNGs at their own address (or, with a folder as `mirror`, an unpacked archive).",
    )
    image_px: PositiveInt = Field(1024, description="Side (px) of its square images; another size is refused.")
    pixel_size_um: PositiveFloat | None = Field(
        0.65, description="Side of a pixel (um); empty where unknown: then no scale is checked."
    )


class RxRx1Settings(Section):
    """RxRx1, the screen of 1,108 siRNAs: 51 experiments of four plates and four cell types, six channels."""

    stores: list[str] = Field(
        [], description="Experiments to take (`HUVEC-01`), one store each; empty: every one of `resources/stores.csv`."
    )
    complete: bool = Field(
        True, description="The metadata must be the whole published screen: counts and checksum are checked, too."
    )
    images_from: ImagesFrom = Field(
        ImagesFrom.ARCHIVE,
        description="`archive` or `objects`, as for RxRx19a; its single objects are no official offer.",
    )
    image_px: PositiveInt = Field(512, description="Side (px) of its square images; another size is refused.")
    pixel_size_um: PositiveFloat | None = Field(
        None, description="Side of a pixel (um); empty where unknown (the release does not tell it)."
    )


class Bbbc013Settings(Section):
    """BBBC013: one real 96-well plate."""

    platemap: str = Field(
        "resources/bbbc013_platemap.csv",
        description="Table of wells: control, treatment, dose. Change it when a plate was laid out differently.",
    )
    development_rows: list[str] = Field(
        ["A", "B", "C", "D"],
        min_length=2,
        description="Plate rows on which settings may be chosen (and the probe looks); the other rows choose nothing.",
    )


class PlatesSettings(Section):
    """A lab's own plates: a table of sites, or a folder whose file names tell well, site and channel."""

    table: str | None = Field(
        None,
        description="`sites.csv`: one row per site, a column `file_<channel>` per channel; docs/your-plates.md is the guide.",
    )
    folder: str | None = Field(None, description="Folder of images, where there is no table.")
    pattern: str | None = Field(
        None,
        description="Regular expression for the paths below `folder`, with the named groups `well`, `channel` and, where they "
        "vary, `plate`, `site`, `experiment`.",
    )
    wells: str | None = Field(
        None, description="With `folder`: a CSV of wells (plate, well, control, treatment, concentration_um)."
    )
    pixel_size_um: PositiveFloat | None = Field(None, description="Side of a pixel (um); empty where unknown.")


class SimulationSettings(Section):
    """A simulated pair of screens with a known truth, written in the distributed format of RxRx19a and RxRx1."""

    seed: NonNegativeInt = Field(0, description="Same seed, same bytes.")
    image_px: PositiveInt = Field(
        256, description="Side (px) of RxRx19a-like images; RxRx1-like ones have half, at twice the pixel size."
    )
    hrce_plates: PositiveInt = Field(3, description="Plates in each of HRCE-1 and HRCE-2.")
    vero_plates: PositiveInt = Field(2, description="Plates in each of VERO-1 and VERO-2.")
    compounds: Annotated[int, Field(ge=3)] = Field(
        7, description="Compounds per plate, each in six half-log doses and two wells a plate; three have fixed names."
    )
    sites: PositiveInt = Field(4, description="Sites (fields) per RxRx19a-like well.")
    severity: NonNegativeFloat = Field(
        1.0, description="Factor on the severity of infection in every well; 0 gives screens without any effect."
    )
    rxrx1_experiments: PositiveInt = Field(2, description="RxRx1-like experiments (of four plates) per cell type.")
    rxrx1_sirnas: PositiveInt = Field(10, description="siRNAs in each of the four fixed sets: treated wells per plate.")


class SourceSettings(Section):
    """Which screens, and where their images come from."""

    datasets: list[Dataset] = Field(
        [Dataset.RXRX19A, Dataset.RXRX1],
        min_length=1,
        description="Screens of the run. The network is trained on the first; the others are embedded by it as they are "
        "(zero-shot).",
    )
    simulation: SimulationSettings | None = Field(
        default_factory=SimulationSettings,
        description="RxRx19a and RxRx1 are simulated with these sizes; empty: the real ones.",
    )
    rxrx19a: RxRx19aSettings | None = Field(
        RxRx19aSettings(complete=False, image_px=256), description="Where `datasets` names it, else empty."
    )
    rxrx1: RxRx1Settings | None = Field(
        RxRx1Settings(complete=False, image_px=128, pixel_size_um=1.3),
        description="Where `datasets` names it, else empty.",
    )
    bbbc013: Bbbc013Settings | None = Field(None, description="Where `datasets` names it, else empty.")
    plates: PlatesSettings | None = Field(None, description="Where `datasets` names it, else empty.")

    @model_validator(mode="after")
    def _sections_fit(self) -> SourceSettings:
        if len(set(self.datasets)) != len(self.datasets):
            raise ValueError(f"datasets names a screen twice: {', '.join(self.datasets)}")
        for dataset in Dataset:
            wanted, given = dataset in self.datasets, getattr(self, dataset.value) is not None
            if wanted != given:
                raise ValueError(
                    f"datasets names {dataset}, but its section source.{dataset} is empty"
                    if wanted
                    else f"the section source.{dataset} is filled, but datasets does not name it; leave it empty"
                )
        if self.simulation is not None:
            real = [dataset for dataset in self.datasets if dataset not in (Dataset.RXRX19A, Dataset.RXRX1)]
            if real:
                raise ValueError(f"simulation makes rxrx19a and rxrx1 only; datasets names {', '.join(real)}")
            for section, side in (
                (self.rxrx19a, self.simulation.image_px),
                (self.rxrx1, self.simulation.image_px // 2),
            ):
                if section is not None and (section.image_px != side or section.complete):
                    raise ValueError(
                        f"a simulated {section.__class__.__name__.removesuffix('Settings')} has images of {side} px and is "
                        f"not complete; set its image_px to {side} and its complete to false"
                    )
        return self

    @property
    def screen(self) -> Dataset:
        """The screen that is trained on and judged."""
        return self.datasets[0]

    @property
    def simulated(self) -> bool:
        return self.simulation is not None

    @property
    def development_rows(self) -> list[str]:
        """Plate rows on which settings may be chosen, where the screen has such; else none."""
        return self.bbbc013.development_rows if self.bbbc013 is not None else []


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
    resolution: PositiveInt = Field(128, description="Which stored resolution (px) the crops are cut from.")
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
        [name for name in FeaturizerName if name != FeaturizerName.RELEASED],
        min_length=1,
        description="Featurizers to compare; each is embedded, scored and drawn (`released`: the embeddings published with "
        "RxRx).",
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
    resolutions: dict[Dataset, PositiveInt] = Field(
        {Dataset.RXRX19A: 128, Dataset.RXRX1: 128},
        description="Stored size (px) of each screen's images that is embedded; its pixels must be as wide as in training.",
    )
    rescale: dict[Dataset, PositiveFloat] = Field(
        {},
        description="Factor by which a screen's images are enlarged before the networks see them, where their pixels are known "
        "to be of another width than in training; without it such images are refused.",
    )
    drop_channels: list[str] = Field(
        ["mitotracker"],
        description="Channels that are left out, by name, where the model was not trained on them (GAN-DL: MitoTracker of "
        "RxRx1).",
    )
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

    questions: list[QuestionName] = Field(
        list(QuestionName),
        description="What is asked: `controls` (C+ against C-), `dose_response`, `cell_model` (HRCE against VERO), `cell_type` "
        "(RxRx1), `calibration` (simulated screens: against the truth).",
    )
    test_share: Fraction = Field(
        0.25,
        description="Share of wells that is tested in the paper's split; beside it whole plates and experiments are left out.",
    )

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


class ComputeSettings(Section):
    """What the heavy jobs ask of a cluster; on one machine `--cores` decides."""

    gpus: NonNegativeInt = Field(
        0,
        description="GPUs that a training or embedding job asks a cluster for. Today these jobs compute on the CPU all the same.",
    )
    threads: PositiveInt = Field(2, description="CPU threads of a training, embedding or packing job.")
    training_memory: str = Field("3GB", pattern=r"^[1-9]\d*[MG]B$", description="Memory of a training job.")
    training_runtime: str = Field("12h", pattern=r"^[1-9]\d*[mhd]$", description="Time limit of a training job.")
    store_memory: str = Field(
        "3GB", pattern=r"^[1-9]\d*[MG]B$", description="Memory of a job that packs or embeds one store."
    )
    store_runtime: str = Field(
        "4h", pattern=r"^[1-9]\d*[mhd]$", description="Time limit of a job that packs or embeds one store."
    )


class Config(Section):
    """Everything that a run depends on."""

    run: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"), AfterValidator(_not_the_downloads)] = Field(
        "simulated", description="Name of the run: its folder under `results/`. Two names never mix."
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
    compute: ComputeSettings = Field(default_factory=ComputeSettings, description=ComputeSettings.__doc__)

    @property
    def simulated(self) -> bool:
        return self.source.simulated

    @model_validator(mode="after")
    def _stages_fit(self) -> Config:
        screens, screen = set(self.source.datasets), self.source.screen
        for key, named in (
            ("images.resolutions", set(self.images.resolutions)),
            ("embeddings.resolutions", set(self.embeddings.resolutions)),
        ):
            if named != screens:
                raise ValueError(
                    f"{key} names {_named(named)}; it must name the screens of source.datasets: {_named(screens)}"
                )
        for dataset, resolution in self.embeddings.resolutions.items():
            if resolution not in self.images.resolutions[dataset]:
                raise ValueError(
                    f"embeddings.resolutions asks for {dataset} at {resolution} px, which is not among its "
                    f"images.resolutions {self.images.resolutions[dataset]}"
                )
            seen = round(resolution * self.embeddings.rescale.get(dataset, 1.0))
            if seen < self.training.network.crop:
                raise ValueError(
                    f"embeddings.resolutions: images of {dataset} are {seen} px when the networks see them, smaller than "
                    f"training.network.crop ({self.training.network.crop})"
                )
        stored = self.images.resolutions[screen]
        if self.training.resolution not in stored:
            raise ValueError(
                f"training.resolution ({self.training.resolution}) is not among images.resolutions of {screen} {stored}"
            )
        if self.training.network.crop > self.training.resolution:
            raise ValueError(
                f"training.network.crop ({self.training.network.crop}) is larger than the images "
                f"(training.resolution {self.training.resolution})"
            )
        if QuestionName.CALIBRATION in self.evaluation.questions and not self.simulated:
            raise ValueError("evaluation.questions names calibration, but only a simulated screen has a known truth")
        return self


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"

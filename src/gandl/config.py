"""The configuration: one pydantic model. Takes a dictionary (a parsed YAML file), makes a checked `Config`.

Everything that describes the configuration elsewhere (the comments of `config/*.yaml`, `config/schema.json`, the table in
`config/README.md`) is generated from the classes here by `python -m gandl.config_files`; a test keeps them in step.
`gandl.config_check` loads and checks. The Snakefile imports both at every start, so they stay light: pydantic, nothing heavier.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from gandl.config_training import Augmentation as Augmentation
from gandl.config_training import AugmentationSettings as AugmentationSettings
from gandl.config_training import ChosenWeights as ChosenWeights
from gandl.config_training import EngineSettings as EngineSettings
from gandl.config_training import GeneratorKind as GeneratorKind
from gandl.config_training import GradientEstimate as GradientEstimate
from gandl.config_training import Intensity as Intensity
from gandl.config_training import Loss as Loss
from gandl.config_training import NetworkSettings as NetworkSettings
from gandl.config_training import Pairs as Pairs
from gandl.config_training import Precision as Precision
from gandl.config_training import TrainingSettings
from gandl.config_types import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Section


def _not_the_downloads(value: str) -> str:
    if value == "downloads":
        raise ValueError("downloads is the folder that all runs share; name the run otherwise")
    return value


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


def _stated(precision: Precision) -> Precision:
    if precision is Precision.AUTO:
        raise ValueError("auto is for training alone: the same weights must give the same vectors on every machine")
    return precision


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
    batch: PositiveInt = Field(
        32,
        description="Crops per forward pass (rounded up to a multiple of 16); it changes the speed, at most the last digits.",
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
    """What the heavy jobs compute on, and what they ask of a cluster; on one machine `--cores` decides."""

    gpus: NonNegativeInt = Field(
        0,
        description="GPUs of a training job, each of which computes a part of every batch; above 0, an embedding job has "
        "one, too. 0: everything computes on the CPU.",
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
        self._fits_gpus()
        if QuestionName.CALIBRATION in self.evaluation.questions and not self.simulated:
            raise ValueError("evaluation.questions names calibration, but only a simulated screen has a known truth")
        return self

    def _fits_gpus(self) -> None:
        """Every GPU computes as many images of a batch, in whole groups of the minibatch deviation."""
        training, gpus = self.training, max(1, self.compute.gpus)
        group, part = training.network.minibatch_std_group, training.engine.microbatch
        if training.batch % (group * gpus):
            raise ValueError(
                f"training.batch ({training.batch}) must be a multiple of minibatch_std_group times compute.gpus "
                f"({group} x {gpus} = {group * gpus})"
            )
        if part and training.batch // gpus % part:
            raise ValueError(
                f"training.engine.microbatch ({part}) must divide what each of {gpus} GPUs computes of a batch "
                f"({training.batch} / {gpus} = {training.batch // gpus} images)"
            )


def _named(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"

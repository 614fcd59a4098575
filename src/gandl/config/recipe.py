"""What the recipe of every training has: images, batch, optimiser, averages, checkpoints and how it is computed; and on what.

A training's own settings are a class that inherits from `RecipeSettings`: `TrainingSettings` for the GAN, and those of the
counterparts.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from gandl.config.types import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Section


def power_of_two(value: int) -> int:
    """A value that is a power of two of at least 8; any other is a mistake."""
    if value < 8 or value & (value - 1):
        raise ValueError(f"must be a power of two of at least 8, not {value}")
    return value


class Intensity(StrEnum):
    STORE = "store"
    SITE = "site"


class Pairs(StrEnum):
    NONE = "none"
    SITE = "site"
    WELL = "well"


class Precision(StrEnum):
    AUTO = "auto"
    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


class ChosenWeights(StrEnum):
    LAST = "last"
    BEST_QUALITY = "best_quality"
    BEST_PROBE = "best_probe"


class EngineSettings(Section):
    """How a training is computed; nothing here changes the mathematics beyond rounding."""

    precision: Precision = Field(
        Precision.FLOAT32,
        description="`auto` takes bfloat16 on a GPU and on CPUs with AVX-512 BF16 or AMX, float32 on others, and logs which. "
        "`bfloat16` (mixed: float32 where it matters) and `tf32` are for GPUs; bfloat16 is slow on CPUs without these "
        "instructions.",
    )
    compile: bool = Field(
        False,
        description="Compile the first-order steps (`torch.compile`); if that fails, training continues without it.",
    )
    cuda_graphs: bool = Field(
        False, description="With `compile`, on a GPU: replay steps as CUDA graphs. For small networks."
    )
    microbatch: NonNegativeInt = Field(
        0,
        description="Images computed at a time on each GPU, in whole groups (of images whose statistics are taken together); "
        "smaller needs less memory, and the batch size does not change. 0: all at once.",
    )


class ComputeSettings(Section):
    """What the heavy jobs compute on, and what they request of a cluster; on one machine `--cores` decides."""

    gpus: NonNegativeInt = Field(
        0,
        description="GPUs of a training job, each of which computes a part of every batch; above 0, an embedding job uses "
        "one, too. 0: everything runs on the CPU.",
    )
    nodes: PositiveInt = Field(
        1,
        description="Machines of a training job, with as many of its GPUs on each (without GPUs, a process on each); above 1, "
        "on a Slurm cluster only.",
    )
    threads: PositiveInt = Field(
        2,
        description="CPU threads of a training or packing job; embedding jobs, one per store, divide them among themselves.",
    )
    training_memory: str = Field("3GB", pattern=r"^[1-9]\d*[MG]B$", description="Memory of a training job.")
    training_runtime: str = Field("12h", pattern=r"^[1-9]\d*[mhd]$", description="Time limit of a training job.")
    store_memory: str = Field(
        "3GB", pattern=r"^[1-9]\d*[MG]B$", description="Memory of a job that packs or embeds one store."
    )
    store_runtime: str = Field(
        "4h", pattern=r"^[1-9]\d*[mhd]$", description="Time limit of a job that packs or embeds one store."
    )

    @property
    def processes(self) -> int:
        """Processes of a training, each of which computes a part of every batch: one for each GPU, or for each machine."""
        return max(self.gpus, self.nodes)

    @property
    def processes_from(self) -> str:
        """The key that decides how many processes a training has."""
        return "compute.nodes" if self.nodes > 1 and not self.gpus else "compute.gpus"

    @model_validator(mode="after")
    def _gpus_are_spread_evenly(self) -> Self:
        if self.gpus % self.nodes:
            raise ValueError(f"gpus ({self.gpus}) must be a multiple of nodes ({self.nodes}): as many on each machine")
        return self


class RecipeSettings(Section):
    """What every training has, whatever it learns."""

    section: ClassVar[str] = "training"
    """Where it is in the configuration, for messages."""
    group_key: ClassVar[str] = ""
    """The key below it that gives `group`; empty: nothing is computed in groups."""
    width_key: ClassVar[str] = "network.channel_base"
    """The key below it that makes its networks narrower."""

    resolution: PositiveInt = Field(128, description="Stored resolution (px) from which crops are cut.")
    intensity: Intensity = Field(
        Intensity.SITE,
        description="What the networks see: `site` standardises each channel of each image, which removes staining and exposure; "
        "`store` keeps brightness, on one scale for all images.",
    )
    seed: NonNegativeInt = Field(0, description="Seed of initial weights, crops, and all else that is drawn.")
    images: PositiveInt = Field(20_000, description="Real images shown; training ends there.")
    batch: PositiveInt = Field(16, description="Images per step, over all GPUs (a multiple of their number).")
    learning_rate: PositiveFloat = Field(0.001, description="Adam's learning rate.")
    beta1: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="Adam's first decay rate.")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.99, description="Adam's second decay rate.")
    ema_half_life: PositiveFloat = Field(
        8_000.0,
        description="Half-life (images) of the moving average of the networks; longer is smoother but lags more.",
    )
    ema_rampup: NonNegativeFloat = Field(
        0.05, description="The half-life is at most this share of the images seen so far; 0 turns the ramp off."
    )
    symmetry: bool = Field(True, description="Flip crops and rotate them by right angles (cells have no orientation).")
    engine: EngineSettings = Field(default_factory=EngineSettings, description="How it is computed.")
    checkpoint_images: PositiveInt = Field(2_000, description="Images between two checkpoints.")
    roll_backs: NonNegativeInt = Field(
        3,
        description="How often a training that diverges or collapses may roll back to its last good checkpoint, with half the "
        "learning rate, before it stops.",
    )
    looks: PositiveInt = Field(8, description="How often it is evaluated, at logarithmic intervals.")
    held_out: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.05, description="Share of sites held out from training, on which quality is measured. 0 turns that off."
    )
    weights: ChosenWeights = Field(
        ChosenWeights.LAST, description="Weights used for embedding: the `last`, or those of `best_quality`."
    )
    live_csv: bool = Field(False, description="Also write every status line to a CSV beside the log, to follow live.")

    @property
    def crop(self) -> int:
        """Side (px) of the square crops that the networks see."""
        raise NotImplementedError

    @property
    def group(self) -> int:
        """Images that are computed together, for statistics that they share."""
        return 1

    @property
    def pairs(self) -> Pairs:
        """Which crops of a batch belong together."""
        return Pairs.NONE

    @property
    def probed(self) -> bool:
        """Whether a probe looks at it."""
        return False

    @model_validator(mode="after")
    def _recipe_fits(self) -> RecipeSettings:
        if self.batch % self.group:
            raise ValueError(f"batch ({self.batch}) must be a multiple of {self._group_name} ({self.group})")
        micro = self.engine.microbatch
        if micro and (micro % self.group or self.batch % micro):
            groups = (
                f"must be a multiple of {self._group_name} ({self.group}) that divides"
                if self.group_key
                else "must divide"
            )
            raise ValueError(f"engine.microbatch ({micro}) {groups} batch ({self.batch})")
        if self.engine.cuda_graphs and not self.engine.compile:
            raise ValueError("engine.cuda_graphs needs engine.compile: true")
        if self.weights is ChosenWeights.BEST_PROBE and not self.probed:
            raise ValueError("weights best_probe needs probe: true")
        if self.weights is ChosenWeights.BEST_QUALITY and not self.held_out:
            raise ValueError("weights best_quality needs held_out above 0")
        return self

    @property
    def _group_name(self) -> str:
        return self.group_key.rpartition(".")[2]

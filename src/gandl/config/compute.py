"""The section of the configuration that says what jobs compute on."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from gandl.config.types import NonNegativeInt, PositiveInt, Section


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

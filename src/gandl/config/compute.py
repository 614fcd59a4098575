"""The section of the configuration that says what jobs compute on."""

from __future__ import annotations

from pydantic import Field

from gandl.config.types import NonNegativeInt, PositiveInt, Section


class ComputeSettings(Section):
    """What the heavy jobs compute on, and what they request of a cluster; on one machine `--cores` decides."""

    gpus: NonNegativeInt = Field(
        0,
        description="GPUs of a training job, each of which computes a part of every batch; above 0, an embedding job uses "
        "one, too. 0: everything runs on the CPU.",
    )
    threads: PositiveInt = Field(
        2, description="CPU threads of a training or packing job, and, shared by as many stores, of embedding jobs."
    )
    training_memory: str = Field("3GB", pattern=r"^[1-9]\d*[MG]B$", description="Memory of a training job.")
    training_runtime: str = Field("12h", pattern=r"^[1-9]\d*[mhd]$", description="Time limit of a training job.")
    store_memory: str = Field(
        "3GB", pattern=r"^[1-9]\d*[MG]B$", description="Memory of a job that packs or embeds one store."
    )
    store_runtime: str = Field(
        "4h", pattern=r"^[1-9]\d*[mhd]$", description="Time limit of a job that packs or embeds one store."
    )

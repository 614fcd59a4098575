"""Rule `normalization`: embeddings become profiles."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Normalization
from gandl.normalization.profiles import write_profiles
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_profiles(
        [Path(path) for path in snakemake.input.embeddings],
        Path(snakemake.input.sites),
        Normalization(snakemake.wildcards.method),
        Path(snakemake.output.sites),
        Path(snakemake.output.wells),
    )

"""Rules `normalization` and `collapsed_normalization`: embeddings become profiles, in the latter fold by fold."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Normalization, NormalizationSettings
from gandl.normalization.folds import write_fold_profiles
from gandl.normalization.profiles import write_profiles
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write = write_fold_profiles if snakemake.wildcards.get("question") else write_profiles
    write(
        [Path(path) for path in snakemake.input.embeddings],
        Path(snakemake.input.sites),
        Normalization(snakemake.wildcards.method),
        Path(snakemake.output.sites),
        Path(snakemake.output.wells),
        Path(snakemake.output.fitted),
        settings=NormalizationSettings.given(snakemake.params.settings),
        code=snakemake.params.code,
    )

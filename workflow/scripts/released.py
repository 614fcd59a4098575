"""Rules `released_rxrx19a` and `released_rxrx1`: published embeddings as embedding tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset
from gandl.source.screens.released import write_released
from gandl.source.screens.rxrx1_counts import EMBEDDINGS_SHA256
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    outputs = zip(snakemake.params.stores, (Path(path) for path in snakemake.output.embeddings), strict=True)
    write_released(
        Path(snakemake.input.archive),
        Path(snakemake.input.sites),
        dict(outputs),
        dataset=Dataset(snakemake.params.dataset),
        width=snakemake.params.width,
        complete=snakemake.params.complete,
        sha256=EMBEDDINGS_SHA256 if snakemake.params.checksum else None,
    )

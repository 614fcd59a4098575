"""Rules `simulate_rxrx19a` and `simulate_rxrx1`: a simulated screen in the distributed format, and its truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, SimulationSettings
from gandl.source.simulator.plan import mirror_of
from gandl.source.simulator.rxrx1 import write_rxrx1
from gandl.source.simulator.rxrx19a import write_rxrx19a
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    dataset = Dataset(snakemake.params.dataset)
    write = {Dataset.RXRX19A: write_rxrx19a, Dataset.RXRX1: write_rxrx1}[dataset]
    write(
        SimulationSettings.model_validate(snakemake.params.settings),
        Path(mirror_of(snakemake.output.metadata)),
        Path(snakemake.output.truth),
        threads=snakemake.threads,
    )

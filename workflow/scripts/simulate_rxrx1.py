"""Rule `simulate_rxrx1`: the simulated RxRx1 in the distributed format, and its truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, SimulationSettings
from gandl.jobs import job
from gandl.source.origin import mirror_of
from gandl.source.simulator.plan import files_of_simulation
from gandl.source.simulator.rxrx1 import write_rxrx1

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_rxrx1(
        SimulationSettings.model_validate(snakemake.params.settings),
        Path(mirror_of(snakemake.output.metadata, str(files_of_simulation(Dataset.RXRX1).metadata))),
        Path(snakemake.output.truth),
        threads=snakemake.threads,
    )

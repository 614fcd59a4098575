"""Rule `simulate_rxrx19a`: the simulated RxRx19a in the distributed format, and its truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import SimulationSettings
from gandl.jobs import job
from gandl.source.simulator.rxrx19a import write_rxrx19a

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    write_rxrx19a(
        SimulationSettings.model_validate(snakemake.params.settings),
        Path(snakemake.params.mirror),
        Path(snakemake.output.truth),
        threads=snakemake.threads,
    )

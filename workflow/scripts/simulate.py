"""Rules `simulate_rxrx19a`, `_rxrx1`, `_cell_lines`, `_bbbc021`: a simulated screen in the distributed format, and its truth."""

from pathlib import Path
from typing import TYPE_CHECKING

from gandl.config import Dataset, SimulationSettings
from gandl.source.simulator.bbbc021 import write_bbbc021
from gandl.source.simulator.cell_lines import write_cell_lines
from gandl.source.simulator.plan import mirror_of
from gandl.source.simulator.rxrx1 import write_rxrx1
from gandl.source.simulator.rxrx19a import write_rxrx19a
from gandl.workflow.jobs import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake.log[0]):
    dataset = Dataset(snakemake.params.dataset)
    writers = {
        Dataset.RXRX19A: write_rxrx19a,
        Dataset.RXRX1: write_rxrx1,
        Dataset.CELL_LINES: write_cell_lines,
        Dataset.BBBC021: write_bbbc021,
    }
    writers[dataset](
        SimulationSettings.model_validate(snakemake.params.settings),
        Path(mirror_of(snakemake.output.metadata)),
        Path(snakemake.output.truth),
        threads=snakemake.threads,
    )

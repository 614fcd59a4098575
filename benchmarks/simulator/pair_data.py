"""Makes the stores, sites and truth of a simulated pair of screens without the workflow: for machines that have no Snakemake.

    python -m benchmarks.simulator.pair_data --config config/config.yaml --out results/pair --processes 16

The same functions as the workflow's rules, in the same order, into the same places; stores are packed side by side.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from gandl.config import Config, Dataset
from gandl.config.files import read_config
from gandl.images.screens.packing import Raw, Target, pack_store_of
from gandl.source.catalogue import file_of
from gandl.source.simulator.plan import files_of_simulation
from gandl.source.simulator.rxrx1 import write_rxrx1
from gandl.source.simulator.rxrx19a import write_rxrx19a
from gandl.source.sites import write_sites_of
from gandl.source.stores import stores_of_run

CATALOGUE = Path("resources/datasets.csv")
WRITERS = {Dataset.RXRX19A: write_rxrx19a, Dataset.RXRX1: write_rxrx1}


def main() -> None:
    """Make the data of a configuration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--out", type=Path, required=True, help="folder that `results/<run>` would be")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    make_pair(read_config(options.config), options.out, options.processes)


def make_pair(config: Config, out: Path, processes: int) -> None:
    """Draw the screens of a configuration and pack their stores; what is there already is left as it is."""
    if config.source.simulation is None:
        raise ValueError("this configuration simulates nothing: its images are not drawn but downloaded")
    mirror = out / "source/simulator"
    for dataset in config.source.datasets:
        files = files_of_simulation(dataset)
        truth, sites = (out / "source" / dataset.value / f"{name}.parquet" for name in ("truth", "sites"))
        if not truth.exists():
            truth.parent.mkdir(parents=True, exist_ok=True)
            WRITERS[dataset](config.source.simulation, mirror, truth, threads=processes)
        section = getattr(config.source, dataset.value)
        if not sites.exists():
            raw = [mirror / str(files.metadata), Path("resources/compound_variants.csv")]
            write_sites_of(dataset.value, section.model_dump(mode="json"), raw, sites)
        todo = [
            store
            for store in stores_of_run(config.source, dataset)
            if not (out / "images" / dataset.value / f"{store}.manifest.json").exists()
        ]
        pack = partial(_pack, config=config, dataset=dataset, out=out, mirror=mirror)
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            list(pool.map(pack, todo))


def _pack(store: str, *, config: Config, dataset: Dataset, out: Path, mirror: Path) -> None:
    folder = out / "images" / dataset.value
    folder.mkdir(parents=True, exist_ok=True)
    section = getattr(config.source, dataset.value)
    pack_store_of(
        dataset.value,
        store,
        Raw(address=str(file_of(dataset, "images", CATALOGUE).url), mirror=str(mirror)),
        out / "source" / dataset.value / "sites.parquet",
        Target(folder / f"{store}.zarr", folder / f"{store}.parquet", folder / f"{store}.manifest.json"),
        resolutions=config.images.resolutions[dataset],
        source=section.model_dump(mode="json", include={"images_from", "image_px", "pixel_size_um"}),
        settings=config.images,
        code="pair_data",
    )


if __name__ == "__main__":
    main()

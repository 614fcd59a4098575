"""The stores of a run: takes the source section of a configuration, names every image store (one per plate or experiment).

The Snakefile imports it at every start, so that the whole DAG is known before anything runs; nothing heavier than pydantic is
imported.
"""

from __future__ import annotations

from pathlib import Path

from gandl.config import Dataset, SourceSettings
from gandl.source.catalogue import stores_of
from gandl.source.class_folders.names import class_stores
from gandl.source.plates.stores import light_stores
from gandl.source.simulator.plan import stores_of_simulation
from gandl.workflow.words import counted

TABLE = Path("resources/stores.csv")


class StoresError(SystemExit):
    """A configuration requests stores that do not exist. A `SystemExit`, so that Snakemake prints it without a traceback."""


def stores_of_run(source: SourceSettings, dataset: Dataset, table: Path = TABLE) -> list[str]:
    """Names of a screen's stores, in order.

    Parameters
    ----------
    source : which screens, simulated or not, and which of their stores.
    dataset : one of `source.datasets`.
    table : the stores of every published screen.

    Raises
    ------
    StoresError : a store that the screen does not have, or plates that cannot be listed.
    """
    try:
        if dataset is Dataset.PLATES:
            assert source.plates is not None
            return light_stores(source.plates)
        if dataset is Dataset.CLASS_FOLDERS:
            assert source.class_folders is not None
            return class_stores(source.class_folders)
        if source.simulation is not None:
            known = stores_of_simulation(source.simulation, dataset)
        else:
            known = stores_of(dataset.value, table)
    except (OSError, ValueError) as error:
        raise StoresError(str(error)) from error
    section = getattr(source, dataset.value)
    wanted = getattr(section, "stores", [])
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise StoresError(
            f"source.{dataset}.stores names {', '.join(unknown)}; this screen has {counted(len(known), 'store')}, "
            f"{known[0]} to {known[-1]}"
        )
    return [name for name in known if not wanted or name in wanted]


def training_stores(source: SourceSettings, table: Path = TABLE) -> list[str]:
    """Names of the stores of the first screen on which networks without labels are trained: all but `source.unseen`.

    Raises
    ------
    StoresError : `source.unseen` names a store that the run does not have, or all that it has.
    """
    stores = stores_of_run(source, source.screen, table)
    unknown = [name for name in source.unseen if name not in stores]
    if unknown:
        raise StoresError(
            f"source.unseen names {', '.join(unknown)}; the run has {counted(len(stores), 'store')} of {source.screen}, "
            f"{stores[0]} to {stores[-1]}"
        )
    seen = [name for name in stores if name not in source.unseen]
    if not seen:
        raise StoresError(f"source.unseen names all stores of {source.screen}; nothing is left to train on")
    return seen

"""Which plates are exported: takes the settings and the stores of a run, gives the stores that hold them.

The Snakefile imports it at every start, so that an export of plates that do not exist is refused before anything runs; nothing
heavier than pydantic is imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gandl.config import Dataset, OmeZarrSettings
from gandl.workflow.words import counted

WITH_PLATES = (Dataset.RXRX1, Dataset.CELL_LINES)
"""Screens whose stores hold several plates."""


class ChoiceError(SystemExit):
    """Plates or a screen that a run does not have. A `SystemExit`, so that Snakemake prints it without a traceback."""


def screen_to_export(settings: OmeZarrSettings, stores: Mapping[str, Sequence[str]]) -> str:
    """The screen whose plates are exported: the one that is named, else the first of the run.

    Raises
    ------
    ChoiceError : the run does not have it.
    """
    screen = settings.screen.value if settings.screen else next(iter(stores))
    if screen not in stores:
        raise ChoiceError(f"ome_zarr.screen names {screen}; this run has {', '.join(stores)}")
    return screen


def plates_to_export(settings: OmeZarrSettings, stores: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The plates to export of each store that holds some; [] means every plate of the store.

    Parameters
    ----------
    stores : names of the image stores by screen, in order. A store is a plate, or (RxRx1, cell_lines) holds plates that are named
        `<store>_<number>`.

    Raises
    ------
    ChoiceError : a screen that the run does not have, or a plate that is in none of its stores.
    """
    screen = screen_to_export(settings, stores)
    known = stores[screen]
    if not settings.plates:
        return {store: [] for store in known}
    chosen: dict[str, list[str]] = {}
    for plate in settings.plates:
        store = plate if plate in known else plate.rpartition("_")[0]
        of_experiment = screen in WITH_PLATES and plate != store and plate.rpartition("_")[2].isdecimal()
        if store not in known or not (plate == store or of_experiment):
            example = f"{known[0]}_1" if screen in WITH_PLATES else known[0]
            raise ChoiceError(
                f"ome_zarr.plates names {plate}, which is no plate of {screen} in this run; it has "
                f"{counted(len(known), 'store')}, {known[0]} to {known[-1]}, and plates named as {example}"
            )
        chosen.setdefault(store, []).append(plate)
    return {store: [] if store in plates else plates for store, plates in chosen.items()}

"""Screens whose images are a lab's own files (plates, folders of classes): what the Snakefile, which follows none, compares.

Nothing heavier than pydantic is imported.
"""

from __future__ import annotations

from gandl.config import Dataset, SourceSettings
from gandl.source.class_folders.state import state_of_classes, states_of_class_stores
from gandl.source.plates.state import state_of_folder, states_of_stores

OWN_FILES = (Dataset.PLATES, Dataset.CLASS_FOLDERS)
"""Screens whose images are neither downloaded nor simulated."""


def state_of_names(source: SourceSettings, dataset: str) -> str | None:
    """SHA-256 over the names of a screen's images; None where a table or metadata name them.

    Raises
    ------
    gandl.source.plates.tabular.mistakes.PlatesError : there is nothing to read.
    """
    if dataset == Dataset.PLATES and source.plates is not None:
        return state_of_folder(source.plates)
    if dataset == Dataset.CLASS_FOLDERS and source.class_folders is not None:
        return state_of_classes(source.class_folders)
    return None


def state_of_store(source: SourceSettings, dataset: str, store: str) -> str | None:
    """SHA-256 over name, size and time of change of a store's images; None of other screens.

    Raises
    ------
    gandl.source.plates.tabular.mistakes.PlatesError : there is nothing to read.
    """
    if dataset == Dataset.PLATES and source.plates is not None:
        return states_of_stores(source.plates).get(store)
    if dataset == Dataset.CLASS_FOLDERS and source.class_folders is not None:
        return states_of_class_stores(source.class_folders).get(store)
    return None

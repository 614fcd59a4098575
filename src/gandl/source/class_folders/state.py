"""Images in folders of classes, the state of their files: takes the folder, gives checksums that change when images do.

As `gandl.source.plates.state`: names, sizes and times of change suffice, and the Snakefile compares them at every start.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from gandl.config import ClassFoldersSettings
from gandl.source.class_folders.names import SUFFIXES, labelled_images
from gandl.source.plates.references import ImageFile, Place, state_of
from gandl.source.plates.stores import image_files, name_plates, sorted_keys


def state_of_classes(settings: ClassFoldersSettings) -> str:
    """SHA-256 over the paths of all images below the folder."""
    return hashlib.sha256("\n".join(image_files(Path(settings.folder), SUFFIXES)).encode()).hexdigest()


@cache
def states_of_class_stores(settings: ClassFoldersSettings) -> dict[str, str]:
    """Store -> SHA-256 over name, size and time of change of its images; computed once per process.

    Raises
    ------
    gandl.source.plates.tabular.mistakes.PlatesError : there is nothing to read.
    """
    images, folder = labelled_images(settings), Path(settings.folder)
    plates, _ = name_plates(sorted_keys(image.key for image in images))
    digests = {plate.plate_id: hashlib.sha256() for plate in plates.values()}
    known: dict[Place, str] = {}
    for image in images:
        if image.key in plates:
            state = state_of(ImageFile(image.name, folder / image.name), known)
            digests[plates[image.key].plate_id].update(f"{image.name}\0{state}\n".encode())
    return {plate_id: digest.hexdigest() for plate_id, digest in digests.items()}

"""Images in folders of classes: takes the folder and a pattern for file names, gives each image's class, part and labels.

The Snakefile names the stores with it, so nothing heavier than the standard library is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gandl.config import ClassFoldersSettings
from gandl.source.plates.stores import PlateKey, image_files, name_plates, sorted_keys
from gandl.source.plates.tabular.mistakes import PlatesError, listed

SUFFIXES = (".tif", ".tiff", ".png", ".bmp", ".jpg", ".jpeg")
"""Images that are looked for: also JPEG, which the screen of Dmitrenko et al. (2022) was kept as."""
PARTS = ("train", "validation", "valid", "val", "test")
"""Folders (in small letters) that hold folders of classes, and are no class themselves."""
NEEDED = ("cell_line", "plate", "well")
GROUPS = (*NEEDED, "drug", "concentration", "experiment")
SHOWN = 3
"""Files that a sentence names."""


@dataclass(frozen=True)
class Labelled:
    """One image. name : its path below the folder, with /. part : `train`, `test` or "". labels : by group of the pattern."""

    name: str
    part: str
    class_name: str
    labels: dict[str, str]

    @property
    def key(self) -> PlateKey:
        """Its plate: plates are numbered within an experiment, or else within a cell line."""
        return PlateKey(self.labels.get("experiment") or self.labels["cell_line"], self.labels["plate"])


def class_stores(settings: ClassFoldersSettings) -> list[str]:
    """Names of the stores, one per plate of every cell line, sorted.

    Raises
    ------
    PlatesError : as `labelled_images`, or plates that cannot be distinguished.
    """
    plates, mistakes = name_plates(sorted_keys(image.key for image in labelled_images(settings)))
    if mistakes:
        raise PlatesError(listed(f"{settings.folder} has mistakes", mistakes))
    return list(dict.fromkeys(plate.plate_id for plate in plates.values()))


def labelled_images(settings: ClassFoldersSettings) -> list[Labelled]:
    """Every image of the folder, in the natural order of the paths.

    Raises
    ------
    PlatesError : no such folder, no image, images outside of folders of classes, an unusable pattern, or names that it does not
        fit.
    """
    folder = Path(settings.folder)
    if not folder.is_dir():
        raise PlatesError(f"no folder at {folder} (source.class_folders.folder)")
    names = image_files(folder, SUFFIXES)
    if not names:
        raise PlatesError(f"there is no image file ({', '.join(SUFFIXES)}) below {folder}")
    pattern, found, unnamed = pattern_of(settings), [], []
    loose = [name for name in names if class_of(name)[1] == ""]
    if loose:
        raise PlatesError(
            f"{folder} has no folders of classes for {_some(loose)}; an image lies in the folder of its class, such as "
            f"{folder}/train/{settings.controls}, or {folder}/{settings.controls}"
        )
    for name in names:
        part, class_name = class_of(name)
        match = pattern.search(name.rpartition("/")[2])
        labels = {} if match is None else {group: text for group, text in match.groupdict().items() if text}
        if match is None or any(group not in labels for group in NEEDED):
            unnamed.append(name)
        else:
            found.append(Labelled(name, part, class_name, labels))
    if unnamed:
        raise PlatesError(
            f"the names of {len(unnamed):,} of {len(names):,} images below {folder} do not fit the pattern "
            f"{settings.pattern!r}: {_some(unnamed)}; rename or remove them, or change source.class_folders.pattern"
        )
    return found


def class_of(name: str) -> tuple[str, str]:
    """Part and class of a path below the folder: the first folder that names no part; "" where there is none."""
    above = name.split("/")[:-1]
    part = above.pop(0).lower() if above and above[0].lower() in PARTS else ""
    return part, above[0] if above else ""


def pattern_of(settings: ClassFoldersSettings) -> re.Pattern[str]:
    """The compiled pattern.

    Raises
    ------
    PlatesError : no regular expression, a group that has no meaning, or one that is needed and missing.
    """
    try:
        pattern = re.compile(settings.pattern)
    except re.error as error:
        raise PlatesError(f"the pattern {settings.pattern!r} is not a regular expression: {error}") from error
    wrong = [group for group in pattern.groupindex if group not in GROUPS]
    if wrong:
        raise PlatesError(f"the pattern names the group {', '.join(wrong)}; it may name {', '.join(GROUPS)}")
    missing = [group for group in NEEDED if group not in pattern.groupindex]
    if missing:
        raise PlatesError(f"the pattern lacks the group {', '.join(missing)}, such as (?P<{missing[0]}>[^_]+)")
    return pattern


def mistakes_of_classes(images: list[Labelled], settings: ClassFoldersSettings) -> Iterator[str]:
    """What is wrong with the classes: one alone, none of controls, or one image in a class."""
    counts: dict[tuple[str, str], list[str]] = {}
    for image in images:
        counts.setdefault((image.part, image.class_name), []).append(image.name)
    classes = sorted({name for _, name in counts})
    if settings.controls not in classes:
        yield f"no class is called {settings.controls} (source.class_folders.controls); there are {', '.join(classes)}"
    elif len(classes) == 1:
        yield f"there is one class, {classes[0]}; at least one more, of drugs, is needed"
    for (part, name), files in counts.items():
        if len(files) == 1:
            where = f"{part}/{name}" if part else name
            yield f"{files[0]}: it is the only image of the class {where}; a class needs at least two"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"

"""A lab's own plates, what the Snakefile needs of them: takes a `sites.csv` or a folder, names the image stores, one per plate.

Nothing heavier than the standard library is imported. `gandl.source.plates.sites` reads with the same functions, so both agree.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gandl.config import PlatesSettings
from gandl.source.plates.tabular.mistakes import PlatesError, listed
from gandl.source.plates.tabular.text_table import PLACE_COLUMNS, file_and_sheet, read_csv

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".bmp")
GROUPS = (*PLACE_COLUMNS, "plane", "time")
"""Named groups that a pattern may have."""
DEFAULT_EXPERIMENT = "plates"
DEFAULT_PLATE = "1"


class PlateKey(NamedTuple):
    """A plate as the table or the file names write it."""

    experiment: str
    plate: str


@dataclass(frozen=True)
class Plate:
    """A plate: its number within its experiment, its name, and the id that names its store and its wells."""

    number: int
    name: str
    plate_id: str


def light_stores(settings: PlatesSettings) -> list[str]:
    """Names of the stores, one per plate: in the order of the table, or sorted where a folder is read.

    Raises
    ------
    PlatesError : no table or folder, one that cannot be read, or plates that cannot be distinguished.
    """
    plates, mistakes = name_plates(
        _folder_keys(settings) if place_of(settings) == settings.folder else _table_keys(settings)
    )
    if mistakes:
        raise PlatesError(listed(f"{place_of(settings)} has mistakes", mistakes))
    return list(dict.fromkeys(plate.plate_id for plate in plates.values()))  # 07 and 7 are one plate


def place_of(settings: PlatesSettings) -> str:
    """The table, or the folder, that holds the plates.

    Raises
    ------
    PlatesError : the settings name both, or neither.
    """
    if settings.table and settings.folder:
        raise PlatesError(
            f"source.plates names a table ({settings.table}) and a folder ({settings.folder}); name only one of them"
        )
    place = settings.table or settings.folder
    if not place:
        raise PlatesError("source.plates names neither a table nor a folder; name one of them")
    return place


def files_of_tables(settings: PlatesSettings) -> list[str]:
    """The files of the table of sites and the table of wells, without the names of their sheets."""
    return [str(file_and_sheet(place)[0]) for place in (settings.table, settings.wells) if place]


def _table_keys(settings: PlatesSettings) -> list[PlateKey]:
    assert settings.table is not None
    table = read_csv(Path(settings.table))
    return [plate_key(row, table.path.parent) for _, row in table.rows]


def _folder_keys(settings: PlatesSettings) -> list[PlateKey]:
    folder, pattern = folder_and_pattern(settings)
    found = (pattern.search(name) for name in image_files(folder))
    keys = [
        plate_key({name: text for name, text in match.groupdict().items() if text}, folder) for match in found if match
    ]
    if not keys:
        raise PlatesError(no_image_fits(settings))
    return sorted_keys(keys)


def no_image_fits(settings: PlatesSettings) -> str:
    """The message for a folder in which no file fits the pattern."""
    return (
        f"no image file ({', '.join(IMAGE_SUFFIXES)}) below {settings.folder} fits the pattern {settings.pattern!r}; "
        "it is matched against the paths below the folder, written with /"
    )


def plate_key(row: Mapping[str, str], folder: Path) -> PlateKey:
    """Experiment and plate of a row, or their defaults: the name of the folder that holds the table (or the images), and 1."""
    return PlateKey(row.get("experiment") or default_experiment(folder), row.get("plate") or DEFAULT_PLATE)


def default_experiment(folder: Path) -> str:
    """A folder's name, as far as its path gives it: the same wherever the folder is."""
    return folder.name if folder.name != ".." and file_safe(folder.name) else DEFAULT_EXPERIMENT


def sorted_keys(keys: Iterable[PlateKey]) -> list[PlateKey]:
    """Distinct plates of a folder in their natural order: Plate 2 before Plate 10."""
    return sorted(set(keys), key=_natural_key)


def _natural_key(key: PlateKey) -> tuple[object, ...]:
    return natural(key.experiment), natural(key.plate)


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts digits as numbers: `w2` before `w10`."""
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part)


def name_plates(keys: Iterable[PlateKey]) -> tuple[dict[PlateKey, Plate], list[str]]:
    """Number and name every plate, in the order given.

    Returns
    -------
    The plates, and the mistakes: names without any letter or digit, and plates whose names are the same once they are safe for
    files. Where every plate is a whole number, that is its number; otherwise plates are counted within their experiment.
    """
    distinct = list(dict.fromkeys(keys))
    whole = all(re.fullmatch(r"\d{1,18}", key.plate) for key in distinct)
    plates: dict[PlateKey, Plate] = {}
    mistakes: list[str] = []
    named: dict[str, PlateKey] = {}
    counts: dict[str, int] = {}
    for key in distinct:
        name = str(int(key.plate)) if whole else key.plate
        counts[key.experiment] = counts.get(key.experiment, 0) + 1
        empty = [text for text in (key.experiment, name) if not file_safe(text)]
        if empty:
            mistakes.append(f"the name {empty[0]!r} of an experiment or plate has no ASCII letter or digit")
            continue
        plate_id = f"{file_safe(key.experiment)}_{file_safe(name)}"
        other = named.setdefault(plate_id.casefold(), key)
        same = whole and other.experiment == key.experiment and int(other.plate) == int(key.plate)
        if other != key and not same:
            mistakes.append(
                f"plate {key.plate!r} of experiment {key.experiment!r} and plate {other.plate!r} of {other.experiment!r} "
                f"would both be stored as {plate_id}; give one of them another name"
            )
            continue
        plates[key] = (
            plates[other]
            if same and other != key
            else Plate(int(name) if whole else counts[key.experiment], name, plate_id)
        )
    return plates, mistakes


def file_safe(text: str) -> str:
    """A name of plain letters, digits and . - _ that begins with a letter or digit; "" where nothing is left.

    Accents are dropped (`Größe 3` -> `Grosse-3`).
    """
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-._")


def folder_and_pattern(settings: PlatesSettings) -> tuple[Path, re.Pattern[str]]:
    """The folder of images and its compiled pattern.

    Raises
    ------
    PlatesError : no pattern, no such folder, or a pattern with missing groups.
    """
    assert settings.folder is not None
    if not settings.pattern:
        raise PlatesError(f"the folder {settings.folder} needs a pattern that finds well and channel in a file's name")
    if not Path(settings.folder).is_dir():
        raise PlatesError(f"no folder at {settings.folder}")
    try:
        pattern = re.compile(settings.pattern)
    except re.error as error:
        raise PlatesError(f"the pattern {settings.pattern!r} is not a regular expression: {error}") from error
    groups = set(pattern.groupindex)
    wrong = sorted(groups - set(GROUPS))
    if wrong:
        raise PlatesError(f"the pattern names the group {', '.join(wrong)}; it may name {', '.join(GROUPS)}")
    if ("well" in groups) == bool(groups & {"row", "column"}) or len(groups & {"row", "column"}) == 1:
        raise PlatesError(
            "the pattern must name the well: by the group `well`, or by the two groups `row` and `column`"
        )
    if "channel" not in groups and not settings.channel:
        raise PlatesError(
            "the pattern lacks the group `channel`: (?P<channel>...) around the channel's name; where a plate has one channel "
            "that its file names do not state, name it by --channel dna (source.plates.channel)"
        )
    if "channel" in groups and settings.channel:
        raise PlatesError(
            f"the pattern has the group `channel`, and the only channel is named, too ({settings.channel}); use one of them"
        )
    return Path(settings.folder), pattern


def image_files(folder: Path, suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[str]:
    """Paths of all image files below a folder, relative to it, with /, in their natural order; hidden ones are skipped."""
    return sorted(_scan(os.fspath(folder), "", suffixes), key=natural)


def _scan(folder: str, prefix: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if entry.is_dir():
                yield from _scan(entry.path, f"{prefix}{entry.name}/", suffixes)
            elif entry.name.lower().endswith(suffixes):
                yield f"{prefix}{entry.name}"

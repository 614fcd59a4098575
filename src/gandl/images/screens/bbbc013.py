"""Images of BBBC013: takes the screen's zip of 192 BMP files and the sites table, makes the image store of its plate.

Files are named `Channel{1|2}-{01..96}-{A..H}-{01..12}.BMP` (channel, running number, row, column), in any folder of the zip,
and are decoded straight out of it. An archive that is not exactly this plate is refused before anything is packed.
"""

from __future__ import annotations

import io
import logging
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from gandl.config import Dataset, ImagesSettings
from gandl.images.pack import Decoded, StorePlan, pack_store
from gandl.images.store_reader import FORMAT
from gandl.source.screens.bbbc013 import PLATE_ID, WELLS
from gandl.tables import SITES, read_table
from gandl.workflow.files import sha256_of

CHANNELS = ("fkhr_gfp", "dna")
"""Channel1 and Channel2 of the archive."""
SIZE = 640
"""Side of an image (px)."""
BYTES_PER_PIXEL = 1
PIXEL_SIZE_UM = None
"""The screen does not state it."""
NAME = re.compile(r"Channel(?P<channel>[12])-(?P<number>\d\d)-(?P<row>[A-H])-(?P<column>\d\d)\.BMP", re.IGNORECASE)
MISTAKES_SHOWN = 10

log = logging.getLogger(__name__)


class ArchiveError(ValueError):
    """The archive is not the plate it should be; the message names the archive, the member and what is wrong."""


def pack_bbbc013(
    archive: Path,
    sites: Path,
    store: Path,
    index: Path,
    manifest: Path,
    settings: ImagesSettings,
    code: str = FORMAT,
    report: Callable[[str], None] = log.info,
) -> None:
    """Pack the plate.

    Parameters
    ----------
    archive : `BBBC013_v1_images_bmp.zip`.
    sites : sites table of the screen; its rows of this store, in their order, become the store's sites.
    store, index, manifest : written, see `gandl.images.pack.pack_store`.
    settings : section `images` of the configuration.
    code : version of this code; another one packs again.
    report : called with one line per shard.

    Raises
    ------
    ArchiveError : no zip, members missing, contradictory or damaged, or an image of another kind.
    gandl.images.pack.PackError : the resolutions do not fit the images, or the disk is full.
    """
    table = read_table(Path(sites), SITES)
    table = table[table["store_id"] == PLATE_ID]
    with PlateArchive(Path(archive)) as plate:
        plan = StorePlan.of_sites(
            table,
            PLATE_ID,
            settings,
            channels=CHANNELS,
            dtype=f"uint{8 * BYTES_PER_PIXEL}",
            size=(SIZE, SIZE),
            resolutions=settings.resolutions[Dataset.BBBC013],
            pixel_size_um=PIXEL_SIZE_UM,
            source=Path(archive).name,
            sha256=sha256_of(Path(archive)),
            code=code,
        )
        wells = table["well"].tolist()
        pack_store(plan, Decoded(lambda i: plate.read(wells[i])), store, index, manifest, report)


@dataclass(frozen=True)
class Member:
    """One image file of the archive."""

    name: str
    channel: int
    well: str


class PlateArchive:
    """The zip of a plate, open for reading; its list of members is checked at once, their bytes as they are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise ArchiveError(f"no archive at {path}") from None
        except (zipfile.BadZipFile, OSError) as error:
            raise ArchiveError(f"{path} is not a zip archive, or only a part of one ({error})") from error
        try:
            members = find_members(self._zip.namelist(), path)
        except ArchiveError:
            self._zip.close()
            raise
        self._names = {(member.channel, member.well): member.name for member in members}

    def __enter__(self) -> PlateArchive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def read(self, well: str) -> np.ndarray:
        """Pixels (channel, y, x) uint8 of one well.

        Raises
        ------
        ArchiveError : a member is damaged (its CRC is checked), or no image of this kind.
        """
        names = [self._names[channel, well] for channel in range(1, len(CHANNELS) + 1)]
        return np.stack([decode_image(self._bytes(name), f"{self.path}: {name}") for name in names])

    def _bytes(self, name: str) -> bytes:
        try:
            return self._zip.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise ArchiveError(
                f"{self.path}: {name} is damaged or unreadable ({error}); delete the archive and download it again"
            ) from error


def find_members(names: Sequence[str], archive: Path) -> list[Member]:
    """The 192 images among the names in an archive.

    Folders, files that are not BMP and the hidden files that some packers add are skipped.

    Raises
    ------
    ArchiveError : an image is missing, duplicate, or misnamed; every mistake is listed, up to ten.
    """
    images = [name for name in names if _is_image(PurePosixPath(name))]
    mistakes: list[str] = []
    members: dict[tuple[int, str], Member] = {}
    for name in images:
        match = NAME.fullmatch(PurePosixPath(name).name)
        if match is None:
            mistakes.append(f"{name} is not named Channel1-01-A-01.BMP to Channel2-96-H-12.BMP")
            continue
        member = Member(name, int(match["channel"]), f"{match['row'].upper()}{match['column']}")
        number = int(match["number"])
        if member.well not in WELLS or WELLS.index(member.well) + 1 != number:
            right = (
                f"number {number} is {WELLS[number - 1]}" if 1 <= number <= len(WELLS) else "numbers go from 01 to 96"
            )
            mistakes.append(
                f"{name} contradicts itself: it says number {number:02d} and well {member.well}, but {right}"
            )
        elif (member.channel, member.well) in members:
            mistakes.append(f"{name} is present twice (also {members[member.channel, member.well].name})")
        else:
            members[member.channel, member.well] = member
    wanted = [(channel, well) for channel in range(1, len(CHANNELS) + 1) for well in WELLS]
    missing = [_file_name(*key) for key in wanted if key not in members]
    mistakes += [f"{name} is missing" for name in missing]
    if mistakes:
        shown = [
            *mistakes[:MISTAKES_SHOWN],
            *([f"and {len(mistakes) - MISTAKES_SHOWN} more"] * (len(mistakes) > MISTAKES_SHOWN)),
        ]
        raise ArchiveError(
            f"{archive} does not hold exactly the {len(wanted)} images of this plate (it has {len(images)} BMP files):\n"
            + "\n".join(f"  {mistake}" for mistake in shown)
        )
    return [members[key] for key in wanted]


def _is_image(path: PurePosixPath) -> bool:
    return path.suffix.upper() == ".BMP" and not path.name.startswith(".") and "__MACOSX" not in path.parts


def _file_name(channel: int, well: str) -> str:
    return f"Channel{channel}-{WELLS.index(well) + 1:02d}-{well[0]}-{well[1:]}.BMP"


def decode_image(data: bytes, where: str) -> np.ndarray:
    """Decode one BMP to its grey values (y, x) uint8, top row first.

    Raises
    ------
    ArchiveError : unreadable, cut short, of another size, in colour or of another depth; the message begins with `where`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=["BMP"]) as image:
            mode, size = image.mode, image.size
            if size != (SIZE, SIZE):
                raise ArchiveError(f"{where} is {size[0]} x {size[1]} px (width x height); it must be {SIZE} x {SIZE}")
            # Pillow calls a palette of black to white in even steps L, every other palette P
            if mode == "P":
                raise ArchiveError(f"{where} has a palette that is not a grey ramp; it must be an 8-bit grey image")
            if mode != "L":
                raise ArchiveError(f"{where} has pixels of mode {mode}; it must be an 8-bit grey image")
            return np.array(image)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"{where} is not a readable BMP image ({error})") from error

"""Packing a store of any screen: takes its name, where its images are, and the sites table; calls the screen's own packer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gandl.config import Dataset, ImagesFrom, ImagesSettings, PlatesSettings
from gandl.source.members import open_members


@dataclass(frozen=True)
class Raw:
    """Where the images of a screen are.

    archive : BBBC013's zip. directory : central directory of an archive that is read by its members. address : of that archive.
    mirror : folder or base URL in place of the official hosts.
    """

    archive: Path | None = None
    directory: Path | None = None
    address: str | None = None
    mirror: str | None = None


@dataclass(frozen=True)
class Target:
    """The files of one store."""

    store: Path
    index: Path
    manifest: Path


def pack_store_of(
    dataset: str,
    store_id: str,
    raw: Raw,
    sites: Path,
    target: Target,
    *,
    resolutions: Sequence[int],
    source: Mapping[str, Any],
    settings: ImagesSettings,
    code: str,
    threads: int = 1,
) -> None:
    """Pack one store.

    Parameters
    ----------
    dataset, store_id : which one.
    raw : where its images are.
    sites : sites table of the screen.
    target : written.
    resolutions : stored sizes (px, the shorter side).
    source : of the screen's section of `source`, where it has them: `images_from`, `image_px`, `pixel_size_um`; and how the
        pixels of a lab's own plates are read: `z`, `time`, `scale`, `illumination`.
    settings : section `images`.
    code : version of the code; another one packs again.
    threads : that decode.

    Raises
    ------
    ValueError, RuntimeError : the screen's own error, a sentence.
    """
    match Dataset(dataset):
        case Dataset.RXRX19A | Dataset.RXRX1 | Dataset.CELL_LINES | Dataset.BBBC021 as screen:
            from gandl.images.screens.bbbc021 import pack_bbbc021
            from gandl.images.screens.rxrx import pack_screen

            assert raw.address is not None
            members = open_members(
                raw.address,
                mirror=raw.mirror,
                images_from=ImagesFrom(source["images_from"]),
                directory=raw.directory,
                settings=settings,
            )
            with members:
                pack = pack_bbbc021 if screen is Dataset.BBBC021 else partial(pack_screen, screen)
                pack(
                    sites,
                    store_id,
                    members,
                    image_px=source["image_px"],
                    pixel_size_um=source["pixel_size_um"],
                    resolutions=resolutions,
                    store=target.store,
                    index=target.index,
                    manifest=target.manifest,
                    settings=settings,
                    code=code,
                    threads=threads,
                )
        case Dataset.BBBC013:
            from gandl.images.screens.bbbc013 import pack_bbbc013

            assert raw.archive is not None
            pack_bbbc013(raw.archive, sites, target.store, target.index, target.manifest, settings, code)
        case Dataset.PLATES | Dataset.CLASS_FOLDERS:
            from gandl.images.files.kinds import Reading
            from gandl.images.screens.plates import pack_plates

            pack_plates(
                sites,
                store_id,
                resolutions=resolutions,
                pixel_size_um=source["pixel_size_um"],
                store=target.store,
                index=target.index,
                manifest=target.manifest,
                settings=settings,
                code=code,
                threads=threads,
                reading=Reading.of(PlatesSettings.given(source)) if dataset == Dataset.PLATES else Reading(jpeg=True),
                mirror=raw.mirror,
            )

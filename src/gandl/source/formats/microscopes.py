"""Folders as microscopes write them: takes the folder, finds the index file or the kind of file names, makes sites and channels.

Index files are used where they lie among the images; else the file names are compared with those of each microscope.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from gandl.source.formats.by_index import by_index
from gandl.source.formats.by_names import by_names
from gandl.source.formats.folders import Listed
from gandl.source.formats.patterns import MICROSCOPES, NAMES
from gandl.source.plates.channels import Renames
from gandl.source.plates.folder import sites_of_places
from gandl.source.plates.grouping import Place
from gandl.source.plates.stores import IMAGE_SUFFIXES, PlatesError, image_files, natural
from gandl.source.plates.table import Found


def read_microscope(
    folder: Path,
    name: str | None = None,
    channel: str | None = None,
    *,
    wells: str | None = None,
    time: int | None = None,
    leave_out: Collection[str] = (),
    renames: Renames | None = None,
) -> Found:
    """Find the sites in a folder as a microscope wrote it.

    Parameters
    ----------
    folder : of images, of any depth.
    name : of a microscope (`gandl.source.formats.patterns.NAMES`); None: the one that fits.
    channel : name of the only channel, where there is one.
    wells : table of wells; without one every well is untreated. time : number of the time point, from 1, where there are several.
    renames : other names for channels. leave_out : channels (by these names) that are not used.

    Returns
    -------
    The sites; names of files are relative to `folder`. The notes say what was recognised.

    Raises
    ------
    gandl.source.plates.stores.PlatesError : no such folder or microscope, no or several kinds of file names, an index that cannot
        be read; any other mistake is in `mistakes`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PlatesError(f"no folder at {folder}")
    if name is not None and name not in NAMES:
        raise PlatesError(f"the microscope {name!r} is not known; known are {', '.join(NAMES)}")
    microscopes = [microscope for microscope in MICROSCOPES if name is None or name in microscope.names]
    names = image_files(folder)
    if not names:
        raise PlatesError(f"there is no image file ({', '.join(IMAGE_SUFFIXES)}) below {folder}")
    mistakes: list[str] = []
    listed = by_index(folder, names, microscopes, mistakes) or by_names(folder, names, microscopes, channel, mistakes)
    places, channels = _one_channel(listed, channel)
    found = sites_of_places(
        places,
        folder,
        mistakes,
        wells=wells,
        time=time,
        channels=channels,
        leave_out=leave_out,
        renames=renames,
    )
    return replace(found, notes=(*listed.notes, *found.notes), pixel_size_um=listed.pixel_size_um)


def _one_channel(listed: Listed, channel: str | None) -> tuple[list[Place], Sequence[str]]:
    """The images with the name that was given to their only channel."""
    if channel is None:
        return listed.places, listed.channels
    stated = sorted({place.channel for place in listed.places}, key=natural)
    if len(stated) > 1:
        raise PlatesError(
            f"the images state {len(stated)} channels ({', '.join(stated)}); --channel names the only channel of a plate"
        )
    return [replace(place, channel=channel) for place in listed.places], (channel,)

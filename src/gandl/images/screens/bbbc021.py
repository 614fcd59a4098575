"""Images of BBBC021: takes the sites table, which names every file, and the members of a plate's archive; makes its store.

Every site has one grey 16-bit TIFF per channel, wider than high; nothing is cut off. The archive of a plate holds its files in
the folder `Week1_22123`; one in the folders of the image table, `Week1/Week1_22123`, or in none, is read as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from gandl.config import Dataset
from gandl.images.files.tiff import decode_tiff
from gandl.images.screens.members import pack_members, sites_of_store
from gandl.source.remote.member_source import MemberSource
from gandl.source.screens.bbbc021.terms import file_column, folder_of
from gandl.source.screens.published import CHANNELS, height_and_width

DTYPE = "uint16"


def pack_bbbc021(sites: Path, store_id: str, members: MemberSource, *, image_px: int, **given: Any) -> None:
    """Pack one plate.

    Parameters
    ----------
    sites : sites table of the screen; its rows of this plate, in their order, become the store's sites.
    image_px : height of its images (px); their width follows (`gandl.source.screens.published.height_and_width`).
    store_id, members, given : as of `gandl.images.screens.members.pack_members`, whose errors it raises.
    """
    table = sites_of_store(Path(sites), store_id)
    pack_members(
        table,
        sites,
        store_id,
        members,
        keys_of_plate(table, store_id, members),
        channels=CHANNELS[Dataset.BBBC021],
        dtype=DTYPE,
        source=f"BBBC021_v1_images_{store_id}",
        size=height_and_width(Dataset.BBBC021, image_px),
        decode=decode_tiff,
        **given,
    )


def keys_of_plate(table: pd.DataFrame, plate_id: str, members: MemberSource) -> list[list[str]]:
    """Keys of the files of every site of a plate, one per channel, in the folder where the archive has most of them."""
    names = table[[file_column(channel) for channel in CHANNELS[Dataset.BBBC021]]].to_numpy().tolist()
    folders = [f"{folder}/" for folder in (plate_id, folder_of(plate_id))] + [""]
    choices = [[[f"{folder}{name}" for name in of_site] for of_site in names] for folder in folders]
    return min(choices, key=lambda keys: len(members.missing([key for of_site in keys for key in of_site])))

"""Images of RxRx19a and RxRx1, and of the simulated cell lines in their format: takes the sites table and a source of members,
makes the image store of one plate, experiment or cell line.

Every site has one grey 8-bit PNG per channel, all of one size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gandl.config import Dataset
from gandl.images.screens.members import pack_members, sites_of_store
from gandl.source.remote.member_source import MemberSource
from gandl.source.screens.published import CHANNELS, MEMBERS, ScreenFile, member_keys

DTYPE = "uint8"


def pack_screen(
    dataset: Dataset, sites: Path, store_id: str, members: MemberSource, *, image_px: int, **given: Any
) -> None:
    """Pack one plate (RxRx19a), experiment (RxRx1) or cell line (cell_lines).

    Parameters
    ----------
    dataset : one of the three.
    sites : sites table of the screen; its rows of this store, in their order, become the store's sites.
    image_px : side of its square images.
    store_id, members, given : as of `gandl.images.screens.members.pack_members`, whose errors it raises.
    """
    table = sites_of_store(Path(sites), store_id)
    keys = [
        member_keys(dataset, *row) for row in table[["experiment", "plate", "well", "site"]].itertuples(index=False)
    ]
    source = MEMBERS[dataset][ScreenFile.IMAGES]
    pack_members(
        table,
        sites,
        store_id,
        members,
        keys,
        channels=CHANNELS[dataset],
        dtype=DTYPE,
        source=source,
        size=(image_px, image_px),
        **given,
    )

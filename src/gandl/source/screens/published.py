"""The screens RxRx19a, RxRx1 and BBBC021, and the simulated cell lines: channels, names of image files, published totals.

The Snakefile and `make plan` use it before anything is downloaded, so nothing heavier than pydantic is imported.
Totals: the data cards of both releases, and the tables of BBBC021 (Ljosa, Sokolnicki and Carpenter 2012); sizes of archives are
published as rounded text, and marked so by `Published.basis`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gandl.config import Dataset


class ScreenFile(StrEnum):
    """The published archives of a screen: column `file` of `resources/datasets.csv`."""

    METADATA = "metadata"
    IMAGES = "images"
    EMBEDDINGS = "embeddings"


GREY = "grey"
"""The channel of images without a stain."""
CHANNELS: dict[Dataset, tuple[str, ...]] = {
    Dataset.RXRX19A: ("hoechst", "con_a", "phalloidin", "syto14", "wga"),
    Dataset.RXRX1: ("hoechst", "con_a", "phalloidin", "syto14", "mitotracker", "wga"),
    Dataset.CELL_LINES: (GREY,),
    Dataset.BBBC021: ("dapi", "tubulin", "actin"),
}
"""Names of the channels; entry i is the file `_w<i + 1>`. RxRx19a has no mitochondria; in RxRx1 they are w5, and WGA is w6.
BBBC021 names its files in its table: w1, w2 and w4."""

MEMBERS: dict[Dataset, dict[ScreenFile, str]] = {
    Dataset.RXRX19A: {
        ScreenFile.METADATA: "RxRx19a/metadata.csv",
        ScreenFile.IMAGES: "RxRx19a/images",
        ScreenFile.EMBEDDINGS: "RxRx19a/embeddings.csv",
    },
    Dataset.RXRX1: {
        ScreenFile.METADATA: "rxrx1/metadata.csv",
        ScreenFile.IMAGES: "rxrx1/images",
        ScreenFile.EMBEDDINGS: "rxrx1/embeddings.csv",
    },
    Dataset.CELL_LINES: {ScreenFile.METADATA: "cell-lines/metadata.csv", ScreenFile.IMAGES: "cell-lines/images"},
}
"""Where a table, or the folder of the images, lies inside its archive. Readers ignore what stands before a member's own name."""


@dataclass(frozen=True)
class Published:
    """What a whole screen is, as published. Sizes in bytes; None if nothing was published.

    `plates_of` counts the plates of each experiment, in the order of the stores.
    """

    plates_of: dict[str, int]
    wells: int
    sites_per_well: int
    image_px: int
    images_bytes: int
    embeddings_bytes: int
    metadata_bytes: int | None
    embedding_dim: int
    channels: int
    cell_types: int
    basis: str
    kind: str = "PNG"

    @property
    def sites(self) -> int:
        return self.wells * self.sites_per_well

    @property
    def plates(self) -> int:
        return sum(self.plates_of.values())

    @property
    def images(self) -> int:
        """Number of image files, of the format `kind`."""
        return self.sites * self.channels

    @property
    def image_bytes(self) -> float:
        """Mean size of one image file, as the rounded size of the archive gives it."""
        return self.images_bytes / self.images


CELL_TYPE_EXPERIMENTS = {"HEPG2": 11, "HUVEC": 24, "RPE": 11, "U2OS": 5}
"""Experiments of each cell type of RxRx1, numbered from 01."""

RXRX1_PLATES = 4
"""Plates of an RxRx1 experiment."""

BBBC021_PLATES = {**{f"Week{week}": 6 for week in range(1, 11)}, "Week7": 5, "Week8": 5, "Week10": 3}
"""Plates of each week of BBBC021."""

PUBLISHED: dict[Dataset, Published] = {
    Dataset.RXRX19A: Published(
        plates_of={"HRCE-1": 26, "HRCE-2": 27, "VERO-1": 2, "VERO-2": 2},
        wells=76_380,
        sites_per_well=4,
        image_px=1024,
        images_bytes=445_000_000_000,
        embeddings_bytes=1_480_000_000,
        metadata_bytes=None,
        embedding_dim=1024,
        channels=len(CHANNELS[Dataset.RXRX19A]),
        cell_types=2,
        basis='published as "445 GB" (images) and "1.48 GB" (embeddings)',
    ),
    Dataset.RXRX1: Published(
        plates_of={
            f"{cell}-{number:02d}": RXRX1_PLATES
            for cell, count in CELL_TYPE_EXPERIMENTS.items()
            for number in range(1, count + 1)
        },
        wells=62_755,
        sites_per_well=2,
        image_px=512,
        images_bytes=46_500_000_000,
        embeddings_bytes=51_000_000,
        metadata_bytes=1_000_000,
        embedding_dim=128,
        channels=len(CHANNELS[Dataset.RXRX1]),
        cell_types=len(CELL_TYPE_EXPERIMENTS),
        basis='published as "46-47 GB" (images), about 51 MB (embeddings) and about 1 MB (metadata)',
    ),
    Dataset.BBBC021: Published(
        plates_of=BBBC021_PLATES,
        wells=3_300,
        sites_per_well=4,
        image_px=1024,
        images_bytes=sum(BBBC021_PLATES.values()) * 839_000_000,
        embeddings_bytes=0,
        metadata_bytes=3_700_000,
        embedding_dim=0,
        channels=len(CHANNELS[Dataset.BBBC021]),
        cell_types=1,
        basis="the 839 MB of one plate's archive, times 55",
        kind="TIFF",
    ),
}


def height_and_width(dataset: Dataset | str, image_px: int) -> tuple[int, int]:
    """Size (px) of a screen's images, whose shorter side is `image_px`: square, but for BBBC021's camera (1024 x 1280)."""
    return image_px, image_px * 5 // 4 if dataset == Dataset.BBBC021 else image_px


def published_stores(dataset: Dataset) -> list[str]:
    """Names of a published screen's stores: one per plate of RxRx19a (`HRCE-1_25`), one per experiment of RxRx1 (`HUVEC-01`)."""
    plates_of = PUBLISHED[dataset].plates_of
    if dataset is Dataset.RXRX1:
        return list(plates_of)
    return [f"{experiment}_{plate}" for experiment, count in plates_of.items() for plate in range(1, count + 1)]


def member_keys(dataset: Dataset | str, experiment: str, plate: int, well: str, site: int) -> list[str]:
    """Keys of the image files of one site, one per channel in the order of `CHANNELS`.

    A key is the last three parts of a member's path: `HRCE-1/Plate1/AA02_s2_w3.png` (the plate is not zero-padded).

    Raises
    ------
    KeyError : not one of these screens.
    """
    if dataset not in MEMBERS:
        raise KeyError(dataset)
    channels = CHANNELS[Dataset(dataset)]
    return [f"{experiment}/Plate{plate}/{well}_s{site}_w{number}.png" for number in range(1, len(channels) + 1)]

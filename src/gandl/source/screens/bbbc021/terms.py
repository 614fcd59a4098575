"""Words of BBBC021's tables: columns, names of files, controls. The simulator writes what the reader reads.

Facts: the three tables as distributed (Ljosa, Sokolnicki and Carpenter, Nature Methods 9, 637, 2012).
"""

from __future__ import annotations

CHANNEL_FILES = {"dapi": ("DAPI", 1), "tubulin": ("Tubulin", 2), "actin": ("Actin", 4)}
"""Of each channel: its name in the columns of the image table, and its number in names of files (`_w4` is actin; w3 is none)."""
PLATE, WELL, REPLICATE = "Image_Metadata_Plate_DAPI", "Image_Metadata_Well_DAPI", "Replicate"
COMPOUND, CONCENTRATION = "Image_Metadata_Compound", "Image_Metadata_Concentration"
IMAGE_COLUMNS = (
    "TableNumber",
    "ImageNumber",
    *(f"Image_{what}_{name}" for name, _ in CHANNEL_FILES.values() for what in ("FileName", "PathName")),
    PLATE,
    WELL,
    REPLICATE,
    COMPOUND,
    CONCENTRATION,
)
MECHANISM_COLUMNS = ("compound", "concentration", "moa")
STRUCTURE_COLUMNS = ("compound", "smiles")
ROWS, PLATE_COLUMNS = "ABCDEFGH", range(1, 13)
CELL_TYPE = "MCF7"
VEHICLE = "DMSO"
VEHICLE_WELLS = ("B02", "C02", "D02", "E11", "F11", "G11")
POSITIVE, POSITIVE_UM = "taxol", 0.3
POSITIVE_WELLS = ("B11", "C11", "D11", "E02", "F02", "G02")
"""Where every plate holds its positive control; the same compound and dose elsewhere (D05 in three plates) is a treatment."""
FIELDS = 4
"""Fields of view of a well."""


def file_column(channel: str) -> str:
    """Column of a sites table that names a channel's file."""
    return f"file_{channel}"


def folder_of(plate_id: str) -> str:
    """Where the image table says that a plate's images are: `Week4/Week4_27481`."""
    return f"{plate_id.partition('_')[0]}/{plate_id}"

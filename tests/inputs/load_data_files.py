"""Plates as CellProfiler and pycytominer list them, for tests: LoadData, a plate map by barcode, metadata of the samples, and
drawn images. Nothing of it is a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from plate_files import as_16_bit, draw_cells, layout, write_csv

CHANNELS = ("DNA", "ER")
SIZE = (97, 110)
SAMPLES = {"rescue": "BRD-K00000001", "drug A": "BRD-K00000002"}
FAR = "/data/screen"
"""Where the images were on another machine."""


@dataclass(frozen=True)
class Listed:
    """A folder with `load_data.csv`, `barcode_platemap.csv`, `platemap/`, `external_metadata.tsv` and `images/`."""

    folder: Path

    @property
    def load_data(self) -> Path:
        return self.folder / "load_data.csv"

    @property
    def rewrite(self) -> str:
        return f"{FAR}={self.folder}"


def write_listed_plates(
    folder: Path, *, plates: Sequence[str] = ("BR00000001",), rows: str = "ABCD", images: bool = True, seed: int = 0
) -> Listed:
    """Write plates whose LoadData names images below `/data/screen`, which lie in `folder`.

    The wells are those of `plate_files.layout`: in each row a positive control (`poscon_cp`), a negative one (DMSO alone)
    and five doses of a compound in mmol/l. Without `images` their files are empty.
    """
    rng = np.random.default_rng(seed)
    listed = []
    (folder / "images").mkdir(parents=True)
    for plate in plates:
        for well in layout(rows):
            row: dict[str, object] = {}
            planes = draw_cells(rng, SIZE, well.effect, len(CHANNELS)) if images else [None] * len(CHANNELS)
            for channel, plane in zip(CHANNELS, planes, strict=True):
                name = f"{plate}_{well.name}f01p01-{channel}.tiff"
                if plane is None:
                    (folder / "images" / name).touch()
                else:
                    tifffile.imwrite(folder / "images" / name, as_16_bit(plane, rng))
                row |= {f"FileName_Orig{channel}": name, f"PathName_Orig{channel}": f"{FAR}/images"}
            listed.append({**row, "Metadata_Plate": plate, "Metadata_Well": well.name, "Metadata_Site": 1})
    write_csv(folder / "load_data.csv", listed)
    write_csv(
        folder / "barcode_platemap.csv",
        [{"Assay_Plate_Barcode": plate, "Plate_Map_Name": "map1"} for plate in plates],
        line_end="\r\n",
    )
    wells = [
        {
            "well_position": well.name,
            "broad_sample": SAMPLES.get(well.treatment, ""),
            "mmoles_per_liter": "" if well.concentration_um is None else f"{well.concentration_um / 1000:.12g}",
            "solvent": "DMSO",
        }
        for well in layout(rows)
    ]
    write_csv(folder / "platemap/map1.txt", wells, delimiter="\t")
    external = [
        {"broad_sample": SAMPLES["rescue"], "pert_iname": "rescue", "control_type": "poscon_cp", "moa": "none"},
        {"broad_sample": SAMPLES["drug A"], "pert_iname": "drug A", "control_type": "trt", "moa": "kinase inhibitor"},
    ]
    write_csv(folder / "external_metadata.tsv", external, delimiter="\t")
    return Listed(folder)

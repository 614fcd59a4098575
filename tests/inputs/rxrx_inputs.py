"""RxRx metadata for tests: the real wells that are at hand, the whole RxRx19a by its published counts, and their archives."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.source.screens.published import PUBLISHED
from gandl.source.screens.rxrx19a import COLUMNS, ROWS
from gandl.source.screens.rxrx19a_counts import DOSES_UM
from gandl.tables import SITES, read_table

SMILES = {
    "Remdesivir (GS-5734)": "CCC(CC)COC(=O)C |r,c:4,&1:2|",
    "Oseltamivir carboxylate": "CCC(CC)OC1C=C(CC1N)C(O)=O",
}
ACTIVE, MOCK, UV = "Active SARS-CoV-2", "Mock", "UV Inactivated SARS-CoV-2"


def as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """A table as if it had been read from a file: the header is line 1."""
    return frame.set_axis(pd.RangeIndex(2, len(frame) + 2, name="line"), axis=0)


def with_sites(wells: pd.DataFrame, sites: int = 4) -> pd.DataFrame:
    """Each well as often as it has sites, with the names that the release gives them."""
    frame = wells.loc[wells.index.repeat(sites)].reset_index(drop=True)
    frame["site"] = [str(i % sites + 1) for i in range(len(frame))]
    frame["site_id"] = frame["well_id"] + "_" + frame["site"]
    return as_read(frame)


def well(
    name: str,
    condition: str = ACTIVE,
    treatment: str = "",
    dose: str = "",
    smiles: str = "",
    plate: str = "HRCE-1_25",
) -> dict[str, str]:
    """One well of a small screen."""
    experiment, number = plate.split("_")
    return {
        "well_id": f"{plate}_{name}", "cell_type": experiment[:4], "experiment": experiment, "plate": number, "well": name,
        "disease_condition": condition, "treatment": treatment, "treatment_conc": dose, "SMILES": smiles,
    }  # fmt: skip


def real_wells(shared_data: Path) -> pd.DataFrame:
    """The 42 wells of HRCE-1 plate 25, completed to the official columns: sites 1-4 and SMILES of the tests' own."""
    path = shared_data / "rxrx19a/HRCE-1_plate25_wells_transcribed.csv"
    wells = pd.read_csv(path, dtype=str, keep_default_na=False)
    wells["SMILES"] = wells["treatment"].map(SMILES).fillna("")
    return with_sites(wells)[list(COLUMNS)]


def rebuilt_rxrx1(shared_data: Path) -> pd.DataFrame:
    """RxRx1's metadata, rebuilt from another publication of the same wells (125,510 rows)."""
    path = shared_data / "rxrx1/rxrx1_metadata_reconstructed_from_kaggle.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return as_read(pd.read_csv(file, dtype=str, keep_default_na=False))


def whole_rxrx19a() -> pd.DataFrame:
    """A table of 305,520 rows with the structure of the whole release: its counts, not its compounds."""
    places = [f"{row}{column:02d}" for row in ROWS[1:31] for column in range(2, 48)][:1340]
    plates, hrce = [], 0
    for experiment, count in PUBLISHED["rxrx19a"].plates_of.items():  # type: ignore[index]
        for plate in range(1, count + 1):
            cell_type = experiment.split("-")[0]
            unknown = 31 if cell_type == "HRCE" and hrce < 16 else 30
            untreated = 54 if cell_type == "VERO" else 66 if hrce < 29 else 65
            hrce += cell_type == "HRCE"
            conditions = [MOCK] * 40 + [UV] * 40 + [""] * unknown + [ACTIVE] * (1340 - 80 - unknown)
            treated = range(1340 - 80 - unknown - untreated)
            none = [""] * (1340 - len(treated))
            plates.append(
                pd.DataFrame(
                    {
                        "cell_type": cell_type,
                        "experiment": experiment,
                        "plate": str(plate),
                        "well": places,
                        "disease_condition": conditions,
                        "treatment": none + [f"Compound {i // 14}" for i in treated],
                        "treatment_conc": none + [str(DOSES_UM[i % 14]) for i in treated],
                        "SMILES": none + ["C" * (1 + i // 14) for i in treated],
                    }
                )
            )
    wells = pd.concat(plates, ignore_index=True)
    wells["well_id"] = wells["experiment"] + "_" + wells["plate"] + "_" + wells["well"]
    return with_sites(wells)[list(COLUMNS)]


def write_metadata_zip(path: Path, frame: pd.DataFrame, member: str = "RxRx19a/metadata.csv") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(member, frame.to_csv(index=False))
    return path


@dataclass
class Written:
    """What a source wrote."""

    path: Path
    warnings: list[str]

    @property
    def sites(self) -> pd.DataFrame:
        return read_table(self.path, SITES)

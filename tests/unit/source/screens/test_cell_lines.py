"""The metadata of the cell lines: a right table becomes sites; every mistake is reported with its row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gandl.config import CellLinesSettings
from gandl.source.screens.cell_lines import COLUMNS, CellLinesError, check_cell_lines, write_sites
from gandl.source.screens.metadata_zip import MetadataError
from gandl.tables import SITES, read_table
from rxrx_inputs import as_read, write_metadata_zip

DRUGS = ("DMSO", "DMSO", "MTX", "PAC")


def metadata(lines: tuple[str, ...] = ("M14", "HCT15")) -> pd.DataFrame:
    """One plate of four wells for each cell line: rows 2 to 5 and 6 to 9 of the file."""
    rows = [
        {
            "site_id": f"{line}_1_B{i + 2:02d}_1", "well_id": f"{line}_1_B{i + 2:02d}", "cell_line": line, "experiment": line,
            "plate": "1", "well": f"B{i + 2:02d}", "site": "1", "drug": drug,
            "concentration_um": "" if drug == "DMSO" else "10",
        }
        for line in lines
        for i, drug in enumerate(DRUGS)
    ]  # fmt: skip
    return as_read(pd.DataFrame(rows, columns=list(COLUMNS)))


def written(folder: Path, frame: pd.DataFrame, settings: CellLinesSettings | None = None) -> pd.DataFrame:
    path = write_metadata_zip(folder / "metadata.zip", frame, "cell-lines/metadata.csv")
    write_sites(path, settings or CellLinesSettings(), folder / "sites.parquet")
    return read_table(folder / "sites.parquet", SITES)


def test_a_line_is_a_store_and_vehicle_is_untreated(tmp_path: Path) -> None:
    sites = written(tmp_path, metadata())
    assert sites["store_id"].tolist() == ["HCT15"] * 4 + ["M14"] * 4
    first = sites.set_index("site_id").loc["M14_1_B03_1"]
    assert (first["plate_id"], first["row"], first["column"], first["cell_type"]) == ("M14_1", "B", 3, "M14")
    assert (first["control"], first["condition"], first["drug"]) == ("negative", "untreated", "DMSO")
    treated = sites.set_index("site_id").loc["M14_1_B04_1"]
    assert (treated["control"], treated["treatment"], treated["concentration_um"]) == ("none", "MTX", 10)


def test_chosen_lines_alone_are_taken_and_unknown_ones_refused(tmp_path: Path) -> None:
    assert set(written(tmp_path, metadata(), CellLinesSettings(stores=["M14"]))["cell_type"]) == {"M14"}
    with pytest.raises(CellLinesError, match=r"source\.cell_lines\.stores names HELA; the metadata have"):
        written(tmp_path, metadata(), CellLinesSettings(stores=["HELA"]))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("drug", "", "row 4: the drug is empty"),
        ("cell_line", "", "row 4: the cell_line is empty"),
        ("plate", "0", "row 4: plate is '0'"),
        ("site", "x", "row 4: site is 'x'"),
        ("well", "B4", "row 4: well is 'B4'; it must be like B02"),
        ("well_id", "M14_1_B05", "row 4: well_id is 'M14_1_B05', but its columns say 'M14_1_B04'"),
        ("site_id", "M14_1_B02_1", "row 4: site_id 'M14_1_B02_1' is already in row 2"),
        ("concentration_um", "", "row 4: MTX has no concentration_um"),
        ("concentration_um", "much", "row 4: concentration_um of MTX is 'much'"),
        ("concentration_um", "0", "row 4: concentration_um of MTX is '0'; it must be a number above 0"),
        ("concentration_um", "inf", "row 4: concentration_um of MTX is 'inf'"),
    ],
)
def test_a_wrong_value_is_reported_with_its_row(column: str, value: str, words: str) -> None:
    frame = metadata()
    frame.loc[4, column] = value
    with pytest.raises(CellLinesError) as raised:
        check_cell_lines(frame, "a file")
    assert words in str(raised.value)


def test_vehicle_with_a_dose_is_reported() -> None:
    frame = metadata()
    frame.loc[2, "concentration_um"] = "1"
    with pytest.raises(CellLinesError, match="row 2: DMSO has the concentration_um 1; it must be empty"):
        check_cell_lines(frame)


def test_sites_of_a_well_must_agree() -> None:
    frame = metadata()
    other = frame.loc[[4]].assign(site="2", site_id="M14_1_B04_2", drug="PAC")
    with pytest.raises(CellLinesError, match="drug is 'PAC', but 'MTX' in row 4 of the same well M14_1_B04"):
        check_cell_lines(as_read(pd.concat([frame, other])))


def test_a_line_without_vehicle_or_without_a_drug_is_reported() -> None:
    frame = metadata()
    kept = frame[(frame["cell_line"] != "M14") | (frame["drug"] != "DMSO")]
    with pytest.raises(CellLinesError, match="the cell line M14 has no well with DMSO"):
        check_cell_lines(kept)
    kept = frame[(frame["cell_line"] != "M14") | (frame["drug"] == "DMSO")]
    with pytest.raises(CellLinesError, match="the cell line M14 has no well with a drug"):
        check_cell_lines(kept)


def test_an_absent_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match="lacks the column drug"):
        written(tmp_path, metadata().drop(columns="drug"))

"""A lab's own table or folder: what may be written, and the sites table that it becomes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gandl.config import PlatesSettings
from gandl.evaluation.terms import NO_CELL_TYPE
from gandl.figures.common.labels import wells_of
from gandl.source.plates.rules import well_at, well_of
from gandl.source.plates.sites import channels_of, count_sites, read_plates, source_of, write_sites
from gandl.source.plates.stores import file_safe, light_stores
from gandl.tables import SITES, check
from plate_files import folder_of, lab, write_csv, write_one_channel_plate, write_six_channel_plates


def sites_of(settings: PlatesSettings, folder: Path) -> pd.DataFrame:
    output = folder / "sites.parquet"
    write_sites(settings, output)
    frame = pd.read_parquet(output)
    check(frame, SITES, output)
    return frame


def test_cells_that_no_table_names_are_those_that_readers_see_as_all_wells(tmp_path: Path) -> None:
    frame = sites_of(PlatesSettings(table=str(write_one_channel_plate(tmp_path / "screen", rows="A"))), tmp_path)
    assert set(frame["cell_type"]) == {NO_CELL_TYPE}
    assert wells_of(NO_CELL_TYPE, [NO_CELL_TYPE]) == "all wells"


def test_two_plates_become_a_sites_table_with_files_and_channels(tmp_path: Path) -> None:
    table = write_six_channel_plates(tmp_path / "screen", rows="A", sites=2)
    frame = sites_of(PlatesSettings(table=str(table)), tmp_path)
    assert channels_of(tmp_path / "sites.parquet") == ("DNA", "er", "actin", "rna", "golgi", "mito")
    assert source_of(tmp_path / "sites.parquet") == str(table)
    assert frame["store_id"].unique().tolist() == ["screen_1", "screen_2"]
    assert len(frame) == count_sites(PlatesSettings(table=str(table))) == 2 * 7 * 2
    first = frame.iloc[1]
    assert first["site_id"] == "screen_1_A01_2"
    assert (first["experiment"], first["plate"], first["row"], first["column"], first["site"]) == (
        "screen",
        1,
        "A",
        1,
        2,
    )
    assert (first["control"], first["treatment"], first["compound"]) == ("positive", "rescue", "rescue")
    assert (first["cell_type"], first["condition"], first["operator"]) == ("U2OS", "treated", "ab")
    assert first["file_er"] == "plate 1/A01_s2_er.tif"
    assert Path(first["path_er"]) == tmp_path / "screen/plate 1/A01_s2_er.tif"
    assert first["table_row"] == 3
    assert frame.loc[frame["control"] == "negative", "condition"].unique().tolist() == ["untreated"]


def test_table_of_german_excel_is_read_as_any_other(tmp_path: Path) -> None:
    table = write_one_channel_plate(tmp_path / "screen", rows="B")
    raw = table.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in raw
    assert b"images\\B01.png" in raw
    frame = sites_of(PlatesSettings(table=str(table)), tmp_path)
    assert frame["plate_id"].unique().tolist() == ["screen_1"]
    assert Path(frame["path_nuclei"].iloc[0]) == tmp_path / "screen/images/B01.png"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_separator_encoding_and_line_ends_change_nothing(
    encoding: str, delimiter: str, line_end: str, tmp_path: Path
) -> None:
    lines = [["Well", " Control ", "treatment", "concentration_um", "FILE_dna"], ["a1", "", "µ-drug", "0.5", "a.tif"]]
    text = line_end.join(delimiter.join(cells) for cells in lines) + line_end
    frame = sites_of(lab(tmp_path, text, encoding=encoding), tmp_path)
    assert frame[["well", "control", "treatment", "concentration_um"]].to_numpy().tolist() == [
        ["A01", "none", "µ-drug", 0.5]
    ]
    assert light_stores(PlatesSettings(table=str(tmp_path / "lab/sites.csv"))) == ["lab_1"]


def test_the_line_in_which_excel_names_its_separator_is_understood(tmp_path: Path) -> None:
    frame = sites_of(lab(tmp_path, "sep=;\r\nwell;file_dna\r\nA1;a.tif\r\n"), tmp_path)
    assert frame["table_row"].tolist() == [3]


@pytest.mark.parametrize(
    ("written", "well"),
    [("A1", "A01"), ("a01", "A01"), ("H12", "H12"), ("AA01", "AA01"), ("af48", "AF48"), ("P024", "P24"),
     ("AG1", None), ("A49", None), ("A0", None), ("A", None), ("1A", None), ("A-1", None), ("", None)],
)  # fmt: skip
def test_well_names_are_brought_to_one_form(written: str, well: str | None) -> None:
    assert well_of(written) == well


def test_row_and_column_may_be_numbers() -> None:
    assert [well_at("2", 3), well_at("27", 48), well_at("b", 3), well_at("33", 1), well_at("0", 1)] == [
        "B03", "AA48", "B03", None, None,
    ]  # fmt: skip


def test_whole_plate_numbers_are_kept(tmp_path: Path) -> None:
    text = "well,plate,file_dna\nA1,07,a.tif\nA2,7,b.tif\nA1,12,c.tif\n"
    settings = lab(tmp_path, text)
    frame = sites_of(settings, tmp_path)
    assert frame["plate"].tolist() == [7, 7, 12]
    assert frame["plate_id"].tolist() == ["lab_7", "lab_7", "lab_12"]
    assert light_stores(settings) == ["lab_7", "lab_12"]
    twice = sites_of(lab(tmp_path, "well,plate,file_dna\nA1,07,a.tif\nA1,7,b.tif\n"), tmp_path)
    assert twice["site_id"].tolist() == ["lab_7_A01_1", "lab_7_A01_2"]


def test_plates_with_names_are_numbered_within_their_experiment(tmp_path: Path) -> None:
    text = (
        "well,plate,experiment,file_dna\nA1,Plate 7b,Größe/1,a.tif\nA1,12,Größe/1,b.tif\nA1,Plate 7b,2,c.tif\n"
        "A2,Plate 7b,Größe/1,d.tif\n"
    )
    settings = lab(tmp_path, text)
    frame = sites_of(settings, tmp_path)
    assert frame["plate"].tolist() == [1, 2, 1, 1]
    assert frame["plate_name"].tolist() == ["Plate 7b", "12", "Plate 7b", "Plate 7b"]
    assert light_stores(settings) == ["Grosse-1_Plate-7b", "Grosse-1_12", "2_Plate-7b"]
    assert frame["experiment"].iloc[0] == "Größe/1"


def test_names_safe_for_files_hold_nothing_else() -> None:
    assert [file_safe(text) for text in ("a b/c", "../x", "Ü(1)", "...", "日本")] == ["a-b-c", "x", "U-1", "", ""]


def test_sites_without_numbers_are_counted_in_their_well(tmp_path: Path) -> None:
    text = "well,plate,file_dna\nA1,1,a.tif\nA2,1,b.tif\nA1,1,c.tif\nA1,2,d.tif\n"
    assert sites_of(lab(tmp_path, text), tmp_path)["site"].tolist() == [1, 1, 2, 1]


def test_pages_of_one_file_are_named_behind_a_number_sign(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/a.tif").touch()
    frame = sites_of(lab(tmp_path, "well,file_dna,file_er\nA1,a.tif#1,a.tif#12\n"), tmp_path)
    assert frame[["page_dna", "page_er"]].iloc[0].tolist() == [1, 12]
    assert frame["file_er"].iloc[0] == "a.tif#12"
    assert frame["path_er"].iloc[0].endswith("lab/a.tif")


def test_columns_of_ones_own_are_kept_and_those_that_gandl_makes_are_passed_over(tmp_path: Path) -> None:
    settings = lab(tmp_path, "well,row,Batch No,drug,file_dna\nB1,A,x7,3,a.tif\n")
    frame = sites_of(settings, tmp_path)
    assert frame[["row", "Batch No", "drug"]].iloc[0].tolist() == ["B", "x7", "3"]
    assert [note.split(";")[0] for note in read_plates(settings).notes] == [
        "the column row is not read: gandl derives it from plate and well",
        "the column drug is kept but has no meaning for gandl",
    ]


# --- a folder, and a pattern for its file names ---


def test_folder_becomes_sites_in_their_natural_order(tmp_path: Path) -> None:
    names = [f"p{p}/B{w}_s{s}_w{c}.TIF" for p in (10, 2) for w in (3, 12) for s in (10, 9) for c in (2, 10, 1)]
    settings = folder_of(tmp_path, *names, "p2/notes.txt", "p2/.hidden_B03_w1.tif", "p2/overview.png")
    plates = read_plates(settings)
    frame = sites_of(settings, tmp_path)
    assert plates.channels == ("1", "2", "10")
    assert light_stores(settings) == ["scans_p2", "scans_p10"] == frame["store_id"].unique().tolist()
    assert frame["site_id"].tolist()[:4] == [f"scans_p2_B{w}_{s}" for w in ("03", "12") for s in (9, 10)]
    assert frame["file_10"].iloc[0] == "p2/B3_s9_w10.TIF"
    assert frame["table_row"].isna().all()
    assert list(plates.notes) == [
        f"the pattern does not fit 1 image file below {tmp_path}/scans, the first is p2/overview.png"
    ]


def test_row_and_column_groups_report_the_well(tmp_path: Path) -> None:
    settings = folder_of(
        tmp_path,
        "r02c03f01-ch1.tiff",
        "r02c03f02-ch1.tiff",
        pattern=r"r(?P<row>\d+)c(?P<column>\d+)f(?P<site>\d+)-ch(?P<channel>\d)",
    )
    assert sites_of(settings, tmp_path)["site_id"].tolist() == ["scans_1_B03_1", "scans_1_B03_2"]


def test_table_of_wells_reports_what_was_done(tmp_path: Path) -> None:
    settings = folder_of(tmp_path, *(f"0{p}/{w}_w1.png" for p in (1, 2) for w in ("A1", "A2", "A3")))
    wells = write_csv(
        tmp_path / "wells.csv",
        [
            {"plate": "1", "well": "A1", "control": "negative", "treatment": "", "concentration_um": "", "batch": "x"},
            {"plate": "1", "well": "a02", "control": "", "treatment": "drug", "concentration_um": "0.5", "batch": "y"},
            {"plate": "2", "well": "A9", "control": "", "treatment": "", "concentration_um": "", "batch": "z"},
        ],
    )
    settings = settings.model_copy(update={"wells": str(wells)})
    frame = sites_of(settings, tmp_path).set_index("well_id")
    assert frame.loc["scans_1_A01", ["control", "condition", "batch"]].tolist() == ["negative", "untreated", "x"]
    assert frame.loc["scans_1_A02", ["treatment", "concentration_um", "condition"]].tolist() == ["drug", 0.5, "treated"]
    assert frame.loc["scans_2_A02", "control"] == "none"
    notes = read_plates(settings).notes
    assert notes[0].startswith(f"{wells} lacks 4 wells with images, the first is A03 of plate 01 of scans")
    assert notes[1] == f"{wells} names wells without images in 1 row, the first is {wells}, row 4"


def test_table_of_wells_without_plates_holds_for_every_plate(tmp_path: Path) -> None:
    wells = write_csv(tmp_path / "wells.csv", [{"well": "A1", "control": "positive"}])
    settings = folder_of(tmp_path, "p1/A1_w1.png", "p2/A1_w1.png", wells=str(wells))
    assert sites_of(settings, tmp_path)["control"].tolist() == ["positive", "positive"]


def test_stores_at_parse_time_are_those_of_the_table_for_every_kind_of_source(tmp_path: Path) -> None:
    six = write_six_channel_plates(tmp_path / "six", plates=("Plate 2b", "Plate 10"), rows="A")
    one = write_one_channel_plate(tmp_path / "one", rows="A")
    folder = PlatesSettings(
        folder=str(tmp_path / "six"), pattern=r"(?P<plate>\d+b?)/(?P<well>\w+)_s(?P<site>\d)_(?P<channel>\w+)"
    )
    for settings in (PlatesSettings(table=str(six)), PlatesSettings(table=str(one)), folder):
        assert light_stores(settings) == sites_of(settings, tmp_path)["store_id"].unique().tolist()

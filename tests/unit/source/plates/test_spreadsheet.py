"""Excel workbooks as tables of sites and of wells: what a person sees in Excel is what is read, with Excel's row numbers."""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, strategies as st

from gandl.config import PlatesSettings
from gandl.source.plates.sites import read_plates
from gandl.source.plates.stores import files_of_tables, light_stores
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.plates.tabular.spreadsheet import date_text, number_text
from gandl.source.plates.tabular.text_table import file_and_sheet, read_csv
from plate_files import folder_of

HEADER = ["well", "plate", "control", "treatment", "concentration_um", "file_dna"]


def workbook(
    path: Path, *rows: Sequence[object], sheet: str = "Sites", others: Sequence[str] = ()
) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.active.title = sheet
    for row in rows:
        book.active.append(list(row))
    for name in others:
        book.create_sheet(name).append(["nothing"])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return book


def as_excel_computes(path: Path, values: dict[str, object]) -> None:
    """Put values behind formulas, which Excel does when it saves."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    text = parts["xl/worksheets/sheet1.xml"].decode()
    for cell, value in values.items():
        text, found = re.subn(rf'(<c r="{cell}"[^>]*><f>[^<]*</f>)(<v ?/>|<v></v>)', rf"\1<v>{value}</v>", text)
        assert found == 1
    parts["xl/worksheets/sheet1.xml"] = text.encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in parts.items():
            file.writestr(name, data)


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    """The folder of a table, with images."""
    folder = tmp_path / "screen"
    folder.mkdir()
    for name in "abcd":
        (folder / f"{name}.tif").touch()
    return folder


def test_the_first_sheet_is_read_with_the_row_numbers_of_excel(screen: Path) -> None:
    workbook(
        screen / "sites.xlsx", HEADER, ["A1", 1, "negative", "DMSO", 0, "a.tif"], [None], ["A2", 2.0, None, "x", 0.3, "b.tif"],
        ["Z99", 12, "", "x", 3, "c.tif"], others=("Notes",),
    )  # fmt: skip
    settings = PlatesSettings(table=str(screen / "sites.xlsx"))
    plates = read_plates(settings)
    assert plates.mistakes == ("row 5: well is 'Z99'; wells are named A1 (or A01) to AF48",)
    assert [(site.where, site.key.plate, site.layout.concentration_um) for site in plates.sites] == [
        ("row 2", "1", None), ("row 4", "2", 0.3),
    ]  # fmt: skip
    assert "the sheet Sites is read; Notes not" in plates.notes[0]
    assert light_stores(settings) == ["screen_1", "screen_2", "screen_12"]


def test_a_sheet_is_named_behind_a_number_sign(screen: Path) -> None:
    book = workbook(screen / "lab.xlsx", ["nothing"])
    sheet = book.create_sheet("Plate 1")
    sheet.append(HEADER)
    sheet.append(["A1", "7", None, None, None, "a.tif"])
    book.save(screen / "lab.xlsx")
    settings = PlatesSettings(table=f"{screen}/lab.xlsx#Plate 1")
    assert [site.key.plate for site in read_plates(settings).sites] == ["7"]
    assert read_plates(settings).notes == ()
    assert files_of_tables(settings) == [f"{screen}/lab.xlsx"], "what the workflow follows is a file"
    with pytest.raises(PlatesError, match=r"lab\.xlsx has no sheet 'Plate 2'; it has Sites, Plate 1"):
        read_csv(Path(f"{screen}/lab.xlsx#Plate 2"))
    assert file_and_sheet("a/b.tif#3") == (Path("a/b.tif#3"), "")


def test_a_table_of_wells_may_be_a_workbook(tmp_path: Path) -> None:
    workbook(tmp_path / "wells.xlsx", ["well", "control"], ["A1", "positive"], ["A2", "maybe"])
    plates = read_plates(folder_of(tmp_path, "p/A1_w1.tif", "p/A2_w1.tif", wells=f"{tmp_path}/wells.xlsx#Sites"))
    assert plates.sites[0].layout.control == "positive"
    assert plates.mistakes == (
        f"{tmp_path}/wells.xlsx#Sites, row 3: control is 'maybe'; it must be positive, negative, none, or empty",
    )


def test_cells_are_read_as_excel_shows_them(screen: Path) -> None:
    cells = [
        1.0,
        0.1 + 0.2,
        1e-5,
        12345678901234,
        True,
        7,
        0.5,
        datetime.datetime(2024, 3, 9),
        datetime.date(2024, 9, 1),
    ]
    book = workbook(screen / "sites.xlsx", ["well", "file_dna", *map(str, range(len(cells)))], ["A1", "a.tif", *cells])
    sheet = book.active
    sheet.cell(2, 8).number_format = "0000"
    sheet.cell(2, 9).number_format = "0%"
    sheet.cell(2, 10).number_format = "dd/mm/yyyy"
    sheet.cell(2, 11).number_format = "d-mmm"
    book.save(screen / "sites.xlsx")
    ((_, row),) = read_csv(screen / "sites.xlsx").rows
    assert [row[str(i)] for i in range(len(cells))] == [
        "1", "0.3", "1e-05", "12345678901234", "TRUE", "0007", "50%", "09/03/2024", "1-Sep",
    ]  # fmt: skip


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100))
def test_numbers_keep_15_digits(value: float) -> None:
    assert float(number_text(value)) == float(f"{value:.15g}")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("yyyy-mm-dd hh:mm", "2024-03-09 14:05"), ("m/d/yy h:mm AM/PM", "3/9/24 2:05 PM"),
        ("dddd, d mmmm yyyy", "Saturday, 9 March 2024"),
        ("[$-407]d. mmm yy;@", "9. Mar 24"), ("mm-dd-yy", "2024-03-09T14:05:00"), ("h:mm:ss", "14:05:00"), ("mm:ss", "05:00"),
        (r'd\.m\.yyyy "at" h', "9.3.2024 at 14"),
    ],
)  # fmt: skip
def test_dates_are_written_in_the_format_of_their_cell(written: str, shown: str) -> None:
    assert date_text(datetime.datetime(2024, 3, 9, 14, 5), written) == shown


def test_formulas_give_the_value_that_excel_computed_and_are_noted(screen: Path) -> None:
    workbook(
        screen / "sites.xlsx", HEADER, ["A1", 1, None, "x", "=6/2", "a.tif"], ["A2", 1, None, "x", "=E2/2", "b.tif"]
    )
    table = PlatesSettings(table=str(screen / "sites.xlsx"))
    assert [mistake.split(";")[0] for mistake in read_plates(table).mistakes] == [
        "row 2: cell E2 holds the formula =6/2, whose value was never computed",
        "row 3: cell E3 holds the formula =E2/2, whose value was never computed",
    ]
    as_excel_computes(screen / "sites.xlsx", {"E2": 3, "E3": 1.5})
    plates = read_plates(table)
    assert plates.mistakes == ()
    assert [site.layout.concentration_um for site in plates.sites] == [3.0, 1.5]
    assert "formulas in 2 cells, the first is E2" in plates.notes[0]


def test_merged_cells_errors_dates_and_hidden_rows_are_reported(screen: Path) -> None:
    book = workbook(
        screen / "sites.xlsx", HEADER, ["A1", 1, "none", "x", 1, "a.tif"], ["A2", 1, None, "x", 2, "b.tif"],
        ["A3", 1, None, datetime.date(2024, 9, 1), 3, "c.tif"], ["A4", 1, None, "#N/A", 3, "d.tif"],
    )  # fmt: skip
    book.active.merge_cells("C2:C3")
    book.active["D4"].number_format = "mmm-d"
    book.active.row_dimensions[3].hidden = True
    book.save(screen / "sites.xlsx")
    plates = read_plates(PlatesSettings(table=str(screen / "sites.xlsx")))
    assert plates.mistakes == (
        "row 2: the cells C2:C3 are merged, and only the first of them holds a value; unmerge them and fill each",
        "row 5: cell D5 shows the error #N/A",
    )
    assert plates.notes == (
        f"{screen}/sites.xlsx, row 4: treatment holds dates (Sep-1); if Excel made them of names, format the column as text and "
        "type them again",
        f"{screen}/sites.xlsx, row 3: hidden in Excel, perhaps by a filter, and read all the same",
    )


def test_a_title_above_the_header_and_cells_beside_it_are_reported(screen: Path) -> None:
    workbook(screen / "sites.xlsx", ["My screen"], HEADER, ["A1", 1, None, None, None, "a.tif"])
    mistakes = read_plates(PlatesSettings(table=str(screen / "sites.xlsx"))).mistakes
    assert mistakes[0] == "row 1: the column well is missing; it has My screen"
    assert "row 2: 6 cells, but the header names 1 columns; name every column in row 1" in mistakes


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\x03\x04rest", "cannot be read as an Excel workbook"),
        (b"\xd0\xcf\x11\xe0old", "perhaps because it is protected by a password or of an old Excel"),
        (b"well,file_dna\nA1,a.tif\n", "cannot be read as an Excel workbook"),
    ],
)
def test_what_is_no_workbook_is_refused(data: bytes, sentence: str, screen: Path) -> None:
    (screen / "sites.xlsx").write_bytes(data)
    for read in (read_plates, light_stores):
        with pytest.raises(PlatesError, match=sentence):
            read(PlatesSettings(table=str(screen / "sites.xlsx")))


def test_a_cut_workbook_and_an_empty_one_are_refused(screen: Path) -> None:
    workbook(screen / "sites.xlsx", HEADER, ["A1", 1, None, None, None, "a.tif"])
    whole = (screen / "sites.xlsx").read_bytes()
    for length in range(50, len(whole), len(whole) // 20):
        (screen / "sites.xlsx").write_bytes(whole[:length])
        with pytest.raises(PlatesError, match="cannot be read as an Excel workbook"):
            read_csv(screen / "sites.xlsx")
    workbook(screen / "sites.xlsx")
    with pytest.raises(PlatesError, match="no header"):
        read_csv(screen / "sites.xlsx")
    with pytest.raises(PlatesError, match="no table at"):
        read_csv(screen / "other.xlsx")

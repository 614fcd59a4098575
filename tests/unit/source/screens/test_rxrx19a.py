"""RxRx19a's metadata: four conditions, doses in uM, published counts; every mistake reported at once, with its row."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gandl.config import RxRx19aSettings
from gandl.source.screens.metadata_zip import MetadataError, read_metadata
from gandl.source.screens.rxrx19a import COLUMNS, NO_SMILES, RxRx19aError, check_rxrx19a
from rxrx_inputs import MOCK, UV, Written, as_read, real_wells, well, whole_rxrx19a, with_sites

Change = Callable[[pd.DataFrame], pd.DataFrame | None]
WELLS = [
    well("B02", MOCK),
    well("B03", UV),
    well("B04"),
    well("B05", ""),
    well("AA02", treatment="Aloxistatin", dose="0.3", smiles="CC(C)C |c:1,2|"),
    well("B06", treatment="beta(greek)-é 17", dose="100.0"),
]
"""Six wells, whose four sites are the rows 2-5, 6-9, ... of the file."""


@pytest.fixture
def small() -> pd.DataFrame:
    return with_sites(pd.DataFrame(WELLS))[list(COLUMNS)]


def put(row: int, **values: str) -> Change:
    """Put values into one row of the file."""

    def change(frame: pd.DataFrame) -> None:
        for name, value in values.items():
            frame.loc[row, name] = value

    return change


def mistakes_of(frame: pd.DataFrame, complete: bool = False) -> list[str]:
    with pytest.raises(RxRx19aError) as error:
        check_rxrx19a(frame, complete, "metadata.csv")
    first, *lines = str(error.value).splitlines()
    assert first == "metadata.csv has mistakes:"
    return [line.strip() for line in lines]


def test_the_real_wells_pass_as_a_partial_screen(shared_data: Path, write: Callable[..., Written]) -> None:
    frame = real_wells(shared_data)
    written = write(frame)
    sites = written.sites
    assert len(sites) == 42 * 4
    assert written.warnings == []
    assert set(sites["store_id"]) == {"HRCE-1_25"}
    by_well = sites.drop_duplicates("well_id").set_index("well")
    assert by_well["control"].value_counts().to_dict() == {"none": 30, "positive": 6, "negative": 6}
    assert (by_well.loc[by_well["control"] == "positive", "condition"] == "mock").all()
    assert by_well.loc["AA08", "condition"] == "uv_inactivated"
    assert by_well.loc["G07", ["compound", "concentration_um"]].tolist() == ["Remdesivir (GS-5734)", 3.0]
    assert by_well.loc["G07", "smiles"] == "CCC(CC)COC(=O)C |r,c:4,&1:2|"


def test_metadata_without_smiles_are_refused_with_the_reason(shared_data: Path, write: Callable[..., Written]) -> None:
    with pytest.raises(MetadataError) as error:
        write(real_wells(shared_data).drop(columns="SMILES"))
    assert "lacks the column SMILES; releases before August 2020 have no SMILES, and wrong names" in str(error.value)
    assert NO_SMILES in str(error.value)


def test_conditions_stay_four_and_untreated_wells_have_no_dose(
    small: pd.DataFrame, write: Callable[..., Written]
) -> None:
    sites = write(small).sites
    wells = sites.drop_duplicates("well_id").set_index("well")
    assert wells.index.tolist() == ["B02", "B03", "B04", "B05", "B06", "AA02"]  # plate order: Z before AA
    assert wells["condition"].tolist() == ["mock", "uv_inactivated", "infected", "unknown", "infected", "infected"]
    assert wells["control"].tolist() == ["positive", "none", "negative", "none", "none", "none"]
    assert wells.loc["B02":"B05", ["treatment", "compound", "concentration_um", "smiles"]].isna().all(axis=None)
    assert wells.loc["AA02", ["row", "column", "smiles"]].tolist() == ["AA", 2, "CC(C)C |c:1,2|"]
    assert wells.loc["B06", "treatment"] == "beta(greek)-é 17"
    assert sites["site"].tolist() == [1, 2, 3, 4] * 6


@pytest.mark.parametrize(
    ("change", "mistakes"),
    [
        (put(3, site="5", site_id="HRCE-1_25_B02_5"), ["row 3: site is '5'; a well has the sites 1 to 4"]),
        (put(3, site_id="HRCE-1_25_B03_2"), [
            "row 3: site_id is 'HRCE-1_25_B03_2', but its columns say 'HRCE-1_25_B02_2'",
            "row 7: site_id 'HRCE-1_25_B03_2' is already in row 3",
        ]),
        (put(3, well_id="HRCE-1_25_B2"), ["row 3: well_id is 'HRCE-1_25_B2', but its columns say 'HRCE-1_25_B02'"]),
        (put(4, disease_condition="Active"), [
            "row 4: unknown condition 'Active'; allowed: Mock, UV Inactivated SARS-CoV-2, Active SARS-CoV-2, or empty",
            "row 4: disease_condition is 'Active', but 'Mock' in row 2 of the same well HRCE-1_25_B02",
        ]),
        (put(4, cell_type="VERO"), [
            "row 4: cell type VERO does not fit experiment HRCE-1",
            "row 4: cell_type is 'VERO', but 'HRCE' in row 2 of the same well HRCE-1_25_B02",
        ]),
        (put(20, SMILES="CC"), ["row 20: SMILES is 'CC', but 'CC(C)C |c:1,2|' in row 18 of the same well HRCE-1_25_AA02"]),
    ],
)  # fmt: skip
def test_mistake_of_one_row_is_reported_with_it(small: pd.DataFrame, change: Change, mistakes: list[str]) -> None:
    change(small)
    assert mistakes_of(small) == mistakes


@pytest.mark.parametrize(
    ("name", "values", "mistake"),
    [
        ("A49", {}, "well 'A49' is not on a plate of 1,536 wells (A01 to AF48, two digits for the column)"),
        ("AG02", {}, "well 'AG02' is not on a plate of 1,536 wells (A01 to AF48, two digits for the column)"),
        ("B2", {}, "well 'B2' is not on a plate of 1,536 wells (A01 to AF48, two digits for the column)"),
        ("B10", {"plate": "HRCE-1_25a"}, "plate is '25a'; it must be a whole number from 1"),
        ("B10", {"plate": "HRCE-3_1"}, "unknown experiment 'HRCE-3'; RxRx19a has HRCE-1, HRCE-2, VERO-1, VERO-2"),
        ("B10", {"plate": "CACO-1_1"}, "unknown cell type 'CACO'; RxRx19a has HRCE, VERO"),
        ("B10", {"condition": MOCK, "treatment": "X", "dose": "1"}, "a Mock well is an untreated control, its treatment is 'X'"),
        ("B10", {"treatment": "X"}, "X without a treatment_conc (uM)"),
        ("B10", {"dose": "1"}, "treatment_conc is 1 without a treatment; it must be empty where nothing was given"),
        ("B10", {"treatment": "X", "dose": "0"}, "treatment_conc of X is 0; it must be above 0 (uM)"),
        ("B10", {"treatment": "X", "dose": "-0.3"}, "treatment_conc of X is -0.3; it must be above 0 (uM)"),
        ("B10", {"treatment": "X", "dose": "inf"}, "treatment_conc of X is inf; it must be above 0 (uM)"),
        ("B10", {"treatment": "X", "dose": "nan"}, "treatment_conc is 'nan', not a number (uM)"),
        ("B10", {"treatment": "X", "dose": "NA"}, "treatment_conc is 'NA', not a number (uM)"),
        ("B10", {"treatment": "X", "dose": "1 uM"}, "treatment_conc is '1 uM', not a number (uM)"),
    ],
)  # fmt: skip
def test_mistake_of_a_well_is_reported_for_each_of_its_rows(name: str, values: dict[str, Any], mistake: str) -> None:
    frame = with_sites(pd.DataFrame([*WELLS, well(name, **values)]))
    found = mistakes_of(frame)
    assert [line for line in found if mistake in line] == [f"row {row}: {mistake}" for row in (26, 27, 28, 29)]


def test_repeated_rows_are_reported_with_the_first(small: pd.DataFrame) -> None:
    frame = as_read(pd.concat([small, small.iloc[[0]]]))
    assert mistakes_of(frame) == ["row 26: site_id 'HRCE-1_25_B02_1' is already in row 2"]


def test_of_many_mistakes_each_kind_is_shown_and_the_rest_counted(small: pd.DataFrame) -> None:
    frame = as_read(pd.concat([small] * 10, ignore_index=True))
    frame.loc[[3, 4], "site"] = "9"
    lines = mistakes_of(frame)
    assert len(lines) <= 25
    assert any("site is '9'" in line for line in lines)
    assert any(line.startswith("... and 2") and line.endswith("more rows like that one") for line in lines)


def test_all_mistakes_are_reported_at_once(small: pd.DataFrame) -> None:
    put(4, disease_condition="mock")(small)
    put(20, treatment_conc="")(small)
    text = "\n".join(mistakes_of(small))
    assert "row 4: unknown condition 'mock'" in text
    assert "row 20: Aloxistatin without a treatment_conc" in text


def test_nothing_is_written_from_wrong_metadata(
    small: pd.DataFrame, write: Callable[..., Written], tmp_path: Path
) -> None:
    put(4, disease_condition="mock")(small)
    with pytest.raises(RxRx19aError, match=r"metadata\.zip: RxRx19a/metadata\.csv has mistakes"):
        write(small)
    assert not (tmp_path / "sites.parquet").exists()


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    return whole_rxrx19a()


def test_the_whole_screen_passes_every_count(whole: pd.DataFrame) -> None:
    assert len(whole) == 305_520
    assert check_rxrx19a(whole, complete=True) == []


def test_a_lost_well_is_an_error_of_the_whole_screen_only(whole: pd.DataFrame) -> None:
    frame = whole.iloc[:-4]
    assert mistakes_of(frame, complete=True) == [
        "the screen has 305,516 sites; 305,520 were published",
        "the screen has 76,379 wells; 76,380 were published",
        "VERO-2 has 10,716 sites; 10,720 were published",
        "VERO has 4,919 wells of the condition Active SARS-CoV-2; 4,920 were published",
    ]
    assert check_rxrx19a(frame, complete=False) == []


def test_a_lost_site_is_an_error(whole: pd.DataFrame) -> None:
    lines = mistakes_of(whole.iloc[1:], complete=True)
    assert "wells without exactly 4 sites: 1, HRCE-1_1_B02 (3)" in lines


def test_a_changed_condition_is_an_error(whole: pd.DataFrame) -> None:
    frame = whole.copy()
    frame.iloc[:4, frame.columns.get_loc("disease_condition")] = UV
    assert mistakes_of(frame, complete=True) == [
        "HRCE has 2,119 wells of the condition Mock; 2,120 were published",
        "HRCE has 2,121 wells of the condition UV Inactivated SARS-CoV-2; 2,120 were published",
    ]


def test_a_plate_with_other_controls_and_another_dose_are_warnings(whole: pd.DataFrame) -> None:
    frame = whole.copy()
    condition = frame.columns.get_loc("disease_condition")
    second_plate = 1340 * 4
    frame.iloc[:4, condition] = UV  # one well each way, so that the totals stay
    frame.iloc[second_plate + 160 : second_plate + 164, condition] = MOCK
    frame.loc[frame["treatment_conc"] == "100.0", "treatment_conc"] = "50"
    assert check_rxrx19a(frame, complete=True) == [
        "plates without the expected 40 Mock wells: 2, HRCE-1_1 (39), HRCE-1_2 (41)",
        "plates without the expected 40 UV Inactivated SARS-CoV-2 wells: 2, HRCE-1_1 (41), HRCE-1_2 (39)",
        "of the 14 concentrations (uM) are missing: 100",
        "of the 14 concentrations (uM) are unexpected: 50",
    ]


def test_a_foreign_plate_is_an_error_of_the_whole_screen(whole: pd.DataFrame) -> None:
    frame = whole.copy()
    last = (frame["experiment"] == "VERO-2") & (frame["plate"] == "2")
    for column in ("plate", "well_id", "site_id"):
        frame.loc[last, column] = (
            frame.loc[last, column].str.replace("VERO-2_2", "VERO-2_3") if column != "plate" else "3"
        )
    assert mistakes_of(frame, complete=True) == [
        "the screen lacks the plate VERO-2_2; the published one has 57",
        "the screen also has the plate VERO-2_3; the published one has 57",
    ]


def test_stores_are_chosen_by_name_and_unknown_ones_named(small: pd.DataFrame, write: Callable[..., Written]) -> None:
    other = with_sites(pd.DataFrame([well("B02", plate="VERO-1_1"), well("B03", MOCK, plate="VERO-1_1")]))
    frame = as_read(pd.concat([small, other]))
    sites = write(frame, RxRx19aSettings(complete=False, stores=["VERO-1_1"])).sites
    assert set(sites["plate_id"]) == {"VERO-1_1"}
    assert len(write(frame).sites) == len(frame)
    with pytest.raises(
        RxRx19aError, match=r"stores names VERO-1_9; the metadata have HRCE-1_25, VERO-1_1 \(2 stores\)"
    ):
        write(frame, RxRx19aSettings(complete=False, stores=["VERO-1_9"]))


def zip_of(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/") + ".csv", data)
    return path


def test_a_table_is_read_as_text_whatever_its_words(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbfa,b\r\nNA,"x, y |c:1,2|"\r\nEMPTY,\r\n\r\n"two\nlines",1\r\n'
    frame = read_metadata(zip_of(tmp_path / "a.zip", any__folder__metadata=data), ["a", "b"]).frame
    assert frame.to_dict("list") == {"a": ["NA", "EMPTY", "two\nlines"], "b": ["x, y |c:1,2|", "", "1"]}
    assert frame.index.tolist() == [2, 3, 6]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, r"a\.zip holds no CSV file; it must hold metadata\.csv, and it holds nothing"),
        ({"x": b"a\n1\n", "y": b"a\n1\n"}, r"a\.zip holds 2 CSV files \(x\.csv, y\.csv\)"),
        ({"x__metadata": b"a\n1\n", "y__metadata": b"a\n1\n"}, r"a\.zip holds 2 CSV files"),
        ({"metadata": b""}, r"metadata\.csv is empty"),
        ({"metadata": b"a,b\n"}, r"metadata\.csv has a header but no rows"),
        ({"metadata": b"b,c\n1,2\n"}, r"lacks the column a; it has b, c"),
        ({"metadata": b"a,b,b\n1,2,3\n"}, r"has the column b twice"),
        ({"metadata": b"a,b\n1,2\n1\n1,2,3\n"}, r"row 3 has 1 field, the header has 2\n  row 4 has 3 fields"),
        ({"metadata": b"a,b\n1,\xe9\n"}, r"is not UTF-8: byte 0xe9"),
        ({"metadata": b'a,b\n1,"x"y\n'}, r"row 2 is not valid CSV"),
        ({"metadata": b'a,b\n1,"never closed\n2,3\n'}, r"is not valid CSV: unexpected end of data"),
    ],
)  # fmt: skip
def test_bad_archives_and_tables_are_refused_in_a_sentence(
    tmp_path: Path, members: dict[str, bytes], message: str
) -> None:
    with pytest.raises(MetadataError, match=message):
        read_metadata(zip_of(tmp_path / "a.zip", **members), ["a"])


def test_damaged_archives_are_distinguished_from_what_is_no_archive(tmp_path: Path) -> None:
    good = zip_of(tmp_path / "good.zip", metadata=b"a\n" + bytes(range(48, 58)) * 50 + b"\n").read_bytes()
    cases = {
        "is truncated or damaged": good[:-30],
        "is not a zip": b"<html>not found</html>",
        "is damaged and cannot be read": good.replace(b"0123456789", b"0123456798", 1),
    }
    for message, data in cases.items():
        (tmp_path / "bad.zip").write_bytes(data)
        with pytest.raises(MetadataError, match=rf"bad\.zip.* {message}"):
            read_metadata(tmp_path / "bad.zip", ["a"])
    with pytest.raises(MetadataError, match="cannot be opened: No such file"):
        read_metadata(tmp_path / "absent.zip", ["a"])

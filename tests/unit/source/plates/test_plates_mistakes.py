"""A lab's own table or folder with mistakes: each gives one sentence with its row or file, and all come at once."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from gandl.config import PlatesSettings
from gandl.source.plates.sites import channels_of, read_plates, write_sites
from gandl.source.plates.stores import light_stores
from gandl.source.plates.tabular.mistakes import PlatesError
from plate_files import folder_of, lab, write_csv

HEADER = "well,plate,control,treatment,concentration_um,file_dna,file_er"


def mistakes(settings: PlatesSettings) -> list[str]:
    """The mistakes of a table, which is refused for exactly these."""
    found = list(read_plates(settings).mistakes)
    with pytest.raises(PlatesError) as error:
        write_sites(settings, Path("never.parquet"))
    assert [line.strip() for line in str(error.value).splitlines()[1:]] == found
    return found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("plate,file_dna\n1,a.tif\n", "row 1: the column well is missing; it has plate, file_dna"),
        (
            "well,plate\nA1,1\n",
            "row 1: no column of images: one column file_<channel> per channel is needed; it has well, plate",
        ),
        (
            "well,filename\nA1,a.tif\n",
            "row 1: no column of images: one column file_<channel> per channel is needed (rename filename to "
            "file_dna, say, where dna is its channel); it has well, filename",
        ),
        (
            "well,file_dna,file_DNA\nA1,a.tif,b.tif\n",
            "row 1: the channels dna and DNA differ only in capitals; give one another name",
        ),
        (
            "well,file_dna,feature_0\nA1,a.tif,1\n",
            "row 1: gandl has a column feature_0 of its own; rename yours",
        ),
        (
            "well,fold,file_dna\nA1,2,a.tif\n",
            "row 1: gandl has a column fold of its own; rename yours",
        ),
        ("well,file_dna\nA1,a.tif\nI99,b.tif\n", "row 3: well is 'I99'; wells are named A1 (or A01) to AF48"),
        ("well,file_dna\nA1,a.tif\n\n,b.tif\n", "row 4: well is ''; wells are named A1 (or A01) to AF48"),
        ("well,site,file_dna\nA1,x,a.tif\n", "row 2: site is 'x'; it must be a whole number, or empty in every row"),
        (
            "well,site,file_dna\nA1,1,a.tif\nA1,,b.tif\n",
            "row 3: well A01 has a site without a number besides site 1 (row 2); number all sites of a well, or none",
        ),
        (
            "well,site,file_dna\nA1,1,a.tif\nA01,1,b.tif\n",
            "row 3: site 1 of well A01 of plate 1 of lab is in row 2 already",
        ),
        (
            "well,plate,control,file_dna\nA1,7,,a.tif\nA1,07,positive,b.tif\n",
            "row 3: control of well A01 of plate 7 of lab is positive, but none in row 2; all sites of a well must agree",
        ),
        (
            "well,plate,site,file_dna\nA1,7,1,a.tif\nA1,07,1,b.tif\n",
            "row 3: site 1 of well A01 of plate 7 of lab is in row 2 already",
        ),
        (
            "well,file_dna\nA1,a.tif\nA2,a.tif\n",
            "row 3: a.tif, channel dna, is the image of row 2, channel dna already",
        ),
        (
            "well,file_dna,file_er\nA1,a.tif,a.tif\n",
            "row 2: a.tif, channel er, is the image of row 2, channel dna already",
        ),
        (
            "well,file_dna\nA1,a.tif#1\nA2,a.tif\n",
            "row 3: a.tif, channel dna, is the image of row 2, channel dna already",
        ),
        (
            "well,file_dna,file_\nA1,a.tif,b.tif\n",
            "row 1: a column is named only file_; append the name of its channel",
        ),
        ("well,file_dna\nA1,\n", "row 2: file_dna is empty; every site needs a file for every channel"),
        (
            "well,control,file_dna\nA1,plus,a.tif\n",
            "row 2: control is 'plus'; it must be positive, negative, none, or empty",
        ),
        (
            "well,control,file_dna\nA1,positive,a.tif\nA1,,b.tif\n",
            "row 3: control of well A01 of plate 1 of lab is none, but "
            "positive in row 2; all sites of a well must agree",
        ),
        (
            "well,treatment,concentration_um,file_dna\nA1,x,10 uM,a.tif\n",
            "row 2: concentration_um is '10 uM', not a number; write micromolar without a unit",
        ),
        (
            'well,treatment,concentration_um,file_dna\nA1,x,"0,5",a.tif\n',
            "row 2: concentration_um is '0,5', with a comma; write 0.5, with a decimal point",
        ),
        (
            "well;treatment;concentration_um;file_dna\nA1;x;1,000;a.tif\n",
            "row 2: concentration_um is '1,000', with a comma; write 1.000, with a decimal point, or 1000",
        ),
        (
            "well;treatment;concentration_um;file_dna\nA1;x;0,5;a.tif\nA2;x;1.5;b.tif\n",
            "row 2: concentration_um is '0,5', with a comma; write 0.5, with a decimal point",
        ),
        (
            "well,treatment,concentration_um,file_dna\nA1,x,0,a.tif\n",
            "row 2: concentration_um is 0; it must be above 0 (uM), or empty where nothing was given",
        ),
        (
            "well,treatment,concentration_um,file_dna\nA1,x,inf,a.tif\n",
            "row 2: concentration_um is inf; it must be above 0 (uM), or empty where nothing was given",
        ),
        (
            "well,treatment,concentration_um,file_dna\nA1,,3,a.tif\n",
            "row 2: a concentration_um (3) without a treatment; leave it empty where nothing was given",
        ),
        (
            "well,treatment,file_dna\nA1,a, b,a.tif\n",
            "row 2: 4 cells, but the header names 3 columns; quote cells that contain ','",
        ),
        (
            "well,file_dna\nA1,D:\\data\\a.tif\n",
            "row 2: file_dna is 'D:\\\\data\\\\a.tif', a path of a Windows machine; write it "
            "relative to the folder of the table",
        ),
        (
            "well,file_dna\nA1,\\\\server\\x\\a.tif\n",
            "row 2: file_dna is '\\\\\\\\server\\\\x\\\\a.tif', a path of a Windows machine; "
            "write it relative to the folder of the table",
        ),
        (
            "well,file_dna\nA1,s3://x/a.tif\n",
            "row 2: file_dna is 's3://x/a.tif'; an address must begin with https://, and other files must lie on this machine",
        ),
        ("well,file_dna\nA1,a.tif#0\n", "row 2: file_dna is 'a.tif#0'; pages count from 1"),
        (
            "well,plate,file_dna\nA1,7 b,a.tif\nA1,7-B,b.tif\n",
            "plate '7-B' of experiment 'lab' and plate '7 b' of 'lab' would both be "
            "stored as lab_7-B; give one of them another name",
        ),
        (
            "well,plate,file_dna\nA1,??,a.tif\n",
            "the name '??' of an experiment or plate has no ASCII letter or digit",
        ),
    ],
)
def test_mistake_is_reported_with_its_row(text: str, sentence: str, tmp_path: Path) -> None:
    found = mistakes(lab(tmp_path, text))
    assert sentence in found
    assert len([line for line in found if "there is no file" not in line]) <= 2


def test_all_mistakes_of_a_table_are_reported_at_once(tmp_path: Path) -> None:
    text = f"{HEADER}\nZ99,1,plus,x,1,a.tif,b.tif\nA1,1,,x,-1,c.tif,\nA2,1,,,,c.tif,d.tif\n"
    assert [line.split(":")[0] for line in mistakes(lab(tmp_path, text))] == [
        "row 2", "row 2", "row 3", "row 3", "row 4",
    ]  # fmt: skip


def test_missing_files_are_reported_with_row_and_channel_and_what_may_be_meant(tmp_path: Path) -> None:
    settings = lab(tmp_path, "well,file_dna,file_er\nA1,a.tif,b.tif\nA2,c.tif,d.tif\n", files=False)
    for name in ("a.tif", "B.TIF", "d.tif"):
        (tmp_path / "lab" / name).touch()
    folder = tmp_path / "lab"
    assert mistakes(settings) == [
        f"row 2: there is no file {folder}/b.tif (channel er); did you mean B.TIF? Capitals matter",
        f"row 3: there is no file {folder}/c.tif (channel dna)",
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\x03\x04rest", "is a spreadsheet; save it as 'CSV UTF-8' and name that file"),
        ("well,file_dna\nA1,a.tif\nA2,\xb5.tif\n".encode("latin-1"), ", row 3: a character that is not UTF-8"),
        (b"", "has no header; its first row must name every column once"),
        (b"well,file_dna\n", "has a header and no rows"),
        (b"well,well,file_dna\nA1,A1,a.tif\n", "has the column well twice"),
        (b'well,file_dna\nA1,"a.tif\n', ": not readable as CSV (unexpected end of data)"),
        (b"well,file_dna\nA1,\x00\n", "is not text"),
    ],
)
def test_what_is_no_table_is_refused_before_its_rows_are_read(data: bytes, sentence: str, tmp_path: Path) -> None:
    table = tmp_path / "sites.csv"
    table.write_bytes(data)
    for read in (read_plates, light_stores):
        with pytest.raises(PlatesError, match=re.escape(sentence)) as error:
            read(PlatesSettings(table=str(table)))
        assert str(table) in str(error.value)


def test_absent_table_and_contradictory_settings_are_reported(tmp_path: Path) -> None:
    with pytest.raises(PlatesError, match=r"no table at nowhere\.csv"):
        light_stores(PlatesSettings(table="nowhere.csv"))
    with pytest.raises(PlatesError, match="neither a table nor a folder"):
        light_stores(PlatesSettings())
    with pytest.raises(PlatesError, match="name only one of them"):
        read_plates(PlatesSettings(table="a.csv", folder="b"))


def test_sites_table_of_another_screen_is_not_mistaken_for_one_of_plates(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "sites.parquet")
    with pytest.raises(PlatesError, match="does not name its channels"):
        channels_of(tmp_path / "sites.parquet")


def test_mistakes_of_a_folder_name_the_files(tmp_path: Path) -> None:
    wells = write_csv(
        tmp_path / "wells.csv",
        [{"well": "A1", "control": "maybe"}, {"well": "A1", "control": ""}, {"well": "Z", "control": ""}],
    )
    settings = folder_of(
        tmp_path, "p/A1_w1.tif", "p/A1_w2.tif", "p/A1_w2.png", "p/A2_w1.tif", "p/P99_w1.tif", wells=str(wells)
    )
    assert mistakes(settings) == [
        "p/P99_w1.tif: the pattern finds a wrong well: well is 'P99'; wells are named A1 (or A01) to AF48",
        "p/A1_w2.tif: p/A1_w2.png is channel 2 of the same site already",
        f"{wells}, row 2: control is 'maybe'; it must be positive, negative, none, or empty",
        f"{wells}, row 3: well A01 is in {wells}, row 2 already",
        f"{wells}, row 4: well is 'Z'; wells are named A1 (or A01) to AF48",
        "p/A2_w1.tif: well A02 of plate p of scans has no file for the channel 2",
    ]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (None, "needs a pattern that finds well and channel"),
        ("(?P<well>", "is not a regular expression"),
        ("(?P<channel>w1)", "must name the well: by the group `well`, or by the two groups `row` and `column`"),
        ("(?P<well>A1)(?P<row>A)(?P<channel>w)", "must name the well"),
        ("(?P<row>A)(?P<channel>w)", "must name the well"),
        ("(?P<well>A1)", "lacks the group `channel`"),
        ("(?P<well>A1)(?P<channel>1)(?P<field>t)", "names the group field"),
        ("(?P<well>Q1)(?P<channel>1)", "fits the pattern"),
    ],
)
def test_pattern_that_reports_too_little_is_refused(pattern: str | None, sentence: str, tmp_path: Path) -> None:
    settings = folder_of(tmp_path, "p/A1_w1.tif").model_copy(update={"pattern": pattern})
    for read in (read_plates, light_stores):
        with pytest.raises(PlatesError, match=re.escape(sentence)):
            read(settings)

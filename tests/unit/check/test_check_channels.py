"""Channels at `gandl check`: other names where plates differ, those that are left out, and pages of which nothing is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import tifffile

from command_line import gandl_check
from gandl.check.plates import check_plates
from gandl.config import PlatesSettings
from gandl.config.files import read_config
from microscope_files import Shot, harmony, harmony_index
from plate_files import write_csv
from stack_files import noise, write_ome_tiff
from zarr_plates import ZarrPlate, write_plate

SHOTS = [Shot(1, column, 1, channel) for column in (1, 2) for channel in (1, 2)]


def draw(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        tifffile.imwrite(folder / name, noise(64, 64, seed=seed))


def test_channels_that_two_indexes_name_differently_get_one_name(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for plate, stain in (("P1", "HOECHST 33342"), ("P2", "Hoechst")):
        draw(here / "scan" / plate, *map(harmony, SHOTS))
        index = harmony_index(SHOTS, {1: stain, 2: "ER"}, plate=plate)
        (here / f"scan/{plate}/Index.idx.xml").write_text(index)
    assert gandl_check("scan") == 1
    printed = capsys.readouterr().out
    assert "1 problem:" in printed
    assert "plate P1 of scan has HOECHST 33342, ER; plate P2 of scan has ER, Hoechst" in printed
    assert "--rename 'Hoechst=HOECHST 33342'" in printed
    assert gandl_check("scan", "--rename", "Hoechst=HOECHST 33342", "--config", "my.yaml") is None
    assert list(pd.read_csv("my_sites.csv").filter(like="file_")) == ["file_HOECHST 33342", "file_ER"]
    assert gandl_check("my_sites.csv") is None
    assert gandl_check("scan", "--leave-out", "Hoechst", "--leave-out", "HOECHST 33342") is None


def test_channels_of_whole_files_get_one_name_and_the_table_says_where_they_are(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, names in enumerate((("dna", "er", "actin"), ("DNA", "ER", "actin")), start=1):
        write_ome_tiff(here / f"lab/{i}.ome.tif", noise(3, 64, 64, seed=i), "CYX", names)
    table = write_csv(here / "lab/sites.csv", [{"well": f"A{i}", "file": f"{i}.ome.tif"} for i in (1, 2)])
    assert gandl_check(table) == 1
    assert "add --rename DNA=dna --rename ER=er" in capsys.readouterr().out
    assert gandl_check(table, "--rename", "DNA=dna", "--rename", "ER=er", "--config", "my.yaml") is None
    assert pd.read_csv("my_sites.csv")["file_er"].tolist() == ["lab/1.ome.tif#channel=er", "lab/2.ome.tif#channel=ER"]
    assert gandl_check("my_sites.csv") is None
    book = openpyxl.Workbook()
    for row in (("well", "file"), ("A1", "1.ome.tif")):
        book.active.append(row)
    book.save(here / "lab/book.xlsx")
    assert gandl_check("lab/book.xlsx") is None
    assert pd.read_csv("book_sites.csv")["file_er"].tolist() == ["lab/1.ome.tif#channel=er"]


def test_columns_of_a_table_get_other_names(here: Path) -> None:
    draw(here / "lab", "a.tif", "b.tif")
    table = write_csv(here / "lab/sites.csv", [{"well": "A1", "file_1": "a.tif", "file_2": "b.tif"}])
    assert gandl_check(table, "--rename", "1=dna", "--sites", "named.csv") is None
    assert pd.read_csv("named.csv")["file_dna"].tolist() == ["lab/a.tif"]
    assert gandl_check(table, "--rename", "1=2", "--sites", "same.csv") == 1


@pytest.mark.parametrize("kind", ["folder", "LoadData", "OME-Zarr"])
def test_a_channel_that_is_left_out_need_not_be_everywhere(kind: str, here: Path) -> None:
    draw(here / "scan", *map(harmony, [*SHOTS, Shot(1, 1, 1, 3)]))
    place, left = here / "scan", ["3"]
    if kind == "LoadData":
        left = ["C"]
        names = {f"FileName_{name}": harmony(Shot(1, 1, 1, i)) for i, name in ((1, "A"), (2, "B"))}
        row = {"Metadata_Well": "A1", **names, "FileName_C": "gone.tif", "PathName_C": "/nowhere/here"}
        place = write_csv(here / "scan/load_data.csv", [row])
    elif kind == "OME-Zarr":
        left = ["ER", "actin"]
        place = write_plate(here / "p.zarr", ZarrPlate(fields=1), labels={"B/1": ("DNA", "actin")})
    options = [text for name in left for text in ("--leave-out", name)]
    assert gandl_check(place) == 1
    assert gandl_check(place, *options, "--config", "my.yaml") is None
    plates = read_config(here / "my.yaml").source.plates
    assert plates is not None
    assert list(plates.leave_out) == left
    assert gandl_check("my_sites.csv", *options) is None


def test_pages_of_which_nothing_is_said_are_no_planes_unless_named_so(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "lab").mkdir()
    for i in (1, 2):
        pages = noise(3, 64, 64, seed=i)
        tifffile.imwrite(here / f"lab/scan_B0{i}_s1.TIF", pages, metadata=None, photometric="minisblack")
    table = write_csv(here / "lab/sites.csv", [{"well": f"B{i}", "file_dna": f"scan_B0{i}_s1.TIF"} for i in (1, 2)])
    said = (
        "scan_B01_s1.TIF has 3 pages and does not say what they are; name one: scan_B01_s1.TIF#1 to scan_B01_s1.TIF#3"
    )
    for place, options in ((table, ()), ("lab", ("--channel", "dna"))):
        assert gandl_check(place, *options) == 1
        assert said in capsys.readouterr().out
        assert gandl_check(place, *options, "--z", "max") is None
        capsys.readouterr()
    one = write_csv(here / "lab/one.csv", [{"well": "B1", "file_dna": "scan_B01_s1.TIF#2"}])
    assert check_plates(one).passed


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_chunks_that_are_missing_are_a_warning(version: str, here: Path) -> None:
    write_plate(here / "p.zarr", ZarrPlate(version, fields=1))
    assert gandl_check("p.zarr", "--sites", "sites.csv") is None
    assert not [note for note in check_plates("sites.csv").notes if "chunks" in note]
    files = (file for file in (here / "p.zarr/B/1/0/0").rglob("*") if file.is_file())
    next(file for file in files if file.name[0].isdecimal()).unlink()
    assert [note for note in check_plates("sites.csv").notes if "chunks" in note] == [
        "warning: 1 OME-Zarr image without all files of pixels (chunks), which are read as 0: p.zarr/B/1/0 has 1 of 2; copy them "
        "again, unless the writer left out chunks in which all is 0"
    ]


@pytest.mark.parametrize(("largest", "warned"), [(0.9, False), (0.003, True)])
def test_faint_images_are_a_warning_with_a_scale_that_can_be_used(largest: float, warned: bool, here: Path) -> None:
    (here / "lab").mkdir()
    rows = []
    for i in range(1, 4):
        tifffile.imwrite(here / f"lab/{i}.tif", (noise(64, 64, seed=i) / 4095 * largest).astype(np.float32))
        rows.append({"well": f"A{i}", "file_dna": f"{i}.tif"})
    settings = PlatesSettings(table=str(write_csv(here / "lab/sites.csv", rows)))
    notes = [note for note in check_plates(settings).notes if "faint" in note]
    assert bool(notes) == warned
    if warned:
        scale = float(notes[0].partition("--scale ")[2].split()[0])
        better = check_plates(settings.changed(scale=scale))
        assert better.passed
        assert not [note for note in better.notes if "faint" in note]

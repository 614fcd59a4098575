"""Every way in that `gandl check` takes: it becomes a `sites.csv` that a person can read, and a configuration that names it."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import tifffile

from command_line import gandl_check
from gandl.config.files import read_config
from gandl.source.plates.table import read_table_of_sites
from load_data_files import Listed, write_listed_plates
from plate_files import write_csv, write_six_channel_plates

PATTERN = r"plate (?P<plate>\d+)/(?P<well>[A-P]\d\d)_s(?P<site>\d)_(?P<channel>\w+)\.tif"


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Listed:
    return write_listed_plates(tmp_path_factory.mktemp("a") / "screen")


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_six_channel_plates(tmp_path_factory.mktemp("b") / "six", plates=("1",))


def test_load_data_with_plate_maps_beside_it_becomes_a_table_and_a_configuration(
    listed: Listed, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gandl_check(listed.load_data, "--rewrite", listed.rewrite, "--config", "config/mine.yaml") is None
    printed = capsys.readouterr().out
    assert "plates      1: screen_BR00000001" in printed
    assert "controls    4 positive and 4 negative wells" in printed
    assert "treatment   drug A: 20 wells, 5 doses from 0.1 to 10 µM" in printed
    assert f"the treatments are those of {listed.folder}/barcode_platemap.csv" in printed
    assert printed.count("mmoles_per_liter is in mM") == 1
    table = here / "config/mine_sites.csv"
    plates = read_config(here / "config/mine.yaml").source.plates
    assert plates is not None
    assert (plates.table, plates.folder) == ("config/mine_sites.csv", None)
    assert read_config(here / "config/mine.yaml").run == "mine"
    assert len(read_table_of_sites(table).sites) == 28
    assert pd.read_csv(table)["Metadata_Plate" if False else "plate"].unique().tolist() == ["BR00000001"]
    assert gandl_check(table) is None, "the table that was written passes by itself"


def test_paths_of_another_machine_are_one_sentence_with_the_option_that_helps(
    listed: Listed, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gandl_check(listed.load_data) == 1
    printed = capsys.readouterr().out
    option = f"--rewrite /data/screen={listed.folder}"
    assert printed.endswith(
        "1 problem:\n  the table names 56 files below /data/screen, which is not on this machine; files of these names lie below "
        f"{listed.folder}: add {option}\n"
    )
    assert list(here.iterdir()) == []
    assert gandl_check(listed.load_data, *option.split(" ", 1)) is None


def test_ome_zarr_at_an_address_is_refused_in_one_sentence(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = gandl_check("https://x.example/p.zarr")
    assert str(said).startswith(
        "https://x.example/p.zarr is an address: tables, folders and OME-Zarr plates must lie on this"
    )
    write_csv(here / "sites.csv", [{"well": "A1", "file_dna": "https://x.example/p.zarr/A/1/0#channel=DAPI"}])
    assert gandl_check("sites.csv") == 1
    assert (
        "an OME-Zarr image at an address, which is not one file; copy the plate to this machine"
        in capsys.readouterr().out
    )


def test_the_table_goes_into_the_current_folder_but_never_by_itself_among_images(
    listed: Listed, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gandl_check(listed.load_data, "--rewrite", listed.rewrite) is None
    assert [path.name for path in here.iterdir()] == ["load_data_sites.csv"]
    monkeypatch.chdir(listed.folder / "images")
    assert gandl_check(listed.load_data, "--rewrite", listed.rewrite) is None
    assert "not written into a folder of images; name a file with --sites" in capsys.readouterr().out
    assert not list(listed.folder.rglob("*_sites.csv"))
    assert gandl_check(listed.load_data, "--rewrite", listed.rewrite, "--sites", here / "other.csv") is None
    assert (here / "other.csv").is_file()


def test_a_corrected_table_is_never_overwritten(listed: Listed, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = (listed.load_data, "--rewrite", listed.rewrite)
    assert gandl_check(*command) is None
    table = here / "load_data_sites.csv"
    assert gandl_check(*command) is None
    assert f"{table.name} (as it was)" in capsys.readouterr().out
    corrected = table.read_text().replace("drug A", "drug B")
    table.write_text(corrected)
    assert gandl_check(*command) is None
    assert "not written: load_data_sites.csv exists already and says something else" in capsys.readouterr().out
    assert gandl_check(*command, "--sites", table).startswith(f"{table} exists already and says something else")
    assert table.read_text() == corrected


def test_load_data_is_read_compressed_and_as_parquet(listed: Listed, here: Path) -> None:
    frame = pd.read_csv(listed.load_data)
    frame.to_parquet(listed.folder / "load_data.parquet")
    (listed.folder / "load_data.csv.gz").write_bytes(gzip.compress(listed.load_data.read_bytes()))
    for ending in ("csv", "csv.gz", "parquet"):
        place = listed.folder / f"load_data.{ending}"
        assert gandl_check(place, "--rewrite", listed.rewrite, "--sites", f"{ending}.csv") is None
    assert len({path.read_text() for path in here.iterdir()}) == 1
    for ending in ("csv.gz", "parquet"):
        (listed.folder / f"load_data.{ending}").unlink()


def test_a_folder_takes_plate_maps_by_either_option(listed: Listed, here: Path) -> None:
    pattern = r"(?P<plate>\w+)_(?P<well>[A-P]\d\d)f(?P<site>\d+)p01-(?P<channel>\w+)\.tiff"
    maps = listed.folder / "barcode_platemap.csv"
    for name, option in (("a", ("--wells", maps)), ("b", ("--plate-maps", maps)), ("c", ("--plate-maps", maps.parent))):
        assert gandl_check(listed.folder / "images", "--pattern", pattern, *option, "--config", f"{name}.yaml") is None
    tables = [pd.read_csv(here / f"{name}_sites.csv") for name in "abc"]
    assert (tables[0] == tables[1]).to_numpy()[tables[0].notna()].all()
    assert tables[0]["control"].value_counts().to_dict() == {"negative": 4, "positive": 4}
    assert sorted(tables[2]["concentration_um"].dropna().unique()) == [0.1, 0.3, 1, 3, 10]
    single = listed.folder / "platemap/map1.txt"
    assert gandl_check(listed.folder / "images", "--pattern", pattern, "--wells", single) is None
    below = ("--plate-maps", "barcode_platemap.csv", "--config", "d.yaml")
    assert gandl_check(listed.folder, "--pattern", pattern, *below) is None
    assert pd.read_csv(here / "d_sites.csv")["control"].value_counts().to_dict() == {"negative": 4, "positive": 4}
    both = gandl_check(listed.folder / "images", "--pattern", pattern, "--wells", single, "--plate-maps", maps)
    assert both == "--wells and --plate-maps both say what was done to the wells; name one of them"


def test_a_plain_table_takes_plate_maps_if_it_says_nothing_of_treatments(
    listed: Listed, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = listed.folder / "barcode_platemap.csv"
    assert gandl_check(listed.load_data, "--rewrite", listed.rewrite, "--sites", "full.csv") is None
    full = pd.read_csv("full.csv")
    files = [name for name in full if name.startswith("file_")]
    full[["plate", "well", "site", *files]].to_csv("bare.csv", index=False)
    assert gandl_check("bare.csv", "--plate-maps", maps, "--config", "mine.yaml") is None
    again = pd.read_csv("mine_sites.csv").drop(columns="experiment")
    pd.testing.assert_frame_equal(again, full[again.columns])
    capsys.readouterr()
    assert gandl_check("full.csv", "--plate-maps", maps) == 1
    assert f"row 2: treatments are given here and in {maps}; leave out one of them" in capsys.readouterr().out


def test_a_workbook_becomes_a_table(six: Path, here: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Plate 1")
    for row in pd.read_csv(six).astype(object).replace({np.nan: None}).itertuples(index=False):
        sheet.append(list(row))
    sheet.insert_rows(1)
    for column, name in enumerate(pd.read_csv(six).columns, start=1):
        sheet.cell(1, column, name)
    book.save(six.parent / "sites.xlsx")
    assert gandl_check(six.parent / "sites.xlsx", "--sheet-name", "Plate 1", "--config", "mine.yaml") is None
    workbook, csv = read_table_of_sites(here / "mine_sites.csv"), read_table_of_sites(six)
    assert [(site.key, site.well, site.layout, site.extra) for site in workbook.sites] == [
        (site.key, site.well, site.layout, site.extra) for site in csv.sites
    ]
    assert all(image.path.is_file() for site in workbook.sites for image in site.images.values())
    assert gandl_check(six.parent / "sites.xlsx", "--sheet-name", "Plate 9") == 1
    (six.parent / "sites.xlsx").unlink()


def test_a_configuration_is_checked_as_it_says(six: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gandl_check(six, "--leave-out", "mito", "--config", "mine.yaml") is None
    capsys.readouterr()
    assert gandl_check("mine.yaml") is None
    assert "channels    5: DNA, er, actin, rna, golgi\n" in capsys.readouterr().out
    assert gandl_check("mine.yaml", "--z", "max") == "--z: mine.yaml says how its plates are read; change it there"
    six.rename(six.with_suffix(".old"))
    assert gandl_check("mine.yaml") == 1
    six.with_suffix(".old").rename(six)
    assert gandl_check("other.yaml") == "no configuration at other.yaml"


def test_doses_that_are_not_read_are_noted_where_wells_of_a_treatment_differ_in_them(
    six: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_csv(six).rename(columns={"concentration_um": "dose_rank"})
    table["dose_rank"] = table["dose_rank"].where(
        table["dose_rank"].isna(), table["dose_rank"].rank().map("rank {}".format)
    )
    for name in [name for name in table if name.startswith("file_")]:
        table[name] = [str(six.parent / path) for path in table[name]]
    table.to_csv("sites.csv", index=False)
    assert gandl_check("sites.csv") is None
    said = (
        "no concentration_um, though dose_rank differs within a treatment: 20 treated wells, which count as replicates"
    )
    assert said in capsys.readouterr().out


def test_a_folder_of_a_microscope_is_recognised(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate = tmp_path / "scan 7"
    plate.mkdir()
    rng = np.random.default_rng(0)
    for row in (1, 2):
        for channel in (1, 2):
            pixels = rng.integers(0, 4095, (80, 80), np.uint16)
            tifffile.imwrite(plate / f"r0{row}c02f01p01-ch{channel}sk1fk1fl1.tiff", pixels)
    assert gandl_check(plate) is None
    assert gandl_check(plate, "--microscope", "opera-phenix", "--sites", "named.csv") is None
    assert pd.read_csv(here / "scan-7_sites.csv")["well"].tolist() == ["A02", "B02"]
    assert pd.read_csv("named.csv")["file_1"].iloc[0].endswith("../scan 7/r01c02f01p01-ch1sk1fk1fl1.tiff")
    assert gandl_check("named.csv") is None
    capsys.readouterr()
    assert gandl_check(plate, "--microscope", "brownie") == 1
    assert "the microscope 'brownie' is not known" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--pattern", "x"), "--pattern is for a folder of images, and {place} is not a folder"),
        (("--microscope", "operetta"), "--microscope is for a folder of images, and {place} is not a folder"),
        (("--rewrite", "a=b"), "--rewrite is for LoadData, and {place} is not LoadData"),
    ],
)
def test_options_that_do_not_fit_the_place_are_refused(six: Path, options: tuple[str, str], sentence: str) -> None:
    assert gandl_check(six, *options) == sentence.format(place=six)


def test_a_rewrite_without_its_sides_is_refused(listed: Listed, capsys: pytest.CaptureFixture[str]) -> None:
    assert gandl_check(listed.load_data, "--rewrite", "/data/screen") == 1
    assert "--rewrite '/data/screen' is not OLD=NEW" in capsys.readouterr().out


def test_problems_of_one_kind_are_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"well": f"A{i}", "control": "minus", "file_dna": f"{i}.tif"} for i in range(1, 11)]
    write_csv(here / "sites.csv", rows)
    assert gandl_check("sites.csv") == 1
    assert capsys.readouterr().out.endswith(
        "20 problems:\n"
        "  rows 2 to 11: control is 'minus'; it must be positive, negative, none, or empty\n"
        "  rows 2 to 11: there is no file 1.tif (channel dna) (of row 2; the others are alike)\n"
    )

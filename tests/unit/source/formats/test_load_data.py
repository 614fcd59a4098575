"""CellProfiler's LoadData: plates, wells, channels and pages as CellProfiler names them, and every mistake in a sentence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import tifffile

from gandl.source.formats.tables.load_data import is_load_data, read_load_data
from gandl.source.formats.tables.prefixes import Rewrite, rewrites_of, rewritten
from gandl.source.formats.tables.sites_csv import sites_text
from gandl.source.plates.table import Found
from gandl.source.plates.tabular.mistakes import PlatesError
from load_data_files import write_listed_plates
from stack_files import noise

HEADER = "FileName_OrigDNA,PathName_OrigDNA,Metadata_Plate,Metadata_Well,Metadata_Site"


def load_data(folder: Path, text: str, *, rewrites: tuple[str, ...] = (), name: str = "load_data.csv") -> Found:
    """LoadData with this text in `folder/screen`."""
    table = folder / "screen" / name
    table.parent.mkdir(exist_ok=True)
    table.write_text(text, encoding="utf-8")
    return read_load_data(table, rewrites_of(rewrites))


def cells(found: Found, column: str = "file_DNA") -> list[str]:
    """What the written table says in a column."""
    lines = sites_text(found, Path("base"), Path("base")).splitlines()
    return [line.split(",")[lines[0].split(",").index(column)] for line in lines[1:]]


def test_the_case_gives_its_sites_channels_and_plate(tmp_path: Path) -> None:
    listed = write_listed_plates(tmp_path / "screen", rows="A", images=False)
    found = read_load_data(listed.load_data, rewrites_of([listed.rewrite]))
    assert found.mistakes == ()
    assert found.channels == ("DNA", "ER")
    assert [(site.key, site.well, site.site) for site in found.sites] == [
        (("screen", "BR00000001"), f"A{column:02d}", 1) for column in range(1, 8)
    ]
    assert all(image.path.is_file() for site in found.sites for image in site.images.values())


@pytest.mark.parametrize("name", ["FileName_OrigDNA", "Image_FileName_DNA", "URL_OrigDNA"])
def test_load_data_is_known_by_its_columns(name: str) -> None:
    assert is_load_data([name, "Metadata_Well"])
    assert not is_load_data(["well", "file_dna", "FileName", "PathName_OrigDNA"])


def test_paths_relative_to_the_table_and_rows_and_columns_are_understood(tmp_path: Path) -> None:
    text = (
        "FileName_Original,PathName_Original,FileName_OrigER,PathName_OrigER,Metadata_Row,Metadata_Col,Metadata_FieldID,"
        "Metadata_Batch,Metadata_donor,Metadata_fold,Count_Cells\n"
        "a.tif,images,b.tif,images/er/,2,3.0,7,b1,d 5,x,12\nc.tif,,d.tif,.,AA,11,8,b1,d 6,y,13\n"
    )
    found = load_data(tmp_path, text)
    assert found.mistakes == ()
    assert found.channels == ("Original", "ER"), "Orig is a prefix only before a name of its own"
    assert [(site.key, site.well, site.site) for site in found.sites] == [
        (("b1", "1"), "B03", 7),
        (("b1", "1"), "AA11", 8),
    ]
    assert [dict(site.extra) for site in found.sites] == [
        {"donor": "d 5", "Metadata_fold": "x"},
        {"donor": "d 6", "Metadata_fold": "y"},
    ]
    assert cells(found, "file_ER") == ["images/er/b.tif", "d.tif"]
    assert list(found.notes) == [
        "no column Metadata_Plate: all rows are taken as one plate",
        "Metadata_Batch is the experiment: it separates plates of the same name",
        "not kept: 1 column without Metadata_, the first is Count_Cells",
    ]


def test_frames_count_pages_from_0(tmp_path: Path) -> None:
    head = HEADER.replace("Metadata_Plate", "Frame_OrigDNA,Series_OrigDNA,Metadata_Plate")
    found = load_data(
        tmp_path, f"{head}\na.tif,x,0,0,1,A1,1\na.tif,x,2,0,1,A1,2\nb.tif,x,0.0,,1,A1,3\nc.tif,x,,,1,A1,4\n"
    )
    assert cells(found) == ["x/a.tif#1", "x/a.tif#3", "x/b.tif#1", "x/c.tif"]
    single = load_data(tmp_path, f"{head}\na.tif,x,0,0,1,A1,1\nb.tif,x,0,,1,A1,2\n")
    assert cells(single) == ["x/a.tif#1", "x/b.tif#1"], "the first page, also where the files have more"
    wrong = load_data(tmp_path, f"{head}\na.tif,x,-1,0,1,A1,2\n")
    assert wrong.mistakes == ("row 2: Frame_OrigDNA is '-1'; frames and series count from 0",)


def test_a_series_is_looked_up_in_its_file(tmp_path: Path) -> None:
    head = HEADER.replace("Metadata_Plate", "Frame_OrigDNA,Series_OrigDNA,Metadata_Plate")
    pixels = noise(3, 64, 64)
    (tmp_path / "screen").mkdir()
    with tifffile.TiffWriter(tmp_path / "screen/a.ome.tif", ome=True) as tiff:
        for _ in range(2):
            tiff.write(pixels, metadata={"axes": "CYX"}, photometric="minisblack")
    with tifffile.TiffWriter(tmp_path / "screen/b.tif") as tiff:
        for side in (64, 32):
            tiff.write(pixels[0, :side], metadata=None)
    with tifffile.TiffWriter(tmp_path / "screen/c.tif") as tiff:
        for side in (64, 64, 32):
            tiff.write(pixels[0, :side], metadata=None, contiguous=False)
    rows = ("a.ome.tif,,0,1,1,A1,1", "a.ome.tif,,2,1,1,A1,2", "b.tif,,0,1,1,A1,3")
    assert cells(load_data(tmp_path, "\n".join([head, *rows]))) == ["a.ome.tif#4", "a.ome.tif#6", "b.tif#2"]
    rows = ("a.ome.tif,,3,1,1,A1,1", "c.tif,,0,1,1,A1,2", "a.tif,https://x.org,0,1,1,A1,3")
    wrong = load_data(tmp_path, "\n".join([head, *rows])).mistakes
    assert wrong == (
        "row 2: Series_OrigDNA is 1 and the frame 3, but a.ome.tif has series of 3, 3 pages",
        f"row 3: Series_OrigDNA is 1, but the metadata of {tmp_path}/screen/c.tif do not say which pages are of which series; "
        "name the page in Frame_OrigDNA, from 0, and no series",
        "row 4: Series_OrigDNA is 1, which page of https://x.org/a.tif that is cannot be seen; name the page in Frame_OrigDNA, "
        "from 0, and no series",
    )


def test_addresses_are_percent_encoded_where_they_are_made_of_names(tmp_path: Path) -> None:
    text = (
        "FileName_OrigDNA,PathName_OrigDNA,URL_OrigER,Metadata_Well\n"
        "Plate_#6+5 50%_A01.tif,s3://b/x y,https://h.org/a%20b/#7.tif,A1\n"
        "Plate_#6?_A02.tif,https://h.org/a%20b/c d,https://h.org/e.tif?v=1,A2\n"
        "Plate_#6_A03.tif,/far/#1,https://h.org/far/a%23b.tif,A3\n"
    )
    found = load_data(tmp_path, text, rewrites=("/far=https://near.org", "https://h.org/far=here"))
    assert cells(found) == [
        "https://b.s3.amazonaws.com/x%20y/Plate_%236%2B5%2050%25_A01.tif",
        "https://h.org/a%20b/c%20d/Plate_%236%3F_A02.tif",
        "https://near.org/%231/Plate_%236_A03.tif",
    ]
    assert cells(found, "file_ER")[:2] == ["https://h.org/a%20b/%237.tif", "https://h.org/e.tif?v=1"]
    assert cells(found, "file_ER")[2].endswith("here/a#b.tif"), "a file on this machine bears its plain name"


def test_addresses_are_kept_as_cells(tmp_path: Path) -> None:
    text = (
        "URL_OrigDNA,FileName_OrigER,PathName_OrigER,Metadata_Well\n"
        "file:/data/a%20b.tif,e.tif,s3://cellpainting-gallery/cpg0016-jump/images/,A1\n"
        "https://example.org/a.tif,e.tif,https://example.org/er,A2\n"
    )
    found = load_data(tmp_path, text, rewrites=("/data=images",))
    assert found.mistakes == ()
    assert cells(found)[1] == "https://example.org/a.tif"
    assert cells(found)[0].endswith("images/a b.tif"), "a prefix on this machine is relative to the current folder"
    assert cells(found, "file_ER") == [
        "https://cellpainting-gallery.s3.amazonaws.com/cpg0016-jump/images/e.tif", "https://example.org/er/e.tif",
    ]  # fmt: skip
    assert "s3://cellpainting-gallery/ is read as https://cellpainting-gallery.s3.amazonaws.com/" in found.notes[0]


def test_illumination_functions_are_kept_and_matter_where_they_are_used(tmp_path: Path) -> None:
    head = f"FileName_IllumDNA,PathName_IllumDNA,{HEADER}"
    found = load_data(tmp_path, f"{head}\nDNA.npy,illum,a.tif,x,1,A1,1\n")
    assert cells(found, "illum_DNA") == ["illum/DNA.npy"]
    assert (found.channels, found.mistakes, found.notes) == (("DNA",), (), ())
    far = load_data(tmp_path, f"{head}\nDNA.npy,/data/illum,a.tif,x,1,A1,1\n")
    assert far.mistakes == ()
    assert far.notes[0].startswith("the table names 1 file below /data/illum, which is not on this machine")
    used = read_load_data(tmp_path / "screen/load_data.csv", illumination=True)
    assert used.mistakes == far.notes


def test_treatments_within_load_data_are_read_as_in_a_plate_map(tmp_path: Path) -> None:
    head = f"{HEADER},Metadata_pert_iname,Metadata_control_type,Metadata_mmoles_per_liter,Metadata_solvent"
    found = load_data(
        tmp_path,
        f"{head}\na.tif,x,1,A1,1,,,,DMSO\nb.tif,x,1,A2,1,drug,poscon_cp,0.005,DMSO\nc.tif,x,1,A3,1,other,trt,0.0003,DMSO\n",
    )
    assert found.mistakes == ()
    assert [
        (site.layout.control, site.layout.treatment, site.layout.concentration_um, site.layout.condition)
        for site in found.sites
    ] == [
        ("negative", "DMSO", None, "untreated"),
        ("positive", "drug", 5.0, "treated"),
        ("none", "other", 0.3, "treated"),
    ]


def test_windows_paths_and_several_prefixes_are_one_sentence_each(tmp_path: Path) -> None:
    for name in ("p1/a.tif", "p1/b.tif"):
        (tmp_path / "screen" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "screen" / name).touch()
    rows = (
        "a.tif,D:\\scan\\p1,1,A1,1",
        "b.tif,D:\\scan\\p1\\,1,A1,2",
        "c.tif,/mnt/none/p2,2,A1,1",
        "d.tif,/mnt/none/p3,2,A1,2",
    )
    text = "\n".join([HEADER, *rows])
    found = load_data(tmp_path, text)
    screen = tmp_path / "screen"
    assert found.mistakes == (
        f"the table names 2 files below D:/scan, which is not on this machine; files of these names lie below {screen}: add "
        f"--rewrite D:/scan={screen}",
        "the table names 2 files below /mnt/none, which is not on this machine; name the folder that holds them here: --rewrite "
        "/mnt/none=FOLDER (the first is then looked for as FOLDER/p2/c.tif)",
    )
    for name in ("p2", "p3"):
        (screen / name).mkdir()
    again = load_data(tmp_path, text, rewrites=(f"D:\\scan={screen}", f"/mnt/none={screen}"))
    assert again.mistakes == ()
    assert [path.removeprefix(f"{screen}/") for path in cells(again)] == [
        "p1/a.tif",
        "p1/b.tif",
        "p2/c.tif",
        "p3/d.tif",
    ]


def test_files_beside_or_above_the_table_are_found_for_the_proposal(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.tif").touch()
    found = load_data(tmp_path, f"{HEADER}\na.tif,/mnt/u/images,1,A1,1\n")
    assert found.mistakes[0].endswith(f"add --rewrite /mnt/u={tmp_path}")
    (tmp_path / "screen/a.tif").touch()
    flat = load_data(tmp_path, f"{HEADER}\na.tif,/mnt/u/images,1,A1,1\n")
    assert flat.mistakes[0].endswith(f"add --rewrite /mnt/u/images={tmp_path}/screen")


def test_a_prefix_ends_at_the_border_of_a_folder() -> None:
    rules = (Rewrite("/data/scr", "/x"), Rewrite("/data/screen", "/y"), Rewrite("/", "/z"))
    assert rewritten("/data/screen/a.tif", rules) == ("/y/a.tif", rules[1])
    assert rewritten("/other/a.tif", rules) == ("/z/other/a.tif", rules[2])
    assert rewritten("relative/a.tif", rules) == ("relative/a.tif", None)
    assert rewrites_of(["s3://b/=https://h/b"]) == (Rewrite("s3://b", "https://h/b"),)


def test_a_rewrite_that_fits_nothing_is_a_mistake(tmp_path: Path) -> None:
    found = load_data(tmp_path, f"{HEADER}\na.tif,images,1,A1,1\n", rewrites=("/nowhere=/x",))
    assert found.mistakes == ("--rewrite /nowhere=/x fits no path; the first is images/a.tif",)


def test_two_plates_with_the_same_wells_stay_apart_by_their_names(tmp_path: Path) -> None:
    found = load_data(tmp_path, f"{HEADER}\na.tif,x,P1,A1,1\nb.tif,x,P2,A1,1\n")
    assert [site.key.plate for site in found.sites] == ["P1", "P2"]
    assert found.mistakes == ()
    without = load_data(tmp_path, f"{HEADER.replace('Metadata_Plate,', '')}\na.tif,x,A1,1\nb.tif,x,A1,1\n")
    assert without.mistakes == (
        "row 3: well A1, site 1 is in row 2 already, and no column Metadata_Plate says which plate it is of; add it if the table "
        "lists several plates",
    )


def test_the_same_well_in_two_folders_needs_a_plate(tmp_path: Path) -> None:
    head = "FileName_OrigDNA,PathName_OrigDNA,Metadata_Well"
    assert load_data(tmp_path, f"{head}\na.tif,x,A1\nb.tif,x,A1\n").mistakes == (), "two sites"
    assert load_data(tmp_path, f"{head}\na.tif,x,A1\na.tif,y,A1\n").mistakes == (
        "row 3: well A1 is in row 2 already, with images in x there and in y here, and no column Metadata_Plate says which plate "
        "it is of; add it if the table lists several plates, or Metadata_Site if they are sites of one well",
    )


def test_rows_of_planes_are_joined_to_sites(tmp_path: Path) -> None:
    head = "FileName_OrigDNA,PathName_OrigDNA,Metadata_Plate,Metadata_Well,Metadata_Site,Metadata_ZPlane,Frame_OrigDNA"
    rows = (
        "b.tif,z2,P,A1,1,10,",
        "a.tif,z1,P,A1,1,9,",
        "c.tif,z1,P,A2,1,9,0",
        "c.tif,z1,P,A2,1,10,1",
        "d.tif,z1,P,A3,1,9,",
    )
    found = load_data(tmp_path, "\n".join([head, *rows]))
    assert found.mistakes == ()
    assert cells(found) == ["z1/a.tif|z2/b.tif", "z1/c.tif", "z1/d.tif"]
    assert [site.where for site in found.sites] == ["row 2", "row 4", "row 6"]
    assert "5 rows are planes of 3 sites (Metadata_ZPlane), 1 to 2 of each; were all listed?" in found.notes
    assert "ZPlane" not in found.sites[0].extra
    wrong = load_data(tmp_path, "\n".join([head, *rows[:2], "e.tif,z1,P,A1,1,9,", "e.tif,z1,P,A1,1,x,"]))
    assert wrong.mistakes == (
        "row 4: plane 9 of site 1 of well A1 is in row 3 already",
        "row 5: Metadata_ZPlane is 'x'; planes of a site are numbered",
    )
    single = load_data(tmp_path, "\n".join([head, *rows[1:3]]))
    assert single.sites[0].extra["ZPlane"] == "9", "where a site has one plane, its number is kept as text"


def test_one_of_several_time_points_is_taken(tmp_path: Path) -> None:
    head = f"{HEADER},Metadata_Timepoint"
    load_data(tmp_path, f"{head}\na.tif,t1,P,A1,1,0\na.tif,t2,P,A1,1,10\na.tif,t3,P,A1,1,9\n")
    table = tmp_path / "screen/load_data.csv"
    assert read_load_data(table).mistakes == (
        "plate P of screen has 3 time points: 0, 9, 10; choose one by its number, such as --time 1 (source.plates.time)",
    )
    found = read_load_data(table, time=2)
    assert (found.mistakes, cells(found)) == ((), ["t3/a.tif"])
    durations = load_data(tmp_path, f"{head}\na.tif,t1,P,A1,1,24\nb.tif,t1,P,A2,1,48\n")
    assert [site.extra["Timepoint"] for site in durations.sites] == ["24", "48"], "wells may differ in it"


def test_numbers_that_pandas_rewrote_and_columns_without_metadata_are_understood(tmp_path: Path) -> None:
    found = load_data(tmp_path, f"{HEADER}\na.tif,x,7.0,A1,1.0\nb.tif,x,7.0,A1,2.0\n")
    assert (found.mistakes, [(site.key.plate, site.site) for site in found.sites]) == ((), [("7", 1), ("7", 2)])
    bare = load_data(tmp_path, "Plate,Well,FileName_DNA,PathName_DNA,Treatment,dose_nM\nP,A1,a.tif,x,drug,500\n")
    assert bare.mistakes == ()
    (site,) = bare.sites
    assert (site.key.plate, site.well, site.layout.treatment, site.layout.concentration_um) == ("P", "A01", "drug", 0.5)
    assert not is_load_data(["well", "file_dna", "FileName_DNA"]), "a sites.csv that keeps the column"


def test_treatments_and_doses_by_their_own_names_are_read(tmp_path: Path) -> None:
    text = f"{HEADER},Metadata_Treatment,Metadata_dose_nM\na.tif,x,P,A1,1,DMSO,0\nb.tif,x,P,A2,1,drug,2000\n"
    found = load_data(tmp_path, text)
    assert found.mistakes == ()
    assert [(site.layout.control, site.layout.concentration_um) for site in found.sites] == [
        ("negative", None),
        ("none", 2.0),
    ]
    assert found.notes[0] == "dose_nM is in nM: times 0.001 gives concentration_um"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "FileName_OrigDNA,Metadata_Site\na.tif,1\n",
            "row 1: neither Metadata_Well nor Metadata_Row and Metadata_Col; it has",
        ),
        (
            "FileName_OrigDNA,FileName_DNA,Metadata_Well\na.tif,b.tif,A1\n",
            "row 1: the columns of OrigDNA and DNA both mean file_DNA; drop one of them",
        ),
        (f"{HEADER}\na.tif,x,1,Z99,1\n", "row 2: well is 'Z99'; wells are named A1 (or A01) to AF48"),
        (f"{HEADER}\n,x,1,A1,1\n", "row 2: file_DNA is empty; every site needs a file for every channel"),
        (f"{HEADER}\na.tif,x,1,A1,one\n", "row 2: site is 'one'; it must be a whole number, or empty in every row"),
        (
            "FileName_OrigDNA,Metadata_Row,Metadata_Col\na.tif,99,1\n",
            "row 2: well is 'row 99, column 1'; wells are named A1 (or A01) to AF48",
        ),
        (
            f"{HEADER}\na.tif,x,1,A1,1,9\n",
            "row 2: 6 cells, but the header names 5 columns; quote cells that contain ','",
        ),
    ],
)
def test_mistakes_are_reported_with_their_row(text: str, sentence: str, tmp_path: Path) -> None:
    assert any(mistake.startswith(sentence) for mistake in load_data(tmp_path, text).mistakes)


def test_what_is_no_load_data_or_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlatesError, match="is no LoadData: it has no column FileName_<channel> or URL_<channel>"):
        load_data(tmp_path, "FileName_IllumDNA,Metadata_Well\na.npy,A1\n")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(PlatesError, match=r"a\.parquet cannot be read as parquet"):
        read_load_data(tmp_path / "a.parquet")
    with pytest.raises(PlatesError, match="no table at"):
        read_load_data(tmp_path / "b.parquet")
    (tmp_path / "c.csv.gz").write_bytes(b"\x1f\x8b cut")
    with pytest.raises(PlatesError, match=r"the table .*c\.csv\.gz cannot be read"):
        read_load_data(tmp_path / "c.csv.gz")


def test_parquet_numbers_are_text_as_in_a_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"FileName_OrigDNA": ["a.tif", "b.tif"], "Metadata_Well": ["A1", "A2"], "Metadata_Site": [1.0, 2.0],
         "Metadata_note": [None, 0.5], "Metadata_Plate": pd.array([7, 7], "Int64")}
    )  # fmt: skip
    frame.to_parquet(tmp_path / "load_data.parquet")
    found = read_load_data(tmp_path / "load_data.parquet")
    assert found.mistakes == ()
    assert [(site.where, site.key.plate, site.site, dict(site.extra)) for site in found.sites] == [
        ("row 2", "7", 1, {"note": ""}), ("row 3", "7", 2, {"note": "0.5"}),
    ]  # fmt: skip

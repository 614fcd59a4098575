"""Plate maps as pycytominer and JUMP use them: what was done to each well, and every contradiction with file and row."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gandl.source.formats.tables.load_data import read_load_data
from gandl.source.formats.tables.plate_maps import find_plate_maps, read_plate_maps, with_plate_maps
from gandl.source.formats.tables.prefixes import rewrites_of
from gandl.source.plates.table import Found
from gandl.source.plates.tabular.mistakes import PlatesError
from gandl.source.plates.wells import WellRow
from load_data_files import Listed, write_listed_plates

MAP = "well_position\tbroad_sample\tmmoles_per_liter\tsolvent"
EXTERNAL = "broad_sample\tpert_iname\tcontrol_type"


def maps(folder: Path, *wells: str, header: str = MAP, external: str | None = None, barcodes: str = "P1,map1") -> Path:
    """`barcode_platemap.csv` and the map `map1` with these wells."""
    (folder / "platemap").mkdir(parents=True, exist_ok=True)
    (folder / "barcode_platemap.csv").write_text(f"Assay_Plate_Barcode,Plate_Map_Name\r\n{barcodes}\r\n")
    (folder / "platemap/map1.txt").write_text("\n".join([header, *wells]) + "\n")
    if external is not None:
        (folder / "external_metadata.tsv").write_text(external)
    return folder / "barcode_platemap.csv"


def row(path: Path, well: str, plate: str = "P1") -> WellRow:
    read = read_plate_maps(path, [plate])
    assert read.mistakes == ()
    return read.wells[None, plate, well]


def given(found: Found) -> dict[str, tuple[str, str, float | None]]:
    return {
        site.well: (site.layout.control, site.layout.treatment, site.layout.concentration_um) for site in found.sites
    }


@pytest.fixture
def listed(tmp_path: Path) -> Listed:
    return write_listed_plates(tmp_path / "screen", rows="A", images=False)


def sites_of(listed: Listed) -> Found:
    return read_load_data(listed.load_data, rewrites_of([listed.rewrite]))


def test_the_case_gives_controls_treatments_and_micromolar_doses(listed: Listed) -> None:
    found = with_plate_maps(sites_of(listed), listed.folder / "barcode_platemap.csv")
    assert found.mistakes == ()
    assert given(found) == {
        "A01": ("positive", "rescue", None),
        "A02": ("negative", "DMSO", None),
        "A03": ("none", "drug A", 0.1),
        "A04": ("none", "drug A", 0.3),
        "A05": ("none", "drug A", 1.0),
        "A06": ("none", "drug A", 3.0),
        "A07": ("none", "drug A", 10.0),
    }
    assert [site.layout.condition for site in found.sites[:3]] == ["treated", "untreated", "treated"]
    assert found.sites[2].extra["broad_sample"] == "BRD-K00000002"
    assert found.sites[2].extra["moa"] == "kinase inhibitor"
    name = listed.folder / "platemap/map1.txt"
    assert found.notes == (
        f"{name}: mmoles_per_liter is in mM: times 1,000 gives concentration_um",
        f"{name}: wells of the plate map: 1 poscon_cp are positive, 1 of solvent alone are negative controls",
    )


@pytest.mark.parametrize("ending", ["txt", "csv", "tsv"])
def test_maps_are_found_with_any_separator(ending: str, tmp_path: Path) -> None:
    path = maps(tmp_path, "A01\tBRD-1\t0.002\tDMSO")
    separator = "," if ending == "csv" else "\t"
    text = (tmp_path / "platemap/map1.txt").read_text().replace("\t", separator)
    (tmp_path / "platemap/map1.txt").unlink()
    (tmp_path / f"platemap/map1.{ending}").write_text(text)
    assert row(path, "A01").layout.concentration_um == 2.0


def test_the_same_map_serves_several_plates_and_is_reported_once(tmp_path: Path) -> None:
    path = maps(tmp_path, "A01\tBRD-1\t0.002\tDMSO", barcodes="P1,map1\nP2,map1\n07,map1")
    read = read_plate_maps(path, ["P1", "P2", "7"])
    assert sorted(str(plate) for _, plate, _ in read.wells) == ["7", "P1", "P2"]
    assert len([note for note in read.notes if "mmoles_per_liter" in note]) == 1


def test_control_types_are_controls(tmp_path: Path) -> None:
    kinds = {"N": "negcon", "C": "poscon_cp", "D": "poscon_diverse", "T": "trt", "E": "", "P": "poscon"}
    external = "\n".join([EXTERNAL, *(f"{name}\tdrug {name}\t{kind}" for name, kind in kinds.items())]) + "\n"
    path = maps(tmp_path, *(f"A{i:02d}\t{name}\t\tDMSO" for i, name in enumerate(kinds, start=1)), external=external)
    read = read_plate_maps(path, ["P1"])
    layouts = [row.layout for row in read.wells.values()]
    assert [layout.control for layout in layouts] == ["negative", "positive", "positive", "none", "none", "positive"]
    assert [layout.treatment for layout in layouts] == [f"drug {name}" for name in kinds]
    (tmp_path / "external_metadata.tsv").write_text(f"{EXTERNAL}\nN\tx\tcontrolled\n")
    assert read_plate_maps(path, ["P1"]).mistakes == (
        f"{tmp_path}/platemap/map1.txt, row 2: control_type is 'controlled'; it must be negcon, poscon_..., trt, or empty",
    )


def test_vehicles_may_have_dose_zero_and_treated_wells_may_not(tmp_path: Path) -> None:
    path = maps(tmp_path, "A01\t\t0\tDMSO", "A02\tBRD-1\t0\tDMSO", "A03\t\t0.5\tDMSO", "A04\t\t\t")
    read = read_plate_maps(path, ["P1"])
    name = tmp_path / "platemap/map1.txt"
    assert read.mistakes == (
        f"{name}, row 4: a concentration (500 uM) without a sample; leave it empty where only the solvent was given",
        f"{name}, row 3: concentration_um is 0; it must be above 0 (uM), or empty where nothing was given",
    )
    vehicle, empty = read.wells[None, "P1", "A01"].layout, read.wells[None, "P1", "A04"].layout
    assert (vehicle.control, vehicle.treatment, vehicle.concentration_um) == ("negative", "DMSO", None)
    assert (empty.control, empty.treatment, empty.condition) == ("none", "", "untreated")


def test_one_map_or_a_table_of_plates_and_wells_may_be_named_itself(tmp_path: Path) -> None:
    maps(tmp_path, "A01\tBRD-1\t0.002\tDMSO")
    alone = read_plate_maps(tmp_path / "platemap/map1.txt", ["any"])
    assert alone.wells[None, None, "A01"].layout.concentration_um == 2.0
    table = tmp_path / "all.csv"
    table.write_text("Metadata_Plate,Metadata_Well,Metadata_pert_iname,dose_nM\nP1,A1,x,500\nP2,A1,y,20\n")
    read = read_plate_maps(table, ["P1", "P2"])
    assert {plate: row.layout.concentration_um for (_, plate, _), row in read.wells.items()} == {"P1": 0.5, "P2": 0.02}
    own = tmp_path / "wells.csv"
    own.write_text("well,control\nA1,positive\n")
    assert read_plate_maps(own, ["P1"]).wells[None, None, "A01"].layout.control == "positive"


@pytest.mark.parametrize("kind", ["", "control", "negcon"])
def test_a_sample_that_is_the_vehicle_by_name_is_a_negative_control(kind: str, tmp_path: Path) -> None:
    path = maps(
        tmp_path,
        f"A01\tDMSO\t0\tDMSO\t{kind}",
        f"A02\twater\t\twater\t{kind}",
        "A03\tdrug\t0.01\tDMSO\ttrt",
        "A04\tDMSO\t\tDMSO\ttrt",
        header=f"{MAP}\tpert_type",
    )
    read = read_plate_maps(path, ["P1"])
    assert read.mistakes == ()
    layouts = [row.layout for row in read.wells.values()]
    assert [(layout.control, layout.treatment, layout.condition) for layout in layouts] == [
        ("negative", "DMSO", "untreated"), ("negative", "water", "untreated"), ("none", "drug", "treated"),
        ("none", "DMSO", "treated"),
    ]  # fmt: skip
    words = "2 negcon are negative" if kind == "negcon" else "1 of DMSO are negative, 1 of water are negative"
    assert read.notes[-1].endswith(f"wells of the plate map: {words}")


def test_decimal_commas_between_tabs_are_read(tmp_path: Path) -> None:
    path = maps(tmp_path, "A01\tBRD-1\t0,005\tDMSO", "A02\tBRD-1\t0,01\tDMSO")
    read = read_plate_maps(path, ["P1"])
    assert [row.layout.concentration_um for row in read.wells.values()] == [5.0, 10.0]
    assert any("mmoles_per_liter has decimal commas in 2 rows: 0,005 is read as 0.005" in note for note in read.notes)


def test_a_dose_of_a_table_of_wells_is_read_by_its_unit_and_refused_without(tmp_path: Path) -> None:
    own = tmp_path / "wells.csv"
    own.write_text("well,treatment,dose_uM\nA1,drug,2.7\n")
    read = read_plate_maps(own, ["P1"])
    assert read.wells[None, None, "A01"].layout.concentration_um == 2.7
    assert read.notes == ("dose_uM is read as concentration_um",)
    own.write_text("well,drug,concentration\nA1,x,2.7\n")
    read = read_plate_maps(own, ["P1"])
    assert read.mistakes[0].startswith(f"{own}, row 1: concentration names no unit; rename it to concentration_uM")
    assert read.notes == (
        f"{own}, the column drug is kept but has no meaning for gandl; if it is treatment, rename it",
    )


# --- bad input ---


def test_a_table_of_wells_that_fits_no_plate_is_a_mistake(listed: Listed, tmp_path: Path) -> None:
    own = tmp_path / "wells.csv"
    own.write_text("plate,well,control\nBR 00000001,A1,negative\n")
    assert with_plate_maps(sites_of(listed), own).mistakes == (
        f"no row of {own} fits a well with images: it names the plate BR 00000001; the images are of BR00000001",
    )
    own.write_text("plate,well,control\nBR00000001,H1,negative\n")
    assert (
        with_plate_maps(sites_of(listed), own)
        .mistakes[0]
        .endswith("it names the well H01; the images are of A01, A02, A03, A04, A05 and 2 more")
    )


def test_a_barcode_without_a_plate_map_is_a_mistake(tmp_path: Path) -> None:
    path = maps(tmp_path, "A01\tBRD-1\t0.002\tDMSO", barcodes="P1,map1\nP3,map9\nP3,map1")
    read = read_plate_maps(path, ["P1", "P2", "P3"])
    assert read.mistakes == (
        f"{path}, row 4: barcode P3 has the map map1, but map9 in row 3",
        f"plate 'P2' has no plate map: {path} lists P1, P3",
        f"{path}, row 3: there is no plate map {tmp_path}/platemap/map9.txt (nor .tsv, .csv)",
    )


def test_a_well_that_the_plate_does_not_have_is_noted_and_so_is_a_well_without_a_row(listed: Listed) -> None:
    path = listed.folder / "platemap/map1.txt"
    path.write_text(path.read_text().replace("A03\t", "H12\t"))
    found = with_plate_maps(sites_of(listed), listed.folder / "barcode_platemap.csv")
    assert found.mistakes == ()
    barcodes = listed.folder / "barcode_platemap.csv"
    assert found.notes[-2:] == (
        f"{barcodes} lacks 1 well with images, the first is A03 of plate BR00000001 of screen; they count as untreated "
        "and as not a control",
        f"{barcodes} names wells without images in 1 row, the first is {path}, row 4",
    )


def test_units_that_differ_within_a_column_are_a_mistake(tmp_path: Path) -> None:
    header = "well_position\tbroad_sample\tconcentration\tconcentration_unit"
    path = maps(tmp_path, "A01\tx\t5\tuM", "A02\tx\t50\tnM", "A03\tx\t1\tµM", "A04\tx\t\t", header=header)
    assert read_plate_maps(path, ["P1"]).mistakes == (
        f"{tmp_path}/platemap/map1.txt, row 1: concentration has several units (uM in rows 2, 4; nM in row 3); write one unit in "
        "the whole column",
    )


def test_samples_that_are_described_twice_differently_or_not_at_all_are_reported(tmp_path: Path) -> None:
    external = f"{EXTERNAL}\nBRD-1\ta\ttrt\nBRD-1\tb\ttrt\n"
    path = maps(tmp_path, "A01\tBRD-1\t0.1\tDMSO", "A02\tBRD-9\t0.1\tDMSO", external=external)
    read = read_plate_maps(path, ["P1"])
    assert read.mistakes == (f"{tmp_path}/external_metadata.tsv, row 3: pert_iname of BRD-1 is 'b', but 'a' in row 2",)
    assert f"{tmp_path}/external_metadata.tsv lacks 1 sample, the first is BRD-9" in read.notes[0]


@pytest.mark.parametrize(
    ("wells", "sentence"),
    [
        (("Z99\tx\t1\tDMSO",), "row 2: well is 'Z99'; wells are named A1 (or A01) to AF48"),
        (("A01\tx\t1\tDMSO", "A1\ty\t1\tDMSO"), "row 3: well A01 is in {name}, row 2 already"),
        (("A01\tx\tmuch\tDMSO",), "row 2: mmoles_per_liter is 'much', not a number"),
        (
            ("A01\tx\t-6\tDMSO",),
            "row 2: mmoles_per_liter is -6, below 0; if it is log10 of molar, name the column log10_M",
        ),
    ],
)
def test_mistakes_of_a_map_are_reported_with_file_and_row(
    wells: tuple[str, ...], sentence: str, tmp_path: Path
) -> None:
    path = maps(tmp_path, *wells)
    name = tmp_path / "platemap/map1.txt"
    assert f"{name}, {sentence.format(name=name)}" in read_plate_maps(path, ["P1"]).mistakes


def test_a_map_without_wells_and_an_absent_file_are_reported(tmp_path: Path) -> None:
    path = maps(tmp_path, "x\t1", header="broad_sample\tmmoles_per_liter")
    assert "row 1: the column well_position is missing" in read_plate_maps(path, ["P1"]).mistakes[0]
    with pytest.raises(PlatesError, match=r"no table at .*barcode_platemap\.csv"):
        read_plate_maps(tmp_path / "platemap", ["P1"])


# --- where they lie ---


def test_plate_maps_are_found_beside_load_data_and_in_metadata_above_it(listed: Listed, tmp_path: Path) -> None:
    beside = listed.folder / "barcode_platemap.csv"
    assert find_plate_maps(listed.load_data, ["BR00000001"]) == beside
    assert find_plate_maps(listed.load_data, ["another"]) is None
    workspace = tmp_path / "workspace"
    for batch, plate in (("b1", "other"), ("b2", "BR00000001")):
        folder = workspace / "metadata/platemaps" / batch
        shutil.copytree(listed.folder / "platemap", folder / "platemap")
        (folder / "barcode_platemap.csv").write_text(f"Assay_Plate_Barcode,Plate_Map_Name\n{plate},map1\n")
    (workspace / "metadata/external_metadata").mkdir()
    shutil.move(listed.folder / "external_metadata.tsv", workspace / "metadata/external_metadata/external_metadata.tsv")
    table = workspace / "load_data_csv/b2/BR00000001/load_data.csv"
    table.parent.mkdir(parents=True)
    shutil.copy(listed.load_data, table)
    found = find_plate_maps(table, ["BR00000001"])
    assert found == workspace / "metadata/platemaps/b2/barcode_platemap.csv"
    assert given(with_plate_maps(sites_of(listed), found))["A01"] == ("positive", "rescue", None)


def test_the_only_table_of_samples_may_have_any_name_and_several_are_reported(listed: Listed) -> None:
    folder = listed.folder / "external_metadata"
    folder.mkdir()
    shutil.move(listed.folder / "external_metadata.tsv", folder / "JUMP-Target-1_compound_metadata.tsv")
    barcodes = listed.folder / "barcode_platemap.csv"
    assert given(with_plate_maps(sites_of(listed), barcodes))["A01"] == ("positive", "rescue", None)
    shutil.copy(folder / "JUMP-Target-1_compound_metadata.tsv", folder / "another.tsv")
    found = with_plate_maps(sites_of(listed), barcodes)
    assert given(found)["A01"] == ("none", "BRD-K00000001", None)
    assert found.notes[0] == (
        f"{folder} holds JUMP-Target-1_compound_metadata.tsv, another.tsv, none of which is used; name one of them "
        "external_metadata.tsv"
    )


def test_a_map_as_lincs_wrote_it(tmp_path: Path) -> None:
    """Other columns beside, NA for what is not there, and doses that were computed with rounding."""
    header = "plate_map_name\tcell_line\ttime_point\twell_position\tbroad_sample\tmg_per_ml\tmmoles_per_liter\tsolvent\tamount_mg"
    path = maps(
        tmp_path,
        "map1\tA549\t24H\tA01\tNA\tNA\tNA\tDMSO\t0",
        "map1\tA549\t24H\tA02\tBRD-1\t5.1\t9.99999999999999999\tDMSO\t0.051",
        "map1\tA549\t24H\tA03\tBRD-1\t1.7\t3.33333333333076923\tDMSO\t0.017",
        "map1\tA549\t24H\tA04\tBRD-2\t1.7\t3.33333333333333330\tDMSO\t0.017",
        header=header,
    )
    read = read_plate_maps(path, ["P1"])
    assert read.mistakes == ()
    layouts = [row.layout for row in read.wells.values()]
    assert [layout.control for layout in layouts] == ["negative", "none", "none", "none"]
    assert [layout.concentration_um for layout in layouts] == [None, 10_000, 3333.33333333, 3333.33333333]
    assert {layout.cell_type for layout in layouts} == {"A549"}

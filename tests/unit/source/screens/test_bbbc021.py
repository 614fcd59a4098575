"""The tables of BBBC021: right ones become sites; every mistake is reported with its row, and other counts than the published."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from gandl.config import Bbbc021Settings
from gandl.source.screens.bbbc021.sites import ADDED, Bbbc021Error, write_sites
from gandl.source.screens.bbbc021.terms import CHANNEL_FILES, IMAGE_COLUMNS, MECHANISM_COLUMNS
from gandl.source.screens.metadata_zip import MetadataError
from gandl.source.sites import write_sites_of
from gandl.tables import SITES, read_table
from gandl.tables.notes import WARNINGS, note_of

WELLS = {
    "B02": ("DMSO", "0"),
    "B11": ("taxol", "0.3"),
    "D05": ("taxol", "0.3"),
    "C03": ("AZ-A", "3e-6"),
    "C04": ("AZ-A", "10"),
}
"""Compound and concentration of the wells of a plate; each has two fields."""
PLATES = ("Week1_22123", "Week10_40111")
PARTIAL = Bbbc021Settings(complete=False)


def image_rows() -> pd.DataFrame:
    """Two plates of five wells of two fields: rows 2 to 21 of the file."""
    rows = []
    for plate in PLATES:
        for well, (compound, dose) in WELLS.items():
            for field in (1, 2):
                row = {
                    "TableNumber": "1", "ImageNumber": str(len(rows) + 1), "Image_Metadata_Plate_DAPI": plate,
                    "Image_Metadata_Well_DAPI": well, "Replicate": "1", "Image_Metadata_Compound": compound,
                    "Image_Metadata_Concentration": dose,
                }  # fmt: skip
                for name, number in CHANNEL_FILES.values():
                    row[f"Image_FileName_{name}"] = (
                        f"{plate[:5]}_1506_{well}_s{field}_w{number}0A-{len(rows)}{number}.tif"
                    )
                    row[f"Image_PathName_{name}"] = f"{plate.partition('_')[0]}/{plate}"
                rows.append(row)
    return pd.DataFrame(rows, columns=list(IMAGE_COLUMNS))


def mechanism_rows() -> pd.DataFrame:
    rows = [("AZ-A", "10.000000", "Aurora kinase inhibitors"), ("taxol", "0.300000", "Microtubule stabilizers")]
    return pd.DataFrame([*rows, ("DMSO", "0.000000", "DMSO")], columns=list(MECHANISM_COLUMNS))


def written(
    folder: Path,
    images: pd.DataFrame | None = None,
    mechanisms: pd.DataFrame | None = None,
    settings: Bbbc021Settings = PARTIAL,
    structures: pd.DataFrame | None = None,
    newline: str = "\n",
) -> pd.DataFrame:
    paths = {"image": images, "moa": mechanisms, "compound": structures}
    defaults = {"image": image_rows(), "moa": mechanism_rows(), "compound": None}
    for name, given in paths.items():
        table = defaults[name] if given is None else given
        if table is not None:
            table.to_csv(folder / f"{name}.csv", index=False, lineterminator=newline)
    compounds = None if structures is None else folder / "compound.csv"
    write_sites(folder / "image.csv", folder / "moa.csv", settings, folder / "sites.parquet", compounds)
    return read_table(folder / "sites.parquet", SITES)


def changed(row: int, **values: str) -> pd.DataFrame:
    """The image table with other values in a row of the file."""
    table = image_rows()
    for name, value in values.items():
        table.loc[row - 2, name] = value
    return table


class TestSites:
    def test_a_plate_is_a_store_and_a_week_an_experiment(self, tmp_path: Path) -> None:
        sites = written(tmp_path)
        assert list(sites.columns) == [*SITES.names, *ADDED]
        first = sites.iloc[0]
        assert first["site_id"] == "Week1_22123_B02_1"
        assert (first["experiment"], first["plate"], first["plate_id"]) == ("Week1", 22123, "Week1_22123")
        assert (sites["store_id"] == sites["plate_id"]).all()
        assert (set(sites["cell_type"]), set(sites["replicate"])) == ({"MCF7"}, {1})
        assert first["file_actin"] == "Week1_1506_B02_s1_w40A-04.tif"

    def test_controls_are_dmso_and_taxol_in_its_places_and_nowhere_else(self, tmp_path: Path) -> None:
        wells = written(tmp_path).drop_duplicates("well_id").set_index("well_id")
        of_first = wells[wells["plate"] == 22123].set_index("well")
        assert of_first["control"].to_dict() == {
            "B02": "negative", "B11": "positive", "C03": "none", "C04": "none", "D05": "none",
        }  # fmt: skip
        assert of_first.loc["B02", ["treatment", "compound", "concentration_um", "moa", "smiles"]].isna().all()
        assert of_first.loc["B02", "condition"] == "untreated"
        assert of_first.loc[["B11", "D05"], "moa"].tolist() == ["Microtubule stabilizers"] * 2
        assert of_first.loc["C04", ["treatment", "concentration_um", "moa"]].tolist() == [
            "AZ-A", 10.0, "Aurora kinase inhibitors",
        ]  # fmt: skip
        assert of_first.loc["C03", "concentration_um"] == 3e-6
        assert of_first.loc["C03", ["moa"]].isna().all()

    def test_lines_may_end_as_on_either_system(self, tmp_path: Path) -> None:
        unix = written(tmp_path)
        pd.testing.assert_frame_equal(unix, written(tmp_path, newline="\r\n"))

    def test_chosen_plates_are_taken_and_treatments_without_a_mechanism_are_counted(self, tmp_path: Path) -> None:
        sites = written(tmp_path, settings=Bbbc021Settings(complete=False, stores=["Week10_40111"]))
        assert set(sites["plate_id"]) == {"Week10_40111"}
        (note,) = note_of(tmp_path / "sites.parquet", WARNINGS)
        assert note.startswith("No mechanism was published of 1 of 3 treatments")
        assert "AZ-A at 3e-06 uM" in note

    def test_structures_are_joined_where_they_are_given(self, tmp_path: Path) -> None:
        structures = pd.DataFrame({"compound": ["taxol", "DMSO"], "smiles": ["CC1=C2", "CS(C)=O"]})
        sites = written(tmp_path, structures=structures)
        assert set(sites.loc[sites["treatment"] == "taxol", "smiles"]) == {"CC1=C2"}
        assert sites.loc[sites["treatment"] != "taxol", "smiles"].isna().all()
        assert "no structure of 1 compound, such as AZ-A" in note_of(tmp_path / "sites.parquet", WARNINGS)[1]


MISTAKES = [
    ({"Image_Metadata_Plate_DAPI": "22123"}, "row 3: Image_Metadata_Plate_DAPI is '22123'; it must be like Week4_27481"),
    ({"Image_Metadata_Well_DAPI": "J02"}, "row 3: Image_Metadata_Well_DAPI is 'J02'; the wells"),
    ({"Replicate": "x"}, "row 3: Replicate is 'x', not a whole number from 1"),
    ({"Image_Metadata_Compound": ""}, "row 3: Image_Metadata_Compound is empty"),
    ({"Image_Metadata_Concentration": "high"}, "row 3: Image_Metadata_Concentration is 'high'; it must be a number"),
    ({"Image_Metadata_Concentration": "2"}, "row 3: DMSO has the concentration 2; it must be 0"),
    ({"Image_Metadata_Compound": "AZ-A"}, "row 3: AZ-A has the concentration 0; it must be above 0"),
    ({"Image_Metadata_Compound": "AZ-A"}, "'AZ-A', but 'DMSO' in row 2 of the same well Week1_22123_B02"),
    ({"Image_FileName_Actin": "B02_s2.tif"}, "row 3: Image_FileName_Actin is 'B02_s2.tif'; it must be like G10_s1_w4"),
    ({"Image_FileName_Actin": "B02_s2_w3AA.tif"}, "row 3: Image_FileName_Actin 'B02_s2_w3AA.tif' is of channel w3; Actin is w4"),
    ({"Image_FileName_Actin": "B03_s2_w4AA.tif"}, "row 3: Image_FileName_Actin 'B03_s2_w4AA.tif' is of well B03, not B02"),
    ({"Image_FileName_Actin": "B02_s1_w4AA.tif"}, "row 3: Image_FileName_Actin 'B02_s1_w4AA.tif' is of field 1, the file of"),
    ({"Image_PathName_Actin": "Week2/x"}, "row 3: Image_PathName_Actin is 'Week2/x', but the plate's is 'Week1/Week1_22123'"),
    ({"Image_FileName_DAPI": "Week1_1506_B02_s1_w10A-01.tif"}, "row 3: site 'Week1_22123_B02_1' is already in row 2"),
    ({"Image_FileName_DAPI": "Week1_1506_B02_s1_w10A-01.tif"}, "Image_FileName_DAPI 'Week1_1506_B02_s1_w10A-01.tif' is already"),
]  # fmt: skip


class TestMistakes:
    @pytest.mark.parametrize(("values", "sentence"), MISTAKES)
    def test_a_row_of_the_image_table_is_refused_by_its_line(
        self, tmp_path: Path, values: dict[str, str], sentence: str
    ) -> None:
        with pytest.raises(Bbbc021Error) as refused:
            written(tmp_path, changed(3, **values))
        assert sentence in str(refused.value)
        assert str(tmp_path / "image.csv") in str(refused.value)

    def test_a_plate_without_dmso_is_named(self, tmp_path: Path) -> None:
        table = image_rows()
        with pytest.raises(Bbbc021Error, match="Week10_40111 has no well with DMSO"):
            written(tmp_path, table[~((table.index >= 10) & (table["Image_Metadata_Compound"] == "DMSO"))])

    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            (("AZ-A", "9", "x"), "row 5: no site of the image table has 'AZ-A' at 9 uM; it has it at 3e-06, 10 uM"),
            (("az-a", "10", "x"), "row 5: no site of the image table has 'az-a' at 10 uM; it spells it 'AZ-A'"),
            (("AZ-B", "10", "x"), "row 5: no site of the image table has 'AZ-B' at 10 uM; it has no such compound"),
            (("AZ-A", "10.0", "x"), "row 5: AZ-A at 10.0 uM is already in row 2"),
            (("AZ-A", "ten", "x"), "row 5: concentration of AZ-A is 'ten', not a number (uM)"),
            (("taxol", "0.3", ""), "row 5: moa of taxol at 0.3 uM is empty"),
        ],
    )
    def test_a_mechanism_of_no_site_or_without_a_name_is_refused(
        self, tmp_path: Path, row: tuple[str, str, str], sentence: str
    ) -> None:
        mechanisms = mechanism_rows()
        mechanisms.loc[len(mechanisms)] = list(row)
        with pytest.raises(Bbbc021Error) as refused:
            written(tmp_path, mechanisms=mechanisms)
        assert sentence in str(refused.value)
        assert str(tmp_path / "moa.csv") in str(refused.value)

    def test_a_compound_that_the_images_spell_otherwise_is_named(self, tmp_path: Path) -> None:
        images = image_rows().replace({"Image_Metadata_Compound": {"taxol": "Taxol"}})
        with pytest.raises(Bbbc021Error, match="the image table spells 'Taxol' what is 'taxol' here"):
            written(tmp_path, images)

    def test_mistakes_of_all_tables_are_reported_at_once(self, tmp_path: Path) -> None:
        mechanisms = mechanism_rows()
        mechanisms.loc[0, "moa"] = ""
        structures = pd.DataFrame({"compound": ["taxol", "taxol"], "smiles": ["C", "C"]})
        with pytest.raises(Bbbc021Error) as refused:
            written(tmp_path, changed(3, Replicate="0"), mechanisms, structures=structures)
        for sentence in ("Replicate is '0'", "moa of AZ-A", "compound.csv has mistakes", "'taxol' is already in row 2"):
            assert sentence in str(refused.value)

    def test_an_absent_column_or_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MetadataError, match=r"image\.csv lacks the column Replicate"):
            written(tmp_path, image_rows().drop(columns="Replicate"))
        with pytest.raises(MetadataError, match=r"nothing\.csv cannot be read: No such file"):
            write_sites(tmp_path / "nothing.csv", tmp_path / "moa.csv", PARTIAL, tmp_path / "sites.parquet")

    def test_a_plate_that_there_is_not_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Bbbc021Error, match=r"source\.bbbc021\.stores names Week1_1; the metadata have Week1_22123"):
            written(tmp_path, settings=Bbbc021Settings(complete=False, stores=["Week1_1"]))

    def test_a_part_of_the_screen_is_not_the_published_one(self, tmp_path: Path) -> None:
        with pytest.raises(Bbbc021Error) as refused:
            written(tmp_path, settings=Bbbc021Settings())
        for sentence in (
            "has 20 rows; 13,200 were published",
            "2 plates; 55 were",
            "10 wells; 3,300 were",
            "2 wells with DMSO; 330 were",
            "2 treatments with a mechanism; 103 were",
            "2 mechanisms; 12 were",
        ):
            assert sentence in str(refused.value)


@pytest.fixture(scope="module")
def real_tables(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The real tables of images and mechanisms; skipped where they are absent."""
    folder = shared_data / "bbbc021"
    if not folder.is_dir():
        pytest.skip("the real tables of BBBC021 are not beside this clone")
    images = tmp_path_factory.mktemp("real") / "BBBC021_v1_image.csv"
    images.write_bytes(gzip.decompress((folder / "BBBC021_v1_image.csv.gz").read_bytes()))
    return images, folder / "BBBC021_v1_moa.csv"


def test_the_real_tables_are_the_published_screen(real_tables: tuple[Path, Path], tmp_path: Path) -> None:
    write_sites_of("bbbc021", Bbbc021Settings().model_dump(mode="json"), real_tables, tmp_path / "sites.parquet")
    sites = read_table(tmp_path / "sites.parquet", SITES)
    wells = sites.drop_duplicates("well_id")
    assert (len(sites), len(wells), sites["store_id"].nunique(), sites["experiment"].nunique()) == (
        13_200,
        3_300,
        55,
        10,
    )
    assert wells["control"].value_counts().to_dict() == {"none": 2_640, "negative": 330, "positive": 330}
    annotated = wells[wells["moa"].notna()]
    assert len(annotated) == 632
    treatments = annotated.drop_duplicates(["treatment", "concentration_um"])
    assert (len(treatments), treatments["moa"].nunique(), treatments["treatment"].nunique()) == (103, 12, 38)
    taxol = annotated[(annotated["treatment"] == "taxol") & (annotated["concentration_um"] == 0.3)]
    assert taxol.loc[taxol["control"] == "none", "well_id"].tolist() == [
        f"Week1_{plate}_D05" for plate in (22123, 22141, 22161)
    ]

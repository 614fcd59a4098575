"""BBBC013's plate map: the layout of facts, in uM; every mistake in it is reported at once, with its row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gandl.source.screens.bbbc013 import PLATEMAP_COLUMNS, WELLS, PlateMapError, read_platemap, write_sites
from gandl.tables import SITES, read_table

NEGATIVE = {*(f"{r}01" for r in "ABCD"), *(f"{r}02" for r in "ABCDEFGH"), *(f"{r}12" for r in "EFGH")}
POSITIVE = {*(f"{r}01" for r in "EFGH"), *(f"{r}12" for r in "ABCD")}
WORTMANNIN_NM = [0.98, 1.95, 3.91, 7.81, 15.63, 31.25, 62.5, 125, 250]
LY294002_UM = [0.31, 0.63, 1.25, 2.5, 5, 10, 20, 40, 80]

Change = Callable[[pd.DataFrame], pd.DataFrame | None]


@pytest.fixture
def platemap(repository: Path) -> Path:
    return repository / "resources/bbbc013_platemap.csv"


@pytest.fixture
def sites(platemap: Path, tmp_path: Path) -> pd.DataFrame:
    write_sites(platemap, tmp_path / "sites.parquet")
    return read_table(tmp_path / "sites.parquet", SITES).set_index("well", drop=False)


@pytest.fixture
def changed(platemap: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """Write the project's plate map with a mistake in it. Well A01 is in row 2 of the file."""

    def change(mistake: Change) -> Path:
        table = pd.read_csv(platemap, dtype=str, keep_default_na=False)
        result = mistake(table)
        (table if result is None else result).to_csv(tmp_path / "changed.csv", index=False)
        return tmp_path / "changed.csv"

    return change


def put(well: str, /, **values: str) -> Change:
    def change(table: pd.DataFrame) -> None:
        for name, value in values.items():
            table.loc[table["well"] == well, name] = value

    return change


def mistakes_of(path: Path) -> list[str]:
    with pytest.raises(PlateMapError) as error:
        read_platemap(path)
    first, *lines = str(error.value).splitlines()
    assert str(path) in first
    return [line.strip() for line in lines]


def test_every_well_is_one_site_named_by_its_place(sites: pd.DataFrame) -> None:
    assert sites["well"].tolist() == list(WELLS)
    a01 = sites.loc["A01"]
    assert (a01.site_id, a01.well_id, a01.plate_id, a01.store_id) == (
        "BBBC013_1_A01_1",
        "BBBC013_1_A01",
        "BBBC013_1",
        "BBBC013_1",
    )
    assert (a01.experiment, a01.plate, a01.site, a01.cell_type) == ("BBBC013", 1, 1, "U2OS")
    assert (sites.loc["H12"].row, sites.loc["H12"].column) == ("H", 12)


def test_controls_are_where_the_screen_has_them(sites: pd.DataFrame) -> None:
    assert set(sites.index[sites["control"] == "negative"]) == NEGATIVE
    assert set(sites.index[sites["control"] == "positive"]) == POSITIVE
    assert set(sites.loc[list(POSITIVE), "treatment"]) == {"Wortmannin"}
    assert (sites.loc[list(POSITIVE), "concentration_um"] == 0.15).all()
    by_row = sites.groupby("row")["control"].value_counts().unstack()
    assert (by_row["positive"] == 1).all()
    assert (by_row["negative"] == 2).all()


def test_untreated_wells_have_no_treatment_and_no_dose(sites: pd.DataFrame) -> None:
    untreated = sites[sites["condition"] == "untreated"]
    assert set(untreated.index) == NEGATIVE
    assert untreated[["treatment", "compound", "concentration_um", "smiles", "dose_index"]].isna().all(axis=None)
    assert set(sites.loc[~sites.index.isin(NEGATIVE), "condition"]) == {"treated"}


def test_a_compound_bears_the_name_of_the_treatment(sites: pd.DataFrame) -> None:
    treated = sites[sites["treatment"].notna()]
    assert treated["compound"].tolist() == treated["treatment"].tolist()


@pytest.mark.parametrize(
    ("rows", "drug", "doses_um"),
    [("ABCD", "Wortmannin", [dose / 1000 for dose in WORTMANNIN_NM]), ("EFGH", "LY294002", LY294002_UM)],
)
def test_doses_rise_along_the_columns_in_micromolar(
    sites: pd.DataFrame, rows: str, drug: str, doses_um: list[float]
) -> None:
    for row in rows:
        series = sites[(sites["row"] == row) & (sites["control"] == "none")].sort_values("column")
        assert series["column"].tolist() == list(range(3, 12))
        assert set(series["treatment"]) == {drug}
        assert series["dose_index"].tolist() == list(range(1, 10))
        assert series["concentration_um"].tolist() == pytest.approx(doses_um, rel=1e-12)


def test_shared_data_lay_the_plate_out_in_the_same_way(shared_data: Path, platemap: Path) -> None:
    theirs = shared_data / "mirror/data.broadinstitute.org/bbbc/BBBC013/platemap.csv"
    a, b = (pd.read_csv(path).set_index("well") for path in (platemap, theirs))
    for column in ("treatment", "concentration_um", "dose_index", "image_number"):
        pd.testing.assert_series_equal(a[column], b.loc[a.index, column], check_dtype=False)


def test_missing_columns_are_named(changed: Callable[[Change], Path]) -> None:
    with pytest.raises(PlateMapError, match=r"changed\.csv lacks the columns control, treatment; it has well, row"):
        read_platemap(changed(lambda table: table.drop(columns=["control", "treatment"])))


def test_missing_unreadable_and_empty_files_are_reported(tmp_path: Path) -> None:
    with pytest.raises(PlateMapError, match=r"nothing\.csv cannot be read"):
        read_platemap(tmp_path / "nothing.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00well")
    with pytest.raises(PlateMapError, match=r"binary\.csv cannot be read"):
        read_platemap(tmp_path / "binary.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(PlateMapError, match="it has no header"):
        read_platemap(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (put("A03", concentration_um="0"), "row 4: well A03: concentration_um of Wortmannin is 0; it must be above 0 (uM)"),
        (put("A03", concentration_um="-1"), "row 4: well A03: concentration_um of Wortmannin is -1; it must be above 0 (uM)"),
        (put("A03", concentration_um="nan"), "row 4: well A03: concentration_um of Wortmannin is nan; it must be above 0 (uM)"),
        (put("A03", concentration_um=""), "row 4: well A03: Wortmannin without a concentration_um"),
        (put("A03", concentration_um="1 nM"), "row 4: well A03: concentration_um is '1 nM', not a number (uM)"),
        (
            put("A01", concentration_um="0"),
            "row 2: well A01: concentration_um is 0 without a treatment; it must be empty where nothing was given",
        ),
        (put("A01", control="mock"), "row 2: well A01: unknown control 'mock'; allowed: positive, negative, none"),
        (put("A03", control=""), "row 4: well A03: unknown control ''; allowed: positive, negative, none"),
        (
            put("A01", treatment="Taxol", concentration_um="1"),
            "row 2: well A01: a negative control is untreated, but treatment is 'Taxol'",
        ),
        (
            put("A03", treatment="", concentration_um=""),
            "row 4: well A03: the treatment is empty; a well without treatment is a negative control",
        ),
        (put("A03", dose_index="first"), "row 4: well A03: dose_index is 'first', it must be a whole number from 1, or empty"),
        (
            put("A12", dose_index="9"),
            "row 13: well A12: dose_index is 9, but a control is not part of a dose series; leave it empty",
        ),
        (put("B05", row="C"), "row 18: well B05: row is 'C', it must be B"),
        (put("B05", image_number="5"), "row 18: well B05: image_number is '5', it must be 17"),
        (
            put("B03", concentration_um="0.5"),
            "row 16: well B03: dose 1 of Wortmannin is 0.5 uM, but 0.00098 uM in row 4",
        ),
    ],
)  # fmt: skip
def test_mistake_of_one_well_is_reported_with_its_row(
    changed: Callable[[Change], Path], change: Change, mistake: str
) -> None:
    assert mistakes_of(changed(change)) == [mistake]


def test_unknown_and_duplicated_wells_are_reported_with_the_missing_ones(changed: Callable[[Change], Path]) -> None:
    assert mistakes_of(changed(put("A03", well="A13"))) == [
        "row 4: unknown well 'A13'; the wells of this plate are A01 to H12",
        "no row for 1 of the 96 wells: A03",
    ]
    duplicated = changed(lambda table: pd.concat([table, table[table["well"] == "A01"]]))
    assert mistakes_of(duplicated) == ["rows 2, 98: well 'A01' is listed 2 times"]


@pytest.mark.parametrize("control", ["positive", "negative"])
def test_plate_without_a_kind_of_control_is_refused(changed: Callable[[Change], Path], control: str) -> None:
    def without(table: pd.DataFrame) -> None:
        wells = table["control"] == control
        table.loc[wells, ["control", "treatment", "concentration_um"]] = ["none", "Wortmannin", "0.15"]

    assert mistakes_of(changed(without)) == [f"no {control} control: at least one well must have control = {control}"]


def test_all_mistakes_are_reported_at_once(changed: Callable[[Change], Path]) -> None:
    def spoil(table: pd.DataFrame) -> None:
        put("A03", concentration_um="0")(table)
        put("B01", control="negativ")(table)
        put("C04", well="Z99")(table)

    lines = mistakes_of(changed(spoil))
    assert [line.split(":")[0] for line in lines] == ["row 4", "row 14", "row 29", "no row for 1 of the 96 wells"]


def test_nothing_is_written_from_a_wrong_plate_map(changed: Callable[[Change], Path], tmp_path: Path) -> None:
    output = tmp_path / "out" / "sites.parquet"
    with pytest.raises(PlateMapError):
        write_sites(changed(put("A03", concentration_um="0")), output)
    assert not output.exists()


def test_columns_of_the_project_map_are_those_documented(platemap: Path) -> None:
    assert tuple(pd.read_csv(platemap, nrows=0).columns) == PLATEMAP_COLUMNS


def test_spreadsheet_habits_are_no_mistakes(platemap: Path, tmp_path: Path) -> None:
    text = platemap.read_text(encoding="utf-8").replace("\n", "\r\n").replace("A01,A,1,1", " A01 ,A,01,01")
    (tmp_path / "excel.csv").write_bytes(b"\xef\xbb\xbf" + text.encode() + b",,,,,,,\r\n\r\n")
    assert [w.well for w in read_platemap(tmp_path / "excel.csv")] == list(WELLS)

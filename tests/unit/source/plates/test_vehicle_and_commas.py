"""What a lab's table may say of concentrations: 0 for the vehicle, decimal commas behind semicolons where they are clear."""

from __future__ import annotations

from pathlib import Path

import pytest

from gandl.source.plates.sites import Plates, read_plates
from plate_files import folder_of, lab, write_csv

HEADER = "well,control,treatment,concentration_um,file_dna"


def plates_of(folder: Path, *rows: str, header: str = HEADER) -> Plates:
    lines = [f"{row},{row.partition(',')[0]}.tif" for row in rows]
    return read_plates(lab(folder, "\n".join([header, *lines]) + "\n"))


def given(plates: Plates) -> list[tuple[str, float | None, str]]:
    layouts = [site.layout for site in plates.sites]
    return [(layout.treatment, layout.concentration_um, layout.condition) for layout in layouts]


def test_vehicle_wells_with_dose_zero_are_untreated_and_noted_once(tmp_path: Path) -> None:
    rows = [f"{row}{column},{given}" for row in "ABCD" for column, given in enumerate(
        ("negative,DMSO,0", "positive,drug,2", ",drug,3", ",drug,4", ",drug,5", ",drug,6"), start=1)]  # fmt: skip
    plates = plates_of(tmp_path, *rows)
    assert plates.mistakes == ()
    assert plates.notes == ("the vehicle (DMSO) has the concentration_um 0 in 4 rows; it is read as untreated",)
    assert given(plates)[:3] == [("DMSO", None, "untreated"), ("drug", 2.0, "treated"), ("drug", 3.0, "treated")]
    assert [site.layout.control for site in plates.sites].count("negative") == 4


def test_a_treatment_that_is_the_vehicle_elsewhere_may_have_dose_zero_too(tmp_path: Path) -> None:
    plates = plates_of(tmp_path, "A1,negative,DMSO,", "A2,,DMSO,0.0", "A3,,,0", "A4,,x,1")
    assert plates.mistakes == ()
    assert given(plates) == [
        ("DMSO", None, "treated"),
        ("DMSO", None, "untreated"),
        ("", None, "untreated"),
        ("x", 1, "treated"),
    ]


@pytest.mark.parametrize("zero", ["0", "0.0", "-0", "0e0"])
def test_a_treated_row_with_dose_zero_stays_a_mistake(tmp_path: Path, zero: str) -> None:
    plates = plates_of(tmp_path, "A1,negative,DMSO,0", f"A2,,drug,{zero}", "A3,positive,drug,0")
    assert plates.mistakes == tuple(
        f"row {row}: concentration_um is {text}; it must be above 0 (uM), or empty where nothing was given"
        for row, text in ((3, zero), (4, "0"))
    )


def test_a_negative_control_named_after_a_drug_got_nothing_of_it(tmp_path: Path) -> None:
    """The lowest dose of a series that turned out to be the vehicle; the same drug with dose 0 in a treated row stays one."""
    plates = plates_of(tmp_path, "A1,negative,drug,0", "A2,,drug,3", "A3,,drug,0")
    assert given(plates)[0] == ("", None, "untreated")
    assert [mistake.split(":")[0] for mistake in plates.mistakes] == ["row 4"]


def test_a_table_of_wells_may_have_vehicle_rows_with_dose_zero(tmp_path: Path) -> None:
    rows = [
        {"well": "A1", "control": "negative", "treatment": "DMSO", "concentration_um": 0},
        {"well": "A2", "control": "", "treatment": "drug", "concentration_um": 0},
    ]
    wells = write_csv(tmp_path / "wells.csv", rows)
    plates = read_plates(folder_of(tmp_path, "p/A1_w1.tif", "p/A2_w1.tif", wells=str(wells)))
    assert [mistake.split(":")[0] for mistake in plates.mistakes] == [f"{wells}, row 3"]
    assert plates.notes[0].startswith(f"{wells}, the vehicle (DMSO) has the concentration_um 0 in 1 row")


def semicolons(folder: Path, *doses: str, header: str = "well;treatment;concentration_um;file_dna") -> Plates:
    rows = [f"A{i};x;{dose};{i}.tif" for i, dose in enumerate(doses, start=1)]
    return read_plates(lab(folder, "\n".join([header, *rows]) + "\n"))


def test_decimal_commas_behind_semicolons_are_read_and_noted_once(tmp_path: Path) -> None:
    plates = semicolons(tmp_path, "0,5", "1,25", "3", "1,000", "2,5e-3")
    assert plates.mistakes == ()
    assert [dose for _, dose, _ in given(plates)] == [0.5, 1.25, 3.0, 1.0, 0.0025]
    assert plates.notes == ("concentration_um has decimal commas in 4 rows: 0,5 is read as 0.5",)


@pytest.mark.parametrize(
    "doses", [("1,000", "2,500", "10"), ("0,5", "1.5"), ("1,000", "1,000,000"), ("0,5", "1.000,5")]
)
def test_a_comma_that_may_mean_two_things_is_refused(tmp_path: Path, doses: tuple[str, ...]) -> None:
    plates = semicolons(tmp_path, *doses)
    assert plates.mistakes
    assert not plates.notes
    assert all("concentration_um is" in mistake for mistake in plates.mistakes)


def test_zero_with_three_decimals_is_clear(tmp_path: Path) -> None:
    assert [dose for _, dose, _ in given(semicolons(tmp_path, "0,125", "1,000"))] == [0.125, 1.0]


def test_a_comma_behind_commas_is_refused(tmp_path: Path) -> None:
    plates = read_plates(lab(tmp_path, 'well,treatment,concentration_um,file_dna\nA1,x,"0,5",a.tif\n'))
    assert plates.mistakes == ("row 2: concentration_um is '0,5', with a comma; write 0.5, with a decimal point",)


def test_decimal_commas_between_tabs_are_read(tmp_path: Path) -> None:
    text = "well\ttreatment\tconcentration_um\tfile_dna\nA1\tx\t0,5\ta.tif\nA2\tx\t1,25\tb.tif\n"
    plates = read_plates(lab(tmp_path, text))
    assert (plates.mistakes, [dose for _, dose, _ in given(plates)]) == ((), [0.5, 1.25])


def test_doses_of_a_table_of_sites_are_read_by_their_unit(tmp_path: Path) -> None:
    plates = read_plates(lab(tmp_path, "well,treatment,Dose (µM),file_dna\nA1,x,0.5,a.tif\nA2,,,b.tif\n"))
    assert (plates.mistakes, [dose for _, dose, _ in given(plates)]) == ((), [0.5, None])
    assert plates.notes == ("Dose (µM) is read as concentration_um",)
    bare = read_plates(lab(tmp_path, "well,treatment,dose,file_dna\nA1,x,0.5,a.tif\n"))
    assert bare.mistakes[0].startswith("row 1: dose names no unit; rename it to concentration_uM")

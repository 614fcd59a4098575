"""Concentrations by unit: named once, converted exactly, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from gandl.source.plates.tabular.doses import UNKNOWN, Doses, doses_of, unit_in_name, unit_of, with_doses
from gandl.source.plates.tabular.text_table import Table


def of(column: str, *values: str, **others: str) -> tuple[Doses, list[Mapping[str, str]]]:
    rows = [{column: value, **others} for value in values]
    return doses_of([column, *others], list(enumerate(rows, start=2))), rows


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("mmoles_per_liter", "mM"), ("mg_per_ml", "mg/ml"), ("concentration_um", "uM"), ("Concentration (µM)", "uM"),
        ("dose_nM", "nM"), ("final_conc_mM", "mM"), ("dose [M]", "M"), ("log10_M", "log10 M"),
        ("log10 concentration (M)", "log10 M"),
        ("concentration", ""), ("pert_dose", ""), ("dose", ""), ("dose_unit", None), ("well_position", None), ("um", None),
        ("mmoles_per_liter_corrected", "mM"), ("dose_rank", None), ("moa", None),
        ("conc_final_uM", "uM"), ("Concentration [uM] nominal", "uM"), ("Final Concentration in assay (µM)", "uM"),
        ("concentration_m", ""), ("finalConc", ""), ("concUM", "uM"), ("doseMicromolar", "uM"), ("dose_level_nM", "nM"),
        ("log10_conc_uM", UNKNOWN), ("uM_from_conc_nM", UNKNOWN), ("stock_conc_mM", None), ("DMSO conc (%)", None),
        ("concanavalin", None), ("glucose", None), ("solvent", None), ("diagnosis", None),
    ],
)  # fmt: skip
def test_units_are_read_from_the_name_of_a_column(name: str, unit: str | None) -> None:
    assert unit_in_name(name) == unit


def test_spellings_of_a_unit_are_one() -> None:
    assert {unit_of(text) for text in ("uM", "um", "µM", "μM", "micromolar", " uM ")} == {"uM"}
    assert [unit_of(text) for text in ("M", "m", "mM", "nm", "%", "")] == ["M", None, "mM", "nM", None, None]


@pytest.mark.parametrize(
    ("column", "value", "micromolar"),
    [
        ("mmoles_per_liter", "0.005", "5"), ("mmoles_per_liter", "0.0003", "0.3"), ("dose_nM", "250", "0.25"),
        ("conc_M", "1e-6", "1"),
        ("concentration_uM", "3.3", "3.3"), ("log10_M", "-5", "10"), ("log10_M", "-6.5", "0.316227766017"),
        ("dose_uM", "5 µM", "5"),
        ("mmoles_per_liter", "", ""), ("mmoles_per_liter", "NaN", ""),
    ],
)  # fmt: skip
def test_values_become_micromolar(column: str, value: str, micromolar: str) -> None:
    doses, rows = of(column, value, "1")
    assert doses.micromolar(rows[0]) == (micromolar, "")


@settings(deadline=None)
@given(st.decimals(min_value="1e-9", max_value="1e3", places=9))
def test_millimolar_is_converted_without_rounding(value: Decimal) -> None:
    doses, rows = of("mmoles_per_liter", str(value), "1")
    assert float(doses.micromolar(rows[0])[0]) == float(value * 1000)


def test_masses_need_a_molar_mass() -> None:
    doses, _ = of("mg_per_ml", "0.5")
    assert doses.column is None
    assert doses.notes == (
        "mg_per_ml is kept as text: without a column molar_mass (g/mol) it cannot be converted to uM",
    )
    known, rows = of("mg_per_ml", "0.5", molar_mass="500")
    assert known.micromolar(rows[0]) == ("1000", "")
    lacking, rows = of("mg_per_ml", "0.5", molecular_weight="")
    assert lacking.micromolar(rows[0]) == ("", "mg_per_ml is 0.5 mg/ml, but molecular_weight is ''")


def test_molar_columns_go_before_masses_and_others_are_named() -> None:
    rows = [{"mg_per_ml": "1", "mmoles_per_liter": "0.01", "dose_nM": "7"}]
    doses = doses_of(list(rows[0]), [(2, rows[0])])
    assert doses.column == "mmoles_per_liter"
    assert doses.notes == ("mmoles_per_liter is in mM: times 1,000 gives concentration_um; dose_nM is kept as text",)


def test_a_unit_is_taken_from_a_column_of_units_or_from_the_cells() -> None:
    doses, rows = of("pert_dose", "500", "20", pert_dose_unit="nM")
    assert [doses.micromolar(row)[0] for row in rows] == ["0.5", "0.02"]
    doses, rows = of("concentration", "5 mM", "2.5mM")
    assert [doses.micromolar(row)[0] for row in rows] == ["5000", "2500"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            ("5 uM", "10 nM"),
            "concentration has several units (uM in row 2; nM in row 3); write one unit in the whole column",
        ),
        (
            ("5 uM", "10"),
            "concentration has several units (uM in row 2; none in row 3); write one unit in the whole column",
        ),
        (
            ("5", "10"),
            "concentration names no unit; rename it to concentration_uM (or _nM, _mM, _M, log10_M), or to another name without "
            "dose and conc",
        ),
        (("5 %", "10 %"), "concentration has the unit '%', which is not known; rename it"),
        (("-5", "-6"), "concentration names no unit; rename it"),
        (("5 mg/ml",), "concentration is in mg/ml, and there is no column molar_mass (g/mol); rename it"),
    ],
)
def test_a_unit_that_is_not_one_is_a_mistake(values: tuple[str, ...], sentence: str) -> None:
    doses, _ = of("concentration", *values)
    (mistake,) = doses.mistakes
    assert mistake.startswith(f"row 1: {sentence}")


def test_wrong_values_are_reported_and_never_converted() -> None:
    doses, rows = of("dose_uM", "5", "-6", "x", "5 nM", "1e999999")
    assert [doses.micromolar(row) for row in rows] == [
        ("5", ""),
        ("", "dose_uM is -6, below 0; if it is log10 of molar, name the column log10_M"),
        ("", "dose_uM is 'x', not a number"),
        ("", "dose_uM is '5 nM', but the column is in uM"),
        ("", "dose_uM is '1e999999', not a number"),
    ]


def test_a_name_that_is_not_understood_is_a_mistake_only_where_numbers_are_below_it() -> None:
    doses, _ = of("log10_conc_uM", "0.5")
    assert doses.mistakes[0].startswith("row 1: the unit in the name of log10_conc_uM is not understood; rename it to")
    assert of("dose", "low", "high")[0] == Doses()


def table_of(*rows: dict[str, str]) -> Table:
    return Table(Path("x.csv"), tuple(rows[0]), tuple(enumerate(rows, start=2)))


def test_a_table_gets_its_concentrations_once() -> None:
    read = with_doses(table_of({"well": "A1", "dose_nM": "500"}, {"well": "A2", "dose_nM": ""}))
    assert [cells["concentration_um"] for _, cells in read.rows] == ["0.5", ""]
    assert read.notes == ("dose_nM is in nM: times 0.001 gives concentration_um",)
    assert with_doses(read) is read
    own = with_doses(table_of({"well": "A1", "concentration_um": "1", "dose_nM": "500", "conc": "7"}))
    assert (own.rows[0][1]["concentration_um"], own.mistakes, own.notes) == ("1", (), ())

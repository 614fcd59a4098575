"""RxRx19a's compounds: one name each, every variant recorded; the pilot takes controls, drugs and the first dose series."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from gandl.config import RxRx19aSettings, Wells
from gandl.source.screens.compounds import VariantsError, canonical_names, read_variants
from gandl.source.screens.pilot import CHECKS, choose_wells
from gandl.source.screens.rxrx19a import make_sites
from gandl.tables.notes import VARIANTS, WARNINGS, note_of
from rxrx_inputs import MOCK, UV, Written, well, with_sites


def test_variants_of_a_name_become_one_compound_and_are_recorded(
    write: Callable[..., Written], caplog: pytest.LogCaptureFixture
) -> None:
    names = [
        "Oseltamivir carboxylate",
        "oseltamivir-carboxylate",
        "CAL-101",
        "idelalisib",
        "Quinine hydrochloride",
        "Quinine",
        "NA",
    ]
    wells = [well(f"C{i + 2:02d}", treatment=name, dose="1", smiles=f"C{i}") for i, name in enumerate(names)]
    with caplog.at_level(logging.WARNING, logger="gandl"):
        written = write(with_sites(pd.DataFrame(wells)))
    by_well = written.sites.drop_duplicates("well_id")
    assert by_well["treatment"].tolist() == names
    assert by_well["compound"].tolist() == ["Oseltamivir carboxylate"] * 2 + ["Idelalisib"] * 2 + ["Quinine"] * 2 + [
        "NA"
    ]
    recorded = note_of(written.path, VARIANTS)
    assert {(note["treatment"], note["compound"], note["wells"]) for note in recorded} == {
        ("oseltamivir-carboxylate", "Oseltamivir carboxylate", 1), ("CAL-101", "Idelalisib", 1),
        ("idelalisib", "Idelalisib", 1), ("Quinine hydrochloride", "Quinine", 1),
    }  # fmt: skip
    assert all(note["why"] for note in recorded)
    assert note_of(written.path, WARNINGS) == written.warnings
    assert [record.message for record in caplog.records] == written.warnings


def test_two_names_of_one_structure_are_a_warning_that_is_kept(write: Callable[..., Written]) -> None:
    wells = [
        well("C02", treatment="Tamiflu", dose="1", smiles="CCO"),
        well("C03", treatment="Alcohol", dose="1", smiles="CCO"),
        well("C04", treatment="Alcohol", dose="3", smiles="OCC"),
        well("C05", "", treatment="Alcohol", dose="3", smiles="OCC"),
        well("C06", treatment="Nameless", dose="3"),
    ]
    written = write(with_sites(pd.DataFrame(wells)))
    assert written.warnings == [
        "treated wells of the condition unknown: 1; they are not controls",
        "treatments without SMILES: 1 (Nameless)",
        "Alcohol and Tamiflu share the SMILES CCO; if they are one compound, add them to compound_variants.csv",
        "Alcohol has 2 different SMILES",
    ]
    assert note_of(written.path, WARNINGS) == written.warnings


def test_of_two_spellings_the_commoner_stands() -> None:
    names, met = canonical_names(pd.Series(["Foo", "foo", "foo", "FOO", "Bar"]), {})
    assert names == {"Foo": "foo", "foo": "foo", "FOO": "foo", "Bar": "Bar"}
    assert [variant.treatment for variant in met] == ["FOO", "Foo"]


def test_a_table_of_variants_with_mistakes_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "variants.csv"
    table.write_text("variant,canonical,why\na,B,x\nA,C,x\nb,D,x\nq,,x\n")
    with pytest.raises(VariantsError) as error:
        read_variants(table)
    text = str(error.value)
    for mistake in ("row 3: 'A' is listed twice", "row 5: canonical is empty", "'B' is a canonical name and a variant"):
        assert mistake in text
    table.write_text("variant,canonical\n")
    with pytest.raises(VariantsError, match=r"variants\.csv lacks the column why"):
        read_variants(table)
    with pytest.raises(VariantsError, match="cannot be read"):
        read_variants(tmp_path / "absent.csv")


def pilot_plate() -> pd.DataFrame:
    """A plate with many checks, two of the three drugs and three dose series, one of them too short."""
    doses = ["0.01", "0.03", "0.1", "0.3", "1", "3"]
    wells = [well(f"A{i + 1:02d}", MOCK) for i in range(5)] + [well(f"B{i + 1:02d}") for i in range(5)]
    wells += [well(f"{row}{i + 1:02d}", UV) for row in "CD" for i in range(20)]
    wells += [well(f"E{i + 1:02d}", "") for i in range(10)]
    series = {
        "Remdesivir (GS-5734)": doses,
        "GS-441524": doses[:2],
        "alpha": doses,
        "Beta": doses,
        "delta": doses,
        "Aaa": doses[:5],
    }
    wells += [
        well(f"{row}{i + 1:02d}", treatment=name, dose=dose, smiles=name)
        for row, (name, given) in zip("FGHIJK", series.items(), strict=True)
        for i, dose in enumerate(given)
    ]
    return with_sites(pd.DataFrame(wells), sites=2)


def test_the_pilot_takes_controls_drugs_and_the_first_dose_series() -> None:
    frame = pilot_plate()
    sites, _ = make_sites(frame.sample(frac=1, random_state=0), {})
    chosen, warnings = choose_wells(sites)
    wells = chosen.drop_duplicates("well_id")
    assert warnings == ["plate HRCE-1_25 has no well of polydatin, which the pilot needs"]
    assert wells["control"].value_counts().to_dict()["positive"] == 5
    assert wells["control"].value_counts().to_dict()["negative"] == 5
    assert (wells["condition"] == "uv_inactivated").sum() == CHECKS
    assert {"C01", "D20"} <= set(wells["well"])  # evenly spaced, so the first and the last
    assert (wells["condition"] == "unknown").sum() == 10
    assert wells["compound"].value_counts().to_dict() == {
        "Remdesivir (GS-5734)": 6,
        "GS-441524": 2,
        "alpha": 6,
        "Beta": 6,
    }
    assert chosen.groupby("well_id").size().eq(2).all()
    pd.testing.assert_frame_equal(chosen, sites[sites["site_id"].isin(chosen["site_id"])])


def test_the_pilot_is_chosen_in_the_source(write: Callable[..., Written]) -> None:
    written = write(pilot_plate(), RxRx19aSettings(complete=False, wells=Wells.PILOT))
    assert "delta" not in set(written.sites["compound"].dropna())
    assert written.warnings[-1] == "plate HRCE-1_25 has no well of polydatin, which the pilot needs"
    assert note_of(written.path, WARNINGS) == written.warnings

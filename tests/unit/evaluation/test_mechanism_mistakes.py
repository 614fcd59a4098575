"""Tables that cannot be asked for mechanisms: one sentence with the table, the well and the names."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.evaluation.mechanism.treatments import MechanismError
from gandl.evaluation.missing.answers import reason_of, tables_of
from mechanism_inputs import bbbc021, evaluated, noise, outputs, screen, signature


def refused(folder: Path, wells: pd.DataFrame) -> str:
    with pytest.raises(MechanismError) as error:
        evaluated(folder, wells, noise(wells, 1.0))
    return str(error.value)


def test_wells_without_mechanisms(tmp_path: Path) -> None:
    wells = bbbc021(controls=1)
    assert refused(tmp_path, wells.drop(columns="moa")).endswith(
        "wells.parquet has no column moa, which names the mechanism of action of a well's treatment"
    )
    only_controls = wells.assign(moa=wells["moa"].where(wells["control"] != "none", ""))
    assert refused(tmp_path, only_controls).endswith("no well has a mechanism (moa) without being a control")
    no_mechanisms = wells.assign(moa=None)
    assert refused(tmp_path, no_mechanisms).endswith("no well has a mechanism (moa) without being a control")


def test_a_mechanism_of_nothing(tmp_path: Path) -> None:
    wells = bbbc021()
    wells.loc[4, "treatment"] = None
    assert refused(tmp_path, wells).endswith("well Week1_1_E01 has the mechanism mechanism 2, but no treatment")


def test_a_compound_with_two_mechanisms(tmp_path: Path) -> None:
    wells = bbbc021()
    other = (wells["treatment"] == "compound 01") & (wells["concentration_um"] == 10.0)
    wells.loc[other, "moa"] = "another"
    assert refused(tmp_path, wells).endswith(
        "compound 01 has the mechanism mechanism 1 in well Week1_1_C01 and another in well Week1_1_D01; a compound has one "
        "(join several into one name)"
    )


def test_a_treatment_that_is_annotated_in_some_wells(tmp_path: Path) -> None:
    wells = bbbc021()
    wells.loc[3, "moa"] = "  "
    assert refused(tmp_path, wells).endswith(
        "compound 01 at 10 µM has the mechanism mechanism 1 in well Week1_2_D01 and none in well Week1_1_D01; name it in all "
        "its wells"
    )


def test_doses_that_are_not_annotated_are_no_mistake(tmp_path: Path) -> None:
    """BBBC021 names mechanisms of active doses alone; the others neither ask nor answer."""
    wells = bbbc021()
    wells.loc[wells["concentration_um"] == 1.0, "moa"] = ""
    numbers, treatments, _ = evaluated(tmp_path, wells, signature(wells, "treatment"))
    assert set(treatments["concentration_um"]) == set(treatments["nearest_concentration_um"]) == {10.0}
    assert numbers.loc[("nsc:MCF7", "accuracy"), "n"] == 12


def test_nothing_can_be_matched(tmp_path: Path) -> None:
    wells = screen({"a": "m", "b": "n"}, {name: ["Week1"] for name in "ab"}, doses=1)
    assert refused(tmp_path, wells).endswith(
        "no treatment can be matched; NSC leaves out 2 of 2 treatments, for no other compound has its mechanism: m (a); n (b); "
        "NSCB leaves out 2 of 2 treatments, for no other compound has its mechanism: m (a); n (b)"
    )
    assert "NSC leaves out 2 of 2 treatments, for its profile is zero" in _of_zeros(tmp_path, bbbc021(2, 1, doses=1))


def _of_zeros(folder: Path, wells: pd.DataFrame) -> str:
    with pytest.raises(MechanismError) as error:
        evaluated(folder, wells, np.zeros((len(wells), 16)))
    return str(error.value)


def test_the_log_names_what_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wells = screen({"a": "m", "b": "m", "c": "n"}, {"a": ["1"], "b": ["2"], "c": ["2"]})
    with caplog.at_level(logging.INFO):
        evaluated(tmp_path, wells, noise(wells, 1.0))
    assert "NSC leaves out 2 of 6 treatments, for no other compound has its mechanism: n (c)" in caplog.messages


def test_a_missing_answer_has_the_tables_of_the_question(tmp_path: Path) -> None:
    from gandl.evaluation.missing.answers import answer

    def fails() -> None:
        raise MechanismError("no mechanisms")

    files = outputs(tmp_path)
    assert set(files) <= set(tables_of("mechanism"))
    names = {"featurizer": "gandl", "normalization": "tvn"}
    assert answer(fails, "mechanism", [], files, names) == "no mechanisms"
    assert {reason_of(path) for path in files.values()} == {"no mechanisms"}
    wells = bbbc021()
    made = evaluated(
        tmp_path / "made" if (tmp_path / "made").mkdir() is None else tmp_path, wells, signature(wells, "moa")
    )
    for path, table in zip(list(files.values())[1:], made[1:], strict=True):
        assert pd.read_parquet(path).columns.tolist() == table.columns.tolist()

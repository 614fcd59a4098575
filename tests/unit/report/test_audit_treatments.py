"""Treatments and hits on the audit page and in the summary: the first rows, and how the test fares on controls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from figure_inputs import treatments_table, write_treatments
from gandl.config import Config, EvaluationSettings, Normalization
from gandl.evaluation.terms import COMPOUNDS, TREATMENTS
from gandl.evaluation.treatments import Negative, treatments_of
from gandl.figures.common.hits import flags_in_words, untested
from gandl.report.audit import write_audit
from gandl.report.captions import hits_note
from gandl.report.numbers import no_numbers, read_numbers
from gandl.report.treatments import MOST_TREATMENTS, treatments_story
from gandl.tables import NUMBERS, write_table
from report_inputs import Screen, read
from table_rows import compound_row, number_row

SETTINGS = Config().model_dump(mode="json")


def numbers_of(folder: Path, cell_types: tuple[str, ...] = ("unknown",)) -> pd.DataFrame:
    shares = {
        "differing_share": ("treatment", 0.25, 60),
        "negatives_differing": ("well", 0.0625, 32),
        "positives_differing": ("well", 0.75, 16),
    }
    rows = [
        number_row(
            question="treatments",
            featurizer=name,
            split=f"leave_plate_out:{cell_type}",
            metric=metric,
            unit=unit,
            value=value,
            n=n,
        )
        for name in ("gandl_blocks", "intensity")
        for cell_type in cell_types
        for metric, (unit, value, n) in shares.items()
    ]
    write_table(pd.DataFrame(rows), folder / "numbers.parquet", NUMBERS)
    return read_numbers([folder / "numbers.parquet"])


def story(folder: Path, table: pd.DataFrame, numbers: pd.DataFrame | None = None):
    path = write_treatments(folder / "treatments.parquet", table)
    return treatments_story(path, numbers_of(folder) if numbers is None else numbers, SETTINGS)


def test_the_first_treatments_are_listed_hits_first_and_all_are_counted(tmp_path: Path) -> None:
    table = treatments_table(60)
    told = story(tmp_path, table)
    ((cell_type, count, rows),) = told.groups
    assert (cell_type, count, len(rows)) == ("", 60, MOST_TREATMENTS)
    hits = [bool(row.differs) for row in rows]
    assert hits == sorted(hits, reverse=True)
    assert sum(hits) == table["differs"].sum()
    first = table.loc[table["p"].idxmin()]
    assert (rows[0].treatment, rows[0].dose, rows[0].p) == (first["treatment"], "10 µM", "< 0.001")
    assert (rows[0].score.n, rows[0].plates) == (3, 3)


def test_calls_of_every_featurizer_stand_beside_and_a_sentence_names_the_first_hits(tmp_path: Path) -> None:
    table = treatments_table(60)
    told = story(tmp_path, table)
    assert [(row.treatments, row.negatives, row.positives) for row in told.calls] == [
        ("15 of 60", "2 of 32", "12 of 16")
    ] * 2
    assert [row.drawn for row in told.calls] == [True, False]
    (sentence,) = told.findings
    hits = table[table["differs"]].sort_values("p")
    towards = hits[hits["difference"] > 0]
    assert sentence.startswith(
        f"Treatments by GAN-DL, blocks: {len(hits)} of 60 treatments and doses differ from the negative controls (false "
        f"discovery rate 5 %): towards C+ {towards['treatment'].iloc[0]} 10 µM, "
    )
    assert f" and {len(towards) - 5} more; away from C+ compound" in sentence
    of_controls = "By the same test 2 of 32 negative and 12 of 16 positive control wells do."
    assert sentence.endswith(f"{of_controls} By other featurizers: Channel intensities 15 of 60.")


def test_cell_types_have_a_sentence_each_and_many_have_one_together(tmp_path: Path) -> None:
    two = story(tmp_path, treatments_table(5, cell_types=("HRCE", "VERO")), numbers_of(tmp_path, ("HRCE", "VERO")))
    assert [line.partition(":")[0] for line in two.findings] == [
        "Treatments by GAN-DL, blocks in HRCE",
        "Treatments by GAN-DL, blocks in VERO",
    ]
    (line,) = story(tmp_path, treatments_table(5, cell_types=("a", "b", "c", "d")), no_numbers()).findings
    assert "20 treatments and doses in 4 cell types differ from the negative controls (false" in line


def test_where_nothing_could_be_tested_it_is_said_and_nothing_is_requested_nothing_is_shown(tmp_path: Path) -> None:
    told = story(tmp_path, treatments_table(5).assign(p=np.nan, q=np.nan, differs=False), no_numbers())
    assert told.findings == [
        "Treatments by GAN-DL, blocks: 5 treatments and doses scored, none tested.",
        "None of the treatments was tested: too few negative control wells.",
    ]
    assert told.calls == []
    assert treatments_story(None, no_numbers(), SETTINGS) is None


def test_sentences_have_no_holes_where_a_kind_of_controls_or_a_cell_type_could_not_be_tested(tmp_path: Path) -> None:
    table = treatments_table(1, cell_types=("HRCE", "VERO"))
    table.loc[table["cell_type"] == "VERO", ["p", "q"]] = np.nan
    table["differs"] = False
    numbers = numbers_of(tmp_path, ("HRCE",))
    alone = story(tmp_path, table, numbers[numbers["metric"] != "negatives_differing"])
    assert alone.findings == [
        "Treatments by GAN-DL, blocks in HRCE: 0 of 1 treatment and dose differs from the negative controls (false discovery "
        "rate 5 %). By the same test 12 of 16 positive control wells do. By other featurizers: Channel intensities 15 of 60.",
        "None of the treatments in VERO was tested: too few negative control wells.",
    ]
    assert alone.calls[0].negatives == ""
    neither = story(tmp_path, table, numbers[numbers["metric"] == "differing_share"])
    assert "(false discovery rate 5 %). By other" in neither.findings[0]


def test_four_negative_and_no_positive_controls_have_whole_sentences(tmp_path: Path) -> None:
    wells = pd.DataFrame({"control": ["negative"] * 4 + ["none"] * 3, "treatment": [None] * 4 + ["a", "b", "c"]})
    wells = wells.assign(
        plate_id="p", compound=None, concentration_um=1.0, on=[-1.1, -0.9, -1.2, -0.8, -1.0, -0.9, 5.0]
    )
    wells["well_id"] = [str(i) for i in range(7)]
    found = treatments_of(wells, Negative.of(wells), EvaluationSettings(), seed=0)
    about = {"featurizer": "gandl_blocks", "normalization": "unlabelled", "scheme": "quarter", "cell_type": "unknown"}
    numbers = numbers_of(tmp_path)
    told = story(tmp_path, found.assign(**about)[TREATMENTS.names], numbers[numbers["metric"] == "differing_share"])
    assert told.findings == [
        "Treatments by GAN-DL, blocks: 1 of 3 treatments and doses differ from the negative controls (false discovery rate "
        "5 %): towards C+ c 1 µM. By other featurizers: Channel intensities 15 of 60."
    ]
    assert told.intervals.startswith("Student's t by the spread of the negative controls within plates")


def test_plates_without_negative_controls_are_named_on_the_page_and_in_the_summary(tmp_path: Path) -> None:
    table = treatments_table(8, cell_types=("HRCE",))
    last = table.index[-3:]
    table.loc[last, ["difference", "p", "q"]] = np.nan
    table.loc[last, "differs"] = False
    for plates, sentence in (
        (["x", "x", "x"], "Plate x has no negative control in HRCE: its wells were scored, not tested."),
        (
            ["x", "y|x", "z"],
            "Plates x, y, z have no negative control in HRCE: their wells were scored, not tested.",
        ),
    ):
        table.loc[last, "plates_without_negative"] = plates
        told = story(tmp_path, table, numbers_of(tmp_path, ("HRCE",)))
        assert told.untested == [sentence]
        assert told.findings[-1] == sentence
        assert " of 5 treatments and doses differ from" in told.findings[0]
    table.loc[last, "plates_without_negative"] = "|".join("abcdefgh")
    assert "Plates a, b, c, d, e and 3 more have" in untested(table[table["kind"] == "treatment"])[0]


def test_the_page_warns_of_hits_where_plates_are_in_units_of_the_compared_controls(tmp_path: Path) -> None:
    path = write_treatments(tmp_path / "treatments.parquet", treatments_table(5))
    for method in Normalization:
        settings = SETTINGS | {"normalization": SETTINGS["normalization"] | {"method": method.value}}
        told = treatments_story(path, no_numbers(), settings)
        assert told is not None
        assert told.warning == hits_note(method.value)
        assert ("more false hits than stated" in told.warning) is (
            method in (Normalization.NEGATIVE, Normalization.MOCK)
        )


@pytest.mark.parametrize("plate", [True, False])
def test_both_pages_have_the_section_and_link_to_it(tmp_path: Path, repository: Path, plate: bool) -> None:
    files = Screen().write(tmp_path, repository)
    table = write_treatments(tmp_path / "treatments.parquet", treatments_table(60))
    if not plate:
        values = json.loads(files.provenance.read_text(encoding="utf-8"))
        values["configuration"]["source"]["bbbc013"] = None
        files.provenance.write_text(json.dumps(values), encoding="utf-8")
    for treatments in (None, table):
        write_audit(replace(files, treatments=treatments), tmp_path / "audit.html", tmp_path / "summary.txt")
        page = (tmp_path / "audit.html").read_text(encoding="utf-8")
        words = " ".join(" ".join(read(page).words).split())
        shown = treatments is not None
        assert ('href="#treatments"' in page) is shown
        assert ("The first 40 of 60 treatments and doses, those that differ before others" in words) is shown
        assert ("Treatments by GAN-DL, blocks: " in (tmp_path / "summary.txt").read_text(encoding="utf-8")) is shown


def hits(folder: Path) -> Path:
    """Of HRCE three hits among five compounds, two of them toxic at some dose; of VERO nothing was tested."""
    rows = [
        compound_row("b", hit=True, q=0.01, flags="toxic", ec50_um=0.0578, ec50_low_um=0.0334, ec50_high_um=0.0848),
        compound_row("a", hit=True, q=0.001, flags="biphasic|toxic", ec50_um=2.0, ec50_low_um=1.0, ec50_high_um=np.inf),
        compound_row("c", hit=True, q=0.02),
        *(compound_row(name, hit=False, q=0.9, flags="toxic") for name in "de"),
        compound_row("a", cell_type="VERO", hit=False, q=np.nan),
    ]
    path = folder / "compounds.parquet"
    write_table(pd.DataFrame(rows)[COMPOUNDS.names], path, COMPOUNDS)
    return path


def test_hits_are_compounds_with_ec50_and_flags_and_those_flagged_toxic_are_counted(tmp_path: Path) -> None:
    told = treatments_story(None, no_numbers(), SETTINGS, hits(tmp_path))
    assert told is not None
    ((cell_type, tested, count, rows, toxic),) = told.hits
    assert (cell_type, tested, count) == ("HRCE", 5, 3)
    assert [(row.compound, row.ec50, row.flags) for row in rows] == [
        ("a", "2.00 µM [1.00, ?]", "biphasic, toxic at some dose"),
        ("b", "57.8 nM [33.4, 84.8]", "toxic at some dose"),
        ("c", "", ""),
    ]
    assert toxic == "2 of 3 hits bear the flag toxic: they are hits by other doses"
    assert told.findings == [
        "Hits by GAN-DL, blocks in HRCE, above the negative controls at doses not found toxic: 3 of 5 compounds (false "
        "discovery rate 5 %): a (EC50 2.00 µM [1.00, ?], biphasic, toxic at some dose); b (EC50 57.8 nM [33.4, 84.8], toxic at "
        "some dose); c (no EC50). 2 of 3 hits bear the flag toxic: they are hits by other doses."
    ]
    assert told.groups == []


def test_a_treatment_worse_than_the_controls_differs_and_is_no_hit(tmp_path: Path) -> None:
    table = treatments_table(20).assign(cell_type="HRCE")
    away = table[table["differs"] & (table["difference"] < 0)]
    assert len(away)
    path = write_treatments(tmp_path / "treatments.parquet", table)
    told = treatments_story(path, no_numbers(), SETTINGS, hits(tmp_path))
    assert told is not None
    named = [line for line in told.findings if "hit" in line.lower()]
    assert len(named) == 1
    assert not any(name in named[0] for name in away["treatment"])
    assert {row.differs for _, _, rows in told.groups for row in rows} == {"towards C+", "away from C+", ""}


def test_a_flag_without_words_keeps_its_name() -> None:
    assert flags_in_words("toxic|seen_twice") == "toxic at some dose, seen twice"
    assert flags_in_words(None) == flags_in_words(np.nan) == ""


@pytest.mark.parametrize("plate", [True, False])
def test_both_pages_and_the_summary_list_the_hits(tmp_path: Path, repository: Path, plate: bool) -> None:
    files = replace(Screen().write(tmp_path, repository), compounds=hits(tmp_path))
    if not plate:
        values = json.loads(files.provenance.read_text(encoding="utf-8"))
        values["configuration"]["source"]["bbbc013"] = None
        files.provenance.write_text(json.dumps(values), encoding="utf-8")
    write_audit(files, tmp_path / "audit.html", tmp_path / "summary.txt")
    words = " ".join(" ".join(read((tmp_path / "audit.html").read_text(encoding="utf-8")).words).split())
    assert "Hits among compounds by GAN-DL, blocks, HRCE: 3 of 5" in words
    assert "57.8 nM [33.4, 84.8]" in words
    assert "2 of 3 hits bear the flag toxic" in words
    assert "Hits by GAN-DL, blocks in HRCE" in (tmp_path / "summary.txt").read_text(encoding="utf-8")

"""Bad input in the report: what was not evaluated, who scores all controls alike, and leaks stand among caveats and findings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gandl.evaluation.missing.answers import Missing, write_missing
from gandl.report.caveats import caveats, lacking_controls, not_evaluated
from gandl.report.numbers import read_numbers
from gandl.tables import NUMBERS, SITES, write_table
from screen_inputs import wells_of_screen
from table_rows import number_row


def test_what_was_not_evaluated_is_one_sentence_per_reason(tmp_path: Path) -> None:
    files = []
    for question, featurizer, reason in (
        ("controls", "segmentation", "the profiles lack 2 wells"),
        ("dose_response", "segmentation", "the profiles lack 2 wells"),
        ("controls", "intensity", "feature_2 in row 4 is not a finite number"),
    ):
        files.append(tmp_path / f"{question}.{featurizer}.parquet")
        write_missing(files[-1], NUMBERS, Missing(question, featurizer, "unlabelled", reason))
    files.append(tmp_path / "good.parquet")
    write_table(
        pd.DataFrame([number_row(featurizer="gandl", metric="auc", value=0.9, low=0.8, high=1.0, n=9)]),
        files[-1],
        NUMBERS,
    )
    wells = wells_of_screen()
    sites = tmp_path / "sites.parquet"
    write_table(wells.assign(site_id=wells["well_id"] + "_1", site=1)[SITES.names], sites, SITES)
    assert not_evaluated(files, sites) == [
        "Not evaluated: Segmentation (controls, dose response; normalisation unlabelled). The profiles lack 2 wells.",
        "Not evaluated: Channel intensities (controls; normalisation unlabelled). Feature_2 in row 4 is not a finite number.",
    ]
    assert read_numbers(files)["featurizer"].tolist() == ["gandl"]


def test_a_cell_type_without_a_control_is_named_where_others_have_both() -> None:
    wells = pd.DataFrame(
        {"cell_type": ["HRCE"] * 2 + ["VERO"] * 2, "control": ["positive", "negative", "positive", "none"]}
    )
    assert lacking_controls(wells) == [
        "VERO has no negative control: its controls are not compared, and its wells not scored."
    ]
    assert lacking_controls(wells[wells["cell_type"] == "VERO"]) == []


def alike(provenance: dict[str, object], z_prime: float, auc: float) -> list[str]:
    rows = [
        number_row(featurizer="cell_count", metric=m, value=v, n=9) for m, v in (("z_prime", z_prime), ("auc", auc))
    ]
    return [text for text in caveats(provenance, [], numbers=pd.DataFrame(rows)) if "scores all controls alike" in text]


def test_a_featurizer_that_scores_all_controls_alike_is_named(tmp_path: Path, repository: Path) -> None:
    import json

    from report_inputs import write_run

    write_run(tmp_path / "provenance.json", tmp_path, repository)
    provenance = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    nothing = float("nan")
    assert alike(provenance, nothing, 0.5) == [
        "Cell count under the normalisation unlabelled scores all controls alike, as constant features do: its AUC is 0.5 by "
        "ties, and its Z′ is undefined."
    ]
    assert not alike(provenance, nothing, 0.7)
    assert not alike(provenance, 0.1, 0.5)

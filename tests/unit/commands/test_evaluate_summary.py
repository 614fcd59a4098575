"""What `gandl evaluate` says of several featurizers, of cell types that are left out, and of hits; and the printed examples."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gandl.evaluation import cell_model
from gandl.evaluation.comparisons import ComparisonError
from gandl.evaluation.held_out import ScoresError
from gandl.evaluation.terms import COMPARISONS, COMPOUNDS, TREATMENTS
from gandl.own_features import summary as summaries, work
from gandl.own_features.questions import QUESTIONS
from gandl.tables import NUMBERS, SITES, read_table, write_table
from own_tables import QUICK, UNLABELLED, gandl_evaluate, numbers, refused, table_of_features, value
from pair_inputs import features as pair_features, infected_sites


def several(pair: Path, folder: Path, broken: tuple[str, ...]) -> tuple[object, ...]:
    """Three featurizers of the same images: those that are named have an empty cell, or are the same in every row."""
    given: list[object] = ["--sites", pair / "sites.parquet", "--out", folder / "out"]
    for i, name in enumerate("abc"):
        table = pd.read_parquet(pair / "features.parquet")
        features = [column for column in table if column.startswith("feature_")]
        table[features] += np.random.default_rng(i).normal(0, 0.1, table[features].shape)
        if name in broken and name == "b":
            table.loc[7, "feature_3"] = np.nan
        elif name in broken:
            table[features] = 1.0
        table.to_parquet(folder / f"{name}.parquet")
        given += ["--embeddings", folder / f"{name}.parquet"]
    return (*given, "--questions", "controls", "comparisons", *UNLABELLED, *QUICK)


def test_a_featurizer_that_cannot_be_used_is_named_and_the_others_are_evaluated_and_compared(
    pair: Path, tmp_path: Path
) -> None:
    assert gandl_evaluate(*several(pair, tmp_path, ("b",))) is None
    out = tmp_path / "out"
    table = read_table(out / "evaluation/comparisons/pairs.parquet", COMPARISONS)
    assert set(zip(table["featurizer"], table["against"], strict=True)) == {("a", "c")}
    summary = (out / "summary.txt").read_text(encoding="utf-8")
    assert summary.startswith("2 featurizers: a, c\n")
    assert "\nNot evaluated\n  b: 1 feature of " in summary
    record = json.loads((out / "evaluate.json").read_text(encoding="utf-8"))
    assert record["finished"]
    assert set(record["failed"]) == {"b"}
    assert not (out / "embeddings/plates/b").exists()


def test_of_two_featurizers_the_one_that_can_be_used_is_evaluated_and_without_any_the_command_ends(
    pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = several(pair, tmp_path, ("b",))
    two = (*given[:8], *given[10:])
    assert two.count("--embeddings") == 2
    assert gandl_evaluate(*two) is None
    summary = (tmp_path / "out/summary.txt").read_text(encoding="utf-8")
    assert "comparisons: a alone could be evaluated" in summary
    assert value(numbers(tmp_path / "out", "controls", "a"), "auc", "leave_plate_out:HRCE").value > 0.9
    said = refused(capsys, *several(pair, tmp_path, ("a", "b", "c")))
    assert "no feature of" in said
    assert "cells that are no finite numbers" in said


def test_a_question_that_one_of_three_did_not_answer_is_compared_between_the_others(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the workflow, where the third has tables without rows."""
    write = cell_model.write_cell_model

    def fails(*files: Path, featurizer: str, **settings: object) -> None:
        if featurizer == "c":
            raise ScoresError("not these")
        write(*files, featurizer=featurizer, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(cell_model, "write_cell_model", functools.wraps(write)(fails))
    given = list(several(pair, tmp_path, ()))
    given.insert(given.index("controls"), "cell_model")
    assert gandl_evaluate(*given) is None
    table = read_table(tmp_path / "out/evaluation/comparisons/pairs.parquet", COMPARISONS)
    pairs = table.groupby("question")[["featurizer", "against"]].apply(lambda part: set(map(tuple, part.to_numpy())))
    assert pairs.to_dict() == {
        "controls": {("a", "b"), ("a", "c"), ("b", "c")},
        "cell_model": {("a", "b")},
    }
    assert "cell_model: c, normalisation none: not these" in (tmp_path / "out/summary.txt").read_text(encoding="utf-8")


def test_a_comparison_that_cannot_be_made_leaves_the_summary(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ComparisonError("featurizers a, b have no row in common")

    monkeypatch.setattr(work, "write_comparisons", fails)
    assert gandl_evaluate(*several(pair, tmp_path, ())) is None
    summary = (tmp_path / "out/summary.txt").read_text(encoding="utf-8")
    assert "comparisons: featurizers a, b have no row in common" in summary
    assert "Controls: how far apart" in summary


def test_featurizers_that_do_not_differ_are_said_to_be_identical(tmp_path: Path) -> None:
    """A heading with nothing below it was all that was printed."""
    row = dict.fromkeys(COMPARISONS.names, "x") | {
        "question": "controls", "split": "leave_plate_out:HRCE", "unit": "well", "metric": "auc_difference", "value": 0.0,
        "low": np.nan, "high": np.nan, "p": np.nan, "p_holm": np.nan, "n": 8, "units": 4, "drawn": "well", "fold": "all",
        "seed": 0, "normalization": "none",
    }  # fmt: skip
    rows = [{**row, "featurizer": one, "against": other} for one, other in (("a", "b"), ("a", "c"), ("b", "c"))]
    pairs = tmp_path / "evaluation/comparisons/pairs.parquet"
    write_table(pd.DataFrame([*rows[:2], {**rows[2], "value": 0.25}]), pairs, COMPARISONS)
    auc = {name: row[name] for name in NUMBERS.names} | {
        "featurizer": "a",
        "metric": "auc",
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
    }
    write_table(pd.DataFrame([auc]), tmp_path / "evaluation/controls/a.none.parquet", NUMBERS)
    lines = list(summaries._of_comparisons(pairs))
    assert lines == [
        "a minus b, controls, whole plates held out, HRCE: AUC by well identical (1.00 both), nothing to draw for an interval: "
        "not apart",
        "a minus c, controls, whole plates held out, HRCE: AUC by well identical (1.00 both), nothing to draw for an interval: "
        "not apart",
        "b minus c, controls, whole plates held out, HRCE: AUC by well +0.250, too few to draw for an interval: not apart",
    ]
    write_table(pd.DataFrame(columns=COMPARISONS.names).astype({"seed": "int64", "n": "int64", "units": "int64"}
        | dict.fromkeys(("value", "low", "high", "p", "p_holm"), float)), pairs, COMPARISONS)  # fmt: skip
    assert next(summaries._of_comparisons(pairs)).startswith("nothing to compare: ")


def test_series_without_a_curve_are_counted_by_reason(tmp_path: Path) -> None:
    doses = {"A": [0.1, 1.0, 10.0] * 3, "B": [0.1, 1.0] * 4, "C": [0.1, 0.3, 1.0, 3.0], "D": [0.1, 0.3, 1.0, 3.0] * 2}
    points = [("HRCE", name, dose) for name, of in doses.items() for dose in of]
    pd.DataFrame(points, columns=["cell_type", "treatment", "concentration_um"]).to_parquet(tmp_path / "points.parquet")
    numbers = pd.DataFrame({"split": [f"leave_plate_out:{name}" for name in doses]})
    numbers = numbers.assign(featurizer="mine", normalization="none", metric="ec50_um", value=np.nan)
    assert list(summaries._of_doses(numbers, tmp_path / "points.parquet")) == [
        "mine, none: 0 of 4 series (compound by cell type)",
        "  without a curve: 2 have too few doses (2 to 3; 4 are needed); 1 has too few wells (4; 7 are needed); "
        "1 is described as well by a constant",
    ]


def test_a_cell_type_that_lacks_controls_or_a_scheme_is_named(tmp_path: Path) -> None:
    sites = infected_sites({"HRCE-1": 2, "VERO-1": 2})
    vero = sites["cell_type"] == "VERO"
    for name, kept, sentence in (
        ("none", [], "VERO has no positive control: its controls are not compared, and its wells not scored."),
        ("one plate", sites.loc[vero, "plate_id"].unique()[:1], "VERO is left out of a scheme: "),
    ):
        folder = tmp_path / name
        folder.mkdir()
        lost = vero & (sites["control"] == "positive") & ~sites["plate_id"].isin(kept)
        write_table(sites.assign(control=sites["control"].mask(lost, "none")), folder / "sites.parquet", SITES)
        table_of_features(pair_features(sites), site_id=sites["site_id"]).to_parquet(folder / "mine.parquet")
        given = ("--embeddings", folder / "mine.parquet", "--sites", folder / "sites.parquet", "--out", folder / "out")
        assert gandl_evaluate(*given, "--questions", "controls", *UNLABELLED, *QUICK) is None
        noted = (folder / "out/summary.txt").read_text(encoding="utf-8").partition("Worth knowing\n")[2]
        assert f"  {sentence}" in noted.partition("\n\n")[0]


def test_the_summary_calls_hits_what_the_table_of_compounds_does(evaluated: Path) -> None:
    lines = (evaluated / "summary.txt").read_text(encoding="utf-8").splitlines()
    compounds = read_table(evaluated / "evaluation/screening/mine.unlabelled.compounds.parquet", COMPOUNDS)
    hits = compounds[compounds["hit"]]
    assert len(hits)
    named = [line.strip() for line in lines if line.strip().startswith("hit: ")]
    assert sorted(line.partition(": ")[2].partition(":")[0] for line in named) == sorted(
        f"{row.compound} ({row.cell_type})" for row in hits.itertuples()
    )
    assert all(("EC50 " in line) and ("efficacy " in line) for line in named)
    treatments = read_table(evaluated / "evaluation/treatments/mine.unlabelled.treatments.parquet", TREATMENTS)
    assert sum(line.strip().startswith("differs ") for line in lines) == min(15, treatments["differs"].sum())


def test_the_summary_says_in_words_that_no_place_leaks_the_label(evaluated: Path) -> None:
    """A bare "p that ... 1.00" was read as a probability of 1."""
    _, _, section = (evaluated / "summary.txt").read_text(encoding="utf-8").partition("\nLayout: ")
    table = numbers(evaluated, "layout")
    smallest = table["value"][table["metric"].isin(["leak_p", "leak_confounded_p"])].min()
    assert smallest > 0.05
    assert section.split("\n\n")[0].splitlines()[1:] == [
        f"  no place was found to predict the label, or to leak it (plate, row, column, edge; smallest p (Holm) {smallest:.2g})"
    ]


def test_the_summary_names_a_place_that_predicts_the_label(evaluated: Path, tmp_path: Path) -> None:
    paths = []
    for path in (evaluated / "evaluation/layout").glob("*.parquet"):
        table = read_table(path, NUMBERS)
        table.loc[(table["metric"] == "leak_confounded_p") & (table["split"] == "row:HRCE"), "value"] = 0.01
        paths.append(tmp_path / path.name)
        write_table(table, paths[-1], NUMBERS)
    (question,) = (question for question in QUESTIONS if question.name == "layout")
    (line,) = summaries._of_question(question, paths, by_image=False)
    assert line.startswith("Layout (HRCE): the plate row alone predicts which control a well is (AUC ")


def test_the_summary_says_why_its_normalisation_was_chosen_and_begins_with_its_numbers(
    pair: Path, tmp_path: Path
) -> None:
    given = ("--embeddings", f"mine={pair / 'features.parquet'}", "--sites", pair / "sites.parquet", *QUICK)
    assert gandl_evaluate(*given, "--questions", "controls", "--out", tmp_path / "out") is None
    summary = (tmp_path / "out/summary.txt").read_text(encoding="utf-8")
    (line,) = [line for line in summary.splitlines() if line.startswith("normalisation: ")]
    assert line.startswith(
        "normalisation: unlabelled (chosen for these plates: each plate in units of its wells that are not controls, since plate "
    )
    assert "; for comparison none. Z' and EC50 depend on it: " in line
    assert "--normalization" in line
    assert 0 < summary.index("\n  mine, unlabelled\n") < summary.index("\n  mine, none\n")


def test_a_plain_column_is_no_featurizer_that_appears_unasked(evaluated: Path, tmp_path: Path) -> None:
    """It stood in the summary under each normalisation, as `nuclear_over_ring, none`."""
    paths = []
    for method in ("unlabelled", "none"):
        table = numbers(evaluated, "controls", method=method)
        plain = table[table["metric"] == "auc"].assign(featurizer="nuclear_over_ring", normalization="none")
        paths.append(tmp_path / f"mine.{method}.parquet")
        write_table(pd.concat([table, plain]), paths[-1], NUMBERS)
    (question,) = (question for question in QUESTIONS if question.name == "controls")
    lines = list(summaries._of_question(question, paths, by_image=True))
    assert [line for line in lines if "nuclear_over_ring" in line] == lines[-1:]
    assert lines[-1].startswith("(the tables also score the column nuclear_over_ring of raw profiles by itself")


def form(line: str) -> str:
    """A line of a summary without what is of one screen: numbers, intervals, featurizers, compounds, units, flags."""
    line = re.sub(r" \[[^\]]*\]", "", line.replace("; for comparison none", ""))
    line = re.sub(r", q [^;]+(;.*)?$", ", q", re.sub(r"(towards|away from) C[+]", "one way", line))
    line = re.sub(r"\b(?:segmentation|blocks|cells|mine|[abc])\b", "FEATURIZER", line.replace("−", "-"))
    line = re.sub(r"(?:Remdesivir|Polydatin|Simulated compound \d+)(?: \(simulated\))?", "COMPOUND", line)
    line = re.sub(r"\b(?:HRCE|VERO)\b", "CELLS", line)
    line = re.sub(r"[-+]?\d[\d,.]*(?:e[-+]\d+)?", "N", line).replace("nM", "µM")
    return re.sub(r"\b(rises|falls)\b", "rises", re.sub(r"\bnot apart\b", "apart", line)).strip()


def test_the_printed_examples_have_the_form_of_a_summary(
    evaluated: Path, pair: Path, tmp_path: Path, repository: Path
) -> None:
    page = (repository / "docs/evaluate-your-embeddings.md").read_text(encoding="utf-8")
    blocks = [block for block in page.split("```")[1::2] if "gandl evaluate" not in block]
    printed = [line for block in blocks for line in block.splitlines() if line.strip() not in ("", "...")]
    assert len(printed) > 15
    assert gandl_evaluate(*several(pair, tmp_path, ())) is None
    real = [line for out in (evaluated, tmp_path / "out") for line in (out / "summary.txt").read_text().splitlines()]
    forms = {form(line) for line in real}
    assert [line for line in printed if form(line) not in forms] == []
    assert "p of labels permuted within plates" in page.partition("## Three examples")[2]

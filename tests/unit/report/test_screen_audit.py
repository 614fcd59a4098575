"""The audit page of a screen of several plates: every question, every number, every floor, and the word simulated."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gandl.config import TRAINED, Config
from gandl.config.files import read_config
from gandl.evaluation.terms import COMPARISONS
from gandl.figures.common.labels import featurizer_label
from gandl.report import screen
from gandl.report.audit import AuditInputs, write_audit
from gandl.report.numbers import Value, no_numbers
from gandl.tables import NUMBERS, SITES, read_table, write_table
from report_inputs import RollBack, write_curve, write_run
from screen_inputs import wells_of_screen
from table_rows import number_row

ACCURACY = {"gandl": 0.9, "gandl_blocks": 0.93, "gandl_untrained": 0.7, "intensity": 0.6, "segmentation": 0.97}
"""Featurizer: accuracy of images in the paper's split."""
SPLITS = {
    "controls": ("quarter:all", "quarter_by_cell_type:HRCE", "leave_plate_out:HRCE", "leave_plate_out:VERO"),
    "cell_model": ("quarter:all", "leave_plate_out:all"),
    "cell_type": ("quarter:all", "leave_experiment_out:all"),
    "mechanism": ("nsc:HRCE", "nscb:HRCE"),
}
CALIBRATION = {"spearman_severity": ("well", 0.871), "ec50_coverage": ("compound", 0.912)}


def answers(featurizer: str, accuracy: float, half: float = 0.01) -> list[dict[str, object]]:
    """Numbers of one featurizer to every question."""
    rows = []
    for question, splits in SPLITS.items():
        method = "unlabelled" if question in ("controls", "mechanism") else "none"
        for i, split in enumerate(splits):
            about = {"question": question, "featurizer": featurizer, "normalization": method, "split": split}
            for unit, metric, value, n in (
                ("well", "z_prime", accuracy - 0.5, 80),
                ("site", "accuracy", accuracy - 0.01 * i, 320),
                ("well", "accuracy", accuracy - 0.01 * i, 80),
            ):
                interval = {"value": value, "low": value - half, "high": value + half, "n": n}
                rows.append(number_row(**about, unit=unit, metric=metric, **interval))
    rows += layout(featurizer)
    for metric, (unit, value) in CALIBRATION.items():
        about = {"question": "calibration", "featurizer": featurizer, "split": "leave_plate_out:HRCE", "unit": unit}
        rows.append(number_row(**about, metric=metric, value=value, low=value - 0.02, high=value + 0.02, n=31))
    for cell_type, ec50 in (("HRCE", 0.654), ("VERO", math.nan)):
        about = {"question": "dose_response", "featurizer": featurizer, "n": 36}
        about["split"] = f"leave_plate_out:{cell_type}:Remdesivir (simulated)"
        rows.append(number_row(**about, metric="ec50_um", value=ec50, low=ec50 / 2, high=ec50 * 2))
        rows.append(number_row(**about, metric="rises_with_dose", value=0.77, low=0.66, high=0.88))
    return rows


def layout(featurizer: str, leak: float = 0.5, confounded: float = 0.5) -> list[dict[str, object]]:
    """Numbers of one featurizer on plates: p of a leak of the label, and of the label being predicted by the plate."""
    about = {"question": "layout", "featurizer": featurizer, "split": "plate:HRCE", "n": 80}
    values = {"leak_accuracy": 0.31, "leak_accuracy_chance": 0.25, "leak_label_auc": 0.9, "leak_label_auc_chance": 0.55}
    values |= {"leak_share": 0.4, "leak_p": leak, "leak_confounded_p": confounded}
    return [number_row(**about, metric=metric, value=value) for metric, value in values.items()]


@pytest.fixture(scope="module")
def provenance(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder / "provenance.json", folder, repository, config=read_config(repository / "config/config.yaml"))
    return folder / "provenance.json"


def sites_of(folder: Path, dataset: str) -> Path:
    wells = wells_of_screen()
    if dataset == "rxrx1":
        wells = wells[wells["plate"] == 1].assign(cell_type="HUVEC", control="none")
    path = folder / dataset / "sites.parquet"
    path.parent.mkdir(exist_ok=True)
    write_table(wells.assign(site_id=wells["well_id"] + "_1", site=1)[SITES.names], path, SITES)
    return path


def inputs(
    folder: Path,
    provenance: Path,
    repository: Path,
    rows: list[dict[str, object]] | None,
    roll_backs: tuple[RollBack, ...] = (),
    **changes: Any,
) -> AuditInputs:
    """Files of a run; `changes` of its configuration, section by section."""
    content = json.loads(provenance.read_text(encoding="utf-8"))
    for section, change in changes.items():
        content["configuration"][section] |= change
    (folder / "provenance.json").write_text(json.dumps(content), encoding="utf-8")
    paths = []
    if rows:
        paths = [folder / "numbers.parquet"]
        write_table(pd.DataFrame(rows), paths[0], NUMBERS)
    return AuditInputs(
        numbers=paths,
        provenance=folder / "provenance.json",
        references=repository / "resources/paper_values.csv",
        sites=sites_of(folder, "rxrx19a"),
        others=[sites_of(folder, "rxrx1")],
        curves=[write_curve(folder, 0, list(roll_backs))],
    )


class Words(HTMLParser):
    """The words of a page, without its style; and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []
        self.silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent = self.silent or tag == "style"
        self.loads += [tag] if tag in ("script", "link", "img", "iframe") else []

    def handle_endtag(self, tag: str) -> None:
        self.silent = self.silent and tag != "style"

    def handle_data(self, data: str) -> None:
        self.words += [] if self.silent else [data]


def audit(files: AuditInputs, folder: Path) -> tuple[str, str]:
    """Words of the page (single spaces) and the summary."""
    write_audit(files, folder / "audit.html", folder / "summary.txt")
    parser = Words()
    parser.feed((folder / "audit.html").read_text(encoding="utf-8"))
    assert parser.loads == []
    return " ".join(" ".join(parser.words).split()), (folder / "summary.txt").read_text(encoding="utf-8")


def every(accuracies: dict[str, float] | None = None, half: float = 0.01) -> list[dict[str, object]]:
    accuracies = ACCURACY if accuracies is None else accuracies
    return [row for name, value in accuracies.items() for row in answers(name, value, half)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, provenance: Path, repository: Path) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("page")
    return audit(inputs(folder, provenance, repository, every()), folder)


def test_every_question_has_a_section_with_a_table_per_scheme(page: tuple[str, str]) -> None:
    words, _ = page
    for title in screen.TITLES.values():
        assert title in words
    for held_out in ("A quarter of the wells held out", "Whole plates held out", "Whole experiments held out"):
        assert held_out in words


def test_every_number_of_the_tables_is_on_the_page(page: tuple[str, str]) -> None:
    words, _ = page
    assert f"All {len(every())} numbers of this run" in words
    for row in every():
        shown = row["question"] == "calibration" or row["metric"] in screen.METRICS
        if row["question"] != "dose_response" and shown:
            value = Value(*(float(str(row[name])) for name in ("value", "low", "high")), int(str(row["n"])))
            assert f"{value.text} {value.interval} n = {value.n}" in words, row


def test_images_stand_before_wells_and_accuracy_before_other_metrics(page: tuple[str, str]) -> None:
    words, _ = page
    table = words[words.index("A quarter of the wells held out (the paper") :]
    assert table.index("Accuracy, by image") < table.index("Accuracy, by well") < table.index("Z′, by well")


def test_the_sirna_accuracy_of_the_baseline_is_among_findings_and_has_a_section(
    tmp_path: Path, provenance: Path, repository: Path
) -> None:
    about = {"question": "recognition", "featurizer": "densenet161_arcface", "normalization": "none"}
    about |= {"split": "held_out_experiments:all", "n": 320}
    values = {"share_held_out": 0.5, "accuracy": 0.128, "chance": 0.025}
    rows = [number_row(**about, unit=u, metric=m, value=v) for u in ("site", "well") for m, v in values.items()]
    words, summary = audit(inputs(tmp_path, provenance, repository, [*every(), *rows]), tmp_path)
    assert "siRNA accuracy of the baseline simulated" in words
    assert "recognises the siRNA of 12.8 %" in summary
    assert "no held-out image chose them" in words


def test_dose_series_are_reported_by_compound_and_cell_type(page: tuple[str, str]) -> None:
    words, summary = page
    assert "Remdesivir (simulated) HRCE 0.654 [0.327, 1.31] 0.77 [0.66, 0.88] 36" in words
    assert "Remdesivir (simulated) VERO – 0.77 [0.66, 0.88] 36" in words
    assert "1 of 2 series (compound by cell type) have a curve" in summary


def test_the_page_and_the_summary_say_simulated_everywhere(page: tuple[str, str]) -> None:
    words, summary = page
    assert summary.splitlines()[0] == "simulated: RXRX19A + RXRX1, simulated screen"
    assert "All images of this run are simulated: no number here describes real cells." in summary
    assert "Every image and every number of this run is simulated." in words
    for title in (*screen.TITLES.values(), "Dose response"):
        assert f"{title} simulated" in words
    assert "it says nothing about real cells" in words


def test_references_of_both_screens_stand_beside_and_none_is_comparable(page: tuple[str, str]) -> None:
    words, summary = page
    assert re.search(
        r"Accuracy of images C\+ against C− \(E²\), a quarter of the wells held out \(the paper's split\) GAN-DL, 512-d layer "
        r"0\.914 0\.90 \[0\.89, 0\.91\] 320 sites ≁",
        words,
    )
    assert re.search(r"0\.9268 0\.90 \[0\.89, 0\.91\] 320 sites ≁ not comparable: simulated screen", words), "RxRx1"
    assert "✓ agrees" not in words
    assert "✗ differs" not in words
    assert "not comparable: simulated screen: " in summary


def test_losing_to_a_floor_is_reported_with_the_floors_that_it_beats(page: tuple[str, str]) -> None:
    _, summary = page
    reported = [line for line in summary.splitlines() if screen.TITLES["controls"] in line]
    assert len(reported) == 2, "the paper's split, and whole plates held out"
    judged = featurizer_label(TRAINED[0])
    assert f"{judged} has accuracy 0.90 [0.89, 0.91] by image (n = 320): above" in reported[0]
    assert "above Untrained network (0.70); Channel intensities (0.60)" in reported[0]
    assert "and not above these floors: Segmentation (0.97)." in reported[0]
    assert reported[0].endswith("GAN-DL, blocks: 0.93 [0.92, 0.94].")


def test_a_featurizer_that_was_not_trained_for_left_out_plates_has_a_row_that_says_so(
    tmp_path: Path, provenance: Path, repository: Path
) -> None:
    rows = every({**ACCURACY, "imagenet_collapsed": 0.8})
    rows = [
        row
        for row in rows
        if not (row["featurizer"] == "imagenet_collapsed" and str(row["split"]).startswith("leave_plate_out"))
    ]
    words, _ = audit(inputs(tmp_path, provenance, repository, rows), tmp_path)
    assert words.count("ImageNet-collapsed (EfficientNet-Lite0) not trained for left-out plates – –") == 2, "E² and C²"
    assert "not trained for left-out experiments" not in words
    assert "not trained for" not in audit(inputs(tmp_path, provenance, repository, every()), tmp_path)[0]


def test_winning_against_every_floor_is_reported_without_a_loss_and_overlap_is_said(
    tmp_path: Path, provenance: Path, repository: Path
) -> None:
    rows = every({**ACCURACY, "segmentation": 0.85}, half=0.1)
    _, summary = audit(inputs(tmp_path, provenance, repository, rows), tmp_path)
    assert "not above these floors" not in summary
    assert "Segmentation (0.85, intervals overlap)" in summary


def test_what_the_screens_hold_is_counted_by_cell_type(page: tuple[str, str]) -> None:
    words, _ = page
    wells = wells_of_screen()
    assert f"rxrx19a: {len(wells)} images of {len(wells)} wells" in words
    hrce = (wells["cell_type"] == "HRCE").sum()
    assert f"HRCE: 2 plates, {hrce} wells (16 C+, 16 C−)" in words
    assert "rxrx1: " in words


def test_a_real_screen_does_not_say_simulated_and_is_compared(
    tmp_path: Path, provenance: Path, repository: Path
) -> None:
    rows = [row for row in every() if row["question"] not in ("calibration", "dose_response")]
    files = inputs(tmp_path, provenance, repository, rows)
    content = json.loads(files.provenance.read_text(encoding="utf-8"))
    content |= {"simulated": False, "run": "paper"}
    files.provenance.write_text(json.dumps(content), encoding="utf-8")
    words, summary = audit(files, tmp_path)
    assert "simulated" not in words.lower()
    assert summary.startswith("paper: RXRX19A + RXRX1, real images")
    assert "not comparable: part of the screen: " in summary, "its metadata is not complete"
    for name in ("rxrx19a", "rxrx1"):
        content["configuration"]["source"][name] |= {"complete": True}
    files.provenance.write_text(json.dumps(content), encoding="utf-8")
    assert "differs: " in audit(files, tmp_path)[1], "0.914 of the paper is outside of our interval"


def test_a_run_that_requests_no_question_still_has_its_page(tmp_path: Path, provenance: Path, repository: Path) -> None:
    files = inputs(tmp_path, provenance, repository, None, evaluation={"questions": []})
    words, summary = audit(files, tmp_path)
    assert "All 0 numbers of this run" in words
    assert "All images of this run are simulated" in summary
    assert "not measured in this run" in words


def test_a_labs_own_plates_have_their_page_though_no_reference_is_known(
    tmp_path: Path, provenance: Path, repository: Path
) -> None:
    rows = [
        number_row(featurizer=name, split="leave_row_out:A549", metric="accuracy", value=value, low=value, high=value)
        for name, value in ACCURACY.items()
    ]
    rows += [
        number_row(
            featurizer="nuclear_over_ring", normalization="none", split="no_training:A549", value=0.3, low=0.2, high=0.4
        )
    ]
    files = inputs(tmp_path, provenance, repository, rows, source={"datasets": ["plates"]})
    words, summary = audit(files, tmp_path)
    assert "No reference value is known for this screen." in words
    assert "There is no reference value to compare with." in summary
    assert "No classifier, so nothing to hold out" in words
    assert "Nucleus/ring ratio, no SVM 0.30 [0.20, 0.40]" in words


def test_unknown_cells_are_all_wells_and_the_word_is_nowhere(
    tmp_path: Path, provenance: Path, repository: Path
) -> None:
    about = {"featurizer": "gandl", "n": 12}
    rows = [
        number_row(**about, split="leave_plate_out:unknown", metric="z_prime", value=0.3, low=0.2, high=0.4),
        number_row(**about, question="dose_response", split="leave_plate_out:unknown:unknown", metric="ec50_um"),
    ]
    files = inputs(tmp_path, provenance, repository, rows, source={"datasets": ["plates"]})
    wells = read_table(files.sites, SITES).assign(cell_type="unknown", compound="drug A", treatment="drug A")
    write_table(wells[wells["plate_id"] == wells["plate_id"].iloc[0]], files.sites, SITES)
    files = AuditInputs(files.numbers, files.provenance, files.references, files.sites, (), files.curves)
    words, summary = audit(files, tmp_path)
    assert re.search(r"rxrx19a: \d+ images of \d+ wells; 1 plate, \d+ wells \(\d+ C\+", words)
    assert "all wells Z′, by well" in words
    assert "whole plates held out, all wells: GAN-DL, 512-d layer has" in summary, summary
    assert words.count("whole plates held out: unknown") == 1, "a compound of this name"
    assert not re.findall(r"unknown(?=:| cells)|:unknown", words)


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path, provenance: Path, repository: Path) -> None:
    files = inputs(tmp_path, provenance, repository, every())
    for name in ("one", "two"):
        write_audit(files, tmp_path / f"{name}.html", tmp_path / "summary.txt")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_series_of_one_cell_type_are_told_by_their_compound_alone() -> None:
    rows = [number_row(question="dose_response", featurizer="gandl", split="leave_row_out:SIM-1", metric="ec50_um")]
    (series,) = screen.dose_series(pd.DataFrame(rows), Config().model_dump(mode="json"), "gandl")
    assert (series.compound, series.cell_type) == ("SIM-1", "")
    assert screen.dose_series(no_numbers(), Config().model_dump(mode="json"), "gandl") == []


def test_roll_backs_are_reported_on_the_page_and_in_the_summary(
    tmp_path: Path, provenance: Path, repository: Path, page: tuple[str, str]
) -> None:
    went_back = audit(inputs(tmp_path, provenance, repository, every(), ((4_016, 0.001, 0.2),)), tmp_path)
    for words in went_back:
        assert (
            "was rolled back to an earlier checkpoint once (of at most 3): it ended with learning rate 0.001 (set: 0.002)"
            in words
        )
    assert "0 1 4,016 0.001 0.2" in went_back[0]
    assert "Training was never rolled back" in page[0]
    assert "go back" not in page[1]


def test_paired_sentences_replace_unpaired_words_on_floors_and_differences_stand_by_set(
    provenance: Path, repository: Path, tmp_path: Path
) -> None:
    files = inputs(tmp_path, provenance, repository, every())
    about = {
        "question": "controls",
        "normalization": "unlabelled",
        "split": "leave_plate_out:HRCE",
        "fold": "all",
        "seed": 0,
    }
    held = {"unit": "well", "metric": "auc_difference", "n": 60, "drawn": "well", "units": 60}
    found = {"value": 0.12, "low": 0.08, "high": 0.16, "p": 1e-5, "p_holm": 1e-4}
    table = pd.DataFrame([{**about, **held, **found, "featurizer": "gandl", "against": "intensity"}])
    write_table(table[COMPARISONS.names], tmp_path / "floors.parquet", COMPARISONS)
    page, summary = audit(replace(files, paired=[tmp_path / "floors.parquet"]), tmp_path)
    assert "- GAN-DL, 512-d layer: above Channel intensities." in summary
    assert "intervals overlap" not in summary
    assert "not above these floors" not in summary
    assert "less Channel intensities" in page
    assert "+0.12 [0.08, 0.16]" in page
    assert page.count("above Channel intensities") == 2, "among the findings and beside the differences"
    without, summary = audit(files, tmp_path)
    assert "not above these floors" in summary
    assert "Featurizers against floors" not in without


def test_a_leak_is_a_finding_and_what_cannot_be_separated_a_caveat(
    tmp_path: Path, provenance: Path, repository: Path
) -> None:
    for leak, said, where in ((0.01, "Leakage", "summary"), (0.5, "Layout", "page")):
        rows = [row for row in every() if row["question"] != "layout"]
        rows += [*layout("gandl", leak, 0.01), *layout("intensity", 0.5, 0.01)]
        words, summary = audit(inputs(tmp_path, provenance, repository, rows), tmp_path)
        sentence = f"{said}: the plate alone predicts which control a well is (AUC 0.90, by chance 0.55)"
        assert sentence in words
        assert (sentence in summary) == (where == "summary")
    assert "GAN-DL, 512-d layer (40 % of the distance between the controls)" not in words

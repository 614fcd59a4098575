"""What the paper states beside what a run found, a sentence per figure or table; and the landing page of the report."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from docutils.core import publish_parts
from jinja2 import Environment

from gandl.report.made.beside import sentences, targets_of, write_beside
from gandl.report.made.costs import rule_costs
from gandl.report.made.landing import write_landing
from gandl.report.made.sections import BEYOND, SECTIONS, ZERO_SHOT, of_paper, place_of, section_of
from report_inputs import write_run

ROW = {
    "what": "Accuracy of images",
    "who": "GAN-DL, 512-d layer",
    "split": "a quarter of the wells held out",
    "reference": "0.914",
    "accepted": "",
    "ours": "0.86",
    "interval": "[0.78, 0.93]",
    "beside": "",
    "verdict": "not comparable: simulated screen",
    "place": "Table 1, column GAN-DL",
}


@pytest.mark.parametrize(
    ("place", "target", "expected"),
    [
        ("Table 1, column GAN-DL", "", ["table_1"]),
        ("Results, Fig. 5a", "", ["figure_5"]),
        ("Results, Figure 3", "", ["figure_3"]),
        ("docs/decisions.md", "", []),
        ("Table 1", "table_1 preprint_table_1", ["table_1", "preprint_table_1"]),
    ],
)
def test_the_target_of_a_number_is_the_one_named_else_its_place(place, target, expected):
    assert targets_of({**ROW, "place": place, "target": target}) == expected


def test_a_sentence_gives_the_papers_number_then_ours_and_the_verdict():
    (said,) = sentences([ROW]).values()
    assert said == (
        "GAN-DL, 512-d layer, paper: 0.914, here: 0.86 [0.78, 0.93] (Accuracy of images, a quarter of the wells held out). "
        "Not comparable: simulated screen (1 of 1)."
    )


def test_measured_numbers_come_first_and_those_left_out_are_counted():
    lost = {**ROW, "ours": "–", "interval": "", "verdict": "not measured in this run", "who": "Published embeddings"}
    ranged = {**ROW, "reference": "–", "accepted": "≤ 0.877", "who": "ConvAE"}
    said = sentences([lost, ROW, ROW, ranged, lost])["table_1"]
    assert said.index("paper: ≤ 0.877, here: 0.86") > said.index("paper: 0.914")
    assert (
        "; 2 more in the audit page. Not comparable: simulated screen (3 of 5), not measured in this run (2 of 5)."
        in said
    )
    assert "Published embeddings" not in said
    assert "here: not measured" in sentences([lost])["table_1"]


def test_where_there_is_the_audits_table_its_results_and_claims_are_taken(tmp_path):
    about = dict.fromkeys(("source", "place", "ours_text", "n", "unit", "repeats", "paper_value"), "")
    about |= dict.fromkeys(("full_run", "full_run_text", "full_run_verdict"), "")
    rows = [
        {
            **about,
            "kind": "result",
            "what": "C+ against C-",
            "printed": "91.4",
            "target": "table_1",
            "verdict": "differs",
        }
        | {"paper_value": "0.914", "ours": "0.8567", "ours_low": "0.78", "ours_high": "0.934"}
        | {"ours_text": "by densenet161_arcface"},
        {**about, "kind": "claim", "what": "rises", "printed": "rises", "target": "figure_4", "verdict": "agrees"}
        | {"ours": "", "ours_text": "rises", "ours_low": "", "ours_high": ""},
        {**about, "kind": "setting", "what": "batch", "printed": "64", "target": "table_1", "verdict": "agrees"}
        | {"ours": "64", "ours_low": "", "ours_high": ""},
    ]
    rows.append({**rows[0], "repeats": "bmc:1:1"})
    pd.DataFrame(rows).to_csv(tmp_path / "audit.csv", index=False)
    write_beside([ROW], tmp_path / "beside.json", tmp_path / "audit.csv")
    assert json.loads((tmp_path / "beside.json").read_text()) == {
        "table_1": "paper: 0.914, here: 0.857 [0.78, 0.934] (by DenseNet on RxRx1 (ArcFace)) (C+ against C-). Differs (1 of 1).",
        "figure_4": "paper: rises, here: rises (rises). Agrees (1 of 1).",
    }


def test_a_caption_says_what_was_compared_or_that_the_paper_has_no_such_number(tmp_path):
    beside = tmp_path / "beside_paper.json"
    assert "not yet compared" in of_paper("table_1", beside)
    write_beside([ROW], beside)
    assert of_paper("table_1", beside).startswith("Table 1. GAN-DL, 512-d layer, paper: 0.914, here: 0.86")
    assert of_paper("figure_3", beside) == "Fig. 3 of the paper, which prints no number for it that this run has."
    assert of_paper("figure_plate", beside) == "Not in the paper."
    beside.write_text("{")
    assert "not yet compared" in of_paper("table_1", beside)


def test_categories_are_sections_of_the_paper_and_what_it_lacks_stands_last():
    assert section_of("figure_5") == ZERO_SHOT
    assert section_of("figure_unheard_of") == BEYOND == max(BEYOND, *(section for section, _ in SECTIONS.values()))
    assert (place_of("figure_5"), place_of("figure_plate")) == ("Fig. 5", "")
    assert not any(":" in section for section, _ in SECTIONS.values()), "a colon ends the name of a link in the report"


JOBS: list[dict[str, Any]] = [
    {"stage": "figures", "job": "figure_3", "rule": "figure_3", "seconds": 2.0, "cpu_seconds": 1.0, "peak_mib": None},
    {"stage": "source", "job": "a", "rule": "sites", "seconds": 1.0, "cpu_seconds": None, "peak_mib": 10.0},
    {"stage": "source", "job": "b", "rule": "sites", "seconds": 3.0, "cpu_seconds": 2.0, "peak_mib": 30.0},
    {"stage": "figures", "job": "figure_4", "rule": None, "seconds": 9.0, "cpu_seconds": 9.0, "peak_mib": 5.0},
]


def test_costs_add_up_by_rule_the_dearest_of_a_stage_first():
    assert [(cost.rule, cost.jobs, cost.seconds, cost.cpu_seconds, cost.peak_mib) for cost in rule_costs(JOBS)] == [
        ("sites", 2, 4.0, 2.0, 30.0),
        ("figure_4", 1, 9.0, 9.0, 5.0),
        ("figure_3", 1, 2.0, 1.0, None),
    ]


def test_the_landing_page_states_run_data_commit_versions_hardware_and_cost_and_is_valid(tmp_path, repository):
    write_run(tmp_path / "provenance.json", tmp_path, repository)
    provenance = json.loads((tmp_path / "provenance.json").read_text()) | {"jobs": JOBS}
    template, landing = tmp_path / "workflow.rst", tmp_path / "landing.rst"
    template.write_text("Run {{ run }}.\n")
    found = ["Highest in 2 (a_b *c* `d` |e| {{ not_a_template }})."]
    write_landing(landing, template, provenance, ["bbbc013: 96 images of 96 wells."], found)
    text = Environment(trim_blocks=True, lstrip_blocks=True).from_string(landing.read_text()).render(run="of a test")
    page = publish_parts(text, writer="html", settings_overrides={"halt_level": 2, "report_level": 5})["html_body"]
    for words in (
        "Run of a test.",
        "bbbc013: 96 images",
        "{{ not_a_template }}",
        "*c* `d` |e|",
        "sites",
        "4.0 s",
        "30 MiB",
    ):
        assert words in page, words
    for words in (provenance["git"]["commit"], provenance["versions"]["python"], provenance["hardware"]["cpu"]):
        assert words in page, words

"""The rule graph as a picture: stages from left to right, no arrow that follows from others, nothing on top of anything."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from gandl.report.made.costs import STAGES
from gandl.report.made.graph import GraphError, draw, read_rule_graph, stages_of_rules

PRINTED = """---
title: DAG
---
flowchart TB
	id0[all]
	id1[figure_3]
	id2[scores]
	id3[controls]
	id4[sites]
	style id0 fill:#57D957,stroke-width:2px,color:#333333
	id1 --> id0
	id2 --> id1
	id3 --> id1
	id2 --> id3
	id4 --> id2
	id4 --> id1
"""
STAGE = {"all": "report", "figure_3": "figures", "scores": "evaluation", "controls": "evaluation", "sites": "source"}


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of every box, by its rule."""
    found = re.findall(
        r'<rect class="box[^"]*" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="(\d+)" rx="4"/><text[^>]*>([^<]+)<',
        svg,
    )
    return {name: (float(x), float(y), float(x) + float(w), float(y) + float(h)) for x, y, w, h, name in found}


def test_arrows_that_follow_from_others_and_rules_that_gather_are_left_out():
    graph = read_rule_graph(PRINTED, STAGE)
    assert set(graph.stages) == {"figure_3", "scores", "controls", "sites"}
    assert graph.arrows == {("scores", "controls"), ("controls", "figure_3"), ("sites", "scores")}


def test_data_flow_from_left_to_right_and_the_target_is_filled():
    svg = draw(read_rule_graph(PRINTED, STAGE), "one <figure>", ["figure_3"])
    ElementTree.fromstring(svg)
    place = boxes(svg)
    order = ["sites", "scores", "controls", "figure_3"]
    assert all(place[a][2] < place[b][0] for a, b in pairwise(order))
    assert svg.count('class="box target"') == 1
    assert draw(read_rule_graph(PRINTED, STAGE), "one <figure>", ["figure_3"]) == svg, "the same bytes"


@pytest.mark.parametrize("text", ["", "Error in Snakefile", "flowchart TB\n"])
def test_what_is_no_graph_is_refused_in_a_sentence(text):
    with pytest.raises(GraphError, match="--rulegraph mermaid-js is expected"):
        read_rule_graph(text, STAGE)


def test_a_rule_that_no_file_names_is_named():
    with pytest.raises(GraphError, match=r"no file of rules/ names figure_3\b"):
        read_rule_graph(PRINTED, {name: stage for name, stage in STAGE.items() if name != "figure_3"})


def test_every_rule_of_the_workflow_has_a_stage(repository):
    stages = stages_of_rules(sorted((repository / "rules").rglob("*.smk")))
    assert {"figure_4", "table_1", "conv_ae", "pretrained", "audit"} <= set(stages)
    assert set(stages.values()) <= set(STAGES)


@pytest.mark.parametrize("target", ["", "figure_4"])
def test_the_graph_of_the_default_run_is_drawn_without_overlap(repository, tmp_path, target):
    command = [sys.executable, "-m", "snakemake", *filter(None, [target]), "--cores", "1", "--quiet", "all"]
    command += ["--nolock", "--rulegraph", "mermaid-js", "--config", f"run=graph_of_{tmp_path.name}"]
    command += ["--configfile", "config/config.yaml"]
    printed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    graph = read_rule_graph(printed, stages_of_rules(sorted((repository / "rules").rglob("*.smk"))))
    svg = draw(graph, "default", [target])
    place = list(boxes(svg).values())
    assert len(place) == len(graph.stages)
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
    for i, (left, top, right, bottom) in enumerate(place):
        assert 0 < left < right < width
        assert 0 < top < bottom < height
        assert all(right < x0 or x1 < left or bottom < y0 or y1 < top for x0, y0, x1, y1 in place[i + 1 :])
    if target:
        assert "table_1" not in graph.stages

"""Results in Snakemake's report: each under a section of the paper, by one label, in the configurations of the project."""

from __future__ import annotations

from collections import Counter

import pytest
from snakemake.api import SnakemakeApi
from snakemake.io import get_flag_value, is_flagged
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

from gandl.report.made.sections import BEYOND, SECTIONS

CATEGORIES = {BEYOND, *(section for section, _ in SECTIONS.values())}


@pytest.mark.parametrize("file", ["config.yaml", "bbbc013.yaml"])
def test_each_result_has_one_label_of_its_own_and_a_section_of_the_paper(file, repository, monkeypatch):
    """With several labels Snakemake's report can turn one into a switch, and then shows a blank page."""
    monkeypatch.chdir(repository)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        config = ConfigSettings(configfiles=[repository / "config" / file])
        workflow = api.workflow(resource_settings=ResourceSettings(cores=1), config_settings=config)._workflow
        shown = [
            get_flag_value(out, "report") for rule in workflow.rules for out in rule.output if is_flagged(out, "report")
        ]
    assert len(shown) > 15
    assert {tuple(one.labels) for one in shown} == {("result",)}
    assert {one.category for one in shown} <= CATEGORIES
    twice = [key for key, n in Counter((one.category, one.labels["result"]) for one in shown).items() if n > 1]
    assert twice == []

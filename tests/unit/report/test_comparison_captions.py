"""Captions of the comparison under the switches of the published code: they name these, and claim nothing that they undo."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from gandl.config import ComparisonSettings
from gandl.config.comparison_terms import Switch
from gandl.report.captions import comparison_caption

REPORT = Path(__file__).resolve().parents[3] / "workflow/report"
ITEMS = sorted(path.stem for path in REPORT.glob("comparison_*.rst"))


def rendered(name: str, word: str = "", **changes: object) -> str:
    """A caption as Snakemake's report shows it, before reStructuredText."""
    compared = ComparisonSettings.model_validate(changes)
    params = SimpleNamespace(
        caption={"comparison": comparison_caption(compared)},
        word=word,
        similar=compared.similar,
        opposite=["PAC", "RAP"],
        vehicle=compared.vehicle,
        confidence=compared.tasks.confidence,
        paper="Not in the paper.",
    )
    text = (REPORT / f"{name}.rst").read_text(encoding="utf-8")
    return Environment(undefined=StrictUndefined).from_string(text).render(snakemake=SimpleNamespace(params=params))


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("word", ["", "simulated"])
def test_every_caption_names_the_switches_that_are_on_and_none_without_one(name: str, word: str) -> None:
    assert "comparison.faithful" not in rendered(name, word)
    text = rendered(name, word, faithful=["hard_auc", "tile_split"])
    assert "run reproduces ``hard_auc``, ``tile_split`` (``comparison.faithful``)." in text
    body = publish_parts(text, writer="html", settings_overrides={"halt_level": 2, "report_level": 5})["body"]
    assert "<blockquote" not in body
    every = rendered(name, word, faithful=True)
    assert all(f"``{switch}``" in every for switch in Switch)


def test_accuracies_are_said_to_be_of_other_wells_only_where_they_are() -> None:
    text = " ".join(rendered("comparison_figure_4").split())
    assert (
        "All settings were chosen on the validation part; shown are the tiles of the test part: of other wells" in text
    )
    by_tile = " ".join(rendered("comparison_figure_4", faithful=["tile_split"]).split())
    assert "of other wells than" not in by_tile
    assert "others of the same wells were trained on; n below the panels." in by_tile
    by_test = " ".join(rendered("comparison_figure_4", faithful=["test_selection"]).split())
    assert (
        "The head's settings were chosen on the very tiles that are shown, the SVM's on the validation part;" in by_test
    )
    assert "All settings" not in by_test


@pytest.mark.parametrize("name", ["comparison_figure_3", "comparison_figure_truth"])
def test_collapsed_is_what_the_configured_rule_says(name: str) -> None:
    text = " ".join(rendered(name, tasks={"similarity": {"collapsed_below": 0.02}}).split())
    assert "less than 2 % of the codes' size" in text

"""Captions: they state the values really used, with n, and are valid reStructuredText."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from gandl.config import Config
from gandl.report.captions import caption_counts

REPORT = Path(__file__).resolve().parents[2] / "workflow/report"
ITEMS = sorted(path.stem for path in REPORT.glob("*.rst") if path.stem != "workflow")


def rendered(name: str, repository: Path, config: Config) -> str:
    """A caption as Snakemake's report shows it, before reStructuredText; a key that no rule gives is an error."""
    platemap = repository / "resources/bbbc013_platemap.csv"
    caption = {
        "dataset": config.source.dataset.value,
        "normalization": config.normalization.method.value,
        "featurizer": "gandl_blocks",
        "featurizers": [featurizer.value for featurizer in config.embeddings.featurizers],
        "bootstrap": config.evaluation.bootstrap,
        "confidence": config.evaluation.confidence,
        "images": config.training.images,
        "crop": config.training.network.crop,
        "resolution": config.training.resolution,
        "seed": config.training.seed,
        "development_rows": config.source.development_rows,
        **caption_counts(platemap, config.source.dataset.value, config.source.development_rows),
    }
    params = SimpleNamespace(caption=caption, settings=config.figures.model_dump(mode="json"))
    job = SimpleNamespace(params=params, config=config.model_dump(mode="json"))
    text = (REPORT / f"{name}.rst").read_text(encoding="utf-8")
    return " ".join(Environment(undefined=StrictUndefined).from_string(text).render(snakemake=job).split())


@pytest.mark.parametrize("name", [*ITEMS, "workflow"])
def test_a_caption_is_valid_restructured_text(name, repository):
    text = rendered(name, repository, Config())
    assert publish_parts(text, writer="html", settings_overrides={"halt_level": 2, "report_level": 5})["body"]


@pytest.mark.parametrize("name", ITEMS)
def test_every_caption_says_how_many(name, repository):
    text = rendered(name, repository, Config())
    assert "n = " in text or " wells" in text


@pytest.mark.parametrize("name", ["audit", "axes", "dose_response", "plate"])
def test_captions_of_doses_say_where_the_doses_are_from(name, repository):
    assert "from memory, not from an official plate map" in rendered(name, repository, Config())


def test_captions_follow_the_configuration(repository):
    config = Config.model_validate({"evaluation": {"bootstrap": 777, "confidence": 0.9}, "training": {"images": 1234}})
    assert "90 % intervals from 777 bootstrap draws" in rendered("featurizers", repository, config)
    assert "over 1,234 images" in rendered("training", repository, config)


def test_captions_count_the_wells_of_the_plate_map(repository):
    counts = caption_counts(repository / "resources/bbbc013_platemap.csv", "bbbc013", ["A", "B", "C"])
    assert (counts["wells"], counts["positive"], counts["negative"], counts["controls"]) == (96, 8, 16, 24)
    assert (counts["development_controls"], counts["other_controls"]) == (9, 15)
    assert counts["series"] == "36 wells of Wortmannin, 36 wells of LY294002"


def test_captions_count_nothing_where_the_plate_map_is_absent(tmp_path):
    assert caption_counts(tmp_path / "none.csv", "bbbc013", ["A"]) == {}

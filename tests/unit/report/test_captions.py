"""Captions: they state the values really used, with n, and are valid reStructuredText."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from docutils.core import publish_parts
from jinja2 import Environment, StrictUndefined

from gandl.config import ComparisonSettings, Config, Normalization
from gandl.config.files import read_config
from gandl.report.captions import (
    COVERAGE,
    NO_COUNTS,
    caption_counts,
    comparison_caption,
    conv_ae_caption,
    coverage_note,
    hits_note,
    imagenet_in_words,
    normalizations_in_words,
    zero_shot_note,
)

REPORT = Path(__file__).resolve().parents[3] / "workflow/report"
ITEMS = sorted(path.stem for path in REPORT.glob("*.rst") if path.stem != "workflow")


ONLY_OF_THE_PLATE = ("axes",)
NO_RESULTS = ("audit",)
ONLY_OF_SCREENS = (
    *("figure_2", "figure_3", "figure_4", "figure_5", "figure_calibration", "s_confusion", "s_drugs", "table_1"),
    *("preprint_figure_5", "preprint_figure_6", "preprint_figure_7", "preprint_table_1"),
)


def rendered(name: str, repository: Path, config: Config) -> str:
    """A caption as Snakemake's report shows it, before reStructuredText; a key that no rule gives is an error."""
    plate = config.source.bbbc013
    screen, word = config.source.screen.value, "simulated" if config.simulated else ""
    featurizers = [featurizer.value for featurizer in config.embeddings.featurizers]
    scheme = "leave_row_out" if plate else "leave_plate_out"
    caption = {
        "dataset": screen,
        "word": word,
        "scheme": scheme,
        "platemap": plate.platemap if plate else None,
        "normalization": config.normalization.method.value,
        "normalizations": normalizations_in_words([method.value for method in config.normalization.methods]),
        "featurizer": "gandl_blocks",
        "featurizers": featurizers,
        "network": "efficientnet_lite0",
        "bootstrap": config.evaluation.bootstrap,
        "confidence": config.evaluation.confidence,
        "false_discovery": config.evaluation.false_discovery,
        "hits_note": hits_note(config.normalization.method.value),
        "images": config.training.images,
        "crop": config.training.network.crop,
        "resolution": config.training.resolution,
        "seed": config.training.seed,
        "held_out": config.training.held_out,
        "quality_crops": config.training.quality_crops,
        "chosen": config.training.weights.value,
        "comparison": comparison_caption(config.comparison or ComparisonSettings()),
        "conv_ae": conv_ae_caption(config.counterparts.conv_ae),
        "counterparts": config.counterparts.model_dump(mode="json"),
        "imagenet_network": config.embeddings.imagenet.network.label,
        "development_rows": config.source.development_rows,
        "imagenet": imagenet_in_words(
            featurizers, config.embeddings.imagenet.network, config.counterparts.conv_ae.perceptual
        ),
        "zero_shot": zero_shot_note(featurizers, screen),
        "blocks": config.embeddings.blocks,
        "block_statistics": [statistic.value for statistic in config.embeddings.block_statistics],
        **(caption_counts(repository / plate.platemap, screen, plate.development_rows) if plate else NO_COUNTS),
    }
    params = SimpleNamespace(
        caption=caption,
        settings=config.figures.model_dump(mode="json"),
        word=word,
        scheme=scheme,
        scaling=config.evaluation.scaling.value,
        featurizer="gandl_blocks",
        featurizers=featurizers,
        columns=["gandl", "densenet161_arcface", "gandl_blocks"],
        panels=["gandl", "imagenet_collapsed", "imagenet_concatenated", "conv_ae"],
        datasets=[dataset.value for dataset in config.source.datasets],
        similar=["MTX", "PEM"],
        opposite=["PAC", "RAP"],
        vehicle="DMSO",
        confidence=config.evaluation.confidence,
        paper="Not in the paper.",
    )
    job = SimpleNamespace(params=params, config=config.model_dump(mode="json"))
    text = (REPORT / f"{name}.rst").read_text(encoding="utf-8")
    return " ".join(Environment(undefined=StrictUndefined).from_string(text).render(snakemake=job).split())


def of_plate(repository: Path, **changes: Any) -> Config:
    """The configuration of the real plate, its sections changed."""
    values = read_config(repository / "config/bbbc013.yaml").model_dump(mode="json")
    for section, change in changes.items():
        values[section] |= change
    return Config.model_validate(values)


def of_screens(repository: Path) -> Config:
    """The default configuration: the simulated pair."""
    return read_config(repository / "config/config.yaml")


RUNS = [
    *((name, of_plate) for name in (*ITEMS, "workflow") if name not in ONLY_OF_SCREENS),
    *((name, of_screens) for name in (*ITEMS, "workflow") if name not in ONLY_OF_THE_PLATE),
]


@pytest.mark.parametrize(("name", "configured"), RUNS)
def test_a_caption_is_valid_restructured_text(name, configured, repository):
    text = rendered(name, repository, configured(repository))
    assert publish_parts(text, writer="html", settings_overrides={"halt_level": 2, "report_level": 5})["body"]


@pytest.mark.parametrize("name", [name for name in ITEMS if name not in NO_RESULTS])
def test_every_caption_ends_with_what_the_paper_states_and_what_was_found(name):
    text = (REPORT / f"{name}.rst").read_text(encoding="utf-8")
    assert text.endswith("\n\n**Beside the paper.** {{ snakemake.params.paper }}\n")


@pytest.mark.parametrize(("name", "configured"), RUNS)
def test_every_caption_says_how_many(name, configured, repository):
    text = rendered(name, repository, configured(repository))
    assert name == "workflow" or "n = " in text or " wells" in text or "n in " in text or "n by " in text


@pytest.mark.parametrize(("name", "configured"), RUNS)
def test_the_word_simulated_stands_on_what_is_simulated_and_on_nothing_else(name, configured, repository):
    text = rendered(name, repository, configured(repository)).lower()
    assert ("simulated" in text) is (configured is of_screens)


@pytest.mark.parametrize(
    "name", ["audit", "axes", "compounds", "dose_response", "plate", "treatments", "table_treatments"]
)
def test_captions_of_doses_say_where_the_doses_are_from(name, repository):
    assert "from memory, not from an official plate map" in rendered(name, repository, of_plate(repository))


def test_captions_follow_the_configuration(repository):
    config = of_plate(repository, evaluation={"bootstrap": 777, "confidence": 0.9}, training={"images": 1234})
    text = rendered("featurizers", repository, config)
    assert "nominal 90 % intervals (where plates or rows were held out" in text
    assert "777 bootstrap draws over wells," in text
    assert "over 1,234 images" in rendered("training", repository, config)


def test_the_caption_of_reconstructions_names_the_network_that_saw_them(repository):
    of_run = rendered("s_reconstructions", repository, of_screens(repository))
    assert "of sites that were held out from its training" in of_run
    assert (
        "and, with weight 0.1, the distance between the first 3 feature maps of EfficientNet-Lite0 as trained" in of_run
    )
    pixels = of_screens(repository).model_copy(deep=True)
    recipe = pixels.counterparts.conv_ae.changed(held_out=0.0, perceptual={"weight": 0.0})
    pixels = pixels.changed(counterparts=pixels.counterparts.changed(conv_ae=recipe.model_dump(mode="json")))
    without = rendered("s_reconstructions", repository, pixels)
    assert "Trained by the mean squared error of pixels. Each channel" in without
    assert "of sites that it was trained on (none was held out)" in without


def test_the_caption_of_counterparts_tells_of_those_that_the_run_has(repository):
    text = rendered("s_counterparts", repository, of_screens(repository))
    assert "*ImageNet-collapsed*: EfficientNet-Lite0 as trained on ImageNet" in text
    assert "the distance between the first 3 feature maps of EfficientNet-Lite0" in text
    assert "Dashed: chance, a uniform guess (one over the number of labels" in text
    few = of_plate(repository, embeddings={"featurizers": ["gandl_blocks", "conv_ae"]})
    text = rendered("s_counterparts", repository, few)
    assert "*ConvAE*" in text
    assert not any(word in text for word in ("DenseNet", "ImageNet-collapsed", "chance"))


OF_FEATURES = ("axes", "dose_response", "featurizers", "plate", "table_featurizers", "treatments", "table_treatments")


@pytest.mark.parametrize("name", OF_FEATURES)
def test_captions_of_features_name_blocks_and_statistics(name, repository):
    config = of_plate(repository, embeddings={"blocks": ["image", "block_32"], "block_statistics": ["std"]})
    assert "standard deviation over space of every feature map of image, block_32." in rendered(
        name, repository, config
    )
    every = of_plate(repository, embeddings={"blocks": []})
    assert "of every feature map of every block." in rendered(name, repository, every)


def test_the_caption_of_featurizers_says_only_what_its_figure_shows(repository):
    several, one = (
        rendered("featurizers", repository, of_plate(repository, normalization={"methods": methods, "method": "none"}))
        for methods in (["none", "unlabelled"], ["none"])
    )
    assert "on a tinted ground. Each plate is in units of" in several
    assert "Where the order differs between panels, it depends on the normalisation as well" in several
    assert "Each plate is in units of *none*: nothing (raw). Lines: nominal" in one
    assert not any(word in one for word in ("tinted", "panel"))
    floors = "untrained network, untrained ImageNet network, cell count, intensities, segmentation, CellProfiler measurements"
    assert f"learned nothing from the images: {floors}. An arrow" in several
    few = of_plate(repository, embeddings={"featurizers": ["gandl_blocks", "intensity"]})
    text = rendered("featurizers", repository, few)
    assert "learned nothing from the images: intensities. An arrow" in text
    assert "segmentation." not in text.lower().replace("earlier plain segmentation.", "")
    assert "ucleus/ring ratio" not in text
    assert "Floors" not in rendered(
        "featurizers", repository, of_plate(repository, embeddings={"featurizers": ["gandl"]})
    )


@pytest.mark.parametrize("name", ["featurizers", "table_featurizers"])
def test_captions_of_intervals_say_what_these_are_worth_with_so_few_wells(name, repository):
    text = rendered(name, repository, of_plate(repository))
    assert (
        "about 97 % of screens with 8 positive and 16 negative wells and in about 96–99 % of screens with 4 positive"
        in text
    )
    assert "with all plate rows in view" in text


def test_coverage_is_reported_only_of_numbers_of_wells_that_were_simulated():
    assert coverage_note([(5, 7)]) == ""


def test_captions_count_the_wells_of_the_plate_map(repository):
    counts = caption_counts(repository / "resources/bbbc013_platemap.csv", "bbbc013", ["A", "B", "C"])
    assert (counts["wells"], counts["positive"], counts["negative"], counts["controls"]) == (96, 8, 16, 24)
    assert (counts["development_controls"], counts["other_controls"]) == (9, 15)
    assert counts["series"] == "36 wells of Wortmannin, 36 wells of LY294002"


def test_a_screen_without_a_plate_map_has_the_same_keys_and_no_counts(repository):
    counts = caption_counts(repository / "resources/bbbc013_platemap.csv", "bbbc013", ["A", "B", "C"])
    assert set(counts) == set(NO_COUNTS)
    assert not any(NO_COUNTS.values())


def test_captions_count_nothing_where_the_plate_map_is_absent(tmp_path):
    assert caption_counts(tmp_path / "none.csv", "bbbc013", ["A"]) == {}


def test_captions_of_accuracies_say_what_is_held_out_and_where_the_threshold_lies(repository):
    text = rendered("table_1", repository, of_screens(repository))
    assert "*quarter*" in text
    assert "normalisation *unlabelled* for c+ against c−, raw profiles" in text.lower()
    assert "not the SVM's own threshold" in text


@pytest.mark.parametrize("name", ["table_1", "figure_5", "s_confusion"])
def test_captions_name_the_featurizers_that_are_not_zero_shot_on_rxrx1(name, repository):
    of_run = " ".join(rendered(name, repository, of_screens(repository)).split())
    assert (
        "are zero-shot (trained on no image of that screen), except ImageNet-collapsed, which learned these" in of_run
    )
    assert "the published embeddings" not in of_run
    of_paper = " ".join(rendered(name, repository, read_config(repository / "config/paper.yaml")).split())
    assert "ImageNet-collapsed, which learned these cell types" in of_paper
    assert "the published embeddings, which were trained with labels on RxRx1" in of_paper


def test_the_baseline_is_said_to_have_seen_tested_wells_and_nothing_is_zero_shot_on_the_screen_trained_on():
    assert zero_shot_note(["gandl", "imagenet_concatenated", "intensity"], "rxrx19a").endswith("image of that screen).")
    note = zero_shot_note(["gandl", "densenet161_arcface"], "rxrx19a")
    assert note.endswith(
        "except DenseNet on RxRx1 (ArcFace), which this run trained on the labelled siRNAs of RxRx1, on wells that are "
        "tested here, too."
    )
    assert zero_shot_note(["gandl", "imagenet_collapsed"], "rxrx1") == (
        "The cell types of RxRx1 are not zero-shot in this run, whose networks were trained on its images; with labels: "
        "ImageNet-collapsed, which learned these cell types from the training wells."
    )


@pytest.mark.parametrize("name", ["figure_3", "figure_4", "s_drugs", "dose_response", "plate", "treatments"])
def test_captions_of_screens_promise_no_stricter_scheme_than_a_cell_type_allows(name, repository):
    assert "else a random quarter of the wells" in rendered(name, repository, of_screens(repository))


@pytest.mark.parametrize("name", ["treatments", "table_treatments"])
def test_captions_of_hits_say_what_a_hit_is_and_at_which_rate(name, repository):
    text = rendered(name, repository, of_plate(repository, evaluation={"false_discovery": 0.1}))
    assert "a false discovery rate of 10 %" in text
    assert "Student's t, plates as blocks, two-sided" in text
    assert "over all treatments and doses of a cell type" in text


@pytest.mark.parametrize("name", ["treatments", "table_treatments"])
def test_captions_of_hits_warn_where_plates_are_in_units_of_the_compared_controls(name, repository):
    of_method = {
        method: rendered(name, repository, of_plate(repository, normalization={"method": method, "methods": [method]}))
        for method in ("negative", "negative_crossfit")
    }
    assert hits_note("negative") in of_method["negative"]
    assert "more false hits than stated" in hits_note("negative")
    assert "false hits" not in of_method["negative_crossfit"]


def test_notes_on_hits_and_references_follow_the_wells_of_the_later_normalisations():
    assert hits_note("spherize") == hits_note("mad", "unlabelled") == hits_note("none", "negative") == ""
    assert "more false hits than stated" in hits_note("spherize", "negative")
    assert "42, 12" not in hits_note("spherize", "negative"), "measured of other methods"
    text = normalizations_in_words([method.value for method in Normalization], "", "mock")
    assert "tvn: its wells without treatment and infection, once the whole screen is whitened on these" in text
    assert "{" not in text
    assert len(text.split("; ")) == len(Normalization)


@pytest.mark.parametrize("name", ["treatments", "table_treatments"])
def test_captions_of_hits_say_how_intervals_are_made_with_and_without_replicates(name, repository):
    text = rendered(name, repository, of_plate(repository))
    assert "whose deviations from their treatment's mean are pooled" in text
    assert "8 degrees of freedom, Student's t by the spread of the negative controls within plates" in text


def test_the_caption_of_the_calibration_says_that_missed_compounds_are_not_in_its_error(repository):
    text = rendered("figure_calibration", repository, of_screens(repository))
    assert "the median error is of the found ones alone" in text
    assert "profile-likelihood" in text


OF_TRAINED = (
    *("table_1", "table_featurizers", "featurizers", "figure_2", "figure_3", "figure_4", "figure_5", "s_drugs"),
    *("s_confusion", "figure_calibration"),
)


@pytest.mark.parametrize("name", [*OF_TRAINED, "workflow"])
def test_a_task_that_is_not_the_papers_is_named_wherever_its_features_are_shown(name, repository):
    config = of_screens(repository)
    assert "ours" in rendered(name, repository, config)
    assert "the same well" in rendered(name, repository, config)
    values = config.model_dump(mode="json")
    values["training"]["contrast"]["pairs"] = "none"
    assert "the same well" not in rendered(name, repository, Config.model_validate(values))


@pytest.mark.parametrize("name", ["featurizers", "figure_5", "table_1", "table_featurizers"])
def test_captions_of_featurizers_name_the_imagenet_network_that_was_used(name, repository):
    assert "*ImageNet-concatenated*: EfficientNet-Lite0 as trained on ImageNet" in rendered(
        name, repository, of_screens(repository)
    )


def test_the_coverage_that_captions_state_is_what_the_benchmark_measured(repository):
    table = pd.read_csv(repository / "benchmarks/results/row_intervals.csv")
    held = 100 * table[table["metric"] == "z_prime"].groupby("wells")["held"].agg(["min", "max"])
    for (positive, negative), stated in COVERAGE.items():
        ends = dict.fromkeys(f"{share:.0f}" for share in held.loc[f"{positive}+{negative}"])
        assert stated == f"about {'–'.join(ends)} %"

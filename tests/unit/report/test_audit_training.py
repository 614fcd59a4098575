"""The audit page on the training: roll-backs, quality and the choice of weights are those of the training curves."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from gandl.config import TrainingSettings
from gandl.models.crops.crop_sampler import hold_out
from gandl.report.training import few_images, training_story
from gandl.tables import CURVE, SITES, read_table, write_table
from report_inputs import Screen, audit


def test_a_training_that_never_went_back_says_what_it_used_and_is_no_finding(tmp_path, repository):
    words, summary = audit(Screen(), tmp_path, repository)
    assert (
        "Course of the training Training was never rolled back: learning rate 0.002 and R1 gamma 0.2 from the first"
        in words
    )
    assert "Failed after" not in words
    assert "go back" not in summary


def test_roll_backs_are_reported_with_what_was_really_used(tmp_path, repository):
    backs = [(4_016, 0.001, 0.2), (2_400, 0.0005, 0.4)]
    words, summary = audit(Screen(roll_backs={0: backs}), tmp_path, repository)
    reported = "was rolled back to an earlier checkpoint 2 times (of at most 3): it ended with learning rate 0.0005 (set: 0.002)"
    assert f"Training failed and {reported} and R1 gamma 0.4 (set: 0.2)." in summary
    assert reported in words
    assert "0 1 4,016 0.001 0.2 0 2 2,400 0.0005 0.4" in words


def test_every_seed_reports_its_own_training(tmp_path, repository):
    words, summary = audit(Screen(roll_backs={0: [], 7: [(4_016, 0.0005, 50.0)]}), tmp_path, repository)
    assert "Training of seed 0 was never rolled back" in words
    assert "Training of seed 7 failed and was rolled back to an earlier checkpoint once" in summary
    assert "7 1 4,016 0.0005 50" in words


def test_two_roll_backs_from_one_place_are_two(tmp_path, repository):
    inputs = Screen(roll_backs={0: []}).write(tmp_path, repository)
    rows = [(800, 50, "roll_back", 2.0), (800, 50, "learning_rate", 0.00025), (800, 50, "r1_gamma", 50.0)]
    write_table(pd.DataFrame(rows, columns=CURVE.names), inputs.curves[0], CURVE)
    settings = json.loads(inputs.provenance.read_text())["configuration"]["training"]
    assert "was rolled back to an earlier checkpoint 2 times" in training_story(inputs.curves, settings).sentences[0]


def test_quality_and_the_choice_of_weights_are_reported(tmp_path, repository):
    inputs = Screen(roll_backs={0: []}).write(tmp_path, repository)
    rows = [(800, 50, "quality", 2.5), (1_600, 100, "quality", 3.0), (1_600, 100, "quality_floor", 0.0846)]
    write_table(pd.DataFrame(rows, columns=CURVE.names), inputs.curves[0], CURVE)
    settings = json.loads(inputs.provenance.read_text())["configuration"]["training"]
    chosen, quality = training_story(inputs.curves, settings).notes
    assert chosen.startswith("The last weights are used for embedding")
    assert "3 after 1,600 images (best: 2.5 after 800; real crops of the other sites: 0.0846)" in quality
    assert "not label-free" in training_story(inputs.curves, settings | {"weights": "best_probe"}).notes[0]


def test_what_generated_crops_look_like_stands_beside_real_ones(tmp_path, repository):
    inputs = Screen(roll_backs={0: []}).write(tmp_path, repository)
    rows = [
        *((800, 50, name, 9.0) for name in ("nuclei_per_crop", "spectrum_distance")),
        *((1_600, 100, name, 5.4) for name in ("nuclei_per_crop", "spectrum_distance")),
        (1_600, 100, "nuclei_per_crop_real", 6.0),
    ]
    write_table(pd.DataFrame(rows, columns=CURVE.names), inputs.curves[0], CURVE)
    settings = json.loads(inputs.provenance.read_text())["configuration"]["training"]
    reported = training_story(inputs.curves, settings).notes[-1]
    assert "5.4 nuclei per crop (real: 6), spatial spectra 5.4 times" in reported


def test_weights_chosen_by_labels_are_a_caveat_and_held_out_sites_are_named(tmp_path, repository):
    screen = Screen()
    screen.write(tmp_path, repository)
    settings = json.loads((tmp_path / "provenance.json").read_text())["configuration"]
    settings["training"] |= {"weights": "best_probe", "held_out": 0.05}
    screen.provenance = {"configuration": settings}
    words, _ = audit(screen, tmp_path, repository)
    assert "were chosen by labels, the probe's Z′" in words
    assert "all sites but 5 %, drawn by chance" in words
    settings["training"] |= {"weights": "last", "held_out": 0.0}
    words, _ = audit(screen, tmp_path, repository)
    assert "chosen by labels" not in words
    assert "the network saw the images of all wells while training" in words


def test_a_run_that_trained_nothing_says_nothing_of_training(tmp_path, repository):
    words, _ = audit(Screen(roll_backs={}), tmp_path, repository)
    assert "Course of the training" not in words


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.5])
@pytest.mark.parametrize("batch", [4, 8, 16, 64])
def test_fewer_images_than_ten_batches_are_reported_as_training_counts_them(tmp_path, repository, share, batch):
    sites = Screen().write(tmp_path, repository).sites
    settings = TrainingSettings(held_out=share, batch=batch).model_dump(mode="json")
    trained = len(hold_out(len(read_table(sites, SITES)), share)[0])
    reported = few_images(sites, settings)
    assert bool(reported) == (trained < 10 * batch)
    if reported:
        assert reported[0].startswith(f"The network learned from {trained} images, fewer than 10 batches of {batch} ")


def test_few_images_stand_in_the_summary_and_on_the_page(tmp_path, repository):
    for words in audit(Screen(), tmp_path, repository):
        assert "fewer than 10 batches of 16 (training.batch), and may memorise them: more images, or" in words


def test_adaptive_augmentation_is_not_advised_where_it_is_on(tmp_path, repository):
    sites = Screen().write(tmp_path, repository).sites
    settings = TrainingSettings(batch=64).model_dump(mode="json")
    settings["augmentation"]["kind"] = "adaptive"
    assert few_images(sites, settings)[0].endswith("may memorise them: more images help.")

"""Accuracy with and without knowledge of the groups of labels that share plates, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gandl.config import Intensity
from gandl.images.store_reader import ImageStore
from gandl.models.compute.device import CPU
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.supervision import Labels
from gandl.models.looks.classification import Recognition, measures
from gandl.models.looks.measures import Given
from gandl.models.looks.plate_groups import plate_groups
from gandl.models.networks.classifier import Classifier, Judgement, TrainedClassifier
from model_inputs import CLASSIFIER, write_store

PLATES = {0: (0, 1, 4), 1: (2, 3, 4), 2: (0, 1, 4), 3: (2, 3, 4)}
"""Classes by plate: two groups of two, and a control on all plates; the last two plates validate."""


def labels() -> Labels:
    of_site = np.array([label for held in PLATES.values() for label in held])
    return Labels(tuple("abcde"), of_site, np.arange(6), np.arange(6, 12), np.repeat(list(PLATES), 3))


def test_labels_that_share_plates_are_a_group_and_controls_are_in_none() -> None:
    groups = plate_groups(labels())
    assert groups.count == 2
    assert groups.of_class.tolist() == [0, 0, 1, 1, -1]
    assert groups.allowed(1).tolist() == [False, False, True, True, True]


def test_without_plates_or_with_all_labels_everywhere_there_are_no_groups() -> None:
    given = labels()
    assert plate_groups(Labels(given.classes, given.of_site, given.training, given.validation)).count == 1
    everywhere = Labels(("a", "b"), np.array([0, 1, 0, 1]), np.arange(4), np.arange(0), np.array([0, 0, 1, 1]))
    assert plate_groups(everywhere).count == 0


def test_a_plate_is_of_the_group_that_all_its_images_together_find_most_likely() -> None:
    """The second image alone would say the other group; restricted, it takes the best of the plate's."""
    logits = np.log(np.array([[0.6, 0.2, 0.1, 0.05, 0.05], [0.2, 0.1, 0.5, 0.1, 0.1], [0.1, 0.6, 0.05, 0.05, 0.2]]))
    restricted = plate_groups(labels()).restricted(logits, np.zeros(3, np.int64))
    assert restricted.argmax(axis=1).tolist() == [0, 0, 1]
    assert np.isneginf(restricted[:, 2:4]).all()
    assert np.array_equal(restricted[:, [0, 1, 4]], logits[:, [0, 1, 4]])


@pytest.fixture
def given(tmp_path) -> Given:
    store = ImageStore(write_store(tmp_path, sites=12))
    scale = IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)
    return Given([store], labels().validation, scale, CLASSIFIER, CPU, None, labels())


def test_what_a_look_measures_is_what_counting_gives(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    chances = np.full((6, 5), 0.05)
    for row, label in enumerate([0, 2, 4, 2, 0, 4]):  # truth: 0 1 4 2 3 4
        chances[row, label] = 0.8
    chances[1, 1] = chances[4, 3] = 0.1
    logits = torch.log(torch.from_numpy(chances))
    monkeypatch.setattr(Classifier, "forward", lambda self, images: Judgement(images, logits, -logits))
    found = Recognition(given).measure(TrainedClassifier.new(CLASSIFIER, given.scale, 0, classes=tuple("abcde")))
    truth = np.array([0, 1, 4, 2, 3, 4])
    loss = -np.log(chances[np.arange(6), truth] / chances.sum(axis=1)).mean()
    assert found["quality"] == pytest.approx(loss)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["accuracy_of_groups"] == pytest.approx(2 / 4)
    assert found["accuracy_in_groups"] == pytest.approx(1), "two images are right among the labels of their plates"
    assert found["accuracy_of_groups_in_groups"] == pytest.approx(1)


def test_nothing_held_out_measures_nothing(given: Given) -> None:
    assert len(measures(given)) == 1
    nothing = Given(given.stores, np.empty(0, np.int64), given.scale, given.settings, CPU, None, given.labels)
    assert measures(nothing) == []

"""siRNA accuracy on held-out sites, with and without the groups of siRNAs that share plates, against counting by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given as drawn, settings, strategies as st

from gandl.config import Intensity
from gandl.images.store_reader import ImageStore
from gandl.models.compute.device import CPU
from gandl.models.crops.intensity import IntensityScale
from gandl.models.crops.supervision import Labels, Supervision
from gandl.models.looks.classification import Recognition, measures, write_recognition
from gandl.models.looks.measures import Given
from gandl.models.looks.plate_groups import PlateGroups, plate_groups
from gandl.models.networks.classifier import Classifier, Judgement, TrainedClassifier
from gandl.models.networks.weights import save
from gandl.tables import LABELS, RECOGNITION, SITES, read_table, write_table
from model_inputs import CLASSIFIER, write_store
from table_rows import site_row

PLATES = {0: (0, 1, 4), 1: (2, 3, 4), 2: (0, 1, 4), 3: (2, 3, 4)}
"""Classes by plate: two groups of two, and a control on all plates; the last two plates validate."""
CONTROL = np.array([False, False, False, False, True])
GROUPS = PlateGroups(np.array([0, 0, 1, 1]), 2)


def labels(controls: np.ndarray = CONTROL) -> Labels:
    of_site = np.array([label for held in PLATES.values() for label in held])
    return Labels(tuple("abcde"), of_site, np.arange(6), np.arange(6, 12), np.repeat(list(PLATES), 3), controls)


def scale() -> IntensityScale:
    return IntensityScale(("gfp", "dna"), (0.0, 0.0), (255.0, 255.0), Intensity.STORE)


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


@settings(deadline=None, max_examples=200)
@drawn(seed=st.integers(0, 2**32 - 1), sites=st.integers(1, 30), plates=st.integers(1, 6), sharp=st.floats(0, 20))
def test_knowledge_of_the_plates_group_never_makes_a_right_answer_wrong(
    seed: int, sites: int, plates: int, sharp: float
) -> None:
    """Whatever lies on a plate: also labels of several groups, and of none."""
    rng = np.random.default_rng(seed)
    groups = PlateGroups(rng.integers(-1, 3, 9), 3)
    right, plate, scores = rng.integers(9, size=sites), rng.integers(plates, size=sites), rng.normal(size=(sites, 9))
    allowed = groups.on_plates(right, plate)
    assert allowed[np.arange(sites), right].all()
    scores *= sharp
    told = scores.argmax(axis=1) == right
    within = np.where(allowed, scores, -np.inf).argmax(axis=1) == right
    assert (within >= told).all()


def test_a_plate_of_one_group_leaves_its_labels_alone() -> None:
    allowed = GROUPS.on_plates(np.array([0, 1, 3]), np.array([5, 5, 2]))
    assert allowed.tolist() == [[True, True, False, False]] * 2 + [[False, False, True, True]]


def test_guessed_groups_are_dealt_to_the_plates_of_an_experiment_so_that_all_together_are_most_likely() -> None:
    """Both plates look like group 0, the second one less so: it gets the other group; in another experiment it would not."""
    logits = np.log(np.array([[0.6, 0.3, 0.05, 0.05], [0.3, 0.3, 0.2, 0.2]]))
    plates = np.array([0, 1])
    together = GROUPS.guessed(logits, plates, ["A", "A"])
    assert together.tolist() == [[True, True, False, False], [False, False, True, True]]
    apart = GROUPS.guessed(logits, plates, ["A", "B"])
    assert apart.tolist() == [[True, True, False, False]] * 2


def test_a_plates_images_count_together_and_plates_beyond_the_groups_get_their_most_likely_one() -> None:
    logits = np.log(
        np.array([[0.4, 0.3, 0.2, 0.1], [0.05, 0.05, 0.8, 0.1], [0.1, 0.1, 0.5, 0.3], [0.5, 0.3, 0.1, 0.1]])
    )
    guess = GROUPS.guessed(logits, np.array([0, 0, 1, 2]), ["A"] * 4)
    assert guess[:2].tolist() == [[False, False, True, True]] * 2, "0.7 x 0.1 against 0.3 x 0.9"
    assert guess[2].tolist() == [False, False, True, True]
    assert guess[3].tolist() == [True, True, False, False]


@pytest.fixture
def given(tmp_path) -> Given:
    store = ImageStore(write_store(tmp_path, sites=12))
    return Given([store], labels().validation, scale(), CLASSIFIER, CPU, None, labels())


@pytest.fixture
def chances(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Of six sites, truth 0 1 4 2 3 4: the classifier takes them for 0 2 2 0 0 4; cosines are the other way round.

    The plate of the first three is of group 0, yet its images together look like group 1, and the other way round.
    """
    found = np.full((6, 5), 0.01)
    found[0, 0], found[0, 2] = 0.6, 0.3
    found[1, 2], found[1, 3], found[1, 1], found[1, 0] = 0.5, 0.4, 0.05, 0.02
    found[2, 2], found[2, 4] = 0.8, 0.1
    found[3, 0], found[3, 2] = 0.6, 0.3
    found[4, 0], found[4, 3] = 0.6, 0.3
    found[5, 4] = 0.9
    logits = torch.log(torch.from_numpy(found))
    monkeypatch.setattr(Classifier, "forward", lambda self, images: Judgement(images, logits, -logits))
    return found


TRUTH = np.array([0, 1, 4, 2, 3, 4])


def model() -> TrainedClassifier:
    return TrainedClassifier.new(CLASSIFIER, scale(), 0, classes=tuple("abcde"))


def test_a_look_measures_sirnas_among_sirnas_and_controls_apart(given: Given, chances: np.ndarray) -> None:
    (measure,) = measures(given)
    found = measure(model())
    sirnas = [0, 1, 3, 4]
    loss = -np.log(chances[sirnas, TRUTH[sirnas]] / chances[sirnas].sum(axis=1)).mean()
    assert found["quality"] == pytest.approx(loss), "of siRNAs alone"
    assert found["accuracy"] == pytest.approx(1 / 4)
    assert found["accuracy_arcface"] == pytest.approx(0)
    assert found["accuracy_in_groups"] == pytest.approx(1), "with the plates' own groups"
    assert found["accuracy_of_controls"] == 1, "among controls; the first control looks like a siRNA"


def test_without_knowledge_of_controls_all_labels_are_told_apart(given: Given, chances: np.ndarray) -> None:
    for of in (labels(np.empty(0, bool)), labels(np.ones(5, bool))):
        all_alike = Given(given.stores, given.held_out, given.scale, given.settings, CPU, None, of)
        found = Recognition(all_alike, 100).measure(model())
        assert found["accuracy"] == pytest.approx(2 / 6)
        assert "accuracy_of_controls" not in found


def about(wells: list[str]) -> pd.DataFrame:
    plates = [f"E_{plate}" for plate in (2, 2, 2, 3, 3, 3)]
    sites = [f"s{i}" for i in range(6)]
    return pd.DataFrame({"site_id": sites, "well_id": wells, "plate_id": plates, "experiment": "E"})


def test_answers_of_sites_hold_the_true_group_and_a_wrong_guess_apart(given: Given, chances: np.ndarray) -> None:
    """The two plates look like each other's group: every guess is wrong, and knowledge is always right."""
    found = Recognition(given, 100).answers(model(), about(list("uvwxyz")))
    table = found[found["unit"] == "site"]
    assert table["label"].tolist() == list("abecde")
    assert table["predicted"].tolist() == ["a", "c", "e", "a", "a", "e"]
    assert table["control"].tolist() == [False, False, True, False, False, True]
    sirnas = table[~table["control"]]
    assert sirnas["predicted_in_groups"].tolist() == list("abcd")
    assert (sirnas["predicted_in_guessed_groups"] != sirnas["label"]).all()
    assert sirnas["chance"].tolist() == [1 / 4] * 4
    assert sirnas["chance_in_groups"].tolist() == [1 / 2] * 4
    controls = table[table["control"]]
    assert controls["chance"].tolist() == [1, 1]
    assert controls["predicted_in_groups"].isna().all()


def test_a_well_is_answered_by_the_mean_log_probability_of_its_sites(given: Given, monkeypatch) -> None:
    found = np.full((6, 5), 0.05)
    found[0, 0], found[0, 1] = 0.6, 0.3
    found[1, 0], found[1, 1] = 0.1, 0.7
    logits = torch.log(torch.from_numpy(found))
    monkeypatch.setattr(Classifier, "forward", lambda self, images: Judgement(images, logits, -logits))
    one = Labels(tuple("abcde"), labels().of_site.copy(), np.arange(6), np.arange(6, 12), labels().plates, CONTROL)
    one.of_site[7] = 0  # both sites of the first well have one label
    judged = Given(given.stores, given.held_out, given.scale, given.settings, CPU, None, one)
    table = Recognition(judged, 100).answers(model(), about(["u", "u", "w", "x", "y", "z"]))
    wells = table[table["unit"] == "well"]
    assert wells["well_id"].tolist() == ["u", "w", "x", "y", "z"]
    assert wells["site_id"].isna().all()
    chance = found[:2, :4] / found[:2, :4].sum(axis=1, keepdims=True)
    best = "abcd"[np.log(chance).mean(axis=0).argmax()]
    assert wells["predicted"].iloc[0] == best == "b"


def test_recognition_is_written_from_files_of_a_training(tmp_path: Path) -> None:
    wells = [f"{letter}{number:02}" for number in (1, 2) for letter in "ABCDEF"]
    rows = [site_row("HUVEC-1", 1 if i < 6 else 2, well) for i, well in enumerate(wells)]
    sites = pd.DataFrame(rows)
    path = write_store(tmp_path, sites=12)
    sites["site_id"] = ImageStore(path).site_ids
    sites["control"] = np.where(labels().of_site == 4, "negative", "none")
    write_table(sites, tmp_path / "sites.parquet", SITES)
    table = sites[["site_id", "plate_id", "control"]].assign(
        label=np.array(list("abcde"))[labels().of_site], part=np.where(np.arange(12) < 6, "train", "validation")
    )
    write_table(table, tmp_path / "labels.parquet", LABELS)
    assert Supervision.read(tmp_path / "labels.parquet").of([ImageStore(path)]).controls.tolist() == CONTROL.tolist()
    save(model(), tmp_path / "weights.safetensors")
    files = (
        tmp_path / name for name in ("weights.safetensors", "labels.parquet", "sites.parquet", "recognition.parquet")
    )
    write_recognition([path], *files, device=CPU)
    found = read_table(tmp_path / "recognition.parquet", RECOGNITION)
    assert found["unit"].value_counts().to_dict() == {"site": 6, "well": 6}
    of_sites = found[found["unit"] == "site"].merge(table, on="site_id", suffixes=("", "_given"))
    assert (of_sites["label"] == of_sites["label_given"]).all()
    assert set(found.loc[found["control"], "predicted"]) == {"e"}


def test_nothing_held_out_measures_nothing_and_writes_no_answer(given: Given, tmp_path: Path) -> None:
    assert len(measures(given)) == 1
    nothing = Given(given.stores, np.empty(0, np.int64), given.scale, given.settings, CPU, None, given.labels)
    assert measures(nothing) == []
    sites = pd.DataFrame([site_row("HUVEC-1", 1, f"A{i:02}") for i in range(1, 13)])
    sites["site_id"] = given.stores[0].site_ids
    write_table(sites, tmp_path / "sites.parquet", SITES)
    table = sites[["site_id"]].assign(label=np.array(list("abcde"))[labels().of_site], part="train")
    write_table(table, tmp_path / "labels.parquet", LABELS)
    save(model(), tmp_path / "weights.safetensors")
    files = (
        tmp_path / name for name in ("weights.safetensors", "labels.parquet", "sites.parquet", "recognition.parquet")
    )
    write_recognition([given.stores[0].path], *files, device=CPU)
    assert read_table(tmp_path / "recognition.parquet", RECOGNITION).empty

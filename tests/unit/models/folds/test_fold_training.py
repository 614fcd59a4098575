"""Trainings of folds: none sees a well that it tests, what is finished is kept, and mistakes are told before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fold_inputs import PLATES, SCHEME, SETTINGS, Screen, write_stores, write_tables
from gandl.models.crops.crop_sampler import CropError
from gandl.models.folds import training
from gandl.models.folds.curves import guessing, write_fold_curves
from gandl.models.folds.loading import load_folds
from gandl.models.folds.manifest import Folds, FoldsError, file_of
from gandl.models.folds.terms import FOLD_CURVES, LABEL_COUNT, MOST_FREQUENT
from gandl.models.networks.imagenet.weights import packaged
from gandl.source.fold_labels import FoldOf, make_fold_labels
from gandl.source.labels import LabelError
from gandl.source.schemes import Question
from gandl.tables import CURVE, LABELS, SITES, SPLITS, read_table, write_table
from gandl.workflow.files import sha256_of
from imagenet_files import other_lite0_file
from training_runs import no_peak

__all__ = ["no_peak"]
pytestmark = pytest.mark.usefixtures("no_peak")


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Screen:
    found = Screen(tmp_path_factory.mktemp("screen"))
    found.train()
    return found


def count_trainings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The weights of every training that starts from here on."""
    started: list[Path] = []
    run = training.run

    def counted(job: training.TrainingJob) -> None:
        started.append(job.weights)
        run(job)

    monkeypatch.setattr(training, "run", counted)
    return started


def test_every_fold_has_a_model_that_saw_none_of_its_test_wells(screen: Screen) -> None:
    folds = Folds.read(screen.manifest)
    sites, splits = read_table(screen.sites, SITES), read_table(screen.splits, SPLITS)
    assert [(fold.scheme, fold.fold) for fold in folds.folds] == [(SCHEME, plate) for plate in PLATES]
    for fold in folds.folds:
        work = screen.manifest.parent / training.WORK / fold.file.removesuffix(".safetensors")
        used = read_table(work / "labels.parquet", LABELS)[["site_id", "part"]].merge(sites, on="site_id")
        assert set(used["well_id"]) & FoldOf(Question.CONTROLS, SCHEME, fold.fold).wells(splits, "test") == set()
        assert set(used["plate_id"]) == set(PLATES) - {fold.fold}
        assert (fold.training_wells, fold.validation_wells) == (6, 2)
        assert 0 <= (fold.validation_accuracy or 0) <= 1
        assert not (work / "checkpoints").exists()
    models = load_folds(screen.manifest)
    assert models.keys() == {(SCHEME, plate) for plate in PLATES}
    first, second = (model.collapsed_ema.head.weight for model in models.values())
    assert not np.array_equal(first.numpy(), second.numpy())
    assert next(iter(models.values())).classes == ("negative", "positive")


def test_finished_folds_are_kept_and_a_lost_one_is_trained_again(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = count_trainings(monkeypatch)
    before = screen.manifest.read_bytes()
    screen.manifest.unlink()
    screen.train()
    assert started == []
    assert screen.manifest.read_bytes() == before
    lost = screen.manifest.with_name(file_of(SCHEME, PLATES[1]))
    lost.unlink()
    stray = screen.manifest.with_name("quarter-all.safetensors")
    stray.write_bytes(b"of a scheme that is no longer trained")
    screen.train()
    assert [path.parent.name for path in started] == [f"{SCHEME}-{PLATES[1]}"]
    assert screen.manifest.read_bytes() == before, "the same weights"
    assert not stray.exists()


def test_folds_are_trained_again_with_other_weights_of_their_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, other = Screen(tmp_path), other_lite0_file(tmp_path / "other.pth")
    first, started = screen.train(), count_trainings(monkeypatch)
    assert first.pretrained == sha256_of(packaged(SETTINGS.imagenet))
    screen.train(pretrained=packaged(SETTINGS.imagenet))
    assert started == [], "the same weights, named by their file"
    second = screen.train(pretrained=other)
    assert len(started) == len(PLATES)
    assert second.pretrained == sha256_of(other)
    assert [fold.sha256 for fold in first.folds] != [fold.sha256 for fold in second.folds]


def test_a_file_that_is_not_the_manifests_is_refused(screen: Screen, tmp_path: Path) -> None:
    manifest = tmp_path / "folds.json"
    with pytest.raises(FoldsError, match=r"folds.json does not exist: train the models of the folds first"):
        load_folds(manifest)
    manifest.write_bytes(screen.manifest.read_bytes())
    with pytest.raises(FoldsError, match=rf"{file_of(SCHEME, PLATES[0])}, which .* lists, is missing"):
        load_folds(manifest)
    (tmp_path / file_of(SCHEME, PLATES[0])).write_bytes(b"other")
    with pytest.raises(FoldsError, match=r"is not the file that .* lists"):
        load_folds(manifest)
    manifest.write_text("{}")
    with pytest.raises(FoldsError, match="is no manifest of folds, or of another version"):
        load_folds(manifest)


def test_a_planted_leak_stops_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the code that makes labels took a tested well for one to train on."""
    screen = Screen(tmp_path)

    def leaking(sites: pd.DataFrame, splits: pd.DataFrame, of: FoldOf, **rest: Any) -> pd.DataFrame:
        labels = make_fold_labels(sites, splits, of, **rest)
        leaked = sites[sites["plate_id"] == of.fold][:1]
        return pd.concat([labels, leaked[["site_id", "plate_id"]].assign(label="positive", part="train")])

    monkeypatch.setattr(training, "make_fold_labels", leaking)
    started = count_trainings(monkeypatch)
    with pytest.raises(
        LabelError, match=f"1 well that it tests are among those trained on, the first: {PLATES[0]}_A01"
    ):
        screen.train()
    assert started == []


def test_a_fold_with_fewer_images_than_a_batch_is_trained_on_smaller_batches(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    screen = Screen(tmp_path)
    with caplog.at_level("WARNING", "gandl"):
        folds = screen.train(settings=SETTINGS.changed(batch=8, engine={"microbatch": 4}))
    assert [record.getMessage() for record in caplog.records if record.name == training.__name__] == [
        f"controls, {SCHEME}, fold {plate}: 6 images to train on, fewer than a batch (counterparts.collapsed.batch: 8): its "
        "batches are of 6"
        for plate in PLATES
    ]
    assert [model.settings.batch for model in load_folds(screen.manifest).values()] == [6, 6]
    assert [fold.images for fold in folds.folds] == [12, 12], "8 images are two batches"


def test_whether_a_model_was_best_at_its_last_look_is_kept(screen: Screen, tmp_path: Path) -> None:
    """One look alone is the last one; the last weights, or those of the first of two looks, are not meant."""
    assert [fold.best_at_last_look for fold in Folds.read(screen.manifest).folds] == [True, True]
    other = Screen(tmp_path)
    last = other.train(settings=SETTINGS.changed(weights="last"))
    assert [fold.best_at_last_look for fold in last.folds] == [False, False]
    looks = other.train(settings=SETTINGS.changed(looks=3, images=32))
    for fold in looks.folds:
        assert fold.best_at_last_look == (fold.images == 32)


def test_a_scheme_with_a_fold_of_one_label_is_left_out_and_the_others_are_trained(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    screen = Screen(tmp_path)
    sites, splits = read_table(screen.sites, SITES), read_table(screen.splits, SPLITS)
    negative = sites.loc[sites["control"] == "negative", ["well_id"]]
    one = negative.assign(question="controls", scheme="leave_row_out", fold="A", part="train")
    write_table(pd.concat([splits, one]), screen.splits, SPLITS)
    with caplog.at_level("WARNING", "gandl"):
        folds = screen.train()
    assert {fold.scheme for fold in folds.folds} == {SCHEME}
    assert (
        "controls, leave_row_out, fold A: all 8 training wells are negative; telling classes apart needs two; the scheme "
        "leave_row_out is left out" in caplog.text
    )


def test_all_folds_that_cannot_be_trained_are_told_at_once(tmp_path: Path) -> None:
    screen = Screen(tmp_path)
    write_tables(tmp_path, controls=("negative",))
    with pytest.raises(FoldsError) as one:
        screen.train()
    assert str(one.value).splitlines() == [
        f"controls, {SCHEME}, fold {plate}: all 8 training wells are negative; telling classes apart needs two"
        for plate in PLATES
    ]
    with pytest.raises(FoldsError, match=r"no split of controls in any of counterparts.collapsed.schemes: quarter$"):
        screen.train(schemes=["quarter"])


def test_stores_whose_channels_differ_are_named(tmp_path: Path) -> None:
    screen = Screen(tmp_path)
    wells = read_table(screen.sites, SITES)[["well_id"]]
    write_table(wells.assign(question="controls", scheme="quarter", fold="all", part="train"), screen.splits, SPLITS)
    (tmp_path / "others").mkdir()
    screen.stores[1] = write_stores(tmp_path / "others", ("gfp", "er"))[1]
    with pytest.raises(CropError, match=r"holds the channels gfp, er, but .* holds gfp, dna"):
        screen.train(schemes=["quarter"])


def test_the_curves_of_all_folds_stand_in_one_table_with_what_guessing_reaches(screen: Screen) -> None:
    folds = Folds.read(screen.manifest)
    output = screen.manifest.with_name("curves.parquet")
    write_fold_curves(screen.manifest, output)
    table = read_table(output, FOLD_CURVES)
    assert list(dict.fromkeys(table["fold"])) == list(PLATES)
    for fold in folds.folds:
        rows = table[table["fold"] == fold.fold]
        (accuracy,) = rows.loc[rows["kept"] & (rows["metric"] == "accuracy"), "value"]
        assert accuracy == fold.validation_accuracy
        guessed = rows[rows["images"] == 0].set_index("metric")["value"]
        assert guessed.to_dict() == {LABEL_COUNT: 2.0, MOST_FREQUENT: 0.5}
        work = screen.manifest.parent / training.WORK / fold.file.removesuffix(".safetensors")
        assert len(rows) == 2 + len(read_table(work / "curve.parquet", CURVE))
    (work / "curve.parquet").unlink()
    with pytest.raises(FoldsError, match=r"curve.parquet is missing: delete .* and train the fold again"):
        write_fold_curves(screen.manifest, output)


def test_guessing_is_judged_by_labels_that_are_trained_on() -> None:
    rows = [(label, "train") for label in "aabc"] + [(label, "validation") for label in "abbzzzz"]
    labels = pd.DataFrame(rows, columns=["label", "part"])
    assert guessing(labels) == {LABEL_COUNT: 3.0, MOST_FREQUENT: 2 / 3}
    assert guessing(labels[labels["part"] == "train"]) == {LABEL_COUNT: 3.0}

"""Training of folds: takes image stores, sites, splits and a question, makes the weights of every fold and their manifest.

Each fold is a training of the engine (`gandl.models.engine`), on the labels of its training wells alone. A killed job resumes:
finished folds are kept where settings, code, labels, images and the frozen network's weights are the same, and the others go on
from their checkpoints.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gandl.config import ChosenWeights, CollapsedSettings
from gandl.images.store_reader import ImageStore
from gandl.models.crops.crop_sampler import open_stores
from gandl.models.crops.supervision import Supervision
from gandl.models.engine.launch import run
from gandl.models.engine.training import what_decides
from gandl.models.engine.worker import TrainingJob
from gandl.models.folds.manifest import FoldModel, Folds, FoldsError, file_of
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.imagenet.pretrained import content_of
from gandl.models.networks.weights import load
from gandl.models.objectives.kinds import objective_of
from gandl.source.fold_labels import FoldOf, OneLabelError, check_labels, folds_among, make_fold_labels
from gandl.source.schemes import Question
from gandl.tables import CURVE, LABELS, SITES, SPLITS, read_table, write_table
from gandl.workflow.files import atomic, sha256_of
from gandl.workflow.words import counted

OBJECTIVE = TrainedCollapsed.objective
WORK = "work"
"""Folder beside the manifest: labels, curve, samples and checkpoints of every fold."""
DONE = "done.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoldTraining:
    """One fold: its labels, the stores that hold them, and the settings, whose batch is no larger than its images."""

    of: FoldOf
    labels: pd.DataFrame
    stores: tuple[Path, ...]
    settings: CollapsedSettings


def train_folds(
    question: Question,
    stores: Sequence[Path],
    sites: Path,
    splits: Path,
    settings: CollapsedSettings,
    schemes: Collection[str],
    manifest: Path,
    *,
    pretrained: Path | None = None,
    drop_channels: Collection[str] = (),
    gpus: int = 0,
    threads: int = 1,
    log: Path | None = None,
) -> Folds:
    """Train a model for every fold of some schemes, and write the manifest when all are there.

    A scheme is left out, with a warning, where the training wells of one of its folds have all the same label. A fold with fewer
    images than a batch is trained on smaller batches, with a warning.

    Parameters
    ----------
    stores, sites, splits : of the question's screen.
    schemes : those that the screen does not have are passed over.
    manifest : file to make; weights are written beside it (`file_of`).
    pretrained : weights of the network of `settings.imagenet`, as published; None: those that come with a package.
    drop_channels : that are not trained on, by name.
    gpus : 0 or 1; folds are small.

    Raises
    ------
    FoldsError : the splits have none of the schemes, or none that can be trained; or images are in stores that are not given.
    gandl.source.labels.LabelError : labels that a fold must not be trained on.
    As `gandl.models.engine.training.train`.
    """
    known, table = read_table(Path(sites), SITES), read_table(Path(splits), SPLITS)
    trainings = _trainings(known, table, question, schemes, stores, settings, str(splits))
    folder = Path(manifest).parent
    done = []
    for number, training in enumerate(trainings, 1):
        check_labels(training.labels, known, table, training.of)
        logger.info("%s (%d of %d)", training.of, number, len(trainings))
        done.append(_train(training, known, folder, pretrained, drop_channels, gpus, threads, log))
    kept = {fold.file for fold in done}
    for path in folder.glob("*.safetensors"):
        if path.name not in kept:
            path.unlink()
    found = Folds(question=question, pretrained=content_of(settings.imagenet, pretrained), folds=tuple(done))
    found.write(Path(manifest))
    return found


def _trainings(
    sites: pd.DataFrame,
    splits: pd.DataFrame,
    question: Question,
    schemes: Collection[str],
    stores: Sequence[Path],
    settings: CollapsedSettings,
    where: str,
) -> list[FoldTraining]:
    """The folds to train."""
    folds = folds_among(splits, question, schemes)
    if not folds:
        raise FoldsError(
            f"{where} has no split of {question} in any of counterparts.collapsed.schemes: {', '.join(schemes)}"
        )
    by_id = {ImageStore(Path(store)).store_id: Path(store) for store in stores}
    trainings, problems = [], {}
    for of in folds:
        try:
            labels = make_fold_labels(sites, splits, of, held_out=settings.held_out, seed=settings.seed)
        except OneLabelError as error:
            problems[of] = str(error)
            continue
        needed = sites.loc[sites["site_id"].isin(labels["site_id"]), "store_id"].unique()
        absent = [store for store in needed if store not in by_id]
        if absent:
            raise FoldsError(f"{of}: its images are in the store {absent[0]}, which is not given")
        own = _with_batch(of, int((labels["part"] == "train").sum()), settings)
        trainings.append(FoldTraining(of, labels, tuple(by_id[store] for store in needed), own))
    left_out = {of.scheme for of in problems}
    trainings = [training for training in trainings if training.of.scheme not in left_out]
    if not trainings:
        raise FoldsError("\n".join(problems.values()))
    for of, problem in problems.items():
        logger.warning("%s; the scheme %s is left out", problem, of.scheme)
    return trainings


def _with_batch(of: FoldOf, shown: int, settings: CollapsedSettings) -> CollapsedSettings:
    """Settings whose batch is no larger than so many images."""
    if shown >= settings.batch:
        return settings
    logger.warning(
        "%s: %s to train on, fewer than a batch (%s.batch: %d): its batches are of %d",
        *(of, counted(shown, "image"), settings.section, settings.batch, shown),
    )
    return settings.changed(batch=shown, engine={"microbatch": 0})


def _train(
    training: FoldTraining,
    sites: pd.DataFrame,
    folder: Path,
    pretrained: Path | None,
    drop_channels: Collection[str],
    gpus: int,
    threads: int,
    log: Path | None,
) -> FoldModel:
    """The model of one fold: the one that is there, where it is that of the same training, or a new one."""
    of, settings, name = training.of, training.settings, file_of(training.of.scheme, training.of.fold)
    work, weights = folder / WORK / name.removesuffix(".safetensors"), folder / name
    channels = _channels(training.stores, drop_channels)
    key = _key(training, channels, pretrained)
    if (kept := _kept(work / DONE, key, weights)) is not None:
        logger.info("%s: trained before (%s)", of, weights.name)
        return kept
    labels = work / "labels.parquet"
    write_table(training.labels, labels, LABELS)
    run(
        TrainingJob(
            stores=training.stores,
            settings=settings,
            seed=settings.seed,
            weights=work / "weights.safetensors",
            curve=work / "curve.parquet",
            samples=work / "samples.png",
            checkpoints=work / "checkpoints",
            objective=OBJECTIVE,
            labels=labels,
            channels=channels,
            pretrained=pretrained,
            gpus=min(1, gpus),
            threads=threads,
            log=log,
        )
    )
    model, curve = load(work / "weights.safetensors", TrainedCollapsed), work / "curve.parquet"
    chosen = model.chosen_by is ChosenWeights.BEST_QUALITY
    with atomic(weights) as partial:
        shutil.copyfile(work / "weights.safetensors", partial)
    wells = sites.set_index("site_id")["well_id"]
    count = {
        part: int(wells.loc[rows["site_id"]].nunique()) for part, rows in training.labels.groupby("part", sort=False)
    }
    done = FoldModel(
        scheme=of.scheme,
        fold=of.fold,
        file=name,
        sha256=sha256_of(weights),
        key=key,
        images=model.images_seen,
        best_at_last_look=chosen and model.images_seen == int(read_table(curve, CURVE)["images"].max()),
        validation_accuracy=_accuracy(curve, model.images_seen),
        training_wells=count.get("train", 0),
        validation_wells=count.get("validation", 0),
    )
    with atomic(work / DONE) as partial:
        partial.write_text(done.model_dump_json(), encoding="utf-8")
    shutil.rmtree(work / "checkpoints", ignore_errors=True)
    return done


def _channels(stores: Sequence[Path], dropped: Collection[str]) -> tuple[str, ...] | None:
    if not dropped:
        return None
    return tuple(name for name in ImageStore(stores[0]).channels if name not in dropped)


def _key(training: FoldTraining, channels: Sequence[str] | None, pretrained: Path | None) -> str:
    """Digest of what decides a fold's weights, its curve apart: as for a checkpoint."""
    settings = training.settings
    opened = open_stores(training.stores, settings.resolution, settings.crop, settings.section, channels)
    supervision = Supervision(training.labels, str(training.of))
    facts = what_decides(objective_of(OBJECTIVE), opened, settings, settings.seed, None, supervision, pretrained)
    chosen = {**facts, "weights": settings.weights}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True, default=str).encode()).hexdigest()


def _kept(done: Path, key: str, weights: Path) -> FoldModel | None:
    """The model of a finished training, if it is the same training and the file is whole."""
    try:
        found = FoldModel.model_validate_json(done.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if found.key != key or not weights.is_file() or sha256_of(weights) != found.sha256:
        return None
    return found


def _accuracy(curve: Path, images: int) -> float | None:
    """Validation accuracy after so many images."""
    table = read_table(curve, CURVE)
    rows = table[(table["metric"] == "accuracy") & (table["images"] == images)]
    return None if rows.empty else float(rows["value"].iloc[-1])

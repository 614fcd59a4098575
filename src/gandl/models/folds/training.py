"""Training of folds: takes image stores, sites, splits and a question, makes the weights of every fold and their manifest.

Each fold is a training of the engine (`gandl.models.engine`), on the labels of its training wells alone. A killed job resumes:
finished folds are kept where settings, code, labels and images are the same, and the others go on from their checkpoints.
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

from gandl.config import CollapsedSettings
from gandl.images.store_reader import ImageStore
from gandl.models.crops.crop_sampler import open_stores
from gandl.models.crops.supervision import Supervision
from gandl.models.engine.launch import run
from gandl.models.engine.training import what_decides
from gandl.models.engine.worker import TrainingJob
from gandl.models.folds.manifest import FoldModel, Folds, FoldsError, file_of
from gandl.models.networks.collapsed import TrainedCollapsed
from gandl.models.networks.weights import load
from gandl.models.objectives.kinds import objective_of
from gandl.source.fold_labels import FoldOf, check_labels, folds_among, make_fold_labels
from gandl.source.labels import LabelError
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
    """One fold: its labels, the stores that hold them, and what decides its weights."""

    of: FoldOf
    labels: pd.DataFrame
    stores: tuple[Path, ...]


def train_folds(
    question: Question,
    stores: Sequence[Path],
    sites: Path,
    splits: Path,
    settings: CollapsedSettings,
    schemes: Collection[str],
    manifest: Path,
    *,
    drop_channels: Collection[str] = (),
    gpus: int = 0,
    threads: int = 1,
    log: Path | None = None,
) -> Folds:
    """Train a model for every fold of some schemes, and write the manifest when all are there.

    Parameters
    ----------
    stores, sites, splits : of the question's screen.
    schemes : those that the screen does not have are passed over.
    manifest : file to make; weights are written beside it (`file_of`).
    drop_channels : that are not trained on, by name.
    gpus : 0 or 1; folds are small.

    Raises
    ------
    FoldsError : the splits have none of the schemes; or folds that cannot be trained, all of them named.
    As `gandl.models.engine.training.train`.
    """
    known, table = read_table(Path(sites), SITES), read_table(Path(splits), SPLITS)
    trainings = _trainings(known, table, question, schemes, stores, settings, str(splits))
    folder = Path(manifest).parent
    done = []
    for number, training in enumerate(trainings, 1):
        check_labels(training.labels, known, table, training.of)
        logger.info("%s (%d of %d)", training.of, number, len(trainings))
        done.append(_train(training, known, settings, folder, drop_channels, gpus, threads, log))
    kept = {fold.file for fold in done}
    for path in folder.glob("*.safetensors"):
        if path.name not in kept:
            path.unlink()
    found = Folds(question=question, folds=tuple(done))
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
    """The folds to train; every one that cannot be is reported at once."""
    folds = folds_among(splits, question, schemes)
    if not folds:
        raise FoldsError(
            f"{where} has no split of {question} in any of counterparts.collapsed.schemes: {', '.join(schemes)}"
        )
    by_id = {ImageStore(Path(store)).store_id: Path(store) for store in stores}
    trainings, problems = [], []
    for of in folds:
        try:
            labels = make_fold_labels(sites, splits, of, held_out=settings.held_out, seed=settings.seed)
        except LabelError as error:
            problems.append(str(error))
            continue
        shown = int((labels["part"] == "train").sum())
        if shown < settings.batch:
            problems.append(
                f"{of}: {counted(shown, 'image')} to train on, fewer than a batch; lower {settings.section}.batch "
                f"(now {settings.batch})"
            )
        needed = sites.loc[sites["site_id"].isin(labels["site_id"]), "store_id"].unique()
        absent = [store for store in needed if store not in by_id]
        if absent:
            problems.append(f"{of}: its images are in the store {absent[0]}, which is not given")
        trainings.append(FoldTraining(of, labels, tuple(by_id[store] for store in needed if store in by_id)))
    if problems:
        raise FoldsError("\n".join(problems))
    return trainings


def _train(
    training: FoldTraining,
    sites: pd.DataFrame,
    settings: CollapsedSettings,
    folder: Path,
    drop_channels: Collection[str],
    gpus: int,
    threads: int,
    log: Path | None,
) -> FoldModel:
    """The model of one fold: the one that is there, where it is that of the same training, or a new one."""
    of, name = training.of, file_of(training.of.scheme, training.of.fold)
    work, weights = folder / WORK / name.removesuffix(".safetensors"), folder / name
    channels = _channels(training.stores, drop_channels)
    key = _key(training, settings, channels)
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
            gpus=min(1, gpus),
            threads=threads,
            log=log,
        )
    )
    model = load(work / "weights.safetensors", TrainedCollapsed)
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
        validation_accuracy=_accuracy(work / "curve.parquet", model.images_seen),
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


def _key(training: FoldTraining, settings: CollapsedSettings, channels: Sequence[str] | None) -> str:
    """Digest of what decides a fold's weights, its curve apart: as for a checkpoint."""
    opened = open_stores(training.stores, settings.resolution, settings.crop, settings.section, channels)
    supervision = Supervision(training.labels, str(training.of))
    facts = what_decides(objective_of(OBJECTIVE), opened, settings, settings.seed, None, supervision)
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

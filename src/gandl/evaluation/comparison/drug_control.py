"""Drugs against controls (Dmitrenko et al. 2022, section 4.3.2): codes of tiles -> how well two classifiers tell them apart.

The paper's head of two layers, and a linear SVM. Both are trained on the training part of all cell lines together, chosen by
their balanced accuracy on the validation part, and tested on the test part, cell line by cell line; a well is in one part.
Drugs and controls weigh alike in the training of both: the paper's tiles are about as many of each, these need not be. Codes
are standardised on the training part and turned to their principal components, a rotation that SGD and the SVM do not notice;
those of least variance may be left out (`head.components`), without which the grid takes minutes.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.utils.extmath import randomized_svd

from gandl.config.comparison import ComparisonTasksSettings
from gandl.config.comparison_terms import Switch
from gandl.evaluation.comparison.answers import measured
from gandl.evaluation.comparison.codes import Coded
from gandl.evaluation.comparison.measures.heads import (
    LINEAR,
    SLOPE,
    Heads,
    Point,
    balanced,
    fresh,
    grid_of,
    losses,
    train,
)
from gandl.evaluation.comparison.numbers import Row, row, write_numbers
from gandl.evaluation.comparison.terms import DRUG_CONTROL, OF_CLASSIFIER
from gandl.statistics.standardisation import units_of
from gandl.statistics.svm import SvmProblem
from gandl.tables import Column, Schema, write_table
from gandl.tables.comparison import TEST, TRAIN, VALIDATION

GRID = Schema(
    "grid of classifiers",
    (
        Column("classifier", "string", allowed=("head", "svm")),
        Column("learning_rate", "float", nullable=True),
        Column("momentum", "float", nullable=True),
        Column("weight_decay", "float", nullable=True),
        Column("c", "float", nullable=True),
        Column("train_accuracy", "float", nullable=True),
        Column("validation_accuracy", "float", nullable=True),
        Column("train_balanced_accuracy", "float", nullable=True),
        Column("validation_balanced_accuracy", "float", nullable=True),
        Column("validation_loss", "float", nullable=True),
        Column("test_accuracy", "float", nullable=True),
        Column("test_balanced_accuracy", "float", nullable=True),
        Column("chosen", "boolean"),
    ),
    key=("classifier", "learning_rate", "momentum", "weight_decay", "c"),
)
"""Every grid point of both classifiers; null where training diverged, or a part has no tile (balanced: of both kinds). `test_*`
(of all cell lines) have no say unless the switch `test_selection` is on: they show what choosing by it would have gained."""
METRICS = OF_CLASSIFIER
PARTS = (TRAIN, VALIDATION, TEST)

Floats = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """By part: (n, d) codes as classifiers see them, and (n,) labels (1: drug); and how many features codes had before."""

    codes: dict[str, Floats]
    labels: dict[str, npt.NDArray[np.int64]]
    features: int

    @property
    def chooses(self) -> str:
        """The part that a grid point is chosen on; the training part where the validation part lacks drugs or controls, of
        which the best constant answer would be right everywhere."""
        return VALIDATION if len(np.unique(self.labels[VALIDATION])) > 1 else TRAIN


@dataclass(frozen=True)
class Chosen:
    """A classifier's grid, a row per point, and the scores of the chosen one for the test tiles: above 0 is a drug."""

    grid: pd.DataFrame
    scores: Floats


def write_drug_control(
    coded: Coded,
    output: Path,
    grid: Path,
    settings: ComparisonTasksSettings,
    *,
    seed: int,
    switches: Collection[str],
    setup: str,
    training_seed: int,
) -> None:
    """Write how well drugs are told from controls, cell line by cell line.

    Parameters
    ----------
    coded : labelled tiles with their codes.
    seed : of the heads' first weights, of the order of their batches, and of the bootstrap.
    switches : defects to reproduce (`config.comparison_terms.Switch`): `hard_auc`, `test_selection` (grid points go on from the
        weights of the one before, the best on the test part is reported), `linear_head`, `double_softmax`.
    output : `tables.NUMBERS`, question `comparison_drug_control`, metrics `head_` and `svm_` accuracy, balanced_accuracy,
        precision, recall, roc_auc, and `majority_accuracy`, of the best constant answer. Null with a note where a cell line
        lacks drugs or controls.
    grid : `GRID`.
    """
    on = frozenset(map(Switch, switches))
    untrained = reason_not_to_train(coded)
    found: dict[str, Chosen] = {}
    if untrained:
        logger.warning("drug_control: %s", untrained)
    else:
        task = task_of(coded, settings.head.components, seed)
        if task.chooses == TRAIN:
            logger.warning("drug_control: the validation part lacks drugs or controls; the training part chooses")
        found = {"head": heads_of(task, settings, on, seed), "svm": svm_of(task, settings)}
    rows = rows_of(coded, found, untrained, settings, Switch.HARD_AUC in on, seed)
    write_numbers(rows, output, DRUG_CONTROL, setup, training_seed)
    empty = pd.DataFrame({column.name: pd.Series(dtype=_kind(column)) for column in GRID.columns})
    table = pd.concat([each.grid for each in found.values()], ignore_index=True) if found else empty
    write_table(table.astype({column.name: _kind(column) for column in GRID.columns}), Path(grid), GRID)


def rows_of(
    coded: Coded,
    found: Mapping[str, Chosen],
    untrained: str | None,
    settings: ComparisonTasksSettings,
    hard_auc: bool,
    seed: int,
) -> list[Row]:
    """Numbers of all cell lines by the classifiers found; where none could be trained, rows that say why."""
    test = coded.part(TEST)
    rows: list[Row] = []
    for place, line in enumerate(coded.lines):
        here = (test.tiles["cell_type"] == line).to_numpy(bool)
        rows += _of_line(line, test.where(here), here, found, untrained, settings, hard_auc, seed + place)
    return rows


def reason_not_to_train(coded: Coded) -> str | None:
    """Why no classifier can be trained; None where one can."""
    drugs = coded.part(TRAIN).drugs
    missing = [kind for kind, there in (("drug", drugs.any()), ("control", (~drugs).any())) if not there]
    return f"no tile of a {' or a '.join(missing)} in the training part: nothing can be learned" if missing else None


def task_of(coded: Coded, components: int | None, seed: int) -> Task:
    """Codes in units of the training part, turned to its principal components; all features where they are not more."""
    parts = {part: coded.part(part) for part in PARTS}
    units = units_of(parts[TRAIN].values.astype(np.float64))
    values = {part: units.apply(held.values.astype(np.float64)) for part, held in parts.items()}
    features = values[TRAIN].shape[1]
    if components is not None and components < min(values[TRAIN].shape):
        axes = randomized_svd(values[TRAIN].astype(np.float32), components, random_state=seed)[2].astype(np.float64)
        values = {part: of @ axes.T for part, of in values.items()}
    return Task(values, {part: held.drugs.astype(np.int64) for part, held in parts.items()}, features)


def heads_of(task: Task, settings: ComparisonTasksSettings, on: frozenset[Switch], seed: int) -> Chosen:
    """Train the head at every grid point and choose one by balanced accuracy; ties by the loss, then the first."""
    points = grid_of(settings.head)
    tensors = {part: torch.from_numpy(of.astype(np.float32)) for part, of in task.codes.items()}
    labels = {part: torch.from_numpy(of) for part, of in task.labels.items()}
    slope, double = LINEAR if Switch.LINEAR_HEAD in on else SLOPE, Switch.DOUBLE_SOFTMAX in on
    head = fresh(tensors[TRAIN].shape[1], settings.head.hidden, seed, fan_in=task.features, slope=slope)

    def trained(start: Heads, at: list[Point]) -> Heads:
        head = settings.head
        return train(
            start,
            at,
            tensors[TRAIN],
            labels[TRAIN],
            balanced(labels[TRAIN]),
            epochs=head.epochs,
            batch=head.batch,
            seed=seed,
            double_softmax=double,
        )

    if Switch.TEST_SELECTION in on:
        every = []
        for point in points:
            head = trained(head, [point])
            every.append(head)
    else:
        together = trained(head.repeated(len(points)), points)
        every = [together.one(at) for at in range(len(points))]
    rows, scores = [], []
    for point, each in zip(points, every, strict=True):
        logits = {part: each.logits(of) for part, of in tensors.items()}
        by_part = {part: (of[0, 1] - of[0, 0]).double().numpy() for part, of in logits.items()}
        told = labels[task.chooses]
        loss = float(losses(logits[task.chooses], told, balanced(told), double)[0])
        rows.append({**vars(point), "validation_loss": loss, **_accuracies(by_part, task)})
        scores.append(by_part[TEST])
    by = TEST if Switch.TEST_SELECTION in on and len(np.unique(task.labels[TEST])) > 1 else task.chooses
    return _chosen("head", pd.DataFrame(rows), scores, by)


def svm_of(task: Task, settings: ComparisonTasksSettings) -> Chosen:
    """Fit the linear SVM with every C and choose one, the smaller where two are as good.

    Both classes weigh alike. Codes are centred between the classes and about 1 in length, so that C does not depend on d.
    """
    codes, drugs = task.codes[TRAIN], task.labels[TRAIN] == 1
    middle = (codes[drugs].mean(axis=0) + codes[~drugs].mean(axis=0)) / 2
    length = float(np.sqrt(((codes - middle) ** 2).sum(axis=1).mean())) or 1.0
    values = {part: (of - middle) / length for part, of in task.codes.items()}
    problem = SvmProblem(values[TRAIN], np.where(drugs, 1, -1))
    rows, scores = [], []
    for c in sorted(settings.svm_c):
        weights, intercept = problem.solve(c)
        by_part = {part: of @ weights + intercept for part, of in values.items()}
        rows.append({"c": c, **_accuracies(by_part, task)})
        scores.append(by_part[TEST])
    return _chosen("svm", pd.DataFrame(rows), scores, task.chooses)


def _chosen(classifier: str, grid: pd.DataFrame, scores: list[Floats], by: str) -> Chosen:
    grid = grid.reindex(columns=GRID.names).assign(classifier=classifier, chosen=False)
    order = grid.assign(loss=grid["validation_loss"].fillna(np.inf), right=grid[f"{by}_balanced_accuracy"].fillna(-1.0))
    best = order.sort_values(["right", "loss"], ascending=[False, True], kind="stable").index[0]
    grid.loc[best, "chosen"] = True
    return Chosen(grid, scores[int(best)])


def _accuracies(scores: dict[str, Floats], task: Task) -> dict[str, float]:
    """By part; not a number where it has no tile, or training diverged."""
    found = {}
    for part, of in scores.items():
        right = (of > 0) == (task.labels[part] == 1)
        known = len(of) > 0 and bool(np.isfinite(of).all())
        found[f"{part}_accuracy"] = float(right.mean()) if known else np.nan
        kinds = [right[task.labels[part] == kind] for kind in (0, 1)]
        both = known and all(len(kind) for kind in kinds)
        found[f"{part}_balanced_accuracy"] = float(np.mean([kind.mean() for kind in kinds])) if both else np.nan
    return found


def _of_line(
    line: str,
    test: Coded,
    here: npt.NDArray[np.bool_],
    found: Mapping[str, Chosen],
    untrained: str | None,
    settings: ComparisonTasksSettings,
    hard_auc: bool,
    seed: int,
) -> list[Row]:
    """Numbers of a cell line's test tiles, `here` among those of all lines."""
    n, drugs = len(test), test.drugs
    missing = [kind for kind, there in (("drug", drugs.any()), ("control", (~drugs).any())) if not there]
    note = untrained
    if missing:
        note = f"no tile of a {' or a '.join(missing)} in the test part"
        logger.warning("drug_control: cell line %s is left out: %s", line, note)
    if note:
        names = [f"{kind}_{metric}" for kind in ("head", "svm") for metric in METRICS]
        return [row(line, name, np.nan, n, note=note) for name in (*names, "majority_accuracy")]
    rows = [row(line, "majority_accuracy", max(drugs.mean(), 1 - drugs.mean()), n)]
    for kind, chosen in found.items():
        scores = chosen.scores[here]
        if not np.isfinite(scores).all():
            rows += [row(line, f"{kind}_{metric}", np.nan, n, note="training diverged") for metric in METRICS]
            continue
        of_line = measured(
            scores,
            drugs,
            test.wells,
            draws=settings.bootstrap,
            confidence=settings.confidence,
            seed=seed,
            hard_auc=hard_auc and kind == "head",
        )
        for metric, (value, ends) in of_line.items():
            none = "no tile is taken for a drug" if np.isnan(value) else None
            rows.append(row(line, f"{kind}_{metric}", value, n, ends, none))
    return rows


def _kind(column: Column) -> str:
    return {"string": "object", "float": "float64", "boolean": "bool"}[column.kind]
